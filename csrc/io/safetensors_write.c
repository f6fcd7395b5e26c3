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

static spar_status write_all(spar_replacement *replacement, const spar_buffer *header,
                             const spar_tensor_source *tensors, size_t count) {
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)header->length >> (8 * i));
    SPAR_TRY(spar_replacement_write(replacement, prefix, 8));
    SPAR_TRY(spar_replacement_write(replacement, header->data, header->length));
    for (size_t t = 0; t < count; t++) {
        SPAR_TRY(spar_replacement_write(replacement, tensors[t].values, bytes_of(&tensors[t])));
    }
    return SPAR_OK;
}

static spar_status replace(const char *path, const spar_buffer *header, const spar_tensor_source *tensors,
                           size_t count) {
    spar_replacement replacement;
    SPAR_TRY(check_header(header));
    SPAR_TRY(spar_replacement_begin(path, &replacement));
    return spar_replacement_end(&replacement, write_all(&replacement, header, tensors, count));
}

spar_status spar_tensor_file_write(const char *path, const spar_metadata *metadata, size_t metadata_count,
                                   const spar_tensor_source *tensors, size_t count) {
    spar_buffer header = {0};
    make_header(&header, metadata, metadata_count, tensors, count);
    spar_status status = header.failed ? SPAR_ERROR_MEMORY : replace(path, &header, tensors, count);
    spar_buffer_free(&header);
    return status;
}
