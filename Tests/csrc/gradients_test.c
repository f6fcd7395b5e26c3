// Every operation on odd shapes: the engine's outputs and gradients against central differences.
#include "support/differences.h"

#include <stdio.h>

typedef int (*operation)(oracle *o, int x, const void *params);

// The operation between the image (or a tanh of it, whose layout is that of hidden values) and a dense layer.
static void check_operation_on(int fewest, const char *name, const int shape[3], operation add, const void *params,
                               bool train) {
    for (int hidden = 0; hidden < 2; hidden++) {
        for (int count = fewest; count <= EXAMPLE_BATCH; count += EXAMPLE_BATCH - fewest) {
            oracle *o = oracle_create(shape[0], shape[1], shape[2], EXAMPLE_BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
            int x = hidden ? oracle_unary(o, 0, ORACLE_TANH) : 0;
            x = add(o, x, params);
            x = oracle_unary(o, x, ORACLE_FLATTEN);
            oracle_dense(o, x, example_dense_params("fc", EXAMPLE_CLASSES));
            char label[120];
            snprintf(label, sizeof label, "%s of %d×%d×%d%s", name, shape[0], shape[1], shape[2],
                     hidden ? " hidden" : "");
            differences_check_network(label, o, count, train, 12);
            oracle_destroy(o);
        }
    }
}

static void check_operation(const char *name, const int shape[3], operation add, const void *params, bool train) {
    check_operation_on(1, name, shape, add, params, train);
}

static int add_conv2d(oracle *o, int x, const void *params) {
    return oracle_conv2d(o, x, *(const spar_conv2d_params *)params);
}

static void convolutions_of_every_geometry(void) {
    static const struct {
        int shape[3], channels, kernel[2], stride[2], padding[2], groups;
        bool bias;
    } cases[] = {
        {{3, 7, 5}, 17, {3, 3}, {1, 1}, {1, 1}, 1, false},   {{17, 7, 5}, 3, {3, 3}, {1, 1}, {1, 1}, 1, true},
        {{16, 8, 8}, 32, {3, 3}, {1, 1}, {1, 1}, 1, false},  {{33, 6, 9}, 16, {3, 3}, {1, 1}, {1, 1}, 1, true},
        {{17, 12, 13}, 5, {3, 3}, {1, 1}, {0, 0}, 1, false}, {{5, 7, 5}, 4, {3, 3}, {1, 1}, {2, 2}, 1, true},
        {{3, 1, 1}, 17, {3, 3}, {1, 1}, {1, 1}, 1, false},   {{17, 1, 1}, 3, {1, 1}, {1, 1}, {0, 0}, 1, true},
        {{3, 7, 5}, 8, {3, 3}, {2, 2}, {1, 1}, 1, false},    {{17, 7, 5}, 16, {3, 3}, {2, 2}, {1, 1}, 1, true},
        {{8, 7, 5}, 17, {1, 1}, {2, 2}, {0, 0}, 1, false},   {{17, 7, 5}, 16, {1, 1}, {1, 1}, {0, 0}, 1, true},
        {{3, 9, 8}, 6, {5, 5}, {1, 1}, {2, 2}, 1, true},     {{1, 9, 8}, 6, {5, 5}, {1, 1}, {0, 0}, 1, true},
        {{4, 7, 5}, 5, {2, 2}, {2, 2}, {0, 0}, 1, true},     {{4, 7, 5}, 5, {4, 4}, {1, 1}, {1, 1}, 1, false},
        {{3, 7, 5}, 4, {1, 3}, {1, 1}, {0, 1}, 1, true},     {{3, 7, 5}, 4, {3, 1}, {2, 1}, {1, 0}, 1, true},
        {{3, 11, 10}, 4, {7, 7}, {2, 2}, {3, 3}, 1, false},  {{4, 5, 5}, 6, {5, 5}, {1, 1}, {0, 0}, 1, true},
        {{17, 7, 5}, 17, {3, 3}, {1, 1}, {1, 1}, 17, true},  {{17, 7, 5}, 17, {3, 3}, {2, 2}, {1, 1}, 17, false},
        {{6, 7, 5}, 12, {3, 3}, {1, 1}, {1, 1}, 6, true},    {{6, 7, 5}, 9, {3, 3}, {2, 1}, {1, 1}, 3, true},
        {{32, 7, 5}, 32, {3, 3}, {1, 1}, {1, 1}, 2, false},  {{6, 7, 5}, 4, {1, 1}, {1, 1}, {0, 0}, 2, true},
        {{3, 5, 5}, 4, {3, 3}, {3, 3}, {0, 0}, 1, false},    {{2, 3, 4}, 3, {3, 3}, {1, 1}, {1, 1}, 1, false},
        {{3, 9, 17}, 17, {3, 3}, {2, 2}, {1, 1}, 1, true},   {{2, 7, 11}, 40, {3, 3}, {1, 1}, {1, 1}, 1, true},
        {{5, 6, 20}, 19, {3, 5}, {1, 2}, {0, 2}, 1, false},  {{1, 10, 18}, 6, {5, 5}, {1, 1}, {0, 0}, 1, true},
        {{4, 5, 33}, 17, {4, 4}, {1, 1}, {1, 2}, 1, false},  {{1, 9, 9}, 3, {1, 1}, {1, 1}, {0, 0}, 1, true},
        {{2, 6, 14}, 5, {2, 7}, {1, 1}, {1, 3}, 1, true},    {{1, 600, 8}, 2, {4, 3}, {1, 1}, {1, 1}, 1, true},
        {{17, 2, 2}, 33, {3, 3}, {1, 1}, {1, 1}, 1, true},   {{32, 3, 3}, 16, {3, 3}, {1, 1}, {1, 1}, 1, false},
        {{48, 1, 1}, 17, {3, 3}, {1, 1}, {1, 1}, 1, true},   {{16, 4, 3}, 18, {5, 5}, {1, 1}, {2, 2}, 1, false},
        {{16, 2, 3}, 70, {3, 3}, {2, 1}, {1, 1}, 1, true},   {{33, 2, 2}, 16, {1, 1}, {1, 1}, {1, 1}, 1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spar_conv2d_params params = example_conv2d("conv", cases[i].channels, 3, 1, cases[i].bias);
        params.kernel_height = cases[i].kernel[0];
        params.kernel_width = cases[i].kernel[1];
        params.stride_height = cases[i].stride[0];
        params.stride_width = cases[i].stride[1];
        params.padding_height = cases[i].padding[0];
        params.padding_width = cases[i].padding[1];
        params.groups = cases[i].groups;
        char name[100];
        snprintf(name, sizeof name, "%d×%d convolution to %d, stride %d×%d, padding %d×%d, %d groups",
                 params.kernel_height, params.kernel_width, params.channels, params.stride_height, params.stride_width,
                 params.padding_height, params.padding_width, params.groups);
        check_operation(name, cases[i].shape, add_conv2d, &params, true);
    }
}

static int add_convolutions(oracle *o, int x, const void *kernels) {
    const int *kernel = kernels;
    int first = oracle_conv2d(o, x, example_conv2d("first", 6, kernel[0], 1, true));
    return oracle_add(o, first, oracle_conv2d(o, x, example_conv2d("second", 6, kernel[1], 1, true)));
}

static void an_image_that_convolutions_share(void) {
    static const int shapes[][3] = {{1, 9, 10}, {3, 8, 8}, {3, 7, 5}}, kernels[][2] = {{3, 5}, {5, 3}, {3, 3}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++) {
            check_operation("convolutions that share", shapes[s], add_convolutions, kernels[k], true);
        }
    }
}

typedef struct pooling {
    oracle_kind kind;
    spar_pool_params params;
} pooling;

static int add_pool(oracle *o, int x, const void *params) {
    const pooling *p = params;
    return oracle_pool(o, x, p->kind, p->params);
}

static void pooling_of_every_geometry(void) {
    static const struct {
        int shape[3], kernel[2], stride[2], padding[2];
    } cases[] = {
        {{3, 7, 5}, {2, 2}, {2, 2}, {0, 0}},  {{17, 6, 8}, {2, 2}, {2, 2}, {0, 0}},
        {{17, 7, 5}, {3, 3}, {2, 2}, {1, 1}}, {{3, 7, 5}, {3, 3}, {1, 1}, {1, 1}},
        {{3, 7, 5}, {3, 3}, {2, 2}, {0, 0}},  {{17, 1, 1}, {3, 3}, {1, 1}, {1, 1}},
        {{16, 7, 5}, {3, 2}, {1, 2}, {0, 1}}, {{3, 7, 5}, {7, 5}, {1, 1}, {0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int average = 0; average < 2; average++) {
            pooling p = {average ? ORACLE_AVERAGE_POOL : ORACLE_MAX_POOL, spar_pool_defaults()};
            p.params.kernel_height = cases[i].kernel[0];
            p.params.kernel_width = cases[i].kernel[1];
            p.params.stride_height = cases[i].stride[0];
            p.params.stride_width = cases[i].stride[1];
            p.params.padding_height = cases[i].padding[0];
            p.params.padding_width = cases[i].padding[1];
            char name[80];
            snprintf(name, sizeof name, "%d×%d %s pooling, stride %d×%d", p.params.kernel_height, p.params.kernel_width,
                     average ? "average" : "max", p.params.stride_height, p.params.stride_width);
            check_operation(name, cases[i].shape, add_pool, &p, true);
        }
    }
}

// Spreads the pixels over ±10, so that all parts of an activation are seen.
static int add_activation(oracle *o, int x, const void *kind) {
    float mean[17], deviation[17];
    for (int c = 0; c < o->layers[x].shape[0]; c++) {
        mean[c] = 0.3f + 0.01f * c;
        deviation[c] = 0.05f + 0.001f * c;
    }
    if (x == 0) x = oracle_normalize(o, x, "normalize", mean, deviation);
    return oracle_unary(o, x, *(const oracle_kind *)kind);
}

static int add_unary(oracle *o, int x, const void *kind) {
    return oracle_unary(o, x, *(const oracle_kind *)kind);
}

static void activations_flatten_and_global_pooling(void) {
    static const int shapes[][3] = {{3, 7, 5}, {17, 1, 1}, {16, 2, 3}};
    static const oracle_kind flatten = ORACLE_FLATTEN, pool = ORACLE_GLOBAL_AVERAGE_POOL;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (const oracle_activation *row = oracle_activations; row->name != NULL; row++) {
            check_operation(row->name, shapes[s], add_activation, &row->kind, true);
        }
        check_operation("flatten", shapes[s], add_unary, &flatten, true);
        check_operation("global average pooling", shapes[s], add_unary, &pool, true);
    }
}

static int add_batch_norm(oracle *o, int x, const void *unused) {
    (void)unused;
    return oracle_batch_norm(o, x, "bn");
}

static void batch_normalization_in_both_modes(void) {
    static const int shapes[][3] = {{3, 7, 5}, {17, 7, 5}, {16, 2, 3}, {17, 1, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        int fewest = shapes[s][1] * shapes[s][2] > 1 ? 1 : 2; // for a variance
        check_operation_on(fewest, "batch normalization", shapes[s], add_batch_norm, NULL, true);
        check_operation("batch normalization", shapes[s], add_batch_norm, NULL, false);
    }
}

static int add_whitening(oracle *o, int x, const void *unused) {
    (void)unused;
    return example_whiten(o, x);
}

static int add_flat_whitening(oracle *o, int x, const void *unused) {
    return add_whitening(o, oracle_unary(o, x, ORACLE_FLATTEN), unused);
}

// Two readers of one value: the gradients add up. The pooling gives up the image's own rows.
static int add_whitening_beside_pooling(oracle *o, int x, const void *unused) {
    spar_pool_params same = spar_pool_defaults();
    same.kernel_height = same.kernel_width = 1, same.stride_height = same.stride_width = 1;
    return oracle_add(o, oracle_pool(o, x, ORACLE_MAX_POOL, same), add_whitening(o, x, unused));
}

static void whitening_of_maps_and_flat_values(void) {
    static const int shapes[][3] = {{1, 1, 1}, {3, 7, 5}, {17, 2, 3}, {16, 3, 1}, {1, 6, 6}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        check_operation("whitening", shapes[s], add_whitening, NULL, true);
        check_operation("whitening after a flatten", shapes[s], add_flat_whitening, NULL, true);
        check_operation("whitening beside pooling", shapes[s], add_whitening_beside_pooling, NULL, true);
    }
}

static int add_branches(oracle *o, int x, const void *unused) {
    (void)unused;
    int doubled = oracle_add(o, x, x);
    int relu = oracle_unary(o, oracle_add(o, doubled, oracle_unary(o, x, ORACLE_LOGISTIC)), ORACLE_RELU);
    return oracle_add(o, relu, x);
}

static int add_shortcuts(oracle *o, int x, const void *channels) {
    int wider = oracle_channel_shortcut(o, x, *(const int *)channels, 2);
    return oracle_channel_shortcut(o, oracle_unary(o, wider, ORACLE_TANH), *(const int *)channels + 1, 1);
}

static void additions_and_channel_shortcuts(void) {
    static const int shapes[][3] = {{3, 7, 5}, {17, 6, 4}, {16, 1, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        check_operation("additions", shapes[s], add_branches, NULL, true);
        for (int channels = 17; channels <= 34; channels += 17) {
            check_operation("channel shortcut", shapes[s], add_shortcuts, &channels, true);
        }
    }
}

static int add_dense(oracle *o, int x, const void *params) {
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    return oracle_dense(o, x, *(const spar_dense_params *)params);
}

static void dense_layers_after_maps_of_every_shape(void) {
    static const int shapes[][3] = {{1, 1, 1}, {3, 7, 5}, {17, 1, 1}, {17, 2, 3}, {16, 3, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (int units = 1; units <= 33; units += 16) {
            spar_dense_params params = example_dense_params("dense", units);
            params.bias = units != 17;
            check_operation("dense", shapes[s], add_dense, &params, true);
        }
    }
}

static int add_flat_batch_norm(oracle *o, int x, const void *unused) {
    return add_batch_norm(o, oracle_unary(o, x, ORACLE_FLATTEN), unused);
}

static int add_flat_sum(oracle *o, int x, const void *unused) {
    (void)unused;
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    int dense = oracle_dense(o, x, example_dense_params("dense", o->layers[x].size));
    return oracle_add(o, x, dense);
}

static int add_flat_shortcut(oracle *o, int x, const void *unused) {
    (void)unused;
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    return oracle_channel_shortcut(o, x, o->layers[x].size + 3, 1);
}

static void flattened_values_count_channels_rows_columns(void) {
    static const int shapes[][3] = {{3, 7, 5}, {16, 2, 3}, {17, 1, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        check_operation_on(2, "batch normalization after a flatten", shapes[s], add_flat_batch_norm, NULL, true);
        check_operation("addition after a flatten", shapes[s], add_flat_sum, NULL, true);
        check_operation("channel shortcut after a flatten", shapes[s], add_flat_shortcut, NULL, true);
    }
    for (int count = 1; count <= EXAMPLE_BATCH; count += EXAMPLE_BATCH - 1) {
        oracle *o = oracle_create(3, 5, 4, EXAMPLE_BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
        int x = oracle_conv2d(o, 0, example_conv2d("conv", 2, 3, 2, true));
        oracle_unary(o, x, ORACLE_FLATTEN);
        differences_check_network("a flatten as output", o, count, true, 12);
        oracle_destroy(o);
    }
}

static int add_dropout(oracle *o, int x, const void *rate) {
    x = oracle_dropout(o, x, *(const float *)rate);
    x = oracle_conv2d(o, x, example_conv2d("conv", 5, 3, 1, true));
    return oracle_dropout(o, x, 0.25f);
}

// An activation that reads the image's dropout changes how its draws are counted.
static int add_dropout_and_activation(oracle *o, int x, const void *rate) {
    return oracle_unary(o, oracle_dropout(o, x, *(const float *)rate), ORACLE_TANH);
}

static int add_flat_dropout(oracle *o, int x, const void *rate) {
    x = oracle_conv2d(o, x, example_conv2d("conv", 5, 3, 1, true));
    return oracle_dropout(o, oracle_unary(o, x, ORACLE_FLATTEN), *(const float *)rate);
}

static void dropout_follows_the_documented_stream(void) {
    static const int shapes[][3] = {{3, 7, 5}, {17, 2, 3}, {40, 1, 1}};
    float rate = 0.5f;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        check_operation("dropout", shapes[s], add_dropout, &rate, true);
        check_operation("dropout", shapes[s], add_dropout, &rate, false);
        check_operation("dropout and activation", shapes[s], add_dropout_and_activation, &rate, true);
        check_operation("dropout after a flatten", shapes[s], add_flat_dropout, &rate, true);
    }
}

TEST_MAIN(TEST(convolutions_of_every_geometry), TEST(an_image_that_convolutions_share), TEST(pooling_of_every_geometry),
          TEST(activations_flatten_and_global_pooling), TEST(batch_normalization_in_both_modes),
          TEST(whitening_of_maps_and_flat_values), TEST(additions_and_channel_shortcuts),
          TEST(dense_layers_after_maps_of_every_shape), TEST(flattened_values_count_channels_rows_columns),
          TEST(dropout_follows_the_documented_stream))
