// Auto-PGD (Croce & Hein 2020, Algorithm 1): gradient steps with momentum, whose length halves by what they gain.
#include "attack/attack.h"

#include "ops/loss.h"
#include "runtime/parallel.h"

#include <math.h>
#include <string.h>

// Of one image, by number.
typedef struct progress {
    float step;
    int target;           // of APGD-T
    int rises;            // steps since the last checkpoint that raised the loss
    double last, highest; // loss
    double checked;       // the highest one at the last checkpoint
    bool halved;          // then
    bool improved;        // the highest loss is that of the last point
} progress;

typedef struct apgd {
    spar_standing *standing;
    bool targeted;
    int run;     // starts before this one
    float share; // of the step, the rest being the last move again
    progress *images;
    // By number. The point of highest loss is the image's result.
    float *points, *previous, *gradients, *best_gradients;
    float *output_gradients; // a row for every image that stands
    bool *stands;
} apgd;

static void draw_starts(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const apgd *a = context;
    const spar_standing *standing = a->standing;
    for (int64_t i = first; i < last; i++) {
        int n = standing->numbers[i];
        size_t row = (size_t)i * standing->pixels, at = (size_t)n * standing->pixels;
        spar_random_stream stream = {.seed = standing->attack->seed,
                                     .purpose = SPAR_PURPOSE_APGD,
                                     .layer = (uint32_t)a->run,
                                     .step = spar_attack_number(standing->attack, n)};
        spar_ball_start(standing, &stream, true, standing->originals + row, standing->images + row);
        memcpy(a->points + at, standing->images + row, standing->pixels * sizeof(float));
        memcpy(a->previous + at, standing->images + row, standing->pixels * sizeof(float));
        a->images[n] = (progress){.step = 2 * standing->delta, .highest = -INFINITY, .halved = true};
        if (a->targeted) a->images[n].target = spar_standing_target(standing, (int)i, a->run);
    }
}

static void move(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const apgd *a = context;
    const spar_standing *standing = a->standing;
    for (int64_t i = first; i < last; i++) {
        size_t row = (size_t)i * standing->pixels, at = (size_t)standing->numbers[i] * standing->pixels;
        float *x = standing->images + row, *point = a->points + at, *previous = a->previous + at;
        memcpy(x, point, standing->pixels * sizeof *x);
        spar_ball_step(standing, standing->originals + row, a->gradients + at, a->images[standing->numbers[i]].step, x);
        for (size_t j = 0; j < standing->pixels; j++) {
            x[j] = point[j] + a->share * (x[j] - point[j]) + (1 - a->share) * (point[j] - previous[j]);
            previous[j] = point[j];
        }
        spar_ball_project(standing, standing->originals + row, x);
        memcpy(point, x, standing->pixels * sizeof *x);
    }
}

// Losses of the images and their gradients at the outputs; takes those that fool the network, or raise their loss.
static void judge(apgd *a) {
    spar_standing *standing = a->standing;
    for (int i = 0; i < standing->count; i++) {
        progress *image = &a->images[standing->numbers[i]];
        const float *z = standing->outputs + (size_t)i * (size_t)standing->classes;
        float *d = a->output_gradients + (size_t)i * (size_t)standing->classes;
        int label = standing->labels[i];
        double loss = a->targeted
                          ? spar_targeted_logit_ratio(z, standing->classes, label, image->target, d)
                          : spar_loss_of_label(SPAR_LOSS_SOFTMAX_CROSS_ENTROPY, z, standing->classes, label, 1, d);
        a->stands[i] = spar_class_of(z, standing->classes) == label;
        image->improved = loss > image->highest;
        image->rises += loss > image->last;
        image->last = loss;
        if (image->improved) image->highest = loss;
        if (image->improved || !a->stands[i]) spar_standing_take(standing, i);
    }
}

static void keep_gradients(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const apgd *a = context;
    const spar_standing *standing = a->standing;
    size_t bytes = standing->pixels * sizeof(float);
    for (int64_t i = first; i < last; i++) {
        size_t at = (size_t)standing->numbers[i] * standing->pixels;
        const float *gradient = standing->gradients + (size_t)i * standing->pixels;
        memcpy(a->gradients + at, gradient, bytes);
        if (a->images[standing->numbers[i]].improved) memcpy(a->best_gradients + at, gradient, bytes);
    }
}

// Where the points are: losses and, but for the last ones, gradients; the images that fool the network are dropped.
static spar_status observe(apgd *a, bool last) {
    spar_standing *standing = a->standing;
    SPAR_TRY(spar_standing_evaluate(standing));
    judge(a);
    if (!last) {
        SPAR_TRY(spar_backward_output(standing->network, a->output_gradients, 1, SPAR_BACKWARD_INPUT));
        SPAR_TRY(spar_input_gradient(standing->network, standing->gradients));
        spar_parallel(standing->network->run.threads, standing->count, keep_gradients, a);
    }
    spar_standing_keep(standing, a->stands);
    return SPAR_OK;
}

// Halves the steps of the images that gained too little in the last `interval` steps, and sends them back to their best
// points.
static void check_steps(apgd *a, int interval) {
    const spar_standing *standing = a->standing;
    size_t bytes = standing->pixels * sizeof(float);
    for (int i = 0; i < standing->count; i++) {
        int n = standing->numbers[i];
        size_t at = (size_t)n * standing->pixels;
        progress *image = &a->images[n];
        bool stuck = !image->halved && image->highest <= image->checked;
        image->halved = image->rises <= 0.75 * interval || stuck;
        image->checked = image->highest;
        image->rises = 0;
        if (!image->halved) continue;
        image->step /= 2;
        memcpy(a->points + at, standing->results + at, bytes);
        memcpy(a->gradients + at, a->best_gradients + at, bytes);
    }
}

static int share_of(double share, int iterations) {
    int part = (int)(share * iterations);
    return part < 1 ? 1 : part;
}

// From one start to the end, for the images that stand.
static spar_status climb(apgd *a, int runs) {
    spar_standing *standing = a->standing;
    int threads = standing->network->run.threads, iterations = standing->attack->iterations;
    int interval = share_of(0.22, iterations), steps = 0;
    spar_parallel(threads, standing->count, draw_starts, a);
    SPAR_TRY(observe(a, false));
    for (int i = 0; i < standing->count; i++) {
        progress *image = &a->images[standing->numbers[i]];
        image->checked = image->highest;
        // The reference implementation counts the first step as a rise where its loss is above 0.
        image->last = 0;
        image->rises = 0;
    }
    for (int k = 0; k < iterations && standing->count > 0; k++) {
        SPAR_TRY(spar_standing_go_on(standing, (a->run + (double)k / iterations) / runs));
        a->share = k == 0 ? 1 : 0.75f;
        spar_parallel(threads, standing->count, move, a);
        SPAR_TRY(observe(a, k == iterations - 1));
        if (++steps < interval) continue;
        check_steps(a, interval);
        int next = interval - share_of(0.03, iterations), least = share_of(0.06, iterations);
        interval = next > least ? next : least;
        steps = 0;
    }
    return SPAR_OK;
}

static spar_status run(spar_standing *standing, bool targeted, int runs) {
    size_t count = (size_t)standing->total, floats = count * standing->pixels;
    apgd a = {.standing = standing, .targeted = targeted};
    a.points = spar_allocate(4 * floats + count * (size_t)standing->classes, sizeof(float));
    a.images = spar_allocate(count, sizeof *a.images + sizeof(bool));
    spar_status status = a.points == NULL || a.images == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    if (status == SPAR_OK) {
        a.previous = a.points + floats;
        a.gradients = a.previous + floats;
        a.best_gradients = a.gradients + floats;
        a.output_gradients = a.best_gradients + floats;
        a.stands = (bool *)(a.images + count);
        status = spar_standing_begin(standing, a.stands);
    }
    for (; status == SPAR_OK && a.run < runs && standing->count > 0; a.run++) status = climb(&a, runs);
    spar_release(a.points);
    spar_release(a.images);
    return status;
}

spar_status spar_attack_apgd_ce(spar_standing *standing) {
    return run(standing, false, 1);
}

spar_status spar_attack_apgd_t(spar_standing *standing) {
    return run(standing, true, spar_standing_targets(standing));
}
