#include "attack/lbfgs.h"

#include <math.h>
#include <string.h>

enum { PAIRS = SPAR_LBFGS_PAIRS, MAX_HALVINGS = 10 };

// Root mean square of a pixel's move in the first step, before any curvature is known.
static const double first_move = 0.01;

// Armijo: the share of the decrease that the gradient foretells.
static const double sufficient = 1e-4;

size_t spar_lbfgs_floats(size_t pixels) {
    return (5 + 2 * PAIRS) * pixels;
}

spar_lbfgs spar_lbfgs_create(const float *original, size_t pixels, float lowest, float highest, float *memory) {
    return (spar_lbfgs){.pixels = pixels,
                        .lowest = lowest,
                        .highest = highest,
                        .original = original,
                        .trial = memory,
                        .point = memory + pixels,
                        .gradient = memory + 2 * pixels,
                        .direction = memory + 3 * pixels,
                        .free = memory + 4 * pixels,
                        .moves = memory + 5 * pixels,
                        .changes = memory + (5 + PAIRS) * pixels};
}

static float clip(const spar_lbfgs *m, float x) {
    return x < m->lowest ? m->lowest : x > m->highest ? m->highest : x;
}

void spar_lbfgs_start(spar_lbfgs *m, double c, const float *start) {
    m->c = c;
    m->steps = 0;
    for (size_t i = 0; i < m->pixels; i++) m->trial[i] = clip(m, start[i]);
}

static double distance(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sqrt(sum);
}

double spar_lbfgs_norm(const spar_lbfgs *m) {
    return distance(m->trial, m->original, m->pixels);
}

// a · b over the free pixels.
static double free_product(const spar_lbfgs *m, const float *a, const float *b) {
    double sum = 0;
    for (size_t i = 0; i < m->pixels; i++) sum += (double)(a[i] * m->free[i]) * b[i];
    return sum;
}

static void add_to_direction(spar_lbfgs *m, double factor, const float *a) {
    for (size_t i = 0; i < m->pixels; i++) m->direction[i] += (float)factor * a[i] * m->free[i];
}

// −H·gradient over the free pixels, by the two loops of limited-memory BFGS.
static void find_direction(spar_lbfgs *m) {
    for (size_t i = 0; i < m->pixels; i++) {
        bool held =
            (m->point[i] <= m->lowest && m->gradient[i] > 0) || (m->point[i] >= m->highest && m->gradient[i] < 0);
        m->free[i] = held ? 0 : 1;
        m->direction[i] = held ? 0 : -m->gradient[i];
    }
    double curvature[PAIRS], weight[PAIRS], scale = 0;
    int last = m->steps - 1, first = last > PAIRS ? last - PAIRS : 0; // the first step has no pair before it
    for (int pair = last - 1; pair >= first; pair--) {
        const float *move = m->moves + (size_t)(pair % PAIRS) * m->pixels;
        const float *change = m->changes + (size_t)(pair % PAIRS) * m->pixels;
        double square = free_product(m, change, change);
        curvature[pair % PAIRS] = free_product(m, move, change);
        if (curvature[pair % PAIRS] <= 1e-8 * square) continue;
        if (scale == 0) scale = curvature[pair % PAIRS] / square;
        weight[pair % PAIRS] = free_product(m, move, m->direction) / curvature[pair % PAIRS];
        add_to_direction(m, -weight[pair % PAIRS], change);
    }
    double norm = sqrt(free_product(m, m->direction, m->direction));
    if (scale == 0 && norm > 0) scale = first_move * sqrt((double)m->pixels) / norm;
    for (size_t i = 0; i < m->pixels; i++) m->direction[i] *= (float)scale;
    for (int pair = first; pair < last; pair++) {
        const float *move = m->moves + (size_t)(pair % PAIRS) * m->pixels;
        const float *change = m->changes + (size_t)(pair % PAIRS) * m->pixels;
        if (curvature[pair % PAIRS] <= 1e-8 * free_product(m, change, change)) continue;
        double correction = free_product(m, change, m->direction) / curvature[pair % PAIRS];
        add_to_direction(m, weight[pair % PAIRS] - correction, move);
    }
}

// How much the objective falls from the point to the trial, to first order; ‖r‖ has a corner at r = 0.
static double foretold_decrease(const spar_lbfgs *m) {
    double decrease = 0;
    for (size_t i = 0; i < m->pixels; i++) {
        decrease -= (double)m->gradient[i] * ((double)m->trial[i] - m->point[i]);
    }
    bool corner = memcmp(m->point, m->original, m->pixels * sizeof *m->point) == 0;
    return corner ? decrease - m->c * distance(m->trial, m->point, m->pixels) : decrease;
}

static void make_trial(spar_lbfgs *m) {
    for (size_t i = 0; i < m->pixels; i++) {
        m->trial[i] = clip(m, m->point[i] + (float)m->length * m->direction[i]);
    }
}

// The trial becomes the point, and the step to it a pair.
static void step(spar_lbfgs *m, double value, double norm, const float *loss_gradient) {
    size_t pair = (size_t)((m->steps - 1) % PAIRS) * m->pixels;
    double pull = norm > 0 ? m->c / norm : 0;
    for (size_t i = 0; i < m->pixels; i++) {
        float gradient = (float)(loss_gradient[i] + pull * ((double)m->trial[i] - m->original[i]));
        if (m->steps > 0) {
            m->moves[pair + i] = m->trial[i] - m->point[i];
            m->changes[pair + i] = gradient - m->gradient[i];
        }
        m->point[i] = m->trial[i];
        m->gradient[i] = gradient;
    }
    m->value = value;
    m->steps++;
}

spar_lbfgs_state spar_lbfgs_advance(spar_lbfgs *m, double loss, const float *loss_gradient) {
    double norm = spar_lbfgs_norm(m), value = loss + m->c * norm;
    if (m->steps > 0 && !(value <= m->value - sufficient * foretold_decrease(m))) {
        if (++m->halvings > MAX_HALVINGS) return SPAR_LBFGS_ENDED;
        m->length /= 2;
        make_trial(m);
        return SPAR_LBFGS_HALVED;
    }
    step(m, value, norm, loss_gradient);
    find_direction(m);
    m->length = 1;
    m->halvings = 0;
    make_trial(m);
    return foretold_decrease(m) > 1e-6 * fabs(value) ? SPAR_LBFGS_STEPPED : SPAR_LBFGS_ENDED;
}
