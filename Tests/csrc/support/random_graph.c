#include "random_graph.h"

#include "examples.h"

#include <math.h>
#include <stdio.h>

// Few values of a layer, so that everything may follow everything.
enum { MOST_LAYERS = 12, MOST_VALUES = 150, MOST_WHITENED = 60, MOST_NORMALIZED = 60 };

static int draw(uint64_t *state, int count) {
    return (int)(example_uniform(state) * count);
}

static int pixels_of(const oracle *o, int x) {
    return o->layers[x].shape[1] * o->layers[x].shape[2];
}

static bool is_one_of(uint64_t *state, int count) {
    return draw(state, count) == 0;
}

// A kernel of one side, its stride and its padding, which leave at least one place.
static void draw_window(int side, int most_padding, uint64_t *state, int32_t *kernel, int32_t *stride,
                        int32_t *padding) {
    *padding = draw(state, most_padding + 1);
    *kernel = 2 * *padding + 1 + draw(state, 2);
    if (*kernel > side + 2 * *padding) *kernel = 1 + 2 * *padding;
    *stride = 1 + is_one_of(state, 3);
}

static int draw_convolution(oracle *o, int x, const char *name, uint64_t *state) {
    int channels = o->layers[x].shape[0];
    spar_conv2d_params params = example_conv2d(name, 1 + draw(state, 6), 3, 1, draw(state, 2));
    if (!is_one_of(state, 3)) { // else 3×3, stride 1, padding 1
        draw_window(o->layers[x].shape[1], 2, state, &params.kernel_height, &params.stride_height,
                    &params.padding_height);
        draw_window(o->layers[x].shape[2], 2, state, &params.kernel_width, &params.stride_width, &params.padding_width);
    }
    if (is_one_of(state, 8)) params.channels = 17; // more than one vector of any instruction set
    if (is_one_of(state, 3)) {
        int groups = 1 + draw(state, channels);
        while (channels % groups != 0) groups--;
        params.groups = is_one_of(state, 2) ? channels : groups;
        params.channels = params.groups * (is_one_of(state, 2) ? 1 : 1 + draw(state, 2));
    }
    return oracle_conv2d(o, x, params);
}

static int draw_pool(oracle *o, int x, uint64_t *state) {
    spar_pool_params params = spar_pool_defaults();
    draw_window(o->layers[x].shape[1], 1, state, &params.kernel_height, &params.stride_height, &params.padding_height);
    draw_window(o->layers[x].shape[2], 1, state, &params.kernel_width, &params.stride_width, &params.padding_width);
    return oracle_pool(o, x, draw(state, 2) ? ORACLE_MAX_POOL : ORACLE_AVERAGE_POOL, params);
}

static int draw_shortcut(oracle *o, int x, uint64_t *state) {
    int channels = o->layers[x].shape[0] + draw(state, 3), stride = 1 + is_one_of(state, 3);
    return channels * pixels_of(o, x) <= MOST_VALUES ? oracle_channel_shortcut(o, x, channels, stride) : x;
}

static int draw_normalize(oracle *o, int x, const char *name, uint64_t *state) {
    float mean[MOST_NORMALIZED], deviation[MOST_NORMALIZED];
    if (o->layers[x].shape[0] > MOST_NORMALIZED) return x;
    for (int c = 0; c < o->layers[x].shape[0]; c++) {
        mean[c] = (float)example_uniform(state), deviation[c] = 0.5f + (float)example_uniform(state);
    }
    return oracle_normalize(o, x, name, mean, deviation);
}

static int draw_whitening(oracle *o, int x, const char *name, uint64_t *state) {
    int size = o->layers[x].size;
    float mean[MOST_WHITENED], matrix[MOST_WHITENED * MOST_WHITENED];
    if (size > MOST_WHITENED) return x;
    for (int i = 0; i < size; i++) mean[i] = (float)example_uniform(state);
    for (int i = 0; i < size * size; i++) matrix[i] = (float)((2 * example_uniform(state) - 1) / sqrt(size));
    return oracle_whiten(o, x, name, mean, matrix);
}

static int draw_batch_norm(oracle *o, int x, const char *name) {
    x = oracle_batch_norm(o, x, name);
    o->layers[x].batch_norm.epsilon = 0.1f; // channels of one value do not multiply rounding
    return x;
}

// Adds the last value to an earlier one of its shape, itself if there is no other.
static int draw_add(oracle *o, int x, uint64_t *state) {
    int other = draw(state, x + 1);
    while (o->layers[other].shape[0] != o->layers[x].shape[0] || o->layers[other].shape[1] != o->layers[x].shape[1] ||
           o->layers[other].shape[2] != o->layers[x].shape[2]) {
        other = (other + 1) % (x + 1);
    }
    return draw(state, 2) ? oracle_add(o, x, other) : oracle_add(o, other, x);
}

static int draw_layer(oracle *o, int x, uint64_t *state) {
    enum { ACTIVATIONS = ORACLE_MAX_POOL - ORACLE_RELU };
    char name[ORACLE_NAME];
    snprintf(name, sizeof name, "layer%d", x);
    switch (draw(state, 15)) {
    case 0:
        return draw_convolution(o, x, name, state);
    case 1:
        return draw_pool(o, x, state);
    case 2:
        return oracle_unary(o, x, ORACLE_GLOBAL_AVERAGE_POOL);
    case 3:
        return draw_normalize(o, x, name, state);
    case 4:
        return draw_batch_norm(o, x, name);
    case 5:
        return draw_add(o, x, state);
    case 6:
        return draw_shortcut(o, x, state);
    case 7:
        return oracle_dropout(o, x, 0.25f);
    case 8:
        return oracle_point(o, x, name);
    case 9:
        return pixels_of(o, x) == 1 ? oracle_dense(o, x, example_dense_params(name, 2 + draw(state, 20))) : x;
    case 10:
        return oracle_unary(o, x, (oracle_kind)(ORACLE_RELU + draw(state, ACTIVATIONS)));
    case 11:
        return draw_whitening(o, x, name, state);
    default:
        return oracle_unary(o, x, ORACLE_FLATTEN);
    }
}

oracle *random_graph(uint64_t *state, int batch_size) {
    static const int channels[] = {1, 2, 3, 16};
    int c = channels[draw(state, 4)], most = c == 16 ? 3 : 7;
    oracle *o = oracle_create(c, 1 + draw(state, most), 1 + draw(state, most), batch_size, SPAR_LOSS_SQUARED_ERROR);
    int x = 0;
    for (int layers = 2 + draw(state, MOST_LAYERS - 2), tries = 0; o->layer_count < layers && tries < 100; tries++) {
        x = draw_layer(o, x, state);
        if (o->layers[x].size > MOST_VALUES) x = oracle_unary(o, x, ORACLE_GLOBAL_AVERAGE_POOL);
    }
    if (pixels_of(o, x) > 1) x = oracle_unary(o, x, ORACLE_FLATTEN);
    if (o->layers[x].size < 2 || draw(state, 2)) oracle_dense(o, x, example_dense_params("last", EXAMPLE_CLASSES));
    return o;
}

void random_graph_describe(const oracle *o, char *text, size_t capacity) {
#define NAME(KIND, NAME, Y, SLOPE) #NAME,
    static const char *const names[] = {
        "input",        "normalize", "whiten", "conv2d",   "dense",   "batch_norm", ORACLE_ACTIVATIONS(NAME) "max_pool",
        "average_pool", "global",    "add",    "shortcut", "dropout", "flatten",    "point"};
    for (int i = 0, at = 0; i < o->layer_count && at < (int)capacity; i++) {
        const oracle_layer *layer = &o->layers[i];
        at += snprintf(text + at, capacity - (size_t)at, "%s%s %dx%dx%d", i > 0 ? ", " : "", names[layer->kind],
                       layer->shape[0], layer->shape[1], layer->shape[2]);
    }
}
