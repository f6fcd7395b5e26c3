// Gradient of the weights of a Winograd convolution: per point, the sum over tiles of outer products of transformed
// inputs and transformed output gradients. Few channels: tiles are cut into splits, a thread a split, each
// with sums of its own. Many: all tiles are transformed first and threads share out the points.
#include "ops/convolution.h"

#include "runtime/parallel.h"

#include <string.h>

enum { MOST_SPLITS = 16, MOST_SUM_FLOATS = 1 << 22, GRADIENT_TILES = 112 };

static int64_t sum_floats(const spar_winograd *w) {
    return w->points * (int64_t)w->in.channels * w->out_stride;
}

int64_t spar_winograd_gradient_splits(const spar_winograd *w, int64_t batch) {
    int64_t tiles = spar_winograd_tiles(w, w->out, batch), blocks = (tiles + GRADIENT_TILES - 1) / GRADIENT_TILES;
    int64_t splits = MOST_SUM_FLOATS / sum_floats(w);
    if (splits > MOST_SPLITS) splits = MOST_SPLITS;
    if (splits > blocks) splits = blocks;
    return splits < 2 ? 1 : splits;
}

int64_t spar_winograd_gradient_workspace(const spar_winograd *w, int64_t splits, int64_t batch, int threads) {
    int64_t room = splits == 1 ? spar_winograd_tiles(w, w->out, batch) : threads * GRADIENT_TILES;
    return splits * sum_floats(w) + room * w->points * (w->in_stride + w->out_stride);
}

typedef struct gradient_task {
    spar_winograd_direction d;
    const spar_run *run;
    spar_winograd_squares in, gradient;
    int64_t tiles, splits;
    int64_t block; // tiles the transformed arrays have room for
    float *sums;   // [split][point][in][out]
    float *left, *right;
    int64_t workspace_floats; // between the arrays of threads
    spar_parameter *weight;
} gradient_task;

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
    spar_add_outer_products(d->products, (spar_matrix){left + point * task->block * d->from_stride, d->from_stride},
                            (spar_matrix){right + point * task->block * columns, columns}, tiles, channels, columns,
                            (spar_rows){sums + point * channels * columns, columns}, !fresh);
}

static void sum_splits(void *context, int64_t first, int64_t last, int thread) {
    gradient_task *task = context;
    float *left = task->left + thread * task->workspace_floats, *right = task->right + thread * task->workspace_floats;
    int64_t floats = sum_floats(task->d.winograd);
    for (int64_t split = first; split < last; split++) {
        float *sums = task->sums + split * floats;
        int64_t begin = task->tiles * split / task->splits, end = task->tiles * (split + 1) / task->splits;
        if (begin == end) memset(sums, 0, (size_t)floats * sizeof *sums);
        for (int64_t start = begin; start < end; start += GRADIENT_TILES) {
            int64_t stop = start + GRADIENT_TILES < end ? start + GRADIENT_TILES : end;
            transform_both(task, start, stop, left, right);
            for (int p = 0; p < task->d.winograd->points; p++)
                add_point(task, p, stop - start, left, right, sums, start == begin);
        }
    }
}

static void transform_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    gradient_task *task = context;
    transform_both(task, first, last, task->left + first * task->d.from_stride,
                   task->right + first * task->d.to_stride);
}

static void sum_points(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    gradient_task *task = context;
    for (int64_t p = first; p < last; p++)
        add_point(task, (int)p, task->tiles, task->left, task->right, task->sums, true);
}

// One row of inputs: adds the splits and transforms back.
static void finish_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    gradient_task *task = context;
    const spar_winograd_direction *d = &task->d;
    int64_t channels = d->from.channels, columns = d->to_stride, floats = sum_floats(d->winograd);
    for (int64_t row = first; row < last; row++) {
        for (int p = 0; p < d->winograd->points; p++) {
            float *sums = task->sums + (p * channels + row) * columns;
            for (int64_t split = 1; split < task->splits; split++) {
                d->products->add(sums + split * floats, sums, columns);
            }
        }
        float *taps = task->weight->gradient + row * columns;
        int64_t tap_floats = channels * columns;
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

void spar_winograd_gradient(const spar_step *step, const spar_run *run) {
    const spar_convolution *convolution = step->state;
    const spar_winograd *w = &convolution->winograd;
    spar_winograd_direction d = spar_winograd_direction_of(w, run->kernels, false);
    gradient_task task = {.d = d,
                          .run = run,
                          .in = spar_winograd_inputs(&d, step->inputs[0]->data, convolution->zeros),
                          .gradient = {.data = step->output->gradient,
                                       .extent = d.to,
                                       .stride = d.to_stride,
                                       .size = w->tile,
                                       .zeros = convolution->zeros},
                          .tiles = spar_winograd_tiles(w, w->out, run->batch),
                          .splits = convolution->splits,
                          .sums = run->workspace,
                          .weight = step->parameters[0]};
    task.left = task.sums + task.splits * sum_floats(w);
    task.block = task.splits == 1 ? task.tiles : GRADIENT_TILES;
    task.right = task.left + w->points * task.block * w->in_stride;
    task.workspace_floats = w->points * task.block * (w->in_stride + w->out_stride);
    if (task.splits == 1) {
        spar_parallel(run->threads, task.tiles, transform_tiles, &task);
        spar_parallel(run->threads, w->points, sum_points, &task);
    } else {
        spar_parallel(run->threads, task.splits, sum_splits, &task);
    }
    spar_parallel(run->threads, task.d.from.channels, finish_rows, &task);
}
