// Attacks inside the ball x₀ ± δ: their settings, and steps along the gradient's sign.
#include "attack/attack.h"

#include "runtime/structure.h"

#include <math.h>
#include <string.h>

#define ATTACK SPAR_STRUCTURE(spar_attack, context)

static spar_attack defaults_of(spar_attack_kind kind) {
    bool pgd = kind == SPAR_ATTACK_PGD;
    return (spar_attack){.kind = kind,
                         .delta = 16,
                         .step = pgd ? 0 : 1,
                         .iterations = pgd ? 20 : 16,
                         .random_start = true,
                         .restarts = 1,
                         .queries = 5000,
                         .first_share = 0.8f,
                         .clip = true,
                         .lowest = 0,
                         .highest = 1,
                         .seed = 1};
}

static spar_status check_kind(spar_attack_kind kind) {
    if (kind >= SPAR_ATTACK_FGSM && kind <= SPAR_ATTACK_SQUARE) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "attack: there is no kind %d", (int)kind);
}

spar_status spar_attack_set_defaults(spar_attack *attack, uint32_t struct_size, spar_attack_kind kind) {
    spar_attack defaults = defaults_of(kind);
    SPAR_TRY(spar_fill_defaults(ATTACK, &defaults, attack, struct_size));
    return check_kind(kind);
}

enum { MOST_ITERATIONS = 1 << 20 };

// From black to white, in the attack's unit.
static double pixel_range(const spar_attack *a) {
    return a->unit == SPAR_UNIT_255 ? 255 : 1;
}

// Steps that reach δ, without a last one that rounding alone asks for.
static double iterations_to_delta(const spar_attack *a) {
    return fmax(1, ceil((double)a->delta / (double)a->step * (1 - 1e-6)));
}

static spar_status check_steps(const spar_attack *a) {
    bool is_pgd = a->kind == SPAR_ATTACK_PGD;
    if (!(is_pgd && a->step == 0) && !(a->step > 0 && a->step <= pixel_range(a))) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "attack: the step is %g; of pixels of 0 to %g it must be above 0, at most %g", (double)a->step,
                         pixel_range(a), pixel_range(a));
    }
    if (a->iterations < (is_pgd ? 1 : 0) || a->iterations > MOST_ITERATIONS) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d iterations; there must be 1 to %d", a->iterations,
                         MOST_ITERATIONS);
    }
    if (a->iterations == 0 && iterations_to_delta(a) > MOST_ITERATIONS) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "attack: steps of %g would reach delta %g after %g iterations; there may be at most %d",
                         (double)a->step, (double)a->delta, iterations_to_delta(a), MOST_ITERATIONS);
    }
    if (a->kind != SPAR_ATTACK_PGD) return SPAR_OK;
    if (a->restarts < 1 || a->restarts > 1 << 16) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d restarts; there must be 1 to 65536", a->restarts);
    }
    if (a->restarts > 1 && !a->random_start) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d restarts without a random start are all the same",
                         a->restarts);
    }
    return SPAR_OK;
}

static spar_status check(const spar_attack *a) {
    SPAR_TRY(check_kind(a->kind));
    if (a->unit != SPAR_UNIT_255 && a->unit != SPAR_UNIT_ONE) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: there is no pixel unit %d", (int)a->unit);
    }
    if (!(a->delta >= 0 && a->delta <= pixel_range(a))) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: delta is %g; of pixels of 0 to %g it must be 0 to %g",
                         (double)a->delta, pixel_range(a), pixel_range(a));
    }
    if (a->kind == SPAR_ATTACK_IFGSM || a->kind == SPAR_ATTACK_PGD) SPAR_TRY(check_steps(a));
    if (a->kind == SPAR_ATTACK_SQUARE && a->queries < 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d queries; there must be at least 1", a->queries);
    }
    if (a->kind == SPAR_ATTACK_SQUARE && !(a->first_share > 0 && a->first_share <= 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: the first squares cover %g of an image, not a share above 0",
                         (double)a->first_share);
    }
    if (a->clip && !(a->lowest <= a->highest && isfinite(a->lowest) && isfinite(a->highest))) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: the pixel range is %g to %g", (double)a->lowest,
                         (double)a->highest);
    }
    if (a->training_mode && a->kind >= SPAR_ATTACK_PGD) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "attack: training mode depends on the whole batch, so kind %d, which "
                         "leaves out images, does without",
                         (int)a->kind);
    }
    return SPAR_OK;
}

spar_status spar_attack_climb(spar_standing *standing, float step, int iterations, double done, double share) {
    const spar_attack *attack = standing->attack;
    size_t floats = (size_t)standing->count * standing->pixels;
    for (int k = 0; k < iterations; k++) {
        double part = share / iterations;
        SPAR_TRY(spar_go_on(attack->proceed, attack->context, done + part * k, "the attack"));
        SPAR_TRY(spar_forward(standing->network, standing->images, standing->count,
                              attack->training_mode ? SPAR_FORWARD_TRAIN : 0));
        SPAR_TRY(spar_go_on(attack->proceed, attack->context, done + part * (k + 0.4), "the attack"));
        // Times the count: each image's own gradient, whatever the batch it is in.
        SPAR_TRY(spar_backward(standing->network, standing->labels, (float)standing->count, SPAR_BACKWARD_INPUT, NULL));
        SPAR_TRY(spar_input_gradient(standing->network, standing->gradients));
        for (size_t i = 0; i < floats; i++) {
            float gradient = standing->gradients[i], sign = (float)((gradient > 0) - (gradient < 0));
            standing->images[i] =
                spar_attack_clip(attack, standing->delta, standing->originals[i], standing->images[i] + step * sign);
        }
    }
    return SPAR_OK;
}

static spar_status run(spar_standing *standing) {
    const spar_attack *attack = standing->attack;
    if (attack->kind == SPAR_ATTACK_PGD) return spar_attack_pgd(standing);
    if (attack->kind == SPAR_ATTACK_SQUARE) return spar_attack_square(standing);
    if (attack->kind == SPAR_ATTACK_FGSM) {
        SPAR_TRY(spar_attack_climb(standing, standing->delta, 1, 0, 1));
    } else {
        SPAR_TRY(spar_attack_climb(standing, standing->step, attack->iterations, 0, 1));
    }
    memcpy(standing->results, standing->images, (size_t)standing->count * standing->pixels * sizeof(float));
    return SPAR_OK;
}

spar_status spar_attack_images(spar_network *network, const spar_attack *attack, const float *images,
                               const int32_t *labels, int32_t count, float *attacked) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(ATTACK, attack));
    SPAR_REQUIRE_POINTER(images);
    SPAR_REQUIRE_POINTER(labels);
    SPAR_REQUIRE_POINTER(attacked);
    spar_attack chosen = defaults_of(attack->kind);
    SPAR_TRY(spar_take_structure(ATTACK, attack, &chosen));
    SPAR_TRY(check(&chosen));
    if (count < 1 || count > network->options.batch_size) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: a batch of %d images: the network takes 1 to %d", count,
                         network->options.batch_size);
    }
    if (chosen.kind == SPAR_ATTACK_IFGSM && chosen.iterations == 0) {
        chosen.iterations = (int32_t)iterations_to_delta(&chosen);
    }
    // A failed attack leaves `attacked` as it was, so the work is done in memory of its own.
    spar_standing standing;
    SPAR_TRY(spar_standing_create(&standing, network, &chosen, images, labels, count));
    spar_status status = run(&standing);
    if (status == SPAR_OK) memcpy(attacked, standing.results, (size_t)count * standing.pixels * sizeof *attacked);
    spar_standing_destroy(&standing);
    return status;
}
