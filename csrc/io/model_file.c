#include "io/model_file.h"

#include "io/graph_json.h"
#include "runtime/finite.h"
#include "runtime/structure.h"
#include "runtime/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void spar_state_tensor_name(const spar_parameter *parameter, spar_parameter_part state, char *name) {
    snprintf(name, SPAR_MOST_TENSOR_NAME, "sparring.%s.%s", spar_part_name(state), parameter->name);
}

typedef struct writer {
    const spar_network *network;
    spar_point *points; // of all ranks; only read, but their arrays are listed through pointers into them
    spar_tensor_source *tensors;
    char (*names)[SPAR_MOST_TENSOR_NAME];
    float *values; // parameters in their outside order
    int64_t used;  // of these
    size_t count;
    bool training_state;
    bool sizes_only;                 // nothing is read
    const char *const *tensor_names; // instead of the parameters' own, each NULL for one that is left out
    spar_destination destination;
} writer;

// A diverged network may go unnoticed in its outputs; no reader would take its file.
static spar_status check_finite(const char *name, const float *values, int64_t count) {
    int64_t i = spar_first_non_finite(values, count);
    if (i == count) return SPAR_OK;
    return spar_fail(SPAR_ERROR_NON_FINITE, "the network has diverged, \"%.300s\" has %g at element %" PRId64, name,
                     (double)values[i], i);
}

static spar_status add_parameters(writer *writer, spar_parameter_part part) {
    // Models that are used have no auxiliary parameters.
    const spar_network *network = writer->network;
    int listed = writer->training_state ? network->parameter_count : network->graph_parameter_count;
    for (int p = 0; p < listed; p++) {
        const spar_parameter *parameter = &writer->network->parameters[p];
        if (part != SPAR_PART_VALUE && !parameter->spec.trainable) continue;
        if (writer->tensor_names != NULL && writer->tensor_names[p] == NULL) continue;
        int64_t count = parameter->spec.rows * parameter->spec.columns;
        float *values = writer->values + writer->used;
        spar_tensor_source *tensor = &writer->tensors[writer->count];
        *tensor = (spar_tensor_source){
            .name = parameter->name, .element = "F32", .rank = parameter->spec.rank, .values = values};
        for (int i = 0; i < tensor->rank; i++) tensor->shape[i] = parameter->spec.shape[i];
        if (writer->tensor_names != NULL) tensor->name = writer->tensor_names[p];
        if (part != SPAR_PART_VALUE) {
            spar_state_tensor_name(parameter, part, writer->names[writer->count]);
            tensor->name = writer->names[writer->count];
        }
        writer->count++;
        if (writer->sizes_only) continue;
        SPAR_TRY(spar_network_read_parameter(writer->network, p, part, values, count));
        SPAR_TRY(check_finite(tensor->name, values, count));
        writer->used += count;
    }
    return SPAR_OK;
}

static spar_status add_points(writer *writer) {
    for (int p = 0; p < writer->network->point_count; p++) {
        spar_point *point = &writer->points[p];
        spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
        int count = spar_point_arrays(point, arrays);
        for (int a = 0; a < count; a++) {
            if (arrays[a].samples == 0) continue;
            char *name = writer->names[writer->count];
            spar_point_tensor_name(point, arrays[a].name, name);
            if (arrays[a].element[0] == 'F') {
                SPAR_TRY(check_finite(name, *arrays[a].values, arrays[a].samples * arrays[a].elements));
            }
            writer->tensors[writer->count++] = (spar_tensor_source){.name = name,
                                                                    .element = arrays[a].element,
                                                                    .rank = 2,
                                                                    .shape = {arrays[a].samples, arrays[a].elements},
                                                                    .values = *arrays[a].values};
        }
    }
    return SPAR_OK;
}

static spar_status allocate(writer *writer) {
    const spar_network *network = writer->network;
    size_t parts = 1;
    for (int part = SPAR_FIRST_STATE; part < SPAR_PARTS; part++)
        parts += writer->training_state && network->slots[part] != NULL;
    size_t tensors = parts * (size_t)network->parameter_count + SPAR_MOST_POINT_ARRAYS * (size_t)network->point_count;
    size_t floats = (size_t)network->parameter_floats + (parts - 1) * (size_t)network->trainable_floats;
    writer->tensors = spar_allocate(tensors, sizeof *writer->tensors);
    writer->names = spar_allocate(tensors, sizeof *writer->names);
    writer->values = spar_allocate(writer->sizes_only ? 0 : floats, sizeof *writer->values);
    bool all = writer->tensors != NULL && writer->names != NULL && writer->values != NULL;
    return all ? SPAR_OK : SPAR_ERROR_MEMORY;
}

#define METADATA SPAR_STRUCTURE(spar_metadata, value)

static spar_status check_metadata(const spar_metadata *metadata, size_t count) {
    if (count > 0 && metadata == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "metadata is NULL");
    for (size_t i = 0; i < count; i++) {
        spar_metadata entry;
        SPAR_TRY(spar_take_structure(METADATA, spar_structure_at(metadata, i), &entry));
        const char *key = entry.key, *value = entry.value;
        if (key == NULL || value == NULL) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "entry %zu of the metadata has a NULL", i);
        }
        if (strncmp(key, "sparring.", 9) == 0) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "the metadata key \"%.100s\" is reserved", key);
        }
        if (!spar_is_utf8(key, strlen(key)) || !spar_is_utf8(value, strlen(value))) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "entry %zu of the metadata, \"%.100s\", is not UTF-8", i, key);
        }
    }
    return SPAR_OK;
}

enum { OWN_ENTRIES = 7 };

static spar_status write_file(const writer *writer, const char *graph, const char *state, const spar_metadata *metadata,
                              size_t metadata_count) {
    const spar_network *network = writer->network;
    char output[32], loss[32], seed[32];
    snprintf(output, sizeof output, "%d", network->output);
    snprintf(loss, sizeof loss, "%d", (int)network->options.loss);
    snprintf(seed, sizeof seed, "%" PRIu64, network->options.seed);
    spar_metadata *entries = spar_allocate(metadata_count + OWN_ENTRIES, sizeof *entries);
    if (entries == NULL) return SPAR_ERROR_MEMORY;
    size_t count = 0;
    entries[count++] = (spar_metadata){.key = "sparring.version", .value = spar_version()};
    entries[count++] = (spar_metadata){.key = "sparring.format", .value = SPAR_FORMAT};
    entries[count++] = (spar_metadata){.key = "sparring.graph", .value = graph};
    entries[count++] = (spar_metadata){.key = "sparring.output", .value = output};
    entries[count++] = (spar_metadata){.key = "sparring.loss", .value = loss};
    entries[count++] = (spar_metadata){.key = "sparring.seed", .value = seed};
    if (state != NULL) entries[count++] = (spar_metadata){.key = "sparring.state", .value = state};
    for (size_t i = 0; i < metadata_count; i++) {
        spar_take_structure(METADATA, spar_structure_at(metadata, i), &entries[count++]);
    }
    spar_status status = spar_tensor_file_write(&writer->destination, entries, count, writer->tensors, writer->count);
    spar_release(entries);
    return status;
}

// As PyTorch's users write state dicts: without what makes a network of them.
static spar_status write_tensors(const writer *writer) {
    const spar_metadata format = {.key = "format", .value = "pt"};
    return spar_tensor_file_write(&writer->destination, &format, 1, writer->tensors, writer->count);
}

static spar_status describe_and_write(const writer *writer, const spar_metadata *metadata, size_t metadata_count) {
    spar_buffer graph = {0}, state = {0};
    spar_status status = SPAR_OK;
    spar_graph_write(writer->network->graph, &graph);
    if (writer->training_state) status = spar_training_state_write(writer->network, writer->points, &state);
    if (status == SPAR_OK && (graph.failed || state.failed)) status = SPAR_ERROR_MEMORY;
    if (status == SPAR_OK) status = write_file(writer, graph.data, state.data, metadata, metadata_count);
    spar_buffer_free(&graph);
    spar_buffer_free(&state);
    return status;
}

static spar_status collect(writer *writer) {
    SPAR_TRY(allocate(writer));
    SPAR_TRY(add_parameters(writer, SPAR_PART_VALUE));
    if (!writer->training_state) return SPAR_OK;
    for (int part = SPAR_FIRST_STATE; part < SPAR_PARTS; part++) {
        if (writer->network->slots[part] != NULL) SPAR_TRY(add_parameters(writer, (spar_parameter_part)part));
    }
    return add_points(writer);
}

static spar_status save(writer writer, const spar_metadata *metadata, size_t metadata_count) {
    spar_status status = check_metadata(metadata, metadata_count);
    if (writer.training_state) status = spar_gather_points(writer.network, status, &writer.points);
    bool together = writer.training_state && status == SPAR_OK, writes = !together || writer.network->part.rank == 0;
    if (status == SPAR_OK && writes) status = collect(&writer);
    if (status == SPAR_OK && writes) {
        status = writer.tensor_names != NULL ? write_tensors(&writer)
                                             : describe_and_write(&writer, metadata, metadata_count);
    }
    spar_release(writer.tensors);
    spar_release(writer.names);
    spar_release(writer.values);
    const char *path = writer.destination.path;
    if (status != SPAR_OK) status = spar_fail_in(path == NULL ? "the model in memory" : path, status);
    if (writer.training_state) spar_discard_gathered(writer.network, writer.points);
    return together ? spar_agree(writer.network, SPAR_CALL_SAVED, 0, status) : status;
}

spar_status spar_network_save(const spar_network *network, const char *path, bool training_state,
                              const spar_metadata *metadata, size_t metadata_count) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    writer writer = {.network = network, .training_state = training_state, .destination = {.path = path}};
    return save(writer, metadata, metadata_count);
}

spar_status spar_network_save_to_memory(const spar_network *network, bool training_state, const spar_metadata *metadata,
                                        size_t metadata_count, void *bytes, size_t capacity, size_t *needed) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(needed);
    if (capacity > 0) SPAR_REQUIRE_POINTER(bytes);
    if (training_state) SPAR_TRY(spar_require_alone(network, "a training state in memory"));
    writer writer = {.network = network,
                     .training_state = training_state,
                     .sizes_only = capacity == 0,
                     .destination = {.bytes = bytes, .capacity = capacity, .needed = needed}};
    return save(writer, metadata, metadata_count);
}

spar_status spar_network_save_tensors(const spar_network *network, const char *path, const char *const *names) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    SPAR_REQUIRE_POINTER(names);
    writer writer = {.network = network, .tensor_names = names, .destination = {.path = path}};
    return save(writer, NULL, 0);
}
