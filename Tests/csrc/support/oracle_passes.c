// Whole passes of the oracle's network: forward, losses, backward, update.
#include "check.h"
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool keeps_image_rows(oracle_kind kind) {
    return kind == ORACLE_NORMALIZE || kind == ORACLE_WHITEN || kind == ORACLE_POINT || kind == ORACLE_DROPOUT ||
           kind == ORACLE_FLATTEN;
}

// True where only layers that keep an image's rows stand between the input and this one.
static bool at_image(const oracle *o, int layer) {
    oracle_kind kind = o->layers[layer].kind;
    return kind == ORACLE_INPUT || (keeps_image_rows(kind) && at_image(o, o->layers[layer].inputs[0]));
}

// Rows of images are padded only where a layer reads them that is no convolution or dense layer.
static bool images_are_padded(const oracle *o) {
    for (int i = 1; i < o->layer_count; i++) {
        oracle_kind kind = o->layers[i].kind;
        bool reads =
            at_image(o, o->layers[i].inputs[0]) || (o->layers[i].inputs[1] >= 0 && at_image(o, o->layers[i].inputs[1]));
        if (reads && !keeps_image_rows(kind) && kind != ORACLE_CONV2D && kind != ORACLE_DENSE) return true;
    }
    return false;
}

static bool is_elementwise(oracle_kind kind) {
    return kind == ORACLE_NORMALIZE || kind == ORACLE_BATCH_NORM || kind == ORACLE_RELU || kind == ORACLE_RELU6 ||
           kind == ORACLE_TANH || kind == ORACLE_LOGISTIC || kind == ORACLE_ADD || kind == ORACLE_DROPOUT ||
           kind == ORACLE_POINT;
}

// The map that a flat value was flattened from; the layer itself where it is no flattened map.
static const oracle_layer *flattened_map(const oracle *o, int layer) {
    for (int i = layer; i >= 0; i = o->layers[i].inputs[0]) {
        const oracle_layer *at = &o->layers[i], *in = i > 0 ? &o->layers[at->inputs[0]] : at;
        if (at->kind == ORACLE_FLATTEN && in->shape[1] * in->shape[2] > 1) return in;
        if (at->kind != ORACLE_FLATTEN && !is_elementwise(at->kind)) break;
    }
    return &o->layers[layer];
}

static bool is_flattened(const oracle *o, int layer) {
    return flattened_map(o, layer)->shape[0] != o->layers[layer].shape[0];
}

// Flattened values are in their own order where one is the output, where one is added to a value of another shape
// before, or where a layer reads one that is neither elementwise, nor flatten, nor dense.
static bool flattens_in_order(const oracle *o) {
    for (int i = 1; i < o->layer_count; i++) {
        const oracle_layer *layer = &o->layers[i];
        bool follows = is_elementwise(layer->kind) || layer->kind == ORACLE_FLATTEN || layer->kind == ORACLE_DENSE;
        if (!follows && is_flattened(o, layer->inputs[0])) return true;
        if (layer->kind != ORACLE_ADD) continue;
        const int *a = flattened_map(o, layer->inputs[0])->shape, *b = flattened_map(o, layer->inputs[1])->shape;
        if (memcmp(a, b, sizeof layer->shape) != 0) return true;
    }
    return is_flattened(o, o->layer_count - 1);
}

// Floats of one row of a layer inside the engine.
static size_t row_floats(const oracle *o, int layer) {
    int channels = o->layers[layer].shape[0];
    return (size_t)(at_image(o, layer) && !images_are_padded(o) ? channels : (channels + 15) / 16 * 16);
}

size_t oracle_draw_index(const oracle *o, int layer, int n, int i) {
    const int *shape = o->layers[layer].shape, *map = flattens_in_order(o) ? shape : flattened_map(o, layer)->shape;
    int map_pixels = map[1] * map[2], pixel = i % map_pixels, channel = i / map_pixels;
    if (map_pixels != shape[1] * shape[2]) return (size_t)n * row_floats(o, layer) + pixel * map[0] + channel;
    return (size_t)(n * map_pixels + pixel) * row_floats(o, layer) + channel;
}

size_t oracle_draw_count(const oracle *o, int layer, int count) {
    return (size_t)(count * o->layers[layer].shape[1] * o->layers[layer].shape[2]) * row_floats(o, layer);
}

void oracle_draw_dropout(oracle *o, uint64_t seed, uint64_t step, int count) {
    uint32_t number = 0;
    for (int l = 0; l < o->layer_count; l++) {
        oracle_layer *layer = &o->layers[l];
        if (layer->kind != ORACLE_DROPOUT) continue;
        spar_random_stream stream = {
            .struct_size = sizeof stream, .seed = seed, .purpose = 2, .layer = number++, .step = step};
        size_t draws = oracle_draw_count(o, l, count);
        float *uniform = check_allocate(draws * sizeof *uniform);
        CHECK_OK(spar_random_uniform(&stream, 0, draws, uniform));
        for (int n = 0; n < count; n++) {
            for (int i = 0; i < layer->size; i++) {
                bool kept = uniform[oracle_draw_index(o, l, n, i)] >= (float)layer->rate;
                layer->mask[n * layer->size + i] = kept ? 1 / (1 - layer->rate) : 0;
            }
        }
        free(uniform);
    }
}

void oracle_clear_perturbations(oracle *o) {
    for (oracle_layer *layer = o->layers; layer < o->layers + o->layer_count; layer++) {
        if (layer->kind != ORACLE_POINT) continue;
        memset(layer->perturbation, 0, (size_t)o->batch_size * layer->size * sizeof(double));
    }
}

void oracle_forward(oracle *o, const double *images, int count, bool train, bool learn_statistics) {
    o->count = count;
    o->train = train;
    memcpy(o->layers[0].value, images, (size_t)count * o->layers[0].size * sizeof *images);
    for (int i = 1; i < o->layer_count; i++) oracle_layer_forward(o, &o->layers[i], learn_statistics);
}

const double *oracle_output(const oracle *o) {
    return o->layers[o->layer_count - 1].value;
}

// log Σ exp(z)
static double log_sum_exp(const double *z, int classes) {
    double largest = z[0], sum = 0;
    for (int k = 1; k < classes; k++) largest = fmax(largest, z[k]);
    for (int k = 0; k < classes; k++) sum += exp(z[k] - largest);
    return largest + log(sum);
}

// log(1 + exp(z))
static double softplus(double z) {
    return fmax(z, 0) + log1p(exp(-fabs(z)));
}

double oracle_loss(const oracle *o, const int32_t *labels) {
    int classes = o->layers[o->layer_count - 1].size;
    double sum = 0;
    for (int n = 0; n < o->count; n++) {
        const double *z = oracle_output(o) + n * classes;
        if (o->loss == SPAR_LOSS_SOFTMAX_CROSS_ENTROPY) {
            sum += log_sum_exp(z, classes) - z[labels[n]];
            continue;
        }
        for (int k = 0; k < classes; k++) {
            double target = k == labels[n] ? 1 : 0;
            sum += o->loss == SPAR_LOSS_LOGISTIC_CROSS_ENTROPY ? softplus(z[k]) - target * z[k]
                                                               : (z[k] - target) * (z[k] - target) / 2;
        }
    }
    return sum / o->count;
}

static double loss_slope(const oracle *o, const double *z, int classes, int k, int label) {
    double target = k == label ? 1 : 0;
    switch (o->loss) {
    case SPAR_LOSS_SOFTMAX_CROSS_ENTROPY:
        return exp(z[k] - log_sum_exp(z, classes)) - target;
    case SPAR_LOSS_LOGISTIC_CROSS_ENTROPY:
        return 1 / (1 + exp(-z[k])) - target;
    case SPAR_LOSS_SQUARED_ERROR:
        return z[k] - target;
    }
    return NAN;
}

void oracle_backward_from(oracle *o, int last, const double *gradient, bool accumulate) {
    for (oracle_layer *layer = o->layers; layer < o->layers + o->layer_count; layer++) {
        memset(layer->gradient, 0, (size_t)o->batch_size * layer->size * sizeof(double));
    }
    if (!accumulate) {
        ORACLE_FOR_EACH_PARAMETER(o, parameter) {
            memset(parameter->gradient, 0, parameter->count * sizeof(double));
        }
    }
    memcpy(o->layers[last].gradient, gradient, (size_t)o->count * o->layers[last].size * sizeof(double));
    for (int i = last; i > 0; i--) oracle_layer_backward(o, &o->layers[i]);
}

void oracle_backward(oracle *o, const int32_t *labels, double scale, bool accumulate) {
    const oracle_layer *output = &o->layers[o->layer_count - 1];
    double *gradient = check_allocate((size_t)o->count * output->size * sizeof *gradient);
    for (int n = 0; n < o->count; n++) {
        for (int k = 0; k < output->size; k++) {
            double slope = loss_slope(o, output->value + n * output->size, output->size, k, labels[n]);
            gradient[n * output->size + k] = scale * slope / o->count;
        }
    }
    oracle_backward_from(o, o->layer_count - 1, gradient, accumulate);
    free(gradient);
}

static void limit_norm(oracle_parameter *weight, double max_norm) {
    int row = weight->count / weight->units;
    for (int u = 0; u < weight->units; u++) {
        double square = 0;
        for (int i = u * row; i < (u + 1) * row; i++) square += weight->value[i] * weight->value[i];
        double scale = sqrt(square) > max_norm ? max_norm / sqrt(square) : 1;
        for (int i = u * row; i < (u + 1) * row; i++) weight->value[i] *= scale;
    }
}

void oracle_update(oracle *o, const spar_sgd *sgd) {
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable) continue;
        bool weight = parameter->units > 0;
        double decay = weight || sgd->decay_scope == SPAR_DECAY_ALL ? sgd->weight_decay : 0;
        for (int i = 0; i < parameter->count; i++) {
            double d = parameter->gradient[i] + decay * parameter->value[i];
            parameter->velocity[i] = sgd->momentum * parameter->velocity[i] + d;
            double step = sgd->nesterov ? d + sgd->momentum * parameter->velocity[i] : parameter->velocity[i];
            parameter->value[i] -= sgd->learning_rate * step;
        }
        if (weight && sgd->max_norm > 0) limit_norm(parameter, sgd->max_norm);
    }
}
