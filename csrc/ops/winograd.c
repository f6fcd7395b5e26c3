// Winograd's convolutions: forward and backward data, and the algorithm's row in the list.
#include "ops/convolution.h"

#include "runtime/parallel.h"

#include <stdatomic.h>
#include <string.h>

// Larger blocks read the weights less often, smaller ones leave more room in the second-level cache. Weights beyond
// MOST_SHARED_FLOATS do not stay in cache beside a block, so they are read once, by threads that share out the points.
// Beyond MOST_KEPT_FLOATS they are out of every cache before the first is read.
// Chains read the weights for every share of samples: those must be few, and the tiles of a sample many.
enum {
    BLOCK_FLOATS = 40 * 1024,
    LEAST_TILES = 28,
    MOST_SHARED_FLOATS = 1 << 20,
    MOST_KEPT_FLOATS = 4 << 20,
    MOST_CHAINED_FLOATS = 1 << 14,
    LEAST_CHAINED_TILES = 14,
};

static bool fits(const spar_operation *operation) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    spar_extent in = operation->inputs[0]->extent, out = operation->output->extent;
    return !operation->exact && s->kernel_height == 3 && s->kernel_width == 3 && s->stride_height == 1 &&
           s->stride_width == 1 && s->padding_height <= 2 && s->padding_width <= 2 && s->groups == 1 &&
           in.channels >= 16 && out.channels >= 16 && operation->inputs[0]->stride % 16 == 0 && out.height >= 2 &&
           out.width >= 2;
}

// Tiles of a block: its transformed inputs and outputs should stay in the second-level cache, but a block must be
// worth a sweep over all the weights.
static int64_t block_tiles(const spar_winograd *w) {
    int64_t tiles = BLOCK_FLOATS / (w->points * (w->in_stride + w->out_stride)) / 14 * 14;
    int64_t least = w->in_stride * w->out_stride > 128 * 128 ? 2 * LEAST_TILES : LEAST_TILES;
    return tiles < least ? least : tiles;
}

typedef struct product_task {
    spar_winograd_direction d;
    const float *packed, *zeros, *bias;
    spar_rows in, out;
    bool accumulate;
    int64_t block;
    const spar_run *run;
} product_task;

// [tile][depth] · [depth][columns] for points first … last.
static void multiply_points(const spar_winograd_direction *d, const float *packed, int64_t first, int64_t last,
                            int64_t tiles, int64_t block, const float *left, float *right) {
    int64_t depth = d->from.channels, columns = d->to_stride;
    int64_t from = spar_winograd_point_floats(block, d->from_stride), to = spar_winograd_point_floats(block, columns);
    for (int64_t p = first; p < last; p++) {
        spar_multiply(d->products, (spar_matrix){left + p * from, d->from_stride}, tiles, depth,
                      packed + p * columns * depth, columns, NULL, (spar_rows){right + p * to, columns}, false);
    }
}

static void transform_inputs(const product_task *task, int64_t first, int64_t last, float *transformed) {
    spar_winograd_squares squares = spar_winograd_inputs(&task->d, task->in.data, task->zeros);
    spar_winograd_transform_tiles(&task->d, &squares, task->d.kernels->input, first, last, task->block, transformed,
                                  (spar_winograd_strip){0});
}

static void transform_outputs(const product_task *task, int64_t first, int64_t last, float *products) {
    const spar_winograd_direction *d = &task->d;
    spar_winograd_squares squares = {
        .data = task->out.data, .extent = d->to, .stride = d->to_stride, .size = d->winograd->tile};
    spar_winograd_transform_tiles(d, &squares, d->kernels->output, first, last, task->block, products,
                                  (spar_winograd_strip){.accumulate = task->accumulate, .bias = task->bias});
}

// The products' place, behind the transformed inputs.
static float *products_behind(const product_task *task, float *transformed) {
    return transformed + task->d.winograd->points * spar_winograd_point_floats(task->block, task->d.from_stride);
}

static void product_block(const product_task *task, int64_t first, int64_t last, float *scratch) {
    float *left = scratch, *right = products_behind(task, left);
    for (int64_t start = first; start < last; start += task->block) {
        int64_t end = start + task->block < last ? start + task->block : last;
        transform_inputs(task, start, end, left);
        multiply_points(&task->d, task->packed, 0, task->d.winograd->points, end - start, task->block, left, right);
        transform_outputs(task, start, end, right);
    }
}

static void product_tiles(void *context, int64_t first, int64_t last, int thread) {
    const product_task *task = context;
    product_block(task, first, last, task->run->scratch + thread * task->run->scratch_floats);
}

// Weights beyond the caches are better read once: all tiles are transformed, then threads share out the points.
static bool shares_points(const spar_winograd *w) {
    return w->points * w->in_stride * w->out_stride > MOST_SHARED_FLOATS;
}

static void transform_all_inputs(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    product_task *task = context;
    transform_inputs(task, first, last, task->run->workspace + first * task->d.from_stride);
}

static void multiply_all_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    product_task *task = context;
    multiply_points(&task->d, task->packed, first, last, task->block, task->block, task->run->workspace,
                    products_behind(task, task->run->workspace));
}

static void transform_all_outputs(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    product_task *task = context;
    transform_outputs(task, first, last, products_behind(task, task->run->workspace) + first * task->d.to_stride);
}

static product_task task_of(const spar_operation *operation, const spar_run *run, bool backward) {
    const spar_convolution *convolution = operation->state;
    const spar_winograd *w = &convolution->winograd;
    return (product_task){.d = spar_winograd_direction_of(w, run->kernels, backward),
                          .packed = convolution->packed[backward],
                          .zeros = convolution->zeros,
                          .bias = spar_product_bias(operation, backward),
                          .in = spar_product_input(operation, backward),
                          .out = spar_product_output(operation, backward),
                          .accumulate = spar_product_accumulates(operation, backward),
                          .block = block_tiles(w),
                          .run = run};
}

static void product(const spar_operation *operation, const spar_run *run, bool backward) {
    const spar_winograd *w = &spar_convolution_of(operation)->winograd;
    product_task task = task_of(operation, run, backward);
    int64_t tiles = run->batch * task.d.tiles_per_sample;
    if (!shares_points(w)) {
        spar_parallel(run->threads, tiles, product_tiles, &task);
        return;
    }
    if (tiles == 0) return;
    task.block = tiles;
    spar_parallel(run->threads, tiles, transform_all_inputs, &task);
    spar_parallel(run->threads, w->points, multiply_all_tiles, &task);
    spar_parallel(run->threads, tiles, transform_all_outputs, &task);
}

static void product_share(const spar_operation *operation, const spar_run *run, const spar_share *share,
                          bool backward) {
    product_task task = task_of(operation, run, backward);
    product_block(&task, share->first * task.d.tiles_per_sample, share->last * task.d.tiles_per_sample, share->scratch);
}

static void forward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    product_share(operation, run, share, false);
}

static void backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    product_share(operation, run, share, true);
}

static int64_t packed_floats(const spar_operation *operation, bool backward) {
    (void)backward;
    const spar_winograd *w = &spar_convolution_of(operation)->winograd;
    return w->points * w->in_stride * w->out_stride;
}

typedef struct pack_task {
    spar_winograd_direction d;
    float *weights;
    int64_t stride; // of a row of weights
    bool transposed;
    float *packed;
    bool past_caches;
    const spar_run *run;
} pack_task;

enum { PACK_ROWS = 16 };

// Makes rows k … k + 16 of the transposed weights of every tap, the kernel turned around, as [tap][row][column].
static void transpose_rows(const pack_task *task, int64_t k, float *rows) {
    const spar_winograd_direction *d = &task->d;
    int64_t inputs = d->winograd->in.channels, columns = d->to_stride;
    for (int tap = 0; tap < 9; tap++) {
        const float *weights = task->weights + (8 - tap) * inputs * task->stride + k;
        float *target = rows + tap * PACK_ROWS * columns;
        int64_t whole = inputs / 4 * 4;
        d->products->transpose(weights, task->stride, whole, 16, target, columns);
        for (int64_t r = 0; r < PACK_ROWS; r++) {
            for (int64_t c = whole; c < columns; c++)
                target[r * columns + c] = c < inputs ? weights[c * task->stride + r] : 0;
        }
    }
}

// Rows k … k + count of all panels: of a panel those of a point lie behind each other.
static void pack_rows(const pack_task *task, float *weights, int64_t stride, int64_t tap_floats, int64_t k,
                      int64_t count) {
    const spar_winograd_direction *d = &task->d;
    int64_t depth = d->from.channels, columns = d->to_stride;
    int tile_columns = d->products->tile_columns;
    for (int64_t panel = 0; panel < columns; panel += tile_columns) {
        int64_t width = columns - panel < tile_columns ? columns - panel : tile_columns;
        float *taps = weights + panel;
        for (int64_t r = 0; r < count; r++, taps += stride) {
            d->kernels->weight(&(spar_winograd_strip){.channels = width,
                                                      .tiles = 1,
                                                      .past_caches = task->past_caches,
                                                      .rows = {taps, taps + 3 * tap_floats, taps + 6 * tap_floats},
                                                      .pixel = tap_floats,
                                                      .width = 3,
                                                      .points = task->packed + panel * depth + (k + r) * width,
                                                      .point = columns * depth});
        }
    }
}

// An index is a block of PACK_ROWS rows.
static void pack_blocks(void *context, int64_t first, int64_t last, int thread) {
    pack_task *task = context;
    const spar_winograd_direction *d = &task->d;
    int64_t depth = d->from.channels, columns = d->to_stride;
    float *own = task->run->scratch + thread * task->run->scratch_floats;
    for (int64_t block = first; block < last; block++) {
        int64_t k = block * PACK_ROWS;
        int64_t count = depth - k < PACK_ROWS ? depth - k : PACK_ROWS;
        if (task->transposed) {
            transpose_rows(task, k, own);
            pack_rows(task, own, columns, PACK_ROWS * columns, k, count);
        } else {
            pack_rows(task, task->weights + k * task->stride, task->stride, depth * task->stride, k, count);
        }
    }
    atomic_thread_fence(memory_order_seq_cst);
}

static void pack(const spar_operation *operation, const spar_run *run, bool backward) {
    const spar_convolution *convolution = operation->state;
    const spar_parameter *weight = operation->parameters[0];
    pack_task task = {.d = spar_winograd_direction_of(&convolution->winograd, run->kernels, backward),
                      .weights = weight->value,
                      .stride = weight->spec.stride,
                      .transposed = backward,
                      .packed = convolution->packed[backward],
                      .past_caches = packed_floats(operation, backward) > MOST_KEPT_FLOATS,
                      .run = run};
    spar_parallel(run->threads, (task.d.from.channels + PACK_ROWS - 1) / PACK_ROWS, pack_blocks, &task);
}

static spar_winograd winograd_of(const spar_operation *operation) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    spar_extent out = operation->output->extent;
    // On maps below 4×4, tiles of 4×4 would mostly compute what lies outside.
    int tile = out.height >= 4 && out.width >= 4 ? 4 : 2;
    return (spar_winograd){.tile = tile,
                           .points = (tile + 2) * (tile + 2),
                           .in = operation->inputs[0]->extent,
                           .out = out,
                           .padding_height = s->padding_height,
                           .padding_width = s->padding_width,
                           .in_stride = operation->inputs[0]->stride,
                           .out_stride = operation->output->stride};
}

// The sums of the weights' gradient, which every chunk makes anew, should be few, and a sample's tiles many.
static bool chains(const spar_operation *operation) {
    spar_winograd w = winograd_of(operation);
    return w.points * w.in_stride * w.out_stride <= MOST_CHAINED_FLOATS &&
           spar_winograd_tiles(&w, w.out, 1) >= LEAST_CHAINED_TILES;
}

static spar_status prepare(spar_operation *operation) {
    spar_convolution *convolution = operation->state;
    convolution->winograd = winograd_of(operation);
    const spar_winograd *w = &convolution->winograd;
    operation->kernel = w->tile == 4 ? "winograd4" : "winograd2";
    int64_t widest = w->in_stride > w->out_stride ? w->in_stride : w->out_stride;
    spar_want_scratch(operation, 9 * PACK_ROWS * widest);
    if (!shares_points(w)) spar_want_scratch(operation, spar_winograd_tile_floats(w, block_tiles(w)));
    spar_winograd_gradient_prepare(operation);
    return SPAR_OK;
}

static int64_t multiplications(const spar_operation *operation, spar_pass_kind kind) {
    const spar_winograd *w = &spar_convolution_of(operation)->winograd;
    int64_t tiles = spar_winograd_tiles(w, kind == SPAR_PASS_DATA ? w->in : w->out, 1);
    return tiles * w->points * w->in.channels * w->out.channels;
}

static int64_t workspace(const spar_operation *operation, spar_pass_kind kind) {
    const spar_winograd *w = &spar_convolution_of(operation)->winograd;
    if (kind == SPAR_PASS_WEIGHTS) return spar_winograd_gradient_workspace(operation);
    if (!shares_points(w)) return 0;
    spar_extent to = kind == SPAR_PASS_DATA ? w->in : w->out;
    return spar_winograd_tile_floats(w, spar_winograd_tiles(w, to, operation->batch_size));
}

const spar_convolution_algorithm spar_convolution_winograd = {.name = "winograd",
                                                              .fits = fits,
                                                              .chains = chains,
                                                              .prepare = prepare,
                                                              .multiplications = multiplications,
                                                              .workspace = workspace,
                                                              .packed_floats = packed_floats,
                                                              .pack = pack,
                                                              .product = product,
                                                              .product_samples = {forward_samples, backward_samples},
                                                              .gradient = spar_winograd_gradient,
                                                              .gradient_pass = {.samples = spar_winograd_sum_share,
                                                                                .sums = spar_winograd_list_sums,
                                                                                .end = spar_winograd_finish,
                                                                                .writes = SPAR_SUMS}};
