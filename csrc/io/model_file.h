// Model files: shared by saving and loading.
#ifndef SPAR_IO_MODEL_FILE_H
#define SPAR_IO_MODEL_FILE_H

#include "graph/network.h"
#include "io/safetensors.h"

// What a point keeps between steps, as tensors named "sparring.point.NAME.SUFFIX".
typedef struct spar_point_array {
    const char *suffix;
    const char *element;
    void **values;
    int64_t elements; // of a sample
} spar_point_array;

enum { SPAR_MOST_POINT_ARRAYS = 4 };

// What a point keeps under a method of this shape; returns how many arrays.
int spar_point_arrays(spar_point *point, spar_shape shape, spar_point_array *arrays);

// Longest name of a tensor, with its final zero.
enum { SPAR_MOST_TENSOR_NAME = 400 };

void spar_point_tensor_name(const spar_point *point, const char *suffix, char *name);
void spar_momentum_tensor_name(const spar_parameter *parameter, char *name);

#endif
