// What is done with random draws, which lie densely, to the elements that they belong to.

// Columns of a line that whole vectors may take: all of a padded line, since its padding may hold any finite number.
INLINE int64_t vector_columns(const spar_lines *lines) {
    return lines->step != 1 ? 0 : lines->padded ? (lines->columns + 15) / 16 * 16 : lines->columns;
}

static void add_draws(float *y, const spar_lines *lines, const float *draws, float magnitude) {
    vf factor = vf_set1(magnitude);
    int64_t vectors = vector_columns(lines);
    for (int64_t line = 0; line < lines->count; line++, y += lines->stride, draws += lines->columns) {
        int64_t i = 0;
        for (; i + LANES <= vectors; i += LANES) vf_store(y + i, vf_fma(vf_load(draws + i), factor, vf_load(y + i)));
        for (; i < lines->columns; i++) y[i * lines->step] += draws[i] * magnitude;
    }
}

static void drop(const float *x, float *y, const spar_lines *lines, const uint32_t *bits, uint32_t threshold,
                 float scale) {
    vf kept = vf_set1(scale);
    vi least = vi_set1((int32_t)threshold);
    int64_t vectors = vector_columns(lines);
    for (int64_t line = 0; line < lines->count; line++) {
        int64_t i = 0;
        for (; i + LANES <= vectors; i += LANES) {
            vu drawn = *(const vu_unaligned *)(bits + i) >> 8;
            vf_store(y + i, vf_load(x + i) * vf_select((vi)drawn >= least, kept, vf_set1(0)));
        }
        for (int64_t at = i * lines->step; i < lines->columns; i++, at += lines->step) {
            y[at] = x[at] * (bits[i] >> 8 >= threshold ? scale : 0.0f);
        }
        x += lines->stride, y += lines->stride, bits += lines->columns;
    }
}
