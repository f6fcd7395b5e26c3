// Square against a plain program of its own after Andriushchenko et al. 2020, Algorithms 1 and 2, over the oracle.
#include "support/attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31, QUERIES = 60 };

static const double DELTA = 6 / 255.0;

static spar_attack square(void) {
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_SQUARE);
    attack.delta = 6;
    attack.queries = QUERIES;
    attack.seed = 77;
    return attack;
}

static double draw(int image, uint64_t *element) {
    float uniform;
    spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = 77, .purpose = 6, .layer = 0, .step = (uint64_t)image};
    CHECK_OK(spar_random_uniform(&stream, (*element)++, 1, &uniform));
    return uniform;
}

// Moves a pixel inside the ball and the range.
static void move(double *x, double original, double by) {
    *x = fmin(fmax(*x + by, original - DELTA), original + DELTA);
    *x = fmin(fmax(*x, 0), 1);
}

// The schedule of the paper's section 4.1: p halves at these iterations of 10 000, which may be stretched over the
// queries.
static int side_of(int iteration, bool stretched, int height, int width) {
    double p = 0.8, at = stretched ? floor(iteration * 10000.0 / QUERIES) : iteration;
    static const double halvings[] = {10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000};
    for (int i = 0; i < 9; i++) p /= at > halvings[i] ? 2 : 1;
    int side = (int)round(sqrt(p * height * width)), shortest = height < width ? height : width;
    return side < 1 ? 1 : side > shortest ? shortest : side;
}

// One image's attack, all others as they are. Returns the number of updates that were taken.
static int attack_by_oracle(attacked *a, int n, bool stretched, double *result) {
    int channels = a->o->layers[0].shape[0], height = a->o->layers[0].shape[1], width = a->o->layers[0].shape[2];
    int label = a->batch.labels[n], taken = 0;
    const double *original = a->batch.doubles + (size_t)n * a->image_pixels;
    double *images = check_allocate(a->pixels * sizeof *images), *x = images + (size_t)n * a->image_pixels;
    size_t bytes = a->image_pixels * sizeof *x;
    memcpy(images, a->batch.doubles, a->pixels * sizeof *images);
    memcpy(result, original, bytes);
    double lowest = INFINITY;
    uint64_t element = 0;
    if (attacked_margin(attacked_outputs(a, images) + n * EXAMPLE_CLASSES, label) < 0) lowest = -INFINITY;
    for (int query = 0; query < QUERIES && lowest > 0; query++) {
        if (query == 0) {
            for (int c = 0; c < channels; c++) {
                for (int column = 0; column < width; column++) {
                    double sign = draw(n, &element) < 0.5 ? -1 : 1;
                    for (int row = 0; row < height; row++) {
                        int i = (c * height + row) * width + column;
                        move(&x[i], original[i], DELTA * sign);
                    }
                }
            }
        } else {
            memcpy(x, result, bytes);
            int side = side_of(query - 1, stretched, height, width);
            int top = (int)(draw(n, &element) * (height - side + 1));
            int left = (int)(draw(n, &element) * (width - side + 1));
            for (int c = 0; c < channels; c++) {
                double sign = draw(n, &element) < 0.5 ? -1 : 1;
                for (int row = top; row < top + side; row++) {
                    for (int column = left; column < left + side; column++) {
                        int i = (c * height + row) * width + column;
                        move(&x[i], original[i], 2 * DELTA * sign);
                    }
                }
            }
        }
        double margin = attacked_margin(attacked_outputs(a, images) + n * EXAMPLE_CLASSES, label);
        if (margin >= lowest) continue;
        lowest = margin;
        memcpy(result, x, bytes);
        taken++;
    }
    free(images);
    return taken;
}

static void it_is_the_papers_random_search(void) {
    static const example_network networks[] = {example_convolutional, example_residual};
    for (int i = 0; i < 4; i++) {
        attacked a = attacked_create(networks[i % 2], 2, SEED);
        attacked_label_by_network(&a);
        a.batch.labels[2] = (a.batch.labels[2] + 1) % EXAMPLE_CLASSES; // fallen before it begins
        spar_attack attack = square();
        attack.stretched = i < 2;
        CHECK_OK(attacked_run(&a, &attack));
        double *expected = check_allocate(a.pixels * sizeof *expected);
        int taken = 0;
        for (int n = 0; n < EXAMPLE_BATCH; n++) {
            int updates = attack_by_oracle(&a, n, attack.stretched, expected + (size_t)n * a.image_pixels);
            CHECK(n != 2 || updates == 0);
            taken += updates;
        }
        attacked_check(&a, "Square", expected);
        CHECK(taken > 2 * EXAMPLE_BATCH);
        free(expected);
        attacked_destroy(&a);
    }
}

static void it_lowers_the_margin_inside_the_ball_and_the_range(void) {
    attacked a = attacked_create(example_plain, 2, SEED);
    attacked_label_by_network(&a);
    double clean[EXAMPLE_BATCH];
    const double *outputs = attacked_outputs(&a, a.batch.doubles);
    for (int n = 0; n < EXAMPLE_BATCH; n++)
        clean[n] = attacked_margin(outputs + n * EXAMPLE_CLASSES, a.batch.labels[n]);
    for (float delta = 1; delta < 100; delta *= 3) {
        spar_attack attack = square();
        attack.delta = delta;
        CHECK_OK(attacked_run(&a, &attack));
        attacked_check_inside(&a, "Square", delta / 255.0);
        outputs = attacked_outputs_of_floats(&a, a.images);
        for (int n = 0; n < EXAMPLE_BATCH; n++) {
            CHECK(attacked_margin(outputs + n * EXAMPLE_CLASSES, a.batch.labels[n]) < clean[n]);
        }
    }
    attacked_destroy(&a);
}

// An image that needs no square is in the range too.
static void images_that_are_wrong_as_they_are_are_clipped(void) {
    attacked a = attacked_create(example_convolutional, 1, SEED);
    attacked_label_by_network(&a);
    for (int n = 0; n < EXAMPLE_BATCH; n++) a.batch.labels[n] = (a.batch.labels[n] + 1) % EXAMPLE_CLASSES;
    spar_attack attack = square();
    attack.highest = 0.25f;
    CHECK_OK(attacked_run(&a, &attack));
    for (size_t i = 0; i < a.pixels; i++) CHECK(a.images[i] >= 0 && a.images[i] <= 0.25f);
    attacked_destroy(&a);
}

static void results_do_not_depend_on_threads_or_batches(void) {
    spar_attack attack = square();
    attacked_check_independence(&attack, SEED);
}

static void the_caller_may_stop_it(void) {
    spar_attack attack = square();
    attack.delta = 0.01f;
    attacked_check_cancelling(&attack, SEED);
}

static void bad_settings_are_refused(void) {
    attacked a = attacked_create(example_plain, 1, SEED);
    spar_attack good = square(), bad;
    bad = good, bad.queries = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 queries");
    bad = good, bad.first_share = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "cover 0");
    bad = good, bad.first_share = NAN;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "cover nan");
    bad = good, bad.training_mode = true;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "training mode");
    attacked_destroy(&a);
}

TEST_MAIN(TEST(it_is_the_papers_random_search), TEST(it_lowers_the_margin_inside_the_ball_and_the_range),
          TEST(images_that_are_wrong_as_they_are_are_clipped), TEST(results_do_not_depend_on_threads_or_batches),
          TEST(the_caller_may_stop_it), TEST(bad_settings_are_refused))
