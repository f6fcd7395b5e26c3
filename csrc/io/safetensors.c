#define _POSIX_C_SOURCE 200809L

#include "io/safetensors.h"

#include "io/element.h"
#include "runtime/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LENGTH_BYTES = 8 };

// What there is of the data of a shape's tensor; false where the shape is impossible.
static bool count_elements(spar_json_value shape, int64_t *count) {
    *count = 1;
    if (!spar_json_is_array(shape)) return false;
    for (spar_json_items items = spar_json_items_of(shape); spar_json_next(&items);) {
        int64_t extent;
        if (!spar_json_integer(items.value, 0, INT64_MAX, &extent)) return false;
        if (__builtin_mul_overflow(*count, extent, count)) return false;
    }
    return true;
}

static spar_status read_entry(const char *name, spar_json_value json, spar_stored_tensor *tensor) {
    spar_json_value offsets = spar_json_member(json, "data_offsets"), places[3] = {NULL, NULL, NULL};
    spar_json_items items = spar_json_items_of(offsets);
    for (int i = 0; i < 3 && spar_json_next(&items); i++) places[i] = items.value;
    *tensor = (spar_stored_tensor){.name = name,
                                   .element = spar_json_string(spar_json_member(json, "dtype")),
                                   .shape = spar_json_member(json, "shape")};
    if (tensor->element == NULL || tensor->shape == NULL || !spar_json_is_array(offsets) || places[2] != NULL ||
        !spar_json_integer(places[0], 0, INT64_MAX, &tensor->start) ||
        !spar_json_integer(places[1], tensor->start, INT64_MAX, &tensor->end)) {
        return spar_fail(SPAR_ERROR_FORMAT, "tensor \"%.100s\" lacks a dtype, shape or data_offsets that make sense",
                         name);
    }
    int64_t count, expected;
    if (!count_elements(tensor->shape, &count)) {
        return spar_fail(SPAR_ERROR_FORMAT, "tensor \"%.100s\" has an impossible shape", name);
    }
    const spar_element *element = spar_element_named(tensor->element);
    if (element == NULL) return SPAR_OK;
    if (!__builtin_mul_overflow(count, element->bytes, &expected) && expected == tensor->end - tensor->start) {
        return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_FORMAT,
                     "tensor \"%.100s\" has %" PRId64 " elements of type %.16s but %" PRId64 " bytes", name, count,
                     tensor->element, tensor->end - tensor->start);
}

static int compare_places(const void *a, const void *b) {
    const spar_stored_tensor *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int compare_names(const void *a, const void *b) {
    const spar_stored_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

// One tensor begins where the one before ends, and the last ends with the data.
static spar_status check_places(spar_tensor_file *file) {
    int64_t data = file->size - file->data_start, reached = 0;
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_places);
    for (size_t t = 0; t < file->count; t++) {
        const spar_stored_tensor *tensor = &file->tensors[t];
        if (tensor->end > data) {
            return spar_fail(SPAR_ERROR_FORMAT,
                             "truncated: tensor \"%.100s\" ends at byte %" PRId64 " of %" PRId64 " bytes of data",
                             tensor->name, tensor->end, data);
        }
        if (tensor->start < reached) {
            return spar_fail(SPAR_ERROR_FORMAT,
                             "tensor \"%.100s\" begins at byte %" PRId64
                             " of the data, inside the one before it, which "
                             "ends at %" PRId64,
                             tensor->name, tensor->start, reached);
        }
        if (tensor->start > reached) {
            return spar_fail(SPAR_ERROR_FORMAT, "a hole of %" PRId64 " bytes before tensor \"%.100s\"",
                             tensor->start - reached, tensor->name);
        }
        reached = tensor->end;
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_names);
    if (reached == data) return SPAR_OK;
    return spar_fail(SPAR_ERROR_FORMAT, "oversized: %" PRId64 " bytes of data, the header tells of %" PRId64, data,
                     reached);
}

static spar_status check_metadata(spar_json_value metadata) {
    if (!spar_json_is_object(metadata)) return spar_fail(SPAR_ERROR_FORMAT, "the metadata is no object");
    for (spar_json_items items = spar_json_items_of(metadata); spar_json_next(&items);) {
        if (spar_json_string(items.value) == NULL) {
            return spar_fail(SPAR_ERROR_FORMAT, "the metadata \"%.100s\" is no string", items.key);
        }
    }
    return SPAR_OK;
}

static spar_status read_entries(spar_tensor_file *file) {
    const spar_json *header = &file->header;
    file->tensors = spar_allocate(header->key_count, sizeof *file->tensors);
    if (file->tensors == NULL) return SPAR_ERROR_MEMORY;
    for (size_t k = 0; k < header->key_count; k++) {
        const char *key = header->keys[k];
        if (strcmp(key, "__metadata__") == 0) {
            SPAR_TRY(check_metadata(spar_json_value_of(key)));
        } else {
            SPAR_TRY(read_entry(key, spar_json_value_of(key), &file->tensors[file->count++]));
        }
    }
    return check_places(file);
}

static spar_status read_at(const spar_tensor_file *file, int64_t offset, void *values, int64_t count) {
    if (file->bytes != NULL) {
        memcpy(values, file->bytes + offset, (size_t)count);
        return SPAR_OK;
    }
    for (char *to = values; count > 0;) {
        ssize_t got = pread(file->file, to, (size_t)count, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return spar_fail(SPAR_ERROR_IO, "could not be read: %s", strerror(errno));
        if (got == 0) return spar_fail(SPAR_ERROR_IO, "became shorter while it was read");
        to += got;
        offset += got;
        count -= got;
    }
    return SPAR_OK;
}

static spar_status read_header(spar_tensor_file *file) {
    unsigned char prefix[LENGTH_BYTES];
    if (file->size < LENGTH_BYTES) {
        return spar_fail(SPAR_ERROR_FORMAT, "%" PRId64 " bytes are too few for a model file", file->size);
    }
    SPAR_TRY(read_at(file, 0, prefix, LENGTH_BYTES));
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) length = length << 8 | prefix[i];
    if (length > (uint64_t)file->size - LENGTH_BYTES) {
        return spar_fail(SPAR_ERROR_FORMAT,
                         "not a model file, or truncated: a header of %" PRIu64 " bytes in a file of %" PRId64, length,
                         file->size);
    }
    if (length > SPAR_MOST_HEADER_BYTES) {
        return spar_fail(SPAR_ERROR_FORMAT, "a header of %" PRIu64 " bytes; at most %d are read", length,
                         SPAR_MOST_HEADER_BYTES);
    }
    file->data_start = LENGTH_BYTES + (int64_t)length;
    file->text = spar_allocate((size_t)length + 1, 1);
    if (file->text == NULL) return SPAR_ERROR_MEMORY;
    SPAR_TRY(read_at(file, LENGTH_BYTES, file->text, (int64_t)length));
    if (file->text[0] != '{') return spar_fail(SPAR_ERROR_FORMAT, "not a model file: its header does not begin with {");
    SPAR_TRY(spar_json_parse(file->text, (size_t)length, "the header", &file->header));
    return read_entries(file);
}

static spar_status open_plain(const char *path, spar_tensor_file *file) {
    struct stat about;
    // Without O_NONBLOCK, opening a FIFO waits for who writes to it.
    file->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->file < 0) return spar_fail(SPAR_ERROR_IO, "could not be opened: %s", strerror(errno));
    if (fstat(file->file, &about) != 0) return spar_fail(SPAR_ERROR_IO, "could not be read: %s", strerror(errno));
    if (!S_ISREG(about.st_mode)) return spar_fail(SPAR_ERROR_IO, "not a plain file");
    file->size = (int64_t)about.st_size;
    return read_header(file);
}

spar_status spar_tensor_file_open(const char *path, const void *bytes, size_t size, spar_tensor_file *file) {
    *file = (spar_tensor_file){.file = -1, .bytes = bytes, .size = (int64_t)size};
    spar_status status = path == NULL ? read_header(file) : open_plain(path, file);
    if (status != SPAR_OK) spar_tensor_file_close(file);
    return status;
}

void spar_tensor_file_close(spar_tensor_file *file) {
    if (file->file >= 0) close(file->file);
    spar_json_free(&file->header);
    spar_release(file->text);
    spar_release(file->tensors);
    *file = (spar_tensor_file){.file = -1};
}

spar_stored_tensor *spar_tensor_file_find(const spar_tensor_file *file, const char *name) {
    spar_stored_tensor key = {.name = name};
    if (file->count == 0) return NULL;
    return bsearch(&key, file->tensors, file->count, sizeof key, compare_names);
}

const char *spar_tensor_file_metadata(const spar_tensor_file *file, const char *key) {
    spar_json_value metadata = spar_json_member(file->header.root, "__metadata__");
    return spar_json_string(spar_json_member(metadata, key));
}

static bool same_shape(spar_json_value found, int rank, const int64_t *shape) {
    int dimension = 0;
    for (spar_json_items items = spar_json_items_of(found); spar_json_next(&items); dimension++) {
        int64_t size;
        if (dimension == rank || !spar_json_integer(items.value, 0, INT64_MAX, &size)) return false;
        if (size != shape[dimension]) return false;
    }
    return dimension == rank;
}

// Makes floats of the numbers of a tensor; NULL where they are floats, or cannot be made floats.
static const spar_element *conversion_of(const spar_stored_tensor *tensor) {
    const spar_element *element = spar_element_named(tensor->element);
    return element != NULL && element->to_floats != NULL ? element : NULL;
}

static spar_status compare(const spar_stored_tensor *tensor, const char *element, int rank, const int64_t *shape) {
    bool floats = strcmp(element, "F32") == 0;
    if (strcmp(tensor->element, element) != 0 && (!floats || conversion_of(tensor) == NULL)) {
        return spar_fail(SPAR_ERROR_FORMAT, "tensor \"%.100s\" is of type %.16s, not %s%s", tensor->name,
                         tensor->element, element, floats ? " nor F64, F16 or BF16, which are converted" : "");
    }
    if (same_shape(tensor->shape, rank, shape)) return SPAR_OK;
    char wanted[100] = "";
    for (int i = 0; i < rank; i++) {
        size_t length = strlen(wanted);
        snprintf(wanted + length, sizeof wanted - length, i > 0 ? ",%" PRId64 : "%" PRId64, shape[i]);
    }
    size_t length = strcspn(tensor->shape, "]");
    return spar_fail(SPAR_ERROR_FORMAT, "tensor \"%.100s\" has shape %.*s], expected [%s]", tensor->name,
                     length < 100 ? (int)length : 100, tensor->shape, wanted);
}

spar_status spar_tensor_file_choose(const spar_tensor_file *file, const char *name, const char *element, int rank,
                                    const int64_t *shape, const spar_stored_tensor **tensor) {
    *tensor = spar_tensor_file_find(file, name);
    if (*tensor == NULL) return spar_fail(SPAR_ERROR_FORMAT, "there is no tensor \"%.300s\"", name);
    return compare(*tensor, element, rank, shape);
}

static spar_status read_converted(const spar_tensor_file *file, const spar_element *element, int64_t offset,
                                  float *values, int64_t count) {
    double chunk[512];
    const int64_t most = (int64_t)sizeof chunk / element->bytes;
    for (int64_t i = 0; i < count; i += most) {
        int64_t next = count - i < most ? count - i : most;
        SPAR_TRY(read_at(file, offset + i * element->bytes, chunk, next * element->bytes));
        element->to_floats(chunk, next, values + i);
    }
    return SPAR_OK;
}

spar_status spar_tensor_file_read(const spar_tensor_file *file, const spar_stored_tensor *tensor, void *values) {
    int64_t offset = file->data_start + tensor->start, bytes = tensor->end - tensor->start;
    const spar_element *element = conversion_of(tensor);
    if (element == NULL) return read_at(file, offset, values, bytes);
    return read_converted(file, element, offset, values, bytes / element->bytes);
}
