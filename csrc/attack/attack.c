// FGSM (Goodfellow et al. 2015) and its iterated form IFGSM (Kurakin et al. 2017).
#include "graph/network.h"

#include <math.h>
#include <string.h>

spar_attack spar_attack_defaults(spar_attack_kind kind) {
    return (spar_attack){
        .kind = kind, .delta = 16, .step = 1, .iterations = 16, .clip = true, .lowest = 0, .highest = 1};
}

static spar_status check(const spar_attack *a) {
    if (a->kind != SPAR_ATTACK_FGSM && a->kind != SPAR_ATTACK_IFGSM) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: there is no kind %d", (int)a->kind);
    }
    if (a->unit != SPAR_UNIT_255 && a->unit != SPAR_UNIT_ONE) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: there is no pixel unit %d", (int)a->unit);
    }
    if (!(a->delta >= 0 && a->delta < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: delta is %g, not a number of at least 0", (double)a->delta);
    }
    if (a->kind == SPAR_ATTACK_IFGSM && (!(a->step > 0 && a->step < INFINITY) || a->iterations < 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: step %g must be above 0 and iterations %d at least 1",
                         (double)a->step, a->iterations);
    }
    if (a->clip && !(a->lowest <= a->highest && isfinite(a->lowest) && isfinite(a->highest))) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: the pixel range is %g to %g", (double)a->lowest,
                         (double)a->highest);
    }
    return SPAR_OK;
}

static void advance(const spar_attack *attack, float step, float delta, const float *original, const float *gradient,
                    float *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float y = x[i] + step * (float)((gradient[i] > 0) - (gradient[i] < 0));
        y = fminf(fmaxf(y, original[i] - delta), original[i] + delta);
        x[i] = attack->clip ? fminf(fmaxf(y, attack->lowest), attack->highest) : y;
    }
}

static spar_status iterate(spar_network *network, const spar_attack *attack, const float *original,
                           const int32_t *labels, int32_t count, float *gradient, float *x, size_t floats) {
    float unit = attack->unit == SPAR_UNIT_255 ? 1 / 255.0f : 1, delta = attack->delta * unit;
    bool single = attack->kind == SPAR_ATTACK_FGSM;
    float step = single ? delta : attack->step * unit;
    uint32_t flags = attack->training_mode ? SPAR_FORWARD_TRAIN : 0;
    for (int i = 0; i < (single ? 1 : attack->iterations); i++) {
        SPAR_TRY(spar_forward(network, x, count, flags));
        SPAR_TRY(spar_backward(network, labels, 1, SPAR_BACKWARD_INPUT, NULL));
        SPAR_TRY(spar_input_gradient(network, gradient));
        advance(attack, step, delta, original, gradient, x, floats);
    }
    return SPAR_OK;
}

spar_status spar_attack_images(spar_network *network, const spar_attack *attack, const float *images,
                               const int32_t *labels, int32_t count, float *attacked) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(attack);
    SPAR_REQUIRE_POINTER(images);
    SPAR_REQUIRE_POINTER(labels);
    SPAR_REQUIRE_POINTER(attacked);
    SPAR_TRY(check(attack));
    if (count < 1 || count > network->options.batch_size) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: a batch of %d images: the network takes 1 to %d", count,
                         network->options.batch_size);
    }
    spar_extent extent = network->tensors[0].extent;
    size_t floats = (size_t)(spar_pixels(extent) * extent.channels) * (size_t)count;
    // A failed attack leaves `attacked` as it was, so the work is done in memory of its own.
    float *gradient = spar_allocate(2 * floats * sizeof *gradient);
    if (gradient == NULL) return SPAR_ERROR_MEMORY;
    float *x = gradient + floats;
    memcpy(x, images, floats * sizeof *x);
    spar_status status = iterate(network, attack, images, labels, count, gradient, x, floats);
    if (status == SPAR_OK) memcpy(attacked, x, floats * sizeof *x);
    spar_release(gradient);
    return status;
}
