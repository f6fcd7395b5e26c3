// What perturbation points record and add.

typedef struct extremes {
    vf lowest, highest;
    vi unordered;
} extremes;

// 16 elements, the first `count` of which are numbers of the row. NaN has both signs: added with a magnitude of NaN,
// which it makes, it stays NaN.
INLINE void record_chunk(const spar_record *r, const float *g, int64_t at, int64_t count, extremes *all,
                         const bool signs) {
    unsigned above = 0, below = 0;
    for (int lane = 0; lane < 16; lane += LANES) {
        vf x = vf_load(g + lane);
        vi inside = vi_first(count - lane);
        all->lowest = vf_min(vf_select(inside, x, vf_set1(INFINITY)), all->lowest);
        all->highest = vf_max(vf_select(inside, x, vf_set1(-INFINITY)), all->highest);
        all->unordered |= inside & vf_is_nan(x);
        if (signs) {
            above |= vi_bits(~(x <= 0)) << lane;
            below |= vi_bits(~(x >= 0)) << lane;
        } else {
            vf_store(r->kept + at + lane, x * r->scale);
        }
    }
    if (!signs) return;
    r->positive[(size_t)at / 16] = (uint16_t)above;
    r->negative[(size_t)at / 16] = (uint16_t)below;
}

INLINE extremes record_rows(const spar_record *r, const bool signs) {
    extremes all = {vf_set1(INFINITY), vf_set1(-INFINITY), vi_set1(0)};
    int64_t whole = r->channels / 16 * 16, left = r->stride % 16;
    for (int64_t row = 0; row < r->rows && whole > 0; row++) {
        for (int64_t c = 0; c < whole; c += 16) {
            record_chunk(r, r->g + row * r->stride + c, row * r->stride + c, 16, &all, signs);
        }
    }
    // Rows inside: where a row is one chunk, they follow each other.
    for (int64_t c = whole; c + 16 <= r->stride; c += 16) {
        for (int64_t at = c; at < r->rows * r->stride; at += r->stride) {
            record_chunk(r, r->g + at, at, r->channels - c, &all, signs);
        }
    }
    if (left == 0) return all;
    int64_t at = r->stride - left; // of the only row
    float g[16] = {0}, kept[16];
    spar_record tail = {.kept = kept, .scale = r->scale};
    if (signs) tail.positive = r->positive + at / 16, tail.negative = r->negative + at / 16;
    memcpy(g, r->g + at, (size_t)left * sizeof *g);
    record_chunk(&tail, g, 0, left, &all, signs);
    if (!signs) memcpy(r->kept + at, kept, (size_t)left * sizeof *g);
    return all;
}

static void record(spar_record *record) {
    const spar_record own = *record; // which nothing that is written can be part of
    extremes all = own.kept == NULL ? record_rows(&own, true) : record_rows(&own, false);
    float lowest = INFINITY, highest = -INFINITY;
    for (int lane = 0; lane < LANES; lane++) {
        if (all.lowest[lane] < lowest) lowest = all.lowest[lane];
        if (all.highest[lane] > highest) highest = all.highest[lane];
    }
    for (int lane = 0; lane < LANES; lane++) {
        if (all.unordered[lane] != 0) lowest = highest = NAN;
    }
    record->lowest = lowest, record->highest = highest;
}

static void add_signs(float *y, int64_t n, const uint16_t *positive, const uint16_t *negative, float magnitude) {
    vi up = (vi)vf_set1(magnitude), down = (vi)vf_set1(-magnitude);
    for (int64_t i = 0; i < n; i += 16, positive++, negative++) {
        if (n - i >= 16) {
            for (int lane = 0; lane < 16; lane += LANES) {
                vi step = (vi_from_bits((unsigned)*positive >> lane) & up) |
                          (vi_from_bits((unsigned)*negative >> lane) & down);
                vf_store(y + i + lane, vf_load(y + i + lane) + (vf)step);
            }
        } else {
            for (int lane = 0; i + lane < n; lane++) {
                float up = (*positive >> lane & 1) ? magnitude : 0, down = (*negative >> lane & 1) ? magnitude : 0;
                y[i + lane] += up - down;
            }
        }
    }
}

static void clamp(float *y, int64_t n, int64_t period, const float *lowest, const float *highest, float *change) {
    for (int64_t first = 0; first < n; first += period) {
        int64_t count = n - first < period ? n - first : period, i = 0;
        float *row = y + first, *moved = change == NULL ? NULL : change + first;
        for (; i + LANES <= count; i += LANES) {
            vf x = vf_load(row + i), low = vf_load(lowest + i), high = vf_load(highest + i);
            vf inside = vf_select(x < low, low, vf_select(x > high, high, x));
            if (moved != NULL) vf_store(moved + i, vf_load(moved + i) + (inside - x));
            vf_store(row + i, inside);
        }
        for (; i < count; i++) {
            float inside = row[i] < lowest[i] ? lowest[i] : row[i] > highest[i] ? highest[i] : row[i];
            if (moved != NULL) moved[i] += inside - row[i];
            row[i] = inside;
        }
    }
}

static void add_scaled(float *y, const float *x, int64_t n, float unit, float magnitude) {
    int64_t i = 0;
    vf factor = vf_set1(magnitude);
    for (; i + LANES <= n; i += LANES) vf_store(y + i, vf_fma(vf_load(x + i) * unit, factor, vf_load(y + i)));
    for (; i < n; i++) y[i] += x[i] * unit * magnitude;
}
