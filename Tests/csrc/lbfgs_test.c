// The smallest change that fools a network, against what FGSM needs and against a network whose answer is known.
#include "support/attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31 };

// A network that has learned its five images by heart.
static attacked trained(int threads) {
    attacked a = attacked_create(example_convolutional, threads, SEED);
    spar_sgd sgd = spar_sgd_defaults();
    sgd.learning_rate = 0.05f;
    for (int step = 0; step < 100; step++) {
        CHECK_OK(spar_train_step(a.network, &sgd, a.batch.images, a.batch.labels, a.batch.count, NULL));
    }
    oracle_copy_parameters(a.o, a.network);
    return a;
}

static spar_status run(attacked *a, const spar_lbfgs_attack *attack, const int32_t *targets,
                       spar_lbfgs_example *examples) {
    return spar_lbfgs_attack_images(a->network, attack, a->batch.images, a->batch.labels, targets, a->batch.count,
                                    a->images, examples);
}

static double norm_of(const attacked *a, const float *images, int n) {
    double sum = 0;
    for (size_t i = 0; i < a->image_pixels; i++) {
        double r = (double)images[(size_t)n * a->image_pixels + i] - a->batch.images[(size_t)n * a->image_pixels + i];
        sum += r * r;
    }
    return sqrt(sum);
}

// The norm of the first FGSM change, of δ rising by 1 %, that fools the network; infinity when none does.
static double norm_of_fast_gradient_sign(attacked *a, int n) {
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    for (attack.delta = 1; attack.delta < 255; attack.delta *= 1.01f) {
        CHECK_OK(attacked_run(a, &attack));
        const double *outputs = attacked_outputs_of_floats(a, a->images) + n * EXAMPLE_CLASSES;
        if (attacked_class(outputs) != a->batch.labels[n]) return norm_of(a, a->images, n);
    }
    return INFINITY;
}

static void it_needs_a_smaller_change_than_fast_gradient_sign(void) {
    attacked a = trained(2);
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    spar_lbfgs_example examples[EXAMPLE_BATCH];
    examples[0].struct_size = sizeof *examples;
    CHECK_OK(run(&a, &attack, NULL, examples));
    attacked_check_inside(&a, "L-BFGS", 1);
    const double *outputs = attacked_outputs_of_floats(&a, a.images);
    for (int n = 0; n < EXAMPLE_BATCH; n++) {
        CHECK(examples[n].found && examples[n].c > 0);
        CHECK(examples[n].target != a.batch.labels[n]);
        CHECK_EQUAL(attacked_class(outputs + n * EXAMPLE_CLASSES), examples[n].target);
        CHECK_NEAR(norm_of(&a, a.images, n), examples[n].norm, 1e-6);
    }
    for (int n = 0; n < EXAMPLE_BATCH; n++) {
        double fgsm = norm_of_fast_gradient_sign(&a, n);
        check_that(examples[n].norm < 0.8 * fgsm, __FILE__, __LINE__, "image %d: ‖r‖ %g, by FGSM %g", n,
                   examples[n].norm, fgsm);
    }
    attacked_destroy(&a);
}

// Two classes by a plane: the nearest point of the other class is the foot of the perpendicular, unless the box is in
// the way.
static void the_change_is_the_distance_to_a_plane(void) {
    enum { SIDE = 4, PIXELS = SIDE * SIDE };
    oracle *o = oracle_create(1, SIDE, SIDE, 1, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    oracle_dense(o, oracle_unary(o, 0, ORACLE_FLATTEN), example_dense_params("fc", 2));
    spar_network *network = oracle_engine(o, 1, SEED);
    float weights[2 * PIXELS] = {0}, bias[2] = {0, -30}, image[PIXELS], result[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        weights[PIXELS + i] = i < 8 ? 10 : -3;
        image[i] = i == 0 ? 0.95f : 0.25f;
    }
    CHECK_OK(
        spar_network_write_parameter(network, oracle_find(network, "fc.weight"), SPAR_PART_VALUE, weights, 2 * PIXELS));
    CHECK_OK(spar_network_write_parameter(network, oracle_find(network, "fc.bias"), SPAR_PART_VALUE, bias, 2));
    // w·x + b = 10·2.7 − 3·2 − 30 = −9. Pixel 0 stops at 1 and gives 0.5; the others move along w, none to a bound:
    // t·(7·100 + 8·9) = 8.5.
    double t = 8.5 / 772, norm = sqrt(0.05 * 0.05 + t * t * 772);
    int32_t label = 0;
    spar_lbfgs_example example = {.struct_size = sizeof example};
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    attack.searches = 20;
    CHECK_OK(spar_lbfgs_attack_images(network, &attack, image, &label, NULL, 1, result, &example));
    CHECK(example.found);
    CHECK_EQUAL(example.target, 1);
    check_that(example.norm >= norm * (1 - 1e-6) && example.norm < norm * 1.01, __FILE__, __LINE__,
               "‖r‖ is %g, the distance %g", example.norm, norm);
    CHECK(result[0] <= 1);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void targets_may_be_given(void) {
    attacked a = trained(2);
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    spar_lbfgs_example nearest[EXAMPLE_BATCH], given[EXAMPLE_BATCH];
    int32_t targets[EXAMPLE_BATCH];
    for (int n = 0; n < EXAMPLE_BATCH; n++) targets[n] = (a.batch.labels[n] + n) % EXAMPLE_CLASSES;
    nearest[0].struct_size = given[0].struct_size = sizeof *given;
    CHECK_OK(run(&a, &attack, NULL, nearest));
    CHECK_OK(run(&a, &attack, targets, given));
    const double *outputs = attacked_outputs_of_floats(&a, a.images);
    for (int n = 0; n < EXAMPLE_BATCH; n++) {
        CHECK_EQUAL(given[n].target, targets[n]);
        CHECK(given[n].found);
        CHECK_EQUAL(attacked_class(outputs + n * EXAMPLE_CLASSES), targets[n]);
        if (targets[n] != a.batch.labels[n]) continue;
        CHECK_NEAR(given[n].norm, 0, 0);
        CHECK(memcmp(a.images + (size_t)n * a.image_pixels, a.batch.images + (size_t)n * a.image_pixels,
                     a.image_pixels * sizeof(float)) == 0);
    }
    attacked_destroy(&a);
}

// Within one value of c that is too large the minimizer is r = 0.
static void what_is_not_found_is_left_as_it_was(void) {
    attacked a = trained(1);
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    attack.iterations = attack.searches = 1;
    spar_lbfgs_example examples[EXAMPLE_BATCH];
    examples[0].struct_size = sizeof *examples;
    CHECK_OK(run(&a, &attack, NULL, examples));
    int found = 0;
    for (int n = 0; n < EXAMPLE_BATCH; n++) {
        found += examples[n].found;
        CHECK(examples[n].found || norm_of(&a, a.images, n) == 0);
    }
    CHECK(found < EXAMPLE_BATCH);
    attacked_destroy(&a);
}

static void results_do_not_depend_on_threads(void) {
    float *expected = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        attacked a = trained(threads);
        spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
        CHECK_OK(run(&a, &attack, NULL, NULL));
        if (expected == NULL) {
            expected = check_allocate(a.pixels * sizeof *expected);
            memcpy(expected, a.images, a.pixels * sizeof *expected);
        }
        CHECK(memcmp(a.images, expected, a.pixels * sizeof *expected) == 0);
        CHECK_OK(spar_lbfgs_attack_images(a.network, &attack, a.batch.images, a.batch.labels, NULL, a.batch.count,
                                          a.batch.images, NULL));
        CHECK(memcmp(a.batch.images, expected, a.pixels * sizeof *expected) == 0);
        attacked_destroy(&a);
    }
    free(expected);
}

static bool stop_at_half(void *context, double done) {
    *(double *)context = done;
    return done < 0.5;
}

static void the_caller_may_stop_it(void) {
    attacked a = trained(1);
    double done = 0;
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    attack.proceed = stop_at_half;
    attack.context = &done;
    CHECK_FAILS(run(&a, &attack, NULL, NULL), SPAR_ERROR_CANCELLED, "stopped");
    CHECK(done >= 0.5 && done < 1);
    CHECK(memcmp(a.images, a.batch.images, a.pixels * sizeof *a.images) == 0);
    attacked_destroy(&a);
}

static void bad_settings_are_refused(void) {
    attacked a = attacked_create(example_plain, 1, SEED);
    spar_lbfgs_attack good = spar_lbfgs_attack_defaults(), bad;
    int32_t targets[EXAMPLE_BATCH] = {0, 0, 0, -1, 0};
    bad = good, bad.iterations = 0;
    CHECK_FAILS(run(&a, &bad, NULL, NULL), SPAR_ERROR_ARGUMENT, "0 iterations");
    bad = good, bad.searches = 0;
    CHECK_FAILS(run(&a, &bad, NULL, NULL), SPAR_ERROR_ARGUMENT, "0 searches");
    bad = good, bad.highest = NAN;
    CHECK_FAILS(run(&a, &bad, NULL, NULL), SPAR_ERROR_ARGUMENT, "nan");
    CHECK_FAILS(run(&a, &good, targets, NULL), SPAR_ERROR_ARGUMENT, "label -1 of image 3");
    CHECK_FAILS(run(&a, NULL, NULL, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_lbfgs_attack_images(a.network, &good, a.batch.images, a.batch.labels, NULL, EXAMPLE_BATCH + 1,
                                         a.images, NULL),
                SPAR_ERROR_ARGUMENT, "6 images");
    a.batch.images[5] = NAN;
    CHECK_FAILS(run(&a, &good, NULL, NULL), SPAR_ERROR_NON_FINITE, "nan");
    attacked_destroy(&a);
}

TEST_MAIN(TEST(it_needs_a_smaller_change_than_fast_gradient_sign), TEST(the_change_is_the_distance_to_a_plane),
          TEST(targets_may_be_given), TEST(what_is_not_found_is_left_as_it_was), TEST(results_do_not_depend_on_threads),
          TEST(the_caller_may_stop_it), TEST(bad_settings_are_refused))
