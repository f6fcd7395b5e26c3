// Description of the oracle's network, and the engine's network made from it.
#include "oracle.h"
#include "check.h"
#include "examples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double *allocate_doubles(size_t count) {
    return check_allocate(count * sizeof(double));
}

static oracle_layer *add_layer(oracle *o, oracle_kind kind, int x, int channels, int height, int width) {
    if (o->layer_count == ORACLE_MAX_LAYERS) {
        printf("the oracle takes at most %d layers\n", ORACLE_MAX_LAYERS);
        exit(99);
    }
    oracle_layer *layer = &o->layers[o->layer_count++];
    layer->kind = kind;
    layer->inputs[0] = x;
    layer->inputs[1] = -1;
    layer->shape[0] = channels;
    layer->shape[1] = height;
    layer->shape[2] = width;
    layer->size = channels * height * width;
    layer->value = allocate_doubles((size_t)layer->size * o->batch_size);
    layer->gradient = allocate_doubles((size_t)layer->size * o->batch_size);
    return layer;
}

static oracle_layer *add_like(oracle *o, oracle_kind kind, int x) {
    const int *shape = o->layers[x].shape;
    return add_layer(o, kind, x, shape[0], shape[1], shape[2]);
}

static int number_of(const oracle *o, const oracle_layer *layer) {
    return (int)(layer - o->layers);
}

static void add_parameter(oracle_layer *layer, const char *suffix, int units, int count, bool trainable) {
    oracle_parameter *parameter = &layer->parameters[layer->parameter_count++];
    size_t length = strlen(layer->name);
    memcpy(parameter->name, layer->name, length);
    snprintf(parameter->name + length, sizeof parameter->name - length, ".%s", suffix);
    parameter->units = units;
    parameter->count = count;
    parameter->trainable = trainable;
    parameter->learning_rate_factor = 1;
    parameter->value = allocate_doubles(count);
    parameter->gradient = allocate_doubles(count);
    parameter->velocity = allocate_doubles(count);
    parameter->square = allocate_doubles(count);
}

static void set_name(oracle_layer *layer, const char *name) {
    snprintf(layer->name, sizeof layer->name, "%s", name);
}

oracle *oracle_create(int channels, int height, int width, int batch_size, spar_loss loss) {
    oracle *o = check_allocate(sizeof *o);
    o->batch_size = batch_size;
    o->loss = loss;
    add_layer(o, ORACLE_INPUT, -1, channels, height, width);
    return o;
}

void oracle_destroy(oracle *o) {
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        free(parameter->value);
        free(parameter->gradient);
        free(parameter->velocity);
        free(parameter->square);
    }
    for (oracle_layer *layer = o->layers; layer < o->layers + o->layer_count; layer++) {
        free(layer->value);
        free(layer->gradient);
        free(layer->mask);
        free(layer->perturbation);
        free(layer->batch_mean);
        free(layer->batch_var);
    }
    free(o);
}

int oracle_normalize(oracle *o, int x, const char *name, const float *mean, const float *deviation) {
    oracle_layer *layer = add_like(o, ORACLE_NORMALIZE, x);
    set_name(layer, name);
    add_parameter(layer, "mean", 0, layer->shape[0], false);
    add_parameter(layer, "deviation", 0, layer->shape[0], false);
    for (int c = 0; c < layer->shape[0]; c++) {
        layer->parameters[0].value[c] = mean[c];
        layer->parameters[1].value[c] = deviation[c];
    }
    return number_of(o, layer);
}

int oracle_whiten(oracle *o, int x, const char *name, const float *mean, const float *matrix) {
    oracle_layer *layer = add_like(o, ORACLE_WHITEN, x);
    set_name(layer, name);
    add_parameter(layer, "mean", 0, layer->size, false);
    add_parameter(layer, "matrix", 0, layer->size * layer->size, false);
    for (int i = 0; i < layer->size; i++) layer->parameters[0].value[i] = mean[i];
    for (int i = 0; i < layer->size * layer->size; i++) layer->parameters[1].value[i] = matrix[i];
    return number_of(o, layer);
}

int oracle_conv2d(oracle *o, int x, spar_conv2d_params params) {
    const int *in = o->layers[x].shape;
    int height = (in[1] + 2 * params.padding_height - params.kernel_height) / params.stride_height + 1;
    int width = (in[2] + 2 * params.padding_width - params.kernel_width) / params.stride_width + 1;
    oracle_layer *layer = add_layer(o, ORACLE_CONV2D, x, params.channels, height, width);
    set_name(layer, params.name);
    layer->conv2d = params;
    int window = in[0] / params.groups * params.kernel_height * params.kernel_width;
    add_parameter(layer, "weight", params.channels, params.channels * window, true);
    if (params.bias) add_parameter(layer, "bias", 0, params.channels, true);
    return number_of(o, layer);
}

int oracle_dense(oracle *o, int x, spar_dense_params params) {
    oracle_layer *layer = add_layer(o, ORACLE_DENSE, x, params.units, 1, 1);
    set_name(layer, params.name);
    layer->dense = params;
    add_parameter(layer, "weight", params.units, params.units * o->layers[x].size, true);
    if (params.bias) add_parameter(layer, "bias", 0, params.units, true);
    return number_of(o, layer);
}

int oracle_batch_norm(oracle *o, int x, const char *name) {
    oracle_layer *layer = add_like(o, ORACLE_BATCH_NORM, x);
    set_name(layer, name);
    layer->batch_norm = spar_batch_norm_defaults();
    int channels = layer->shape[0];
    add_parameter(layer, "weight", 0, channels, true);
    add_parameter(layer, "bias", 0, channels, true);
    add_parameter(layer, "running_mean", 0, channels, false);
    add_parameter(layer, "running_var", 0, channels, false);
    layer->batch_mean = allocate_doubles(channels);
    layer->batch_var = allocate_doubles(channels);
    return number_of(o, layer);
}

int oracle_unary(oracle *o, int x, oracle_kind kind) {
    const oracle_layer *in = &o->layers[x];
    if (kind == ORACLE_FLATTEN) return number_of(o, add_layer(o, kind, x, in->size, 1, 1));
    if (kind == ORACLE_GLOBAL_AVERAGE_POOL) return number_of(o, add_layer(o, kind, x, in->shape[0], 1, 1));
    return number_of(o, add_like(o, kind, x));
}

int oracle_pool(oracle *o, int x, oracle_kind kind, spar_pool_params params) {
    const int *in = o->layers[x].shape;
    int height = (in[1] + 2 * params.padding_height - params.kernel_height) / params.stride_height + 1;
    int width = (in[2] + 2 * params.padding_width - params.kernel_width) / params.stride_width + 1;
    oracle_layer *layer = add_layer(o, kind, x, in[0], height, width);
    layer->pool = params;
    return number_of(o, layer);
}

int oracle_add(oracle *o, int a, int b) {
    oracle_layer *layer = add_like(o, ORACLE_ADD, a);
    layer->inputs[1] = b;
    return number_of(o, layer);
}

int oracle_channel_shortcut(oracle *o, int x, int channels, int stride) {
    const int *in = o->layers[x].shape;
    oracle_layer *layer = add_layer(o, ORACLE_CHANNEL_SHORTCUT, x, channels, (in[1] + stride - 1) / stride,
                                    (in[2] + stride - 1) / stride);
    layer->stride = stride;
    return number_of(o, layer);
}

int oracle_dropout(oracle *o, int x, float rate) {
    oracle_layer *layer = add_like(o, ORACLE_DROPOUT, x);
    layer->rate = rate;
    layer->mask = allocate_doubles((size_t)layer->size * o->batch_size);
    for (int i = 0; i < layer->size * o->batch_size; i++) layer->mask[i] = 1;
    return number_of(o, layer);
}

int oracle_point(oracle *o, int x, const char *name) {
    oracle_layer *layer = add_like(o, ORACLE_POINT, x);
    set_name(layer, name);
    layer->perturbation = allocate_doubles((size_t)layer->size * o->batch_size);
    return number_of(o, layer);
}

static spar_value add_to_graph(spar_graph *graph, const oracle_layer *layer, const spar_value *values) {
    const int *shape = layer->shape;
    spar_value x = layer->inputs[0] < 0 ? SPAR_NO_VALUE : values[layer->inputs[0]];
    switch (layer->kind) {
    case ORACLE_INPUT:
        return spar_input(graph, shape[0], shape[1], shape[2]);
    case ORACLE_NORMALIZE: {
        float mean[64], deviation[64];
        for (int c = 0; c < shape[0]; c++) {
            mean[c] = (float)layer->parameters[0].value[c];
            deviation[c] = (float)layer->parameters[1].value[c];
        }
        return spar_normalize(graph, x, layer->name, mean, deviation);
    }
    case ORACLE_WHITEN: {
        float *constants[2];
        for (int p = 0; p < 2; p++) {
            const oracle_parameter *parameter = &layer->parameters[p];
            constants[p] = check_allocate(parameter->count * sizeof(float));
            for (int i = 0; i < parameter->count; i++) constants[p][i] = (float)parameter->value[i];
        }
        spar_value value = spar_whiten(graph, x, layer->name, constants[0], constants[1]);
        free(constants[0]);
        free(constants[1]);
        return value;
    }
    case ORACLE_CONV2D: {
        spar_conv2d_params params = layer->conv2d;
        params.name = layer->name;
        return spar_conv2d(graph, x, &params);
    }
    case ORACLE_DENSE: {
        spar_dense_params params = layer->dense;
        params.name = layer->name;
        return spar_dense(graph, x, &params);
    }
    case ORACLE_BATCH_NORM: {
        spar_batch_norm_params params = layer->batch_norm;
        params.name = layer->name;
        return spar_batch_norm(graph, x, &params);
    }
#define ACTIVATION(KIND, NAME, Y, SLOPE)                                                                               \
    case ORACLE_##KIND:                                                                                                \
        return spar_##NAME(graph, x);
        ORACLE_ACTIVATIONS(ACTIVATION)
    case ORACLE_MAX_POOL:
        return spar_max_pool2d(graph, x, &layer->pool);
    case ORACLE_AVERAGE_POOL:
        return spar_average_pool2d(graph, x, &layer->pool);
    case ORACLE_GLOBAL_AVERAGE_POOL:
        return spar_global_average_pool(graph, x);
    case ORACLE_ADD:
        return spar_add(graph, x, values[layer->inputs[1]]);
    case ORACLE_CHANNEL_SHORTCUT:
        return spar_channel_shortcut(graph, x, shape[0], layer->stride);
    case ORACLE_DROPOUT:
        return spar_dropout(graph, x, (float)layer->rate);
    case ORACLE_FLATTEN:
        return spar_flatten(graph, x);
    case ORACLE_POINT:
        return spar_perturb(graph, x, layer->name);
    }
    return SPAR_NO_VALUE;
}

spar_network *oracle_engine(const oracle *o, int threads, uint64_t seed) {
    spar_graph *graph = NULL;
    spar_network *network = NULL;
    spar_value values[ORACLE_MAX_LAYERS];
    spar_network_options options = spar_network_defaults();
    options.batch_size = o->batch_size;
    options.threads = threads;
    options.seed = seed;
    options.loss = o->loss;
    spar_status status = spar_graph_create(&graph);
    if (status == SPAR_OK) {
        for (int i = 0; i < o->layer_count; i++) values[i] = add_to_graph(graph, &o->layers[i], values);
        status = spar_network_create(graph, values[o->layer_count - 1], &options, &network);
    }
    spar_graph_destroy(graph);
    if (status != SPAR_OK) {
        printf("the engine refused the network: %s\n", spar_last_error());
        exit(99);
    }
    return network;
}

int oracle_find(const spar_network *network, const char *name) {
    for (int i = 0; i < spar_network_parameter_count(network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        if (spar_network_parameter(network, i, &info) == SPAR_OK && strcmp(info.name, name) == 0) return i;
    }
    return -1;
}

double *oracle_read(const spar_network *network, const oracle_parameter *parameter, spar_parameter_part part) {
    float *floats = check_allocate(parameter->count * sizeof(float));
    double *doubles = allocate_doubles(parameter->count);
    int index = oracle_find(network, parameter->name);
    spar_status status = spar_network_read_parameter(network, index, part, floats, parameter->count);
    if (!check_that(index >= 0 && status == SPAR_OK, __FILE__, __LINE__, "reading %s: %s", parameter->name,
                    spar_last_error())) {
        for (int i = 0; i < parameter->count; i++) floats[i] = NAN;
    }
    for (int i = 0; i < parameter->count; i++) doubles[i] = floats[i];
    free(floats);
    return doubles;
}

void oracle_copy_parameters(oracle *o, const spar_network *network) {
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        double *values = oracle_read(network, parameter, SPAR_PART_VALUE);
        memcpy(parameter->value, values, parameter->count * sizeof *values);
        free(values);
    }
}

static bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

void oracle_randomize(oracle *o, spar_network *network, uint64_t seed) {
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        bool weight = parameter->units > 0;
        bool one = !weight && (ends_with(parameter->name, ".weight") || ends_with(parameter->name, ".running_var"));
        if (ends_with(parameter->name, ".mean") || ends_with(parameter->name, ".deviation") ||
            ends_with(parameter->name, ".matrix")) {
            continue;
        }
        double deviation = weight ? sqrt(2.0 * parameter->units / parameter->count) : 0.3;
        float *values = check_allocate(parameter->count * sizeof(float));
        for (int i = 0; i < parameter->count; i++) {
            // Uniform with this deviation: bounded, so that a scale or variance stays positive.
            double draw = deviation * sqrt(3.0) * (2 * example_uniform(&seed) - 1);
            values[i] = (float)(one ? 1 + draw : draw);
        }
        int index = oracle_find(network, parameter->name);
        CHECK_OK(spar_network_write_parameter(network, index, SPAR_PART_VALUE, values, parameter->count));
        free(values);
    }
    oracle_copy_parameters(o, network);
}
