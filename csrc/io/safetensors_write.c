#include "io/replace.h"
#include "io/safetensors.h"
#include "runtime/memory.h"

#include <inttypes.h>
#include <string.h>

static size_t bytes_of(const spar_tensor_source *source) {
    size_t bytes = source->element[0] == 'U' ? 2 : 4;
    for (int i = 0; i < source->rank; i++) bytes *= (size_t)source->shape[i];
    return bytes;
}

static void make_header(spar_buffer *header, const spar_metadata *metadata, size_t metadata_count,
                        const spar_tensor_source *tensors, size_t count) {
    spar_buffer_append(header, "{\"__metadata__\":{");
    for (size_t i = 0; i < metadata_count; i++) {
        spar_buffer_append(header, i > 0 ? "," : "");
        spar_buffer_append_string(header, metadata[i].key);
        spar_buffer_append(header, ":");
        spar_buffer_append_string(header, metadata[i].value);
    }
    spar_buffer_append(header, "}");
    size_t offset = 0;
    for (size_t t = 0; t < count; t++) {
        spar_buffer_append(header, ",");
        spar_buffer_append_string(header, tensors[t].name);
        spar_buffer_append(header, ":{\"dtype\":\"%s\",\"shape\":[", tensors[t].element);
        for (int i = 0; i < tensors[t].rank; i++) {
            spar_buffer_append(header, i > 0 ? ",%" PRId64 : "%" PRId64, tensors[t].shape[i]);
        }
        size_t end = offset + bytes_of(&tensors[t]);
        spar_buffer_append(header, "],\"data_offsets\":[%zu,%zu]}", offset, end);
        offset = end;
    }
    spar_buffer_append(header, "}");
    while (!header->failed && header->length % 8 != 0) spar_buffer_append(header, " ");
}

// What no reader would take is not written.
static spar_status check_header(const spar_buffer *header) {
    spar_json json;
    if (header->length > SPAR_MOST_HEADER_BYTES) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "the header would have %zu bytes; at most %d can be read", header->length,
                         SPAR_MOST_HEADER_BYTES);
    }
    char *copy = spar_copy_string(header->data);
    if (copy == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = spar_json_parse(copy, header->length, "the header", &json);
    spar_json_free(&json);
    spar_release(copy);
    return status == SPAR_ERROR_FORMAT ? SPAR_ERROR_ARGUMENT : status;
}

// What a file has one behind the other: into `memory`, or where that is NULL into a file.
static spar_status write_bytes(spar_replacement *replacement, char **memory, const void *bytes, size_t count) {
    if (*memory == NULL) return spar_replacement_write(replacement, bytes, count);
    if (count > 0) memcpy(*memory, bytes, count);
    *memory += count;
    return SPAR_OK;
}

static spar_status write_all(spar_replacement *replacement, char *memory, const spar_buffer *header,
                             const spar_tensor_source *tensors, size_t count) {
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)header->length >> (8 * i));
    SPAR_TRY(write_bytes(replacement, &memory, prefix, 8));
    SPAR_TRY(write_bytes(replacement, &memory, header->data, header->length));
    for (size_t t = 0; t < count; t++) {
        SPAR_TRY(write_bytes(replacement, &memory, tensors[t].values, bytes_of(&tensors[t])));
    }
    return SPAR_OK;
}

static spar_status write_to_memory(const spar_destination *destination, const spar_buffer *header,
                                   const spar_tensor_source *tensors, size_t count) {
    size_t needed = 8 + header->length;
    for (size_t t = 0; t < count; t++) needed += bytes_of(&tensors[t]);
    *destination->needed = needed;
    if (destination->capacity == 0) return SPAR_OK;
    if (destination->capacity < needed) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%zu bytes are needed, there is room for %zu", needed,
                         destination->capacity);
    }
    return write_all(NULL, destination->bytes, header, tensors, count);
}

static spar_status write_file(const spar_destination *destination, const spar_buffer *header,
                              const spar_tensor_source *tensors, size_t count) {
    spar_replacement replacement;
    if (header->failed) return SPAR_ERROR_MEMORY;
    SPAR_TRY(check_header(header));
    if (destination->path == NULL) return write_to_memory(destination, header, tensors, count);
    SPAR_TRY(spar_replacement_begin(destination->path, &replacement));
    return spar_replacement_end(&replacement, write_all(&replacement, NULL, header, tensors, count));
}

spar_status spar_tensor_file_write(const spar_destination *destination, const spar_metadata *metadata,
                                   size_t metadata_count, const spar_tensor_source *tensors, size_t count) {
    spar_buffer header = {0};
    make_header(&header, metadata, metadata_count, tensors, count);
    spar_status status = write_file(destination, &header, tensors, count);
    spar_buffer_free(&header);
    return status;
}
