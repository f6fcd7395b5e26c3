// Updates of parameters.

INLINE void sgd_with(const spar_update_stretch *stretch, float momentum, bool nesterov, const bool keeps) {
    float *w = stretch->value, *v = stretch->states[0];
    const float *g = stretch->gradient;
    vf rate = vf_set1(-stretch->learning_rate), decay = vf_set1(stretch->weight_decay), kept = vf_set1(momentum);
    vf factor = vf_set1(stretch->gradient_factor);
    for (int64_t i = 0; i < stretch->count; i += LANES) {
        vf weight = vf_load(w + i), d = vf_fma(weight, decay, vf_load(g + i) * factor), move = d;
        if (keeps) {
            vf velocity = vf_fma(vf_load(v + i), kept, d);
            vf_store(v + i, velocity);
            move = nesterov ? vf_fma(velocity, kept, d) : velocity;
        }
        vf_store(w + i, vf_fma(move, rate, weight));
    }
}

// Without momentum the velocities are neither read nor written: a third of the memory traffic less.
static void sgd(const spar_update_stretch *stretch, float momentum, bool nesterov) {
    if (momentum == 0) {
        sgd_with(stretch, momentum, nesterov, false);
    } else {
        sgd_with(stretch, momentum, nesterov, true);
    }
}

static void adamw(const spar_update_stretch *stretch, const spar_adamw_step *step) {
    float *w = stretch->value, *first = stretch->states[0], *second = stretch->states[1];
    vf factor = vf_set1(stretch->gradient_factor), gain1 = vf_set1(step->gain1), beta2 = vf_set1(step->beta2);
    vf gain2 = vf_set1(step->gain2), kept = vf_set1(step->kept), rate = vf_set1(-step->rate);
    vf correction = vf_set1(step->correction), epsilon = vf_set1(step->epsilon);
    for (int64_t i = 0; i < stretch->count; i += LANES) {
        vf g = vf_load(stretch->gradient + i) * factor, m = vf_load(first + i);
        m = vf_fma(g - m, gain1, m);
        vf v = vf_fma(vf_load(second + i), beta2, g * g * gain2);
        vf_store(first + i, m);
        vf_store(second + i, v);
        vf_store(w + i, vf_fma(m / vf_fma(vf_sqrt(v), correction, epsilon), rate, vf_load(w + i) * kept));
    }
}

// average += weight·(w − average)
static void average(float *average, const float *w, int64_t n, float weight) {
    vf part = vf_set1(weight);
    for (int64_t i = 0; i < n; i += LANES) {
        vf kept = vf_load(average + i);
        vf_store(average + i, vf_fma(vf_load(w + i) - kept, part, kept));
    }
}

static void limit_norms(float *w, int64_t rows, int64_t stride, float bound) {
    enum { VECTORS = 16 / LANES };
    vd squares[VECTORS] = {{0}};
    vf factors[VECTORS];
    bool longer = false;
    for (int64_t r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < VECTORS; v++) {
            vd x = __builtin_convertvector(vf_load(w + r * stride + v * LANES), vd);
            squares[v] += x * x;
        }
    }
    for (int i = 0; i < 16; i++) {
        double norm = sqrt(squares[i / LANES][i % LANES]);
        bool within = norm <= bound;
        factors[i / LANES][i % LANES] = within ? 1 : (float)(bound / norm);
        longer |= !within;
    }
    for (int64_t r = 0; r < rows && longer; r++) {
        UNROLL for (int v = 0; v < VECTORS; v++) {
            float *at = w + r * stride + v * LANES;
            vf_store(at, vf_load(at) * factors[v]);
        }
    }
}
