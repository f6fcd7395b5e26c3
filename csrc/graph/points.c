// Methods: which points are active, and with what settings.
#include "graph/network.h"

#include "runtime/structure.h"

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
};

const char *const *spar_method_names(void) {
    return names;
}

#define METHOD SPAR_STRUCTURE(spar_method, clean_weight)

spar_status spar_method_preset(const char *name, float epsilon, spar_method *method) {
    SPAR_REQUIRE_POINTER(name);
    SPAR_TRY(spar_check_structure(METHOD, method));
    char list[256] = "";
    for (int i = 0; i < PRESET_COUNT; i++) {
        strcat(strcat(list, i > 0 ? ", " : ""), names[i]);
        if (strcmp(names[i], name) != 0) continue;
        if (!isfinite(epsilon)) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: epsilon is %g", name, (double)epsilon);
        spar_method own = presets[i];
        own.epsilon *= epsilon;
        own.input_epsilon *= epsilon;
        spar_fill_structure(METHOD, &own, method);
        return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "there is no method \"%.64s\"; the methods are %s", name, list);
}

enum { MOST_ROUNDS = 1 << 20, KNOWN_BOUNDS = SPAR_BOUND_BALL | SPAR_BOUND_PIXELS | SPAR_BOUND_CHANNELS };

static spar_status check_rounds(const spar_method *m) {
    bool climbs = m->direction == SPAR_DIRECTION_CURRENT_BATCH || m->direction == SPAR_DIRECTION_PREVIOUS_BATCH;
    bool by_epsilon = m->size == SPAR_SIZE_CONSTANT;
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
    } else if ((m->start > 0 || m->bounds & SPAR_BOUND_BALL) && !by_epsilon) {
        reason = "a start and a ball are measured in ε, which is a length with a constant size only";
    } else if (m->persistent && !(m->bounds & SPAR_BOUND_BALL)) {
        reason = "a perturbation that is persistent grows without end unless a ball bounds it";
    } else if (m->bounds & SPAR_BOUND_PIXELS && m->input_epsilon == 0) {
        reason = "pixels bound input points, which an input epsilon of 0 turns off";
    } else if (m->bounds & SPAR_BOUND_CHANNELS && m->epsilon == 0) {
        reason = "channels bound hidden points, which an epsilon of 0 turns off";
    }
    return reason == NULL ? SPAR_OK : spar_fail(SPAR_ERROR_ARGUMENT, "method: %s", reason);
}

static spar_status check_choices(const spar_method *m) {
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
    SPAR_TRY(check_rounds(m));
    if (m->direction == SPAR_DIRECTION_NONE) return SPAR_OK;
    if ((m->direction == SPAR_DIRECTION_RANDOM) != (m->shape == SPAR_SHAPE_GAUSSIAN)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: a random direction and a Gaussian shape go together");
    }
    if (m->shape == SPAR_SHAPE_GAUSSIAN && m->size == SPAR_SIZE_RANGE) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: a random direction has no gradient to take the range of");
    }
    return SPAR_OK;
}

// The number of points from the first up to the last one the method names.
static spar_status count_reached(const spar_network *network, const spar_method *method, int *reached) {
    *reached = network->point_count;
    if (method->last_point == NULL) return SPAR_OK;
    for (int p = 0; p < network->point_count; p++) {
        *reached = p + 1;
        if (!network->points[p].input && strcmp(network->points[p].node->name, method->last_point) == 0) return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "method: there is no hidden point \"%.64s\"", method->last_point);
}

static bool is_reached(const spar_point *point, const spar_method *method, int reached) {
    if (method->direction == SPAR_DIRECTION_NONE) return false;
    return point->input ? method->input_epsilon != 0 : method->epsilon != 0 && point->index < reached;
}

// Do the bounds fit the numbers at a point?
static spar_status check_bounds(const spar_network *network, const spar_point *point, const spar_method *method) {
    const spar_node *before = point->node;
    while (before->layer->point) before = &network->graph->nodes[before->inputs[0]];
    if (point->input && method->bounds & SPAR_BOUND_PIXELS && before->layer != &spar_layer_input) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "method: the input point \"%.64s\" lies behind %.64s, where no bounds of "
                         "pixels hold",
                         point->node->name, before->name);
    }
    spar_extent extent = point->tensor->extent;
    if (!point->input && method->bounds & SPAR_BOUND_CHANNELS && spar_pixels(extent) == 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "method: at \"%.64s\" a channel is one number, which its own range holds "
                         "where it is; name a last point before it",
                         point->node->name);
    }
    return SPAR_OK;
}

static spar_status check_points(const spar_network *network, const spar_method *method) {
    if (method->direction == SPAR_DIRECTION_NONE) return SPAR_OK;
    int inputs = 0;
    for (int p = 0; p < network->point_count; p++) inputs += network->points[p].input;
    if (method->input_epsilon != 0 && inputs == 0) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: the network has no input point to perturb by %g",
                         (double)method->input_epsilon);
    }
    if (method->epsilon != 0 && inputs == network->point_count) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: the network has no hidden point to perturb by %g",
                         (double)method->epsilon);
    }
    return SPAR_OK;
}

static bool same_method(const spar_method *a, const spar_method *b) {
    bool same_last = a->last_point == b->last_point ||
                     (a->last_point != NULL && b->last_point != NULL && strcmp(a->last_point, b->last_point) == 0);
    return a->direction == b->direction && a->shape == b->shape && a->size == b->size &&
           a->granularity == b->granularity && a->epsilon == b->epsilon && a->input_epsilon == b->input_epsilon &&
           a->clean_weight == b->clean_weight && a->iterations == b->iterations && a->climb == b->climb &&
           a->start == b->start && a->bounds == b->bounds && a->persistent == b->persistent &&
           a->replays == b->replays && same_last;
}

// All points or none.
static spar_status configure(spar_network *network, const spar_method *method, int reached) {
    spar_point *made = spar_allocate((size_t)network->point_count, sizeof *made);
    spar_status status = made == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    for (int p = 0; p < network->point_count && status == SPAR_OK; p++) {
        const spar_point *point = &network->points[p];
        bool active = is_reached(point, method, reached);
        if (active) status = check_bounds(network, point, method);
        if (status == SPAR_OK) status = spar_point_configure(point, method, active, &made[p]);
    }
    for (int p = 0; p < network->point_count && made != NULL; p++) {
        spar_point_discard(status == SPAR_OK ? &network->points[p] : &made[p]);
        if (status == SPAR_OK) network->points[p] = made[p];
    }
    spar_release(made);
    return status;
}

spar_status spar_network_set_method(spar_network *network, const spar_method *given) {
    SPAR_REQUIRE_POINTER(network);
    spar_method taken = {0}, *method = &taken;
    SPAR_TRY(spar_take_structure(METHOD, given, method));
    int reached;
    SPAR_TRY(check_choices(method));
    SPAR_TRY(check_points(network, method));
    SPAR_TRY(count_reached(network, method, &reached));
    if (same_method(&network->method, method)) return SPAR_OK;
    char *last_point = method->last_point == NULL ? NULL : spar_copy_string(method->last_point);
    if (method->last_point != NULL && last_point == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = configure(network, method, reached);
    if (status == SPAR_OK) {
        spar_release((void *)network->method.last_point);
        network->method = *method;
        network->method.last_point = last_point;
    } else {
        spar_release(last_point);
    }
    return status;
}

spar_status spar_network_get_method(const spar_network *network, spar_method *method) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(METHOD, method));
    spar_fill_structure(METHOD, &network->method, method);
    return SPAR_OK;
}

bool spar_has_active_points(const spar_network *network) {
    for (int p = 0; p < network->point_count; p++) {
        if (network->points[p].active) return true;
    }
    return false;
}

int32_t spar_network_point_count(const spar_network *network) {
    return network == NULL ? 0 : network->point_count;
}

spar_status spar_network_find_point(const spar_network *network, const char *name, int32_t *index) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(name);
    SPAR_REQUIRE_POINTER(index);
    for (*index = 0; *index < network->point_count; ++*index) {
        if (strcmp(network->points[*index].node->name, name) == 0) return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "the network has no point \"%.256s\"", name);
}

#define POINT SPAR_STRUCTURE(spar_point_info, deviation)

spar_status spar_network_point(const spar_network *network, int32_t index, spar_point_info *info) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(POINT, info));
    if (index < 0 || index >= network->point_count) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "point %d: the network has %d, from 0", index, network->point_count);
    }
    const spar_point *point = &network->points[index];
    spar_extent extent = point->tensor->extent;
    spar_point_info own = {.name = point->node->name,
                           .shape = {extent.channels, extent.height, extent.width},
                           .input = point->input,
                           .active = point->active,
                           .deviation = point->deviation};
    spar_fill_structure(POINT, &own, info);
    return SPAR_OK;
}

// Methods may still use what the points have measured before, so that is put back.
spar_status spar_measure_points(spar_network *network, const float *images, int32_t count, float *deviations) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(deviations);
    spar_begin_changes(network);
    spar_status status = spar_forward_uncommitted(network, images, count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE);
    for (int p = 0; p < network->point_count && status == SPAR_OK; p++) deviations[p] = network->points[p].deviation;
    spar_undo_changes(network);
    if (status == SPAR_OK) network->ran_forward = false;
    return status;
}
