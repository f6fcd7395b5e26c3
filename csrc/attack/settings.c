// Settings of the attacks inside a ball: defaults, and what they may be.
#include "attack/attack.h"

#include <math.h>

// Sets of kinds.
#define SET(KIND) (1u << SPAR_ATTACK_##KIND)
enum {
    STEPS = SET(IFGSM) | SET(PGD),
    AUTO_STEPS = SET(APGD_CE) | SET(APGD_T),
    ITERATIONS = STEPS | AUTO_STEPS | SET(FAB_T) | SET(STANDARD),
    WHOLE_BATCHES = SET(FGSM) | SET(IFGSM), // none of their images is left out
    L2_BALLS = WHOLE_BATCHES | STEPS | AUTO_STEPS,
    SQUARES = SET(SQUARE) | SET(STANDARD),
    QUERIES = SQUARES | SET(RAYS),
    AIMED = SET(APGD_T) | SET(FAB_T) | SET(STANDARD),
    IN_RANGE = SET(FAB_T) | SET(STANDARD) | SET(RAYS), // pixels have bounds
};

static bool is_in(unsigned set, const spar_attack *attack) {
    return set >> attack->kind & 1;
}

spar_attack spar_attack_defaults_of(spar_attack_kind kind) {
    return (spar_attack){.kind = kind,
                         .delta = 16,
                         .step = kind == SPAR_ATTACK_PGD ? 0 : 1,
                         .iterations = kind <= SPAR_ATTACK_IFGSM ? 16
                                       : kind == SPAR_ATTACK_PGD ? 20
                                                                 : 100,
                         .random_start = true,
                         .restarts = 1,
                         .queries = 5000,
                         .first_share = 0.8f,
                         .clip = true,
                         .lowest = 0,
                         .highest = 1,
                         .seed = 1,
                         .targets = 9,
                         .stretched = kind != SPAR_ATTACK_STANDARD};
}

static spar_status check_kind(spar_attack_kind kind) {
    if (kind >= SPAR_ATTACK_FGSM && kind <= SPAR_ATTACK_RAYS) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "attack: there is no kind %d", (int)kind);
}

spar_status spar_attack_set_defaults(spar_attack *attack, uint32_t struct_size, spar_attack_kind kind) {
    spar_attack defaults = spar_attack_defaults_of(kind);
    SPAR_TRY(spar_fill_defaults(SPAR_ATTACK_STRUCTURE, &defaults, attack, struct_size));
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

static spar_status check_steps(const spar_attack *a, double largest) {
    bool is_pgd = a->kind == SPAR_ATTACK_PGD;
    if (!(is_pgd && a->step == 0) && !(a->step > 0 && a->step <= largest)) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "attack: the step is %g; of pixels of 0 to %g it must be above 0, at most %g", (double)a->step,
                         pixel_range(a), largest);
    }
    if (a->kind == SPAR_ATTACK_IFGSM && a->iterations == 0 && iterations_to_delta(a) > MOST_ITERATIONS) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "attack: steps of %g would reach delta %g after %g iterations; there may be at most %d",
                         (double)a->step, (double)a->delta, iterations_to_delta(a), MOST_ITERATIONS);
    }
    if (!is_pgd) return SPAR_OK;
    if (a->restarts < 1 || a->restarts > 1 << 16) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d restarts; there must be 1 to 65536", a->restarts);
    }
    if (a->restarts > 1 && !a->random_start) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d restarts without a random start are all the same",
                         a->restarts);
    }
    return SPAR_OK;
}

enum { MOST_TARGETS = 1 << 16 };

// Targets are classes of a network that has this many.
static spar_status check_targets(const spar_attack *a, int classes) {
    if (a->targets < 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d targets; there must be at least 1", a->targets);
    }
    // What each target draws has its own place among the draws.
    if (a->targets > MOST_TARGETS && classes > MOST_TARGETS + 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d targets of %d classes; there can be %d", a->targets, classes,
                         MOST_TARGETS);
    }
    int least = a->kind == SPAR_ATTACK_FAB_T ? 2 : 4; // outputs that the loss looks at
    if (classes >= least) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "attack: kind %d is for %d classes or more; the network has %d", (int)a->kind,
                     least, classes);
}

static spar_status check_ball(const spar_attack *a, double most) {
    if (a->unit != SPAR_UNIT_255 && a->unit != SPAR_UNIT_ONE) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: there is no pixel unit %d", (int)a->unit);
    }
    if (a->ball != SPAR_BALL_MAXIMUM && a->ball != SPAR_BALL_EUCLIDEAN) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: there is no ball %d", (int)a->ball);
    }
    if (a->ball != SPAR_BALL_MAXIMUM && !is_in(L2_BALLS, a)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: kind %d has no other ball than 0, not %d", (int)a->kind,
                         (int)a->ball);
    }
    if (a->delta >= 0 && a->delta <= most) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "attack: delta is %g; of pixels of 0 to %g it must be 0 to %g",
                     (double)a->delta, pixel_range(a), most);
}

spar_status spar_attack_check(const spar_attack *a, const spar_network *network) {
    spar_extent extent = network->tensors[0].extent;
    double pixels = (double)(spar_pixels(extent) * extent.channels);
    double most = pixel_range(a) * (a->ball == SPAR_BALL_EUCLIDEAN ? sqrt(pixels) : 1);
    SPAR_TRY(check_kind(a->kind));
    SPAR_TRY(check_ball(a, most));
    if (is_in(STEPS, a)) SPAR_TRY(check_steps(a, most));
    bool random = a->kind == SPAR_ATTACK_PGD && a->random_start;
    int least = a->kind == SPAR_ATTACK_IFGSM || random ? 0 : 1;
    if (is_in(ITERATIONS, a) && (a->iterations < least || a->iterations > MOST_ITERATIONS)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d iterations; there must be 1 to %d", a->iterations,
                         MOST_ITERATIONS);
    }
    if (is_in(AIMED, a)) SPAR_TRY(check_targets(a, network->tensors[network->output].extent.channels));
    if (is_in(QUERIES, a) && a->queries < 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: %d queries; there must be at least 1", a->queries);
    }
    if (is_in(SQUARES, a) && !(a->first_share > 0 && a->first_share <= 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: the first squares cover %g of an image, not a share above 0",
                         (double)a->first_share);
    }
    if (a->clip && !(a->lowest <= a->highest && isfinite(a->lowest) && isfinite(a->highest))) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: the pixel range is %g to %g", (double)a->lowest,
                         (double)a->highest);
    }
    if (!a->clip && is_in(IN_RANGE, a)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "attack: kind %d needs a pixel range to stay in", (int)a->kind);
    }
    if (a->training_mode && !is_in(WHOLE_BATCHES, a)) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "attack: training mode depends on the whole batch, so kind %d, which "
                         "leaves out images, does without",
                         (int)a->kind);
    }
    return SPAR_OK;
}

int spar_attack_iterations(const spar_attack *a) {
    return a->kind == SPAR_ATTACK_IFGSM && a->iterations == 0 ? (int)iterations_to_delta(a) : a->iterations;
}
