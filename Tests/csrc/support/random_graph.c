#include "random_graph.h"

#include "examples.h"

#include <math.h>
#include <stdio.h>

enum { MOST_LAYERS = 12, MOST_VALUES = 60 }; // few of a layer, so that everything may follow everything

static int draw(uint64_t *state, int count) {
    return (int)(example_uniform(state) * count);
}

static int pixels_of(const oracle *o, int x) {
    return o->layers[x].shape[1] * o->layers[x].shape[2];
}

static int draw_convolution(oracle *o, int x, const char *name, uint64_t *state) {
    int channels = o->layers[x].shape[0];
    spar_conv2d_params params = example_conv2d(name, 1 + draw(state, 6), 1 + 2 * draw(state, 2), 1, draw(state, 2));
    if (channels > 1 && draw(state, 3) == 0) params.channels = params.groups = channels;
    return oracle_conv2d(o, x, params);
}

static int draw_pool(oracle *o, int x, uint64_t *state) {
    spar_pool_params params = spar_pool_defaults();
    params.kernel_height = params.kernel_width = 1 + draw(state, 2);
    params.stride_height = params.stride_width = 1 + draw(state, 2);
    params.padding_height = params.padding_width = params.kernel_height / 2;
    return oracle_pool(o, x, draw(state, 2) ? ORACLE_MAX_POOL : ORACLE_AVERAGE_POOL, params);
}

static int draw_normalize(oracle *o, int x, const char *name, uint64_t *state) {
    float mean[MOST_VALUES], deviation[MOST_VALUES];
    for (int c = 0; c < o->layers[x].shape[0]; c++) {
        mean[c] = (float)example_uniform(state), deviation[c] = 0.5f + (float)example_uniform(state);
    }
    return oracle_normalize(o, x, name, mean, deviation);
}

static int draw_whitening(oracle *o, int x, const char *name, uint64_t *state) {
    int size = o->layers[x].size;
    float mean[MOST_VALUES], matrix[MOST_VALUES * MOST_VALUES];
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
    static const oracle_kind activations[] = {ORACLE_TANH, ORACLE_LOGISTIC};
    char name[ORACLE_NAME];
    int size = o->layers[x].size;
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
        return size < MOST_VALUES - 4 ? oracle_channel_shortcut(o, x, o->layers[x].shape[0] + draw(state, 3), 1) : x;
    case 7:
        return oracle_dropout(o, x, 0.25f);
    case 8:
        return oracle_point(o, x, name);
    case 9:
        return pixels_of(o, x) == 1 ? oracle_dense(o, x, example_dense_params(name, 2 + draw(state, 20))) : x;
    case 10:
        return oracle_unary(o, x, activations[draw(state, 2)]);
    case 11:
        return draw_whitening(o, x, name, state);
    default:
        return oracle_unary(o, x, ORACLE_FLATTEN);
    }
}

oracle *random_graph(uint64_t *state, int batch_size) {
    static const int channels[] = {1, 2, 3, 16};
    int c = channels[draw(state, 4)], most = c == 16 ? 1 : 4;
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
    static const char *const names[] = {"input",  "normalize", "whiten",   "conv2d",   "dense",    "batch_norm",
                                        "relu",   "relu6",     "tanh",     "logistic", "max_pool", "average_pool",
                                        "global", "add",       "shortcut", "dropout",  "flatten",  "point"};
    for (int i = 0, at = 0; i < o->layer_count && at < (int)capacity; i++) {
        const oracle_layer *layer = &o->layers[i];
        at += snprintf(text + at, capacity - (size_t)at, "%s%s %dx%dx%d", i > 0 ? ", " : "", names[layer->kind],
                       layer->shape[0], layer->shape[1], layer->shape[2]);
    }
}
