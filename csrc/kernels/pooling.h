// Pooling: a row of channels of the output from `taps` rows of the input. Channels are a multiple of 16.

static void max_pool_row(int taps, const float *const *in, float *out, int64_t channels) {
    for (int64_t c = 0; c < channels; c += LANES) {
        vf best = vf_load(in[0] + c);
        for (int t = 1; t < taps; t++) best = vf_max(vf_load(in[t] + c), best);
        vf_store(out + c, best);
    }
}

// The first of equal inputs gets the gradient.
static void max_pool_backward_row(int taps, const float *const *in, const float *out, const float *d,
                                  float *const *in_gradient, int64_t channels) {
    for (int64_t c = 0; c < channels; c += LANES) {
        vf best = vf_load(out + c);
        vi gradient = (vi)vf_load(d + c), open = vi_set1(-1);
        for (int t = 0; t < taps; t++) {
            vi here = (vf_load(in[t] + c) == best) & open;
            open &= ~here;
            vf_store(in_gradient[t] + c, vf_load(in_gradient[t] + c) + (vf)(gradient & here));
        }
    }
}

static void average_pool_row(int taps, const float *const *in, float *out, int64_t channels, float scale) {
    for (int64_t c = 0; c < channels; c += LANES) {
        vf sum = vf_set1(0);
        for (int t = 0; t < taps; t++) sum += vf_load(in[t] + c);
        vf_store(out + c, sum * scale);
    }
}

static void average_pool_backward_row(int taps, const float *d, float *const *in_gradient, int64_t channels,
                                      float scale) {
    for (int64_t c = 0; c < channels; c += LANES) {
        vf share = vf_load(d + c) * scale;
        for (int t = 0; t < taps; t++) vf_store(in_gradient[t] + c, vf_load(in_gradient[t] + c) + share);
    }
}
