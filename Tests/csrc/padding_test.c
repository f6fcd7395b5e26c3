// Channels are padded to whole vectors, in memory that passes share: what an overflow leaves there goes nowhere.
#include "graph/network.h"
#include "support/check.h"
#include "support/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 6, SIDE = 8, CLASSES = 5 };

// Flattened to 24 values, which are added to a dense layer's and normalized: both mix all columns into gradients.
// Pixels in the order of memory, or not.
static spar_network *create(bool pooled_to_one) {
    spar_graph *graph = NULL;
    spar_network *network = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_conv2d_params convolution = spar_conv2d_defaults();
    spar_batch_norm_params normalization = spar_batch_norm_defaults();
    spar_pool_params pool = spar_pool_defaults();
    spar_dense_params dense = spar_dense_defaults();
    spar_value x = spar_input(graph, 3, SIDE, SIDE);
    convolution.channels = 20;
    x = spar_relu(graph, spar_batch_norm(graph, spar_conv2d(graph, x, &convolution), &normalization));
    convolution.channels = pooled_to_one ? 24 : 6;
    x = spar_relu(graph, spar_conv2d(graph, x, &convolution));
    pool.kernel_height = pool.kernel_width = pool.stride_height = pool.stride_width = pooled_to_one ? SIDE : SIDE / 2;
    x = spar_flatten(graph, spar_average_pool2d(graph, x, &pool));
    dense.units = 24;
    x = spar_batch_norm(graph, spar_add(graph, spar_dense(graph, x, &dense), x), &normalization);
    dense.units = CLASSES;
    spar_network_options options = spar_network_defaults();
    options.batch_size = COUNT, options.threads = 2;
    CHECK_OK(spar_network_create(graph, spar_dense(graph, x, &dense), &options, &network));
    spar_graph_destroy(graph);
    return network;
}

static void an_overflow_leaves_nothing_behind(void) {
    float images[COUNT * 3 * SIDE * SIDE];
    int32_t labels[COUNT];
    for (int i = 0; i < COUNT * 3 * SIDE * SIDE; i++) images[i] = (float)((unsigned)i * 2654435761U >> 16) / 65536;
    for (int i = 0; i < COUNT; i++) labels[i] = i % CLASSES;
    for (int pooled = 0; pooled < 2; pooled++) {
        spar_network *network = create(pooled), *calm = NULL;
        spar_optimizer optimizer = spar_sgd_defaults();
        optimizer.learning_rate = 0.01f, optimizer.clip_norm = 1, optimizer.momentum = 0.9f;
        spar_loss_result result = {.struct_size = sizeof result}, expected = {.struct_size = sizeof expected};
        CHECK_OK(spar_train_step(network, &optimizer, images, labels, COUNT, &result));
        CHECK_OK(spar_network_clone(network, NULL, &calm));
        CHECK_OK(spar_forward(network, images, COUNT, SPAR_FORWARD_TRAIN));
        spar_backward(network, labels, 3e38f, SPAR_BACKWARD_WEIGHTS, NULL); // may tell that it overflows
        for (int step = 0; step < 3; step++) {
            optimizer.clip_norm = step == 0 ? 0 : 1;
            CHECK_OK(spar_train_step(calm, &optimizer, images, labels, COUNT, &expected));
            CHECK_OK(spar_train_step(network, &optimizer, images, labels, COUNT, &result));
            CHECK(result.loss == expected.loss);
            double norm = 0;
            CHECK_OK(spar_gradient_norm(network, &norm));
            CHECK(isfinite(norm));
        }
        spar_network_destroy(calm);
        spar_network_destroy(network);
    }
}

static void spoil(spar_network *network) {
    memset(network->arena, 0xff, network->arena_floats * sizeof(float)); // NaN
    memset(network->workspace, 0xff, network->workspace_floats * sizeof(float));
}

// Values, gradients and states with their padding, which norms are over.
static bool same_parameters(const spar_network *a, const spar_network *b) {
    bool same = true;
    for (int part = 0; part < SPAR_PARTS; part++) {
        int64_t floats = part == SPAR_PART_VALUE ? a->parameter_floats : a->all_trainable_floats;
        if (a->slots[part] == NULL || b->slots[part] == NULL) same = same && a->slots[part] == b->slots[part];
        if (a->slots[part] == NULL || b->slots[part] == NULL) continue;
        same = same && memcmp(a->slots[part], b->slots[part], (size_t)floats * sizeof(float)) == 0;
    }
    return same;
}

// The image itself has columns behind its own, and is added to a dense layer's and normalized as above.
static spar_network *create_flat(void) {
    spar_graph *graph = NULL;
    spar_network *network = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_batch_norm_params normalization = spar_batch_norm_defaults();
    spar_dense_params first = example_dense_params("first", 24), last = example_dense_params("last", CLASSES);
    spar_value x = spar_input(graph, 24, 1, 1);
    x = spar_batch_norm(graph, spar_add(graph, spar_dense(graph, x, &first), x), &normalization);
    spar_network_options options = spar_network_defaults();
    options.batch_size = COUNT, options.threads = 2;
    CHECK_OK(spar_network_create(graph, spar_dense(graph, x, &last), &options, &network));
    spar_graph_destroy(graph);
    return network;
}

static void take_step(spar_network *network, int step) {
    spar_network_info info = {.struct_size = sizeof info};
    spar_optimizer optimizer = spar_sgd_defaults();
    optimizer.learning_rate = 0.01f, optimizer.clip_norm = 1, optimizer.momentum = 0.9f;
    CHECK_OK(spar_network_get_info(network, &info));
    // A smaller batch too, behind whose rows others lie.
    int count = info.batch_size - step % 2;
    size_t floats = (size_t)(count * info.input_shape[0] * info.input_shape[1] * info.input_shape[2]);
    float *images = check_allocate(floats * sizeof *images);
    int32_t labels[COUNT];
    uint64_t state = (uint64_t)step;
    for (size_t i = 0; i < floats; i++) images[i] = (float)example_uniform(&state);
    for (int i = 0; i < count; i++) labels[i] = i % info.classes;
    CHECK_OK(spar_train_step(network, &optimizer, images, labels, count, NULL));
    free(images);
}

// Takes over `source`.
static void train_spoiled(spar_network *source, const char *preset, bool exact) {
    spar_network *network = NULL, *calm = NULL;
    spar_network_options options = {.struct_size = sizeof options};
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_network_get_options(source, &options));
    options.exact_convolutions = exact;
    CHECK_OK(spar_method_preset(preset, 0.1f, &method));
    CHECK_OK(spar_network_set_method(source, &method));
    CHECK_OK(spar_network_clone(source, &options, &calm));
    CHECK_OK(spar_network_clone(source, &options, &network));
    for (int step = 0; step < 3; step++) {
        spoil(network);
        take_step(network, step);
        take_step(calm, step);
    }
    check_that(same_parameters(network, calm), __FILE__, __LINE__, "%s differs", preset);
    spar_network_destroy(calm);
    spar_network_destroy(network);
    spar_network_destroy(source);
}

static void what_lies_in_shared_memory_is_read_by_no_step(void) {
    static const example_network examples[] = {example_dense,     example_convolutional, example_residual,
                                               example_depthwise, example_plain,         example_dropout,
                                               example_whitened};
    static const char *const presets[] = {"backprop", "layerwise", "anl", "pgd", "free", "trades", "sam"};
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        oracle *o = examples[e](EXAMPLE_BATCH);
        for (size_t p = 0; p < sizeof presets / sizeof *presets; p++) {
            train_spoiled(oracle_engine(o, 2, 7), presets[p], p % 2 > 0);
        }
        oracle_destroy(o);
    }
    static const char *const without_points[] = {"backprop", "sam"};
    for (int p = 0; p < 2; p++) {
        train_spoiled(create(false), without_points[p], false);
        train_spoiled(create(true), without_points[p], false);
        train_spoiled(create_flat(), without_points[p], false);
    }
}

TEST_MAIN(TEST(an_overflow_leaves_nothing_behind), TEST(what_lies_in_shared_memory_is_read_by_no_step))
