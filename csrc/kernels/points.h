// What perturbation points record and add.

// NaN has both signs: added with a magnitude of NaN, which it makes, it stays NaN.
static void record_signs(const float *g, int64_t n, uint16_t *positive, uint16_t *negative) {
    for (int64_t i = 0; i < n; i += 16, positive++, negative++) {
        float tail[16] = {0};
        const float *source = g + i;
        if (n - i < 16) {
            memcpy(tail, source, (size_t)(n - i) * sizeof(float));
            source = tail;
        }
        unsigned above = 0, below = 0;
        for (int lane = 0; lane < 16; lane += LANES) {
            vf x = vf_load(source + lane);
            above |= vi_bits(~(x <= 0)) << lane;
            below |= vi_bits(~(x >= 0)) << lane;
        }
        *positive = (uint16_t)above;
        *negative = (uint16_t)below;
    }
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
