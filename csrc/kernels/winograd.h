// Winograd's minimal filtering (Lavin & Gray 2016) for 3×3 kernels: F(4×4, 3×3) and F(2×2, 3×3). A transform is
// the same 1-D map over the columns, then the rows, of a square of vectors.

// What the 1-D maps are: `from` numbers, `stride` apart, to `to` numbers.
#define WINOGRAD_MAP(NAME) INLINE void NAME(const vf *d, const int s, vf *t)

WINOGRAD_MAP(winograd_input_4) { // Bᵀ, 6 to 6
    vf even = vf_fma(d[2 * s], vf_set1(-4), d[4 * s]), odd = vf_fma(d[1 * s], vf_set1(-4), d[3 * s]);
    vf left = d[4 * s] - d[2 * s], right = 2.0f * (d[3 * s] - d[1 * s]);
    t[0] = vf_fma(d[0], vf_set1(4), vf_fma(d[2 * s], vf_set1(-5), d[4 * s]));
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = left + right;
    t[4] = left - right;
    t[5] = vf_fma(d[1 * s], vf_set1(4), vf_fma(d[3 * s], vf_set1(-5), d[5 * s]));
}

WINOGRAD_MAP(winograd_weight_4) { // G, 3 to 6
    vf sixth = (d[0] + d[2 * s]) * (-1.0f / 6), middle = d[1 * s] * (1.0f / 6);
    vf outer = vf_fma(d[2 * s], vf_set1(1.0f / 6), d[0] * (1.0f / 24)), twelfth = d[1 * s] * (1.0f / 12);
    t[0] = d[0] * 0.25f;
    t[1] = sixth - middle;
    t[2] = sixth + middle;
    t[3] = outer + twelfth;
    t[4] = outer - twelfth;
    t[5] = d[2 * s];
}

WINOGRAD_MAP(winograd_output_4) { // Aᵀ, 6 to 4
    vf sum = d[1 * s] + d[2 * s], difference = d[1 * s] - d[2 * s];
    vf far_sum = d[3 * s] + d[4 * s], far_difference = d[3 * s] - d[4 * s];
    t[0] = d[0] + sum + far_sum;
    t[1] = vf_fma(far_difference, vf_set1(2), difference);
    t[2] = vf_fma(far_sum, vf_set1(4), sum);
    t[3] = vf_fma(far_difference, vf_set1(8), difference) + d[5 * s];
}

WINOGRAD_MAP(winograd_output_transposed_4) { // A, 4 to 6
    vf even = d[0] + d[2 * s], odd = d[1 * s] + d[3 * s];
    vf far_even = vf_fma(d[2 * s], vf_set1(4), d[0]), far_odd = 2.0f * vf_fma(d[3 * s], vf_set1(4), d[1 * s]);
    t[0] = d[0];
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = far_even + far_odd;
    t[4] = far_even - far_odd;
    t[5] = d[3 * s];
}

WINOGRAD_MAP(winograd_weight_transposed_4) { // Gᵀ, 6 to 3
    vf sum = (d[1 * s] + d[2 * s]) * (-1.0f / 6), difference = (d[2 * s] - d[1 * s]) * (1.0f / 6);
    vf far_sum = d[3 * s] + d[4 * s], far_difference = d[3 * s] - d[4 * s];
    t[0] = vf_fma(d[0], vf_set1(0.25f), vf_fma(far_sum, vf_set1(1.0f / 24), sum));
    t[1] = vf_fma(far_difference, vf_set1(1.0f / 12), difference);
    t[2] = vf_fma(far_sum, vf_set1(1.0f / 6), sum) + d[5 * s];
}

WINOGRAD_MAP(winograd_input_2) { // Bᵀ, 4 to 4
    t[0] = d[0] - d[2 * s];
    t[1] = d[1 * s] + d[2 * s];
    t[2] = d[2 * s] - d[1 * s];
    t[3] = d[1 * s] - d[3 * s];
}

WINOGRAD_MAP(winograd_weight_2) { // G, 3 to 4
    vf outer = (d[0] + d[2 * s]) * 0.5f, middle = d[1 * s] * 0.5f;
    t[0] = d[0];
    t[1] = outer + middle;
    t[2] = outer - middle;
    t[3] = d[2 * s];
}

WINOGRAD_MAP(winograd_output_2) { // Aᵀ, 4 to 2
    t[0] = d[0] + d[1 * s] + d[2 * s];
    t[1] = d[1 * s] - d[2 * s] - d[3 * s];
}

WINOGRAD_MAP(winograd_output_transposed_2) { // A, 2 to 4
    t[0] = d[0];
    t[1] = d[0] + d[1 * s];
    t[2] = d[0] - d[1 * s];
    t[3] = -d[1 * s];
}

WINOGRAD_MAP(winograd_weight_transposed_2) { // Gᵀ, 4 to 3
    vf sum = (d[1 * s] + d[2 * s]) * 0.5f, difference = (d[1 * s] - d[2 * s]) * 0.5f;
    t[0] = d[0] + sum;
    t[1] = difference;
    t[2] = sum + d[3 * s];
}

typedef void (*winograd_map)(const vf *d, const int s, vf *t);

// Squares of from × from pixels to to × to points, which are stored past the caches or not.
INLINE void winograd_points(const spar_winograd_strip *s, winograd_map map, const int from, const int to,
                            const bool past_caches) {
    const ptrdiff_t pixel = s->pixel;
    for (int64_t tile = 0; tile < s->tiles; tile++) {
        const int64_t left = s->left + tile * s->step;
        const float *rows[SPAR_MOST_SQUARE_ROWS];
        UNROLL for (int y = 0; y < from; y++) rows[y] = s->rows[y] == NULL ? s->zeros : s->rows[y] + left * pixel;
        for (ptrdiff_t c = 0; c < s->channels; c += LANES) {
            vf half[36];
            UNROLL for (int x = 0; x < from; x++) {
                const bool inside = left + x >= 0 && left + x < s->width;
                vf in[6], column[6];
                UNROLL for (int y = 0; y < from; y++) {
                    in[y] = inside ? vf_load(rows[y] + x * pixel + c) : vf_set1(0);
                }
                map(in, 1, column);
                UNROLL for (int y = 0; y < to; y++) half[y * from + x] = column[y];
                UNROLL for (int y = 0; y < from; y++) {
                    if (s->ahead != 0 && x + s->step >= from && y + s->step >= from) {
                        fetch_to_read(rows[y] + x * pixel + c + s->ahead);
                    }
                }
            }
            float *points = s->points + tile * s->at + c;
            UNROLL for (int y = 0; y < to; y++) {
                vf out[6];
                map(half + y * from, 1, out);
                UNROLL for (int x = 0; x < to; x++) {
                    float *place = points + (y * to + x) * s->point;
                    past_caches ? vf_store_past_caches(place, out[x]) : vf_store(place, out[x]);
                }
            }
        }
    }
}

INLINE void winograd_to_points(const spar_winograd_strip *s, winograd_map map, const int from, const int to) {
    winograd_points(s, map, from, to, false);
}

INLINE void winograd_weights_to_points(const spar_winograd_strip *s, winograd_map map, const int from, const int to) {
    s->past_caches ? winograd_points(s, map, from, to, true) : winograd_points(s, map, from, to, false);
}

INLINE void winograd_from_points(const spar_winograd_strip *s, winograd_map map, const int from, const int to) {
    const ptrdiff_t pixel = s->pixel, point = s->point;
    const bool accumulate = s->accumulate;
    for (int64_t tile = 0; tile < s->tiles; tile++) {
        const int64_t left = s->left + tile * s->step, inside = s->width - left;
        for (ptrdiff_t c = 0; c < s->channels; c += LANES) {
            const float *points = s->points + tile * s->at + c;
            vf half[24], bias = s->bias == NULL ? vf_set1(0) : vf_load(s->bias + c);
            UNROLL for (int x = 0; x < from; x++) {
                vf in[6], column[6];
                UNROLL for (int y = 0; y < from; y++) in[y] = vf_load(points + (y * from + x) * point);
                map(in, 1, column);
                UNROLL for (int y = 0; y < to; y++) half[y * from + x] = column[y];
            }
            UNROLL for (int y = 0; y < to; y++) {
                if (s->rows[y] == NULL) continue;
                float *row = s->rows[y] + left * pixel + c;
                vf out[6];
                map(half + y * from, 1, out);
                UNROLL for (int x = 0; x < to; x++) {
                    vf result = out[x] + bias;
                    if (x >= inside) break;
                    if (accumulate) result += vf_load(row + x * pixel);
                    fetch_to_write(row + x * pixel + s->ahead);
                    vf_store(row + x * pixel, result);
                }
            }
        }
    }
}

#define WINOGRAD_TRANSFORM(NAME, DIRECTION, FROM, TO)                                                                  \
    static void NAME##_strip(const spar_winograd_strip *strip) {                                                       \
        DIRECTION(strip, NAME, FROM, TO);                                                                              \
    }

WINOGRAD_TRANSFORM(winograd_input_4, winograd_to_points, 6, 6)
WINOGRAD_TRANSFORM(winograd_weight_4, winograd_weights_to_points, 3, 6)
WINOGRAD_TRANSFORM(winograd_output_4, winograd_from_points, 6, 4)
WINOGRAD_TRANSFORM(winograd_output_transposed_4, winograd_to_points, 4, 6)
WINOGRAD_TRANSFORM(winograd_weight_transposed_4, winograd_from_points, 6, 3)
WINOGRAD_TRANSFORM(winograd_input_2, winograd_to_points, 4, 4)
WINOGRAD_TRANSFORM(winograd_weight_2, winograd_weights_to_points, 3, 4)
WINOGRAD_TRANSFORM(winograd_output_2, winograd_from_points, 4, 2)
WINOGRAD_TRANSFORM(winograd_output_transposed_2, winograd_to_points, 2, 4)
WINOGRAD_TRANSFORM(winograd_weight_transposed_2, winograd_from_points, 4, 3)

static const spar_winograd_kernels winograd_kernels[2] = {
    {2, winograd_input_2_strip, winograd_weight_2_strip, winograd_output_2_strip, winograd_output_transposed_2_strip,
     winograd_weight_transposed_2_strip},
    {4, winograd_input_4_strip, winograd_weight_4_strip, winograd_output_4_strip, winograd_output_transposed_4_strip,
     winograd_weight_transposed_4_strip},
};
