#include "io/training_state.h"

#include "io/fields.h"
#include "runtime/finite.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void spar_point_tensor_name(const spar_point *point, const char *array, char *name) {
    snprintf(name, SPAR_MOST_TENSOR_NAME, "sparring.point.%s.%s", point->node->name, array);
}

#define FIELD(TYPE, NAME, MEMBER, MISSING)                                                                             \
    { NAME, SPAR_FIELD_##TYPE, offsetof(spar_training_state, MEMBER), MISSING }
static const spar_field fields[] = {FIELD(COUNT, "step", step, NULL),
                                    FIELD(INT, "direction", method.direction, NULL),
                                    FIELD(INT, "shape", method.shape, NULL),
                                    FIELD(INT, "size", method.size, NULL),
                                    FIELD(INT, "granularity", method.granularity, NULL),
                                    FIELD(FLOAT, "epsilon", method.epsilon, NULL),
                                    FIELD(FLOAT, "input_epsilon", method.input_epsilon, NULL),
                                    FIELD(FLOAT, "clean_weight", method.clean_weight, NULL),
                                    FIELD(NAME, "last_point", method.last_point, NULL),
                                    FIELD(INT, "iterations", method.iterations, "0"),
                                    FIELD(FLOAT, "climb", method.climb, "0"),
                                    FIELD(FLOAT, "start", method.start, "0"),
                                    FIELD(INT, "bounds", method.bounds, "0"),
                                    FIELD(BOOL, "persistent", method.persistent, "false"),
                                    FIELD(INT, "replays", method.replays, "0"),
                                    FIELD(FLOAT, "weight_radius", method.weight_radius, "0"),
                                    FIELD(INT, "weight_scope", method.weight_scope, "0"),
                                    FIELD(INT, "weight_norm", method.weight_norm, "0"),
                                    FIELD(FLOAT, "divergence_weight", method.divergence_weight, "0"),
                                    FIELD(INT, "ascent", method.ascent, "0"),
                                    FIELD(INT, "start_distribution", method.start_distribution, "0"),
                                    FIELD(BOOL, "evaluation_mode", method.evaluation_mode, "false"),
                                    FIELD(BOOL, "separate_statistics", method.separate_statistics, "false"),
                                    FIELD(NAME, "hidden_points", method.hidden_points, "null"),
                                    {0}};

spar_status spar_training_state_write(const spar_network *network, const spar_point *points, spar_buffer *text) {
    const spar_training_state state = {.method = network->method, .step = network->step};
    spar_buffer_append(text, "{\"states\":[");
    for (int part = SPAR_FIRST_STATE, written = 0; part < SPAR_PARTS; part++) {
        if (network->slots[part] == NULL) continue;
        spar_buffer_append(text, "%s\"%s\"", written++ > 0 ? "," : "", spar_part_name((spar_parameter_part)part));
    }
    spar_buffer_append(text, "],\"parameters\":[");
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        spar_buffer_append(text, "%s[", p > 0 ? "," : "");
        spar_buffer_append_float(text, parameter->learning_rate_factor);
        spar_buffer_append(text, ",%" PRIu64 "]", parameter->updates);
    }
    spar_buffer_append(text, "],\"points\":[");
    for (int p = 0; p < network->point_count; p++) {
        const spar_point *point = &points[p];
        if (!isfinite(point->deviation)) {
            return spar_fail(SPAR_ERROR_NON_FINITE, "the network has diverged, s(h) of \"%.100s\" is %g",
                             point->node->name, (double)point->deviation);
        }
        spar_buffer_append(text, "%s[%d,", p > 0 ? "," : "", point->recorded);
        spar_buffer_append_float(text, point->deviation);
        if (point->persistent && point->held > 0) spar_buffer_append(text, ",%d", point->held);
        spar_buffer_append(text, "]");
    }
    spar_buffer_append(text, "]");
    spar_fields_write(fields, &state, text);
    spar_buffer_append(text, "}");
    return SPAR_OK;
}

// The states of parameters by their names; files of 0.1.0 have no list and hold momentum.
static spar_status read_states(spar_json_value json, spar_training_state *state) {
    if (json == NULL) state->states[state->state_count++] = SPAR_PART_MOMENTUM;
    if (json != NULL && !spar_json_is_array(json)) return spar_fail(SPAR_ERROR_FORMAT, "the list of states is none");
    bool held[SPAR_PARTS] = {false};
    for (spar_json_items items = spar_json_items_of(json); spar_json_next(&items);) {
        const char *name = spar_json_string(items.value);
        int part = SPAR_FIRST_STATE;
        while (part < SPAR_PARTS && (name == NULL || strcmp(name, spar_part_name((spar_parameter_part)part)) != 0)) {
            part++;
        }
        if (part == SPAR_PARTS || held[part]) {
            return spar_fail(SPAR_ERROR_FORMAT, "version %s knows no state \"%.100s\" of parameters", spar_version(),
                             name == NULL ? "" : name);
        }
        held[part] = true;
        state->states[state->state_count++] = (spar_parameter_part)part;
    }
    return SPAR_OK;
}

// [learning-rate factor, updates]
static bool read_parameter(spar_json_value json, spar_parameter_state *parameter) {
    spar_json_items items = spar_json_items_of(json);
    if (!spar_json_is_array(json) || !spar_json_next(&items)) return false;
    if (!spar_json_float(items.value, &parameter->learning_rate_factor)) return false;
    if (!spar_json_next(&items) || !spar_json_integer(items.value, 0, INT64_MAX, &parameter->updates)) return false;
    return parameter->learning_rate_factor >= 0 && !spar_json_next(&items);
}

// Files of 0.1.0 do not tell of them.
static spar_status read_parameters(spar_json_value json, const spar_network *network, spar_training_state *state) {
    int expected = spar_parameter_count_with(network, &state->method);
    for (int p = 0; p < expected; p++) state->parameters[p].learning_rate_factor = 1;
    if (json == NULL) return SPAR_OK;
    int count = 0;
    for (spar_json_items items = spar_json_items_of(json); spar_json_next(&items); count++) {
        if (count >= expected) continue;
        if (!read_parameter(items.value, &state->parameters[count])) {
            return spar_fail(SPAR_ERROR_FORMAT, "the state of %s is damaged", network->parameters[count].name);
        }
    }
    if (count == expected) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "state of %d parameters, the network has %d", count, expected);
}

// [recorded, s(h)], and where perturbations live on how many
static bool read_point(spar_json_value json, spar_point_state *point) {
    int64_t recorded, held;
    spar_json_items items = spar_json_items_of(json);
    if (!spar_json_is_array(json) || !spar_json_next(&items)) return false;
    if (!spar_json_integer(items.value, 0, INT32_MAX, &recorded)) return false;
    if (!spar_json_next(&items) || !spar_json_float(items.value, &point->deviation)) return false;
    point->recorded = (int)recorded;
    if (!spar_json_next(&items)) return true;
    if (!spar_json_integer(items.value, 0, INT32_MAX, &held)) return false;
    point->held = (int)held;
    return !spar_json_next(&items);
}

static spar_status read_points(spar_json_value json, const spar_network *network, spar_training_state *state) {
    int count = 0;
    if (!spar_json_is_array(json)) return spar_fail(SPAR_ERROR_FORMAT, "the training state has no points");
    for (spar_json_items items = spar_json_items_of(json); spar_json_next(&items); count++) {
        if (count >= network->point_count) continue;
        spar_point_state *point = &state->points[count];
        if (!read_point(items.value, point)) return spar_fail(SPAR_ERROR_FORMAT, "the state of a point is damaged");
        int samples = point->recorded > point->held ? point->recorded : point->held;
        if (samples > SPAR_MOST_BATCH) return spar_fail(SPAR_ERROR_FORMAT, "a point holds %d samples", samples);
        if (samples > network->options.batch_size) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "points hold %d samples, the network's batch size is %d", samples,
                             network->options.batch_size);
        }
    }
    if (count == network->point_count) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "state of %d points, the network has %d", count, network->point_count);
}

static spar_status read_array(const spar_tensor_file *file, const spar_point *point, const spar_point_array *array,
                              void **values) {
    char name[SPAR_MOST_TENSOR_NAME];
    int64_t shape[2] = {array->samples, array->elements}, count = array->samples * array->elements;
    const spar_stored_tensor *tensor;
    spar_point_tensor_name(point, array->name, name);
    SPAR_TRY(spar_tensor_file_choose(file, name, array->element, 2, shape, &tensor));
    *values = spar_allocate((size_t)count, array->bytes);
    if (*values == NULL) return SPAR_ERROR_MEMORY;
    SPAR_TRY(spar_tensor_file_read(file, tensor, *values));
    int64_t i = array->element[0] == 'U' ? count : spar_first_non_finite(*values, count);
    if (i == count) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "tensor \"%.300s\" has %g at element %" PRId64, name,
                     (double)((float *)*values)[i], i);
}

// The arrays of a point as they are in a file.
static int list_arrays(const spar_point *point, const spar_method *method, const spar_point_state *state,
                       spar_point_array *arrays) {
    spar_point filed = *point;
    spar_point_set(&filed, method);
    filed.recorded = state->recorded;
    filed.held = state->held;
    return spar_point_arrays(&filed, arrays);
}

static spar_status read_arrays(const spar_tensor_file *file, spar_network *network, spar_training_state *state) {
    for (int p = 0; p < network->point_count; p++) {
        spar_point_state *point = &state->points[p];
        spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
        int count = list_arrays(&network->points[p], &state->method, point, arrays);
        for (int a = 0; a < count; a++) {
            if (arrays[a].samples == 0) continue;
            SPAR_TRY(read_array(file, &network->points[p], &arrays[a], &point->arrays[a]));
        }
    }
    return SPAR_OK;
}

spar_status spar_training_state_read(const spar_tensor_file *file, spar_network *network, spar_training_state *state) {
    *state = (spar_training_state){.method.struct_size = sizeof state->method};
    const char *text = spar_tensor_file_metadata(file, "sparring.state");
    if (text == NULL) return SPAR_OK;
    state->text = spar_copy_string(text);
    state->points = spar_allocate((size_t)network->point_count, sizeof *state->points);
    size_t most = (size_t)spar_listed_parameters(network);
    state->parameters = spar_allocate(most, sizeof *state->parameters);
    if (state->text == NULL || state->points == NULL || state->parameters == NULL) return SPAR_ERROR_MEMORY;
    state->point_count = network->point_count;
    SPAR_TRY(spar_json_parse(state->text, strlen(state->text), "the training state", &state->json));
    static const char *const others[] = {"states", "parameters", "points", NULL};
    spar_status status = spar_fields_read(fields, others, state->json.root, state);
    if (status != SPAR_OK) return spar_fail_in("the training state", status);
    SPAR_TRY(read_states(spar_json_member(state->json.root, "states"), state));
    SPAR_TRY(read_parameters(spar_json_member(state->json.root, "parameters"), network, state));
    SPAR_TRY(read_points(spar_json_member(state->json.root, "points"), network, state));
    state->present = true;
    return read_arrays(file, network, state);
}

void spar_training_state_free(spar_training_state *state) {
    for (int p = 0; p < state->point_count; p++) {
        for (int a = 0; a < SPAR_MOST_POINT_ARRAYS; a++) spar_release(state->points[p].arrays[a]);
    }
    spar_release(state->points);
    spar_release(state->parameters);
    spar_release(state->text);
    spar_json_free(&state->json);
}

// The file has the samples of all ranks.
static void fill_point(const spar_part *part, spar_point *point, const spar_point_state *state) {
    spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
    bool keeps = point->active && point->shape != SPAR_SHAPE_GAUSSIAN;
    int64_t first = spar_part_start(part, part->rank);
    point->recorded = keeps ? (int)spar_part_samples(part, part->rank, state->recorded) : 0;
    point->held = keeps && point->persistent ? (int)spar_part_samples(part, part->rank, state->held) : 0;
    point->deviation = state->deviation;
    int count = keeps ? spar_point_arrays(point, arrays) : 0;
    for (int a = 0; a < count; a++) {
        size_t bytes = (size_t)arrays[a].elements * arrays[a].bytes;
        const char *all = state->arrays[a];
        if (arrays[a].samples == 0) continue;
        memcpy(*arrays[a].values, all + (size_t)first * bytes, (size_t)arrays[a].samples * bytes);
    }
}

spar_status spar_training_state_apply(const spar_training_state *state, spar_network *network) {
    SPAR_TRY(spar_network_set_method(network, &state->method));
    spar_keep_states(network, state->states, state->state_count);
    for (int p = 0; p < network->point_count; p++) {
        fill_point(&network->part, &network->points[p], &state->points[p]);
    }
    for (int p = 0; p < network->parameter_count; p++) {
        network->parameters[p].learning_rate_factor = state->parameters[p].learning_rate_factor;
        network->parameters[p].updates = (uint64_t)state->parameters[p].updates;
    }
    spar_mark_gradients(network, false);
    network->step = state->step;
    return SPAR_OK;
}
