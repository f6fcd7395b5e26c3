// FGSM and IFGSM against the oracle's gradients: units, clips, modes, and what they leave alone.
#include "support/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31 };

typedef struct fixture {
    oracle *o;
    spar_network *network;
    example_batch batch;
    size_t pixels;
    float *attacked;
} fixture;

static fixture fixture_create(example_network example, uint64_t seed) {
    fixture f = {.o = example(EXAMPLE_BATCH)};
    f.network = oracle_engine(f.o, 2, seed);
    oracle_randomize(f.o, f.network, seed);
    f.batch = example_batch_create(f.o, EXAMPLE_BATCH, seed);
    f.pixels = (size_t)EXAMPLE_BATCH * f.o->layers[0].size;
    f.attacked = check_allocate(f.pixels * sizeof *f.attacked);
    return f;
}

static void fixture_destroy(fixture *f) {
    free(f->attacked);
    example_batch_destroy(&f->batch);
    spar_network_destroy(f->network);
    oracle_destroy(f->o);
}

static spar_status run(fixture *f, const spar_attack *attack) {
    return spar_attack_images(f->network, attack, f->batch.images, f->batch.labels, f->batch.count, f->attacked);
}

static double clip(double value, double lowest, double highest) {
    return fmin(fmax(value, lowest), highest);
}

// x ← clip(clip to x₀ ± δ of (x + step·sign(∇J))), all in the pixel range [0, 1].
static double *attack_by_oracle(fixture *f, double delta, double step, int iterations, double lowest, double highest,
                                bool train) {
    double *x = check_allocate(f->pixels * sizeof *x);
    memcpy(x, f->batch.doubles, f->pixels * sizeof *x);
    for (int k = 0; k < iterations; k++) {
        oracle_forward(f->o, x, EXAMPLE_BATCH, train, false);
        oracle_backward(f->o, f->batch.labels, 1, false);
        const double *gradient = f->o->layers[0].gradient;
        for (size_t i = 0; i < f->pixels; i++) {
            double sign = (gradient[i] > 0) - (gradient[i] < 0), original = f->batch.doubles[i];
            x[i] = clip(x[i] + step * sign, original - delta, original + delta);
            x[i] = clip(x[i], lowest, highest);
        }
    }
    return x;
}

static void check_attacked(fixture *f, const char *label, const double *expected) {
    double *actual = check_allocate(f->pixels * sizeof *actual);
    for (size_t i = 0; i < f->pixels; i++) actual[i] = f->attacked[i];
    CHECK_CLOSE(label, actual, expected, f->pixels, 1e-6, 1);
    free(actual);
}

static void fgsm_follows_the_sign_of_the_gradient_in_evaluation_mode(void) {
    static const example_network networks[] = {example_convolutional, example_residual, example_dense, example_dropout};
    for (int i = 0; i < 4; i++) {
        fixture f = fixture_create(networks[i], SEED);
        spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
        CHECK_OK(run(&f, &attack));
        double *expected = attack_by_oracle(&f, 16 / 255.0, 16 / 255.0, 1, 0, 1, false);
        check_attacked(&f, "FGSM", expected);
        free(expected);
        fixture_destroy(&f);
    }
}

static void ifgsm_iterates_inside_the_ball(void) {
    static const example_network networks[] = {example_convolutional, example_residual, example_dense};
    for (int i = 0; i < 3; i++) {
        fixture f = fixture_create(networks[i], SEED);
        spar_attack attack = spar_attack_defaults(SPAR_ATTACK_IFGSM);
        attack.delta = 5;
        attack.step = 2;
        attack.iterations = 4;
        CHECK_OK(run(&f, &attack));
        double *expected = attack_by_oracle(&f, 5 / 255.0, 2 / 255.0, 4, 0, 1, false);
        check_attacked(&f, "IFGSM", expected);
        free(expected);
        fixture_destroy(&f);
    }
}

static void units_name_the_same_attack(void) {
    for (int kind = SPAR_ATTACK_FGSM; kind <= SPAR_ATTACK_IFGSM; kind++) {
        fixture f = fixture_create(example_plain, SEED);
        spar_attack attack = spar_attack_defaults((spar_attack_kind)kind);
        CHECK_EQUAL(attack.unit, SPAR_UNIT_255);
        CHECK_NEAR(attack.delta, 16, 0);
        CHECK_OK(run(&f, &attack));
        double *expected = check_allocate(f.pixels * sizeof *expected);
        for (size_t i = 0; i < f.pixels; i++) expected[i] = f.attacked[i];
        attack.unit = SPAR_UNIT_ONE;
        attack.delta /= 255;
        attack.step /= 255;
        CHECK_OK(run(&f, &attack));
        check_attacked(&f, "in units of one", expected);
        free(expected);
        fixture_destroy(&f);
    }
}

static void the_range_clip_can_be_moved_and_turned_off(void) {
    fixture f = fixture_create(example_convolutional, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    attack.unit = SPAR_UNIT_ONE;
    attack.delta = 0.5f;
    attack.clip = false;
    CHECK_OK(run(&f, &attack));
    double *expected = attack_by_oracle(&f, 0.5, 0.5, 1, -INFINITY, INFINITY, false);
    check_attacked(&f, "without clip", expected);
    free(expected);

    attack.clip = true;
    attack.lowest = 0.25f;
    attack.highest = 0.75f;
    CHECK_OK(run(&f, &attack));
    expected = attack_by_oracle(&f, 0.5, 0.5, 1, 0.25, 0.75, false);
    check_attacked(&f, "clipped to [0.25, 0.75]", expected);
    free(expected);
    fixture_destroy(&f);
}

static void training_mode_uses_batch_statistics(void) {
    fixture f = fixture_create(example_convolutional, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    attack.training_mode = true;
    CHECK_OK(run(&f, &attack));
    double *expected = attack_by_oracle(&f, 16 / 255.0, 16 / 255.0, 1, 0, 1, true);
    check_attacked(&f, "training mode", expected);
    double *evaluation = attack_by_oracle(&f, 16 / 255.0, 16 / 255.0, 1, 0, 1, false);
    int different = 0;
    for (size_t i = 0; i < f.pixels; i++) different += expected[i] != evaluation[i];
    CHECK(different > 0);
    free(expected);
    free(evaluation);
    fixture_destroy(&f);
}

static void delta_zero_changes_nothing_and_attacks_work_in_place(void) {
    fixture f = fixture_create(example_residual, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_IFGSM);
    attack.delta = 0;
    CHECK_OK(run(&f, &attack));
    check_attacked(&f, "δ = 0", f.batch.doubles);

    attack.delta = 8;
    CHECK_OK(run(&f, &attack));
    CHECK_OK(spar_attack_images(f.network, &attack, f.batch.images, f.batch.labels, f.batch.count, f.batch.images));
    CHECK(memcmp(f.attacked, f.batch.images, f.pixels * sizeof *f.attacked) == 0);
    fixture_destroy(&f);
}

// Parameters, gradients, momentum, statistics and what the points hold: a network that is attacked between two
// layerwise steps ends with the bits of one that is not.
static void an_attack_leaves_training_as_it_was(void) {
    fixture attacked = fixture_create(example_dropout, SEED), quiet = fixture_create(example_dropout, SEED);
    spar_sgd sgd = spar_sgd_defaults();
    fixture *both[] = {&attacked, &quiet};
    for (int i = 0; i < 2; i++) {
        fixture *f = both[i];
        spar_method method;
        CHECK_OK(spar_method_preset("layerwise", 20, &method));
        CHECK_OK(spar_network_set_method(f->network, &method));
        for (int step = 0; step < 3; step++) {
            CHECK_OK(spar_train_step(f->network, &sgd, f->batch.images, f->batch.labels, f->batch.count, NULL));
            if (i == 1) continue;
            spar_attack attack = spar_attack_defaults(step == 0 ? SPAR_ATTACK_FGSM : SPAR_ATTACK_IFGSM);
            attack.training_mode = step == 1;
            CHECK_OK(run(f, &attack));
        }
    }
    ORACLE_FOR_EACH_PARAMETER(attacked.o, parameter) {
        for (int part = SPAR_PART_VALUE; part <= (parameter->trainable ? SPAR_PART_MOMENTUM : SPAR_PART_VALUE);
             part++) {
            double *a = oracle_read(attacked.network, parameter, (spar_parameter_part)part);
            double *b = oracle_read(quiet.network, parameter, (spar_parameter_part)part);
            check_that(memcmp(a, b, parameter->count * sizeof *a) == 0, __FILE__, __LINE__, "%s, part %d changed",
                       parameter->name, part);
            free(a);
            free(b);
        }
    }
    fixture_destroy(&attacked);
    fixture_destroy(&quiet);
}

static void bad_settings_are_refused(void) {
    fixture f = fixture_create(example_plain, SEED);
    spar_attack good = spar_attack_defaults(SPAR_ATTACK_IFGSM), bad;
    int32_t wrong_label[EXAMPLE_BATCH] = {0, 1, EXAMPLE_CLASSES, 0, 0};
    bad = good, bad.delta = -1;
    CHECK_FAILS(run(&f, &bad), SPAR_ERROR_ARGUMENT, "delta", "-1");
    bad = good, bad.delta = NAN;
    CHECK_FAILS(run(&f, &bad), SPAR_ERROR_ARGUMENT, "delta", "nan");
    bad = good, bad.step = 0;
    CHECK_FAILS(run(&f, &bad), SPAR_ERROR_ARGUMENT, "step", "0");
    bad = good, bad.iterations = 0;
    CHECK_FAILS(run(&f, &bad), SPAR_ERROR_ARGUMENT, "iterations", "0");
    bad = good, bad.lowest = 2;
    CHECK_FAILS(run(&f, &bad), SPAR_ERROR_ARGUMENT, "2");
    bad = good, bad.kind = (spar_attack_kind)9;
    CHECK_FAILS(run(&f, &bad), SPAR_ERROR_ARGUMENT, "9");
    bad = good, bad.unit = (spar_pixel_unit)9;
    CHECK_FAILS(run(&f, &bad), SPAR_ERROR_ARGUMENT, "9");
    CHECK_FAILS(spar_attack_images(f.network, &good, f.batch.images, wrong_label, EXAMPLE_BATCH, f.attacked),
                SPAR_ERROR_ARGUMENT, "label", "4");
    CHECK_FAILS(spar_attack_images(f.network, &good, f.batch.images, f.batch.labels, 0, f.attacked),
                SPAR_ERROR_ARGUMENT, "0");
    CHECK_FAILS(spar_attack_images(f.network, NULL, f.batch.images, f.batch.labels, 1, f.attacked), SPAR_ERROR_ARGUMENT,
                "NULL");
    CHECK_FAILS(spar_attack_images(f.network, &good, f.batch.images, f.batch.labels, 1, NULL), SPAR_ERROR_ARGUMENT,
                "NULL");
    f.batch.images[5] = NAN;
    CHECK_FAILS(run(&f, &good), SPAR_ERROR_NON_FINITE, "nan");
    fixture_destroy(&f);
}

TEST_MAIN(TEST(fgsm_follows_the_sign_of_the_gradient_in_evaluation_mode), TEST(ifgsm_iterates_inside_the_ball),
          TEST(units_name_the_same_attack), TEST(the_range_clip_can_be_moved_and_turned_off),
          TEST(training_mode_uses_batch_statistics), TEST(delta_zero_changes_nothing_and_attacks_work_in_place),
          TEST(an_attack_leaves_training_as_it_was), TEST(bad_settings_are_refused))
