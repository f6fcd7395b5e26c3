// The Fast Adaptive Boundary attack in L∞ (Croce & Hein 2020), target after target: from point to point by projections
// on the linearized boundary, drawn towards the image.
#include "attack/attack.h"

#include "ops/loss.h"
#include "runtime/parallel.h"

#include <math.h>
#include <string.h>

// α_max: the most that the image's own projection counts; η: how far beyond the boundary; β: how much of the way to a
// point that fools the network is left of it.
static const double most_bias = 0.1, overshoot = 1.05, backward = 0.9;

typedef struct fab {
    spar_standing *standing;
    float *points;           // by number
    int32_t *targets;        // so
    float *output_gradients; // a row for every image that stands
    double *distances;       // of the points from the images, so
    bool *stands;
} fab;

// How far a pixel can go against w.
static double room_of(const spar_attack *attack, double x, double w) {
    double room = w > 0 ? x - attack->lowest : attack->highest - x;
    return room > 0 ? room : 0;
}

// Σ |w|·min(distance, room) is to be |excess|. It is concave in the distance, so that Newton's steps from 0 never pass
// the solution, and reach it when the pixels at their bounds stay the same.
double spar_fab_distance(const spar_attack *attack, const float *x, const float *w, size_t pixels, double excess) {
    double distance = 0, sign = excess < 0 ? -1 : 1;
    for (;;) {
        double held = 0, slope = 0, farthest = 0;
        for (size_t i = 0; i < pixels; i++) {
            double weight = fabs((double)w[i]), room = room_of(attack, x[i], sign * w[i]);
            bool at_bound = room <= distance;
            held += at_bound ? weight * room : 0;
            slope += at_bound ? 0 : weight;
            farthest = weight > 0 && room > farthest ? room : farthest;
        }
        if (slope == 0) return farthest;
        double next = (fabs(excess) - held) / slope;
        if (!(next > distance)) return distance;
        distance = next;
    }
}

// Where pixel x goes by the projection of that distance, and a bit farther.
static double moved(const spar_attack *attack, double x, double w, double excess, double distance) {
    if (w == 0) return x;
    double against = excess < 0 ? -w : w, room = room_of(attack, x, against);
    double step = overshoot * (distance < room ? distance : room);
    return against > 0 ? x - step : x + step;
}

static void move(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const fab *f = context;
    const spar_standing *standing = f->standing;
    const spar_attack *attack = standing->attack;
    size_t pixels = standing->pixels;
    for (int64_t i = first; i < last; i++) {
        const float *z = standing->outputs + i * standing->classes, *w = standing->gradients + (size_t)i * pixels;
        const float *original = standing->originals + (size_t)i * pixels;
        float *x = f->points + (size_t)standing->numbers[i] * pixels, *start = standing->images + (size_t)i * pixels;
        // w·(y − x) + excess = 0 is where label and target are equal to first order; > 0 is the target's side.
        double excess = (double)z[f->targets[standing->numbers[i]]] - z[standing->labels[i]], own_excess = excess;
        for (size_t j = 0; j < pixels; j++) {
            start[j] = spar_attack_range(standing->attack, original[j]);
            own_excess += (double)w[j] * ((double)start[j] - x[j]);
        }
        double distance = spar_fab_distance(attack, x, w, pixels, excess);
        double own_distance = spar_fab_distance(attack, start, w, pixels, own_excess);
        double bias = fmax(distance, 1e-8) / (fmax(distance, 1e-8) + fmax(own_distance, 1e-8));
        bias = bias < most_bias ? bias : most_bias;
        f->distances[i] = 0;
        for (size_t j = 0; j < pixels; j++) {
            double y = (1 - bias) * moved(attack, x[j], w[j], excess, distance) +
                       bias * moved(attack, start[j], w[j], own_excess, own_distance);
            y = y < attack->lowest ? attack->lowest : y > attack->highest ? attack->highest : y;
            double from_image = fabs((double)(float)y - start[j]);
            f->distances[i] = from_image > f->distances[i] ? from_image : f->distances[i];
            x[j] = start[j] = (float)y;
        }
    }
}

// The points that fool the network: an image falls to one in the ball, and goes on from nearer to itself otherwise.
static void judge(const fab *f) {
    spar_standing *standing = f->standing;
    for (int i = 0; i < standing->count; i++) {
        const float *z = standing->outputs + (size_t)i * (size_t)standing->classes;
        f->stands[i] = true;
        if (spar_class_of(z, standing->classes) == standing->labels[i]) continue;
        f->stands[i] = f->distances[i] > (double)standing->delta;
        if (!f->stands[i]) spar_standing_take(standing, i);
        float *x = f->points + (size_t)standing->numbers[i] * standing->pixels;
        const float *original = standing->originals + (size_t)i * standing->pixels;
        for (size_t j = 0; j < standing->pixels; j++) {
            double own = spar_attack_range(standing->attack, original[j]);
            x[j] = (float)(own + backward * (x[j] - own));
        }
    }
    spar_standing_keep(standing, f->stands);
}

static spar_status iterate(fab *f) {
    spar_standing *standing = f->standing;
    size_t classes = (size_t)standing->classes, bytes = standing->pixels * sizeof(float);
    memset(f->output_gradients, 0, (size_t)standing->count * classes * sizeof(float));
    for (int i = 0; i < standing->count; i++) {
        memcpy(standing->images + (size_t)i * standing->pixels,
               f->points + (size_t)standing->numbers[i] * standing->pixels, bytes);
        f->output_gradients[(size_t)i * classes + (size_t)f->targets[standing->numbers[i]]] = 1;
        f->output_gradients[(size_t)i * classes + (size_t)standing->labels[i]] = -1;
    }
    SPAR_TRY(spar_standing_evaluate(standing));
    SPAR_TRY(spar_backward_output(standing->network, f->output_gradients, 1, SPAR_BACKWARD_INPUT));
    SPAR_TRY(spar_input_gradient(standing->network, standing->gradients));
    spar_parallel(standing->network->run.threads, standing->count, move, f);
    SPAR_TRY(spar_standing_evaluate(standing));
    judge(f);
    return SPAR_OK;
}

static spar_status run(fab *f) {
    spar_standing *standing = f->standing;
    int iterations = standing->attack->iterations, targets = spar_standing_targets(standing);
    SPAR_TRY(spar_standing_begin(standing, f->stands));
    for (int k = 0; k < targets; k++) {
        for (int i = 0; i < standing->count; i++) {
            f->targets[standing->numbers[i]] = spar_standing_target(standing, i, k);
            size_t row = (size_t)i * standing->pixels, at = (size_t)standing->numbers[i] * standing->pixels;
            for (size_t j = 0; j < standing->pixels; j++) {
                f->points[at + j] = spar_attack_range(standing->attack, standing->originals[row + j]);
            }
        }
        for (int step = 0; step < iterations && standing->count > 0; step++) {
            SPAR_TRY(spar_standing_go_on(standing, (k + (double)step / iterations) / targets));
            SPAR_TRY(iterate(f));
        }
    }
    return SPAR_OK;
}

spar_status spar_attack_fab_t(spar_standing *standing) {
    size_t count = (size_t)standing->total;
    fab f = {.standing = standing,
             .points = spar_allocate(count * (standing->pixels + (size_t)standing->classes), sizeof(float)),
             .distances = spar_allocate(count, sizeof(double) + sizeof(int32_t) + sizeof(bool))};
    spar_status status = f.points == NULL || f.distances == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    if (status == SPAR_OK) {
        f.output_gradients = f.points + count * standing->pixels;
        f.targets = (int32_t *)(f.distances + count);
        f.stands = (bool *)(f.targets + count);
        status = run(&f);
    }
    spar_release(f.points);
    spar_release(f.distances);
    return status;
}
