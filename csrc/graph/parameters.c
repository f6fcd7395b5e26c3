// Parameters: where they lie, and their orders inside and outside.
#include "graph/network.h"

#include "ops/initializer.h"
#include "runtime/finite.h"
#include "runtime/structure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Where number i outside stands inside.
static int64_t inside_index(const spar_parameter_spec *spec, int64_t i) {
    int64_t channels = spec->flattened.channels, pixels = spar_pixels(spec->flattened), row = 0, column = 0;
    switch (spec->order) {
    case SPAR_ORDER_VECTOR:
        column = i % pixels * channels + i / pixels;
        break;
    case SPAR_ORDER_DENSE:
        row = i % spec->rows % pixels * channels + i % spec->rows / pixels;
        column = i / spec->rows;
        break;
    case SPAR_ORDER_CONVOLUTION: {
        int64_t inputs = spec->shape[1], taps = (int64_t)spec->shape[2] * spec->shape[3];
        row = i % taps * inputs + i / taps % inputs;
        column = i / taps / inputs;
        break;
    }
    }
    return row * spec->stride + column;
}

static int64_t count_of(const spar_parameter_spec *spec) {
    return spec->rows * spec->columns;
}

static void initialize_node(spar_network *network, int v) {
    const spar_node *node = &network->graph->nodes[v];
    int first = network->first_parameter[v], last = network->first_parameter[v + 1];
    for (int p = first; p < last; p++) {
        spar_parameter *parameter = &network->parameters[p];
        if (node->layer->check_constants == NULL) {
            spar_initialize(node, parameter, network->options.seed, (uint32_t)p, network->options.threads);
        } else if (!node->settings.constants.in_file) {
            const float *values = node->settings.constants.values[p - first];
            for (int64_t i = 0; i < count_of(&parameter->spec); i++) {
                parameter->value[inside_index(&parameter->spec, i)] = values[i];
            }
        }
    }
}

static spar_status place_parameters(spar_network *network) {
    float *values = network->slots[SPAR_PART_VALUE] = spar_allocate((size_t)network->parameter_floats, sizeof(float));
    float *gradients = network->slots[SPAR_PART_GRADIENT] =
        spar_allocate((size_t)network->all_trainable_floats, sizeof(float));
    if (values == NULL || gradients == NULL) return SPAR_ERROR_MEMORY;
    int64_t trainable = 0, buffer = network->all_trainable_floats;
    for (int p = 0; p < network->parameter_count; p++) {
        spar_parameter *parameter = &network->parameters[p];
        int64_t *offset = parameter->spec.trainable ? &trainable : &buffer;
        parameter->value = values + *offset;
        if (parameter->spec.trainable) parameter->gradient = gradients + *offset;
        *offset += spar_parameter_floats(&parameter->spec);
    }
    for (int v = 0; v < network->graph->count; v++) initialize_node(network, v);
    return SPAR_OK;
}

spar_status spar_create_parameters(spar_network *network) {
    SPAR_TRY(spar_name_parameters(network));
    SPAR_TRY(place_parameters(network));
    spar_count_parameters(network);
    return SPAR_OK;
}

int32_t spar_network_parameter_count(const spar_network *network) {
    return network == NULL ? 0 : network->parameter_count;
}

static spar_status find_parameter(const spar_network *network, int32_t index, const spar_parameter **parameter) {
    if (network == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "parameter %d: network is NULL", index);
    if (index < 0 || index >= network->parameter_count) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "parameter %d: the network has %d, from 0", index,
                         network->parameter_count);
    }
    *parameter = &network->parameters[index];
    return SPAR_OK;
}

spar_status spar_network_find_parameter(const spar_network *network, const char *name, int32_t *index) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(name);
    SPAR_REQUIRE_POINTER(index);
    for (*index = 0; *index < network->parameter_count; ++*index) {
        if (strcmp(network->parameters[*index].name, name) == 0) return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "the network has no parameter \"%.300s\"", name);
}

#define INFO SPAR_STRUCTURE(spar_parameter_info, updates)

spar_status spar_network_parameter(const spar_network *network, int32_t index, spar_parameter_info *info) {
    const spar_parameter *parameter = NULL;
    SPAR_TRY(spar_check_structure(INFO, info));
    SPAR_TRY(find_parameter(network, index, &parameter));
    const spar_parameter_spec *spec = &parameter->spec;
    spar_parameter_info own = {.name = parameter->name,
                               .rank = spec->rank,
                               .count = count_of(spec),
                               .trainable = spec->trainable,
                               .learning_rate_factor = parameter->learning_rate_factor,
                               .updates = parameter->updates};
    memcpy(own.shape, spec->shape, sizeof own.shape);
    spar_fill_structure(INFO, &own, info);
    return SPAR_OK;
}

static spar_status find_trainable(const spar_network *network, int32_t index, const spar_parameter **parameter) {
    SPAR_TRY(find_parameter(network, index, parameter));
    if ((*parameter)->spec.trainable) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: it is not trained", (*parameter)->name);
}

spar_status spar_network_set_learning_rate_factor(spar_network *network, int32_t index, float factor) {
    const spar_parameter *parameter = NULL;
    SPAR_TRY(find_trainable(network, index, &parameter));
    if (!(factor >= 0 && factor < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "%s: a learning-rate factor of %g, which has to be a number of at least 0", parameter->name,
                         (double)factor);
    }
    network->parameters[index].learning_rate_factor = factor;
    network->parameters[index].has_gradient = parameter->has_gradient && factor > 0;
    return SPAR_OK;
}

spar_status spar_network_set_updates(spar_network *network, int32_t index, uint64_t updates) {
    const spar_parameter *parameter = NULL;
    SPAR_TRY(find_trainable(network, index, &parameter));
    if (updates > INT64_MAX) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: more than 2^63 updates", parameter->name);
    network->parameters[index].updates = updates;
    return SPAR_OK;
}

static const struct {
    const char *name;
    spar_range range;
} parts[SPAR_PARTS] = {
    [SPAR_PART_VALUE] = {.name = "value"}, // its range is the parameter's
    [SPAR_PART_GRADIENT] = {.name = "gradient"},
    [SPAR_PART_MOMENTUM] = {.name = "momentum"},
    [SPAR_PART_FIRST_MOMENT] = {.name = "first_moment"},
    [SPAR_PART_SECOND_MOMENT] = {.name = "second_moment", .range = SPAR_RANGE_NOT_NEGATIVE},
    [SPAR_PART_AVERAGE] = {.name = "average"},
};

const char *spar_part_name(spar_parameter_part part) {
    return parts[part].name;
}

spar_status spar_hold_state(spar_network *network, spar_parameter_part state) {
    if (network->slots[state] != NULL) return SPAR_OK;
    network->slots[state] = spar_allocate((size_t)network->all_trainable_floats, sizeof(float));
    return network->slots[state] == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
}

void spar_give_back_states(spar_network *network, float *const *before) {
    for (int part = SPAR_FIRST_STATE; part < SPAR_PARTS; part++) {
        if (network->slots[part] != before[part]) spar_release(network->slots[part]);
        network->slots[part] = before[part];
    }
}

void spar_keep_states(spar_network *network, const spar_parameter_part *states, int count) {
    for (int part = SPAR_FIRST_STATE; part < SPAR_PARTS; part++) {
        bool kept = false;
        for (int i = 0; i < count; i++) kept = kept || (int)states[i] == part;
        if (kept || network->slots[part] == NULL) continue;
        spar_release(network->slots[part]);
        network->slots[part] = NULL;
    }
}

void spar_mark_gradients(spar_network *network, bool there) {
    bool auxiliary = network->run.flags & SPAR_FORWARD_AUXILIARY;
    for (int p = 0; p < spar_listed_parameters(network); p++) {
        spar_parameter *parameter = &network->parameters[p];
        // A pass made none of a set that it did not take.
        bool other = parameter->twin != NULL && parameter->auxiliary != auxiliary;
        if (!there || !other) parameter->has_gradient = there && spar_learns(parameter);
    }
}

static spar_status check_part(const spar_parameter *parameter, spar_parameter_part part) {
    bool exists = (unsigned)part < SPAR_PARTS && (part == SPAR_PART_VALUE || parameter->spec.trainable);
    if (exists) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: part %d does not exist", parameter->name, (int)part);
}

static spar_status check_whole(const spar_network *network, int32_t index, int64_t count) {
    const spar_parameter *parameter = NULL;
    SPAR_TRY(find_parameter(network, index, &parameter));
    int64_t expected = count_of(&parameter->spec);
    if (count == expected) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %lld values given, the parameter has %lld", parameter->name,
                     (long long)count, (long long)expected);
}

static spar_status check_elements(const spar_parameter *parameter, int64_t first, int64_t count) {
    int64_t all = count_of(&parameter->spec);
    if (first >= 0 && count >= 0 && first <= all && count <= all - first) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %lld elements from %lld on, the parameter has %lld", parameter->name,
                     (long long)count, (long long)first, (long long)all);
}

spar_status spar_network_read_elements(const spar_network *network, int32_t index, spar_parameter_part part,
                                       int64_t first, int64_t count, float *values) {
    const spar_parameter *parameter = NULL;
    SPAR_REQUIRE_POINTER(values);
    SPAR_TRY(find_parameter(network, index, &parameter));
    SPAR_TRY(check_part(parameter, part));
    SPAR_TRY(check_elements(parameter, first, count));
    if (network->slots[part] == NULL) {
        memset(values, 0, (size_t)count * sizeof *values);
        return SPAR_OK;
    }
    const float *inside = network->slots[part] + spar_place_of(network, parameter);
    for (int64_t i = 0; i < count; i++) values[i] = inside[inside_index(&parameter->spec, first + i)];
    return SPAR_OK;
}

spar_status spar_network_read_parameter(const spar_network *network, int32_t index, spar_parameter_part part,
                                        float *values, int64_t count) {
    SPAR_TRY(check_whole(network, index, count));
    return spar_network_read_elements(network, index, part, 0, count, values);
}

spar_status spar_check_values(const spar_parameter *parameter, spar_parameter_part part, const float *values,
                              int64_t count) {
    int64_t i = spar_first_non_finite(values, count);
    if (i < count) {
        return spar_fail(SPAR_ERROR_NON_FINITE, "%s: %s %lld is %g", parameter->name, parts[part].name, (long long)i,
                         (double)values[i]);
    }
    spar_range range = part == SPAR_PART_VALUE ? parameter->spec.range : parts[part].range;
    for (i = 0; range != SPAR_RANGE_ALL && i < count; i++) {
        if (values[i] > 0 || (values[i] == 0 && range == SPAR_RANGE_NOT_NEGATIVE)) continue;
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %s %lld is %g, which has to be %s", parameter->name,
                         parts[part].name, (long long)i, (double)values[i],
                         range == SPAR_RANGE_POSITIVE ? "positive" : "0 or more");
    }
    return SPAR_OK;
}

spar_status spar_network_write_elements(spar_network *network, int32_t index, spar_parameter_part part, int64_t first,
                                        int64_t count, const float *values) {
    const spar_parameter *parameter = NULL;
    SPAR_REQUIRE_POINTER(values);
    SPAR_TRY(find_parameter(network, index, &parameter));
    SPAR_TRY(check_part(parameter, part));
    SPAR_TRY(check_elements(parameter, first, count));
    SPAR_TRY(spar_check_values(parameter, part, values, count));
    SPAR_TRY(spar_hold_state(network, part));
    float *inside = network->slots[part] + spar_place_of(network, parameter);
    for (int64_t i = 0; i < count; i++) inside[inside_index(&parameter->spec, first + i)] = values[i];
    if (part == SPAR_PART_GRADIENT) network->parameters[index].has_gradient = true;
    network->run.weights_version++;
    return SPAR_OK;
}

spar_status spar_network_write_parameter(spar_network *network, int32_t index, spar_parameter_part part,
                                         const float *values, int64_t count) {
    SPAR_TRY(check_whole(network, index, count));
    return spar_network_write_elements(network, index, part, 0, count, values);
}
