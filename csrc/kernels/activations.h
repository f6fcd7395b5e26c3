// Activations, made from the list in kernels.h: a row there needs two functions here, y = f(x) and d·f′, which is made
// from x or from y as the row says. Of comparisons with NaN all but ≠ are false: what they throw away is chosen, so
// that NaN is kept.

// x − k·ln 2 with k the whole number nearest to x / ln 2, for x ≤ 0.
INLINE vf vf_reduce(vf x, vi *k) {
    *k = __builtin_convertvector(x * 1.44269504f - 0.5f, vi);
    vf kf = __builtin_convertvector(*k, vf);
    vf r = vf_fma(kf, vf_set1(-0.693359375f), x);
    return vf_fma(kf, vf_set1(2.12194440e-4f), r);
}

// e^r for |r| ≤ 0.4, by its series, to about 1e-7 relative.
INLINE vf vf_exp_reduced(vf r) {
    vf p = vf_set1(1.9875691500e-4f);
    p = vf_fma(p, r, vf_set1(1.3981999507e-3f));
    p = vf_fma(p, r, vf_set1(8.3334519073e-3f));
    p = vf_fma(p, r, vf_set1(4.1665795894e-2f));
    p = vf_fma(p, r, vf_set1(1.6666665459e-1f));
    p = vf_fma(p, r, vf_set1(5.0000001201e-1f));
    return vf_fma(p, r * r, r + 1.0f);
}

// e^x for x ≤ 0, at least e^−87, to about 1e-7 relative. Of NaN it is some number.
INLINE vf vf_exp_nonpositive(vf x) {
    vi k;
    vf p = vf_exp_reduced(vf_reduce(vf_max(x, vf_set1(-87.0f)), &k));
    return (vf)((vi)p + (k << 23));
}

INLINE vf vf_abs(vf x) {
    return (vf)((vi)x & vi_set1(0x7fffffff));
}

INLINE vf vf_relu(vf x) {
    return (vf)((vi)x & ~(x <= 0));
}

INLINE vf vf_relu_backward(vf y, vf d) {
    return (vf)((vi)d & ~(y <= 0));
}

INLINE vf vf_relu6(vf x) {
    return vf_min(vf_set1(6), vf_relu(x));
}

INLINE vf vf_relu6_backward(vf y, vf d) {
    return (vf)((vi)d & ~(y <= 0) & ~(y >= 6));
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

INLINE vf vf_tanh_backward(vf y, vf d) {
    return d * (1.0f - y * y);
}

INLINE vf vf_logistic(vf x) {
    vf e = (vf)((vi)vf_exp_nonpositive(-vf_abs(x)) | vf_is_nan(x));
    return vf_select(x < 0, e, vf_set1(1)) / (1.0f + e);
}

INLINE vf vf_logistic_backward(vf y, vf d) {
    return d * (y * (1.0f - y));
}

// x·2^k for −250 ≤ k ≤ 0, also where that is not normal.
INLINE vf vf_scale(vf x, vi k) {
    vi half = k >> 1;
    return x * (vf)((half + 127) << 23) * (vf)((k - half + 127) << 23);
}

// x·σ(x) and its slope σ·(1 + x·(1 − σ)), with e = e^(−|x|): σ is e / (1 + e) below zero, 1 / (1 + e) above. What e
// makes small is scaled last, so that nothing is lost. Beyond ±110 both are what they are there, or as large as x.
INLINE vf vf_silu(vf x) {
    vi k, negative = x < 0;
    vf p = vf_exp_reduced(vf_reduce(vf_max(-vf_abs(x), vf_set1(-110)), &k));
    vf numerator = vf_select(negative, vf_max(vf_set1(-110), x) * p, x);
    return vf_scale(numerator / (1.0f + vf_scale(p, k)), k & negative);
}

INLINE vf vf_silu_backward(vf x, vf d) {
    vi k, negative = x < 0;
    x = vf_min(vf_set1(110), vf_max(vf_set1(-110), x)); // NaN stays
    vf p = vf_exp_reduced(vf_reduce(vf_max(-vf_abs(x), vf_set1(-110)), &k)), e = vf_scale(p, k);
    vf reciprocal = 1.0f / (1.0f + e), rest = vf_select(negative, x, x * e) * reciprocal; // x·(1 − σ)
    return d * vf_scale(vf_select(negative, p, vf_set1(1)) * reciprocal * (1.0f + rest), k & negative);
}

// e^(−t²/2), t ≥ 0, but for the factor 2^k. The square of the first half of t's digits is exact.
INLINE vf vf_gaussian(vf t, vi *k) {
    vf head = (vf)((vi)t & vi_set1((int32_t)0xfffff000));
    vf r = vf_reduce(-0.5f * head * head, k);
    return vf_exp_reduced(r - 0.5f * (t - head) * (t + head));
}

// Φ(−t) / e^(−t²/2) for 0 ≤ t ≤ 15, to 3e-8 relative: s = 3.5 / (3.5 + t) times a polynomial in s, fitted by weighted
// least squares until its largest relative error was least.
INLINE vf vf_normal_tail(vf t) {
    vf s = 3.5f / (3.5f + t);
    vf p = vf_set1(-1.590022631e-2f);
    p = vf_fma(p, s, vf_set1(1.021483168e-1f));
    p = vf_fma(p, s, vf_set1(-2.473869473e-1f));
    p = vf_fma(p, s, vf_set1(2.597510219e-1f));
    p = vf_fma(p, s, vf_set1(-1.296667755e-1f));
    p = vf_fma(p, s, vf_set1(1.276962161e-1f));
    p = vf_fma(p, s, vf_set1(6.792980433e-2f));
    p = vf_fma(p, s, vf_set1(1.077434197e-1f));
    p = vf_fma(p, s, vf_set1(1.136894822e-1f));
    return s * vf_fma(p, s, vf_set1(1.139957011e-1f));
}

// x·Φ(x) and its slope Φ(x) + x·φ(x), of t = |x|: Φ is a tail below zero and 1 less a tail above; x·φ is odd. Beyond
// ±15 both are what they are there, or as large as x.
INLINE vf vf_gelu(vf x) {
    vi k, negative = x < 0;
    vf t = vf_min(vf_abs(x), vf_set1(15));
    vf tail = vf_gaussian(t, &k) * vf_normal_tail(t);
    tail = vf_scale(vf_select(negative, -t * tail, tail), k);
    return vf_select(negative, tail, x * (1.0f - tail));
}

INLINE vf vf_gelu_backward(vf x, vf d) {
    vi k;
    vf t = vf_min(vf_abs(x), vf_set1(15)), p = vf_gaussian(t, &k);
    vf below = vf_scale(p * (vf_normal_tail(t) - t * 0.3989422804f), k); // of −t
    vf slope = vf_select(x < 0, below, 1.0f - below);
    return d * (vf)((vi)slope | vf_is_nan(x));
}

INLINE void activate(vf (*f)(vf), const float *x, float *y, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) vf_store(y + i, f(vf_load(x + i)));
    if (i < n) {
        float tail[LANES] = {0};
        memcpy(tail, x + i, (size_t)(n - i) * sizeof(float));
        vf_store(tail, f(vf_load(tail)));
        memcpy(y + i, tail, (size_t)(n - i) * sizeof(float));
    }
}

INLINE void activate_backward(vf (*f)(vf, vf), const float *from, float *d, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) vf_store(d + i, f(vf_load_first(from + i), vf_load_first(d + i)));
    if (i < n) {
        float tail[2][LANES] = {{0}};
        memcpy(tail[0], from + i, (size_t)(n - i) * sizeof(float));
        memcpy(tail[1], d + i, (size_t)(n - i) * sizeof(float));
        vf_store(tail[1], f(vf_load(tail[0]), vf_load(tail[1])));
        memcpy(d + i, tail[1], (size_t)(n - i) * sizeof(float));
    }
}

#define ACTIVATION(NAME, READS_INPUT)                                                                                  \
    static void NAME##_forward(const float *x, float *y, int64_t n) {                                                  \
        activate(vf_##NAME, x, y, n);                                                                                  \
    }                                                                                                                  \
    static void NAME##_backward(const float *from, float *d, int64_t n) {                                              \
        activate_backward(vf_##NAME##_backward, from, d, n);                                                           \
    }
SPAR_ACTIVATIONS(ACTIVATION)
#undef ACTIVATION
