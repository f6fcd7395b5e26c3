// Updates of parameters.

INLINE void sgd_with(float *w, const float *g, float *v, int64_t n, const spar_sgd_step *step, const bool keeps) {
    vf rate = vf_set1(-step->learning_rate), momentum = vf_set1(step->momentum), decay = vf_set1(step->weight_decay);
    for (int64_t i = 0; i < n; i += LANES) {
        vf weight = vf_load(w + i), d = vf_fma(weight, decay, vf_load(g + i)), move = d;
        if (keeps) {
            vf velocity = vf_fma(vf_load(v + i), momentum, d);
            vf_store(v + i, velocity);
            move = step->nesterov ? vf_fma(velocity, momentum, d) : velocity;
        }
        vf_store(w + i, vf_fma(move, rate, weight));
    }
}

// Without momentum the velocities are neither read nor written: a third of the memory traffic less.
static void sgd(float *w, const float *g, float *v, int64_t n, const spar_sgd_step *step) {
    if (step->momentum == 0) {
        sgd_with(w, g, v, n, step, false);
    } else {
        sgd_with(w, g, v, n, step, true);
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
