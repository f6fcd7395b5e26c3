// The balls around an image: |x − x₀| ≤ δ of every pixel, or ‖x − x₀‖₂ ≤ δ.
#include "attack/attack.h"

#include <math.h>

// The norms are 1e-12 larger in the denominators, as in the reference implementation of AutoAttack.
static const double tiny = 1e-12;

static double norm_of(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = (double)a[i] - (b == NULL ? 0 : b[i]);
        sum += difference * difference;
    }
    return sqrt(sum);
}

void spar_ball_project(const spar_standing *standing, const float *original, float *x) {
    const spar_attack *attack = standing->attack;
    if (attack->ball == SPAR_BALL_MAXIMUM) {
        for (size_t i = 0; i < standing->pixels; i++) {
            x[i] = spar_attack_clip(attack, standing->delta, original[i], x[i]);
        }
        return;
    }
    double norm = norm_of(x, original, standing->pixels);
    double scale = norm > (double)standing->delta ? (double)standing->delta / (norm + tiny) : 1;
    for (size_t i = 0; i < standing->pixels; i++) {
        double y = scale == 1 ? x[i] : original[i] + scale * ((double)x[i] - original[i]);
        x[i] = spar_attack_range(attack, (float)y);
    }
}

void spar_ball_step(const spar_standing *standing, const float *original, const float *gradient, float step, float *x) {
    if (standing->attack->ball == SPAR_BALL_MAXIMUM) {
        for (size_t i = 0; i < standing->pixels; i++) {
            float sign = (float)((gradient[i] > 0) - (gradient[i] < 0));
            x[i] = spar_attack_clip(standing->attack, standing->delta, original[i], x[i] + step * sign);
        }
        return;
    }
    double scale = (double)step / (norm_of(gradient, NULL, standing->pixels) + tiny);
    for (size_t i = 0; i < standing->pixels; i++) x[i] = (float)(x[i] + scale * gradient[i]);
    spar_ball_project(standing, original, x);
}

void spar_ball_start(const spar_standing *standing, const spar_random_stream *stream, bool far, const float *original,
                     float *x) {
    size_t pixels = standing->pixels;
    double length = 1;
    if (standing->attack->ball == SPAR_BALL_EUCLIDEAN) {
        spar_fill_normal(stream, 0, pixels, x);
        length = norm_of(x, NULL, pixels) + tiny;
    } else {
        float longest = 0;
        spar_fill_uniform(stream, 0, pixels, x);
        for (size_t i = 0; i < pixels; i++) {
            x[i] = 2 * x[i] - 1;
            longest = fmaxf(longest, fabsf(x[i]));
        }
        if (far) length = (double)longest + tiny;
    }
    for (size_t i = 0; i < pixels; i++) x[i] = original[i] + standing->delta * (float)(x[i] / length);
    spar_ball_project(standing, original, x);
}
