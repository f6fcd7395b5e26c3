// RayS against a plain program of its own after Chen & Gu 2020, Algorithm 3, over the oracle.
#include "support/attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31, QUERIES = 150 };

static spar_attack rays(float delta) {
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_RAYS);
    attack.delta = delta;
    attack.queries = QUERIES;
    return attack;
}

typedef struct search {
    attacked *a;
    int image;
    double *images; // all as they are but the one that is searched for
    double *signs, *attempt;
    double delta;
    int queries, attempts;
    bool found; // a point in the ball
} search;

// One query: does the network take image + radius·signs for another class? Nothing is asked any more behind the end.
static bool fools(search *s, const double *signs, double radius) {
    size_t first = (size_t)s->image * s->a->image_pixels;
    if (s->found || s->queries == QUERIES) return false;
    s->queries++;
    for (size_t i = 0; i < s->a->image_pixels; i++) {
        s->images[first + i] = fmin(fmax(s->a->batch.doubles[first + i] + radius * signs[i], 0), 1);
    }
    const double *outputs = attacked_outputs(s->a, s->images) + s->image * EXAMPLE_CLASSES;
    bool answer = attacked_class(outputs) != s->a->batch.labels[s->image];
    s->found = answer && radius <= s->delta;
    return answer;
}

// The radius at which the attempt begins to fool the network, where it is nearer than `best`.
static double nearer(search *s, double best) {
    double low = 0, high = fmin(best, 1), tolerance = 1e-3 / sqrt((double)s->a->image_pixels);
    if (!fools(s, s->attempt, high)) return best;
    while (high - low > tolerance && !s->found && s->queries < QUERIES) {
        double middle = (low + high) / 2;
        if (fools(s, s->attempt, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

// One image's attack; leaves the last point that was asked for.
static void search_by_oracle(search *s) {
    size_t pixels = s->a->image_pixels;
    double best = INFINITY;
    for (size_t i = 0; i < pixels; i++) s->signs[i] = 1;
    for (size_t parts = 1; !s->found && s->queries < QUERIES; parts *= 2) {
        size_t size = (pixels + parts - 1) / parts;
        for (size_t first = 0; first < pixels && !s->found && s->queries < QUERIES; first += size) {
            memcpy(s->attempt, s->signs, pixels * sizeof *s->signs);
            for (size_t i = first; i < first + size && i < pixels; i++) s->attempt[i] *= -1;
            double radius = nearer(s, best);
            s->attempts++;
            if (!(radius < best)) continue;
            best = radius;
            memcpy(s->signs, s->attempt, pixels * sizeof *s->signs);
        }
    }
}

static void it_searches_as_the_paper_does(void) {
    static const example_network networks[] = {example_plain, example_residual, example_dense};
    int fallen = 0, standing = 0, late = 0;
    for (int i = 0; i < 6; i++) {
        attacked a = attacked_create(networks[i % 3], 2, SEED + (uint64_t)i);
        attacked_label_by_network(&a);
        spar_attack attack = rays(i < 3 ? 12 : 4);
        CHECK_OK(attacked_run(&a, &attack));
        double *expected = check_allocate(a.pixels * sizeof *expected);
        memcpy(expected, a.batch.doubles, a.pixels * sizeof *expected);
        for (int n = 0; n < EXAMPLE_BATCH; n++) {
            search s = {.a = &a, .image = n, .delta = (double)attack.delta / 255};
            s.images = check_allocate((a.pixels + 2 * a.image_pixels) * sizeof *s.images);
            s.signs = s.images + a.pixels, s.attempt = s.signs + a.image_pixels;
            memcpy(s.images, a.batch.doubles, a.pixels * sizeof *s.images);
            search_by_oracle(&s);
            size_t first = (size_t)n * a.image_pixels;
            if (s.found) memcpy(expected + first, s.images + first, a.image_pixels * sizeof *expected);
            fallen += s.found, standing += !s.found, late += s.found && s.attempts > 3;
            free(s.images);
        }
        attacked_check(&a, "RayS", expected);
        attacked_check_inside(&a, "RayS", (double)attack.delta / 255);
        free(expected);
        attacked_destroy(&a);
    }
    check_that(fallen > 4 && standing > 4 && late > 2, __FILE__, __LINE__, "%d fell, %d late, %d stand", fallen, late,
               standing);
}

// An image that stands costs exactly its queries.
static bool count(void *context, double done) {
    CHECK(done < 1);
    ++*(int *)context;
    return true;
}

static void queries_are_counted(void) {
    attacked a = attacked_create(example_plain, 2, SEED);
    attacked_label_by_network(&a);
    int calls = 0;
    spar_attack attack = rays(0);
    attack.queries = 77, attack.proceed = count, attack.context = &calls;
    CHECK_OK(attacked_run(&a, &attack));
    CHECK_EQUAL(calls, 77);
    CHECK(memcmp(a.images, a.batch.images, a.pixels * sizeof *a.images) == 0);
    attacked_destroy(&a);
}

static void results_do_not_depend_on_threads_or_batches(void) {
    spar_attack attack = rays(8);
    attacked_check_independence(&attack, SEED);
}

static void the_caller_may_stop_it(void) {
    spar_attack attack = rays(0.001f);
    attacked_check_cancelling(&attack, SEED);
}

static void bad_settings_are_refused(void) {
    attacked a = attacked_create(example_plain, 1, SEED);
    spar_attack good = rays(8), bad;
    bad = good, bad.queries = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 queries");
    bad = good, bad.clip = false;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "pixel range");
    bad = good, bad.ball = SPAR_BALL_EUCLIDEAN;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "ball");
    attacked_destroy(&a);
}

TEST_MAIN(TEST(it_searches_as_the_paper_does), TEST(queries_are_counted),
          TEST(results_do_not_depend_on_threads_or_batches), TEST(the_caller_may_stop_it),
          TEST(bad_settings_are_refused))
