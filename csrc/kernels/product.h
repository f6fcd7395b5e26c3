// Matrix products in register tiles.
//
// A tile's accumulators stay in registers only when its loops are fully unrolled with constant bounds, so every number
// of rows and vectors is a case of its own. On AVX-512, 14 × 2 vectors leave 4 of 32 registers. Rows are reached three
// to a pointer, so that all pointers stay in registers too.
//
// What comes next is fetched meanwhile, a line for every row of the panel: the hardware's prefetchers stop at the ends
// of rows, and a panel that few rows are multiplied by needs more than memory gives. A product fetches the next tile's
// rows or, spread over its tiles, the next panel; a sum of outer products the next panel during its first two tiles,
// then the next tile's rows.

enum { POINTERS = (TILE_ROWS + 2) / 3 };

INLINE void product_tile(const spar_product *p, int64_t first, ptrdiff_t column, const int rows, const int vectors) {
    vf sum[TILE_ROWS][2];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_set1(0);
    }
    const ptrdiff_t stride = p->a_stride, b_stride = p->b_stride;
    const float *a[POINTERS], *b = p->b + column;
    UNROLL for (int i = 0; 3 * i < rows; i++) a[i] = p->a + (first + 3 * i) * stride;
    const float *ahead =
        p->next_b == NULL ? p->a + (first + rows) * stride : p->next_b + first * p->columns * p->depth / p->rows;
    const ptrdiff_t ahead_stride = p->next_b == NULL ? 16 : rows * p->columns / p->rows;
    const int64_t run = p->run > 0 ? p->run : p->depth;
    for (int64_t start = 0; start < p->depth; start += run) {
        for (int64_t k = 0; k < run; k++, b += b_stride) {
            vf right[2];
            UNROLL for (int v = 0; v < vectors; v++) right[v] = vf_load(b + v * LANES);
            UNROLL for (int r = 0; r < rows; r++) {
                vf left = vf_set1(a[r / 3][r % 3 * stride]);
                UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_fma(left, right[v], sum[r][v]);
            }
            UNROLL for (int i = 0; 3 * i < rows; i++) a[i]++;
            fetch_to_read(ahead);
            ahead += ahead_stride;
        }
        UNROLL for (int i = 0; 3 * i < rows; i++) a[i] += p->run_stride - run;
    }
    float *c = p->c + first * p->c_stride + column;
    UNROLL for (int r = 0; r < rows; r++, c += p->c_stride) {
        UNROLL for (int v = 0; v < vectors; v++) {
            vf result = sum[r][v];
            if (p->bias != NULL) result += vf_load(p->bias + column + v * LANES);
            if (p->accumulate) result += vf_load(c + v * LANES);
            vf_store(c + v * LANES, result);
        }
    }
}

INLINE void add_outer_product(const float *x, const float *d, vf sum[][2], const int rows, const int vectors) {
    vf right[2];
    UNROLL for (int v = 0; v < vectors; v++) right[v] = vf_load(d + v * LANES);
    UNROLL for (int r = 0; r < rows; r++) {
        vf left = vf_set1(x[r]);
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_fma(left, right[v], sum[r][v]);
    }
}

INLINE void outer_product_ways(const spar_outer_product *p, int64_t first, ptrdiff_t column, const int rows,
                               const int vectors, const int ways) {
    vf sum[2][TILE_ROWS][2];
    float *c = p->c + first * p->c_stride + column;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            sum[0][r][v] = p->accumulate ? vf_load(c + r * p->c_stride + v * LANES) : vf_set1(0);
            sum[1][r][v] = vf_set1(0);
            fetch_to_write(c + (rows + r) * p->c_stride + v * LANES); // those of the next tile
        }
    }
    for (int64_t line = 0; line < p->lines; line++) {
        const float *x = p->x + line * p->x_line + first, *d = p->d + line * p->d_line + column;
        const bool early = first <= TILE_ROWS;
        const float *ahead = early ? d + vectors * LANES + (first > 0) * 16 : x + rows;
        const ptrdiff_t ahead_stride = early ? p->d_stride : p->x_stride;
        int64_t i = 0;
        for (; i + ways <= p->count; i += ways) {
            UNROLL for (int w = 0; w < ways; w++, x += p->x_stride, d += p->d_stride) {
                add_outer_product(x, d, sum[w], rows, vectors);
                fetch_to_read(ahead);
                ahead += ahead_stride;
            }
        }
        if (i < p->count) add_outer_product(x, d, sum[0], rows, vectors);
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            vf_store(c + r * p->c_stride + v * LANES, ways == 2 ? sum[0][r][v] + sum[1][r][v] : sum[0][r][v]);
        }
    }
}

INLINE void outer_product_tile(const spar_outer_product *p, int64_t first, ptrdiff_t column, const int rows,
                               const int vectors) {
    outer_product_ways(p, first, column, rows, vectors, 1);
}

INLINE void outer_product_pairs(const spar_outer_product *p, int64_t first, ptrdiff_t column, const int rows,
                                const int vectors) {
    outer_product_ways(p, first, column, rows, vectors, 2);
}

// Defines NAME: all rows in tiles of almost equal height, at most `most`, each with its height as a constant.
#define ROWS_CASE(FUNCTION, n, vectors, most)                                                                          \
    case n:                                                                                                            \
        FUNCTION(p, first, column, n <= (most) ? n : 1, vectors);                                                      \
        break;
#define ALL_ROWS(NAME, PRODUCT, FUNCTION, vectors, most)                                                               \
    static void NAME(const PRODUCT *p, ptrdiff_t column) {                                                             \
        int64_t tiles = (p->rows + (most)-1) / (most), height = p->rows / tiles, higher = p->rows % tiles;             \
        for (int64_t tile = 0, first = 0; tile < tiles; first += height + (tile < higher), tile++) {                   \
            switch (height + (tile < higher)) {                                                                        \
                ROWS_CASE(FUNCTION, 1, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 2, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 3, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 4, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 5, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 6, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 7, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 8, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 9, vectors, most)                                                                  \
                ROWS_CASE(FUNCTION, 10, vectors, most)                                                                 \
                ROWS_CASE(FUNCTION, 11, vectors, most)                                                                 \
                ROWS_CASE(FUNCTION, 12, vectors, most)                                                                 \
                ROWS_CASE(FUNCTION, 13, vectors, most)                                                                 \
                ROWS_CASE(FUNCTION, 14, vectors, most)                                                                 \
            }                                                                                                          \
        }                                                                                                              \
    }

ALL_ROWS(product_2, spar_product, product_tile, 2, TILE_ROWS)
ALL_ROWS(product_1, spar_product, product_tile, 1, TILE_ROWS)
ALL_ROWS(outer_product_2, spar_outer_product, outer_product_tile, 2, TILE_ROWS)
ALL_ROWS(outer_product_1, spar_outer_product, outer_product_tile, 1, TILE_ROWS)
ALL_ROWS(outer_product_pairs_2, spar_outer_product, outer_product_pairs, 2, TILE_ROWS / 2)
ALL_ROWS(outer_product_pairs_1, spar_outer_product, outer_product_pairs, 1, TILE_ROWS / 2)

static void product(const spar_product *p) {
    ptrdiff_t column = 0;
    for (; column + 2 * LANES <= p->columns; column += 2 * LANES) product_2(p, column);
    if (column < p->columns) product_1(p, column);
}

static void outer_product(const spar_outer_product *p) {
    ptrdiff_t column = 0;
    for (; column + 2 * LANES <= p->columns; column += 2 * LANES) {
        (p->pairs ? outer_product_pairs_2 : outer_product_2)(p, column);
    }
    if (column < p->columns) (p->pairs ? outer_product_pairs_1 : outer_product_1)(p, column);
}
