// A sweep: consecutive elementwise layers run as stages over blocks that stay in cache, so that batch norm, point,
// residual addition and activation read and write memory once.
#ifndef SPAR_OPS_SWEEP_H
#define SPAR_OPS_SWEEP_H

#include "ops/point.h"

enum { SPAR_MAX_STAGES = 8 };

// A normalize stage's channels, repeated until vectors fit.
typedef struct spar_normalize_state {
    float *scale, *center, *zero;
    int64_t period;
} spar_normalize_state;

typedef struct spar_stage {
    const spar_node *node;
    spar_parameter *parameters[SPAR_MAX_PARAMETERS];
    spar_point *point; // of a perturb stage
    uint32_t stream;   // of a stage that draws
    spar_normalize_state normalize;
} spar_stage;

// Per-column numbers of a batch norm stage.
typedef struct spar_batch_norm_state {
    float *mean, *inverse_deviation; // normalization in force
    float *scale, *beta;             // forward: y = (x − mean)·scale + beta
    float *a, *b, *c;                // backward: dx = a·d + b·x + c
    float *zero;
    float *next_mean, *next_variance; // running statistics, to be committed
    float *shifts;                    // [chunks][stride], near the mean, for sums that do not cancel
    double *sums, *products;          // [chunks][stride]
    bool pending;
} spar_batch_norm_state;

typedef struct spar_sweep {
    spar_stage stages[SPAR_MAX_STAGES];
    int count;
    spar_batch_norm_state batch_norm; // of the first stage, if it is one
} spar_sweep;

extern const spar_layer spar_layer_sweep;

// Is the operation a sweep that begins with batch norm? With the batch's own statistics, that needs all samples before
// it gives any, and in the backward pass again.
bool spar_normalizes_batch(const spar_operation *operation);

// A layer's place in a sweep.
static inline bool spar_only_first_stage(const spar_layer *layer) {
    return layer == &spar_layer_batch_norm;
}

static inline bool spar_only_last_stage(const spar_layer *layer) {
    return layer->backward_reads_output;
}

// Takes over the running statistics of the last pass that updates them, or forgets them.
void spar_batch_norm_commit(spar_operation *operation, bool take);

// batch_norm.c
spar_status spar_batch_norm_prepare(spar_operation *operation, spar_sweep *sweep);
// The pass before that of the sweep, when the batch's own statistics are used.
extern const spar_pass spar_batch_norm_moments;
void spar_batch_norm_before_forward(spar_operation *operation, const spar_run *run);
// Does the backward pass need sums over the batch? Not with running statistics when weights get no gradients.
bool spar_batch_norm_sums(const spar_run *run);
// Sums a block of the output's gradient; without sums makes it the input's gradient.
void spar_batch_norm_backward(spar_operation *operation, const spar_run *run, const spar_share *share,
                              const spar_block *block, float *d);
void spar_batch_norm_after_sums(spar_operation *operation, const spar_run *run);
// The pass behind that of the sweep, when it summed.
extern const spar_pass spar_batch_norm_input_gradient;
void spar_batch_norm_discard(spar_sweep *sweep);

// activation.c
spar_activation spar_activation_of(const spar_layer *layer);

#endif
