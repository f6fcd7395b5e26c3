// Networks whose passes are chained, in batches that are cut into chunks and shares: against the oracle, and the same
// bits on every number of threads.
#include "graph/network.h"
#include "support/compare.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 131, SEED = 17 };

static int tanh_of(oracle *o, int x, const char *point) {
    return oracle_unary(o, oracle_point(o, x, point), ORACLE_TANH);
}

// Few channels and biases, all before the dense layer in one chain.
static oracle *plain(void) {
    oracle *o = oracle_create(1, 17, 15, BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_conv2d(o, oracle_point(o, 0, "input"), example_conv2d("conv1", 6, 5, 1, true));
    x = oracle_pool(o, tanh_of(o, x, "point1"), ORACLE_MAX_POOL, spar_pool_defaults());
    x = oracle_conv2d(o, x, example_conv2d("conv2", 19, 3, 1, true));
    x = oracle_pool(o, tanh_of(o, x, "point2"), ORACLE_AVERAGE_POOL, spar_pool_defaults());
    oracle_dense(o, oracle_unary(o, x, ORACLE_FLATTEN), example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

// Winograd's convolutions between batch norms, where one chain ends and the next begins, and both kinds of shortcut.
static oracle *residual(void) {
    oracle *o = oracle_create(3, 16, 14, BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_conv2d(o, 0, example_conv2d("stem", 16, 3, 1, false));
    int shortcut = tanh_of(o, oracle_batch_norm(o, x, "stem_bn"), "stem_point");
    x = oracle_conv2d(o, shortcut, example_conv2d("conv1", 16, 3, 1, false));
    x = tanh_of(o, oracle_batch_norm(o, x, "bn1"), "point1");
    x = oracle_conv2d(o, x, example_conv2d("conv2", 16, 3, 1, false));
    x = oracle_add(o, oracle_point(o, oracle_batch_norm(o, x, "bn2"), "point2"), shortcut);
    shortcut = oracle_unary(o, x, ORACLE_TANH);
    x = oracle_conv2d(o, shortcut, example_conv2d("conv3", 21, 3, 2, false));
    x = oracle_point(o, oracle_batch_norm(o, x, "bn3"), "point3");
    int projection = oracle_conv2d(o, shortcut, example_conv2d("projection", 21, 1, 2, false));
    projection = oracle_batch_norm(o, projection, "projection_bn");
    x = oracle_unary(o, oracle_add(o, x, projection), ORACLE_TANH);
    x = oracle_unary(o, x, ORACLE_GLOBAL_AVERAGE_POOL);
    oracle_dense(o, x, example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

// Convolutions of groups, whose columns end inside vectors.
static oracle *grouped(void) {
    oracle *o = oracle_create(3, 9, 11, BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    static const int groups[] = {3, 3, 20};
    static const char *const names[] = {"conv1", "conv2", "conv3"}, *const points[] = {"point1", "point2", "point3"};
    static const int channels[] = {12, 21, 20};
    int x = 0;
    for (int i = 0; i < 3; i++) {
        if (i == 2) x = oracle_channel_shortcut(o, x, 40, 1);
        spar_conv2d_params params = example_conv2d(names[i], channels[i], 3, 1, true);
        params.groups = groups[i];
        x = tanh_of(o, oracle_conv2d(o, x, params), points[i]);
    }
    x = oracle_unary(o, x, ORACLE_GLOBAL_AVERAGE_POOL);
    oracle_dense(o, x, example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

static const spar_kernels *kernels;
static const spar_network *watched;
static int reads, reads_beyond;

// Counts outer products that read a gradient beyond the columns of its pixels.
static void watch_outer_product(const spar_outer_product *p) {
    for (int s = 0; s < watched->operation_count; s++) {
        const spar_tensor *output = watched->operations[s].output;
        const float *end = output->gradient + watched->run.batch * spar_sample_floats(output);
        if (p->d < output->gradient || p->d >= end || p->d_stride != output->stride) continue;
        reads++;
        reads_beyond += (p->d - output->gradient) % output->stride + p->columns > output->stride;
    }
    kernels->outer_product(p);
}

// Another thread may be writing the next pixel's gradient.
static void no_pass_reads_beyond_its_pixels(void) {
    oracle *o = grouped();
    spar_network *network = oracle_engine(o, 1, SEED);
    kernels = network->run.kernels;
    watched = network;
    spar_kernels watching = *kernels;
    watching.outer_product = watch_outer_product;
    network->run.kernels = &watching;
    example_batch batch = example_batch_create(o, 3, SEED);
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
    CHECK(reads > 0);
    CHECK_EQUAL(reads_beyond, 0);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void run_engine(spar_network *network, const example_batch *batch, bool train) {
    CHECK_OK(spar_forward(network, batch->images, batch->count, train ? SPAR_FORWARD_TRAIN : 0));
    CHECK_OK(spar_backward(network, batch->labels, 1, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT, NULL));
}

static void check_against_oracle(const char *label, oracle *(*create)(void), int count, bool train) {
    oracle *o = create();
    spar_network *network = oracle_engine(o, 2, SEED);
    oracle_randomize(o, network, SEED);
    example_batch batch = example_batch_create(o, count, SEED);
    oracle_forward(o, batch.doubles, count, train, false);
    oracle_backward(o, batch.labels, 1, false);
    run_engine(network, &batch, train);
    compare_outputs(label, o, network, 1e-4);
    compare_gradients(label, o, network, 1e-3);
    compare_image_gradients(label, o, network, 1e-3);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void chunks_of_any_size_are_right(void) {
    static const int counts[] = {1, 3, 64, 65, BATCH};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_against_oracle("plain", plain, counts[i], true);
        check_against_oracle("grouped", grouped, counts[i], true);
        check_against_oracle("residual", residual, counts[i], true);
        check_against_oracle("residual, running statistics", residual, counts[i], false);
    }
}

static float *gradients_on(oracle *o, int threads, const example_batch *batch, size_t *floats) {
    spar_network *network = oracle_engine(o, threads, SEED);
    oracle_randomize(o, network, SEED);
    run_engine(network, batch, true);
    size_t images = (size_t)batch->count * (size_t)o->layers[0].size;
    *floats = images;
    for (int p = 0; p < spar_network_parameter_count(network); p++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, p, &info));
        if (info.trainable) *floats += (size_t)info.count;
    }
    float *gradients = check_allocate(*floats * sizeof *gradients), *next = gradients + images;
    CHECK_OK(spar_input_gradient(network, gradients));
    for (int p = 0; p < spar_network_parameter_count(network); p++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, p, &info));
        if (!info.trainable) continue;
        CHECK_OK(spar_network_read_parameter(network, p, SPAR_PART_GRADIENT, next, info.count));
        next += info.count;
    }
    spar_network_destroy(network);
    return gradients;
}

static void gradients_have_the_same_bits_on_any_number_of_threads(void) {
    static oracle *(*const networks[])(void) = {plain, residual, grouped};
    for (int n = 0; n < 3; n++) {
        oracle *o = networks[n]();
        example_batch batch = example_batch_create(o, BATCH, SEED);
        size_t floats, same;
        float *expected = gradients_on(o, 1, &batch, &floats);
        for (int threads = 2; threads <= 7; threads++) {
            float *actual = gradients_on(o, threads, &batch, &same);
            CHECK(same == floats && memcmp(actual, expected, floats * sizeof *actual) == 0);
            free(actual);
        }
        free(expected);
        example_batch_destroy(&batch);
        oracle_destroy(o);
    }
}

TEST_MAIN(TEST(no_pass_reads_beyond_its_pixels), TEST(chunks_of_any_size_are_right),
          TEST(gradients_have_the_same_bits_on_any_number_of_threads))
