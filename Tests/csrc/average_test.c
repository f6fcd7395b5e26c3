// Averages of weights over updates against their formula in double precision, and running statistics made afresh.
#include "graph/network.h"
#include "support/compare.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31, STEPS = 5 };

static void train_step(const oracle *o, spar_network *network, const spar_optimizer *optimizer, int step) {
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED + (uint64_t)step);
    CHECK_OK(spar_train_step(network, optimizer, batch.images, batch.labels, batch.count, NULL));
    example_batch_destroy(&batch);
}

// Of a decay, or the mean where it is 0.
static float weight_of(float decay, int updates) {
    return decay > 0 ? 1 - decay : 1.0f / (float)(updates + 1);
}

static void check_average(example_network example, float decay) {
    oracle *o = example(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    spar_optimizer sgd = spar_sgd_defaults();
    for (int p = 0; p < network->parameter_count; p++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, p, &info));
        if (p == 0 && info.trainable) CHECK_OK(spar_network_set_learning_rate_factor(network, p, 0));
    }
    size_t floats = (size_t)network->trainable_floats;
    double *expected = check_allocate(floats * sizeof *expected), *average = check_allocate(floats * sizeof *average);
    for (int step = 0; step < STEPS; step++) {
        train_step(o, network, &sgd, step);
        CHECK_OK(spar_average_parameters(network, weight_of(decay, step)));
        double weight = step == 0 ? 1 : weight_of(decay, step);
        for (size_t i = 0; i < floats; i++) {
            expected[i] += weight * ((double)network->slots[SPAR_PART_VALUE][i] - expected[i]);
        }
    }
    for (size_t i = 0; i < floats; i++) average[i] = network->slots[SPAR_PART_AVERAGE][i];
    CHECK_CLOSE("average", average, expected, floats, 1e-6, 0.01);
    spar_network *clone = NULL;
    CHECK_OK(spar_network_clone(network, NULL, &clone));
    CHECK_OK(spar_use_average(clone));
    CHECK(memcmp(clone->slots[SPAR_PART_VALUE], network->slots[SPAR_PART_AVERAGE], floats * sizeof(float)) == 0);
    CHECK_FAILS(spar_use_average(clone), SPAR_ERROR_STATE, "no averages");
    free(expected);
    free(average);
    spar_network_destroy(clone);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void averages_follow_the_formula(void) {
    static const float decays[] = {0, 0.9f, 0.999f};
    for (int i = 0; i < 3; i++) {
        check_average(example_convolutional, decays[i]);
        check_average(example_depthwise, decays[i]);
        check_average(example_dense, decays[i]);
    }
}

// They are no state of an optimizer: another one keeps them.
static void another_optimizer_keeps_averages(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    spar_optimizer sgd = spar_sgd_defaults(), adamw = spar_adamw_defaults();
    train_step(o, network, &sgd, 0);
    CHECK_OK(spar_average_parameters(network, 0.5f));
    float first = network->slots[SPAR_PART_AVERAGE][0];
    train_step(o, network, &adamw, 1);
    CHECK(network->slots[SPAR_PART_MOMENTUM] == NULL);
    CHECK(network->slots[SPAR_PART_AVERAGE] != NULL && network->slots[SPAR_PART_AVERAGE][0] == first);
    CHECK_OK(spar_average_parameters(network, 1));
    CHECK(network->slots[SPAR_PART_AVERAGE][0] == network->slots[SPAR_PART_VALUE][0]);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void averaging_steps(const oracle *o, spar_network *network, int first, int last) {
    spar_optimizer sgd = spar_sgd_defaults();
    for (int step = first; step < last; step++) {
        train_step(o, network, &sgd, step);
        CHECK_OK(spar_average_parameters(network, weight_of(0.9f, step)));
    }
}

static void check_same_averages(const char *what, const spar_network *a, const spar_network *b) {
    size_t bytes = (size_t)a->trainable_floats * sizeof(float);
    const float *x = a->slots[SPAR_PART_AVERAGE], *y = b->slots[SPAR_PART_AVERAGE];
    check_that(x != NULL && y != NULL && memcmp(x, y, bytes) == 0, __FILE__, __LINE__, "%s: averages differ", what);
}

static void any_number_of_threads_and_a_stop_give_the_same_averages(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "average.safetensors");
    oracle *o = example_large(EXAMPLE_BATCH);
    spar_network *one = oracle_engine(o, 1, SEED), *three = oracle_engine(o, 3, SEED), *loaded = NULL;
    averaging_steps(o, three, 0, 4);
    averaging_steps(o, one, 0, 2);
    CHECK_OK(spar_network_save(one, path, true, NULL, 0));
    averaging_steps(o, one, 2, 4);
    check_same_averages("on three threads", one, three);
    CHECK_OK(model_load(path, &loaded));
    if (loaded != NULL) {
        averaging_steps(o, loaded, 2, 4);
        check_same_averages("resumed", one, loaded);
    }
    CHECK_OK(spar_network_save(one, path, false, NULL, 0));
    spar_network *plain = NULL;
    CHECK_OK(model_load(path, &plain));
    CHECK(plain != NULL && plain->slots[SPAR_PART_AVERAGE] == NULL);
    spar_network_destroy(plain);
    spar_network_destroy(loaded);
    spar_network_destroy(three);
    spar_network_destroy(one);
    oracle_destroy(o);
    temporary_remove();
}

static double *statistics_of(oracle *o, const spar_network *network, const char *name) {
    const oracle_parameter *parameter = NULL;
    ORACLE_FOR_EACH_PARAMETER(o, each) {
        if (strstr(each->name, name) != NULL) parameter = each;
    }
    return parameter == NULL ? NULL : oracle_read(network, parameter, SPAR_PART_VALUE);
}

// Momentum 1 takes a batch's own statistics; 1, ½ over two batches is their mean, whatever was there before.
static void statistics_are_the_mean_over_the_batches(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    example_batch batches[2];
    double *alone[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        batches[i] = example_batch_create(o, EXAMPLE_BATCH, SEED + 100 + (uint64_t)i);
        CHECK_OK(spar_forward(network, batches[i].images, EXAMPLE_BATCH, SPAR_FORWARD_TRAIN));
        CHECK_OK(spar_update_statistics_by(network, 1));
        alone[i] = statistics_of(o, network, "running_var");
    }
    for (int i = 0; i < 2; i++) {
        CHECK_OK(spar_forward(network, batches[i].images, EXAMPLE_BATCH, SPAR_FORWARD_TRAIN));
        CHECK_OK(spar_update_statistics_by(network, 1 / (float)(i + 1)));
    }
    double *mean = statistics_of(o, network, "running_var");
    CHECK(mean != NULL && alone[0][0] != alone[1][0]);
    for (int c = 0; mean != NULL && c < 3; c++) CHECK_NEAR(mean[c], (alone[0][c] + alone[1][c]) / 2, 1e-6 * mean[c]);
    CHECK_FAILS(spar_update_statistics_by(network, 0.5f), SPAR_ERROR_STATE, "learned");
    CHECK_FAILS(spar_update_statistics_by(network, 1.5f), SPAR_ERROR_ARGUMENT, "1.5");
    CHECK_FAILS(spar_update_statistics_by(network, NAN), SPAR_ERROR_ARGUMENT, "nan");
    for (int i = 0; i < 2; i++) {
        free(alone[i]);
        example_batch_destroy(&batches[i]);
    }
    free(mean);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void bad_weights_are_refused(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    static const float bad[] = {0, -0.5f, 1.01f, NAN};
    for (int i = 0; i < 4; i++) CHECK_FAILS(spar_average_parameters(network, bad[i]), SPAR_ERROR_ARGUMENT, "weight");
    CHECK(network->slots[SPAR_PART_AVERAGE] == NULL);
    CHECK_FAILS(spar_use_average(network), SPAR_ERROR_STATE, "no averages");
    CHECK_FAILS(spar_average_parameters(NULL, 1), SPAR_ERROR_ARGUMENT, "NULL");
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(averages_follow_the_formula), TEST(another_optimizer_keeps_averages),
          TEST(any_number_of_threads_and_a_stop_give_the_same_averages), TEST(statistics_are_the_mean_over_the_batches),
          TEST(bad_weights_are_refused))
