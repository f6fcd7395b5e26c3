#include "random_graph.h"

#include <stdio.h>

enum { MOST_VALUES = 24, MOST_SIDE = 13, MOST_CONSTANTS = 48 };

typedef struct value {
    spar_value id;
    int32_t shape[3];
} value;

typedef struct describer {
    fuzz_bytes *bytes;
    fuzz_graph *result;
    value values[MOST_VALUES];
    int count;
    char name[16]; // of the next layer
} describer;

static double size_of(const int32_t shape[3]) {
    return (double)shape[0] * shape[1] * shape[2];
}

static bool keep(describer *d, spar_value id) {
    if (id == SPAR_NO_VALUE || d->count == MOST_VALUES) return false;
    value *next = &d->values[d->count];
    next->id = id;
    FUZZ_REQUIRE(fuzz_succeeded(spar_value_shape(d->result->graph, id, next->shape)), "a value without shape");
    for (int i = 0; i < 3; i++) FUZZ_REQUIRE(next->shape[i] > 0, "a side of %d", next->shape[i]);
    d->result->activations += size_of(next->shape);
    d->count++;
    return true;
}

// Mostly the last one.
static const value *choose(describer *d) {
    int back = fuzz_rarely(d->bytes, 4) ? fuzz_choice(d->bytes, d->count) : 0;
    return &d->values[d->count - 1 - back];
}

static const value *choose_of_shape(describer *d, const value *x) {
    int first = fuzz_choice(d->bytes, d->count);
    for (int i = 0; i < d->count; i++) {
        const value *other = &d->values[(first + i) % d->count];
        if (other->shape[0] == x->shape[0] && other->shape[1] == x->shape[1] && other->shape[2] == x->shape[2]) {
            return other;
        }
    }
    return x;
}

static const char *name(describer *d) {
    if (fuzz_rarely(d->bytes, 4)) return NULL;
    snprintf(d->name, sizeof d->name, "%s%d", fuzz_rarely(d->bytes, 200) ? "" : "layer", d->count);
    return d->name;
}

// A kernel that fits the side and its padding, unless bytes want it otherwise.
static void choose_window(describer *d, int32_t side, int32_t *kernel, int32_t *stride, int32_t *padding) {
    *padding = fuzz_choice(d->bytes, 3);
    int32_t most = side + 2 * *padding;
    *kernel = fuzz_size(d->bytes, most < 7 ? most : 7);
    *stride = fuzz_size(d->bytes, 3);
    if (*padding > 0 && fuzz_rarely(d->bytes, 100)) *padding = fuzz_size(d->bytes, 9);
}

static spar_value convolution(describer *d, const value *x) {
    spar_conv2d_params params = spar_conv2d_defaults();
    params.name = name(d);
    choose_window(d, x->shape[1], &params.kernel_height, &params.stride_height, &params.padding_height);
    choose_window(d, x->shape[2], &params.kernel_width, &params.stride_width, &params.padding_width);
    switch (fuzz_choice(d->bytes, 6)) {
    case 0: // the engine's fastest
        params.kernel_height = params.kernel_width = 3;
        params.stride_height = params.stride_width = params.padding_height = params.padding_width = 1;
        break;
    case 1:
        params.kernel_height = params.kernel_width = 1;
        params.padding_height = params.padding_width = 0;
        break;
    case 2: // depthwise
        params.groups = x->shape[0];
        break;
    case 3:
        params.groups = fuzz_size(d->bytes, 6);
        break;
    default:
        break;
    }
    int32_t multiplier = fuzz_size(d->bytes, params.groups > 1 ? 3 : 40);
    bool multiply = params.groups > 1 && params.groups < 1 << 16 && multiplier > 0 && multiplier < 8;
    params.channels = multiply ? params.groups * multiplier : multiplier;
    params.bias = fuzz_choice(d->bytes, 2);
    params.initializer = (spar_initializer)fuzz_choice(d->bytes, fuzz_rarely(d->bytes, 50) ? 6 : 3);
    params.initializer_deviation = fuzz_number(d->bytes);
    double in = (double)x->shape[0] / (params.groups > 0 ? params.groups : 1);
    d->result->weights += params.channels * in * params.kernel_height * params.kernel_width;
    return spar_conv2d(d->result->graph, x->id, &params);
}

static spar_value dense(describer *d, const value *x, int most) {
    spar_graph *graph = d->result->graph;
    spar_dense_params params = spar_dense_defaults();
    spar_value id = x->shape[1] * x->shape[2] > 1 ? spar_flatten(graph, x->id) : x->id;
    params.name = name(d);
    params.units = fuzz_size(d->bytes, most);
    params.bias = fuzz_choice(d->bytes, 2);
    params.initializer = (spar_initializer)fuzz_choice(d->bytes, 3);
    d->result->weights += params.units * size_of(x->shape);
    return spar_dense(graph, id, &params);
}

static spar_value constants(describer *d, const value *x, bool whiten) {
    float mean[MOST_CONSTANTS], deviation[MOST_CONSTANTS], matrix[MOST_CONSTANTS * MOST_CONSTANTS];
    if (size_of(x->shape) > MOST_CONSTANTS) return spar_relu(d->result->graph, x->id);
    int32_t count = whiten ? x->shape[0] * x->shape[1] * x->shape[2] : x->shape[0];
    bool hard = fuzz_rarely(d->bytes, 16);
    for (int i = 0; i < count; i++) {
        mean[i] = hard ? fuzz_number(d->bytes) : 0.01f * (float)fuzz_byte(d->bytes);
        deviation[i] = hard ? fuzz_number(d->bytes) : 0.1f + 0.01f * (float)fuzz_byte(d->bytes);
    }
    if (!whiten) return spar_normalize(d->result->graph, x->id, name(d), mean, deviation);
    for (int i = 0; i < count * count; i++) matrix[i] = deviation[i % count] - deviation[i / count];
    return spar_whiten(d->result->graph, x->id, name(d), mean, matrix);
}

static spar_value batch_norm(describer *d, const value *x) {
    spar_batch_norm_params params = spar_batch_norm_defaults();
    params.name = name(d);
    if (fuzz_rarely(d->bytes, 16)) params.momentum = fuzz_number(d->bytes);
    if (fuzz_rarely(d->bytes, 16)) params.epsilon = fuzz_number(d->bytes);
    return spar_batch_norm(d->result->graph, x->id, &params);
}

static spar_value pool(describer *d, const value *x, bool average) {
    spar_pool_params params = spar_pool_defaults();
    params.name = name(d);
    choose_window(d, x->shape[1], &params.kernel_height, &params.stride_height, &params.padding_height);
    choose_window(d, x->shape[2], &params.kernel_width, &params.stride_width, &params.padding_width);
    if (params.padding_height > params.kernel_height / 2) params.padding_height = 0;
    if (params.padding_width > params.kernel_width / 2) params.padding_width = 0;
    return average ? spar_average_pool2d(d->result->graph, x->id, &params)
                   : spar_max_pool2d(d->result->graph, x->id, &params);
}

static spar_value layer(describer *d) {
    spar_graph *graph = d->result->graph;
    const value *x = choose(d);
    switch (fuzz_choice(d->bytes, 22)) {
    case 0:
        return constants(d, x, false);
    case 1:
        return constants(d, x, true);
    case 2:
    case 3:
    case 4:
        return convolution(d, x);
    case 5:
        return dense(d, x, 40);
    case 6:
    case 7:
        return batch_norm(d, x);
    case 8:
        return spar_relu(graph, x->id);
    case 9:
        return spar_relu6(graph, x->id);
    case 10:
        return spar_tanh(graph, x->id);
    case 11:
        return spar_logistic(graph, x->id);
    case 12:
        return pool(d, x, false);
    case 13:
        return pool(d, x, true);
    case 14:
        return spar_global_average_pool(graph, x->id);
    case 15:
        return spar_add(graph, x->id, choose_of_shape(d, x)->id);
    case 16: {
        int32_t more = fuzz_size(d->bytes, 20);
        int32_t channels = more > 0 && more <= 20 ? x->shape[0] + more - 1 : more;
        return spar_channel_shortcut(graph, x->id, channels, fuzz_size(d->bytes, 3));
    }
    case 17:
        return spar_dropout(graph, x->id, fuzz_rarely(d->bytes, 8) ? fuzz_number(d->bytes) : 0.3f);
    case 18:
        return spar_flatten(graph, x->id);
    case 19:
        return spar_silu(graph, x->id);
    case 20:
        return spar_gelu(graph, x->id);
    default:
        return spar_perturb(graph, x->id, name(d));
    }
}

fuzz_graph fuzz_graph_create(fuzz_bytes *bytes) {
    fuzz_graph result = {.output = SPAR_NO_VALUE};
    describer d = {.bytes = bytes, .result = &result};
    FUZZ_REQUIRE(fuzz_succeeded(spar_graph_create(&result.graph)), "no graph: %s", spar_last_error());
    int32_t channels = fuzz_size(bytes, 4), height = fuzz_size(bytes, MOST_SIDE), width = fuzz_size(bytes, MOST_SIDE);
    bool described = keep(&d, spar_input(result.graph, channels, height, width));
    for (int layers = fuzz_choice(bytes, 14); described && layers > 0; layers--) described = keep(&d, layer(&d));
    if (!described) return result;
    const value *last = choose(&d);
    bool output_is_flat = last->shape[1] == 1 && last->shape[2] == 1 && fuzz_rarely(bytes, 4);
    result.output = output_is_flat || fuzz_rarely(bytes, 64) ? last->id : dense(&d, last, 10);
    return result;
}
