// Correlation of planes with kernels, in tiles of PLANE_LINES lines and at most two vectors of pixels, which stay in
// registers while all planes and taps are added.

enum { PLANE_LINES = SPAR_PLANE_LINES };

// Of `down` taps below each other a line is read once for all the outputs that it is in.
INLINE void add_taps(const float *in, ptrdiff_t line, const float *weights, ptrdiff_t across, vf sum[][2],
                     const int vectors, const int down) {
    UNROLL for (int j = 0; j < PLANE_LINES + down - 1; j++, in += line) {
        vf x[2];
        UNROLL for (int v = 0; v < vectors; v++) x[v] = vf_load(in + v * LANES);
        UNROLL for (int r = 0; r < PLANE_LINES; r++) {
            if (j < r || j - r >= down) continue;
            vf weight = vf_set1(weights[(j - r) * across]);
            UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_fma(weight, x[v], sum[r][v]);
        }
    }
}

INLINE void plane_tile(const spar_planes *p, int64_t first, ptrdiff_t column, const int vectors, const int down) {
    vf sum[PLANE_LINES][2];
    UNROLL for (int r = 0; r < PLANE_LINES; r++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_set1(0);
    }
    const float *weights = p->weights;
    for (int64_t plane = 0; plane < p->planes; plane++) {
        for (int y = 0; y < p->down; y += down, weights += down * p->across) {
            const float *in = p->in + plane * p->plane + (first + y) * p->line + column;
            for (int x = 0; x < p->across; x++) add_taps(in + x, p->line, weights + x, p->across, sum, vectors, down);
        }
    }
    UNROLL for (int r = 0; r < PLANE_LINES; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            vf_store(p->out + (first + r) * p->out_line + column + v * LANES, sum[r][v]);
        }
    }
}

INLINE void correlate_with(const spar_planes *p, const int down) {
    for (int64_t first = 0; first < p->lines; first += PLANE_LINES) {
        ptrdiff_t column = 0;
        for (; column + 2 * LANES <= p->width; column += 2 * LANES) plane_tile(p, first, column, 2, down);
        for (; column < p->width; column += LANES) plane_tile(p, first, column, 1, down);
    }
}

static void correlate(const spar_planes *p) {
    if (p->down % 5 == 0) {
        correlate_with(p, 5);
    } else if (p->down % 3 == 0) {
        correlate_with(p, 3);
    } else {
        correlate_with(p, 1);
    }
}
