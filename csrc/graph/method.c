// Methods: presets by name, and which choices go together.
#include "graph/network.h"

#include "runtime/structure.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    BACKPROP,
    ADVERSARIAL_BACKPROP,
    FGS_ORIG,
    FGS_INTER,
    LAYERWISE,
    LAYERWISE_JOINT,
    ANL,
    GAUSSIAN,
    RANDOM,
    PGD,
    FGSM_RS,
    N_FGSM,
    SLAT,
    FREE,
    TRADES,
    ADVPROP,
    SAM,
    SAM_ON,
    AWP,
    PRESET_COUNT,
};

static const char *const names[PRESET_COUNT + 1] = {
    [BACKPROP] = "backprop",
    [ADVERSARIAL_BACKPROP] = "adversarial-backprop",
    [FGS_ORIG] = "fgs-orig",
    [FGS_INTER] = "fgs-inter",
    [LAYERWISE] = "layerwise",
    [LAYERWISE_JOINT] = "layerwise-joint",
    [ANL] = "anl",
    [GAUSSIAN] = "gaussian",
    [RANDOM] = "random",
    [PGD] = "pgd",
    [FGSM_RS] = "fgsm-rs",
    [N_FGSM] = "n-fgsm",
    [SLAT] = "slat",
    [FREE] = "free",
    [TRADES] = "trades",
    [ADVPROP] = "advprop",
    [SAM] = "sam",
    [SAM_ON] = "sam-on",
    [AWP] = "awp",
};

// Their ε are factors of the one given.
static const spar_method presets[PRESET_COUNT] = {
    [BACKPROP] = {.direction = SPAR_DIRECTION_NONE},
    [ADVERSARIAL_BACKPROP] = {.direction = SPAR_DIRECTION_CURRENT_BATCH, .input_epsilon = 1},
    [FGS_ORIG] = {.direction = SPAR_DIRECTION_CURRENT_BATCH, .input_epsilon = 1, .clean_weight = 0.5f},
    [FGS_INTER] = {.direction = SPAR_DIRECTION_CURRENT_BATCH,
                   .size = SPAR_SIZE_RANGE,
                   .epsilon = 1,
                   .clean_weight = 0.5f},
    [LAYERWISE] = {.direction = SPAR_DIRECTION_PREVIOUS_BATCH, .size = SPAR_SIZE_RANGE, .epsilon = 1},
    [LAYERWISE_JOINT] = {.direction = SPAR_DIRECTION_PREVIOUS_BATCH,
                         .size = SPAR_SIZE_RANGE,
                         .epsilon = 1,
                         .clean_weight = 0.5f},
    [ANL] = {.direction = SPAR_DIRECTION_CURRENT_BATCH,
             .shape = SPAR_SHAPE_GRADIENT,
             .size = SPAR_SIZE_RANDOM_DEVIATION,
             .granularity = SPAR_GRANULARITY_SAMPLE,
             .epsilon = 1},
    [GAUSSIAN] = {.direction = SPAR_DIRECTION_RANDOM, .shape = SPAR_SHAPE_GAUSSIAN, .epsilon = 0.25f},
    [RANDOM] = {.direction = SPAR_DIRECTION_RANDOM, .shape = SPAR_SHAPE_GAUSSIAN, .epsilon = 1},
    [PGD] = {.direction = SPAR_DIRECTION_CURRENT_BATCH,
             .input_epsilon = 1,
             .iterations = 7,
             .climb = 0.25f,
             .start = 1,
             .bounds = SPAR_BOUND_BALL | SPAR_BOUND_PIXELS},
    [FGSM_RS] = {.direction = SPAR_DIRECTION_CURRENT_BATCH,
                 .input_epsilon = 1,
                 .climb = 1.25f,
                 .start = 1,
                 .bounds = SPAR_BOUND_BALL},
    [N_FGSM] = {.direction = SPAR_DIRECTION_CURRENT_BATCH, .input_epsilon = 1, .start = 2},
    [SLAT] = {.direction = SPAR_DIRECTION_CURRENT_BATCH,
              .epsilon = 1,
              .input_epsilon = 0.9f,
              .bounds = SPAR_BOUND_PIXELS | SPAR_BOUND_CHANNELS},
    [FREE] = {.direction = SPAR_DIRECTION_PREVIOUS_BATCH,
              .input_epsilon = 1,
              .bounds = SPAR_BOUND_BALL,
              .persistent = true,
              .replays = 8},
    [TRADES] = {.direction = SPAR_DIRECTION_CURRENT_BATCH,
                .input_epsilon = 1,
                .clean_weight = 1,
                .iterations = 10,
                .climb = 0.007f / 0.031f,
                .start = 0.001f,
                .bounds = SPAR_BOUND_BALL | SPAR_BOUND_PIXELS,
                .divergence_weight = 6,
                .ascent = SPAR_ASCENT_DIVERGENCE,
                .start_distribution = SPAR_START_NORMAL,
                .evaluation_mode = true},
    [ADVPROP] = {.direction = SPAR_DIRECTION_CURRENT_BATCH,
                 .input_epsilon = 1,
                 .clean_weight = 0.5f,
                 .iterations = 5,
                 .climb = 0.25f,
                 .start = 1,
                 .bounds = SPAR_BOUND_BALL | SPAR_BOUND_PIXELS,
                 .evaluation_mode = true,
                 .separate_statistics = true},
    [SAM] = {.direction = SPAR_DIRECTION_NONE, .weight_radius = 1},
    [SAM_ON] = {.direction = SPAR_DIRECTION_NONE, .weight_radius = 1, .weight_scope = SPAR_WEIGHT_SCOPE_NORMALIZATION},
    [AWP] = {.direction = SPAR_DIRECTION_CURRENT_BATCH,
             .input_epsilon = 1,
             .iterations = 7,
             .climb = 0.25f,
             .start = 1,
             .bounds = SPAR_BOUND_BALL | SPAR_BOUND_PIXELS,
             .weight_radius = 0.01f,
             .weight_scope = SPAR_WEIGHT_SCOPE_MATRICES,
             .weight_norm = SPAR_WEIGHT_NORM_EACH},
};

const char *const *spar_method_names(void) {
    return names;
}

spar_status spar_method_preset(const char *name, float epsilon, spar_method *method) {
    SPAR_REQUIRE_POINTER(name);
    SPAR_TRY(spar_check_structure(SPAR_METHOD, method));
    char list[256] = "";
    for (int i = 0; i < PRESET_COUNT; i++) {
        strcat(strcat(list, i > 0 ? ", " : ""), names[i]);
        if (strcmp(names[i], name) != 0) continue;
        if (!isfinite(epsilon)) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: epsilon is %g", name, (double)epsilon);
        spar_method own = presets[i];
        own.epsilon *= epsilon;
        own.input_epsilon *= epsilon;
        if (own.direction == SPAR_DIRECTION_NONE) own.weight_radius *= epsilon;
        spar_fill_structure(SPAR_METHOD, &own, method);
        return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "there is no method \"%.64s\"; the methods are %s", name, list);
}

enum { MOST_ROUNDS = 1 << 20, KNOWN_BOUNDS = SPAR_BOUND_BALL | SPAR_BOUND_PIXELS | SPAR_BOUND_CHANNELS };

static spar_status check_rounds(const spar_method *m) {
    bool climbs = m->direction == SPAR_DIRECTION_CURRENT_BATCH || m->direction == SPAR_DIRECTION_PREVIOUS_BATCH;
    bool by_epsilon = m->size == SPAR_SIZE_CONSTANT;
    bool uniform = m->start > 0 && m->start_distribution == SPAR_START_UNIFORM;
    const char *reason = NULL;
    if (m->iterations < 0 || m->iterations > MOST_ROUNDS || m->replays < 0 || m->replays > MOST_ROUNDS) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: %d iterations and %d replays; both are 0 to %d", m->iterations,
                         m->replays, MOST_ROUNDS);
    }
    if (!(m->climb >= 0 && m->climb < INFINITY && m->start >= 0 && m->start < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: it climbs by %g from a start of %g; both are finite, 0 or more",
                         (double)m->climb, (double)m->start);
    }
    if (m->bounds & ~(uint32_t)KNOWN_BOUNDS) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: bounds 0x%x are unknown", m->bounds & ~(uint32_t)KNOWN_BOUNDS);
    }
    if (!climbs &&
        (m->iterations > 1 || (m->climb > 0 && m->climb != 1) || m->start > 0 || m->bounds != 0 || m->persistent)) {
        reason = "iterations, climb, start, bounds and persistent are for perturbations that climb a gradient";
    } else if (m->iterations > 1 && m->direction != SPAR_DIRECTION_CURRENT_BATCH) {
        reason = "of the previous batch there is one gradient, for one iteration";
    } else if ((uniform || m->bounds & SPAR_BOUND_BALL) && !by_epsilon) {
        reason = "a uniform start and a ball are measured in ε, which is a length with a constant size only";
    } else if (m->persistent && !(m->bounds & SPAR_BOUND_BALL)) {
        reason = "a perturbation that is persistent grows without end unless a ball bounds it";
    } else if (m->bounds & SPAR_BOUND_PIXELS && m->input_epsilon == 0) {
        reason = "pixels bound input points, which an input epsilon of 0 turns off";
    } else if (m->bounds & SPAR_BOUND_CHANNELS && m->epsilon == 0) {
        reason = "channels bound hidden points, which an epsilon of 0 turns off";
    }
    return reason == NULL ? SPAR_OK : spar_fail(SPAR_ERROR_ARGUMENT, "method: %s", reason);
}

static spar_status check_weights(const spar_method *m) {
    if (!(m->weight_radius >= 0 && m->weight_radius < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: a weight radius of %g, which has to be finite, 0 or more",
                         (double)m->weight_radius);
    }
    if ((unsigned)m->weight_scope <= SPAR_WEIGHT_SCOPE_MATRICES && (unsigned)m->weight_norm <= SPAR_WEIGHT_NORM_EACH) {
        return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "method: weight scope %d, weight norm %d: one is unknown",
                     (int)m->weight_scope, (int)m->weight_norm);
}

// Of what is trained on and climbed, and in which mode.
static spar_status check_objective(const spar_method *m) {
    bool current = m->direction == SPAR_DIRECTION_CURRENT_BATCH,
         previous = m->direction == SPAR_DIRECTION_PREVIOUS_BATCH;
    bool climbs_divergence = m->ascent == SPAR_ASCENT_DIVERGENCE;
    const char *reason = NULL;
    if (m->ascent < SPAR_ASCENT_LOSS || m->ascent > SPAR_ASCENT_DIVERGENCE ||
        m->start_distribution < SPAR_START_UNIFORM || m->start_distribution > SPAR_START_NORMAL) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: ascent %d, distribution of the start %d: one is unknown",
                         (int)m->ascent, (int)m->start_distribution);
    }
    if (!(m->divergence_weight >= 0 && m->divergence_weight < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: the divergence's weight is %g, not a finite number of 0 or more",
                         (double)m->divergence_weight);
    }
    if (m->divergence_weight > 0 && m->direction == SPAR_DIRECTION_NONE) {
        reason = "without perturbations there is no divergence to train on";
    } else if (climbs_divergence && !current && !previous) {
        reason = "a divergence is climbed by a gradient";
    } else if (climbs_divergence && !(m->start > 0)) {
        reason = "the divergence from an image itself has no slope: climbing it needs a start";
    } else if (previous && climbs_divergence && !(m->divergence_weight > 0)) {
        reason = "of the previous batch there is the gradient of what was trained on, which has no divergence";
    } else if (previous && m->divergence_weight > 0 && !(climbs_divergence && m->clean_weight == 1)) {
        reason = "of the previous batch there is the gradient of the perturbed pass, which with a divergence is that "
                 "alone: with a clean weight of 1, climbing the divergence";
    } else if (m->evaluation_mode && !current) {
        reason = "evaluation mode is for rounds that climb the current batch's gradient";
    } else if (m->start_distribution != SPAR_START_UNIFORM && !(m->start > 0)) {
        reason = "a start of 0 has no distribution";
    } else if (m->separate_statistics && m->direction == SPAR_DIRECTION_NONE) {
        reason = "without perturbations nothing would train separate statistics";
    } else if (m->separate_statistics && m->clean_weight == 0 && !(m->divergence_weight > 0)) {
        reason = "separate statistics need a clean term, without which nothing would train those that are used";
    } else if (m->separate_statistics && m->clean_weight == 1 && !(m->divergence_weight > 0)) {
        reason = "with a clean weight of 1 and no divergence nothing would train separate statistics";
    }
    return reason == NULL ? SPAR_OK : spar_fail(SPAR_ERROR_ARGUMENT, "method: %s", reason);
}

// A weight scales a loss, which takes a normal number.
static spar_status check_scale(const char *what, float weight) {
    if (!(weight > 0 && weight < FLT_MIN)) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "method: the %s's weight is %g; above 0 it must be at least %g", what,
                     (double)weight, (double)FLT_MIN);
}

spar_status spar_check_method(const spar_method *m) {
    if (m->direction < SPAR_DIRECTION_NONE || m->direction > SPAR_DIRECTION_RANDOM || m->shape < SPAR_SHAPE_SIGN ||
        m->shape > SPAR_SHAPE_GAUSSIAN || m->size < SPAR_SIZE_CONSTANT || m->size > SPAR_SIZE_RANDOM_DEVIATION ||
        m->granularity < SPAR_GRANULARITY_BATCH || m->granularity > SPAR_GRANULARITY_SAMPLE) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: direction %d, shape %d, size %d, granularity %d: one is unknown",
                         (int)m->direction, (int)m->shape, (int)m->size, (int)m->granularity);
    }
    if (!isfinite(m->epsilon) || !isfinite(m->input_epsilon)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: epsilon is %g and input epsilon %g; both must be finite",
                         (double)m->epsilon, (double)m->input_epsilon);
    }
    if (!(m->clean_weight >= 0 && m->clean_weight <= 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: the clean loss's weight is %g, not between 0 and 1",
                         (double)m->clean_weight);
    }
    SPAR_TRY(check_scale("clean loss", m->clean_weight));
    SPAR_TRY(check_scale("divergence", m->divergence_weight));
    SPAR_TRY(check_rounds(m));
    SPAR_TRY(check_weights(m));
    SPAR_TRY(check_objective(m));
    if (m->direction == SPAR_DIRECTION_NONE) return SPAR_OK;
    if ((m->direction == SPAR_DIRECTION_RANDOM) != (m->shape == SPAR_SHAPE_GAUSSIAN)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: a random direction and a Gaussian shape go together");
    }
    if (m->shape == SPAR_SHAPE_GAUSSIAN && m->size == SPAR_SIZE_RANGE) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: a random direction has no gradient to take the range of");
    }
    return SPAR_OK;
}
