// Stochastic gradient descent, with momentum.
#include "train/optimizer.h"

#include <math.h>

static bool needs_states(const spar_optimizer *settings) {
    return settings->momentum > 0;
}

static void update(const spar_kernels *kernels, const spar_optimizer *settings, const spar_update_stretch *stretch) {
    kernels->sgd(stretch, settings->momentum, settings->nesterov);
}

static const spar_setting settings[] = {{"momentum", offsetof(spar_optimizer, momentum), 0, INFINITY}, {0}};

const spar_optimizer_row spar_optimizer_sgd = {
    .name = "sgd",
    .defaults = {.kind = SPAR_OPTIMIZER_SGD, .learning_rate = 0.1f, .momentum = 0.9f},
    .settings = settings,
    .state_count = 1,
    .states = {SPAR_PART_MOMENTUM},
    .needs_states = needs_states,
    .update = update,
};
