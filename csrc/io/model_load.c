// Loading: everything is read and checked before anything of a network changes.
#include "io/model_file.h"

#include "io/graph_json.h"
#include "io/number.h"

#include <stdio.h>
#include <string.h>

// What is wrong with a file is its format, whichever check found it; `path` is put in front.
static spar_status fail_in_file(const char *path, spar_status status) {
    if (status == SPAR_OK) return SPAR_OK;
    bool own = status == SPAR_ERROR_MEMORY || status == SPAR_ERROR_IO;
    return spar_fail_in(path, own ? status : SPAR_ERROR_FORMAT);
}

static const char *tensor_name(const spar_parameter *parameter, spar_parameter_part part, char *name) {
    if (part == SPAR_PART_VALUE) return parameter->name;
    spar_state_tensor_name(parameter, part, name);
    return name;
}

// Files of other programs need not have the constants of normalize and whiten layers; the network keeps its own.
static bool may_be_missing(const spar_tensor_file *file, const spar_parameter *parameter) {
    return parameter->spec.constant && spar_tensor_file_metadata(file, "sparring.graph") == NULL;
}

static bool is_ignored(const char *name) {
    const char *suffix = strrchr(name, '.');
    return strncmp(name, "sparring.", 9) == 0 || (suffix != NULL && strcmp(suffix, ".num_batches_tracked") == 0);
}

static spar_status refuse_strangers(const spar_network *network, const spar_tensor_file *file) {
    for (size_t t = 0; t < file->count; t++) file->tensors[t].wanted = is_ignored(file->tensors[t].name);
    for (int p = 0; p < network->parameter_count; p++) {
        spar_stored_tensor *tensor = spar_tensor_file_find(file, network->parameters[p].name);
        if (tensor != NULL) tensor->wanted = true;
    }
    for (size_t t = 0; t < file->count; t++) {
        if (file->tensors[t].wanted) continue;
        return spar_fail(SPAR_ERROR_FORMAT, "the network has no parameter for tensor \"%.100s\"",
                         file->tensors[t].name);
    }
    return SPAR_OK;
}

// Reads the tensors of one part, one behind the other, into `values`, as write_part will take them.
static spar_status read_part(const spar_network *network, const spar_tensor_file *file, spar_parameter_part part,
                             float *values) {
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (part != SPAR_PART_VALUE && !parameter->spec.trainable) continue;
        char made[SPAR_MOST_TENSOR_NAME];
        const char *name = tensor_name(parameter, part, made);
        int64_t shape[4], count = parameter->spec.rows * parameter->spec.columns;
        const spar_stored_tensor *tensor;
        for (int i = 0; i < 4; i++) shape[i] = parameter->spec.shape[i];
        if (may_be_missing(file, parameter) && spar_tensor_file_find(file, name) == NULL) {
            SPAR_TRY(spar_network_read_parameter(network, p, part, values, count));
        } else {
            SPAR_TRY(spar_tensor_file_choose(file, name, "F32", parameter->spec.rank, shape, &tensor));
            SPAR_TRY(spar_tensor_file_read(file, tensor, values));
            SPAR_TRY(spar_check_values(parameter, part, values, count));
        }
        values += count;
    }
    return SPAR_OK;
}

static spar_status write_part(spar_network *network, spar_parameter_part part, const float *values) {
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (part != SPAR_PART_VALUE && !parameter->spec.trainable) continue;
        int64_t count = parameter->spec.rows * parameter->spec.columns;
        SPAR_TRY(spar_network_write_parameter(network, p, part, values, count));
        values += count;
    }
    return SPAR_OK;
}

// `values` has room for those of all parameters, and behind them for every state.
static spar_status load_values(spar_network *network, const spar_tensor_file *file, const spar_training_state *state,
                               float *values) {
    float *const states = values + network->parameter_floats;
    SPAR_TRY(refuse_strangers(network, file));
    SPAR_TRY(read_part(network, file, SPAR_PART_VALUE, values));
    for (int i = 0; i < state->state_count; i++) {
        SPAR_TRY(read_part(network, file, state->states[i], states + i * network->trainable_floats));
        SPAR_TRY(spar_hold_state(network, state->states[i]));
    }
    if (state->present) SPAR_TRY(spar_training_state_apply(state, network));
    for (int i = 0; i < state->state_count; i++) {
        SPAR_TRY(write_part(network, state->states[i], states + i * network->trainable_floats));
    }
    return write_part(network, SPAR_PART_VALUE, values);
}

spar_status spar_load_parameters(spar_network *network, const spar_tensor_file *file) {
    spar_training_state state;
    spar_status status = spar_training_state_read(file, network, &state);
    if (status == SPAR_OK) {
        size_t floats = (size_t)(network->parameter_floats + state.state_count * network->trainable_floats);
        float *values = spar_allocate(floats, sizeof *values);
        status = values == NULL ? SPAR_ERROR_MEMORY : load_values(network, file, &state, values);
        spar_release(values);
    }
    spar_training_state_free(&state);
    return status;
}

// A damaged graph must not make a network far larger than the file that is to fill it.
static spar_status check_size(const spar_graph *graph, const bool *live, const spar_tensor_file *file) {
    int64_t available = file->size - file->data_start, needed = 0;
    for (int v = 0; v < graph->count && needed <= available; v++) {
        const spar_node *node = &graph->nodes[v];
        spar_parameter_spec specs[SPAR_MAX_PARAMETERS];
        if (!live[v] || node->layer->parameters == NULL) continue;
        spar_extent in = graph->nodes[node->inputs[0]].extent;
        int count = node->layer->parameters(node, in, (spar_extent){in.channels, 1, 1}, specs);
        for (int i = 0; i < count && needed <= available; i++) {
            int64_t bytes;
            bool wraps = __builtin_mul_overflow(specs[i].rows, specs[i].columns, &bytes) ||
                         __builtin_mul_overflow(bytes, (int64_t)sizeof(float), &bytes) ||
                         __builtin_add_overflow(needed, bytes, &needed);
            if (wraps) needed = INT64_MAX;
        }
    }
    if (needed <= available) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "the graph needs more bytes of parameters than the %lld the file has",
                     (long long)available);
}

static spar_status plan_network(const spar_graph *graph, uint64_t output, const spar_network_options *options,
                                const spar_tensor_file *file, spar_network **network) {
    if (output >= (uint64_t)graph->count) {
        return spar_fail(SPAR_ERROR_FORMAT, "the output is value %llu of a graph of %d", (unsigned long long)output,
                         graph->count);
    }
    bool *live = spar_allocate((size_t)graph->count, sizeof *live);
    if (live == NULL) return SPAR_ERROR_MEMORY;
    spar_graph_find_live(graph, (spar_value)output, live);
    spar_status status = check_size(graph, live, file);
    spar_release(live);
    SPAR_TRY(status);
    return spar_network_create(graph, (spar_value)output, options, network);
}

static spar_status make_network(const spar_tensor_file *file, const spar_network_options *options,
                                spar_network **network) {
    const char *text = spar_tensor_file_metadata(file, "sparring.graph");
    uint64_t output, loss, seed;
    if (text == NULL || !spar_read_unsigned(spar_tensor_file_metadata(file, "sparring.output"), &output) ||
        !spar_read_unsigned(spar_tensor_file_metadata(file, "sparring.loss"), &loss) ||
        !spar_read_unsigned(spar_tensor_file_metadata(file, "sparring.seed"), &seed) || loss > 100) {
        return spar_fail(SPAR_ERROR_FORMAT, "it has no graph of Sparring, only weights: make their network and load "
                                            "them into it by loadParameters (Swift) or "
                                            "spar_network_load_parameters (C), and save that");
    }
    spar_network_options chosen = *options;
    chosen.loss = (spar_loss)loss;
    chosen.seed = seed;
    spar_graph *graph;
    SPAR_TRY(spar_graph_read(text, &graph));
    spar_status status = plan_network(graph, output, &chosen, file, network);
    spar_graph_destroy(graph);
    return status;
}

spar_status spar_load_network(const spar_tensor_file *file, const spar_network_options *options,
                              spar_network **network) {
    spar_network *made = NULL;
    spar_status status = make_network(file, options, &made);
    if (status == SPAR_OK) status = spar_load_parameters(made, file);
    if (status != SPAR_OK) {
        spar_network_destroy(made);
        made = NULL;
    }
    *network = made;
    return status;
}

spar_status spar_network_load(const char *path, const spar_network_options *options, spar_network **network) {
    SPAR_REQUIRE_POINTER(path);
    SPAR_REQUIRE_POINTER(network);
    *network = NULL;
    spar_network_options chosen = spar_network_defaults();
    SPAR_TRY(spar_take_options(options, &chosen));
    spar_tensor_file file;
    spar_status status = spar_tensor_file_open(path, &file);
    if (status == SPAR_OK) status = spar_load_network(&file, &chosen, network);
    spar_tensor_file_close(&file);
    return fail_in_file(path, status);
}

spar_status spar_network_load_parameters(spar_network *network, const char *path) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    spar_tensor_file file;
    spar_status status = spar_tensor_file_open(path, &file);
    if (status == SPAR_OK) status = spar_load_parameters(network, &file);
    spar_tensor_file_close(&file);
    return fail_in_file(path, status);
}

spar_status spar_file_metadata(const char *path, const char *key, char *value, size_t capacity, size_t *needed) {
    SPAR_REQUIRE_POINTER(path);
    SPAR_REQUIRE_POINTER(key);
    SPAR_REQUIRE_POINTER(needed);
    if (value == NULL && capacity > 0) return spar_fail(SPAR_ERROR_ARGUMENT, "spar_file_metadata: value is NULL");
    spar_tensor_file file;
    spar_status status = spar_tensor_file_open(path, &file);
    if (status == SPAR_OK) {
        const char *found = spar_tensor_file_metadata(&file, key);
        *needed = found == NULL ? 0 : strlen(found) + 1;
        if (found != NULL && capacity > 0) snprintf(value, capacity, "%s", found);
    }
    spar_tensor_file_close(&file);
    return fail_in_file(path, status);
}
