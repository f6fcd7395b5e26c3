// Getters beside setters, names, and parts of parameters; statistics that a call takes over.
#include "support/compare.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 41 };

static void what_was_set_can_be_asked_for(void) {
    oracle *o = example_dropout(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    spar_network_options options = {.struct_size = sizeof options};
    CHECK_OK(spar_network_get_options(network, &options));
    CHECK(options.batch_size == EXAMPLE_BATCH && options.threads == 2 && options.seed == SEED);
    CHECK_EQUAL(options.loss, o->loss);

    spar_method method = {.struct_size = sizeof method}, got = {.struct_size = sizeof got};
    spar_point_info point = {.struct_size = sizeof point};
    CHECK_OK(spar_network_get_method(network, &got));
    CHECK_EQUAL(got.direction, SPAR_DIRECTION_NONE);
    CHECK_OK(spar_network_point(network, spar_network_point_count(network) - 1, &point));
    CHECK_OK(spar_method_preset("anl", 0.25f, &method));
    method.last_point = point.name;
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_network_get_method(network, &got));
    CHECK(got.direction == method.direction && got.shape == method.shape && got.size == method.size);
    CHECK(got.granularity == method.granularity && got.epsilon == method.epsilon);
    CHECK(got.input_epsilon == method.input_epsilon && got.clean_weight == method.clean_weight);
    CHECK(strcmp(got.last_point, point.name) == 0 && got.hidden_points == NULL);
    CHECK_OK(spar_network_set_method(network, &got));
    method.last_point = NULL, method.hidden_points = point.name;
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_network_get_method(network, &got));
    CHECK(got.last_point == NULL && strcmp(got.hidden_points, point.name) == 0);
    spar_network_destroy(network);
    oracle_destroy(o);
}

// Dropout is drawn by seed and step, so these two make a pass what it is in another network.
static void seed_and_step_can_be_set(void) {
    oracle *o = example_dropout(EXAMPLE_BATCH);
    spar_network *networks[2] = {oracle_engine(o, 1, SEED), oracle_engine(o, 1, SEED)};
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    float outputs[2][EXAMPLE_BATCH * EXAMPLE_CLASSES];
    for (int same = 0; same < 2; same++) {
        for (int i = 0; i < 2; i++) {
            CHECK_OK(spar_network_set_seed(networks[i], same || i == 0 ? 7 : 8));
            CHECK_OK(spar_network_set_step(networks[i], 12));
            CHECK_OK(spar_forward(networks[i], batch.images, EXAMPLE_BATCH, SPAR_FORWARD_TRAIN));
            CHECK_OK(spar_read_output(networks[i], outputs[i]));
        }
        CHECK((memcmp(outputs[0], outputs[1], sizeof outputs[0]) == 0) == same);
    }
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(networks[0], &info));
    CHECK(info.seed == 7 && info.step == 12);
    for (int i = 0; i < 2; i++) spar_network_destroy(networks[i]);
    example_batch_destroy(&batch);
    oracle_destroy(o);
}

static void names_are_found(void) {
    oracle *o = example_residual(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    int32_t found;
    for (int32_t i = 0; i < spar_network_parameter_count(network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, i, &info));
        CHECK_OK(spar_network_find_parameter(network, info.name, &found));
        CHECK_EQUAL(found, i);
    }
    for (int32_t i = 0; i < spar_network_layer_count(network); i++) {
        spar_layer_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_layer(network, i, &info));
        CHECK_OK(spar_network_find_layer(network, info.name, &found));
        CHECK_EQUAL(found, i);
    }
    for (int32_t i = 0; i < spar_network_point_count(network); i++) {
        spar_point_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_point(network, i, &info));
        CHECK_OK(spar_network_find_point(network, info.name, &found));
        CHECK_EQUAL(found, i);
    }
    CHECK_FAILS(spar_network_find_parameter(network, "none", &found), SPAR_ERROR_ARGUMENT, "parameter", "none");
    CHECK_FAILS(spar_network_find_layer(network, "none", &found), SPAR_ERROR_ARGUMENT, "layer", "none");
    CHECK_FAILS(spar_network_find_point(network, "none", &found), SPAR_ERROR_ARGUMENT, "point", "none");
    spar_network_destroy(network);
    oracle_destroy(o);
}

// Elements are those of the whole, in its order, and writing some leaves the others.
static void parts_of_parameters_are_those_of_the_whole(void) {
    static const example_network networks[] = {example_convolutional, example_depthwise, example_whitened};
    for (size_t e = 0; e < sizeof networks / sizeof *networks; e++) {
        oracle *o = networks[e](EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, 1, SEED);
        oracle_randomize(o, network, SEED);
        for (int32_t i = 0; i < spar_network_parameter_count(network); i++) {
            spar_parameter_info info = {.struct_size = sizeof info};
            CHECK_OK(spar_network_parameter(network, i, &info));
            size_t bytes = (size_t)info.count * sizeof(float);
            float *whole = check_allocate(bytes), *again = check_allocate(bytes), part[3];
            CHECK_OK(spar_network_read_parameter(network, i, SPAR_PART_VALUE, whole, info.count));
            int64_t first = info.count / 2, count = info.count - first < 3 ? info.count - first : 3;
            CHECK_OK(spar_network_read_elements(network, i, SPAR_PART_VALUE, first, count, part));
            CHECK(memcmp(part, whole + first, (size_t)count * sizeof *part) == 0);
            for (int64_t k = 0; k < count; k++) whole[first + k] = part[k] = (float)(k + 1);
            CHECK_OK(spar_network_write_elements(network, i, SPAR_PART_VALUE, first, count, part));
            CHECK_OK(spar_network_read_parameter(network, i, SPAR_PART_VALUE, again, info.count));
            CHECK(memcmp(whole, again, bytes) == 0);
            CHECK_FAILS(spar_network_read_elements(network, i, SPAR_PART_VALUE, info.count, 1, part),
                        SPAR_ERROR_ARGUMENT, info.name, "elements");
            CHECK_FAILS(spar_network_read_elements(network, i, SPAR_PART_VALUE, -1, 1, part), SPAR_ERROR_ARGUMENT,
                        info.name);
            CHECK_FAILS(spar_network_read_elements(network, i, SPAR_PART_VALUE, 1, INT64_MAX, part),
                        SPAR_ERROR_ARGUMENT, info.name);
            free(whole);
            free(again);
        }
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

// The pass and the call together are what the pass does with the flag.
static void statistics_are_taken_over_by_a_call(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *by_flag = oracle_engine(o, 1, SEED), *by_call = oracle_engine(o, 1, SEED);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    CHECK_FAILS(spar_update_statistics(by_call), SPAR_ERROR_STATE, "forward");
    CHECK_OK(spar_forward(by_call, batch.images, 2, 0));
    CHECK_FAILS(spar_update_statistics(by_call), SPAR_ERROR_STATE, "training");
    for (int step = 0; step < 2; step++) {
        CHECK_OK(spar_forward(by_flag, batch.images, 5, SPAR_FORWARD_TRAIN | SPAR_FORWARD_UPDATE_STATISTICS));
        CHECK_OK(spar_forward(by_call, batch.images, 5, SPAR_FORWARD_TRAIN));
        CHECK_OK(spar_backward(by_call, batch.labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
        CHECK_OK(spar_update_statistics(by_call));
        CHECK_FAILS(spar_update_statistics(by_call), SPAR_ERROR_STATE, "learned");
    }
    int compared = 0;
    for (int32_t i = 0; i < spar_network_parameter_count(by_flag); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(by_flag, i, &info));
        if (info.trainable) continue;
        float a[64], b[64];
        CHECK_OK(spar_network_read_elements(by_flag, i, SPAR_PART_VALUE, 0, info.count < 64 ? info.count : 64, a));
        CHECK_OK(spar_network_read_elements(by_call, i, SPAR_PART_VALUE, 0, info.count < 64 ? info.count : 64, b));
        CHECK(memcmp(a, b, (size_t)(info.count < 64 ? info.count : 64) * sizeof *a) == 0);
        compared++;
    }
    CHECK(compared >= 2);
    spar_network_destroy(by_flag);
    spar_network_destroy(by_call);
    example_batch_destroy(&batch);
    oracle_destroy(o);
}

TEST_MAIN(TEST(what_was_set_can_be_asked_for), TEST(seed_and_step_can_be_set), TEST(names_are_found),
          TEST(parts_of_parameters_are_those_of_the_whole), TEST(statistics_are_taken_over_by_a_call))
