// What a profiled network says that its passes did, by hand, and what the machine says that it does at most.
#include "sparring.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 3, SIDE = 8, IN = 16, OUT = 32, CLASSES = 4, FLOAT = 4 };

// Images, a 1×1 convolution to IN channels, a 3×3 one to OUT, and a dense layer; no operation is a sweep.
static spar_network *make_network(bool exact) {
    spar_graph *graph = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_conv2d_params widen = spar_conv2d_defaults();
    widen.name = "widen";
    widen.channels = IN;
    widen.kernel_height = widen.kernel_width = 1;
    widen.padding_height = widen.padding_width = 0;
    spar_conv2d_params convolve = spar_conv2d_defaults();
    convolve.name = "convolve";
    convolve.channels = OUT;
    spar_dense_params dense = spar_dense_defaults();
    dense.name = "classify";
    dense.units = CLASSES;
    spar_value x = spar_conv2d(graph, spar_input(graph, 1, SIDE, SIDE), &widen);
    x = spar_dense(graph, spar_flatten(graph, spar_conv2d(graph, x, &convolve)), &dense);
    spar_network_options options = spar_network_defaults();
    options.batch_size = IMAGES;
    options.threads = 2;
    options.exact_convolutions = exact;
    spar_network *network = NULL;
    CHECK_OK(spar_network_create(graph, x, &options, &network));
    spar_graph_destroy(graph);
    return network;
}

static void step(spar_network *network) {
    static const float images[IMAGES * SIDE * SIDE] = {0.5f};
    static const int32_t labels[IMAGES] = {0, 1, 2};
    spar_sgd sgd = spar_sgd_defaults();
    CHECK_OK(spar_train_step(network, &sgd, images, labels, IMAGES, NULL));
}

static spar_operation_info operation_of(const spar_network *network, const char *layer) {
    spar_operation_info info = {.struct_size = sizeof info};
    for (int i = 0; i < spar_network_operation_count(network); i++) {
        char layers[64];
        CHECK_OK(spar_network_operation_layers(network, i, layers, sizeof layers, NULL));
        CHECK_OK(spar_network_operation(network, i, &info));
        if (strcmp(layers, layer) == 0) return info;
    }
    CHECK(false);
    return info;
}

static void multiplications_are_those_of_the_algorithm(void) {
    for (int exact = 0; exact < 2; exact++) {
        spar_network *network = make_network(exact);
        CHECK_OK(spar_network_profile(network, true));
        step(network);
        spar_operation_info info = operation_of(network, "convolve");
        // F(4×4, 3×3): tiles of 4 × 4 outputs by 36 products.
        int64_t channels = IMAGES * IN * OUT;
        int64_t expected = exact ? channels * SIDE * SIDE * 9 : channels * SIDE * SIDE / 16 * 36;
        CHECK_EQUAL(info.forward_multiplications, expected);
        CHECK_EQUAL(info.backward_data_multiplications, expected);
        CHECK_EQUAL(info.backward_weights_multiplications, expected);
        info = operation_of(network, "classify");
        CHECK_EQUAL(info.forward_multiplications, IMAGES * OUT * SIDE * SIDE * CLASSES);
        // Nobody wants the images' gradient.
        info = operation_of(network, "widen");
        CHECK_EQUAL(info.backward_data_multiplications, 0);
        CHECK_EQUAL(info.backward_weights_multiplications, IMAGES * SIDE * SIDE * IN);
        spar_network_destroy(network);
    }
}

static void bytes_are_those_of_values_gradients_and_parameters(void) {
    spar_network *network = make_network(false);
    CHECK_OK(spar_network_profile(network, true));
    step(network);
    spar_operation_info info = operation_of(network, "classify");
    // Rows of outputs are padded to 16; the input was written by another chain, or just before in the same one.
    int64_t input = IMAGES * SIDE * SIDE * OUT, output = IMAGES * 16, weights = (OUT * SIDE * SIDE + 1) * 16;
    bool cached = info.forward_bytes == FLOAT * (output + weights);
    CHECK(cached || info.forward_bytes == FLOAT * (input + output + weights));
    CHECK_EQUAL(info.backward_data_bytes, FLOAT * (output + weights + input));
    int64_t once = info.forward_bytes;
    step(network);
    CHECK_EQUAL(operation_of(network, "classify").forward_bytes, 2 * once);
    CHECK_OK(spar_network_profile(network, true));
    CHECK_EQUAL(operation_of(network, "classify").forward_bytes, 0);
    CHECK_OK(spar_network_profile(network, false));
    step(network);
    CHECK_EQUAL(operation_of(network, "classify").forward_bytes, 0);
    spar_network_destroy(network);
}

static void the_machine_reaches_something_on_as_many_threads_as_are_asked_for(void) {
    for (int32_t threads = 1; threads < 3; threads++) {
        spar_machine machine = {.struct_size = sizeof machine};
        CHECK_OK(spar_measure_machine(threads, &machine));
        CHECK_EQUAL(machine.threads, threads);
        // A processor of 1985 made more, and none makes so many.
        CHECK(machine.multiply_adds > 1e5 && machine.multiply_adds < 1e15);
        CHECK(machine.bytes > 1e5 && machine.bytes < 1e14);
    }
    spar_machine machine = {.struct_size = sizeof machine};
    CHECK_OK(spar_measure_machine(0, &machine));
    CHECK(machine.threads >= 1);
    CHECK_FAILS(spar_measure_machine(-1, &machine), SPAR_ERROR_ARGUMENT, "-1 threads", "4096");
    CHECK_FAILS(spar_measure_machine(4097, &machine), SPAR_ERROR_ARGUMENT, "4097 threads");
}

TEST_MAIN(TEST(multiplications_are_those_of_the_algorithm), TEST(bytes_are_those_of_values_gradients_and_parameters),
          TEST(the_machine_reaches_something_on_as_many_threads_as_are_asked_for))
