// Forward and backward of each layer, as written in a textbook. Backward adds to the gradients of the inputs.
#include "oracle.h"

#include <math.h>
#include <stddef.h>

// Element (n, c, y, x) of an array of maps.
static int at(const int shape[3], int n, int c, int y, int x) {
    return ((n * shape[0] + c) * shape[1] + y) * shape[2] + x;
}

static bool inside(const int shape[3], int y, int x) {
    return y >= 0 && y < shape[1] && x >= 0 && x < shape[2];
}

#define FOR_EACH_PIXEL(n, c, y, x, count, shape)                                                                       \
    for (int n = 0; n < (count); n++)                                                                                  \
        for (int c = 0; c < (shape)[0]; c++)                                                                           \
            for (int y = 0; y < (shape)[1]; y++)                                                                       \
                for (int x = 0; x < (shape)[2]; x++)

static void normalize_forward(oracle_layer *layer, const oracle_layer *in, int count) {
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape) {
        int i = at(layer->shape, n, c, y, x);
        layer->value[i] = (in->value[i] - layer->parameters[0].value[c]) / layer->parameters[1].value[c];
    }
}

static void normalize_backward(const oracle_layer *layer, oracle_layer *in, int count) {
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape) {
        int i = at(layer->shape, n, c, y, x);
        in->gradient[i] += layer->gradient[i] / layer->parameters[1].value[c];
    }
}

static void whiten(oracle_layer *layer, oracle_layer *in, int count, bool forward) {
    const double *mean = layer->parameters[0].value, *matrix = layer->parameters[1].value;
    int size = layer->size;
    for (int i = 0; i < count * size; i++) {
        if (forward) layer->value[i] = 0;
        for (int j = 0; j < size; j++) {
            int in_i = i / size * size + j;
            double weight = matrix[i % size * size + j];
            if (forward) {
                layer->value[i] += weight * (in->value[in_i] - mean[j]);
            } else {
                in->gradient[in_i] += weight * layer->gradient[i];
            }
        }
    }
}

// Products of one weight of a convolution with the inputs that outputs of one row have under it.
typedef struct products {
    int weight, out, in, count; // indices of the weight and of the first output and input
    int stride;                 // of the inputs; outputs follow each other
} products;

static products products_at(const oracle_layer *layer, const oracle_layer *in, int n, int o, int y, int tap) {
    const spar_conv2d_params *p = &layer->conv2d;
    int taps = p->kernel_height * p->kernel_width, inputs = in->shape[0] / p->groups;
    int i = tap / taps, ky = tap % taps / p->kernel_width, kx = tap % p->kernel_width;
    int group = o / (p->channels / p->groups);
    int in_y = y * p->stride_height - p->padding_height + ky, offset = kx - p->padding_width, first = 0, last = -1;
    while (first < layer->shape[2] && !inside(in->shape, in_y, first * p->stride_width + offset)) first++;
    for (int x = first; x < layer->shape[2] && inside(in->shape, in_y, x * p->stride_width + offset); x++) last = x;
    if (last < first) return (products){0};
    return (products){.weight = o * inputs * taps + tap,
                      .out = at(layer->shape, n, o, y, first),
                      .in = at(in->shape, n, group * inputs + i, in_y, first * p->stride_width + offset),
                      .count = last - first + 1,
                      .stride = p->stride_width};
}

static int taps_of(const oracle_layer *layer, const oracle_layer *in) {
    return in->shape[0] / layer->conv2d.groups * layer->conv2d.kernel_height * layer->conv2d.kernel_width;
}

#define FOR_EACH_TAP(n, o, y, tap, layer, in, samples)                                                                 \
    for (int n = 0; n < (samples); n++)                                                                                \
        for (int o = 0; o < (layer)->shape[0]; o++)                                                                    \
            for (int y = 0; y < (layer)->shape[1]; y++)                                                                \
                for (int tap = 0, taps = taps_of(layer, in); tap < taps; tap++)

static void conv2d_forward(oracle_layer *layer, const oracle_layer *in, int count) {
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape)
    layer->value[at(layer->shape, n, c, y, x)] = layer->conv2d.bias ? layer->parameters[1].value[c] : 0;
    FOR_EACH_TAP(n, o, y, tap, layer, in, count) {
        products p = products_at(layer, in, n, o, y, tap);
        double weight = layer->parameters[0].value[p.weight], *out = layer->value + p.out;
        const double *values = in->value + p.in;
        for (int x = 0; x < p.count; x++) out[x] += weight * values[x * p.stride];
    }
}

static void conv2d_backward(oracle_layer *layer, oracle_layer *in, int count) {
    FOR_EACH_TAP(n, o, y, tap, layer, in, count) {
        products p = products_at(layer, in, n, o, y, tap);
        double weight = layer->parameters[0].value[p.weight], sum = 0;
        double *in_gradient = in->gradient + p.in;
        const double *gradient = layer->gradient + p.out, *values = in->value + p.in;
        for (int x = 0; x < p.count; x++) in_gradient[x * p.stride] += weight * gradient[x];
        for (int x = 0; x < p.count; x++) sum += gradient[x] * values[x * p.stride];
        layer->parameters[0].gradient[p.weight] += sum;
    }
    if (!layer->conv2d.bias) return;
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape)
    layer->parameters[1].gradient[c] += layer->gradient[at(layer->shape, n, c, y, x)];
}

static void dense_forward(oracle_layer *layer, const oracle_layer *in, int count) {
    for (int n = 0; n < count; n++) {
        for (int u = 0; u < layer->size; u++) {
            double sum = layer->dense.bias ? layer->parameters[1].value[u] : 0;
            for (int i = 0; i < in->size; i++) {
                sum += layer->parameters[0].value[u * in->size + i] * in->value[n * in->size + i];
            }
            layer->value[n * layer->size + u] = sum;
        }
    }
}

static void dense_backward(oracle_layer *layer, oracle_layer *in, int count) {
    for (int n = 0; n < count; n++) {
        for (int u = 0; u < layer->size; u++) {
            double g = layer->gradient[n * layer->size + u];
            if (layer->dense.bias) layer->parameters[1].gradient[u] += g;
            for (int i = 0; i < in->size; i++) {
                in->gradient[n * in->size + i] += g * layer->parameters[0].value[u * in->size + i];
                layer->parameters[0].gradient[u * in->size + i] += g * in->value[n * in->size + i];
            }
        }
    }
}

static void batch_norm_learn(oracle_layer *layer, int values) {
    double momentum = layer->batch_norm.momentum;
    for (int c = 0; c < layer->shape[0]; c++) {
        double unbiased = layer->batch_var[c] * (values > 1 ? values / (values - 1.0) : 1);
        double *mean = &layer->parameters[2].value[c], *var = &layer->parameters[3].value[c];
        *mean = (1 - momentum) * *mean + momentum * layer->batch_mean[c];
        *var = (1 - momentum) * *var + momentum * unbiased;
    }
}

static void batch_norm_forward(oracle_layer *layer, const oracle_layer *in, int count, bool train,
                               bool learn_statistics) {
    int values = count * layer->shape[1] * layer->shape[2]; // a channel
    for (int c = 0; c < layer->shape[0]; c++) {
        layer->batch_mean[c] = train ? 0 : layer->parameters[2].value[c];
        layer->batch_var[c] = train ? 0 : layer->parameters[3].value[c];
    }
    if (train) {
        FOR_EACH_PIXEL(n, c, y, x, count, layer->shape)
        layer->batch_mean[c] += in->value[at(layer->shape, n, c, y, x)] / values;
        FOR_EACH_PIXEL(n, c, y, x, count, layer->shape) {
            double centered = in->value[at(layer->shape, n, c, y, x)] - layer->batch_mean[c];
            layer->batch_var[c] += centered * centered / values;
        }
    }
    if (learn_statistics) batch_norm_learn(layer, values);
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape) {
        int i = at(layer->shape, n, c, y, x);
        double standard = (in->value[i] - layer->batch_mean[c]) / sqrt(layer->batch_var[c] + layer->batch_norm.epsilon);
        layer->value[i] = layer->parameters[0].value[c] * standard + layer->parameters[1].value[c];
    }
}

static void batch_norm_backward(oracle_layer *layer, oracle_layer *in, int count, bool train) {
    int values = count * layer->shape[1] * layer->shape[2];
    for (int c = 0; c < layer->shape[0]; c++) {
        double deviation = sqrt(layer->batch_var[c] + layer->batch_norm.epsilon);
        double sum = 0, product = 0; // of the gradient, and of it with the standardized input
        for (int n = 0; n < count; n++) {
            for (int pixel = 0; pixel < layer->shape[1] * layer->shape[2]; pixel++) {
                int i = at(layer->shape, n, c, 0, 0) + pixel;
                sum += layer->gradient[i];
                product += layer->gradient[i] * (in->value[i] - layer->batch_mean[c]) / deviation;
            }
        }
        layer->parameters[0].gradient[c] += product;
        layer->parameters[1].gradient[c] += sum;
        for (int n = 0; n < count; n++) {
            for (int pixel = 0; pixel < layer->shape[1] * layer->shape[2]; pixel++) {
                int i = at(layer->shape, n, c, 0, 0) + pixel;
                double standard = (in->value[i] - layer->batch_mean[c]) / deviation;
                double through_statistics = train ? (sum + standard * product) / values : 0;
                in->gradient[i] +=
                    layer->parameters[0].value[c] / deviation * (layer->gradient[i] - through_statistics);
            }
        }
    }
}

#define ACTIVATION(KIND, NAME, Y, SLOPE)                                                                               \
    static double NAME##_value(double x) {                                                                             \
        return Y;                                                                                                      \
    }                                                                                                                  \
    static double NAME##_slope(double x) {                                                                             \
        double y = NAME##_value(x);                                                                                    \
        (void)y;                                                                                                       \
        return SLOPE;                                                                                                  \
    }
ORACLE_ACTIVATIONS(ACTIVATION)

#define ROW(KIND, NAME, Y, SLOPE) {ORACLE_##KIND, #NAME, NAME##_value, NAME##_slope},
const oracle_activation oracle_activations[] = {ORACLE_ACTIVATIONS(ROW){0}};

const oracle_activation *oracle_activation_of(oracle_kind kind) {
    for (const oracle_activation *row = oracle_activations; row->name != NULL; row++) {
        if (row->kind == kind) return row;
    }
    return NULL;
}

// The first largest element under the window, or −1 where the window holds padding only.
static int max_index(const oracle_layer *layer, const oracle_layer *in, int n, int c, int y, int x) {
    const spar_pool_params *p = &layer->pool;
    int best = -1;
    for (int ky = 0; ky < p->kernel_height; ky++) {
        for (int kx = 0; kx < p->kernel_width; kx++) {
            int in_y = y * p->stride_height - p->padding_height + ky,
                in_x = x * p->stride_width - p->padding_width + kx;
            if (!inside(in->shape, in_y, in_x)) continue;
            int i = at(in->shape, n, c, in_y, in_x);
            if (best < 0 || in->value[i] > in->value[best]) best = i;
        }
    }
    return best;
}

static void max_pool_forward(oracle_layer *layer, const oracle_layer *in, int count) {
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape)
    layer->value[at(layer->shape, n, c, y, x)] = in->value[max_index(layer, in, n, c, y, x)];
}

static void max_pool_backward(const oracle_layer *layer, oracle_layer *in, int count) {
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape)
    in->gradient[max_index(layer, in, n, c, y, x)] += layer->gradient[at(layer->shape, n, c, y, x)];
}

// Both passes of average pooling; `forward` chooses.
static void average_pool(oracle_layer *layer, oracle_layer *in, int count, bool forward) {
    const spar_pool_params *p = &layer->pool;
    double share = 1.0 / (p->kernel_height * p->kernel_width);
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape) {
        int out_i = at(layer->shape, n, c, y, x);
        if (forward) layer->value[out_i] = 0;
        for (int ky = 0; ky < p->kernel_height; ky++) {
            for (int kx = 0; kx < p->kernel_width; kx++) {
                int in_y = y * p->stride_height - p->padding_height + ky;
                int in_x = x * p->stride_width - p->padding_width + kx;
                if (!inside(in->shape, in_y, in_x)) continue;
                int in_i = at(in->shape, n, c, in_y, in_x);
                if (forward) {
                    layer->value[out_i] += in->value[in_i] * share;
                } else {
                    in->gradient[in_i] += layer->gradient[out_i] * share;
                }
            }
        }
    }
}

static void global_average_pool(oracle_layer *layer, oracle_layer *in, int count, bool forward) {
    int pixels = in->shape[1] * in->shape[2];
    for (int map = 0; map < count * layer->shape[0]; map++) {
        if (forward) layer->value[map] = 0;
        for (int i = map * pixels; i < (map + 1) * pixels; i++) {
            if (forward) {
                layer->value[map] += in->value[i] / pixels;
            } else {
                in->gradient[i] += layer->gradient[map] / pixels;
            }
        }
    }
}

static void channel_shortcut(oracle_layer *layer, oracle_layer *in, int count, bool forward) {
    FOR_EACH_PIXEL(n, c, y, x, count, layer->shape) {
        int out_i = at(layer->shape, n, c, y, x);
        if (c >= in->shape[0]) {
            if (forward) layer->value[out_i] = 0;
            continue;
        }
        int in_i = at(in->shape, n, c, y * layer->stride, x * layer->stride);
        if (forward) {
            layer->value[out_i] = in->value[in_i];
        } else {
            in->gradient[in_i] += layer->gradient[out_i];
        }
    }
}

void oracle_layer_forward(oracle *o, oracle_layer *layer, bool learn_statistics) {
    oracle_layer *in = &o->layers[layer->inputs[0]];
    int elements = o->count * layer->size;
    switch (layer->kind) {
    case ORACLE_INPUT:
        break;
    case ORACLE_NORMALIZE:
        normalize_forward(layer, in, o->count);
        break;
    case ORACLE_WHITEN:
        whiten(layer, in, o->count, true);
        break;
    case ORACLE_CONV2D:
        conv2d_forward(layer, in, o->count);
        break;
    case ORACLE_DENSE:
        dense_forward(layer, in, o->count);
        break;
    case ORACLE_BATCH_NORM:
        batch_norm_forward(layer, in, o->count, o->train, learn_statistics);
        break;
    default: // an activation
        for (int i = 0; i < elements; i++) layer->value[i] = oracle_activation_of(layer->kind)->value(in->value[i]);
        break;
    case ORACLE_MAX_POOL:
        max_pool_forward(layer, in, o->count);
        break;
    case ORACLE_AVERAGE_POOL:
        average_pool(layer, in, o->count, true);
        break;
    case ORACLE_GLOBAL_AVERAGE_POOL:
        global_average_pool(layer, in, o->count, true);
        break;
    case ORACLE_ADD:
        for (int i = 0; i < elements; i++) layer->value[i] = in->value[i] + o->layers[layer->inputs[1]].value[i];
        break;
    case ORACLE_CHANNEL_SHORTCUT:
        channel_shortcut(layer, in, o->count, true);
        break;
    case ORACLE_DROPOUT:
        for (int i = 0; i < elements; i++) layer->value[i] = in->value[i] * (o->train ? layer->mask[i] : 1);
        break;
    case ORACLE_FLATTEN:
        for (int i = 0; i < elements; i++) layer->value[i] = in->value[i];
        break;
    case ORACLE_POINT:
        for (int i = 0; i < elements; i++) layer->value[i] = in->value[i] + layer->perturbation[i];
        for (int plane = 0; plane < o->count * layer->shape[0] && layer->bounded; plane++) {
            int pixels = layer->shape[1] * layer->shape[2];
            const double *h = in->value + plane * pixels;
            double lowest = h[0], highest = h[0], *y = layer->value + plane * pixels;
            for (int i = 0; i < pixels; i++) lowest = fmin(lowest, h[i]), highest = fmax(highest, h[i]);
            for (int i = 0; i < pixels; i++) y[i] = fmin(fmax(y[i], lowest), highest);
        }
        break;
    }
}

void oracle_layer_backward(oracle *o, oracle_layer *layer) {
    oracle_layer *in = &o->layers[layer->inputs[0]];
    int elements = o->count * layer->size;
    switch (layer->kind) {
    case ORACLE_INPUT:
        break;
    case ORACLE_NORMALIZE:
        normalize_backward(layer, in, o->count);
        break;
    case ORACLE_WHITEN:
        whiten(layer, in, o->count, false);
        break;
    case ORACLE_CONV2D:
        conv2d_backward(layer, in, o->count);
        break;
    case ORACLE_DENSE:
        dense_backward(layer, in, o->count);
        break;
    case ORACLE_BATCH_NORM:
        batch_norm_backward(layer, in, o->count, o->train);
        break;
    default: // an activation
        for (int i = 0; i < elements; i++) {
            in->gradient[i] += layer->gradient[i] * oracle_activation_of(layer->kind)->slope(in->value[i]);
        }
        break;
    case ORACLE_MAX_POOL:
        max_pool_backward(layer, in, o->count);
        break;
    case ORACLE_AVERAGE_POOL:
        average_pool(layer, in, o->count, false);
        break;
    case ORACLE_GLOBAL_AVERAGE_POOL:
        global_average_pool(layer, in, o->count, false);
        break;
    case ORACLE_ADD:
        for (int i = 0; i < elements; i++) {
            in->gradient[i] += layer->gradient[i];
            o->layers[layer->inputs[1]].gradient[i] += layer->gradient[i];
        }
        break;
    case ORACLE_CHANNEL_SHORTCUT:
        channel_shortcut(layer, in, o->count, false);
        break;
    case ORACLE_DROPOUT:
        for (int i = 0; i < elements; i++) in->gradient[i] += layer->gradient[i] * (o->train ? layer->mask[i] : 1);
        break;
    case ORACLE_FLATTEN:
    case ORACLE_POINT:
        for (int i = 0; i < elements; i++) in->gradient[i] += layer->gradient[i];
        break;
    }
}
