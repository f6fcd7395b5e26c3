#define _POSIX_C_SOURCE 200809L

#include "io/safetensors.h"

#include "runtime/memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_HEADER_BYTES = 100000000 };

static int64_t element_bytes(const char *element) {
    static const struct {
        const char *name;
        int64_t bytes;
    } elements[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"U16", 2}, {"I16", 2}, {"F16", 2}, {"BF16", 2},
                    {"U32", 4},  {"I32", 4}, {"F32", 4}, {"U64", 8}, {"I64", 8}, {"F64", 8}};
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        if (strcmp(elements[i].name, element) == 0) return elements[i].bytes;
    }
    return 0;
}

typedef struct tensor_entry {
    const char *element;
    const spar_json *shape;
    int64_t count, start, end;
} tensor_entry;

static spar_status read_entry(const spar_tensor_file *file, const spar_json *json, tensor_entry *entry) {
    const spar_json *type = spar_json_member(json, "dtype"), *offsets = spar_json_member(json, "data_offsets");
    entry->shape = spar_json_member(json, "shape");
    if (type == NULL || type->type != SPAR_JSON_STRING || entry->shape == NULL ||
        entry->shape->type != SPAR_JSON_ARRAY || offsets == NULL || offsets->type != SPAR_JSON_ARRAY ||
        offsets->count != 2 || !spar_json_integer(offsets->child, 0, INT64_C(1) << 50, &entry->start) ||
        !spar_json_integer(offsets->child->next, entry->start, INT64_C(1) << 50, &entry->end)) {
        return spar_fail(SPAR_ERROR_FORMAT,
                         "%s: tensor \"%.100s\" lacks a dtype, shape or data_offsets that make sense", file->path,
                         json->key);
    }
    entry->element = type->string;
    entry->count = 1;
    for (const spar_json *size = entry->shape->child; size != NULL; size = size->next) {
        int64_t extent;
        if (!spar_json_integer(size, 0, INT64_C(1) << 40, &extent) ||
            (extent > 0 && entry->count > (INT64_C(1) << 45) / extent)) {
            return spar_fail(SPAR_ERROR_FORMAT, "%s: tensor \"%.100s\" has an impossible shape", file->path, json->key);
        }
        entry->count *= extent;
    }
    int64_t bytes = element_bytes(entry->element);
    if (bytes == 0 || entry->count * bytes != entry->end - entry->start) {
        return spar_fail(SPAR_ERROR_FORMAT, "%s: tensor \"%.100s\" has %lld elements of type %.16s but %lld bytes",
                         file->path, json->key, (long long)entry->count, entry->element,
                         (long long)(entry->end - entry->start));
    }
    return SPAR_OK;
}

static spar_status check_entries(const spar_tensor_file *file, uint64_t data_bytes) {
    int64_t furthest = 0;
    for (const spar_json *json = file->header->child; json != NULL; json = json->next) {
        tensor_entry entry;
        if (strcmp(json->key, "__metadata__") == 0) continue;
        SPAR_TRY(read_entry(file, json, &entry));
        if ((uint64_t)entry.end > data_bytes) {
            return spar_fail(SPAR_ERROR_FORMAT, "%s: truncated: tensor \"%.100s\" ends at byte %lld of %llu",
                             file->path, json->key, (long long)entry.end, (unsigned long long)data_bytes);
        }
        if (entry.end > furthest) furthest = entry.end;
    }
    if ((uint64_t)furthest == data_bytes) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "%s: oversized: %llu bytes of data, the header tells of %lld", file->path,
                     (unsigned long long)data_bytes, (long long)furthest);
}

static spar_status read_header(spar_tensor_file *file) {
    unsigned char prefix[8];
    struct stat status_of_file;
    if (fstat(fileno(file->file), &status_of_file) != 0 || !S_ISREG(status_of_file.st_mode)) {
        return spar_fail(SPAR_ERROR_IO, "%s: not a plain file", file->path);
    }
    long size = (long)status_of_file.st_size;
    if (fread(prefix, 1, 8, file->file) != 8) {
        return spar_fail(SPAR_ERROR_FORMAT, "%s: %ld bytes are too few for a model file", file->path, size);
    }
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | prefix[i];
    if (length > (uint64_t)size - 8 || length > MOST_HEADER_BYTES) {
        return spar_fail(SPAR_ERROR_FORMAT,
                         "%s: not a model file, or truncated: a header of %llu bytes in a file of %ld", file->path,
                         (unsigned long long)length, size);
    }
    char *text = spar_allocate(length + 1, 1);
    if (text == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = SPAR_OK;
    if (fread(text, 1, length, file->file) != length) {
        status = spar_fail(SPAR_ERROR_IO, "%s: could not be read", file->path);
    }
    if (status == SPAR_OK) status = spar_json_parse(text, length, file->path, &file->header);
    spar_release(text);
    SPAR_TRY(status);
    if (file->header->type != SPAR_JSON_OBJECT) {
        return spar_fail(SPAR_ERROR_FORMAT, "%s: the header is no object", file->path);
    }
    file->data_start = 8 + length;
    return check_entries(file, (uint64_t)size - 8 - length);
}

spar_status spar_tensor_file_open(const char *path, spar_tensor_file *file) {
    *file = (spar_tensor_file){.path = path, .file = fopen(path, "rb")};
    if (file->file == NULL) return spar_fail(SPAR_ERROR_IO, "%s: could not be opened: %s", path, strerror(errno));
    spar_status status = read_header(file);
    if (status != SPAR_OK) spar_tensor_file_close(file);
    return status;
}

void spar_tensor_file_close(spar_tensor_file *file) {
    if (file->file != NULL) fclose(file->file);
    spar_json_free(file->header);
    file->file = NULL;
    file->header = NULL;
}

const char *spar_tensor_file_metadata(const spar_tensor_file *file, const char *key) {
    const spar_json *value = spar_json_member(spar_json_member(file->header, "__metadata__"), key);
    return value == NULL || value->type != SPAR_JSON_STRING ? NULL : value->string;
}

static bool same_shape(const spar_json *found, int rank, const int64_t *shape) {
    if (found->count != rank) return false;
    const spar_json *size = found->child;
    for (int i = 0; i < rank; i++, size = size->next) {
        if (size->number != (double)shape[i]) return false;
    }
    return true;
}

static void shape_text(const spar_json *found, char *text, size_t capacity) {
    size_t length = 0;
    text[0] = 0;
    for (const spar_json *size = found->child; size != NULL && length + 24 < capacity; size = size->next) {
        length += (size_t)snprintf(text + length, capacity - length, length > 0 ? "×%.0f" : "%.0f", size->number);
    }
}

static spar_status compare(const spar_tensor_file *file, const char *name, const tensor_entry *entry,
                           const char *element, int rank, const int64_t *shape) {
    bool convertible = strcmp(element, "F32") == 0 && strcmp(entry->element, "F64") == 0;
    if (strcmp(entry->element, element) != 0 && !convertible) {
        return spar_fail(SPAR_ERROR_FORMAT, "%s: tensor \"%.100s\" is of type %.16s, not %s", file->path, name,
                         entry->element, element);
    }
    if (same_shape(entry->shape, rank, shape)) return SPAR_OK;
    char found[128], wanted[128] = "";
    shape_text(entry->shape, found, sizeof found);
    for (int i = 0; i < rank; i++) {
        size_t length = strlen(wanted);
        snprintf(wanted + length, sizeof wanted - length, i > 0 ? "×%lld" : "%lld", (long long)shape[i]);
    }
    return spar_fail(SPAR_ERROR_FORMAT, "%s: tensor \"%.100s\" has shape %s, expected %s", file->path, name, found,
                     wanted);
}

static spar_status read_doubles(const spar_tensor_file *file, float *values, int64_t count) {
    double chunk[256];
    for (int64_t i = 0; i < count; i += 256) {
        size_t wanted = count - i < 256 ? (size_t)(count - i) : 256;
        if (fread(chunk, sizeof *chunk, wanted, file->file) != wanted) {
            return spar_fail(SPAR_ERROR_IO, "%s: could not be read", file->path);
        }
        for (size_t j = 0; j < wanted; j++) values[i + (int64_t)j] = (float)chunk[j];
    }
    return SPAR_OK;
}

spar_status spar_tensor_file_read(const spar_tensor_file *file, const char *name, const char *element, int rank,
                                  const int64_t *shape, void *values) {
    const spar_json *json = spar_json_member(file->header, name);
    tensor_entry entry;
    if (json == NULL) return spar_fail(SPAR_ERROR_FORMAT, "%s: there is no tensor \"%.100s\"", file->path, name);
    SPAR_TRY(read_entry(file, json, &entry));
    SPAR_TRY(compare(file, name, &entry, element, rank, shape));
    if (fseek(file->file, (long)(file->data_start + (uint64_t)entry.start), SEEK_SET) != 0) {
        return spar_fail(SPAR_ERROR_IO, "%s: could not be read: %s", file->path, strerror(errno));
    }
    if (strcmp(entry.element, "F64") == 0) return read_doubles(file, values, entry.count);
    size_t bytes = (size_t)(entry.end - entry.start);
    if (fread(values, 1, bytes, file->file) != bytes) {
        return spar_fail(SPAR_ERROR_IO, "%s: could not be read", file->path);
    }
    return SPAR_OK;
}

static int64_t source_bytes(const spar_tensor_source *source) {
    int64_t bytes = element_bytes(source->element);
    for (int i = 0; i < source->rank; i++) bytes *= source->shape[i];
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
    int64_t offset = 0;
    for (size_t t = 0; t < count; t++) {
        spar_buffer_append(header, ",");
        spar_buffer_append_string(header, tensors[t].name);
        spar_buffer_append(header, ":{\"dtype\":\"%s\",\"shape\":[", tensors[t].element);
        for (int i = 0; i < tensors[t].rank; i++) {
            spar_buffer_append(header, i > 0 ? ",%lld" : "%lld", (long long)tensors[t].shape[i]);
        }
        int64_t end = offset + source_bytes(&tensors[t]);
        spar_buffer_append(header, "],\"data_offsets\":[%lld,%lld]}", (long long)offset, (long long)end);
        offset = end;
    }
    spar_buffer_append(header, "}");
    while (!header->failed && header->length % 8 != 0) spar_buffer_append(header, " ");
}

static bool write_all(FILE *file, const spar_buffer *header, const spar_tensor_source *tensors, size_t count) {
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)header->length >> (8 * i));
    if (fwrite(prefix, 1, 8, file) != 8 || fwrite(header->data, 1, header->length, file) != header->length)
        return false;
    for (size_t t = 0; t < count; t++) {
        size_t bytes = (size_t)source_bytes(&tensors[t]);
        if (fwrite(tensors[t].values, 1, bytes, file) != bytes) return false;
    }
    return fflush(file) == 0 && fsync(fileno(file)) == 0;
}

static spar_status replace_file(const char *path, const char *beside, const spar_buffer *header,
                                const spar_tensor_source *tensors, size_t count) {
    FILE *file = fopen(beside, "wb");
    if (file == NULL) return spar_fail(SPAR_ERROR_IO, "%s: could not be written: %s", path, strerror(errno));
    bool whole = write_all(file, header, tensors, count);
    int error = errno;
    if (fclose(file) != 0 && whole) {
        whole = false;
        error = errno;
    }
    if (whole && rename(beside, path) == 0) return SPAR_OK;
    if (whole) error = errno;
    remove(beside);
    return spar_fail(SPAR_ERROR_IO, "%s: could not be written: %s", path, strerror(error));
}

spar_status spar_tensor_file_write(const char *path, const spar_metadata *metadata, size_t metadata_count,
                                   const spar_tensor_source *tensors, size_t count) {
    spar_buffer header = {0}, beside = {0};
    make_header(&header, metadata, metadata_count, tensors, count);
    spar_buffer_append(&beside, "%s.%ld.partial", path, (long)getpid());
    spar_status status = SPAR_ERROR_MEMORY;
    if (!header.failed && !beside.failed) status = replace_file(path, beside.data, &header, tensors, count);
    spar_buffer_free(&header);
    spar_buffer_free(&beside);
    return status;
}
