// Whole passes of the oracle's network: forward, losses, backward, update.
#include "check.h"
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// [row][column][channel], as sparring.h documents.
size_t oracle_draw_index(const oracle_layer *layer, int n, int i) {
    int pixels = layer->shape[1] * layer->shape[2];
    return ((size_t)n * pixels + i % pixels) * layer->shape[0] + i / pixels;
}

void oracle_draw_dropout(oracle *o, uint64_t seed, uint64_t step, int count) {
    uint32_t number = 0;
    for (int l = 0; l < o->layer_count; l++) {
        oracle_layer *layer = &o->layers[l];
        if (layer->kind != ORACLE_DROPOUT) continue;
        spar_random_stream stream = {
            .struct_size = sizeof stream, .seed = seed, .purpose = 2, .layer = number++, .step = step};
        size_t draws = (size_t)count * layer->size;
        float *uniform = check_allocate(draws * sizeof *uniform);
        CHECK_OK(spar_random_uniform(&stream, 0, draws, uniform));
        for (int n = 0; n < count; n++) {
            for (int i = 0; i < layer->size; i++) {
                bool kept = uniform[oracle_draw_index(layer, n, i)] >= (float)layer->rate;
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

double oracle_gradient_norm(oracle *o) {
    double square = 0;
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        bool learns = parameter->trainable && parameter->learning_rate_factor > 0;
        for (int i = 0; i < parameter->count && learns; i++) {
            square += parameter->gradient[i] * parameter->gradient[i];
        }
    }
    return sqrt(square);
}

static void step_sgd(const spar_optimizer *sgd, oracle_parameter *p, int i, double g, double rate, double decay) {
    double d = g + decay * p->value[i];
    p->velocity[i] = sgd->momentum * p->velocity[i] + d;
    p->value[i] -= rate * (sgd->nesterov ? d + sgd->momentum * p->velocity[i] : p->velocity[i]);
}

static void step_adamw(const spar_optimizer *adamw, oracle_parameter *p, int i, double g, double rate, double decay) {
    double b1 = adamw->beta1, b2 = adamw->beta2;
    p->value[i] *= 1 - rate * decay;
    p->velocity[i] = b1 * p->velocity[i] + (1 - b1) * g;
    p->square[i] = b2 * p->square[i] + (1 - b2) * g * g;
    double m = p->velocity[i] / (1 - pow(b1, p->updates)), v = p->square[i] / (1 - pow(b2, p->updates));
    p->value[i] -= rate * m / (sqrt(v) + adamw->epsilon);
}

void oracle_update(oracle *o, const spar_optimizer *optimizer) {
    double clip = optimizer->clip_norm, factor = clip > 0 ? fmin(1, clip / (oracle_gradient_norm(o) + 1e-6)) : 1;
    bool adamw = optimizer->kind == SPAR_OPTIMIZER_ADAMW;
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        double rate = optimizer->learning_rate * parameter->learning_rate_factor;
        if (!parameter->trainable || parameter->learning_rate_factor == 0) continue;
        bool weight = parameter->units > 0;
        double decay = weight || optimizer->decay_scope == SPAR_DECAY_ALL ? optimizer->weight_decay : 0;
        parameter->updates++;
        for (int i = 0; i < parameter->count; i++) {
            (adamw ? step_adamw : step_sgd)(optimizer, parameter, i, factor * parameter->gradient[i], rate, decay);
        }
        if (weight && optimizer->max_norm > 0) limit_norm(parameter, optimizer->max_norm);
    }
}
