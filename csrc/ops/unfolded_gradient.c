// Gradient of the weights of an unfolded convolution: outer products of patches and the output's gradient, summed
// over chunks where the operation chains, elsewhere over splits of the samples.
#include "ops/sums.h"
#include "ops/unfolded.h"

#include "runtime/parallel.h"

#include <string.h>

// Whose gradients stay in the first-level cache. Half and four times as many changed LeNet-5's step by less than the
// timing's noise (8 %).
enum { LINE_PIXELS = 256 };

void spar_unfolded_gradient_prepare(spar_operation *operation) {
    spar_unfolded task = spar_unfolded_of(operation, NULL);
    spar_split_sums(operation, spar_unfolded_sums(&task));
}

// The sums of a split, and the columns of them that are made.
typedef struct split_sums {
    float *sums;
    int64_t from, to;
    bool fresh; // there are none yet
} split_sums;

// Rows of outputs are taken several at once, as many as stay in the first-level cache with what they read.
static void sum_rows(const spar_unfolded *task, int64_t first, int64_t last, split_sums to, float *padded) {
    const spar_tensor *output = task->operation->output;
    const spar_conv2d_params *s = task->settings;
    int64_t columns = spar_round_up16(task->outputs), tile = task->run->kernels->tile_columns;
    int64_t width = output->extent.width, height = output->extent.height;
    int64_t line = task->padded_width * task->channels, run = s->kernel_width * task->channels;
    int64_t most = LINE_PIXELS / width > 0 ? LINE_PIXELS / width : 1;
    for (int64_t sample = first; sample < last; sample++) {
        spar_unfolded_pad(task, sample, padded);
        for (int64_t y = 0, lines; y < height; y += lines, to.fresh = false) {
            lines = height - y < most ? height - y : most;
            const float *d = output->gradient + (sample * height + y) * width * output->stride;
            for (int ky = 0; ky < s->kernel_height; ky++) {
                for (int64_t panel = to.from; panel < to.to; panel += tile) {
                    task->run->kernels->outer_product(
                        &(spar_outer_product){.rows = run,
                                              .count = width,
                                              .lines = lines,
                                              .columns = (int)(to.to - panel < tile ? to.to - panel : tile),
                                              .x = padded + (y * s->stride_height + ky) * line,
                                              .x_stride = s->stride_width * task->channels,
                                              .x_line = s->stride_height * line,
                                              .d = d + panel,
                                              .d_stride = output->stride,
                                              .d_line = width * output->stride,
                                              .c = to.sums + ky * run * columns + panel,
                                              .c_stride = columns,
                                              .accumulate = !to.fresh,
                                              .pairs = task->few_rows});
                }
            }
        }
    }
}

// Columns of a group of `count` pixels, where its last vector would reach into the next pixel, which in a chain another
// thread may be writing.
static spar_matrix copy_group(const spar_unfolded *task, spar_matrix d, int64_t count, split_sums to, float *narrow) {
    int64_t stride = spar_round_up16(task->outputs),
            columns = (to.to < task->outputs ? to.to : task->outputs) - to.from;
    for (int64_t p = 0; p < count; p++) {
        memset(narrow + p * stride, 0, (size_t)(to.to - to.from) * sizeof *narrow);
        memcpy(narrow + p * stride, d.data + p * d.stride, (size_t)columns * sizeof *narrow);
    }
    return (spar_matrix){narrow, stride};
}

static void sum_blocks(const spar_unfolded *task, int64_t first, int64_t last, split_sums to, float *scratch) {
    const spar_tensor *output = task->operation->output;
    int64_t columns = spar_round_up16(task->outputs), end = last * task->pixels;
    for (int64_t start = first * task->pixels; start < end; start += task->block_pixels, to.fresh = false) {
        int64_t count = end - start < task->block_pixels ? end - start : task->block_pixels;
        spar_matrix patches = spar_unfold(task, start, count, scratch);
        spar_matrix d = {output->gradient + start * output->stride + to.from, output->stride};
        for (int group = 0; group < task->settings->groups; group++) {
            spar_rows sums = {to.sums + group * task->depth * columns + to.from, columns};
            bool inside = group * task->outputs + to.to <= output->stride;
            spar_matrix own = inside ? d : copy_group(task, d, count, to, spar_unfolded_narrow(task, scratch));
            spar_add_outer_products(task->run->kernels, patches, own, count, task->depth, to.to - to.from, sums,
                                    !to.fresh);
            patches.data += task->depth, d.data += task->outputs;
        }
    }
}

static void sum_samples(const spar_unfolded *task, int64_t first, int64_t last, split_sums to, float *scratch) {
    if (task->outputs_are_planes) {
        spar_unfolded_sum_planes(task, first, last, to.fresh, to.sums, scratch);
        return;
    }
    memset(scratch, 0, (size_t)task->padded_floats * sizeof(float));
    (task->reads_padded ? sum_rows : sum_blocks)(task, first, last, to, scratch);
}

void spar_unfolded_sum_share(spar_operation *operation, const spar_run *run, const spar_share *share) {
    spar_unfolded task = spar_unfolded_of(operation, run);
    split_sums to = {.sums = run->workspace + share->chunk * spar_unfolded_sums(&task),
                     .to = spar_round_up16(task.outputs),
                     .fresh = share->opens};
    sum_samples(&task, share->first, share->last, to, share->scratch);
}

int spar_unfolded_list_sums(const spar_operation *operation, const spar_run *run, spar_sums *list) {
    spar_unfolded task = spar_unfolded_of(operation, run);
    list[0] = spar_sums_of_floats(run->workspace, spar_unfolded_sums(&task));
    list[0].height = operation->sum_height;
    return 1;
}

typedef struct gradient_task {
    spar_unfolded unfolded;
    spar_leaves leaves;
    int64_t parts; // of a split's panels of columns
} gradient_task;

static int64_t panels_of(const spar_unfolded *task) {
    int64_t tile = task->run->kernels->tile_columns;
    return (spar_round_up16(task->outputs) + tile - 1) / tile;
}

// An index is a part of a split.
static void sum_parts(void *context, int64_t first, int64_t last, int thread) {
    const gradient_task *task = context;
    const spar_unfolded *unfolded = &task->unfolded;
    const spar_run *run = unfolded->run;
    int64_t columns = spar_round_up16(unfolded->outputs), tile = run->kernels->tile_columns;
    for (int64_t index = first; index < last; index++) {
        int64_t split = task->leaves.first + index / task->parts, part = index % task->parts,
                panels = panels_of(unfolded);
        split_sums to = {.sums = run->workspace + split * spar_unfolded_sums(unfolded),
                         .from = panels * part / task->parts * tile,
                         .to = panels * (part + 1) / task->parts * tile,
                         .fresh = true};
        if (to.to > columns) to.to = columns;
        spar_leaves samples = spar_samples_of_leaf(run, unfolded->operation->sum_height, split);
        sum_samples(unfolded, samples.first, samples.last, to, run->scratch + thread * run->scratch_floats);
    }
}

// There are enough parts for all threads.
void spar_unfolded_gradient(spar_operation *operation, const spar_run *run) {
    gradient_task task = {.unfolded = spar_unfolded_of(operation, run),
                          .leaves = spar_leaves_of(&run->part, operation->sum_height, run->part.rank)};
    int64_t panels = panels_of(&task.unfolded), splits = task.leaves.last - task.leaves.first;
    if (splits == 0) return;
    task.parts = (run->threads + splits - 1) / splits;
    if (task.parts > panels) task.parts = panels;
    spar_parallel(run->threads, splits * task.parts, sum_parts, &task);
}

static void add_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const spar_unfolded *task = context;
    const spar_run *run = task->run;
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    int64_t columns = spar_round_up16(task->outputs);
    for (int64_t row = first; row < last; row++) {
        float *gradient =
            weight->gradient + row % task->depth * weight->spec.stride + row / task->depth * task->outputs;
        if (!(run->backward_flags & SPAR_BACKWARD_ACCUMULATE)) {
            memset(gradient, 0, (size_t)task->outputs * sizeof *gradient);
        }
        run->kernels->add(run->workspace + row * columns, gradient, task->outputs);
    }
}

void spar_unfolded_finish(spar_operation *operation, const spar_run *run) {
    spar_unfolded task = spar_unfolded_of(operation, run);
    if (task.outputs_are_planes) {
        spar_unfolded_finish_planes(&task, run->workspace);
        return;
    }
    spar_parallel(spar_unfolded_sums(&task) < SPAR_BLOCK_FLOATS ? 1 : run->threads, task.patch, add_rows, &task);
}
