// The method in force: which points are active, and with what settings.
#include "graph/network.h"

#include "runtime/structure.h"

#include <string.h>

// Is the name one of those between commas?
static bool is_listed(const char *names, const char *name) {
    size_t length = strlen(name);
    while (names != NULL) {
        if (strncmp(names, name, length) == 0 && (names[length] == ',' || names[length] == 0)) return true;
        names = strchr(names, ',');
        if (names != NULL) names++;
    }
    return false;
}

// Hidden points that the method names, up to a last one or one by one.
static bool is_chosen(const spar_network *network, const spar_method *method, const spar_point *point) {
    if (method->hidden_points != NULL) return is_listed(method->hidden_points, point->node->name);
    if (method->last_point == NULL) return true;
    for (int p = 0; p < point->index; p++) {
        const spar_point *before = &network->points[p];
        if (!before->input && strcmp(before->node->name, method->last_point) == 0) return false;
    }
    return true;
}

static bool is_active(const spar_network *network, const spar_method *method, const spar_point *point) {
    if (method->direction == SPAR_DIRECTION_NONE) return false;
    return point->input ? method->input_epsilon != 0 : method->epsilon != 0 && is_chosen(network, method, point);
}

static spar_status check_name(const spar_network *network, const char *name, size_t length) {
    for (int p = 0; p < network->point_count; p++) {
        const char *own = network->points[p].node->name;
        bool same = strlen(own) == length && memcmp(own, name, length) == 0;
        if (!network->points[p].input && same) return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "method: there is no hidden point \"%.*s\"", (int)(length < 64 ? length : 64),
                     name);
}

static spar_status check_names(const spar_network *network, const spar_method *method) {
    if (method->last_point != NULL && method->hidden_points != NULL) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "method: points up to \"%.64s\" and the points \"%.64s\"; name them one way",
                         method->last_point, method->hidden_points);
    }
    if (method->last_point != NULL) {
        SPAR_TRY(check_name(network, method->last_point, strlen(method->last_point)));
    }
    for (const char *name = method->hidden_points, *end; name != NULL; name = *end == 0 ? NULL : end + 1) {
        end = name + strcspn(name, ",");
        SPAR_TRY(check_name(network, name, (size_t)(end - name)));
    }
    return SPAR_OK;
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

static bool compares_outputs(const spar_method *method) {
    return method->divergence_weight > 0 || method->ascent == SPAR_ASCENT_DIVERGENCE;
}

static spar_status check_points(const spar_network *network, const spar_method *method) {
    if (method->direction == SPAR_DIRECTION_NONE) return SPAR_OK;
    if (compares_outputs(method) && network->options.loss != SPAR_LOSS_SOFTMAX_CROSS_ENTROPY) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: a divergence is of distributions that a softmax gives, and the "
                                              "network's loss has none");
    }
    if (method->separate_statistics && network->auxiliary_count == 0) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: the network has no batch normalization whose statistics could "
                                              "be separate");
    }
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

static bool same_names(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_method(const spar_method *a, const spar_method *b) {
    return a->direction == b->direction && a->shape == b->shape && a->size == b->size &&
           a->granularity == b->granularity && a->epsilon == b->epsilon && a->input_epsilon == b->input_epsilon &&
           a->clean_weight == b->clean_weight && spar_rounds(a->iterations) == spar_rounds(b->iterations) &&
           spar_climb(a) == spar_climb(b) && a->start == b->start && a->bounds == b->bounds &&
           a->persistent == b->persistent && spar_rounds(a->replays) == spar_rounds(b->replays) &&
           a->weight_radius == b->weight_radius && a->weight_scope == b->weight_scope &&
           a->weight_norm == b->weight_norm && a->divergence_weight == b->divergence_weight && a->ascent == b->ascent &&
           a->start_distribution == b->start_distribution && a->evaluation_mode == b->evaluation_mode &&
           a->separate_statistics == b->separate_statistics && same_names(a->last_point, b->last_point) &&
           same_names(a->hidden_points, b->hidden_points);
}

// All points or none.
static spar_status configure(spar_network *network, const spar_method *method) {
    spar_point *made = spar_allocate((size_t)network->point_count, sizeof *made);
    spar_status status = made == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    for (int p = 0; p < network->point_count && status == SPAR_OK; p++) {
        const spar_point *point = &network->points[p];
        bool active = is_active(network, method, point);
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

size_t spar_kept_output_bytes(const spar_network *network) {
    size_t classes = (size_t)network->tensors[network->output].extent.channels;
    return 2 * (size_t)spar_own_batch_size(network) * classes * sizeof(float);
}

// What a method needs besides its points.
typedef struct method_memory {
    char *last_point, *hidden_points;
    float *outputs;
    spar_perturbed_weights weights;
} method_memory;

static spar_status take_memory(const spar_network *network, const spar_method *method, method_memory *made) {
    if (method->last_point != NULL) made->last_point = spar_copy_string(method->last_point);
    if (method->hidden_points != NULL) made->hidden_points = spar_copy_string(method->hidden_points);
    if (compares_outputs(method)) made->outputs = spar_allocate(spar_kept_output_bytes(network), 1);
    bool all = (method->last_point == NULL || made->last_point != NULL) &&
               (method->hidden_points == NULL || made->hidden_points != NULL) &&
               (!compares_outputs(method) || made->outputs != NULL);
    return all ? spar_find_perturbed_weights(network, method, &made->weights) : SPAR_ERROR_MEMORY;
}

spar_status spar_network_set_method(spar_network *network, const spar_method *given) {
    SPAR_REQUIRE_POINTER(network);
    spar_method taken = {0}, *method = &taken;
    SPAR_TRY(spar_take_structure(SPAR_METHOD, given, method));
    SPAR_TRY(spar_check_method(method));
    SPAR_TRY(check_points(network, method));
    SPAR_TRY(check_names(network, method));
    if (same_method(&network->method, method)) return SPAR_OK;
    method_memory made = {0};
    spar_status status = take_memory(network, method, &made);
    if (status == SPAR_OK) status = configure(network, method);
    if (status == SPAR_OK) {
        method_memory used = {(char *)network->method.last_point, (char *)network->method.hidden_points,
                              network->kept_outputs, network->perturbed_weights};
        network->method = *method;
        network->method.last_point = made.last_point;
        network->method.hidden_points = made.hidden_points;
        spar_count_parameters(network);
        network->kept_outputs = made.outputs;
        network->perturbed_weights = made.weights;
        made = used;
    }
    spar_release(made.last_point);
    spar_release(made.hidden_points);
    spar_release(made.outputs);
    spar_discard_perturbed_weights(&made.weights);
    return status;
}

spar_status spar_network_get_method(const spar_network *network, spar_method *method) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(SPAR_METHOD, method));
    spar_fill_structure(SPAR_METHOD, &network->method, method);
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
    const uint32_t flags = SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE;
    SPAR_TRY(spar_begin_pass(network, SPAR_CALL_FORWARD, images, count, flags, SPAR_OK));
    spar_begin_changes(network);
    spar_status status = spar_forward_uncommitted(network, images, count, flags);
    for (int p = 0; p < network->point_count && status == SPAR_OK; p++) deviations[p] = network->points[p].deviation;
    spar_undo_changes(network);
    if (status == SPAR_OK) network->ran_forward = false;
    return status;
}
