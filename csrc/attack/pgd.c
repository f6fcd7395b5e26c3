// Projected gradient descent with random restarts (Madry et al. 2018).
#include "attack/attack.h"

#include "ops/loss.h"
#include "runtime/parallel.h"

#include <math.h>

typedef struct start_task {
    spar_standing *standing;
    int restart;
} start_task;

static void draw_starts(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const start_task *task = context;
    const spar_standing *standing = task->standing;
    const spar_attack *attack = standing->attack;
    size_t pixels = standing->pixels;
    for (int64_t n = first; n < last; n++) {
        spar_random_stream stream = {.seed = attack->seed,
                                     .purpose = SPAR_PURPOSE_PGD,
                                     .layer = (uint32_t)task->restart,
                                     .step = spar_attack_number(attack, standing->numbers[n])};
        size_t row = (size_t)n * pixels;
        spar_ball_start(standing, &stream, false, standing->originals + row, standing->images + row);
    }
}

// Takes each image that fools the network, or has the highest loss so far, and drops those that fool it.
static void judge(spar_standing *standing, double *highest_loss, bool *stands) {
    for (int i = 0; i < standing->count; i++) {
        const float *z = standing->outputs + (size_t)i * (size_t)standing->classes;
        int label = standing->labels[i];
        double loss = spar_loss_of_label(standing->network->options.loss, z, standing->classes, label, 0, NULL);
        stands[i] = spar_class_of(z, standing->classes) == label;
        if (stands[i] && loss <= highest_loss[standing->numbers[i]]) continue;
        highest_loss[standing->numbers[i]] = loss;
        spar_standing_take(standing, i);
    }
    spar_standing_keep(standing, stands);
}

static spar_status run_restarts(spar_standing *standing, double *highest_loss, bool *stands) {
    const spar_attack *attack = standing->attack;
    float step = standing->step > 0 ? standing->step : 2.5f * standing->delta / (float)attack->iterations;
    for (int restart = 0; restart < attack->restarts && standing->count > 0; restart++) {
        if (attack->random_start) {
            start_task task = {standing, restart};
            spar_parallel(standing->network->run.threads, standing->count, draw_starts, &task);
        }
        double share = 1.0 / attack->restarts;
        SPAR_TRY(spar_attack_climb(standing, step, attack->iterations, share * restart, share));
        SPAR_TRY(spar_standing_evaluate(standing));
        judge(standing, highest_loss, stands);
    }
    return SPAR_OK;
}

spar_status spar_attack_pgd(spar_standing *standing) {
    size_t count = (size_t)standing->total;
    double *highest_loss = spar_allocate(count, sizeof *highest_loss + sizeof(bool));
    if (highest_loss == NULL) return SPAR_ERROR_MEMORY;
    for (size_t n = 0; n < count; n++) highest_loss[n] = -INFINITY;
    spar_status status = run_restarts(standing, highest_loss, (bool *)(highest_loss + count));
    spar_release(highest_loss);
    return status;
}
