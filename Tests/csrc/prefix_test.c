// Networks that end at a layer of another one, and backward passes from any gradient of the output.
#include "support/differences.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    example_network create;
    const char *features; // what spar_network_prefix ends at without a layer
} EXAMPLES[] = {{"dense network", example_dense, "relu1"},
                {"convolutional network", example_convolutional, "flatten1"},
                {"residual network", example_residual, "global_average_pool1"},
                {"depthwise network", example_depthwise, "global_average_pool1"},
                {"network without batch normalization", example_plain, "relu3"},
                {"network with dropout", example_dropout, "dropout3"}};
enum { EXAMPLE_COUNT = sizeof EXAMPLES / sizeof EXAMPLES[0] };

static spar_network *randomized_engine(oracle *o) {
    spar_network *network = oracle_engine(o, DIFFERENCES_THREADS, DIFFERENCES_SEED);
    oracle_randomize(o, network, DIFFERENCES_SEED);
    return network;
}

static void every_layer_ends_a_prefix(void) {
    for (int e = 0; e < EXAMPLE_COUNT; e++) {
        oracle *o = EXAMPLES[e].create(EXAMPLE_BATCH);
        spar_network *network = randomized_engine(o);
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH - 1, DIFFERENCES_SEED + 1);
        oracle_draw_dropout(o, DIFFERENCES_SEED, 0, batch.count);
        CHECK_EQUAL(spar_network_layer_count(network), o->layer_count);
        for (int layer = 0; layer < o->layer_count; layer++) {
            spar_layer_info info = {.struct_size = sizeof info};
            spar_network *prefix = NULL;
            char label[160];
            CHECK_OK(spar_network_layer(network, layer, &info));
            CHECK(memcmp(info.output_shape, o->layers[layer].shape, sizeof info.output_shape) == 0);
            CHECK_OK(spar_network_prefix(network, info.name, NULL, &prefix));
            for (int train = 0; train < 2 && prefix != NULL; train++) {
                snprintf(label, sizeof label, "%s up to %s, %s", EXAMPLES[e].name, info.name,
                         train ? "training" : "evaluation");
                compare_prefix(label, o, prefix, layer, &batch, train, 1e-5);
            }
            spar_network_destroy(prefix);
        }
        example_batch_destroy(&batch);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

static void a_prefix_ends_where_its_flatten_would_have_a_layers_name(void) {
    spar_graph *graph = NULL;
    spar_network *network = NULL, *prefix = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_conv2d_params convolution = spar_conv2d_defaults();
    convolution.channels = 3, convolution.name = "flatten1";
    spar_value x = spar_relu(graph, spar_conv2d(graph, spar_input(graph, 2, 4, 4), &convolution));
    spar_dense_params dense = example_dense_params("fc", 2);
    CHECK_OK(spar_network_create(graph, spar_dense(graph, spar_flatten(graph, x), &dense), NULL, &network));
    CHECK_OK(spar_network_prefix(network, "relu1", NULL, &prefix));
    spar_layer_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_layer(prefix, spar_network_layer_count(prefix) - 1, &info));
    CHECK(strcmp(info.name, "flatten2") == 0);
    spar_network_destroy(prefix);
    spar_network_destroy(network);
    spar_graph_destroy(graph);
}

static void without_a_layer_a_prefix_ends_where_the_last_dense_layer_reads(void) {
    for (int e = 0; e < EXAMPLE_COUNT; e++) {
        oracle *o = EXAMPLES[e].create(EXAMPLE_BATCH);
        spar_network *network = randomized_engine(o), *encoder = NULL;
        spar_layer_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_prefix(network, NULL, NULL, &encoder));
        CHECK_OK(spar_network_layer(encoder, spar_network_layer_count(encoder) - 1, &info));
        check_that(strcmp(info.name, EXAMPLES[e].features) == 0, __FILE__, __LINE__, "%s: features are %s, expected %s",
                   EXAMPLES[e].name, info.name, EXAMPLES[e].features);
        spar_network_destroy(encoder);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

static void layers_tell_their_parameters_and_multiply_adds(void) {
    oracle *o = example_residual(EXAMPLE_BATCH);
    spar_network *network = randomized_engine(o);
    spar_network_info whole = {.struct_size = sizeof whole};
    spar_layer_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &whole));
    int64_t parameters = 0, multiply_adds = 0;
    for (int i = 0; i < spar_network_layer_count(network); i++) {
        CHECK_OK(spar_network_layer(network, i, &info));
        parameters += info.trainable_parameters;
        multiply_adds += info.multiply_adds;
        if (strcmp(info.name, "stem") != 0) continue;
        CHECK(strcmp(info.kind, "conv2d") == 0);
        CHECK_EQUAL(info.trainable_parameters, 6 * 3 * 9);
        CHECK_EQUAL(info.multiply_adds, 6 * 3 * 9 * 7 * 5);
    }
    CHECK_EQUAL(parameters, whole.trainable_parameters);
    CHECK_EQUAL(multiply_adds, whole.multiply_adds);
    CHECK_FAILS(spar_network_layer(network, -1, &info), SPAR_ERROR_ARGUMENT, "layer -1");
    CHECK_FAILS(spar_network_layer(network, o->layer_count, &info), SPAR_ERROR_ARGUMENT, "from 0");
    spar_network_destroy(network);
    oracle_destroy(o);
}

// A prefix holds only what its end depends on, and none of what it shares with the network it came from.
static void a_prefix_stands_alone(void) {
    oracle *o = example_residual(EXAMPLE_BATCH);
    spar_network *network = randomized_engine(o), *prefix = NULL;
    spar_network_options options = spar_network_defaults();
    options.batch_size = 2;
    options.threads = 1;
    CHECK_OK(spar_network_prefix(network, "projection_bn", &options, &prefix));
    CHECK_EQUAL(oracle_find(prefix, "conv4.weight"), -1);
    CHECK_EQUAL(spar_network_point_count(prefix), 5);
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(prefix, &info));
    CHECK_EQUAL(info.batch_size, 2);
    CHECK_EQUAL(info.seed, DIFFERENCES_SEED);
    example_batch batch = example_batch_create(o, 2, DIFFERENCES_SEED);
    oracle_forward(o, batch.doubles, batch.count, false, false);
    spar_network_destroy(network);
    CHECK_OK(spar_forward(prefix, batch.images, batch.count, 0));
    for (int layer = 0; layer < o->layer_count; layer++) {
        if (strcmp(o->layers[layer].name, "projection_bn") != 0) continue;
        size_t count = (size_t)batch.count * o->layers[layer].size;
        double *output = compare_read_output(prefix, count);
        CHECK_CLOSE("prefix of a destroyed network", output, o->layers[layer].value, count, 1e-5, 0);
        free(output);
    }
    example_batch_destroy(&batch);
    spar_network_destroy(prefix);
    oracle_destroy(o);
}

// The gradient of ½ Σ (z − one-hot label)² / count, rounded as the engine's loss rounds it.
static void fill_squared_error_gradient(const spar_network *network, const example_batch *batch, float *gradient) {
    CHECK_OK(spar_read_output(network, gradient));
    for (int i = 0; i < batch->count * EXAMPLE_CLASSES; i++) {
        bool label = i % EXAMPLE_CLASSES == batch->labels[i / EXAMPLE_CLASSES];
        gradient[i] = (float)(1.0 / batch->count * ((double)gradient[i] - label));
    }
}

// A step of ANL by either call: the same parameter gradients, and the same perturbation afterwards.
static void the_gradient_of_the_loss_gives_the_pass_of_the_loss(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    o->loss = SPAR_LOSS_SQUARED_ERROR;
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("anl", 0.5f, &method));
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, DIFFERENCES_SEED);
    float outputs[2][EXAMPLE_BATCH * EXAMPLE_CLASSES], gradient[EXAMPLE_BATCH * EXAMPLE_CLASSES];
    float weights[2][17 * 3 * 9];
    for (int given = 0; given < 2; given++) {
        spar_network *network = randomized_engine(o);
        CHECK_OK(spar_network_set_method(network, &method));
        uint32_t flags = SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_RECORD;
        CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE));
        if (given) {
            fill_squared_error_gradient(network, &batch, gradient);
            CHECK_OK(spar_backward_output(network, gradient, 1, flags));
        } else {
            CHECK_OK(spar_backward(network, batch.labels, 1, flags, NULL));
        }
        int index = oracle_find(network, "conv1.weight");
        CHECK_OK(spar_network_read_parameter(network, index, SPAR_PART_GRADIENT, weights[given], 17 * 3 * 9));
        CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_PERTURB));
        CHECK_OK(spar_read_output(network, outputs[given]));
        spar_network_destroy(network);
    }
    CHECK(memcmp(weights[0], weights[1], sizeof weights[0]) == 0);
    CHECK(memcmp(outputs[0], outputs[1], sizeof outputs[0]) == 0);
    example_batch_destroy(&batch);
    oracle_destroy(o);
}

static void what_cannot_be_done_is_refused(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = randomized_engine(o), *prefix = network;
    float gradient[2 * EXAMPLE_CLASSES] = {0}, images[2 * 20] = {0};
    CHECK_FAILS(spar_network_prefix(network, "fc9", NULL, &prefix), SPAR_ERROR_ARGUMENT, "fc9");
    CHECK(prefix == NULL);
    CHECK_FAILS(spar_network_prefix(NULL, "fc1", NULL, &prefix), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_network_prefix(network, "fc1", NULL, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    spar_network_options options = spar_network_defaults();
    options.batch_size = 0;
    CHECK_FAILS(spar_network_prefix(network, "fc1", &options, &prefix), SPAR_ERROR_ARGUMENT, "0");
    CHECK_OK(spar_network_prefix(network, "flatten1", NULL, &prefix));
    spar_network *none = NULL;
    CHECK_FAILS(spar_network_prefix(prefix, NULL, NULL, &none), SPAR_ERROR_ARGUMENT, "dense");
    spar_network_destroy(prefix);

    CHECK_FAILS(spar_backward_output(network, gradient, 1, 0), SPAR_ERROR_STATE, "forward");
    CHECK_OK(spar_forward(network, images, 2, 0));
    CHECK_FAILS(spar_backward_output(NULL, gradient, 1, 0), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_backward_output(network, NULL, 1, 0), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_backward_output(network, gradient, 0, 0), SPAR_ERROR_ARGUMENT, "scale");
    CHECK_FAILS(spar_backward_output(network, gradient, 1, 1 << 20), SPAR_ERROR_ARGUMENT, "flags");
    gradient[EXAMPLE_CLASSES + 2] = NAN;
    CHECK_FAILS(spar_backward_output(network, gradient, 1, 0), SPAR_ERROR_NON_FINITE, "output 2 of image 1");
    gradient[EXAMPLE_CLASSES + 2] = 0;
    CHECK_OK(spar_backward_output(network, gradient, 1, 0));
    CHECK_FAILS(spar_backward_output(network, gradient, 1, 0), SPAR_ERROR_STATE, "overwritten");
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(a_prefix_ends_where_its_flatten_would_have_a_layers_name), TEST(every_layer_ends_a_prefix),
          TEST(without_a_layer_a_prefix_ends_where_the_last_dense_layer_reads),
          TEST(layers_tell_their_parameters_and_multiply_adds), TEST(a_prefix_stands_alone),
          TEST(the_gradient_of_the_loss_gives_the_pass_of_the_loss), TEST(what_cannot_be_done_is_refused))
