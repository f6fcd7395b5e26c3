// What an optimizer is: one file in this folder and one row in the table of optimizer.c.
#ifndef SPAR_TRAIN_OPTIMIZER_H
#define SPAR_TRAIN_OPTIMIZER_H

#include "graph/network.h"

// A float of spar_optimizer with what it may be: at least `lowest` and below `bound`. A list ends with a NULL name.
typedef struct spar_setting {
    const char *name;
    size_t offset;
    float lowest, bound;
} spar_setting;

typedef struct spar_optimizer_row {
    const char *name;
    spar_optimizer defaults;
    const spar_setting *settings; // besides those that all optimizers have
    int state_count;
    spar_parameter_part states[SPAR_MOST_STATES];
    // Do these settings need the states? NULL: all do. Where not, the update gets what there is, or NULL.
    bool (*needs_states)(const spar_optimizer *settings);
    void (*update)(const spar_kernels *kernels, const spar_optimizer *settings, const spar_update_stretch *stretch);
} spar_optimizer_row;

extern const spar_optimizer_row spar_optimizer_sgd, spar_optimizer_adamw;

// An update on its way: what can fail does so before anything of the network changes.
typedef struct spar_pending_update {
    spar_network *network;
    spar_optimizer settings;
    const spar_optimizer_row *row;
    bool needs_states;
    float *before[SPAR_PARTS]; // the network's slots
    float gradient_factor;
} spar_pending_update;

// Takes and checks the settings and gets memory for the states.
spar_status spar_begin_update(spar_network *network, const spar_optimizer *optimizer, spar_pending_update *update);
// Clips the norm of the gradients, which are there. Fails where they are not finite.
spar_status spar_clip_update(spar_pending_update *update);
void spar_finish_update(spar_pending_update *update);
// In place of that, after a failure.
void spar_drop_update(spar_pending_update *update);

// Calls `visit` with what lies of each parameter that learns between two places among all trainable floats.
void spar_visit_stretches(const spar_network *network, int64_t start, int64_t end,
                          void (*visit)(void *context, const spar_parameter *parameter, int64_t first, int64_t last),
                          void *context);

#endif
