// Unfolded convolutions: what their passes share.
#ifndef SPAR_OPS_UNFOLDED_H
#define SPAR_OPS_UNFOLDED_H

#include "ops/bias.h"
#include "ops/convolution.h"

// Of one convolution, and of the pass under way.
typedef struct spar_unfolded {
    const spar_operation *operation;
    const spar_run *run;
    const spar_conv2d_params *settings;
    int64_t channels;        // of the input
    int64_t inputs, outputs; // channels of a group
    int64_t depth;           // of a group's product: the taps of the kernel times `inputs`
    int64_t patch;           // floats of a pixel's patch, group by group
    int64_t patch_stride;    // from one patch to the next where they are gradients
    int64_t block_pixels;    // whose patches are there at once
    int64_t pixels;          // of a sample of outputs
    int64_t padded_width, padded_floats;
    bool rows_are_patches;   // the input's
    bool reads_padded;       // patches are read where the padded sample has them
    bool inputs_are_planes;  // the gradient of the input is made by planes
    bool outputs_are_planes; // the outputs and the gradient of the weights are
    bool few_rows;           // of the sums of a row of the kernel, too few for the multipliers not to wait for them
    int64_t scratch_floats;
} spar_unfolded;

// Slices sum in the order of the whole, so that this decides how.
static inline const spar_operation *spar_unfolded_whole(const spar_operation *operation) {
    return operation->whole == NULL ? operation : operation->whole;
}

spar_unfolded spar_unfolded_of(const spar_operation *operation, const spar_run *run);

// Copies a sample into its padding, which is there.
void spar_unfolded_pad(const spar_unfolded *task, int64_t sample, float *padded);

// The patches of `count` pixels from pixel `first` of the batch on. Pixels are taken in order, so that a sample is
// padded when its first pixel comes. The scratch has zeros where padding will be.
spar_matrix spar_unfold(const spar_unfolded *task, int64_t first, int64_t count, float *scratch);

// The columns of one group of a block's pixels, behind the padded sample and the patches in a thread's scratch.
static inline float *spar_unfolded_narrow(const spar_unfolded *task, float *scratch) {
    return scratch + task->padded_floats + task->block_pixels * task->patch_stride + 16;
}

// unfolded_planes.c: the same between few channels. Which passes, the outputs or the input's gradient, the floats of
// scratch that they take, and their weights. The second asks for `inputs_are_planes`.
bool spar_unfolded_inputs_are_planes(const spar_unfolded *task);
bool spar_unfolded_outputs_are_planes(const spar_unfolded *task);
void spar_unfolded_correlate(const spar_unfolded *task, const spar_share *share, bool backward);
int64_t spar_unfolded_correlation_floats(const spar_unfolded *task, bool backward);
void spar_unfolded_pack_planes(const spar_unfolded *task, bool backward, float *packed);

// The weights' gradient of samples first ≤ n < last, in vectors of sums [output][channel][tap][16], the floats of
// scratch that it takes, and what the sums add up to.
static inline int64_t spar_unfolded_plane_sums(const spar_unfolded *task) {
    return task->outputs * task->depth * 16;
}
void spar_unfolded_sum_planes(const spar_unfolded *task, int64_t first, int64_t last, bool fresh, float *sums,
                              float *scratch);
int64_t spar_unfolded_plane_gradient_floats(const spar_unfolded *task);
void spar_unfolded_finish_planes(const spar_unfolded *task, const float *sums);

// unfolded_gradient.c: sums of the weights' gradient, [split][group][row][column, padded] in the workspace, or those of
// planes.
static inline int64_t spar_unfolded_sums(const spar_unfolded *task) {
    return task->outputs_are_planes ? spar_unfolded_plane_sums(task) : task->patch * spar_round_up16(task->outputs);
}

void spar_unfolded_gradient_prepare(spar_operation *operation);
void spar_unfolded_gradient(spar_operation *operation, const spar_run *run);
// The same as a pass over samples.
void spar_unfolded_sum_share(spar_operation *operation, const spar_run *run, const spar_share *share);
int spar_unfolded_list_sums(const spar_operation *operation, const spar_run *run, spar_sums *list);
void spar_unfolded_finish(spar_operation *operation, const spar_run *run);

#endif
