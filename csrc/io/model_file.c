#include "io/model_file.h"

#include "io/graph_json.h"
#include "runtime/finite.h"

#include <inttypes.h>
#include <string.h>

int spar_point_arrays(spar_point *point, spar_shape shape, spar_point_array *arrays) {
    if (shape == SPAR_SHAPE_GAUSSIAN) return 0;
    int count = 0;
    arrays[count++] = (spar_point_array){"lowest", "F32", (void **)&point->lowest, point->pieces};
    arrays[count++] = (spar_point_array){"highest", "F32", (void **)&point->highest, point->pieces};
    if (shape == SPAR_SHAPE_GRADIENT) {
        arrays[count++] = (spar_point_array){"gradient", "F32", (void **)&point->gradient, point->sample_floats};
    } else {
        arrays[count++] = (spar_point_array){"positive", "U16", (void **)&point->positive, point->words_per_sample};
        arrays[count++] = (spar_point_array){"negative", "U16", (void **)&point->negative, point->words_per_sample};
    }
    return count;
}

void spar_point_tensor_name(const spar_point *point, const char *suffix, char *name) {
    snprintf(name, SPAR_MOST_TENSOR_NAME, "sparring.point.%s.%s", point->node->name, suffix);
}

void spar_momentum_tensor_name(const spar_parameter *parameter, char *name) {
    snprintf(name, SPAR_MOST_TENSOR_NAME, "sparring.momentum.%s", parameter->name);
}

typedef struct writer {
    spar_network *network; // only read: point arrays are listed through pointers into it
    spar_tensor_source *tensors;
    char (*names)[SPAR_MOST_TENSOR_NAME];
    float *values; // parameters in their outside order
    size_t count;
} writer;

// A diverged network may go unnoticed in its outputs, as max(NaN, 0) is 0; no reader would take its file.
static spar_status check_finite(const spar_parameter *parameter, spar_parameter_part part, const float *values,
                                int64_t count) {
    int64_t i = spar_first_non_finite(values, count);
    if (i == count) return SPAR_OK;
    return spar_fail(SPAR_ERROR_NON_FINITE, "save: the network has diverged, %s of \"%.100s\" has %g at element %lld",
                     part == SPAR_PART_VALUE ? "the value" : "the momentum", parameter->name, (double)values[i],
                     (long long)i);
}

static spar_status add_parameters(writer *writer, spar_parameter_part part) {
    for (int p = 0; p < writer->network->parameter_count; p++) {
        const spar_parameter *parameter = &writer->network->parameters[p];
        if (part == SPAR_PART_MOMENTUM && !parameter->spec.trainable) continue;
        int64_t count = parameter->spec.rows * parameter->spec.columns;
        spar_tensor_source *tensor = &writer->tensors[writer->count];
        *tensor = (spar_tensor_source){
            .name = parameter->name, .element = "F32", .rank = parameter->spec.rank, .values = writer->values};
        for (int i = 0; i < tensor->rank; i++) tensor->shape[i] = parameter->spec.shape[i];
        if (part == SPAR_PART_MOMENTUM) {
            spar_momentum_tensor_name(parameter, writer->names[writer->count]);
            tensor->name = writer->names[writer->count];
        }
        SPAR_TRY(spar_network_read_parameter(writer->network, p, part, writer->values, count));
        SPAR_TRY(check_finite(parameter, part, writer->values, count));
        writer->values += count;
        writer->count++;
    }
    return SPAR_OK;
}

static void add_points(writer *writer) {
    for (int p = 0; p < writer->network->point_count; p++) {
        spar_point *point = &writer->network->points[p];
        spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
        int count = point->recorded > 0 ? spar_point_arrays(point, point->shape, arrays) : 0;
        for (int a = 0; a < count; a++) {
            char *name = writer->names[writer->count];
            spar_point_tensor_name(point, arrays[a].suffix, name);
            writer->tensors[writer->count++] = (spar_tensor_source){.name = name,
                                                                    .element = arrays[a].element,
                                                                    .rank = 2,
                                                                    .shape = {point->recorded, arrays[a].elements},
                                                                    .values = *arrays[a].values};
        }
    }
}

// The method and, point by point, how much is recorded and s(h).
static void write_state(const spar_network *network, spar_buffer *text) {
    const spar_method *m = &network->method;
    spar_buffer_append(text,
                       "{\"step\":\"%" PRIu64 "\",\"direction\":%d,\"shape\":%d,\"size\":%d,\"granularity\":%d,"
                       "\"epsilon\":%.9g,\"input_epsilon\":%.9g,\"clean_weight\":%.9g,\"last_point\":",
                       network->step, (int)m->direction, (int)m->shape, (int)m->size, (int)m->granularity,
                       (double)m->epsilon, (double)m->input_epsilon, (double)m->clean_weight);
    if (m->last_point == NULL) {
        spar_buffer_append(text, "null");
    } else {
        spar_buffer_append_string(text, m->last_point);
    }
    spar_buffer_append(text, ",\"points\":[");
    for (int p = 0; p < network->point_count; p++) {
        spar_buffer_append(text, "%s[%d,%.9g]", p > 0 ? "," : "", network->points[p].recorded,
                           (double)network->points[p].deviation);
    }
    spar_buffer_append(text, "]}");
}

static bool allocate(writer *writer, const spar_network *network, bool training_state) {
    size_t tensors = 2 * (size_t)network->parameter_count + SPAR_MOST_POINT_ARRAYS * (size_t)network->point_count;
    size_t floats = (size_t)(network->parameter_floats + (training_state ? network->trainable_floats : 0));
    writer->tensors = spar_allocate(tensors, sizeof *writer->tensors);
    writer->names = spar_allocate(tensors, sizeof *writer->names);
    writer->values = spar_allocate(floats, sizeof *writer->values);
    return writer->tensors != NULL && writer->names != NULL && writer->values != NULL;
}

static spar_status check_metadata(const spar_metadata *metadata, size_t count) {
    if (count > 0 && metadata == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "spar_network_save: metadata is NULL");
    for (size_t i = 0; i < count; i++) {
        if (metadata[i].key == NULL || metadata[i].value == NULL) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "spar_network_save: entry %zu of the metadata has a NULL", i);
        }
        if (strncmp(metadata[i].key, "sparring.", 9) == 0) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "spar_network_save: the metadata key \"%.100s\" is reserved",
                             metadata[i].key);
        }
    }
    return SPAR_OK;
}

enum { OWN_ENTRIES = 6 };

static spar_status write_file(writer *writer, const char *path, bool training_state, const spar_metadata *metadata,
                              size_t metadata_count) {
    const spar_network *network = writer->network;
    spar_buffer graph = {0}, state = {0};
    char numbers[3][32];
    snprintf(numbers[0], sizeof numbers[0], "%d", network->output);
    snprintf(numbers[1], sizeof numbers[1], "%d", (int)network->options.loss);
    snprintf(numbers[2], sizeof numbers[2], "%" PRIu64, network->options.seed);
    spar_graph_write(network->graph, &graph);
    write_state(network, &state);
    spar_metadata *entries = spar_allocate(metadata_count + OWN_ENTRIES, sizeof *entries);
    spar_status status = entries == NULL || graph.failed || state.failed ? SPAR_ERROR_MEMORY : SPAR_OK;
    if (status == SPAR_OK) {
        size_t count = 0;
        entries[count++] = (spar_metadata){"sparring.version", spar_version()};
        entries[count++] = (spar_metadata){"sparring.graph", graph.data};
        entries[count++] = (spar_metadata){"sparring.output", numbers[0]};
        entries[count++] = (spar_metadata){"sparring.loss", numbers[1]};
        entries[count++] = (spar_metadata){"sparring.seed", numbers[2]};
        if (training_state) entries[count++] = (spar_metadata){"sparring.state", state.data};
        for (size_t i = 0; i < metadata_count; i++) entries[count++] = metadata[i];
        status = spar_tensor_file_write(path, entries, count, writer->tensors, writer->count);
    }
    spar_release(entries);
    spar_buffer_free(&graph);
    spar_buffer_free(&state);
    return status;
}

spar_status spar_network_save(const spar_network *network, const char *path, bool training_state,
                              const spar_metadata *metadata, size_t metadata_count) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    SPAR_TRY(check_metadata(metadata, metadata_count));
    writer writer = {.network = (spar_network *)network};
    spar_status status = SPAR_ERROR_MEMORY;
    float *values = NULL;
    if (allocate(&writer, network, training_state)) {
        values = writer.values;
        status = add_parameters(&writer, SPAR_PART_VALUE);
        if (status == SPAR_OK && training_state) {
            status = add_parameters(&writer, SPAR_PART_MOMENTUM);
            add_points(&writer);
        }
        if (status == SPAR_OK) status = write_file(&writer, path, training_state, metadata, metadata_count);
    }
    spar_release(writer.tensors);
    spar_release(writer.names);
    spar_release(values);
    return status;
}
