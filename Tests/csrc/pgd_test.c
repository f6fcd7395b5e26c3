// PGD against IFGSM and the oracle: starts, restarts, which result an image keeps, and its independence of threads
// and batches.
#include "support/attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31 };

static const double DELTA = 16 / 255.0;

static void without_random_start_it_is_ifgsm(void) {
    attacked a = attacked_create(example_convolutional, 2, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_IFGSM);
    attack.step = 3;
    CHECK_OK(attacked_run(&a, &attack));
    float *ifgsm = check_allocate(a.pixels * sizeof *ifgsm);
    memcpy(ifgsm, a.images, a.pixels * sizeof *ifgsm);
    attack.kind = SPAR_ATTACK_PGD;
    attack.random_start = false;
    CHECK_OK(attacked_run(&a, &attack));
    CHECK(memcmp(a.images, ifgsm, a.pixels * sizeof *ifgsm) == 0);
    free(ifgsm);
    attacked_destroy(&a);
}

// The starts are those of the streams that sparring.h documents, the step 2.5·δ / iterations; without iterations the
// starts are the results.
static void it_climbs_from_a_random_point_of_the_ball(void) {
    static const example_network networks[] = {example_convolutional, example_residual, example_dense, example_dense};
    for (int i = 0; i < 4; i++) {
        attacked a = attacked_create(networks[i], 2, SEED);
        spar_attack attack = spar_attack_defaults(SPAR_ATTACK_PGD);
        attack.iterations = i == 3 ? 0 : 5;
        attack.seed = 77;
        attack.first_image = 1000;
        CHECK_OK(attacked_run(&a, &attack));
        attacked_check_inside(&a, "PGD", DELTA);
        double *start = check_allocate(a.pixels * sizeof *start);
        float *uniform = check_allocate(a.image_pixels * sizeof *uniform);
        for (size_t n = 0; n < EXAMPLE_BATCH; n++) {
            spar_random_stream stream = {
                .struct_size = sizeof stream, .seed = 77, .purpose = 5, .layer = 0, .step = 1000 + n};
            CHECK_OK(spar_random_uniform(&stream, 0, a.image_pixels, uniform));
            for (size_t j = 0; j < a.image_pixels; j++) {
                double x = a.batch.doubles[n * a.image_pixels + j] + DELTA * (2 * (double)uniform[j] - 1);
                start[n * a.image_pixels + j] = fmin(fmax(x, 0), 1);
            }
        }
        double *expected = attacked_climb(&a, start, DELTA, DELTA / 2, attack.iterations, 0, 1, false);
        attacked_check(&a, "PGD", expected);
        free(expected);
        free(uniform);
        free(start);
        attacked_destroy(&a);
    }
}

// Into the L2 ball around the image and the pixel range.
static void project(double *x, const double *original, size_t pixels, double radius) {
    double sum = 0;
    for (size_t j = 0; j < pixels; j++) sum += pow(x[j] - original[j], 2);
    double scale = fmin(1, radius / sqrt(sum));
    for (size_t j = 0; j < pixels; j++) x[j] = fmin(fmax(original[j] + scale * (x[j] - original[j]), 0), 1);
}

// From x₀ + δ·v / ‖v‖₂, v normal, by steps of 2.5·δ / iterations along the gradient.
static void it_climbs_in_an_l2_ball(void) {
    enum { ITERATIONS = 5 };
    attacked a = attacked_create(example_convolutional, 2, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_PGD);
    attack.ball = SPAR_BALL_EUCLIDEAN, attack.unit = SPAR_UNIT_ONE;
    attack.delta = 0.5f;
    attack.iterations = ITERATIONS;
    CHECK_OK(attacked_run(&a, &attack));
    double *x = check_allocate(a.pixels * sizeof *x);
    float *normal = check_allocate(a.image_pixels * sizeof *normal);
    for (int k = 0; k <= ITERATIONS; k++) {
        if (k > 0) oracle_forward(a.o, x, EXAMPLE_BATCH, false, false);
        if (k > 0) oracle_backward(a.o, a.batch.labels, 1, false);
        for (size_t n = 0; n < EXAMPLE_BATCH; n++) {
            size_t first = n * a.image_pixels;
            const double *original = a.batch.doubles + first, *gradient = a.o->layers[0].gradient + first;
            spar_random_stream stream = {.struct_size = sizeof stream, .seed = 1, .purpose = 5, .step = n};
            CHECK_OK(spar_random_normal(&stream, 0, a.image_pixels, normal));
            double sum = 0;
            for (size_t j = 0; j < a.image_pixels; j++) sum += pow(k == 0 ? (double)normal[j] : gradient[j], 2);
            for (size_t j = 0; j < a.image_pixels; j++) {
                if (k == 0) x[first + j] = original[j] + 0.5 * (double)normal[j] / sqrt(sum);
                if (k > 0) x[first + j] += 0.5 * 2.5 / ITERATIONS * gradient[j] / sqrt(sum);
            }
            project(x + first, original, a.image_pixels, 0.5);
        }
    }
    attacked_check(&a, "PGD, L2", x);
    free(normal);
    free(x);
    attacked_destroy(&a);
}

static double loss_of(const double *outputs, int label) {
    double sum = 0;
    for (int c = 0; c < EXAMPLE_CLASSES; c++) sum += exp(outputs[c] - outputs[label]);
    return log(sum);
}

// With one restart more, an image that fell keeps what made it fall, and one that stands has a loss no lower.
static void each_restart_is_for_images_that_stand(void) {
    enum { RESTARTS = 8 };
    attacked a = attacked_create(example_convolutional, 2, SEED);
    attacked_label_by_network(&a);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_PGD);
    attack.iterations = 2;
    attack.delta = 4;
    float *before = check_allocate(a.pixels * sizeof *before);
    double loss[EXAMPLE_BATCH], rises = 0;
    bool fell[EXAMPLE_BATCH] = {false};
    int falls = 0;
    for (attack.restarts = 1; attack.restarts <= RESTARTS; attack.restarts++) {
        memcpy(before, a.images, a.pixels * sizeof *before);
        CHECK_OK(attacked_run(&a, &attack));
        attacked_check_inside(&a, "restarts", 4 / 255.0);
        const double *outputs = attacked_outputs_of_floats(&a, a.images);
        for (int n = 0; n < EXAMPLE_BATCH; n++, outputs += EXAMPLE_CLASSES) {
            size_t first = (size_t)n * a.image_pixels, bytes = a.image_pixels * sizeof *before;
            double now = loss_of(outputs, a.batch.labels[n]);
            if (fell[n]) {
                CHECK(memcmp(before + first, a.images + first, bytes) == 0);
            } else if (attack.restarts > 1 && attacked_class(outputs) == a.batch.labels[n]) {
                CHECK(now >= loss[n] - 1e-5);
                rises += now > loss[n] + 1e-5;
            }
            falls += !fell[n] && attacked_class(outputs) != a.batch.labels[n];
            fell[n] = attacked_class(outputs) != a.batch.labels[n];
            loss[n] = now;
        }
    }
    CHECK(falls > 0 && falls < EXAMPLE_BATCH);
    CHECK(rises > 0);
    free(before);
    attacked_destroy(&a);
}

static void results_do_not_depend_on_threads_or_batches(void) {
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_PGD);
    attack.restarts = 3;
    attacked_check_independence(&attack, SEED);
}

static void another_seed_gives_other_images(void) {
    attacked a = attacked_create(example_residual, 2, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_PGD);
    attack.restarts = 3;
    CHECK_OK(attacked_run(&a, &attack));
    float *first = check_allocate(a.pixels * sizeof *first);
    memcpy(first, a.images, a.pixels * sizeof *first);
    attack.seed++;
    CHECK_OK(attacked_run(&a, &attack));
    CHECK(memcmp(a.images, first, a.pixels * sizeof *first) != 0);
    free(first);
    attacked_destroy(&a);
}

static void the_caller_may_stop_it(void) {
    static const spar_attack_kind kinds[] = {SPAR_ATTACK_IFGSM, SPAR_ATTACK_PGD};
    for (int i = 0; i < 2; i++) {
        spar_attack attack = spar_attack_defaults(kinds[i]);
        attacked_check_cancelling(&attack, SEED);
    }
}

static void bad_settings_are_refused(void) {
    attacked a = attacked_create(example_plain, 1, SEED);
    spar_attack good = spar_attack_defaults(SPAR_ATTACK_PGD), bad;
    bad = good, bad.step = -1;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "step", "-1");
    bad = good, bad.iterations = 0, bad.random_start = false;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 iterations");
    bad = good, bad.restarts = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 restarts");
    bad = good, bad.restarts = 65537;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "65537 restarts");
    bad = good, bad.restarts = 2, bad.random_start = false;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "2 restarts");
    bad = good, bad.training_mode = true;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "training mode");
    attacked_destroy(&a);
}

TEST_MAIN(TEST(without_random_start_it_is_ifgsm), TEST(it_climbs_from_a_random_point_of_the_ball),
          TEST(it_climbs_in_an_l2_ball), TEST(each_restart_is_for_images_that_stand),
          TEST(results_do_not_depend_on_threads_or_batches), TEST(another_seed_gives_other_images),
          TEST(the_caller_may_stop_it), TEST(bad_settings_are_refused))
