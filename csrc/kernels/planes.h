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
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = vf_set1(p->start);
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

// `taps` beside each other of `outputs` planes: enough sums that none waits for the one before.
INLINE void moved_products(const spar_plane_products *p, const float *in, const float *d, float *sums,
                           const int outputs, const int taps) {
    vf sum[2][5];
    UNROLL for (int o = 0; o < outputs; o++) {
        UNROLL for (int j = 0; j < taps; j++) sum[o][j] = vf_load(sums + o * p->sums_output + j * 16);
    }
    for (int64_t y = 0; y < p->lines; y++, in += p->line, d += p->width) {
        for (int64_t x = 0; x < p->width; x += LANES) {
            vf own[2];
            UNROLL for (int o = 0; o < outputs; o++) own[o] = vf_load(d + o * p->d_plane + x);
            UNROLL for (int j = 0; j < taps; j++) {
                vf moved = vf_load(in + x + j);
                UNROLL for (int o = 0; o < outputs; o++) sum[o][j] = vf_fma(moved, own[o], sum[o][j]);
            }
        }
    }
    UNROLL for (int o = 0; o < outputs; o++) {
        UNROLL for (int j = 0; j < taps; j++) vf_store(sums + o * p->sums_output + j * 16, sum[o][j]);
    }
}

INLINE void products_with(const spar_plane_products *p, const int taps, int first) {
    for (int i = 0; i < p->down; i++) {
        const float *in = p->in + i * p->line + first;
        float *sums = p->sums + (i * p->across + first) * 16;
        int64_t o = 0;
        for (; o + 2 <= p->outputs; o += 2) {
            moved_products(p, in, p->d + o * p->d_plane, sums + o * p->sums_output, 2, taps);
        }
        if (o < p->outputs) moved_products(p, in, p->d + o * p->d_plane, sums + o * p->sums_output, 1, taps);
    }
}

static void plane_products(const spar_plane_products *p) {
    int first = 0;
    for (; first + 5 <= p->across; first += 5) products_with(p, 5, first);
    for (; first + 3 <= p->across; first += 3) products_with(p, 3, first);
    for (; first < p->across; first++) products_with(p, 1, first);
}
