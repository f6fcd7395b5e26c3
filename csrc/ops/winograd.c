#include "ops/convolution.h"

#include "runtime/parallel.h"

#include <string.h>

enum { MOST_POINTS = 36, BLOCK_FLOATS = 160 * 1024, LEAST_TILES = 28, MOST_CACHED_FLOATS = 1 << 22 };

static bool fits(const spar_step *step) {
    const spar_conv2d_params *s = &step->node->settings.convolution;
    spar_extent in = step->inputs[0]->extent, out = step->output->extent;
    return !step->exact && s->kernel_height == 3 && s->kernel_width == 3 && s->stride_height == 1 &&
           s->stride_width == 1 && s->padding_height <= 2 && s->padding_width <= 2 && s->groups == 1 &&
           in.channels >= 16 && out.channels >= 16 && step->inputs[0]->stride % 16 == 0 && out.height >= 2 &&
           out.width >= 2;
}

// One direction of the convolution: images of `from` to images of `to`.
typedef struct direction {
    const spar_winograd *winograd;
    const spar_winograd_kernels *kernels;
    const spar_kernels *products;
    spar_extent from, to;
    int64_t from_stride, to_stride;
    int top, left; // padding
    int64_t across, tiles_per_sample;
} direction;

static direction direction_of(const spar_winograd *w, const spar_kernels *kernels, bool backward) {
    direction d = {.winograd = w,
                   .kernels = &kernels->winograd[w->tile == 4],
                   .products = kernels,
                   .from = backward ? w->out : w->in,
                   .to = backward ? w->in : w->out,
                   .from_stride = backward ? w->out_stride : w->in_stride,
                   .to_stride = backward ? w->in_stride : w->out_stride,
                   .top = backward ? 2 - w->padding_height : w->padding_height,
                   .left = backward ? 2 - w->padding_width : w->padding_width};
    d.across = (d.to.width + w->tile - 1) / w->tile;
    d.tiles_per_sample = d.across * ((d.to.height + w->tile - 1) / w->tile);
    return d;
}

// Tiles of a block: its transformed inputs and outputs should stay in the second-level cache, but a block must be
// worth a sweep over all the weights.
static int64_t block_tiles(const spar_winograd *w) {
    int64_t tiles = BLOCK_FLOATS / (w->points * (w->in_stride + w->out_stride)) / 14 * 14;
    int64_t least = w->in_stride * w->out_stride > 128 * 128 ? 2 * LEAST_TILES : LEAST_TILES;
    return tiles < least ? least : tiles;
}

// Rows of the square of `size` pixels at (top, left) of a sample; `outside` for those beyond the image.
static void list_square(float *image, spar_extent extent, int64_t stride, int top, int left, int size, float *outside,
                        float **rows) {
    if (top >= 0 && left >= 0 && top + size <= extent.height && left + size <= extent.width) {
        float *row = image + ((int64_t)top * extent.width + left) * stride;
        for (int y = 0; y < size; y++, row += extent.width * stride) {
            for (int x = 0; x < size; x++) *rows++ = row + x * stride;
        }
        return;
    }
    for (int y = top; y < top + size; y++) {
        for (int x = left; x < left + size; x++) {
            bool inside = y >= 0 && y < extent.height && x >= 0 && x < extent.width;
            *rows++ = inside ? image + ((int64_t)y * extent.width + x) * stride : outside;
        }
    }
}

// Transforms tiles first … last of the images into [point][tile][channel].
static void transform_inputs(const direction *d, const float *images, const float *zeros, int64_t first, int64_t last,
                             int64_t block, float *transformed) {
    float *rows[MOST_POINTS], *out[MOST_POINTS];
    int m = d->winograd->tile, points = d->winograd->points;
    int64_t sample_floats = spar_pixels(d->from) * d->from_stride;
    spar_winograd_transform transform = {.channels = d->from_stride, .in = (const float *const *)rows, .out = out};
    for (int64_t tile = first; tile < last; tile++) {
        int64_t sample = tile / d->tiles_per_sample, local = tile % d->tiles_per_sample;
        list_square((float *)images + sample * sample_floats, d->from, d->from_stride,
                    (int)(local / d->across) * m - d->top, (int)(local % d->across) * m - d->left, m + 2,
                    (float *)zeros, rows);
        for (int p = 0; p < points; p++) out[p] = transformed + (p * block + tile - first) * d->from_stride;
        d->kernels->input(&transform);
    }
}

typedef struct product_task {
    direction d;
    const float *packed, *zeros, *bias;
    spar_rows in, out;
    bool accumulate;
    int64_t block;
    float *workspace;
    int64_t workspace_floats;
} product_task;

// [tile][depth] · [depth][columns] for points first … last.
static void multiply_points(const direction *d, const float *packed, int64_t first, int64_t last, int64_t tiles,
                            int64_t block, const float *left, float *right) {
    int tile_rows = d->products->tile_rows, tile_columns = d->products->tile_columns;
    int64_t depth = d->from.channels, columns = d->to_stride;
    for (int64_t p = first; p < last; p++) {
        for (int64_t panel = 0; panel < columns; panel += tile_columns) {
            int width = columns - panel < tile_columns ? (int)(columns - panel) : tile_columns;
            for (int64_t row = 0; row < tiles; row += tile_rows) {
                const float *a[SPAR_MAX_TILE_ROWS];
                float *c[SPAR_MAX_TILE_ROWS];
                int height = tiles - row < tile_rows ? (int)(tiles - row) : tile_rows;
                for (int r = 0; r < height; r++) {
                    a[r] = left + (p * block + row + r) * d->from_stride;
                    c[r] = right + (p * block + row + r) * columns + panel;
                }
                d->products->product_tile(&(spar_product_tile){.rows = height,
                                                               .columns = width,
                                                               .taps = 1,
                                                               .depth = (int)depth,
                                                               .a = a,
                                                               .b = packed + (p * columns + panel) * depth,
                                                               .b_stride = width,
                                                               .c = c});
            }
        }
    }
}

static void transform_outputs(const product_task *task, int64_t first, int64_t last, const float *products) {
    const direction *d = &task->d;
    const float *in[MOST_POINTS];
    float *rows[MOST_POINTS];
    int m = d->winograd->tile;
    int64_t sample_floats = spar_pixels(d->to) * d->to_stride;
    spar_winograd_transform transform = {
        .channels = d->to_stride, .in = in, .out = rows, .accumulate = task->accumulate, .bias = task->bias};
    for (int64_t tile = first; tile < last; tile++) {
        int64_t sample = tile / d->tiles_per_sample, local = tile % d->tiles_per_sample;
        list_square(task->out.data + sample * sample_floats, d->to, d->to_stride, (int)(local / d->across) * m,
                    (int)(local % d->across) * m, m, NULL, rows);
        for (int p = 0; p < d->winograd->points; p++)
            in[p] = products + (p * task->block + tile - first) * d->to_stride;
        d->kernels->output(&transform);
    }
}

static void product_tiles(void *context, int64_t first, int64_t last, int thread) {
    product_task *task = context;
    float *left = task->workspace + thread * task->workspace_floats;
    float *right = left + task->d.winograd->points * task->block * task->d.from_stride;
    for (int64_t start = first; start < last; start += task->block) {
        int64_t end = start + task->block < last ? start + task->block : last;
        transform_inputs(&task->d, task->in.data, task->zeros, start, end, task->block, left);
        multiply_points(&task->d, task->packed, 0, task->d.winograd->points, end - start, task->block, left, right);
        transform_outputs(task, start, end, right);
    }
}

// Weights beyond the caches are better read once: all tiles are transformed, then threads share out the points.
static bool shares_points(const spar_winograd *w) {
    return w->points * w->in_stride * w->out_stride > MOST_CACHED_FLOATS;
}

static void transform_all_inputs(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    product_task *task = context;
    transform_inputs(&task->d, task->in.data, task->zeros, first, last, task->block,
                     task->workspace + first * task->d.from_stride);
}

static float *all_products(const product_task *task) {
    return task->workspace + task->d.winograd->points * task->block * task->d.from_stride;
}

static void multiply_all_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    product_task *task = context;
    multiply_points(&task->d, task->packed, first, last, task->block, task->block, task->workspace, all_products(task));
}

static void transform_all_outputs(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    product_task *task = context;
    transform_outputs(task, first, last, all_products(task) + first * task->d.to_stride);
}

static void product(const spar_step *step, const spar_run *run, bool backward) {
    const spar_convolution *convolution = step->state;
    const spar_winograd *w = &convolution->winograd;
    product_task task = {.d = direction_of(w, run->kernels, backward),
                         .packed = convolution->packed[backward],
                         .zeros = convolution->zeros,
                         .bias = spar_product_bias(step, backward),
                         .in = spar_product_input(step, backward),
                         .out = spar_product_output(step, backward),
                         .accumulate = spar_product_accumulates(step, backward),
                         .block = block_tiles(w),
                         .workspace = run->workspace};
    task.workspace_floats = w->points * task.block * (task.d.from_stride + task.d.to_stride);
    int64_t tiles = run->batch * task.d.tiles_per_sample;
    if (!shares_points(w)) {
        spar_parallel(run->threads, tiles, product_tiles, &task);
        return;
    }
    task.block = tiles;
    spar_parallel(run->threads, tiles, transform_all_inputs, &task);
    spar_parallel(run->threads, w->points, multiply_all_tiles, &task);
    spar_parallel(run->threads, tiles, transform_all_outputs, &task);
}

static int64_t packed_floats(const spar_step *step, bool backward) {
    (void)backward;
    const spar_winograd *w = &spar_convolution_of(step)->winograd;
    return w->points * w->in_stride * w->out_stride;
}

typedef struct pack_task {
    direction d;
    const float *weights;
    int64_t stride; // of a row of weights
    bool transposed;
    float *packed;
    float *workspace;
} pack_task;

enum { PACK_ROWS = 16 };

// Makes rows k … k + 16 of the transposed weights of every tap, the kernel turned around, as [tap][row][column].
static void transpose_rows(const pack_task *task, int64_t k, float *rows) {
    const direction *d = &task->d;
    int64_t inputs = d->winograd->in.channels, columns = d->to_stride;
    for (int tap = 0; tap < 9; tap++) {
        const float *weights = task->weights + (8 - tap) * inputs * task->stride + k;
        float *target = rows + tap * PACK_ROWS * columns;
        int64_t whole = inputs / 4 * 4;
        d->products->transpose16(weights, task->stride, whole, target, columns);
        for (int64_t r = 0; r < PACK_ROWS; r++) {
            for (int64_t c = whole; c < columns; c++)
                target[r * columns + c] = c < inputs ? weights[c * task->stride + r] : 0;
        }
    }
}

static void pack_row(const pack_task *task, const float *weights, int64_t tap_floats, int64_t k) {
    const direction *d = &task->d;
    int64_t depth = d->from.channels, columns = d->to_stride;
    int tile_columns = d->products->tile_columns;
    for (int64_t panel = 0; panel < columns; panel += tile_columns) {
        const float *in[9];
        float *out[MOST_POINTS];
        int64_t width = columns - panel < tile_columns ? columns - panel : tile_columns;
        for (int tap = 0; tap < 9; tap++) in[tap] = weights + tap * tap_floats + panel;
        for (int p = 0; p < d->winograd->points; p++) out[p] = task->packed + (p * columns + panel) * depth + k * width;
        d->kernels->weight(&(spar_winograd_transform){.channels = width, .in = in, .out = out});
    }
}

// An index is a block of PACK_ROWS rows.
static void pack_blocks(void *context, int64_t first, int64_t last, int thread) {
    pack_task *task = context;
    const direction *d = &task->d;
    int64_t depth = d->from.channels, columns = d->to_stride;
    float *own = task->workspace + thread * 9 * PACK_ROWS * columns;
    for (int64_t block = first; block < last; block++) {
        int64_t k = block * PACK_ROWS;
        if (task->transposed) transpose_rows(task, k, own);
        for (int64_t r = 0; r < PACK_ROWS && k + r < depth; r++) {
            if (task->transposed) {
                pack_row(task, own + r * columns, PACK_ROWS * columns, k + r);
            } else {
                pack_row(task, task->weights + (k + r) * task->stride, depth * task->stride, k + r);
            }
        }
    }
}

static void pack(const spar_step *step, const spar_run *run, bool backward) {
    const spar_convolution *convolution = step->state;
    const spar_parameter *weight = step->parameters[0];
    pack_task task = {.d = direction_of(&convolution->winograd, run->kernels, backward),
                      .weights = weight->value,
                      .stride = weight->spec.stride,
                      .transposed = backward,
                      .packed = convolution->packed[backward],
                      .workspace = run->workspace};
    spar_parallel(run->threads, (task.d.from.channels + PACK_ROWS - 1) / PACK_ROWS, pack_blocks, &task);
}

// The gradient of the weights: per point, the sum over tiles of outer products of transformed inputs and transposed-
// transformed output gradients. Few channels: tiles are cut into splits, a thread a split, each with sums of its own.
// Many: all tiles are transformed first and threads share out the points.
enum { MOST_SPLITS = 16, MOST_SUM_FLOATS = 1 << 22, GRADIENT_TILES = 112 };

static int64_t sum_floats(const spar_winograd *w) {
    return w->points * (int64_t)w->in.channels * w->out_stride;
}

static int64_t split_count(const spar_winograd *w, int64_t tiles) {
    int64_t splits = MOST_SUM_FLOATS / sum_floats(w), blocks = (tiles + GRADIENT_TILES - 1) / GRADIENT_TILES;
    if (splits > MOST_SPLITS) splits = MOST_SPLITS;
    if (splits > blocks) splits = blocks;
    return splits < 2 ? 1 : splits;
}

static int64_t all_tiles(const spar_winograd *w, int64_t batch) {
    int64_t m = w->tile;
    return batch * ((w->out.width + m - 1) / m) * ((w->out.height + m - 1) / m);
}

typedef struct gradient_task {
    direction d;
    const spar_run *run;
    const float *zeros;
    spar_rows in, gradient;
    int64_t tiles, splits;
    int64_t block; // tiles the transformed arrays have room for
    float *sums;   // [split][point][in][out]
    float *left, *right;
    int64_t workspace_floats; // between the arrays of threads
    spar_parameter *weight;
} gradient_task;

// Tiles of the larger of the two images.
static int64_t most_tiles(const spar_winograd *w, int64_t batch) {
    int64_t m = w->tile, height = w->out.height > w->in.height ? w->out.height : w->in.height;
    int64_t width = w->out.width > w->in.width ? w->out.width : w->in.width;
    return batch * ((width + m - 1) / m) * ((height + m - 1) / m);
}

static int64_t workspace(const spar_winograd *w, int64_t splits, int64_t batch, int threads) {
    int64_t both = w->points * (w->in_stride + w->out_stride);
    int64_t products = (shares_points(w) ? most_tiles(w, batch) : threads * block_tiles(w)) * both;
    int64_t widest = w->in_stride > w->out_stride ? w->in_stride : w->out_stride;
    int64_t packing = threads * 9 * PACK_ROWS * widest;
    int64_t room = splits == 1 ? all_tiles(w, batch) : threads * GRADIENT_TILES;
    int64_t gradient = splits * sum_floats(w) + room * both;
    int64_t most = products > packing ? products : packing;
    return most > gradient ? most : gradient;
}

static void transform_gradients(const gradient_task *task, int64_t first, int64_t last, float *transformed) {
    const direction *d = &task->d;
    float *rows[MOST_POINTS], *out[MOST_POINTS];
    int m = d->winograd->tile, points = d->winograd->points;
    int64_t sample_floats = spar_pixels(d->to) * d->to_stride;
    spar_winograd_transform transform = {.channels = d->to_stride, .in = (const float *const *)rows, .out = out};
    for (int64_t tile = first; tile < last; tile++) {
        int64_t sample = tile / d->tiles_per_sample, local = tile % d->tiles_per_sample;
        list_square(task->gradient.data + sample * sample_floats, d->to, d->to_stride, (int)(local / d->across) * m,
                    (int)(local % d->across) * m, m, (float *)task->zeros, rows);
        for (int p = 0; p < points; p++) out[p] = transformed + (p * task->block + tile - first) * d->to_stride;
        d->kernels->output_transposed(&transform);
    }
}

static void add_point(const gradient_task *task, int point, int64_t tiles, const float *left, const float *right,
                      float *sums, bool fresh) {
    const direction *d = &task->d;
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
            transform_inputs(&task->d, task->in.data, task->zeros, start, stop, task->block, left);
            transform_gradients(task, start, stop, right);
            for (int p = 0; p < task->d.winograd->points; p++)
                add_point(task, p, stop - start, left, right, sums, start == begin);
        }
    }
}

static void transform_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    gradient_task *task = context;
    transform_inputs(&task->d, task->in.data, task->zeros, first, last, task->block,
                     task->left + first * task->d.from_stride);
    transform_gradients(task, first, last, task->right + first * task->d.to_stride);
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
    const direction *d = &task->d;
    int64_t channels = d->from.channels, columns = d->to_stride, floats = sum_floats(d->winograd);
    for (int64_t row = first; row < last; row++) {
        const float *in[MOST_POINTS];
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

static void gradient(const spar_step *step, const spar_run *run) {
    const spar_convolution *convolution = step->state;
    const spar_winograd *w = &convolution->winograd;
    gradient_task task = {.d = direction_of(w, run->kernels, false),
                          .run = run,
                          .zeros = convolution->zeros,
                          .in = spar_product_input(step, false),
                          .gradient = spar_product_input(step, true),
                          .tiles = all_tiles(w, run->batch),
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

static spar_status prepare(spar_step *step) {
    const spar_conv2d_params *s = &step->node->settings.convolution;
    spar_extent out = step->output->extent;
    // On maps below 4×4, tiles of 4×4 would mostly compute what lies outside.
    int tile = out.height >= 4 && out.width >= 4 ? 4 : 2;
    spar_convolution *convolution = step->state;
    convolution->winograd = (spar_winograd){.tile = tile,
                                            .points = (tile + 2) * (tile + 2),
                                            .in = step->inputs[0]->extent,
                                            .out = out,
                                            .padding_height = s->padding_height,
                                            .padding_width = s->padding_width,
                                            .in_stride = step->inputs[0]->stride,
                                            .out_stride = step->output->stride};
    step->kernel = tile == 4 ? "winograd4" : "winograd2";
    convolution->splits = split_count(&convolution->winograd, all_tiles(&convolution->winograd, step->batch_size));
    spar_want_workspace(step, workspace(&convolution->winograd, convolution->splits, step->batch_size, step->threads));
    return SPAR_OK;
}

const spar_convolution_algorithm spar_convolution_winograd = {.name = "winograd",
                                                              .fits = fits,
                                                              .prepare = prepare,
                                                              .packed_floats = packed_floats,
                                                              .pack = pack,
                                                              .product = product,
                                                              .gradient = gradient};
