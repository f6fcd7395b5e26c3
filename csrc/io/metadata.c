// What a model file says of itself, and which tensors it has.
#include "io/model_file.h"

#include <stdio.h>
#include <string.h>

// Files of whatever version have metadata.
static spar_status read_metadata(const char *path, const void *bytes, size_t size, const char *key, char *value,
                                 size_t capacity, size_t *needed) {
    spar_tensor_file file;
    spar_status status = spar_tensor_file_open(path, bytes, size, &file);
    if (status == SPAR_OK) {
        const char *found = spar_tensor_file_metadata(&file, key);
        *needed = found == NULL ? 0 : strlen(found) + 1;
        if (found != NULL && capacity > 0) snprintf(value, capacity, "%s", found);
    }
    return spar_close_model(path, &file, status);
}

static spar_status visit_tensors(const spar_tensor_file *file, spar_tensor_visitor visit, void *context) {
    for (size_t t = 0; t < file->count; t++) {
        const spar_stored_tensor *tensor = &file->tensors[t];
        spar_tensor_info info = {.struct_size = sizeof info, .name = tensor->name, .type = tensor->element};
        for (spar_json_items items = spar_json_items_of(tensor->shape); spar_json_next(&items); info.rank++) {
            if (info.rank < 4) spar_json_integer(items.value, 0, INT64_MAX, &info.shape[info.rank]);
        }
        visit(context, &info);
    }
    return SPAR_OK;
}

spar_status spar_file_tensors(const char *path, spar_tensor_visitor visit, void *context) {
    SPAR_REQUIRE_POINTER(path);
    if (visit == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: visit is NULL", __func__);
    spar_tensor_file file;
    spar_status status = spar_tensor_file_open(path, NULL, 0, &file);
    if (status == SPAR_OK) status = visit_tensors(&file, visit, context);
    return spar_close_model(path, &file, status);
}

spar_status spar_file_metadata(const char *path, const char *key, char *value, size_t capacity, size_t *needed) {
    SPAR_REQUIRE_POINTER(path);
    SPAR_REQUIRE_POINTER(key);
    SPAR_REQUIRE_POINTER(needed);
    if (capacity > 0) SPAR_REQUIRE_POINTER(value);
    return read_metadata(path, NULL, 0, key, value, capacity, needed);
}

spar_status spar_memory_metadata(const void *bytes, size_t size, const char *key, char *value, size_t capacity,
                                 size_t *needed) {
    if (size > 0) SPAR_REQUIRE_POINTER(bytes);
    SPAR_REQUIRE_POINTER(key);
    SPAR_REQUIRE_POINTER(needed);
    if (capacity > 0) SPAR_REQUIRE_POINTER(value);
    return read_metadata(NULL, bytes, size, key, value, capacity, needed);
}
