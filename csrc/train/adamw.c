// Adam with decoupled weight decay.
#include "train/optimizer.h"

#include <float.h>
#include <math.h>

static void update(const spar_kernels *kernels, const spar_optimizer *settings, const spar_update_stretch *stretch) {
    double beta1 = settings->beta1, beta2 = settings->beta2, t = (double)stretch->number;
    spar_adamw_step step = {.gain1 = (float)(1 - beta1),
                            .beta2 = settings->beta2,
                            .gain2 = (float)(1 - beta2),
                            .kept = (float)(1 - (double)stretch->learning_rate * stretch->weight_decay),
                            .rate = (float)(stretch->learning_rate / (1 - pow(beta1, t))),
                            .correction = (float)(1 / sqrt(1 - pow(beta2, t))),
                            .epsilon = settings->epsilon};
    kernels->adamw(stretch, &step);
}

static const spar_setting settings[] = {{"beta1", offsetof(spar_optimizer, beta1), 0, 1},
                                        {"beta2", offsetof(spar_optimizer, beta2), 0, 1},
                                        {"epsilon", offsetof(spar_optimizer, epsilon), FLT_MIN, INFINITY},
                                        {0}};

const spar_optimizer_row spar_optimizer_adamw = {
    .name = "adamw",
    .defaults =
        {.kind = SPAR_OPTIMIZER_ADAMW, .learning_rate = 1e-3f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f},
    .settings = settings,
    .state_count = 2,
    .states = {SPAR_PART_FIRST_MOMENT, SPAR_PART_SECOND_MOMENT},
    .update = update,
};
