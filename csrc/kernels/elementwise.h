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

// e^x for x ≤ 0, to about 1e-7 relative: 2^k · e^r with |r| ≤ ½ ln 2, e^r by its series. Of NaN it is some number.
INLINE vf vf_exp_nonpositive(vf x) {
    x = vf_max(x, vf_set1(-87.0f));
    vi k = __builtin_convertvector(x * 1.44269504f - 0.5f, vi);
    vf kf = __builtin_convertvector(k, vf);
    vf r = vf_fma(kf, vf_set1(-0.693359375f), x);
    r = vf_fma(kf, vf_set1(2.12194440e-4f), r);
    vf p = vf_set1(1.9875691500e-4f);
    p = vf_fma(p, r, vf_set1(1.3981999507e-3f));
    p = vf_fma(p, r, vf_set1(8.3334519073e-3f));
    p = vf_fma(p, r, vf_set1(4.1665795894e-2f));
    p = vf_fma(p, r, vf_set1(1.6666665459e-1f));
    p = vf_fma(p, r, vf_set1(5.0000001201e-1f));
    p = vf_fma(p, r * r, r + 1.0f);
    return (vf)((vi)p + (k << 23));
}

INLINE vf vf_abs(vf x) {
    return (vf)((vi)x & vi_set1(0x7fffffff));
}

INLINE vf vf_logistic(vf x) {
    vf e = (vf)((vi)vf_exp_nonpositive(-vf_abs(x)) | vf_is_nan(x));
    return vf_select(x < 0, e, vf_set1(1)) / (1.0f + e);
}

// Near zero 1 − e^(−2x) cancels; there the odd series is exact to 1e-7. NaN takes the series, which keeps it.
INLINE vf vf_tanh(vf x) {
    vf size = vf_abs(x), square = x * x;
    vf e = vf_exp_nonpositive(-2.0f * size);
    vf far = (1.0f - e) / (1.0f + e);
    vf p = vf_set1(-0.0088632355f);
    p = vf_fma(p, square, vf_set1(0.0218694885f));
    p = vf_fma(p, square, vf_set1(-0.0539682540f));
    p = vf_fma(p, square, vf_set1(0.1333333333f));
    p = vf_fma(p, square, vf_set1(-0.3333333333f));
    vf near = vf_fma(p * square, size, size);
    vf result = vf_select(size >= 0.3f, far, near);
    return (vf)((vi)result | ((vi)x & vi_set1((int32_t)0x80000000)));
}

// Of comparisons with NaN all but ≠ are false: what they throw away is chosen, so that NaN is kept.
INLINE vf vf_activate(spar_activation activation, vf x) {
    switch (activation) {
    case SPAR_ACTIVATION_RELU:
        return (vf)((vi)x & ~(x <= 0));
    case SPAR_ACTIVATION_RELU6:
        return vf_min(vf_set1(6), (vf)((vi)x & ~(x <= 0)));
    case SPAR_ACTIVATION_TANH:
        return vf_tanh(x);
    case SPAR_ACTIVATION_LOGISTIC:
        return vf_logistic(x);
    }
    return x;
}

// f′ · d, from y = f(x).
INLINE vf vf_activate_backward(spar_activation activation, vf y, vf d) {
    switch (activation) {
    case SPAR_ACTIVATION_RELU:
        return (vf)((vi)d & ~(y <= 0));
    case SPAR_ACTIVATION_RELU6:
        return (vf)((vi)d & ~(y <= 0) & ~(y >= 6));
    case SPAR_ACTIVATION_TANH:
        return d * (1.0f - y * y);
    case SPAR_ACTIVATION_LOGISTIC:
        return d * (y * (1.0f - y));
    }
    return d;
}

INLINE void activate_with(spar_activation activation, const float *x, float *y, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) vf_store(y + i, vf_activate(activation, vf_load(x + i)));
    if (i < n) {
        float tail[LANES] = {0};
        memcpy(tail, x + i, (size_t)(n - i) * sizeof(float));
        vf_store(tail, vf_activate(activation, vf_load(tail)));
        memcpy(y + i, tail, (size_t)(n - i) * sizeof(float));
    }
}

static void activate(spar_activation activation, const float *x, float *y, int64_t n) {
    switch (activation) {
    case SPAR_ACTIVATION_RELU:
        activate_with(SPAR_ACTIVATION_RELU, x, y, n);
        return;
    case SPAR_ACTIVATION_RELU6:
        activate_with(SPAR_ACTIVATION_RELU6, x, y, n);
        return;
    case SPAR_ACTIVATION_TANH:
        activate_with(SPAR_ACTIVATION_TANH, x, y, n);
        return;
    case SPAR_ACTIVATION_LOGISTIC:
        activate_with(SPAR_ACTIVATION_LOGISTIC, x, y, n);
        return;
    }
}

INLINE void activate_backward_with(spar_activation activation, const float *y, float *d, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf_store(d + i, vf_activate_backward(activation, vf_load_first(y + i), vf_load_first(d + i)));
    }
    if (i < n) {
        float tail[2][LANES] = {{0}};
        memcpy(tail[0], y + i, (size_t)(n - i) * sizeof(float));
        memcpy(tail[1], d + i, (size_t)(n - i) * sizeof(float));
        vf_store(tail[1], vf_activate_backward(activation, vf_load(tail[0]), vf_load(tail[1])));
        memcpy(d + i, tail[1], (size_t)(n - i) * sizeof(float));
    }
}

static void activate_backward(spar_activation activation, const float *y, float *d, int64_t n) {
    switch (activation) {
    case SPAR_ACTIVATION_RELU:
        activate_backward_with(SPAR_ACTIVATION_RELU, y, d, n);
        return;
    case SPAR_ACTIVATION_RELU6:
        activate_backward_with(SPAR_ACTIVATION_RELU6, y, d, n);
        return;
    case SPAR_ACTIVATION_TANH:
        activate_backward_with(SPAR_ACTIVATION_TANH, y, d, n);
        return;
    case SPAR_ACTIVATION_LOGISTIC:
        activate_backward_with(SPAR_ACTIVATION_LOGISTIC, y, d, n);
        return;
    }
}
