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
    spar_winograd_transform_tiles(d, &task->in, d->kernels->input, first, last, task->block, left);
    spar_winograd_transform_tiles(d, &task->gradient, d->kernels->output_transposed, first, last, task->block, right);
}

static void add_point(const gradient_task *task, int point, int64_t tiles, const float *left, const float *right,
                      float *sums, bool fresh) {
    const spar_winograd_direction *d = &task->d;
    int tile_rows = d->products->tile_rows, tile_columns = d->products->tile_columns;
    int64_t channels = d->from.channels, columns = d->to_stride;
    const float *rows[GRADIENT_TILES];
    for (int64_t start = 0; start < tiles; start += GRADIENT_TILES) {
        int64_t count = tiles - start < GRADIENT_TILES ? tiles - start : GRADIENT_TILES;
        for (int64_t t = 0; t < count; t++) rows[t] = left + (point * task->block + start + t) * d->from_stride;
        for (int64_t panel = 0; panel < columns; panel += tile_columns) {
            for (int64_t row = 0; row < channels; row += tile_rows) {
                d->products->outer_tile(&(spar_outer_tile){
                    .rows = (int)(channels - row < tile_rows ? channels - row : tile_rows),
                    .columns = (int)(columns - panel < tile_columns ? columns - panel : tile_columns),
                    .count = count,
                    .x = rows,
                    .x_offset = row,
                    .d = right + (point * task->block + start) * columns + panel,
                    .d_stride = columns,
                    .c = sums + (point * channels + row) * columns + panel,
                    .c_stride = columns,
                    .accumulate = !fresh || start > 0});
            }
        }
    }
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
        const float *in[SPAR_MOST_POINTS];
        float *out[9];
        for (int p = 0; p < d->winograd->points; p++) {
            float *sums = task->sums + (p * channels + row) * columns;
            for (int64_t split = 1; split < task->splits; split++) {
                d->products->add(sums + split * floats, sums, columns);
            }
            in[p] = sums;
        }
        for (int tap = 0; tap < 9; tap++) out[tap] = task->weight->gradient + (tap * channels + row) * columns;
        d->kernels->weight_transposed(
            &(spar_winograd_transform){.channels = columns,
                                       .in = in,
                                       .out = out,
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
                                       .outside = convolution->zeros},
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
