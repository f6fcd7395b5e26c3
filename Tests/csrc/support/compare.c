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

void compare_outputs(const char *label, const oracle *o, const spar_network *network, double tolerance) {
    size_t count = (size_t)o->count * o->layers[o->layer_count - 1].size;
    float *output = check_allocate(count * sizeof *output);
    CHECK_OK(spar_read_output(network, output));
    double *actual = to_doubles(output, count);
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

void compare_gradients(const char *label, oracle *o, const spar_network *network, double tolerance) {
    double floor = 0.01 * compare_largest_gradient(o);
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable) continue;
        double *actual = oracle_read(network, parameter, SPAR_PART_GRADIENT);
        char name[160];
        snprintf(name, sizeof name, "%s, gradient of %s", label, parameter->name);
        CHECK_CLOSE(name, actual, parameter->gradient, parameter->count, tolerance, floor);
        free(actual);
    }
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
