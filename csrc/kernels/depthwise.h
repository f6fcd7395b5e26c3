// Depthwise convolution: any kernel by lists of rows, and 3×3 by a window that slides along a row in registers.

static void depthwise_row(const spar_depthwise_row *row) {
    for (ptrdiff_t c = 0; c < row->channels; c += LANES) {
        vf sum = row->bias != NULL ? vf_load(row->bias + c) : vf_set1(0);
        if (row->accumulate) sum += vf_load(row->out + c);
        for (int t = 0; t < row->taps; t++) {
            sum = vf_fma(vf_load(row->in[t] + c), vf_load(row->weights[t] + c), sum);
        }
        vf_store(row->out + c, sum);
    }
}

static void depthwise_gradient_row(int taps, int channels, const float *const *in, const float *d,
                                   float *const *weights) {
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        vf right = vf_load(d + c);
        for (int t = 0; t < taps; t++) {
            vf_store(weights[t] + c, vf_fma(vf_load(in[t] + c), right, vf_load(weights[t] + c)));
        }
    }
}

// Column x of the three rows; zeros outside the image.
INLINE void depthwise3_column(const spar_depthwise3_row *row, ptrdiff_t c, int x, vf *column) {
    UNROLL for (int y = 0; y < 3; y++) {
        bool inside = row->in[y] != NULL && x >= 0 && x < row->in_width;
        column[y] = inside ? vf_load(row->in[y] + (ptrdiff_t)x * row->channels + c) : vf_set1(0);
    }
}

// Moves the window, whose columns are `columns[0 … 3)`, so that it ends at column x.
INLINE void depthwise3_slide(const spar_depthwise3_row *row, ptrdiff_t c, int x, vf columns[3][3]) {
    if (row->stride == 1) {
        UNROLL for (int y = 0; y < 3; y++) columns[0][y] = columns[1][y], columns[1][y] = columns[2][y];
    } else {
        UNROLL for (int y = 0; y < 3; y++) columns[0][y] = columns[2][y];
        depthwise3_column(row, c, x - 1, columns[1]);
    }
    depthwise3_column(row, c, x, columns[2]);
}

INLINE void depthwise3_begin(const spar_depthwise3_row *row, ptrdiff_t c, vf columns[3][3]) {
    UNROLL for (int x = 0; x < 3; x++) depthwise3_column(row, c, x - 1, columns[x]);
}

// A channel vector visits one cache line of every pixel, which no hardware prefetcher follows; so the rows that come
// next are asked for line by line, as many lines an output as its row has more of them.
INLINE void depthwise3_prefetch(const spar_depthwise3_row *row, ptrdiff_t line) {
    const float *out = row->out + (ptrdiff_t)row->out_width * row->channels;
    __builtin_prefetch(out + 16 * line);
    if (row->in[2] == NULL) return;
    const float *in = row->in[2] + (ptrdiff_t)row->in_width * row->channels;
    int lines = row->stride * row->stride;
    for (int i = 0; i < lines; i++) __builtin_prefetch(in + 16 * (line * lines + i));
}

static void depthwise3_row(const spar_depthwise3_row *row) {
    for (ptrdiff_t c = 0; c < row->channels; c += LANES) {
        vf weights[9], columns[3][3], bias = row->bias != NULL ? vf_load(row->bias + c) : vf_set1(0);
        UNROLL for (int t = 0; t < 9; t++) weights[t] = vf_load(row->weights[t] + c);
        depthwise3_begin(row, c, columns);
        float *out = row->out + c;
        for (int x = 0; x < row->out_width; x++, out += row->channels) {
            vf sum = row->accumulate ? vf_load(out) + bias : bias;
            UNROLL for (int t = 0; t < 9; t++) sum = vf_fma(columns[t % 3][t / 3], weights[t], sum);
            vf_store(out, sum);
            depthwise3_prefetch(row, c / 16 * row->out_width + x);
            depthwise3_slide(row, c, (x + 1) * row->stride + 1, columns);
        }
    }
}

static void depthwise3_gradient_row(const spar_depthwise3_row *row) {
    for (ptrdiff_t c = 0; c < row->channels; c += LANES) {
        vf sums[9], columns[3][3];
        UNROLL for (int t = 0; t < 9; t++) sums[t] = vf_load(row->weights[t] + c);
        depthwise3_begin(row, c, columns);
        const float *d = row->out + c;
        for (int x = 0; x < row->out_width; x++, d += row->channels) {
            vf right = vf_load(d);
            UNROLL for (int t = 0; t < 9; t++) sums[t] = vf_fma(columns[t % 3][t / 3], right, sums[t]);
            depthwise3_prefetch(row, c / 16 * row->out_width + x);
            depthwise3_slide(row, c, (x + 1) * row->stride + 1, columns);
        }
        UNROLL for (int t = 0; t < 9; t++) vf_store(row->weights[t] + c, sums[t]);
    }
}
