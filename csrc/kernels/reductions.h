// Sums over columns and over whole tensors. Floats are summed over few rows, doubles over many.

enum { ROWS_PER_FLOAT_SUM = 64 };

static void column_moments(const float *x, int64_t rows, int64_t stride, const float *shift, double *sum,
                           double *square) {
    for (int64_t first = 0; first < rows; first += ROWS_PER_FLOAT_SUM) {
        int64_t last = first + ROWS_PER_FLOAT_SUM < rows ? first + ROWS_PER_FLOAT_SUM : rows, c = 0;
        for (; c + LANES <= stride; c += LANES) {
            vf center = vf_load(shift + c), s = vf_set1(0), q = vf_set1(0);
            for (int64_t r = first; r < last; r++) {
                vf y = vf_load(x + r * stride + c) - center;
                s += y;
                q = vf_fma(y, y, q);
            }
            for (int lane = 0; lane < LANES; lane++) sum[c + lane] += s[lane], square[c + lane] += q[lane];
        }
        for (; c < stride; c++) {
            for (int64_t r = first; r < last; r++) {
                double y = x[r * stride + c] - shift[c];
                sum[c] += y, square[c] += y * y;
            }
        }
    }
}

static void column_products(const float *d, const float *x, int64_t rows, int64_t stride, const float *shift,
                            double *sum, double *product) {
    for (int64_t first = 0; first < rows; first += ROWS_PER_FLOAT_SUM) {
        int64_t last = first + ROWS_PER_FLOAT_SUM < rows ? first + ROWS_PER_FLOAT_SUM : rows, c = 0;
        for (; c + LANES <= stride; c += LANES) {
            vf center = vf_load(shift + c), s = vf_set1(0), q = vf_set1(0);
            for (int64_t r = first; r < last; r++) {
                vf g = vf_load(d + r * stride + c);
                s += g;
                q = vf_fma(g, vf_load(x + r * stride + c) - center, q);
            }
            for (int lane = 0; lane < LANES; lane++) sum[c + lane] += s[lane], product[c + lane] += q[lane];
        }
        for (; c < stride; c++) {
            for (int64_t r = first; r < last; r++) {
                double g = d[r * stride + c];
                sum[c] += g, product[c] += g * (x[r * stride + c] - shift[c]);
            }
        }
    }
}

static void moments(const float *x, int64_t rows, int64_t stride, int64_t channels, double *sum, double *square) {
    for (int64_t r = 0; r < rows; r++, x += stride) {
        for (int64_t first = 0; first < channels; first += 1024) {
            int64_t last = first + 1024 < channels ? first + 1024 : channels, c = first;
            vf s = vf_set1(0), q = vf_set1(0);
            for (; c + LANES <= last; c += LANES) {
                vf y = vf_load(x + c);
                s += y;
                q = vf_fma(y, y, q);
            }
            *sum += vf_sum(s), *square += vf_sum(q);
            for (; c < last; c++) *sum += x[c], *square += (double)x[c] * x[c];
        }
    }
}

static void extremes(const float *x, int64_t rows, int64_t stride, int64_t channels, float *lowest, float *highest) {
    float low = *lowest, high = *highest;
    vf lows = vf_set1(low), highs = vf_set1(high);
    for (int64_t r = 0; r < rows; r++, x += stride) {
        int64_t c = 0;
        for (; c + LANES <= channels; c += LANES) {
            vf y = vf_load(x + c);
            lows = vf_min(y, lows), highs = vf_max(y, highs);
        }
        for (; c < channels; c++) {
            low = x[c] < low ? x[c] : low;
            high = x[c] > high ? x[c] : high;
        }
    }
    for (int lane = 0; lane < LANES; lane++) {
        low = lows[lane] < low ? lows[lane] : low;
        high = highs[lane] > high ? highs[lane] : high;
    }
    *lowest = low, *highest = high;
}
