// Whether attacks can find what there is: the signs of AutoAttack's reference implementation, as numbers.
#include "graph/network.h"
#include "runtime/structure.h"

#include <math.h>
#include <string.h>

#define INSPECTION SPAR_STRUCTURE(spar_inspection, count)

enum { PASSES = 5 };

static double norm_of(const float *z, int classes) {
    double sum = 0;
    for (int c = 0; c < classes; c++) sum += (double)z[c] * z[c];
    return sqrt(sum) + 1e-10;
}

static void compare(const float *first, const float *other, int classes, spar_inspection *own) {
    double norm = norm_of(first, classes), other_norm = norm_of(other, classes), sum = 0;
    for (int c = 0; c < classes; c++) sum += pow(first[c] / norm - other[c] / other_norm, 2);
    own->difference = fmax(own->difference, sqrt(sum));
}

static void look_at(const float *z, int classes, spar_inspection *own) {
    double sum = -1;
    for (int c = 0; c < classes; c++) {
        own->lowest = fminf(own->lowest, z[c]);
        own->highest = fmaxf(own->highest, z[c]);
        sum += z[c];
    }
    own->sum_error = fmax(own->sum_error, fabs(sum));
}

static spar_status inspect(spar_network *network, const float *images, const int32_t *labels, float *memory,
                           size_t pixels, spar_inspection *own) {
    int classes = network->tensors[network->output].extent.channels;
    float *first = memory, *other = first + (size_t)own->count * (size_t)classes;
    float *gradients = other + (size_t)own->count * (size_t)classes;
    for (int pass = 0; pass < PASSES; pass++) {
        SPAR_TRY(spar_forward(network, images, own->count, 0));
        SPAR_TRY(spar_read_output(network, pass == 0 ? first : other));
        for (int n = 0; n < own->count; n++) {
            size_t row = (size_t)n * (size_t)classes;
            if (pass == 0) look_at(first + row, classes, own);
            if (pass > 0) compare(first + row, other + row, classes, own);
        }
    }
    SPAR_TRY(spar_backward(network, labels, (float)own->count, SPAR_BACKWARD_INPUT, NULL));
    SPAR_TRY(spar_input_gradient(network, gradients));
    for (int n = 0; n < own->count; n++) {
        size_t zeros = 0;
        while (zeros < pixels && gradients[(size_t)n * pixels + zeros] == 0) zeros++;
        own->zero_gradients += zeros == pixels;
    }
    return SPAR_OK;
}

spar_status spar_inspect(spar_network *network, const float *images, const int32_t *labels, int32_t count,
                         spar_inspection *inspection) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(images);
    SPAR_REQUIRE_POINTER(labels);
    SPAR_TRY(spar_check_structure(INSPECTION, inspection));
    SPAR_TRY(spar_check_count(network, "inspect: ", count));
    SPAR_TRY(spar_require_alone(network, "inspect"));
    spar_extent extent = network->tensors[0].extent;
    size_t pixels = (size_t)(spar_pixels(extent) * extent.channels);
    size_t classes = (size_t)network->tensors[network->output].extent.channels;
    float *memory = spar_allocate((size_t)count * (pixels + 2 * classes), sizeof *memory);
    if (memory == NULL) return SPAR_ERROR_MEMORY;
    spar_inspection own = {.lowest = INFINITY, .highest = -INFINITY, .count = count};
    spar_status status = inspect(network, images, labels, memory, pixels, &own);
    if (status == SPAR_OK) spar_fill_structure(INSPECTION, &own, inspection);
    spar_release(memory);
    return status;
}
