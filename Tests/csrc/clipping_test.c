// The norm of all gradients and clipping by it, against plain sums in double precision.
#include "graph/network.h"
#include "support/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31, CLASSES = 2, HIDDEN = 19 };

static const double TOLERANCE = 1e-5;

static const example_network NETWORKS[] = {example_convolutional, example_residual, example_depthwise, example_plain,
                                           example_large};
enum { NETWORK_COUNT = sizeof NETWORKS / sizeof NETWORKS[0] };

static void forward_and_backward(spar_network *network, const oracle *o) {
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
    example_batch_destroy(&batch);
}

static void take_gradients(oracle *o, const spar_network *network) {
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable) continue;
        double *gradient = oracle_read(network, parameter, SPAR_PART_GRADIENT);
        memcpy(parameter->gradient, gradient, parameter->count * sizeof *gradient);
        free(gradient);
    }
}

static void updates_by_clipped_gradients_follow_the_formulas(void) {
    for (int n = 0; n < NETWORK_COUNT; n++) {
        for (int part = 1; part <= 4; part *= 2) { // of the norm; 2 and more parts: it is clipped
            oracle *o = NETWORKS[n](EXAMPLE_BATCH);
            spar_network *network = oracle_engine(o, 2, SEED);
            oracle_randomize(o, network, SEED);
            forward_and_backward(network, o);
            take_gradients(o, network);
            double norm = 0, expected = oracle_gradient_norm(o);
            CHECK_OK(spar_gradient_norm(network, &norm));
            CHECK_NEAR(norm, expected, 1e-9 * expected);
            spar_optimizer optimizer = spar_sgd_defaults();
            optimizer.weight_decay = 0.01f;
            optimizer.clip_norm = (float)(1.5 * norm / part);
            CHECK_OK(spar_update(network, &optimizer));
            oracle_update(o, &optimizer);
            compare_parameters("clipped", o, network, TOLERANCE);
            double after = 0;
            CHECK_OK(spar_gradient_norm(network, &after));
            CHECK(after == norm);
            spar_network_destroy(network);
            oracle_destroy(o);
        }
    }
}

static void a_bound_above_the_norm_changes_no_bit(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *networks[2];
    for (int i = 0; i < 2; i++) {
        spar_optimizer optimizer = spar_sgd_defaults();
        optimizer.clip_norm = i == 0 ? 0 : 1e6f;
        networks[i] = oracle_engine(o, 1, SEED);
        forward_and_backward(networks[i], o);
        CHECK_OK(spar_update(networks[i], &optimizer));
    }
    CHECK(memcmp(networks[0]->slots[SPAR_PART_VALUE], networks[1]->slots[SPAR_PART_VALUE],
                 (size_t)networks[0]->parameter_floats * sizeof(float)) == 0);
    for (int i = 0; i < 2; i++) spar_network_destroy(networks[i]);
    oracle_destroy(o);
}

static void the_norm_has_the_same_bits_on_any_number_of_threads(void) {
    for (int n = 0; n < NETWORK_COUNT; n++) {
        oracle *o = NETWORKS[n](EXAMPLE_BATCH);
        double norms[4];
        for (int threads = 1; threads <= 4; threads++) {
            spar_network *network = oracle_engine(o, threads, SEED);
            forward_and_backward(network, o);
            CHECK_OK(spar_gradient_norm(network, &norms[threads - 1]));
            CHECK(norms[threads - 1] == norms[0]);
            spar_network_destroy(network);
        }
        oracle_destroy(o);
    }
}

// Squares of these are no floats.
static void the_largest_and_the_smallest_gradients_have_a_norm(void) {
    static const float values[] = {3e38f, 1e-30f, 0};
    for (int i = 0; i < 3; i++) {
        oracle *o = example_dense(EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, 2, SEED);
        ORACLE_FOR_EACH_PARAMETER(o, parameter) {
            float *gradient = check_allocate(parameter->count * sizeof *gradient);
            for (int k = 0; k < parameter->count; k++) parameter->gradient[k] = gradient[k] = values[i];
            int index = oracle_find(network, parameter->name);
            if (parameter->trainable) {
                CHECK_OK(spar_network_write_parameter(network, index, SPAR_PART_GRADIENT, gradient, parameter->count));
            }
            free(gradient);
        }
        double norm = -1, expected = oracle_gradient_norm(o);
        CHECK_OK(spar_gradient_norm(network, &norm));
        CHECK(fabs(norm - expected) <= 1e-9 * expected);
        spar_optimizer optimizer = spar_sgd_defaults();
        optimizer.clip_norm = 1;
        oracle_copy_parameters(o, network);
        CHECK_OK(spar_update(network, &optimizer));
        oracle_update(o, &optimizer);
        compare_parameters("extreme gradients", o, network, TOLERANCE);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

// Two dense layers with a point between them.
static spar_network *make_network(void) {
    oracle *o = oracle_create(3, 1, 1, EXAMPLE_BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_dense(o, 0, example_dense_params("fc1", HIDDEN));
    oracle_dense(o, oracle_point(o, x, "point"), example_dense_params("fc2", CLASSES));
    spar_network *network = oracle_engine(o, 2, SEED);
    oracle_destroy(o);
    return network;
}

static void fill(spar_network *network, int index, float value) {
    spar_parameter_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_parameter(network, index, &info));
    float *values = check_allocate((size_t)info.count * sizeof *values);
    for (int64_t i = 0; i < info.count; i++) values[i] = i % 3 == 0 ? value : 0;
    CHECK_OK(spar_network_write_parameter(network, index, SPAR_PART_VALUE, values, info.count));
    free(values);
}

// The loss is finite and the gradient of fc1.weight, bright pixels times large weights, is not.
static void gradients_that_are_not_finite_are_an_error_and_leave_the_network(void) {
    spar_network *network = make_network();
    spar_optimizer optimizer = spar_sgd_defaults();
    float images[3 * EXAMPLE_BATCH];
    int32_t labels[EXAMPLE_BATCH];
    for (int i = 0; i < 3 * EXAMPLE_BATCH; i++) images[i] = 100;
    for (int i = 0; i < EXAMPLE_BATCH; i++) labels[i] = i % 3 == 0;
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("layerwise", 1, &method));
    CHECK_OK(spar_network_set_method(network, &method));
    fill(network, 0, 0);
    fill(network, 2, 3e38f);
    size_t bytes = (size_t)network->trainable_floats * sizeof(float);
    float *before = check_allocate(bytes);
    memcpy(before, network->slots[SPAR_PART_VALUE], bytes);
    optimizer.clip_norm = 1;
    CHECK_FAILS(spar_train_step(network, &optimizer, images, labels, EXAMPLE_BATCH, NULL), SPAR_ERROR_NON_FINITE,
                "fc1.weight");
    CHECK(memcmp(before, network->slots[SPAR_PART_VALUE], bytes) == 0);
    CHECK_EQUAL(network->step, 0);
    CHECK_EQUAL(network->points[0].recorded, 0);
    double norm;
    CHECK_FAILS(spar_gradient_norm(network, &norm), SPAR_ERROR_NON_FINITE, "fc1.weight");
    CHECK_FAILS(spar_update(network, &optimizer), SPAR_ERROR_STATE, "no gradient");
    free(before);
    spar_network_destroy(network);
}

TEST_MAIN(TEST(updates_by_clipped_gradients_follow_the_formulas), TEST(a_bound_above_the_norm_changes_no_bit),
          TEST(the_norm_has_the_same_bits_on_any_number_of_threads),
          TEST(the_largest_and_the_smallest_gradients_have_a_norm),
          TEST(gradients_that_are_not_finite_are_an_error_and_leave_the_network))
