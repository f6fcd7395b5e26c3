// Sums over columns and over whole tensors. Floats are summed over few rows, doubles over many.

enum { ROWS_PER_FLOAT_SUM = 64 };

// Columns are summed in groups of vectors, so that memory is read along rows.
enum { GROUP = LANES == 16 ? 8 : 4 };

INLINE void add_lanes(vf x, double *sums) {
    for (int lane = 0; lane < LANES; lane++) sums[lane] += x[lane];
}

// Σ (x − shift) and Σ (x − shift)², or with d ≠ NULL Σ d and Σ d·(x − shift), of `vectors` vectors of columns.
INLINE void sum_columns(const float *d, const float *x, int64_t rows, int64_t stride, const float *shift, double *sum,
                        double *product, const int vectors) {
    vf s[GROUP], p[GROUP];
    UNROLL for (int v = 0; v < vectors; v++) s[v] = p[v] = vf_set1(0);
    for (int64_t r = 0; r < rows; r++, x += stride) {
        UNROLL for (int v = 0; v < vectors; v++) {
            vf y = vf_load_first(x + v * LANES) - vf_load(shift + v * LANES),
               g = d == NULL ? y : vf_load(d + v * LANES);
            s[v] += g;
            p[v] = vf_fma(g, y, p[v]);
        }
        if (d != NULL) d += stride;
    }
    UNROLL for (int v = 0; v < vectors; v++) {
        add_lanes(s[v], sum + v * LANES);
        add_lanes(p[v], product + v * LANES);
    }
}

INLINE void sum_all_columns(const float *d, const float *x, int64_t rows, int64_t stride, const float *shift,
                            double *sum, double *product) {
    for (int64_t first = 0; first < rows; first += ROWS_PER_FLOAT_SUM) {
        int64_t count = rows - first < ROWS_PER_FLOAT_SUM ? rows - first : ROWS_PER_FLOAT_SUM, c = 0;
        const float *x0 = x + first * stride, *d0 = d == NULL ? NULL : d + first * stride;
        for (; c + GROUP * LANES <= stride; c += GROUP * LANES) {
            sum_columns(d == NULL ? NULL : d0 + c, x0 + c, count, stride, shift + c, sum + c, product + c, GROUP);
        }
        for (; c + LANES <= stride; c += LANES) {
            sum_columns(d == NULL ? NULL : d0 + c, x0 + c, count, stride, shift + c, sum + c, product + c, 1);
        }
        for (; c < stride; c++) {
            for (int64_t r = 0; r < count; r++) {
                double y = x0[r * stride + c] - shift[c], g = d == NULL ? y : d0[r * stride + c];
                sum[c] += g, product[c] += g * y;
            }
        }
    }
}

static double sum_of_squares(const float *x, int64_t n) {
    vd squares = {0};
    double sum = 0;
    for (int64_t i = 0; i < n; i += LANES) {
        vd y = __builtin_convertvector(vf_load(x + i), vd);
        squares += y * y;
    }
    for (int lane = 0; lane < LANES; lane++) sum += squares[lane];
    return sum;
}

static void column_moments(const float *x, int64_t rows, int64_t stride, const float *shift, double *sum,
                           double *square) {
    sum_all_columns(NULL, x, rows, stride, shift, sum, square);
}

static void column_products(const float *d, const float *x, int64_t rows, int64_t stride, const float *shift,
                            double *sum, double *product) {
    sum_all_columns(d, x, rows, stride, shift, sum, product);
}

// Lanes of a row's last channels, which do not fill a vector.
typedef struct row_tail {
    vi lanes;
    bool padded; // the vector ends within the row
} row_tail;

INLINE row_tail tail_of(int64_t channels, int64_t stride) {
    int64_t count = channels % LANES;
    return (row_tail){vi_first(count), count > 0 && channels - count + LANES <= stride};
}

// The mean of the first vector, or of as many rows that are shorter: not many deviations away from that of all,
// whatever the first number is.
INLINE float shift_of(const float *x, int64_t rows, int64_t stride, int64_t channels, row_tail tail) {
    if (channels >= LANES) return vf_sum(vf_load(x)) / LANES;
    if (!tail.padded) return x[0];
    vf sum = vf_set1(0);
    if (rows > LANES) rows = LANES;
    for (int64_t r = 0; r < rows; r++) sum += vf_select(tail.lanes, vf_load(x + r * stride), vf_set1(0));
    return vf_sum(sum) / (float)(rows * channels);
}

// Of few numbers, about one near them.
static void join_piece(const float *x, int64_t rows, int64_t stride, int64_t channels, spar_moments *moments) {
    int64_t vectors = channels / LANES * LANES;
    row_tail tail = tail_of(channels, stride);
    float shift = shift_of(x, rows, stride, channels, tail);
    double sum = 0, square = 0, count = (double)(rows * channels);
    vf s = vf_set1(0), q = vf_set1(0);
    for (int64_t r = 0; r < rows; r++, x += stride) {
        int64_t c = 0;
        for (; c < vectors; c += LANES) {
            vf y = vf_load(x + c) - shift;
            s += y;
            q = vf_fma(y, y, q);
        }
        if (tail.padded) {
            vf y = vf_select(tail.lanes, vf_load(x + c) - shift, vf_set1(0));
            s += y;
            q = vf_fma(y, y, q);
            continue;
        }
        for (; c < channels; c++) {
            double y = (double)x[c] - shift;
            sum += y, square += y * y;
        }
    }
    sum += vf_sum(s), square += vf_sum(q);
    spar_join_moments(moments, (spar_moments){count, shift + sum / count, square - sum / count * sum});
}

// A piece has so few vectors that floats may be summed.
static void moments(const float *x, int64_t rows, int64_t stride, int64_t channels, spar_moments *moments) {
    enum { PIECE = 128 * LANES };
    int64_t width = (channels + LANES - 1) / LANES * LANES, most = width < PIECE ? PIECE / width : 1;
    for (int64_t r = 0; r < rows; r += most) {
        for (int64_t c = 0; c < channels; c += PIECE) {
            join_piece(x + r * stride + c, rows - r < most ? rows - r : most, stride,
                       channels - c < PIECE ? channels - c : PIECE, moments);
        }
    }
}

static void column_extremes(const float *x, int64_t rows, int64_t stride, float *lowest, float *highest) {
    memcpy(lowest, x, (size_t)stride * sizeof *x);
    memcpy(highest, x, (size_t)stride * sizeof *x);
    for (int64_t r = 1; r < rows; r++) {
        const float *row = x + r * stride;
        int64_t c = 0;
        for (; c + LANES <= stride; c += LANES) {
            vf_store(lowest + c, vf_min(vf_load(row + c), vf_load(lowest + c)));
            vf_store(highest + c, vf_max(vf_load(row + c), vf_load(highest + c)));
        }
        for (; c < stride; c++) {
            if (row[c] < lowest[c]) lowest[c] = row[c];
            if (row[c] > highest[c]) highest[c] = row[c];
        }
    }
}
