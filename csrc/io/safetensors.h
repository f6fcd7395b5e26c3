// The safetensors format: a length, a JSON header, then the tensors' bytes, without overlap or holes.
#ifndef SPAR_IO_SAFETENSORS_H
#define SPAR_IO_SAFETENSORS_H

#include "io/json.h"

enum { SPAR_MOST_HEADER_BYTES = 16 << 20 };

// A tensor as a header tells of it; its text is the header's.
typedef struct spar_stored_tensor {
    const char *name;
    const char *element; // "F32" and so on; it need not be known
    spar_json_value shape;
    int64_t start, end; // bytes of the data
    bool wanted;        // for users of the file to mark
} spar_stored_tensor;

typedef struct spar_tensor_file {
    int file;                   // −1: the bytes are in memory
    const unsigned char *bytes; // then
    int64_t size, data_start;
    char *text; // of the header
    spar_json header;
    spar_stored_tensor *tensors; // in the order of their names
    size_t count;
} spar_tensor_file;

// Opens a plain file, or where `path` is NULL `size` bytes in memory, which have to stay until it is closed. Checks the
// header: that tensors whose types are known have the bytes their shapes need, and that all together cover the data.
// Takes memory of a small multiple of the header's length. Here and below, sentences do not say which file it is.
spar_status spar_tensor_file_open(const char *path, const void *bytes, size_t size, spar_tensor_file *file);
void spar_tensor_file_close(spar_tensor_file *file);

// NULL when there is no such string in the metadata.
const char *spar_tensor_file_metadata(const spar_tensor_file *file, const char *key);

// NULL when there is none of this name.
spar_stored_tensor *spar_tensor_file_find(const spar_tensor_file *file, const char *name);

// The tensor of this name, which has to have this type, "F32" (F64, F16 and BF16 will do) or "U16", and shape.
spar_status spar_tensor_file_choose(const spar_tensor_file *file, const char *name, const char *element, int rank,
                                    const int64_t *shape, const spar_stored_tensor **tensor);

// Reads one that was chosen; where its type is another, floats are made of it.
spar_status spar_tensor_file_read(const spar_tensor_file *file, const spar_stored_tensor *tensor, void *values);

// A tensor to be written.
typedef struct spar_tensor_source {
    const char *name;
    const char *element; // "F32" or "U16"
    int rank;
    int64_t shape[4];
    const void *values; // not read where only the size is asked for
} spar_tensor_source;

// Where a file is written: at `path`, or where that is NULL into memory, as spar_network_save_to_memory tells.
typedef struct spar_destination {
    const char *path;
    void *bytes;
    size_t capacity, *needed;
} spar_destination;

// Writes what spar_tensor_file_open takes, or fails and leaves what was there (replace.h).
spar_status spar_tensor_file_write(const spar_destination *destination, const spar_metadata *metadata,
                                   size_t metadata_count, const spar_tensor_source *tensors, size_t count);

#endif
