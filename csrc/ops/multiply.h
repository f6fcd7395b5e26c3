// Matrix products over all rows and columns: panels of columns, as wide as a register tile.
#ifndef SPAR_OPS_MULTIPLY_H
#define SPAR_OPS_MULTIPLY_H

#include "ops/layer.h"

// Rows that are read, and rows that are written; `stride` floats apart.
typedef struct spar_matrix {
    const float *data;
    int64_t stride;
} spar_matrix;

typedef struct spar_rows {
    float *data;
    int64_t stride;
} spar_rows;

// Panels [panel][depth][columns of the panel] of a matrix [depth][columns], whose rows are `stride` floats apart, and
// of the transpose of a matrix [columns][depth]. They take depth · (columns, padded to 16) floats.
void spar_pack(const spar_run *run, spar_matrix weights, int64_t depth, int64_t columns, float *packed);
void spar_pack_transposed(const spar_run *run, spar_matrix weights, int64_t depth, int64_t columns, float *packed);

// c (+)= a · packed + bias for `rows` rows of whole vectors of columns; bias may be NULL.
void spar_multiply(const spar_kernels *kernels, spar_matrix a, int64_t rows, int64_t depth, const float *packed,
                   int64_t columns, const float *bias, spar_rows c, bool accumulate);

// c (+)= xᵀ · d, over `count` rows of x and d; c has `rows` rows of whole vectors of columns.
void spar_add_outer_products(const spar_kernels *kernels, spar_matrix x, spar_matrix d, int64_t count, int64_t rows,
                             int64_t columns, spar_rows c, bool accumulate);

#endif
