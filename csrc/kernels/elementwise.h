// Sweeps of elementwise functions. Every loop ends in a scalar tail, for images whose rows are not padded.

static void affine(const float *x, float *y, int64_t n, int64_t period, const float *center, const float *scale,
                   const float *shift) {
    for (int64_t first = 0; first < n; first += period) {
        int64_t count = n - first < period ? n - first : period, i = 0;
        for (; i + LANES <= count; i += LANES) {
            fetch_to_write(y + first + i + SPAR_BLOCK_FLOATS);
            vf_store(y + first + i, vf_fma(vf_load_first(x + first + i) - vf_load(center + i), vf_load(scale + i),
                                           vf_load(shift + i)));
        }
        for (; i < count; i++) y[first + i] = (x[first + i] - center[i]) * scale[i] + shift[i];
    }
}

static void affine2(const float *d, const float *x, float *dx, int64_t n, int64_t period, const float *a,
                    const float *b, const float *c, bool accumulate) {
    for (int64_t first = 0; first < n; first += period) {
        int64_t count = n - first < period ? n - first : period, i = 0;
        for (; i + LANES <= count; i += LANES) {
            vf y = vf_fma(vf_load_first(d + first + i), vf_load(a + i),
                          vf_fma(vf_load_first(x + first + i), vf_load(b + i), vf_load(c + i)));
            if (accumulate) y += vf_load(dx + first + i);
            vf_store(dx + first + i, y);
        }
        for (; i < count; i++) {
            float y = d[first + i] * a[i] + (x[first + i] * b[i] + c[i]);
            dx[first + i] = accumulate ? dx[first + i] + y : y;
        }
    }
}

static void add(const float *x, float *y, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) vf_store(y + i, vf_load_first(y + i) + vf_load_first(x + i));
    for (; i < n; i++) y[i] += x[i];
}
