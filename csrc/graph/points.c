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
};

typedef struct preset {
    spar_direction direction;
    spar_shape shape;
    spar_size size;
    spar_granularity granularity;
    bool at_input;
    float epsilon_factor; // of the ε given
    float clean_weight;
} preset;

static const preset presets[PRESET_COUNT] = {
    [BACKPROP] = {SPAR_DIRECTION_NONE, SPAR_SHAPE_SIGN, SPAR_SIZE_CONSTANT, SPAR_GRANULARITY_BATCH, false, 0, 0},
    [ADVERSARIAL_BACKPROP] = {SPAR_DIRECTION_CURRENT_BATCH, SPAR_SHAPE_SIGN, SPAR_SIZE_CONSTANT, SPAR_GRANULARITY_BATCH,
                              true, 1, 0},
    [FGS_ORIG] = {SPAR_DIRECTION_CURRENT_BATCH, SPAR_SHAPE_SIGN, SPAR_SIZE_CONSTANT, SPAR_GRANULARITY_BATCH, true, 1,
                  0.5f},
    [FGS_INTER] = {SPAR_DIRECTION_CURRENT_BATCH, SPAR_SHAPE_SIGN, SPAR_SIZE_RANGE, SPAR_GRANULARITY_BATCH, false, 1,
                   0.5f},
    [LAYERWISE] = {SPAR_DIRECTION_PREVIOUS_BATCH, SPAR_SHAPE_SIGN, SPAR_SIZE_RANGE, SPAR_GRANULARITY_BATCH, false, 1,
                   0},
    [LAYERWISE_JOINT] = {SPAR_DIRECTION_PREVIOUS_BATCH, SPAR_SHAPE_SIGN, SPAR_SIZE_RANGE, SPAR_GRANULARITY_BATCH, false,
                         1, 0.5f},
    [ANL] = {SPAR_DIRECTION_CURRENT_BATCH, SPAR_SHAPE_GRADIENT, SPAR_SIZE_RANDOM_DEVIATION, SPAR_GRANULARITY_SAMPLE,
             false, 1, 0},
    [GAUSSIAN] = {SPAR_DIRECTION_RANDOM, SPAR_SHAPE_GAUSSIAN, SPAR_SIZE_CONSTANT, SPAR_GRANULARITY_BATCH, false, 0.25f,
                  0},
    [RANDOM] = {SPAR_DIRECTION_RANDOM, SPAR_SHAPE_GAUSSIAN, SPAR_SIZE_CONSTANT, SPAR_GRANULARITY_BATCH, false, 1, 0},
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
        const preset *p = &presets[i];
        strcat(strcat(list, i > 0 ? ", " : ""), names[i]);
        if (strcmp(names[i], name) != 0) continue;
        if (!isfinite(epsilon)) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: epsilon is %g", name, (double)epsilon);
        spar_method own = {.direction = p->direction,
                           .shape = p->shape,
                           .size = p->size,
                           .granularity = p->granularity,
                           .epsilon = p->at_input ? 0 : p->epsilon_factor * epsilon,
                           .input_epsilon = p->at_input ? p->epsilon_factor * epsilon : 0,
                           .clean_weight = p->clean_weight};
        spar_fill_structure(METHOD, &own, method);
        return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "there is no method \"%.64s\"; the methods are %s", name, list);
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
           a->clean_weight == b->clean_weight && same_last;
}

// All points or none.
static spar_status configure(spar_network *network, const spar_method *method, int reached) {
    spar_point *made = spar_allocate((size_t)network->point_count, sizeof *made);
    spar_status status = made == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    for (int p = 0; p < network->point_count && status == SPAR_OK; p++) {
        const spar_point *point = &network->points[p];
        status = spar_point_configure(point, method, is_reached(point, method, reached), &made[p]);
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
