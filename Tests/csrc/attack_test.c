// FGSM and IFGSM against the oracle's gradients: units, clips, modes, and what they leave alone.
#include "support/attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31 };

static void fgsm_follows_the_sign_of_the_gradient_in_evaluation_mode(void) {
    static const example_network networks[] = {example_convolutional, example_residual, example_dense, example_dropout};
    for (int i = 0; i < 4; i++) {
        attacked a = attacked_create(networks[i], 2, SEED);
        spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
        CHECK_OK(attacked_run(&a, &attack));
        double *expected = attacked_climb(&a, NULL, 16 / 255.0, 16 / 255.0, 1, 0, 1, false);
        attacked_check(&a, "FGSM", expected);
        free(expected);
        attacked_destroy(&a);
    }
}

static void ifgsm_iterates_inside_the_ball(void) {
    static const example_network networks[] = {example_convolutional, example_residual, example_dense};
    for (int i = 0; i < 3; i++) {
        attacked a = attacked_create(networks[i], 2, SEED);
        spar_attack attack = spar_attack_defaults(SPAR_ATTACK_IFGSM);
        attack.delta = 5;
        attack.step = 2;
        attack.iterations = 4;
        CHECK_OK(attacked_run(&a, &attack));
        double *expected = attacked_climb(&a, NULL, 5 / 255.0, 2 / 255.0, 4, 0, 1, false);
        attacked_check(&a, "IFGSM", expected);
        free(expected);
        attacked_destroy(&a);
    }
}

static void units_name_the_same_attack(void) {
    for (int kind = SPAR_ATTACK_FGSM; kind <= SPAR_ATTACK_IFGSM; kind++) {
        attacked a = attacked_create(example_plain, 2, SEED);
        spar_attack attack = spar_attack_defaults((spar_attack_kind)kind);
        CHECK_EQUAL(attack.unit, SPAR_UNIT_255);
        CHECK_NEAR(attack.delta, 16, 0);
        CHECK_OK(attacked_run(&a, &attack));
        double *expected = check_allocate(a.pixels * sizeof *expected);
        for (size_t i = 0; i < a.pixels; i++) expected[i] = a.images[i];
        attack.unit = SPAR_UNIT_ONE;
        attack.delta /= 255;
        attack.step /= 255;
        CHECK_OK(attacked_run(&a, &attack));
        attacked_check(&a, "in units of one", expected);
        free(expected);
        attacked_destroy(&a);
    }
}

static void the_range_clip_can_be_moved_and_turned_off(void) {
    attacked a = attacked_create(example_convolutional, 2, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    attack.unit = SPAR_UNIT_ONE;
    attack.delta = 0.5f;
    attack.clip = false;
    CHECK_OK(attacked_run(&a, &attack));
    double *expected = attacked_climb(&a, NULL, 0.5, 0.5, 1, -INFINITY, INFINITY, false);
    attacked_check(&a, "without clip", expected);
    free(expected);

    attack.clip = true;
    attack.lowest = 0.25f;
    attack.highest = 0.75f;
    CHECK_OK(attacked_run(&a, &attack));
    expected = attacked_climb(&a, NULL, 0.5, 0.5, 1, 0.25, 0.75, false);
    attacked_check(&a, "clipped to [0.25, 0.75]", expected);
    free(expected);
    attacked_destroy(&a);
}

static void training_mode_uses_batch_statistics(void) {
    attacked a = attacked_create(example_convolutional, 2, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    attack.training_mode = true;
    CHECK_OK(attacked_run(&a, &attack));
    double *expected = attacked_climb(&a, NULL, 16 / 255.0, 16 / 255.0, 1, 0, 1, true);
    attacked_check(&a, "training mode", expected);
    double *evaluation = attacked_climb(&a, NULL, 16 / 255.0, 16 / 255.0, 1, 0, 1, false);
    int different = 0;
    for (size_t i = 0; i < a.pixels; i++) different += expected[i] != evaluation[i];
    CHECK(different > 0);
    free(expected);
    free(evaluation);
    attacked_destroy(&a);
}

static void delta_zero_changes_nothing_and_attacks_work_in_place(void) {
    attacked a = attacked_create(example_residual, 2, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_IFGSM);
    attack.delta = 0;
    CHECK_OK(attacked_run(&a, &attack));
    attacked_check(&a, "δ = 0", a.batch.doubles);

    attack.delta = 8;
    CHECK_OK(attacked_run(&a, &attack));
    CHECK_OK(spar_attack_images(a.network, &attack, a.batch.images, a.batch.labels, a.batch.count, a.batch.images));
    CHECK(memcmp(a.images, a.batch.images, a.pixels * sizeof *a.images) == 0);
    attacked_destroy(&a);
}

// Parameters, gradients, momentum, statistics and what the points hold: a network that is attacked between two
// layerwise steps ends with the bits of one that is not.
static void an_attack_leaves_training_as_it_was(void) {
    attacked disturbed = attacked_create(example_dropout, 2, SEED), quiet = attacked_create(example_dropout, 2, SEED);
    spar_sgd sgd = spar_sgd_defaults();
    attacked *both[] = {&disturbed, &quiet};
    for (int i = 0; i < 2; i++) {
        attacked *a = both[i];
        spar_method method = {.struct_size = sizeof method};
        CHECK_OK(spar_method_preset("layerwise", 20, &method));
        CHECK_OK(spar_network_set_method(a->network, &method));
        for (int step = 0; step < 3; step++) {
            CHECK_OK(spar_train_step(a->network, &sgd, a->batch.images, a->batch.labels, a->batch.count, NULL));
            if (i == 1) continue;
            spar_attack attack = spar_attack_defaults(step == 0 ? SPAR_ATTACK_FGSM : SPAR_ATTACK_IFGSM);
            attack.training_mode = step == 1;
            CHECK_OK(attacked_run(a, &attack));
        }
    }
    ORACLE_FOR_EACH_PARAMETER(disturbed.o, parameter) {
        for (int part = SPAR_PART_VALUE; part <= (parameter->trainable ? SPAR_PART_MOMENTUM : SPAR_PART_VALUE);
             part++) {
            double *a = oracle_read(disturbed.network, parameter, (spar_parameter_part)part);
            double *b = oracle_read(quiet.network, parameter, (spar_parameter_part)part);
            check_that(memcmp(a, b, parameter->count * sizeof *a) == 0, __FILE__, __LINE__, "%s, part %d changed",
                       parameter->name, part);
            free(a);
            free(b);
        }
    }
    attacked_destroy(&disturbed);
    attacked_destroy(&quiet);
}

// A δ that leaves the pixel range was meant in another unit.
static void delta_beyond_the_pixel_range_is_refused(void) {
    attacked a = attacked_create(example_plain, 2, SEED);
    for (int kind = SPAR_ATTACK_FGSM; kind <= SPAR_ATTACK_SQUARE; kind++) {
        spar_attack attack = spar_attack_defaults((spar_attack_kind)kind);
        const float beyond[] = {255.5f, 1000, 1e30f, INFINITY};
        for (int i = 0; i < 4; i++) {
            attack.delta = beyond[i];
            CHECK_FAILS(attacked_run(&a, &attack), SPAR_ERROR_ARGUMENT, "delta", "0 to 255");
        }
        attack.unit = SPAR_UNIT_ONE, attack.delta = 16;
        attack.step = kind == SPAR_ATTACK_IFGSM ? 1 : 0;
        CHECK_FAILS(attacked_run(&a, &attack), SPAR_ERROR_ARGUMENT, "delta is 16", "0 to 1");
    }
    attacked_destroy(&a);
}

static void no_iterations_are_as_many_as_reach_delta(void) {
    const struct {
        spar_pixel_unit unit;
        float delta, step;
        int iterations;
    } cases[] = {{SPAR_UNIT_255, 10, 4, 3}, {SPAR_UNIT_ONE, 16.0f / 255, 1.0f / 255, 16}, {SPAR_UNIT_255, 0, 1, 1}};
    for (int i = 0; i < 3; i++) {
        attacked given = attacked_create(example_plain, 2, SEED), chosen = attacked_create(example_plain, 2, SEED);
        spar_attack attack = spar_attack_defaults(SPAR_ATTACK_IFGSM);
        attack.unit = cases[i].unit, attack.delta = cases[i].delta, attack.step = cases[i].step;
        attack.iterations = cases[i].iterations;
        CHECK_OK(attacked_run(&given, &attack));
        attack.iterations = 0;
        CHECK_OK(attacked_run(&chosen, &attack));
        CHECK(memcmp(given.images, chosen.images, given.pixels * sizeof *given.images) == 0);
        attacked_destroy(&given);
        attacked_destroy(&chosen);
    }
}

static void bad_settings_are_refused(void) {
    attacked a = attacked_create(example_plain, 2, SEED);
    spar_attack good = spar_attack_defaults(SPAR_ATTACK_IFGSM), bad;
    int32_t wrong_label[EXAMPLE_BATCH] = {0, 1, EXAMPLE_CLASSES, 0, 0};
    bad = good, bad.delta = -1;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "delta", "-1");
    bad = good, bad.delta = NAN;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "delta", "nan");
    bad = good, bad.step = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "step", "0");
    bad = good, bad.step = 256;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "step", "256");
    bad = good, bad.iterations = -1;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "iterations", "-1");
    bad = good, bad.iterations = INT32_MAX;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "iterations", "1048576");
    bad = good, bad.iterations = 0, bad.step = 1e-6f;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "1.6e+07 iterations", "1048576");
    bad = good, bad.lowest = 2;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "2");
    bad = good, bad.kind = (spar_attack_kind)9;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "9");
    bad = good, bad.unit = (spar_pixel_unit)9;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "9");
    CHECK_FAILS(spar_attack_images(a.network, &good, a.batch.images, wrong_label, EXAMPLE_BATCH, a.images),
                SPAR_ERROR_ARGUMENT, "label", "4");
    CHECK_FAILS(spar_attack_images(a.network, &good, a.batch.images, a.batch.labels, 0, a.images), SPAR_ERROR_ARGUMENT,
                "0");
    CHECK_FAILS(spar_attack_images(a.network, NULL, a.batch.images, a.batch.labels, 1, a.images), SPAR_ERROR_ARGUMENT,
                "NULL");
    CHECK_FAILS(spar_attack_images(a.network, &good, a.batch.images, a.batch.labels, 1, NULL), SPAR_ERROR_ARGUMENT,
                "NULL");
    a.batch.images[5] = NAN;
    CHECK_FAILS(attacked_run(&a, &good), SPAR_ERROR_NON_FINITE, "nan");
    attacked_destroy(&a);
}

// On black images a network of two dense layers with huge weights is 0, and its gradient overflows.
static void a_gradient_that_is_not_finite_is_an_error(void) {
    enum { SIDE = 4, PIXELS = SIDE * SIDE };
    oracle *o = oracle_create(1, SIDE, SIDE, 2, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int hidden = oracle_dense(o, oracle_unary(o, 0, ORACLE_FLATTEN), example_dense_params("hidden", 1));
    oracle_dense(o, hidden, example_dense_params("fc", 2));
    spar_network *network = oracle_engine(o, 2, SEED);
    float weights[PIXELS], images[2 * PIXELS] = {0}, results[2 * PIXELS], huge[2] = {-1e30f, 1e30f};
    for (int i = 0; i < PIXELS; i++) weights[i] = 1e30f;
    CHECK_OK(
        spar_network_write_parameter(network, oracle_find(network, "hidden.weight"), SPAR_PART_VALUE, weights, PIXELS));
    CHECK_OK(spar_network_write_parameter(network, oracle_find(network, "fc.weight"), SPAR_PART_VALUE, huge, 2));
    int32_t labels[2] = {0, 0};
    for (int kind = SPAR_ATTACK_FGSM; kind <= SPAR_ATTACK_PGD; kind++) {
        spar_attack attack = spar_attack_defaults((spar_attack_kind)kind);
        attack.random_start = false;
        CHECK_FAILS(spar_attack_images(network, &attack, images, labels, 2, results), SPAR_ERROR_NON_FINITE, "image 0",
                    "gradient", "inf");
    }
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    CHECK_FAILS(spar_lbfgs_attack_images(network, &attack, images, labels, NULL, 2, results, NULL),
                SPAR_ERROR_NON_FINITE, "image 0", "gradient", "inf");
    double values[2];
    CHECK_FAILS(spar_jacobian_singular_values(network, images, 2, NULL, NULL, values), SPAR_ERROR_NON_FINITE,
                "gradient", "inf");
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(fgsm_follows_the_sign_of_the_gradient_in_evaluation_mode), TEST(ifgsm_iterates_inside_the_ball),
          TEST(units_name_the_same_attack), TEST(the_range_clip_can_be_moved_and_turned_off),
          TEST(training_mode_uses_batch_statistics), TEST(delta_zero_changes_nothing_and_attacks_work_in_place),
          TEST(an_attack_leaves_training_as_it_was), TEST(delta_beyond_the_pixel_range_is_refused),
          TEST(no_iterations_are_as_many_as_reach_delta), TEST(a_gradient_that_is_not_finite_is_an_error),
          TEST(bad_settings_are_refused))
