// Moves: runs of rows behind each other, and transposition in squares of 4 × 4.

static void join_runs(const spar_runs *s) {
    for (int pixel = 0; pixel < s->pixels; pixel++) {
        const float *from = s->first + pixel * s->step;
        float *to = s->joined + pixel * s->joined_step;
        for (int r = 0; r < s->runs; r++, from += s->stride, to += s->run) {
            for (int i = 0; i < s->run; i += LANES) vf_store(to + i, vf_load(from + i));
        }
    }
}

static void add_runs(const spar_runs *s) {
    for (int pixel = 0; pixel < s->pixels; pixel++) {
        const float *from = s->joined + pixel * s->joined_step;
        float *to = s->first + pixel * s->step;
        for (int r = 0; r < s->runs; r++, from += s->run, to += s->stride) {
            for (int i = 0; i < s->run; i += LANES) {
                vf_store(to + i, vf_load(to + i) + (vf)((vi)vf_load(from + i) & vi_first(s->run - i)));
            }
        }
    }
}

typedef float v4 __attribute__((vector_size(16)));
typedef float v4_unaligned __attribute__((vector_size(16), aligned(4), may_alias));

static void transpose(const float *from, ptrdiff_t from_stride, int64_t rows, int64_t columns, float *to,
                      ptrdiff_t to_stride) {
    for (int64_t r = 0; r < rows; r += 4) {
        for (int64_t c = 0; c < columns; c += 4) {
            const float *source = from + r * from_stride + c;
            v4 a0 = *(const v4_unaligned *)source, a1 = *(const v4_unaligned *)(source + from_stride);
            v4 a2 = *(const v4_unaligned *)(source + 2 * from_stride),
               a3 = *(const v4_unaligned *)(source + 3 * from_stride);
            v4 b0 = __builtin_shufflevector(a0, a1, 0, 4, 1, 5), b1 = __builtin_shufflevector(a2, a3, 0, 4, 1, 5);
            v4 b2 = __builtin_shufflevector(a0, a1, 2, 6, 3, 7), b3 = __builtin_shufflevector(a2, a3, 2, 6, 3, 7);
            float *target = to + c * to_stride + r;
            *(v4_unaligned *)target = __builtin_shufflevector(b0, b1, 0, 1, 4, 5);
            *(v4_unaligned *)(target + to_stride) = __builtin_shufflevector(b0, b1, 2, 3, 6, 7);
            *(v4_unaligned *)(target + 2 * to_stride) = __builtin_shufflevector(b2, b3, 0, 1, 4, 5);
            *(v4_unaligned *)(target + 3 * to_stride) = __builtin_shufflevector(b2, b3, 2, 3, 6, 7);
        }
    }
}
