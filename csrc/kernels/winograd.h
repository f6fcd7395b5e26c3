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

#define WINOGRAD_TRANSFORM(NAME, FROM, TO)                                                                             \
    static void NAME##_square(const spar_winograd_transform *transform) {                                              \
        for (ptrdiff_t c = 0; c < transform->channels; c += LANES) {                                                   \
            vf in[FROM * FROM], half[TO * FROM], out[TO * TO];                                                         \
            UNROLL for (int i = 0; i < FROM * FROM; i++) in[i] = vf_load(transform->in[i] + c);                        \
            UNROLL for (int x = 0; x < FROM; x++) {                                                                    \
                vf column[TO];                                                                                         \
                NAME(in + x, FROM, column);                                                                            \
                UNROLL for (int y = 0; y < TO; y++) half[y * FROM + x] = column[y];                                    \
            }                                                                                                          \
            UNROLL for (int y = 0; y < TO; y++) NAME(half + y * FROM, 1, out + y * TO);                                \
            UNROLL for (int i = 0; i < TO * TO; i++) {                                                                 \
                float *target = transform->out[i];                                                                     \
                if (target == NULL) continue;                                                                          \
                vf result = out[i];                                                                                    \
                if (transform->bias != NULL) result += vf_load(transform->bias + c);                                   \
                if (transform->accumulate) result += vf_load(target + c);                                              \
                vf_store(target + c, result);                                                                          \
            }                                                                                                          \
        }                                                                                                              \
    }

WINOGRAD_TRANSFORM(winograd_input_4, 6, 6)
WINOGRAD_TRANSFORM(winograd_weight_4, 3, 6)
WINOGRAD_TRANSFORM(winograd_output_4, 6, 4)
WINOGRAD_TRANSFORM(winograd_output_transposed_4, 4, 6)
WINOGRAD_TRANSFORM(winograd_weight_transposed_4, 6, 3)
WINOGRAD_TRANSFORM(winograd_input_2, 4, 4)
WINOGRAD_TRANSFORM(winograd_weight_2, 3, 4)
WINOGRAD_TRANSFORM(winograd_output_2, 4, 2)
WINOGRAD_TRANSFORM(winograd_output_transposed_2, 2, 4)
WINOGRAD_TRANSFORM(winograd_weight_transposed_2, 4, 3)

static const spar_winograd_kernels winograd_kernels[2] = {
    {2, winograd_input_2_square, winograd_weight_2_square, winograd_output_2_square,
     winograd_output_transposed_2_square, winograd_weight_transposed_2_square},
    {4, winograd_input_4_square, winograd_weight_4_square, winograd_output_4_square,
     winograd_output_transposed_4_square, winograd_weight_transposed_4_square},
};
