// Register tiles of matrix products.
//
// The tile's accumulators stay in registers only when its loops are fully unrolled with constant bounds, so
// every number of rows and vectors is a case of its own. On AVX-512, 14 × 2 vectors leave 4 of 32 registers.

INLINE void product_tile_of(const spar_product_tile *tile, const int rows, const int vectors, ptrdiff_t column) {
    vf sum[TILE_ROWS][2];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_set1(0);
    }
    const float *const *a = tile->a;
    const float *b = tile->b + column;
    for (int tap = 0; tap < tile->taps; tap++, a += rows) {
        const float *row[TILE_ROWS];
        UNROLL for (int r = 0; r < rows; r++) row[r] = a[r];
        for (ptrdiff_t k = 0; k < tile->depth; k++, b += tile->b_stride) {
            vf right[2];
            UNROLL for (int v = 0; v < vectors; v++) right[v] = vf_load(b + v * LANES);
            UNROLL for (int r = 0; r < rows; r++) {
                vf left = vf_set1(row[r][k]);
                UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_fma(left, right[v], sum[r][v]);
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            float *c = tile->c[r] + column + v * LANES;
            vf result = sum[r][v];
            if (tile->bias != NULL) result += vf_load(tile->bias + column + v * LANES);
            if (tile->accumulate) result += vf_load(c);
            vf_store(c, result);
        }
    }
}

INLINE void outer_tile_of(const spar_outer_tile *tile, const int rows, const int vectors, ptrdiff_t column) {
    vf sum[TILE_ROWS][2];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            sum[r][v] = tile->accumulate ? vf_load(tile->c + r * tile->c_stride + column + v * LANES) : vf_set1(0);
        }
    }
    const float *d = tile->d + column;
    for (int64_t p = 0; p < tile->count; p++, d += tile->d_stride) {
        const float *x = tile->x[p] + tile->x_offset;
        vf right[2];
        UNROLL for (int v = 0; v < vectors; v++) right[v] = vf_load(d + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            vf left = vf_set1(x[r]);
            UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_fma(left, right[v], sum[r][v]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            vf_store(tile->c + r * tile->c_stride + column + v * LANES, sum[r][v]);
        }
    }
}

// Calls FUNCTION with the tile's rows as a constant.
#define ROWS_CASE(FUNCTION, n, vectors)                                                                                \
    case n:                                                                                                            \
        FUNCTION(tile, n <= TILE_ROWS ? n : 1, vectors, column);                                                       \
        return;
#define ROWS_SWITCH(FUNCTION, vectors)                                                                                 \
    switch (tile->rows) {                                                                                              \
        ROWS_CASE(FUNCTION, 1, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 2, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 3, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 4, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 5, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 6, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 7, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 8, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 9, vectors)                                                                                \
        ROWS_CASE(FUNCTION, 10, vectors)                                                                               \
        ROWS_CASE(FUNCTION, 11, vectors)                                                                               \
        ROWS_CASE(FUNCTION, 12, vectors)                                                                               \
        ROWS_CASE(FUNCTION, 13, vectors)                                                                               \
        ROWS_CASE(FUNCTION, 14, vectors)                                                                               \
    }

static void product_tile_2(const spar_product_tile *tile, ptrdiff_t column) {
    ROWS_SWITCH(product_tile_of, 2)
}

static void product_tile_1(const spar_product_tile *tile, ptrdiff_t column) {
    ROWS_SWITCH(product_tile_of, 1)
}

static void outer_tile_2(const spar_outer_tile *tile, ptrdiff_t column) {
    ROWS_SWITCH(outer_tile_of, 2)
}

static void outer_tile_1(const spar_outer_tile *tile, ptrdiff_t column) {
    ROWS_SWITCH(outer_tile_of, 1)
}

static void product_tile(const spar_product_tile *tile) {
    ptrdiff_t column = 0;
    for (; column + 2 * LANES <= tile->columns; column += 2 * LANES) product_tile_2(tile, column);
    if (column < tile->columns) product_tile_1(tile, column);
}

static void outer_tile(const spar_outer_tile *tile) {
    ptrdiff_t column = 0;
    for (; column + 2 * LANES <= tile->columns; column += 2 * LANES) outer_tile_2(tile, column);
    if (column < tile->columns) outer_tile_1(tile, column);
}
