// A sweep: consecutive elementwise layers run as stages over blocks that stay in cache, so that batch norm, point,
// residual addition and activation read and write memory once.
#ifndef SPAR_OPS_SWEEP_H
#define SPAR_OPS_SWEEP_H

#include "ops/point.h"

enum { SPAR_MAX_STAGES = 8 };

typedef struct spar_stage {
    const spar_node *node;
    spar_parameter *parameters[SPAR_MAX_PARAMETERS];
    spar_point *point; // of a layer that is one
    uint32_t stream;   // of a layer that draws
    void *state;       // its own
} spar_stage;

struct spar_sweep {
    spar_stage stages[SPAR_MAX_STAGES];
    int count;
};

// Where a sweep is.
typedef struct spar_sweep_block {
    const spar_operation *operation;
    const spar_run *run;
    const spar_share *share;
    spar_block block;
} spar_sweep_block;

// What a layer does as a stage. Functions that are NULL do nothing, a backward one passes the gradient on.
struct spar_stage_functions {
    // Kept are only a sweep's input and its output: a stage whose backward function reads x is the first of a sweep,
    // one whose function reads y the last.
    bool backward_reads_input, backward_reads_output;

    // Makes the stage's own state, and frees it; it may be NULL.
    spar_status (*prepare)(spar_operation *operation, spar_stage *stage);
    void (*discard)(spar_stage *stage);

    // Before and after all blocks of a forward pass, and after those of a backward pass.
    void (*begin)(const spar_operation *operation, const spar_run *run, const spar_stage *stage);
    void (*end)(const spar_run *run, const spar_stage *stage);
    void (*end_backward)(const spar_operation *operation, const spar_run *run, const spar_stage *stage);
    // Lists what a forward or backward pass kept by chunk, nothing or one; returns how many.
    int (*list_sums)(const spar_operation *operation, const spar_run *run, const spar_stage *stage, spar_sums *list);
    int (*list_backward_sums)(const spar_operation *operation, const spar_run *run, const spar_stage *stage,
                              spar_sums *list);

    // Does the forward function have to get whole samples? NULL: pieces of them will do.
    bool (*sees_samples)(const spar_stage *stage, const spar_run *run);
    // From x to y, which may be the same memory. Returns false where it leaves x as it is and wrote nothing.
    bool (*forward)(const spar_stage *stage, const spar_sweep_block *at, const float *x, float *y);
    // From the gradient of its output to that of its input, in place.
    void (*backward)(const spar_stage *stage, const spar_sweep_block *at, float *d);

    // Of a first stage that needs sums over the batch: the pass before that of the sweep, and the one behind it in the
    // backward pass, which makes the input's gradient where it runs.
    const spar_pass *pass_before, *pass_behind;
    // Prepares to take over what the last pass, in training mode, may change of parameters.
    void (*learn)(const spar_stage *stage, const spar_run *run, float momentum);
    // What commit would take over: floats moved to an entry, or back. Returns how many.
    int64_t (*move_pending)(const spar_stage *stage, float *entry, bool back);
    // Takes over what the last pass changed of parameters, or forgets it.
    void (*commit)(const spar_stage *stage, bool take);
};

extern const spar_layer spar_layer_sweep;

// Of all stages. `sweep` may be NULL.
void spar_sweep_learn(const spar_sweep *sweep, const spar_run *run, float momentum);
int64_t spar_sweep_move_pending(const spar_sweep *sweep, float *entry, bool back);
void spar_sweep_commit(const spar_sweep *sweep, bool take);

// The shape rule of elementwise layers.
spar_status spar_infer_same(spar_node *node, const spar_extent *inputs);

#endif
