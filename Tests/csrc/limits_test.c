// What is too large is refused with a sentence that has the numbers, before any memory is taken for it.
#include "runtime/parallel.h"
#include "support/check.h"
#include "support/examples.h"

#include <stdio.h>
#include <string.h>

static spar_status create(spar_graph *graph, spar_value output, int32_t batch_size, spar_network **network) {
    spar_network_options options = spar_network_defaults();
    options.batch_size = batch_size;
    options.threads = 1;
    *network = NULL;
    return spar_network_create(graph, output, &options, network);
}

static spar_graph *graph_of(int channels, int height, int width, spar_value *x) {
    spar_graph *graph = NULL;
    CHECK_OK(spar_graph_create(&graph));
    *x = spar_input(graph, channels, height, width);
    return graph;
}

// Every layer is possible by itself but for its 2⁶⁰ weights.
static void sums_of_weights_cannot_wrap(void) {
    for (int layers = 4; layers <= 16; layers *= 2) {
        spar_value x;
        spar_graph *graph = graph_of(1 << 20, 1, 1, &x);
        for (int i = 0; i < layers; i++) {
            spar_conv2d_params params = example_conv2d(NULL, 1 << 20, 1024, 1024, false);
            params.padding_height = params.padding_width = 1024;
            x = spar_conv2d(graph, x, &params);
        }
        x = spar_global_average_pool(graph, x);
        spar_network *network;
        CHECK_FAILS(create(graph, x, 1, &network), SPAR_ERROR_SHAPE, "conv2d1: weight", "1099511627776", "1048576");
        CHECK(network == NULL);
        spar_graph_destroy(graph);
    }
}

static void more_weights_than_memory_are_refused_with_their_bytes(void) {
    spar_value x;
    spar_graph *graph = graph_of(127, 1, 1, &x);
    for (int i = 0; i < 200; i++) {
        spar_dense_params wide = example_dense_params(NULL, 1 << 24), narrow = example_dense_params(NULL, 112);
        x = spar_dense(graph, spar_dense(graph, x, &wide), &narrow);
    }
    spar_network *network;
    CHECK_FAILS(create(graph, x, 1, &network), SPAR_ERROR_MEMORY, "out of memory", "bytes");
    spar_graph_destroy(graph);
}

static void a_batch_that_does_not_fit_into_memory_is_refused(void) {
    spar_value x;
    spar_graph *graph = graph_of(64, 512, 512, &x);
    x = spar_global_average_pool(graph, spar_relu(graph, x));
    spar_network *network;
    CHECK_FAILS(create(graph, x, 1 << 20, &network), SPAR_ERROR_MEMORY, "out of memory", "bytes");
    CHECK_FAILS(create(graph, x, (1 << 20) + 1, &network), SPAR_ERROR_ARGUMENT, "1048577", "1048576");
    CHECK_FAILS(create(graph, x, INT32_MAX, &network), SPAR_ERROR_ARGUMENT, "2147483647");
    CHECK_FAILS(create(graph, x, 0, &network), SPAR_ERROR_ARGUMENT, "0");
    spar_network_options options = spar_network_defaults();
    options.threads = INT32_MAX;
    CHECK_FAILS(spar_network_create(graph, x, &options, &network), SPAR_ERROR_ARGUMENT, "2147483647", "4096");
    spar_graph_destroy(graph);
}

static void a_workspace_beyond_all_memory_is_refused(void) {
    spar_value x;
    spar_graph *graph = graph_of(1 << 20, 1, 1, &x);
    spar_conv2d_params params = example_conv2d("wide", 2, 1, 1024, false);
    params.padding_height = params.padding_width = 1024;
    x = spar_global_average_pool(graph, spar_conv2d(graph, x, &params));
    spar_network *network;
    CHECK_FAILS(create(graph, x, 1, &network), SPAR_ERROR_MEMORY, "wide: a workspace of", "bytes");
    spar_graph_destroy(graph);
}

static spar_value add_depthwise(spar_graph *graph, spar_value x, int channels, int kernel, int stride) {
    spar_conv2d_params params = example_conv2d("depthwise", channels, kernel, stride, false);
    params.groups = channels;
    params.padding_height = params.padding_width = 0;
    return spar_conv2d(graph, x, &params);
}

// The outputs are few, but every pixel of the input is reached by every tap.
static void tables_of_depthwise_kernels_are_limited(void) {
    spar_value x;
    spar_graph *graph = graph_of(16, 216, 216, &x);
    spar_network *network;
    CHECK_FAILS(create(graph, add_depthwise(graph, x, 16, 216, 1), 1, &network), SPAR_ERROR_SHAPE, "depthwise",
                "216×216", "2176782336", "268435456");
    spar_graph_destroy(graph);
    graph = graph_of(16, 40, 40, &x);
    CHECK_OK(create(graph, add_depthwise(graph, x, 16, 40, 1), 1, &network));
    spar_network_destroy(network);
    spar_graph_destroy(graph);
}

static void strides_beyond_the_image_take_no_memory(void) {
    spar_value x;
    spar_graph *graph = graph_of(16, 4, 4, &x);
    spar_network *network;
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(create(graph, add_depthwise(graph, x, 16, 3, 1024), 1, &network));
    CHECK_OK(spar_network_get_info(network, &info));
    CHECK(info.memory_bytes < 1 << 16);
    spar_network_destroy(network);
    spar_graph_destroy(graph);
}

static void values_of_too_many_floats_are_refused(void) {
    spar_value x;
    spar_graph *graph = graph_of(1, 1 << 14, 1 << 14, &x);
    spar_network *network;
    CHECK_FAILS(create(graph, spar_global_average_pool(graph, x), 1, &network), SPAR_ERROR_SHAPE, "1×16384×16384",
                "4294967296", "2147483647");
    spar_graph_destroy(graph);
}

// LAPACK counts in 32 bits.
static void jacobians_beyond_lapack_are_refused(void) {
    spar_value x;
    spar_graph *graph = graph_of(1, 2048, 2048, &x);
    spar_conv2d_params params = example_conv2d("conv", 1024, 1, 1024, false);
    params.padding_height = params.padding_width = 0;
    spar_network *network;
    CHECK_OK(create(graph, spar_global_average_pool(graph, spar_conv2d(graph, x, &params)), 1, &network));
    float pixel = 0;
    double value;
    CHECK_FAILS(spar_jacobian_singular_values(network, &pixel, 1, NULL, NULL, &value), SPAR_ERROR_SHAPE, "1024",
                "4194304", "2147483647");
    spar_network_destroy(network);
    spar_graph_destroy(graph);
}

enum { MOST_LAYERS = 65536 };

static spar_graph *long_graph(spar_value (*add)(spar_graph *graph, spar_value x, int number), spar_value *x) {
    spar_graph *graph = graph_of(16, 1, 1, x);
    for (int i = 1; i < MOST_LAYERS; i++) *x = add(graph, *x, i);
    return graph;
}

static spar_value add_relu(spar_graph *graph, spar_value x, int number) {
    (void)number;
    return spar_relu(graph, x);
}

// Half of them join the sweeps of others, all of which are made before the first is joined.
static spar_value add_late_joiners(spar_graph *graph, spar_value x, int number) {
    (void)x;
    return number < MOST_LAYERS / 2 ? spar_dropout(graph, 0, 0.5f)
                                    : spar_perturb(graph, number - MOST_LAYERS / 2, NULL);
}

static spar_value add_dense(spar_graph *graph, spar_value x, int number) {
    char name[32];
    snprintf(name, sizeof name, "layer%d", MOST_LAYERS - number);
    spar_dense_params params = example_dense_params(name, 16);
    return spar_dense(graph, x, &params);
}

static void the_longest_graphs_are_planned_in_seconds(void) {
    static spar_value (*const kinds[])(spar_graph *, spar_value, int) = {add_relu, add_late_joiners, add_dense};
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        spar_value x;
        spar_network *network;
        double start = spar_seconds();
        spar_graph *graph = long_graph(kinds[kind], &x);
        CHECK_OK(create(graph, x, 1, &network));
        double seconds = spar_seconds() - start;
        check_that(seconds < 20 * CHECK_SLOWNESS, __FILE__, __LINE__, "kind %zu took %.1f s", kind, seconds);
        CHECK_EQUAL(spar_network_layer_count(network), kinds[kind] == add_late_joiners ? 3 : MOST_LAYERS);
        spar_network_destroy(network);
        CHECK_EQUAL(spar_relu(graph, x), SPAR_NO_VALUE);
        CHECK_FAILS(create(graph, x, 1, &network), SPAR_ERROR_ARGUMENT, "65536");
        spar_graph_destroy(graph);
    }
}

// Streams of random numbers tell layers apart by 16 bits; a network may have more parameters.
static void every_weight_has_random_numbers_of_its_own(void) {
    spar_value x;
    spar_network *network;
    spar_graph *graph = long_graph(add_dense, &x);
    CHECK_OK(create(graph, x, 1, &network));
    float first[256], other[256];
    CHECK_EQUAL(spar_network_parameter_count(network), 2 * (MOST_LAYERS - 1));
    CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, first, 256));
    CHECK_OK(spar_network_read_parameter(network, 65536, SPAR_PART_VALUE, other, 256));
    CHECK(memcmp(first, other, sizeof first) != 0);
    spar_network_destroy(network);
    spar_graph_destroy(graph);
}

TEST_MAIN(TEST(sums_of_weights_cannot_wrap), TEST(more_weights_than_memory_are_refused_with_their_bytes),
          TEST(a_batch_that_does_not_fit_into_memory_is_refused), TEST(a_workspace_beyond_all_memory_is_refused),
          TEST(tables_of_depthwise_kernels_are_limited), TEST(strides_beyond_the_image_take_no_memory),
          TEST(values_of_too_many_floats_are_refused), TEST(jacobians_beyond_lapack_are_refused),
          TEST(the_longest_graphs_are_planned_in_seconds), TEST(every_weight_has_random_numbers_of_its_own))
