// FAB-T against projections by hand, and a plain program of its own after Croce & Hein 2020 over the oracle.
#include "attack/attack.h"
#include "support/attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31, ITERATIONS = 12 };

static double distance_of(const float *x, const float *w, size_t pixels, double excess) {
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FAB_T);
    return spar_fab_distance(&attack, x, w, pixels, excess);
}

static void projections_by_hand(void) {
    const float x[] = {0.5f, 0.5f, 0.9f}, w[] = {1, -2, 0};
    CHECK_NEAR(distance_of(x, w, 3, 0), 0, 0);
    CHECK_NEAR(distance_of(x, w, 3, 0.6), 0.2, 1e-9);  // 0.3 and 0.7: w·d = −0.2 − 0.4
    CHECK_NEAR(distance_of(x, w, 3, -0.6), 0.2, 1e-9); // 0.7 and 0.3
    CHECK_NEAR(distance_of(x, w, 3, 1.5), 0.5, 1e-9);  // both at their bounds
    CHECK_NEAR(distance_of(x, w, 3, 100), 0.5, 1e-9);  // beyond the range: as far as it goes
    const float near[] = {0.25f, 0.5f, 1}, up[] = {1, 1, 1};
    CHECK_NEAR(distance_of(near, up, 3, 0.6), 0.2, 1e-7);
    CHECK_NEAR(distance_of(near, up, 3, 1), 0.375, 1e-7);      // the first is at 0 after 0.25
    CHECK_NEAR(distance_of(near, up, 3, 1.5), 0.75, 1e-7);     // and the second after 0.5
    CHECK_NEAR(distance_of(near, up, 3, -0.5), 0.25, 1e-7);    // the third is at 1
    CHECK_NEAR(distance_of(near, up, 3, -1.125), 0.625, 1e-7); // and the second after 0.5
    const float zeros[3] = {0};
    CHECK_NEAR(distance_of(x, zeros, 3, 1), 0, 0);
}

// The smallest λ for which moving every pixel by λ, or to its bound, reaches the hyperplane, by bisection; and there.
static double project(const double *x, const double *w, double excess, size_t pixels, double *moves) {
    double least = 0, most = 1;
    for (int i = 0; i < 100; i++) {
        double middle = (least + most) / 2, change = 0;
        for (size_t j = 0; j < pixels; j++) {
            double against = excess < 0 ? w[j] : -w[j];
            double to = fmin(fmax(x[j] + middle * ((against > 0) - (against < 0)), 0), 1);
            moves[j] = to - x[j];
            change += fabs(w[j] * moves[j]);
        }
        *(change < fabs(excess) ? &least : &most) = middle;
    }
    double farthest = 0;
    for (size_t j = 0; j < pixels; j++) farthest = fmax(farthest, fabs(moves[j]));
    return farthest;
}

// One target of one image, all others as they are, whose row in `images` moves. Did it fall inside the ball? `crossed`
// counts points that were wrong outside.
static bool attack_by_oracle(attacked *a, double *images, int n, int target, double delta, int *crossed) {
    size_t pixels = a->image_pixels;
    const double *own = a->batch.doubles + (size_t)n * pixels;
    double *x = images + (size_t)n * pixels, *moves = check_allocate(3 * pixels * sizeof *moves);
    double *own_moves = moves + pixels, *w = own_moves + pixels;
    int label = a->batch.labels[n];
    bool fell = false;
    memcpy(x, own, pixels * sizeof *x);
    for (int k = 0; k < ITERATIONS && !fell; k++) {
        double d[EXAMPLE_BATCH * EXAMPLE_CLASSES] = {0};
        const double *z = attacked_outputs(a, images) + n * EXAMPLE_CLASSES;
        double excess = z[target] - z[label], own_excess = excess, distance = 0;
        d[n * EXAMPLE_CLASSES + target] = 1, d[n * EXAMPLE_CLASSES + label] = -1;
        oracle_backward_from(a->o, a->o->layer_count - 1, d, false);
        memcpy(w, a->o->layers[0].gradient + (size_t)n * pixels, pixels * sizeof *w);
        for (size_t j = 0; j < pixels; j++) own_excess += w[j] * (own[j] - x[j]);
        double far = fmax(project(x, w, excess, pixels, moves), 1e-8);
        double own_far = fmax(project(own, w, own_excess, pixels, own_moves), 1e-8),
               bias = fmin(far / (far + own_far), 0.1);
        for (size_t j = 0; j < pixels; j++) {
            double y = (1 - bias) * (x[j] + 1.05 * moves[j]) + bias * (own[j] + 1.05 * own_moves[j]);
            x[j] = fmin(fmax(y, 0), 1);
            distance = fmax(distance, fabs(x[j] - own[j]));
        }
        if (attacked_class(attacked_outputs(a, images) + n * EXAMPLE_CLASSES) == label) continue;
        fell = distance <= delta;
        *crossed += !fell;
        for (size_t j = 0; j < pixels && !fell; j++) x[j] = own[j] + 0.9 * (x[j] - own[j]);
    }
    free(moves);
    return fell;
}

static spar_attack settings(float delta) {
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FAB_T);
    attack.delta = delta;
    attack.iterations = ITERATIONS;
    return attack;
}

static void it_is_the_papers_algorithm(void) {
    static const example_network networks[] = {example_residual, example_plain};
    const float deltas[] = {2, 12};
    int fallen = 0, standing = 0, crossed = 0;
    for (int i = 0; i < 4; i++) {
        attacked a = attacked_create(networks[i % 2], 2, SEED);
        attacked_label_by_network(&a);
        a.batch.labels[2] = (a.batch.labels[2] + 1) % EXAMPLE_CLASSES; // fallen before it begins
        spar_attack attack = settings(deltas[i / 2]);
        CHECK_OK(attacked_run(&a, &attack));
        attacked_check_inside(&a, "FAB-T", (double)attack.delta / 255);
        double *expected = check_allocate(2 * a.pixels * sizeof *expected), *images = expected + a.pixels;
        double clean[EXAMPLE_BATCH * EXAMPLE_CLASSES];
        memcpy(expected, a.batch.doubles, a.pixels * sizeof *expected);
        memcpy(clean, attacked_outputs(&a, a.batch.doubles), sizeof clean);
        for (int n = 0; n < EXAMPLE_BATCH; n++) {
            bool fell = n == 2;
            for (int k = 1; k < EXAMPLE_CLASSES && !fell; k++) {
                size_t first = (size_t)n * a.image_pixels;
                memcpy(images, a.batch.doubles, a.pixels * sizeof *images);
                int target = attacked_class_of_rank(clean + n * EXAMPLE_CLASSES, k);
                fell = attack_by_oracle(&a, images, n, target, (double)attack.delta / 255, &crossed);
                if (fell) memcpy(expected + first, images + first, a.image_pixels * sizeof *expected);
            }
            fallen += fell && n != 2;
            standing += !fell;
        }
        double *actual = images;
        for (size_t j = 0; j < a.pixels; j++) actual[j] = a.images[j];
        CHECK_CLOSE("FAB-T", actual, expected, a.pixels, 1e-5, 1);
        free(expected);
        attacked_destroy(&a);
    }
    check_that(fallen > 3 && standing > 3 && crossed > 10, __FILE__, __LINE__, "%d fell, %d stand, %d times outside",
               fallen, standing, crossed);
}

static void results_do_not_depend_on_threads_or_batches(void) {
    spar_attack attack = settings(6);
    attacked_check_independence(&attack, SEED);
}

static void the_caller_may_stop_it(void) {
    spar_attack attack = settings(0.01f);
    attacked_check_cancelling(&attack, SEED);
}

static void bad_settings_are_refused(void) {
    attacked a = attacked_create(example_plain, 1, SEED);
    spar_attack good = settings(8), bad;
    bad = good, bad.clip = false;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "pixel range");
    bad = good, bad.ball = SPAR_BALL_EUCLIDEAN;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "ball");
    bad = good, bad.targets = -1;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "-1 targets");
    bad = good, bad.iterations = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 iterations");
    attacked_destroy(&a);
}

TEST_MAIN(TEST(projections_by_hand), TEST(it_is_the_papers_algorithm),
          TEST(results_do_not_depend_on_threads_or_batches), TEST(the_caller_may_stop_it),
          TEST(bad_settings_are_refused))
