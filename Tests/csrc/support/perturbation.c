#include "perturbation.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>

int perturbation_next_point(const oracle *o, int from) {
    for (int i = from; i < o->layer_count; i++) {
        if (o->layers[i].kind == ORACLE_POINT) return i;
    }
    return -1;
}

bool perturbation_at_input(const oracle *o, int layer) {
    oracle_kind kind = o->layers[layer].kind;
    if (kind == ORACLE_INPUT) return true;
    return (kind == ORACLE_POINT || kind == ORACLE_NORMALIZE || kind == ORACLE_WHITEN) &&
           perturbation_at_input(o, o->layers[layer].inputs[0]);
}

double perturbation_deviation(const oracle *o, int layer) {
    const double *h = o->layers[o->layers[layer].inputs[0]].value;
    int count = o->count * o->layers[layer].size;
    double mean = 0, variance = 0;
    for (int i = 0; i < count; i++) mean += h[i] / count;
    for (int i = 0; i < count; i++) variance += (h[i] - mean) * (h[i] - mean) / count;
    return sqrt(variance);
}

double perturbation_sign(double gradient) {
    return (gradient > 0) - (gradient < 0);
}

double perturbation_infinity_norm(const double *gradient, int count) {
    double norm = 0;
    for (int i = 0; i < count; i++) norm = fmax(norm, fabs(gradient[i]));
    return norm;
}

double perturbation_range(const double *gradient, int count) {
    double lowest = gradient[0], highest = gradient[0];
    for (int i = 1; i < count; i++) {
        lowest = fmin(lowest, gradient[i]);
        highest = fmax(highest, gradient[i]);
    }
    return highest - lowest;
}

double perturbation_draw_r(double epsilon, uint64_t seed, uint64_t step, int point, int sample) {
    spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = seed, .purpose = 3, .layer = (uint32_t)point, .step = step};
    float normal = 0;
    CHECK_OK(spar_random_normal(&stream, (uint64_t)sample, 1, &normal));
    double r = epsilon / 2 + epsilon / 4 * normal;
    return fmin(fmax(r, fmin(epsilon, 0)), fmax(epsilon, 0));
}

void perturbation_draw_noise(const oracle_layer *layer, uint64_t seed, uint64_t step, int point, int count,
                             double *noise) {
    size_t draws = (size_t)count * layer->size;
    float *normal = check_allocate(draws * sizeof *normal);
    spar_random_stream stream = {
        .struct_size = sizeof stream, .seed = seed, .purpose = 4, .layer = (uint32_t)point, .step = step};
    CHECK_OK(spar_random_normal(&stream, 0, draws, normal));
    for (int n = 0; n < count; n++) {
        for (int i = 0; i < layer->size; i++) noise[n * layer->size + i] = normal[oracle_draw_index(layer, n, i)];
    }
    free(normal);
}

void perturbation_from_gradient(const spar_method *method, double epsilon, const double *gradient, int count, int size,
                                double deviation, uint64_t seed, uint64_t step, int point, double *eta) {
    bool sample = method->granularity == SPAR_GRANULARITY_SAMPLE;
    for (int n = 0; n < count; n++) {
        const double *unit = sample ? gradient + n * size : gradient; // what norm and range are taken of
        int unit_size = sample ? size : count * size;
        double magnitude = epsilon;
        if (method->size == SPAR_SIZE_RANGE) magnitude *= perturbation_range(unit, unit_size);
        if (method->size == SPAR_SIZE_RANDOM || method->size == SPAR_SIZE_RANDOM_DEVIATION) {
            magnitude = perturbation_draw_r(epsilon, seed, step, point, sample ? n : 0);
        }
        if (method->size == SPAR_SIZE_RANDOM_DEVIATION) magnitude *= deviation;
        double norm = perturbation_infinity_norm(unit, unit_size);
        for (int i = n * size; i < (n + 1) * size; i++) {
            double direction = perturbation_sign(gradient[i]);
            if (method->shape == SPAR_SHAPE_GRADIENT) direction = norm > 0 ? gradient[i] / norm : 0;
            eta[i] = magnitude * direction;
        }
    }
}
