// The safetensors format: a length, a JSON header, then the tensors' bytes.
#ifndef SPAR_IO_SAFETENSORS_H
#define SPAR_IO_SAFETENSORS_H

#include <stdio.h>

#include "io/json.h"

typedef struct spar_tensor_file {
    FILE *file;
    const char *path;
    spar_json *header;
    uint64_t data_start;
} spar_tensor_file;

// Opens and checks a file: its header, and that every tensor's shape, type and place fit the file's size.
spar_status spar_tensor_file_open(const char *path, spar_tensor_file *file);
void spar_tensor_file_close(spar_tensor_file *file);

// NULL when there is no such string in the metadata.
const char *spar_tensor_file_metadata(const spar_tensor_file *file, const char *key);

// Reads the tensor of this name; `element` is "F32" (F64 is converted) or "U16". The shape is compared when rank ≥ 0.
spar_status spar_tensor_file_read(const spar_tensor_file *file, const char *name, const char *element, int rank,
                                  const int64_t *shape, void *values);

// A tensor to be written.
typedef struct spar_tensor_source {
    const char *name;
    const char *element; // "F32" or "U16"
    int rank;
    int64_t shape[4];
    const void *values;
} spar_tensor_source;

// Writes beside `path` and renames.
spar_status spar_tensor_file_write(const char *path, const spar_metadata *metadata, size_t metadata_count,
                                   const spar_tensor_source *tensors, size_t count);

#endif
