// Networks that begin with the parameters of a file, with a classifier of their own where classes differ.
#include "support/compare.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 41, MOST = 64 };

// Convolution, batch norm and two dense layers.
static spar_network *network_of(int hidden, int classes, uint64_t seed) {
    oracle *o = oracle_create(2, 5, 4, 3, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_conv2d(o, 0, example_conv2d("features.0", 3, 3, 1, false));
    x = oracle_batch_norm(o, x, "features.1");
    x = oracle_dense(o, oracle_unary(o, x, ORACLE_FLATTEN), example_dense_params("hidden", hidden));
    oracle_dense(o, x, example_dense_params("classifier", classes));
    spar_network *network = oracle_engine(o, 1, seed);
    oracle_randomize(o, network, seed);
    oracle_destroy(o);
    return network;
}

static float *values_of(const spar_network *network, int p, int64_t *count) {
    spar_parameter_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_parameter(network, p, &info));
    float *values = check_allocate((size_t)info.count * sizeof *values);
    CHECK_OK(spar_network_read_parameter(network, p, SPAR_PART_VALUE, values, info.count));
    *count = info.count;
    return values;
}

static bool same_parameter(const spar_network *a, const spar_network *b, int p) {
    int64_t first, second;
    float *x = values_of(a, p, &first), *y = values_of(b, p, &second);
    bool same = first == second && memcmp(x, y, (size_t)first * sizeof *x) == 0;
    free(x);
    free(y);
    return same;
}

static bool is_classifiers(const spar_network *network, int p) {
    spar_parameter_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_parameter(network, p, &info));
    return strncmp(info.name, "classifier.", 11) == 0;
}

static void check_taken(int classes) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "start.safetensors");
    spar_network *from = network_of(6, 4, SEED), *to = network_of(6, classes, SEED + 1);
    spar_network *before = network_of(6, classes, SEED + 1);
    bool taken[MOST];
    CHECK_OK(spar_network_save(from, path, false, NULL, 0));
    CHECK_OK(spar_network_initialize(to, path, taken));
    for (int p = 0; p < spar_network_parameter_count(to); p++) {
        bool keeps = classes != 4 && is_classifiers(to, p);
        CHECK_EQUAL(taken[p], !keeps);
        CHECK(same_parameter(to, keeps ? before : from, p));
    }
    CHECK_OK(spar_network_initialize(to, path, NULL));
    spar_network_destroy(before);
    spar_network_destroy(from);
    spar_network_destroy(to);
}

static void all_is_taken_but_a_classifier_of_other_classes(void) {
    check_taken(4);
    check_taken(2);
    check_taken(7);
    temporary_remove();
}

static void a_training_state_stays_where_it_is(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "state.safetensors");
    spar_network *from = model_trained("layerwise", 1, SEED), *to = model_create(example_plain, SEED + 1);
    CHECK_OK(spar_network_save(from, path, true, NULL, 0));
    CHECK_OK(spar_network_initialize(to, path, NULL));
    spar_network_info info = {.struct_size = sizeof info};
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_network_get_info(to, &info));
    CHECK_OK(spar_network_get_method(to, &method));
    CHECK(info.step == 0 && method.direction == SPAR_DIRECTION_NONE);
    CHECK(model_equal(from, to));
    spar_network_destroy(from);
    spar_network_destroy(to);
    temporary_remove();
}

static void other_differences_are_refused_by_name_and_change_nothing(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "other.safetensors");
    spar_network *from = network_of(6, 4, SEED), *to = network_of(5, 4, SEED + 1), *before = network_of(5, 4, SEED + 1);
    spar_network *tiny = model_create_tiny();
    CHECK_OK(spar_network_save(from, path, false, NULL, 0));
    CHECK_FAILS(spar_network_initialize(to, path, NULL), SPAR_ERROR_FORMAT, path, "hidden.weight");
    CHECK_FAILS(spar_network_initialize(tiny, path, NULL), SPAR_ERROR_FORMAT, path, "classifier.bias");
    CHECK(model_equal(to, before));
    // A classifier of other features is no classifier of other classes.
    raw_file_write(path, "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]}}",
                   MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
    CHECK_FAILS(spar_network_initialize(tiny, path, NULL), SPAR_ERROR_FORMAT, path, "fc.weight", "[3,2]");
    raw_file_write(path, "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
                   MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
    CHECK_FAILS(spar_network_initialize(tiny, path, NULL), SPAR_ERROR_FORMAT, path, "fc.weight", "[6]");
    CHECK_FAILS(spar_network_initialize(tiny, "nowhere", NULL), SPAR_ERROR_IO, "nowhere");
    CHECK_FAILS(spar_network_initialize(NULL, path, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    spar_network_destroy(tiny);
    spar_network_destroy(before);
    spar_network_destroy(from);
    spar_network_destroy(to);
    temporary_remove();
}

TEST_MAIN(TEST(all_is_taken_but_a_classifier_of_other_classes), TEST(a_training_state_stays_where_it_is),
          TEST(other_differences_are_refused_by_name_and_change_nothing))
