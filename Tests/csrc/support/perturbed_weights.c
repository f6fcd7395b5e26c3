#include "perturbed_weights.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool in_scope(const oracle_layer *layer, const oracle_parameter *parameter, const spar_method *choices) {
    if (!parameter->trainable || parameter->learning_rate_factor == 0) return false;
    if (choices->weight_scope == SPAR_WEIGHT_SCOPE_NORMALIZATION) return layer->kind == ORACLE_BATCH_NORM;
    return choices->weight_scope == SPAR_WEIGHT_SCOPE_ALL || parameter->units > 0;
}

static double norm_of(const double *values, int count) {
    double square = 0;
    for (int i = 0; i < count; i++) square += values[i] * values[i];
    return sqrt(square);
}

static double norm_of_all_gradients(const oracle *o, const spar_method *choices) {
    double square = 0;
    for (int i = 0; i < o->layer_count; i++) {
        const oracle_layer *layer = &o->layers[i];
        for (int p = 0; p < layer->parameter_count; p++) {
            const oracle_parameter *parameter = &layer->parameters[p];
            double norm = norm_of(parameter->gradient, parameter->count);
            if (in_scope(layer, parameter, choices)) square += norm * norm;
        }
    }
    return sqrt(square);
}

static size_t count_all(oracle *o) {
    size_t count = 0;
    ORACLE_FOR_EACH_PARAMETER(o, parameter) count += (size_t)parameter->count;
    return count;
}

double *oracle_perturb_weights(oracle *o, const spar_method *choices) {
    double *weights = check_allocate(count_all(o) * sizeof *weights), *next = weights;
    double together = norm_of_all_gradients(o, choices);
    for (int i = 0; i < o->layer_count; i++) {
        for (int p = 0; p < o->layers[i].parameter_count; p++) {
            oracle_parameter *w = &o->layers[i].parameters[p];
            memcpy(next, w->value, (size_t)w->count * sizeof *next);
            next += w->count;
            bool each = choices->weight_norm == SPAR_WEIGHT_NORM_EACH;
            double norm = each ? norm_of(w->gradient, w->count) : together;
            double radius = choices->weight_radius * (each ? norm_of(w->value, w->count) : 1);
            if (!in_scope(&o->layers[i], w, choices) || norm == 0) continue;
            for (int k = 0; k < w->count; k++) w->value[k] += radius * w->gradient[k] / norm;
        }
    }
    return weights;
}

void oracle_restore_weights(oracle *o, double *weights) {
    const double *next = weights;
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (parameter->trainable) memcpy(parameter->value, next, (size_t)parameter->count * sizeof *next);
        next += parameter->count;
    }
    free(weights);
}
