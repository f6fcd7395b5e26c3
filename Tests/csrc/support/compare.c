#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double *to_doubles(float *floats, size_t count) {
    double *doubles = check_allocate(count * sizeof *doubles);
    for (size_t i = 0; i < count; i++) doubles[i] = floats[i];
    free(floats);
    return doubles;
}

double *compare_read_output(const spar_network *network, size_t count) {
    float *output = check_allocate(count * sizeof *output);
    CHECK_OK(spar_read_output(network, output));
    return to_doubles(output, count);
}

void compare_outputs(const char *label, const oracle *o, const spar_network *network, double tolerance) {
    size_t count = (size_t)o->count * o->layers[o->layer_count - 1].size;
    double *actual = compare_read_output(network, count);
    char name[160];
    snprintf(name, sizeof name, "%s, outputs", label);
    CHECK_CLOSE(name, actual, oracle_output(o), count, tolerance, 0);
    free(actual);
}

double compare_largest_gradient(oracle *o) {
    double largest = 0;
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        for (int i = 0; i < parameter->count; i++) largest = fmax(largest, fabs(parameter->gradient[i]));
    }
    return largest;
}

// Of all parameters, or of those that the network has.
static void compare_gradients_of(const char *label, oracle *o, const spar_network *network, bool all,
                                 double tolerance) {
    double floor = 0.01 * compare_largest_gradient(o);
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable || (!all && oracle_find(network, parameter->name) < 0)) continue;
        double *actual = oracle_read(network, parameter, SPAR_PART_GRADIENT);
        char name[200];
        snprintf(name, sizeof name, "%s, gradient of %s", label, parameter->name);
        CHECK_CLOSE(name, actual, parameter->gradient, parameter->count, tolerance, floor);
        free(actual);
    }
}

void compare_gradients(const char *label, oracle *o, const spar_network *network, double tolerance) {
    compare_gradients_of(label, o, network, true, tolerance);
}

void compare_image_gradients(const char *label, oracle *o, const spar_network *network, double tolerance) {
    size_t count = (size_t)o->count * o->layers[0].size;
    float *gradient = check_allocate(count * sizeof *gradient);
    CHECK_OK(spar_input_gradient(network, gradient));
    double *actual = to_doubles(gradient, count);
    char name[160];
    snprintf(name, sizeof name, "%s, gradient of the images", label);
    CHECK_CLOSE(name, actual, o->layers[0].gradient, count, tolerance, 0.01 * compare_largest_gradient(o));
    free(actual);
}

void compare_parameters(const char *label, oracle *o, const spar_network *network, double tolerance) {
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        double *actual = oracle_read(network, parameter, SPAR_PART_VALUE);
        char name[160];
        snprintf(name, sizeof name, "%s, %s", label, parameter->name);
        CHECK_CLOSE(name, actual, parameter->value, parameter->count, tolerance, 0);
        free(actual);
    }
}

void compare_prefix(const char *label, oracle *o, spar_network *prefix, int layer, const example_batch *batch,
                    bool train, double tolerance) {
    size_t count = (size_t)batch->count * o->layers[layer].size;
    oracle_forward(o, batch->doubles, batch->count, train, false);
    CHECK_OK(spar_forward(prefix, batch->images, batch->count, train ? SPAR_FORWARD_TRAIN : 0));
    double *output = compare_read_output(prefix, count);
    CHECK_CLOSE(label, output, o->layers[layer].value, count, tolerance, 0);

    uint64_t state = (uint64_t)layer + 1;
    float *floats = check_allocate(count * sizeof *floats);
    for (size_t i = 0; i < count; i++) {
        floats[i] = (float)(2 * example_uniform(&state) - 1);
        output[i] = 0.5 * floats[i];
    }
    oracle_backward_from(o, layer, output, false);
    CHECK_OK(spar_backward_output(prefix, floats, 0.5f, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT));
    compare_gradients_of(label, o, prefix, false, 1e-3);
    compare_image_gradients(label, o, prefix, 1e-3);
    free(floats);
    free(output);
}
