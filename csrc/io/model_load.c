// Loading: everything is read and checked before anything of a network changes.
#include "io/model_file.h"

#include "io/graph_json.h"
#include "io/number.h"
#include "runtime/environment.h"

#include <stdio.h>
#include <string.h>

// What a network takes from a file: its parameters' values by their own names or, where others are given, by those.
typedef struct reader {
    spar_network *network;
    const spar_tensor_file *file;
    const char *const *names; // of the parameters' values, each NULL where the network keeps its own
    bool fine_tunes;          // the network keeps its classifier where the file has one of other classes
    int count;                // parameters that are read
} reader;

// What checks of networks call a wrong argument, shape or number is what a file gave them.
static spar_status of_file(spar_status status) {
    bool own = status == SPAR_OK || status == SPAR_ERROR_MEMORY || status == SPAR_ERROR_IO;
    return own ? status : SPAR_ERROR_FORMAT;
}

// Is parameter p the classifier's, and differs in the file in the number of classes alone?
static bool has_other_classes(const reader *reader, int p) {
    const spar_network *network = reader->network;
    const spar_parameter *parameter = &network->parameters[p];
    const spar_stored_tensor *tensor = spar_tensor_file_find(reader->file, parameter->name);
    spar_value classifier = spar_find_classifier(network);
    if (classifier == SPAR_NO_VALUE || tensor == NULL) return false;
    if (p < network->first_parameter[classifier] || p >= network->first_parameter[classifier + 1]) return false;
    int rank = 0;
    bool differs = false;
    for (spar_json_items items = spar_json_items_of(tensor->shape); spar_json_next(&items); rank++) {
        int64_t extent;
        if (rank >= parameter->spec.rank || !spar_json_integer(items.value, 1, INT64_MAX, &extent)) return false;
        bool same = extent == parameter->spec.shape[rank];
        if (rank > 0 && !same) return false;
        differs = differs || !same;
    }
    return differs && rank == parameter->spec.rank;
}

// The tensor of a part of parameter p; NULL where the file has none and the network keeps its own. Files of other
// programs need not have the constants of normalize and whiten layers.
static const char *tensor_name(const reader *reader, int p, spar_parameter_part part, char *made) {
    const spar_parameter *parameter = &reader->network->parameters[p];
    if (part != SPAR_PART_VALUE) {
        spar_state_tensor_name(parameter, part, made);
        return made;
    }
    if (reader->names != NULL) return reader->names[p];
    if (reader->fine_tunes && has_other_classes(reader, p)) return NULL;
    bool optional = parameter->spec.constant && spar_tensor_file_metadata(reader->file, "sparring.graph") == NULL;
    return optional && spar_tensor_file_find(reader->file, parameter->name) == NULL ? NULL : parameter->name;
}

static bool is_ignored(const char *name) {
    const char *suffix = strrchr(name, '.');
    return strncmp(name, "sparring.", 9) == 0 || (suffix != NULL && strcmp(suffix, ".num_batches_tracked") == 0);
}

static spar_status refuse_strangers(const reader *reader) {
    const spar_tensor_file *file = reader->file;
    for (size_t t = 0; t < file->count; t++) file->tensors[t].wanted = is_ignored(file->tensors[t].name);
    for (int p = 0; p < reader->network->graph_parameter_count; p++) {
        const char *name = tensor_name(reader, p, SPAR_PART_VALUE, NULL);
        if (name == NULL && reader->fine_tunes) name = reader->network->parameters[p].name;
        spar_stored_tensor *tensor = name == NULL ? NULL : spar_tensor_file_find(file, name);
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
static spar_status read_part(const reader *reader, spar_parameter_part part, float *values) {
    const spar_network *network = reader->network;
    for (int p = 0; p < reader->count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (part != SPAR_PART_VALUE && !parameter->spec.trainable) continue;
        char made[SPAR_MOST_TENSOR_NAME];
        const char *name = tensor_name(reader, p, part, made);
        int64_t shape[4], count = parameter->spec.rows * parameter->spec.columns;
        const spar_stored_tensor *tensor;
        for (int i = 0; i < 4; i++) shape[i] = parameter->spec.shape[i];
        if (name == NULL) {
            SPAR_TRY(spar_network_read_parameter(network, p, part, values, count));
        } else {
            SPAR_TRY(spar_tensor_file_choose(reader->file, name, "F32", parameter->spec.rank, shape, &tensor));
            SPAR_TRY(spar_tensor_file_read(reader->file, tensor, values));
            SPAR_TRY(spar_check_values(parameter, part, values, count));
        }
        values += count;
    }
    return SPAR_OK;
}

static spar_status write_part(const reader *reader, spar_parameter_part part, const float *values) {
    spar_network *network = reader->network;
    for (int p = 0; p < reader->count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (part != SPAR_PART_VALUE && !parameter->spec.trainable) continue;
        int64_t count = parameter->spec.rows * parameter->spec.columns;
        SPAR_TRY(spar_network_write_parameter(network, p, part, values, count));
        values += count;
    }
    return SPAR_OK;
}

// The network's training state becomes the file's, or stays. Memory is taken first, and given back where that fails.
static spar_status apply_state(const spar_training_state *state, spar_network *network) {
    float *before[SPAR_PARTS];
    memcpy(before, network->slots, sizeof before);
    spar_status status = SPAR_OK;
    for (int i = 0; i < state->state_count && status == SPAR_OK; i++) {
        status = spar_hold_state(network, state->states[i]);
    }
    if (status == SPAR_OK) status = spar_training_state_apply(state, network);
    if (status != SPAR_OK) spar_give_back_states(network, before);
    return status;
}

// `values` has room for those of all parameters, and behind them for every state.
static spar_status load_values(const reader *reader, const spar_training_state *state, float *values) {
    spar_network *network = reader->network;
    float *const states = values + network->parameter_floats;
    SPAR_TRY(refuse_strangers(reader));
    SPAR_TRY(read_part(reader, SPAR_PART_VALUE, values));
    for (int i = 0; i < state->state_count; i++) {
        SPAR_TRY(read_part(reader, state->states[i], states + i * network->all_trainable_floats));
    }
    if (state->present) SPAR_TRY(apply_state(state, network));
    for (int i = 0; i < state->state_count; i++) {
        SPAR_TRY(write_part(reader, state->states[i], states + i * network->all_trainable_floats));
    }
    return write_part(reader, SPAR_PART_VALUE, values);
}

// Where names are given, or another training begins, the file's training state is none of the network's.
static spar_status load_parameters(reader *reader) {
    const spar_network *network = reader->network;
    spar_training_state state = {0};
    spar_status status = SPAR_OK;
    if (reader->names == NULL && !reader->fine_tunes)
        status = spar_training_state_read(reader->file, reader->network, &state);
    // The auxiliary set belongs to a training.
    reader->count = state.present ? spar_parameter_count_with(network, &state.method) : network->graph_parameter_count;
    if (status == SPAR_OK) {
        size_t floats = (size_t)(network->parameter_floats + state.state_count * network->all_trainable_floats);
        float *values = spar_allocate(floats, sizeof *values);
        status = values == NULL ? SPAR_ERROR_MEMORY : of_file(load_values(reader, &state, values));
        spar_release(values);
        if (status == SPAR_OK && reader->fine_tunes) spar_begin_auxiliary(reader->network);
    }
    spar_training_state_free(&state);
    return status;
}

enum { SMALLEST_ELEMENT = 2 };

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
            int64_t floats = spar_times(specs[i].rows, specs[i].columns);
            needed = spar_plus(needed, spar_times(floats, SMALLEST_ELEMENT));
        }
    }
    if (needed <= available) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "the graph needs more bytes of parameters than the %lld the file has",
                     (long long)available);
}

// The names are the caller's, who has to know the file's network.
static spar_status check_kept(const spar_graph *graph, const bool *live, const spar_network_options *options) {
    int32_t index;
    for (int k = 0; k < options->kept_count; k++) {
        SPAR_TRY(spar_find_live(graph, live, options->kept_layers[k], &index));
    }
    return SPAR_OK;
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
    if (status == SPAR_OK) status = check_kept(graph, live, options);
    spar_release(live);
    SPAR_TRY(status);
    return of_file(spar_network_create(graph, (spar_value)output, options, network));
}

static spar_status make_network(const spar_tensor_file *file, const spar_network_options *options,
                                spar_network **network) {
    const char *text = spar_tensor_file_metadata(file, "sparring.graph");
    uint64_t output, loss, seed;
    if (text == NULL) {
        return spar_fail(SPAR_ERROR_FORMAT, "it has no graph of Sparring, only weights: make their network and load "
                                            "them into it by loadParameters (Swift) or "
                                            "spar_network_load_parameters (C), and save that");
    }
    if (!spar_read_unsigned(spar_tensor_file_metadata(file, "sparring.output"), &output) ||
        !spar_read_unsigned(spar_tensor_file_metadata(file, "sparring.loss"), &loss) ||
        !spar_read_unsigned(spar_tensor_file_metadata(file, "sparring.seed"), &seed) || loss > INT32_MAX) {
        return spar_fail(SPAR_ERROR_FORMAT, "the graph's output, loss or seed is missing or no number");
    }
    spar_network_options chosen = *options;
    chosen.loss = (spar_loss)loss;
    chosen.seed = seed;
    spar_graph *graph;
    SPAR_TRY(of_file(spar_graph_read(text, &graph)));
    spar_status status = plan_network(graph, output, &chosen, file, network);
    spar_graph_destroy(graph);
    return status;
}

static spar_status load_network(const spar_tensor_file *file, const spar_network_options *options,
                                spar_network **network) {
    spar_network *made = NULL;
    spar_status status = make_network(file, options, &made);
    if (status == SPAR_OK) status = load_parameters(&(reader){.network = made, .file = file});
    if (status != SPAR_OK) {
        spar_network_destroy(made);
        made = NULL;
    }
    *network = made;
    return status;
}

// What a file may ask of its readers besides what the graph and the training state tell: none so far.
static const char *const features[] = {NULL};

static bool is_feature(const char *name, size_t length) {
    for (const char *const *feature = features; *feature != NULL; feature++) {
        if (strlen(*feature) == length && strncmp(*feature, name, length) == 0) return true;
    }
    return false;
}

static spar_status check_understood(const spar_tensor_file *file) {
    const char *format = spar_tensor_file_metadata(file, "sparring.format");
    const char *required = spar_tensor_file_metadata(file, "sparring.requires");
    if (format != NULL && strcmp(format, SPAR_FORMAT) != 0) {
        return spar_fail(SPAR_ERROR_FORMAT, "a file of format \"%.32s\"; version %s reads format %s", format,
                         spar_version(), SPAR_FORMAT);
    }
    for (size_t length; required != NULL && *required != 0; required += length + (required[length] == ' ')) {
        length = strcspn(required, " ");
        if (length == 0 || is_feature(required, length)) continue;
        return spar_fail(SPAR_ERROR_FORMAT, "it requires \"%.*s\", which version %s does not know",
                         length < 100 ? (int)length : 100, required, spar_version());
    }
    return SPAR_OK;
}

static spar_status open_model(const char *path, const void *bytes, size_t size, spar_tensor_file *file) {
    SPAR_TRY(spar_tensor_file_open(path, bytes, size, file));
    return check_understood(file);
}

spar_status spar_close_model(const char *path, spar_tensor_file *file, spar_status status) {
    const char *version = NULL;
    if (status == SPAR_ERROR_FORMAT) version = spar_tensor_file_metadata(file, "sparring.version");
    if (version != NULL && strcmp(version, spar_version()) != 0) {
        char what[80];
        snprintf(what, sizeof what, "written by version %.32s", version);
        spar_fail_in(what, status);
    }
    spar_tensor_file_close(file);
    if (status == SPAR_OK) return SPAR_OK;
    return spar_fail_in(path == NULL ? "the model in memory" : path, status);
}

static spar_status load(const char *path, const void *bytes, size_t size, const spar_network_options *options,
                        spar_network **network) {
    *network = NULL;
    spar_network_options chosen = spar_network_defaults();
    SPAR_TRY(spar_take_options(options, &chosen));
    SPAR_TRY(spar_check_environment()); // no fault of the file
    spar_tensor_file file;
    spar_status status = open_model(path, bytes, size, &file);
    if (status == SPAR_OK) status = load_network(&file, &chosen, network);
    return spar_close_model(path, &file, status);
}

static spar_status load_into(spar_network *network, const char *path, const void *bytes, size_t size,
                             const char *const *names) {
    spar_tensor_file file;
    spar_status status = open_model(path, bytes, size, &file);
    if (status == SPAR_OK) status = load_parameters(&(reader){.network = network, .file = &file, .names = names});
    return spar_close_model(path, &file, status);
}

spar_status spar_network_load(const char *path, const spar_network_options *options, spar_network **network) {
    SPAR_REQUIRE_POINTER(path);
    SPAR_REQUIRE_POINTER(network);
    return load(path, NULL, 0, options, network);
}

spar_status spar_network_load_from_memory(const void *bytes, size_t size, const spar_network_options *options,
                                          spar_network **network) {
    if (size > 0) SPAR_REQUIRE_POINTER(bytes);
    SPAR_REQUIRE_POINTER(network);
    return load(NULL, bytes, size, options, network);
}

spar_status spar_network_load_parameters(spar_network *network, const char *path) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    return load_into(network, path, NULL, 0, NULL);
}

spar_status spar_network_load_tensors(spar_network *network, const char *path, const char *const *names) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    SPAR_REQUIRE_POINTER(names);
    return load_into(network, path, NULL, 0, names);
}

spar_status spar_network_load_parameters_from_memory(spar_network *network, const void *bytes, size_t size) {
    SPAR_REQUIRE_POINTER(network);
    if (size > 0) SPAR_REQUIRE_POINTER(bytes);
    return load_into(network, NULL, bytes, size, NULL);
}

spar_status spar_network_initialize(spar_network *network, const char *path, bool *taken) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    spar_tensor_file file;
    reader reader = {.network = network, .file = &file, .fine_tunes = true};
    spar_status status = open_model(path, NULL, 0, &file);
    if (status == SPAR_OK) status = load_parameters(&reader);
    for (int p = 0; p < network->parameter_count && status == SPAR_OK && taken != NULL; p++) {
        taken[p] = p < reader.count && tensor_name(&reader, p, SPAR_PART_VALUE, NULL) != NULL;
    }
    return spar_close_model(path, &file, status);
}
