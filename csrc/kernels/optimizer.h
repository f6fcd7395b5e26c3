// Updates of parameters.

static void sgd(float *w, const float *g, float *v, int64_t n, const spar_sgd_step *step) {
    vf rate = vf_set1(-step->learning_rate), momentum = vf_set1(step->momentum), decay = vf_set1(step->weight_decay);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf weight = vf_load(w + i);
        vf d = vf_fma(weight, decay, vf_load(g + i));
        vf velocity = vf_fma(vf_load(v + i), momentum, d);
        vf_store(v + i, velocity);
        vf_store(w + i, vf_fma(step->nesterov ? vf_fma(velocity, momentum, d) : velocity, rate, weight));
    }
    for (; i < n; i++) {
        float d = g[i] + step->weight_decay * w[i];
        v[i] = step->momentum * v[i] + d;
        w[i] -= step->learning_rate * (step->nesterov ? d + step->momentum * v[i] : v[i]);
    }
}

static void limit_norms(float *w, int64_t rows, int64_t stride, int64_t columns, float bound) {
    for (int64_t c = 0; c < columns; c++) {
        double square = 0;
        for (int64_t r = 0; r < rows; r++) square += (double)w[r * stride + c] * w[r * stride + c];
        double norm = sqrt(square);
        if (norm <= bound) continue;
        float factor = (float)(bound / norm);
        for (int64_t r = 0; r < rows; r++) w[r * stride + c] *= factor;
    }
}
