// Loading: everything is read and checked before anything of a network changes.
#include "io/graph_json.h"
#include "io/model_file.h"
#include "runtime/finite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct training_state {
    spar_method method;
    uint64_t step;
    const spar_json *points;
    spar_json *document;
} training_state;

static bool read_uint64(const char *text, uint64_t *value) {
    if (text == NULL || *text < '0' || *text > '9') return false;
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == 0;
}

static bool read_number(const spar_json *json, const char *key, float *value) {
    const spar_json *member = spar_json_member(json, key);
    if (member == NULL || member->type != SPAR_JSON_NUMBER) return false;
    *value = (float)member->number;
    return true;
}

static bool read_choice(const spar_json *json, const char *key, int *value) {
    int64_t integer;
    if (!spar_json_integer(spar_json_member(json, key), 0, 100, &integer)) return false;
    *value = (int)integer;
    return true;
}

// Leaves state->document NULL when the file has no training state.
static spar_status read_state(const spar_tensor_file *file, training_state *state) {
    *state = (training_state){0};
    const char *text = spar_tensor_file_metadata(file, "sparring.state");
    if (text == NULL) return SPAR_OK;
    SPAR_TRY(spar_json_parse(text, strlen(text), file->path, &state->document));
    const spar_json *json = state->document, *step = spar_json_member(json, "step");
    const spar_json *last = spar_json_member(json, "last_point");
    int direction, shape, size, granularity;
    spar_method *m = &state->method;
    state->points = spar_json_member(json, "points");
    bool whole = step != NULL && step->type == SPAR_JSON_STRING && read_uint64(step->string, &state->step) &&
                 read_choice(json, "direction", &direction) && read_choice(json, "shape", &shape) &&
                 read_choice(json, "size", &size) && read_choice(json, "granularity", &granularity) &&
                 read_number(json, "epsilon", &m->epsilon) && read_number(json, "input_epsilon", &m->input_epsilon) &&
                 read_number(json, "clean_weight", &m->clean_weight) && last != NULL && state->points != NULL &&
                 state->points->type == SPAR_JSON_ARRAY;
    if (!whole) {
        spar_json_free(state->document);
        state->document = NULL;
        return spar_fail(SPAR_ERROR_FORMAT, "%s: the training state is incomplete", file->path);
    }
    m->direction = (spar_direction)direction;
    m->shape = (spar_shape)shape;
    m->size = (spar_size)size;
    m->granularity = (spar_granularity)granularity;
    m->last_point = last->type == SPAR_JSON_STRING ? last->string : NULL;
    return SPAR_OK;
}

static spar_status check_finite(const spar_tensor_file *file, const char *name, const float *values, int64_t count) {
    int64_t i = spar_first_non_finite(values, count);
    if (i == count) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "%s: tensor \"%.100s\" has %g at element %lld", file->path, name,
                     (double)values[i], (long long)i);
}

// Variances are at least 0; deviations, which divide, are above it.
static spar_status check_sign(const spar_tensor_file *file, const spar_parameter *parameter, const char *name,
                              const float *values, int64_t count) {
    bool deviation = strcmp(parameter->spec.suffix, ".deviation") == 0;
    bool variance = strcmp(parameter->spec.suffix, ".running_var") == 0;
    for (int64_t i = 0; i < count && (deviation || variance); i++) {
        if (values[i] > 0 || (variance && values[i] == 0)) continue;
        return spar_fail(SPAR_ERROR_FORMAT, "%s: tensor \"%.100s\" has %g at element %lld", file->path, name,
                         (double)values[i], (long long)i);
    }
    return SPAR_OK;
}

// Files of other programs need not have the constants of normalize and whiten layers.
static bool may_be_missing(const spar_parameter *parameter) {
    const char *suffix = parameter->spec.suffix;
    return strcmp(suffix, ".mean") == 0 || strcmp(suffix, ".deviation") == 0 || strcmp(suffix, ".matrix") == 0;
}

// Reads the tensors of one part, one behind the other, into `values`, as write_part will take them.
static spar_status read_part(const spar_network *network, const spar_tensor_file *file, spar_parameter_part part,
                             float *values) {
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (part == SPAR_PART_MOMENTUM && !parameter->spec.trainable) continue;
        char name[SPAR_MOST_TENSOR_NAME];
        int64_t shape[4], count = parameter->spec.rows * parameter->spec.columns;
        for (int i = 0; i < 4; i++) shape[i] = parameter->spec.shape[i];
        snprintf(name, sizeof name, "%s", parameter->name);
        if (part == SPAR_PART_MOMENTUM) spar_momentum_tensor_name(parameter, name);
        if (may_be_missing(parameter) && spar_json_member(file->header, name) == NULL) {
            SPAR_TRY(spar_network_read_parameter(network, p, part, values, count));
        } else {
            SPAR_TRY(spar_tensor_file_read(file, name, "F32", parameter->spec.rank, shape, values));
            SPAR_TRY(check_finite(file, name, values, count));
            SPAR_TRY(check_sign(file, parameter, name, values, count));
        }
        values += count;
    }
    return SPAR_OK;
}

static spar_status write_part(spar_network *network, spar_parameter_part part, const float *values) {
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (part == SPAR_PART_MOMENTUM && !parameter->spec.trainable) continue;
        int64_t count = parameter->spec.rows * parameter->spec.columns;
        SPAR_TRY(spar_network_write_parameter(network, p, part, values, count));
        values += count;
    }
    return SPAR_OK;
}

static bool is_known(const spar_network *network, const char *name) {
    for (int p = 0; p < network->parameter_count; p++) {
        if (strcmp(network->parameters[p].name, name) == 0) return true;
    }
    const char *suffix = strrchr(name, '.');
    return strncmp(name, "sparring.", 9) == 0 || strcmp(name, "__metadata__") == 0 ||
           (suffix != NULL && strcmp(suffix, ".num_batches_tracked") == 0);
}

static spar_status refuse_strangers(const spar_network *network, const spar_tensor_file *file) {
    for (const spar_json *json = file->header->child; json != NULL; json = json->next) {
        if (is_known(network, json->key)) continue;
        return spar_fail(SPAR_ERROR_FORMAT, "%s: the network has no parameter for tensor \"%.100s\"", file->path,
                         json->key);
    }
    return SPAR_OK;
}

static spar_status check_points(const spar_network *network, const spar_tensor_file *file,
                                const training_state *state) {
    if (state->points->count != network->point_count) {
        return spar_fail(SPAR_ERROR_FORMAT, "%s: state of %d points, the network has %d", file->path,
                         state->points->count, network->point_count);
    }
    for (const spar_json *point = state->points->child; point != NULL; point = point->next) {
        int64_t recorded;
        if (point->type != SPAR_JSON_ARRAY || point->count != 2 ||
            !spar_json_integer(point->child, 0, INT32_MAX, &recorded) || point->child->next->type != SPAR_JSON_NUMBER) {
            return spar_fail(SPAR_ERROR_FORMAT, "%s: the state of a point is damaged", file->path);
        }
        if (recorded > network->options.batch_size) {
            return spar_fail(SPAR_ERROR_FORMAT, "%s: points hold %lld samples, the network's batch size is %d",
                             file->path, (long long)recorded, network->options.batch_size);
        }
    }
    return SPAR_OK;
}

// Reads what the points hold: into the points, or before the method is set into `trial`, to see that it can be.
static spar_status read_points(spar_network *network, const spar_tensor_file *file, const training_state *state,
                               void *trial) {
    const spar_json *json = state->points->child;
    for (int p = 0; p < network->point_count; p++, json = json->next) {
        spar_point *point = &network->points[p];
        spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
        int recorded = (int)json->child->number;
        int count = recorded > 0 ? spar_point_arrays(point, state->method.shape, arrays) : 0;
        if (trial == NULL && !point->active) count = 0;
        for (int a = 0; a < count; a++) {
            char name[SPAR_MOST_TENSOR_NAME];
            int64_t shape[2] = {recorded, arrays[a].elements};
            void *values = trial == NULL ? *arrays[a].values : trial;
            spar_point_tensor_name(point, arrays[a].suffix, name);
            SPAR_TRY(spar_tensor_file_read(file, name, arrays[a].element, 2, shape, values));
            if (arrays[a].element[0] == 'F') SPAR_TRY(check_finite(file, name, values, recorded * arrays[a].elements));
        }
        if (trial != NULL) continue;
        point->recorded = count > 0 ? recorded : 0;
        point->deviation = (float)json->child->next->number;
    }
    return SPAR_OK;
}

static spar_status try_points(spar_network *network, const spar_tensor_file *file, const training_state *state) {
    int64_t most = 0;
    for (int p = 0; p < network->point_count; p++) {
        int64_t floats = network->points[p].sample_floats + 2 * network->points[p].pieces;
        most = floats > most ? floats : most;
    }
    float *trial = spar_allocate((size_t)(most * network->options.batch_size), sizeof *trial);
    spar_status status = trial == NULL ? SPAR_ERROR_MEMORY : read_points(network, file, state, trial);
    spar_release(trial);
    return status;
}

static spar_status take_state(spar_network *network, const spar_tensor_file *file, const training_state *state) {
    SPAR_TRY(try_points(network, file, state));
    SPAR_TRY(spar_network_set_method(network, &state->method));
    return read_points(network, file, state, NULL);
}

static spar_status load_values(spar_network *network, const spar_tensor_file *file, const training_state *state,
                               float *values) {
    float *momentum = values + network->parameter_floats;
    bool has_state = state->document != NULL;
    SPAR_TRY(refuse_strangers(network, file));
    SPAR_TRY(read_part(network, file, SPAR_PART_VALUE, values));
    if (has_state) {
        SPAR_TRY(read_part(network, file, SPAR_PART_MOMENTUM, momentum));
        SPAR_TRY(check_points(network, file, state));
        SPAR_TRY(take_state(network, file, state));
        SPAR_TRY(write_part(network, SPAR_PART_MOMENTUM, momentum));
        network->step = state->step;
    }
    return write_part(network, SPAR_PART_VALUE, values);
}

static spar_status load_into(spar_network *network, const spar_tensor_file *file) {
    training_state state;
    SPAR_TRY(read_state(file, &state));
    size_t floats = (size_t)(network->parameter_floats + network->trainable_floats);
    float *values = spar_allocate(floats, sizeof *values);
    spar_status status = values == NULL ? SPAR_ERROR_MEMORY : load_values(network, file, &state, values);
    spar_release(values);
    spar_json_free(state.document);
    return status;
}

spar_status spar_network_load_parameters(spar_network *network, const char *path) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    spar_tensor_file file;
    SPAR_TRY(spar_tensor_file_open(path, &file));
    spar_status status = load_into(network, &file);
    spar_tensor_file_close(&file);
    return status;
}

// A damaged graph must not make a network far larger than the file that is to fill it.
static spar_status check_size(const spar_graph *graph, const spar_tensor_file *file) {
    int64_t available = 0, needed = 0;
    for (const spar_json *json = file->header->child; json != NULL; json = json->next) {
        const spar_json *offsets = spar_json_member(json, "data_offsets");
        if (offsets != NULL) available += (int64_t)(offsets->child->next->number - offsets->child->number);
    }
    for (int v = 0; v < graph->count; v++) {
        const spar_node *node = &graph->nodes[v];
        spar_parameter_spec specs[SPAR_MAX_PARAMETERS];
        if (node->layer->parameters == NULL) continue;
        spar_extent in = graph->nodes[node->inputs[0]].extent;
        int count = node->layer->parameters(node, in, (spar_extent){in.channels, 1, 1}, specs);
        for (int i = 0; i < count; i++) needed += specs[i].rows * specs[i].columns * (int64_t)sizeof(float);
    }
    if (needed <= available) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "%s: the graph needs %lld bytes of parameters, the file has %lld", file->path,
                     (long long)needed, (long long)available);
}

static spar_status make_network(const spar_tensor_file *file, const spar_network_options *options,
                                spar_network **network) {
    const char *graph_text = spar_tensor_file_metadata(file, "sparring.graph");
    uint64_t output, loss, seed;
    if (graph_text == NULL || !read_uint64(spar_tensor_file_metadata(file, "sparring.output"), &output) ||
        !read_uint64(spar_tensor_file_metadata(file, "sparring.loss"), &loss) ||
        !read_uint64(spar_tensor_file_metadata(file, "sparring.seed"), &seed) || output > INT32_MAX || loss > 100) {
        return spar_fail(SPAR_ERROR_FORMAT, "%s: the metadata has no graph, output, loss and seed of Sparring",
                         file->path);
    }
    spar_network_options chosen = options == NULL ? spar_network_defaults() : *options;
    chosen.loss = (spar_loss)loss;
    chosen.seed = seed;
    spar_graph *graph;
    SPAR_TRY(spar_graph_read(graph_text, file->path, &graph));
    spar_status status = check_size(graph, file);
    if (status == SPAR_OK) status = spar_network_create(graph, (spar_value)output, &chosen, network);
    spar_graph_destroy(graph);
    return status;
}

spar_status spar_network_load(const char *path, const spar_network_options *options, spar_network **network) {
    SPAR_REQUIRE_POINTER(path);
    SPAR_REQUIRE_POINTER(network);
    *network = NULL;
    spar_tensor_file file;
    SPAR_TRY(spar_tensor_file_open(path, &file));
    spar_network *made = NULL;
    spar_status status = make_network(&file, options, &made);
    if (status == SPAR_OK) status = load_into(made, &file);
    spar_tensor_file_close(&file);
    if (status == SPAR_OK) {
        *network = made;
    } else {
        spar_network_destroy(made);
    }
    return status;
}

spar_status spar_file_metadata(const char *path, const char *key, char *value, size_t capacity, size_t *needed) {
    SPAR_REQUIRE_POINTER(path);
    SPAR_REQUIRE_POINTER(key);
    SPAR_REQUIRE_POINTER(needed);
    if (value == NULL && capacity > 0) return spar_fail(SPAR_ERROR_ARGUMENT, "spar_file_metadata: value is NULL");
    spar_tensor_file file;
    SPAR_TRY(spar_tensor_file_open(path, &file));
    const char *found = spar_tensor_file_metadata(&file, key);
    *needed = found == NULL ? 0 : strlen(found) + 1;
    if (found != NULL && capacity > 0) snprintf(value, capacity, "%s", found);
    spar_tensor_file_close(&file);
    return SPAR_OK;
}
