// Gradient of the weights of a Winograd convolution: per point, the sum over tiles of outer products of transformed
// inputs and transformed output gradients. Few channels: samples are cut into splits, a thread a split, each
// with sums of its own. Many: all tiles are transformed first and threads share out the points.
#include "ops/convolution.h"
#include "ops/sums.h"

#include "runtime/parallel.h"

#include <string.h>

// Tiles that are transformed at once: both sides of their products should stay in the second-level cache, but be worth
// a sweep over all sums. 28 and 112 made no difference that the timing of VGG-16's step could show (± 10 %).
enum { GRADIENT_TILES = 56 };

static int64_t sum_floats(const spar_winograd *w) {
    return w->points * (int64_t)w->in.channels * w->out_stride;
}

// One split is one of many channels.
static bool shares_points(const spar_operation *operation) {
    return operation->sum_height == SPAR_TREE_HEIGHT;
}

void spar_winograd_gradient_prepare(spar_operation *operation) {
    const spar_winograd *w = &spar_convolution_of(operation)->winograd;
    spar_split_sums(operation, sum_floats(w));
    if (!shares_points(operation)) spar_want_scratch(operation, spar_winograd_tile_floats(w, GRADIENT_TILES));
}

int64_t spar_winograd_gradient_workspace(const spar_operation *operation) {
    const spar_winograd *w = &spar_convolution_of(operation)->winograd;
    int64_t tiles = shares_points(operation) ? spar_winograd_tiles(w, w->out, operation->batch_size) : 0;
    return spar_leaf_count(spar_most_chunks(operation->part_batch_size), operation->sum_height) * sum_floats(w) +
           spar_winograd_tile_floats(w, tiles);
}

typedef struct gradient_task {
    spar_winograd_direction d;
    const spar_run *run;
    spar_winograd_squares in, gradient;
    const spar_operation *operation;
    spar_leaves leaves; // of the sums
    int64_t tiles;
    int64_t block; // tiles the transformed arrays have room for
    float *sums;   // [split][point][in][out]
    spar_parameter *weight;
} gradient_task;

static gradient_task task_of(const spar_operation *operation, const spar_run *run) {
    const spar_convolution *convolution = operation->state;
    const spar_winograd *w = &convolution->winograd;
    spar_winograd_direction d = spar_winograd_direction_of(w, run->kernels, false);
    return (gradient_task){.d = d,
                           .run = run,
                           .operation = operation,
                           .leaves = spar_leaves_of(&run->part, operation->sum_height, run->part.rank),
                           .in = spar_winograd_inputs(&d, operation->inputs[0]->data, convolution->zeros),
                           .gradient = {.data = operation->output->gradient,
                                        .extent = d.to,
                                        .stride = d.to_stride,
                                        .size = w->tile,
                                        .zeros = convolution->zeros},
                           .tiles = spar_winograd_tiles(w, w->out, run->batch),
                           .block = GRADIENT_TILES,
                           .sums = run->workspace,
                           .weight = operation->parameters[0]};
}

static void transform_both(const gradient_task *task, int64_t first, int64_t last, float *left, float *right) {
    const spar_winograd_direction *d = &task->d;
    spar_winograd_strip plain = {0};
    spar_winograd_transform_tiles(d, &task->in, d->kernels->input, first, last, task->block, left, plain);
    spar_winograd_transform_tiles(d, &task->gradient, d->kernels->output_transposed, first, last, task->block, right,
                                  plain);
}

static void add_point(const gradient_task *task, int point, int64_t tiles, const float *left, const float *right,
                      float *sums, bool fresh) {
    const spar_winograd_direction *d = &task->d;
    int64_t channels = d->from.channels, columns = d->to_stride;
    spar_add_outer_products(
        d->products,
        (spar_matrix){left + point * spar_winograd_point_floats(task->block, d->from_stride), d->from_stride},
        (spar_matrix){right + point * spar_winograd_point_floats(task->block, columns), columns}, tiles, channels,
        columns, (spar_rows){sums + point * channels * columns, columns}, !fresh);
}

// The transformed gradients' place, behind the transformed inputs.
static float *gradients_behind(const gradient_task *task, float *inputs) {
    return inputs + task->d.winograd->points * spar_winograd_point_floats(task->block, task->d.from_stride);
}

// Adds the products of tiles first … last to the sums of a split.
static void sum_tiles(const gradient_task *task, int64_t first, int64_t last, float *sums, bool fresh, float *scratch) {
    float *left = scratch, *right = gradients_behind(task, left);
    for (int64_t start = first; start < last; start += task->block) {
        int64_t stop = start + task->block < last ? start + task->block : last;
        transform_both(task, start, stop, left, right);
        for (int p = 0; p < task->d.winograd->points; p++) {
            add_point(task, p, stop - start, left, right, sums, fresh && start == first);
        }
    }
}

static void sum_splits(void *context, int64_t first, int64_t last, int thread) {
    const gradient_task *task = context;
    int64_t floats = sum_floats(task->d.winograd);
    for (int64_t split = first; split < last; split++) {
        int64_t leaf = task->leaves.first + split;
        spar_leaves samples = spar_samples_of_leaf(task->run, task->operation->sum_height, leaf);
        sum_tiles(task, samples.first * task->d.tiles_per_sample, samples.last * task->d.tiles_per_sample,
                  task->sums + leaf * floats, true, task->run->scratch + thread * task->run->scratch_floats);
    }
}

void spar_winograd_sum_share(spar_operation *operation, const spar_run *run, const spar_share *share) {
    gradient_task task = task_of(operation, run);
    sum_tiles(&task, share->first * task.d.tiles_per_sample, share->last * task.d.tiles_per_sample,
              task.sums + share->chunk * sum_floats(task.d.winograd), share->opens, share->scratch);
}

int spar_winograd_list_sums(const spar_operation *operation, const spar_run *run, spar_sums *list) {
    list[0] = spar_sums_of_floats(run->workspace, sum_floats(&spar_convolution_of(operation)->winograd));
    list[0].height = operation->sum_height;
    return 1;
}

// Many channels: behind the sums in the workspace are all transformed tiles.
static float *all_left(const gradient_task *task) {
    return task->sums + sum_floats(task->d.winograd);
}

static void transform_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    gradient_task *task = context;
    transform_both(task, first, last, all_left(task) + first * task->d.from_stride,
                   gradients_behind(task, all_left(task)) + first * task->d.to_stride);
}

static void sum_points(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    gradient_task *task = context;
    for (int64_t p = first; p < last; p++)
        add_point(task, (int)p, task->tiles, all_left(task), gradients_behind(task, all_left(task)), task->sums, true);
}

void spar_winograd_gradient(spar_operation *operation, const spar_run *run) {
    gradient_task task = task_of(operation, run);
    if (task.tiles == 0) return;
    if (shares_points(operation)) {
        task.block = task.tiles;
        spar_parallel(run->threads, task.tiles, transform_tiles, &task);
        spar_parallel(run->threads, task.d.winograd->points, sum_points, &task);
    } else {
        spar_parallel(run->threads, task.leaves.last - task.leaves.first, sum_splits, &task);
    }
}

// One row of inputs, transformed back.
static void finish_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    gradient_task *task = context;
    const spar_winograd_direction *d = &task->d;
    int64_t channels = d->from.channels, columns = d->to_stride, tap_floats = channels * columns;
    for (int64_t row = first; row < last; row++) {
        float *taps = task->weight->gradient + row * columns;
        d->kernels->weight_transposed(
            &(spar_winograd_strip){.channels = columns,
                                   .tiles = 1,
                                   .rows = {taps, taps + 3 * tap_floats, taps + 6 * tap_floats},
                                   .pixel = tap_floats,
                                   .width = 3,
                                   .points = task->sums + row * columns,
                                   .point = tap_floats,
                                   .accumulate = (task->run->backward_flags & SPAR_BACKWARD_ACCUMULATE) != 0});
    }
}

void spar_winograd_finish(spar_operation *operation, const spar_run *run) {
    gradient_task task = task_of(operation, run);
    spar_parallel(run->threads, task.d.from.channels, finish_rows, &task);
}
