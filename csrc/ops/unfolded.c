// Convolutions of few channels. A sample is copied with its padding and without that of its rows, so that what a row
// of the kernel reads is one run of floats; a pixel's runs, joined, are one row of a matrix product. The gradient of
// the input goes the same way back: product, then runs added to a padded sample.
#include "ops/convolution.h"

#include "runtime/parallel.h"

#include <string.h>

enum { BLOCK_PIXELS = 16 * SPAR_MAX_TILE_ROWS, MOST_SPLITS = 16 };

// Of one convolution, and of the pass under way.
typedef struct unfolded_task {
    const spar_step *step;
    const spar_run *run;
    const spar_conv2d_params *settings;
    int depth;      // input channels
    int run_floats; // of a row of the kernel
    int64_t row;    // floats of a pixel's joined runs
    int64_t padded_width, padded_floats;
    float *packed;
    float *partials; // [split][row][output stride]
    int64_t splits;
    float *workspace;
    int64_t thread_floats;
} unfolded_task;

static int64_t block_floats(const unfolded_task *task) {
    return BLOCK_PIXELS * spar_round_up16(task->row) + 16;
}

static unfolded_task task_of(const spar_step *step, const spar_run *run) {
    const spar_conv2d_params *s = &step->node->settings.convolution;
    spar_extent in = step->inputs[0]->extent;
    unfolded_task task = {.step = step, .run = run, .settings = s, .depth = in.channels};
    task.run_floats = s->kernel_width * in.channels;
    task.row = (int64_t)s->kernel_height * task.run_floats;
    task.padded_width = in.width + 2 * s->padding_width;
    task.padded_floats = (in.height + 2 * s->padding_height) * task.padded_width * in.channels;
    task.thread_floats = spar_round_up16(task.padded_floats + 16) + spar_round_up16(block_floats(&task));
    task.packed = spar_convolution_of(step)->packed[1];
    task.splits = spar_convolution_of(step)->splits;
    if (run != NULL) task.workspace = run->workspace;
    return task;
}

static float *padded_of(const unfolded_task *task, int thread) {
    return task->workspace + thread * task->thread_floats;
}

static float *block_of(const unfolded_task *task, int thread) {
    return padded_of(task, thread) + spar_round_up16(task->padded_floats + 16);
}

// Where row y of a sample stands inside its padding.
static int64_t padded_row(const unfolded_task *task, int y) {
    const spar_conv2d_params *s = task->settings;
    return ((y + s->padding_height) * task->padded_width + s->padding_width) * task->depth;
}

static void pad_sample(const unfolded_task *task, int64_t sample, float *padded) {
    const spar_tensor *in = task->step->inputs[0];
    const float *row = in->data + sample * spar_sample_floats(in);
    for (int y = 0; y < in->extent.height; y++) {
        float *to = padded + padded_row(task, y);
        for (int x = 0; x < in->extent.width; x++, row += in->stride) {
            for (int d = 0; d < task->depth; d++) *to++ = row[d];
        }
    }
}

static void unpad_gradient(const unfolded_task *task, int64_t sample, const float *padded) {
    const spar_tensor *in = task->step->inputs[0];
    float *row = in->gradient + sample * spar_sample_floats(in);
    bool add = task->step->accumulates[0];
    for (int y = 0; y < in->extent.height; y++) {
        const float *from = padded + padded_row(task, y);
        for (int x = 0; x < in->extent.width; x++, row += in->stride, from += task->depth) {
            for (int d = 0; d < task->depth; d++) row[d] = from[d] + (add ? row[d] : 0);
            for (int64_t d = task->depth; d < in->stride; d++) row[d] = 0;
        }
    }
}

// Where the runs of an output pixel begin in a padded sample.
static int64_t run_start(const unfolded_task *task, int pixel) {
    int width = task->step->output->extent.width, y = pixel / width, x = pixel - y * width;
    return (y * task->settings->stride_height * task->padded_width + x * task->settings->stride_width) * task->depth;
}

static void unfold(const unfolded_task *task, const float *padded, int pixel, float *row) {
    task->run->kernels->join_runs(padded + run_start(task, pixel), task->padded_width * task->depth,
                                  task->settings->kernel_height, task->run_floats, row);
}

// c = a · b + bias of whole vectors of columns.
static void multiply(const spar_kernels *kernels, spar_rows a, int rows, int64_t depth, spar_rows b, int64_t columns,
                     const float *bias, spar_rows c) {
    int tile_rows = kernels->tile_rows, tile_columns = kernels->tile_columns;
    for (int64_t column = 0; column < columns; column += tile_columns) {
        int64_t left = columns - column;
        for (int row = 0; row < rows; row += tile_rows) {
            const float *from[SPAR_MAX_TILE_ROWS];
            float *to[SPAR_MAX_TILE_ROWS];
            int height = rows - row < tile_rows ? rows - row : tile_rows;
            for (int r = 0; r < height; r++) {
                from[r] = a.data + (row + r) * a.stride;
                to[r] = c.data + (row + r) * c.stride + column;
            }
            kernels->product_tile(&(spar_product_tile){.rows = height,
                                                       .columns = left < tile_columns ? (int)left : tile_columns,
                                                       .taps = 1,
                                                       .depth = (int)depth,
                                                       .a = from,
                                                       .b = b.data + column,
                                                       .b_stride = b.stride,
                                                       .c = to,
                                                       .bias = bias == NULL ? NULL : bias + column});
        }
    }
}

static void forward_samples(void *context, int64_t first, int64_t last, int thread) {
    const unfolded_task *task = context;
    const spar_tensor *output = task->step->output;
    const spar_parameter *weight = task->step->parameters[0];
    spar_rows weights = {weight->value, weight->spec.stride};
    int pixels = (int)spar_pixels(output->extent);
    float *padded = padded_of(task, thread), *block = block_of(task, thread);
    memset(padded, 0, (size_t)task->padded_floats * sizeof *padded);
    for (int64_t sample = first; sample < last; sample++) {
        pad_sample(task, sample, padded);
        for (int start = 0; start < pixels; start += BLOCK_PIXELS) {
            int count = pixels - start < BLOCK_PIXELS ? pixels - start : BLOCK_PIXELS;
            for (int p = 0; p < count; p++) unfold(task, padded, start + p, block + p * task->row);
            spar_rows out = {output->data + (sample * pixels + start) * output->stride, output->stride};
            multiply(task->run->kernels, (spar_rows){block, task->row}, count, task->row, weights, output->stride,
                     spar_product_bias(task->step, false), out);
        }
    }
}

static void backward_samples(void *context, int64_t first, int64_t last, int thread) {
    const unfolded_task *task = context;
    const spar_tensor *output = task->step->output;
    int64_t row = spar_round_up16(task->row);
    spar_rows weights = {task->packed, row}; // of outputs by inputs
    int pixels = (int)spar_pixels(output->extent);
    float *padded = padded_of(task, thread), *block = block_of(task, thread);
    for (int64_t sample = first; sample < last; sample++) {
        memset(padded, 0, (size_t)task->padded_floats * sizeof *padded);
        for (int start = 0; start < pixels; start += BLOCK_PIXELS) {
            int count = pixels - start < BLOCK_PIXELS ? pixels - start : BLOCK_PIXELS;
            spar_rows d = {output->gradient + (sample * pixels + start) * output->stride, output->stride};
            multiply(task->run->kernels, d, count, output->extent.channels, weights, row, NULL,
                     (spar_rows){block, row});
            for (int p = 0; p < count; p++) {
                task->run->kernels->add_runs(block + p * row, task->settings->kernel_height, task->run_floats,
                                             padded + run_start(task, start + p), task->padded_width * task->depth);
            }
        }
        unpad_gradient(task, sample, padded);
    }
}

static void product(const spar_step *step, const spar_run *run, bool backward) {
    unfolded_task task = task_of(step, run);
    spar_parallel(run->threads, run->batch, backward ? backward_samples : forward_samples, &task);
}

static void add_block(const unfolded_task *task, const float *const *rows, int64_t pixels, const float *gradient,
                      float *sums) {
    const spar_tensor *output = task->step->output;
    int tile_rows = task->run->kernels->tile_rows, tile_columns = task->run->kernels->tile_columns;
    for (int64_t column = 0; column < output->stride; column += tile_columns) {
        int64_t left = output->stride - column;
        for (int64_t row = 0; row < task->row; row += tile_rows) {
            task->run->kernels->outer_tile(
                &(spar_outer_tile){.rows = (int)(task->row - row < tile_rows ? task->row - row : tile_rows),
                                   .columns = left < tile_columns ? (int)left : tile_columns,
                                   .count = pixels,
                                   .x = rows,
                                   .x_offset = row,
                                   .d = gradient + column,
                                   .d_stride = output->stride,
                                   .c = sums + row * output->stride + column,
                                   .c_stride = output->stride,
                                   .accumulate = true});
        }
    }
}

static void sum_splits(void *context, int64_t first, int64_t last, int thread) {
    const unfolded_task *task = context;
    const spar_tensor *output = task->step->output;
    int pixels = (int)spar_pixels(output->extent);
    float *padded = padded_of(task, thread), *block = block_of(task, thread);
    const float *rows[BLOCK_PIXELS];
    for (int p = 0; p < BLOCK_PIXELS; p++) rows[p] = block + p * task->row;
    memset(padded, 0, (size_t)task->padded_floats * sizeof *padded);
    for (int64_t split = first; split < last; split++) {
        float *sums = task->partials + split * task->row * output->stride;
        memset(sums, 0, (size_t)(task->row * output->stride) * sizeof *sums);
        int64_t end = task->run->batch * (split + 1) / task->splits;
        for (int64_t sample = task->run->batch * split / task->splits; sample < end; sample++) {
            pad_sample(task, sample, padded);
            for (int start = 0; start < pixels; start += BLOCK_PIXELS) {
                int count = pixels - start < BLOCK_PIXELS ? pixels - start : BLOCK_PIXELS;
                for (int p = 0; p < count; p++) unfold(task, padded, start + p, block + p * task->row);
                add_block(task, rows, count, output->gradient + (sample * pixels + start) * output->stride, sums);
            }
        }
    }
}

static void gradient(const spar_step *step, const spar_run *run) {
    unfolded_task task = task_of(step, run);
    task.partials = run->workspace + step->threads * task.thread_floats;
    spar_parallel(run->threads, task.splits, sum_splits, &task);
    spar_add_splits(step, run, task.partials, task.row * step->output->stride, task.splits);
}

static bool fits(const spar_step *step) {
    return step->node->settings.convolution.groups == 1 && step->inputs[0]->extent.channels < 16;
}

static spar_status prepare(spar_step *step) {
    spar_convolution *convolution = step->state;
    convolution->splits = MOST_SPLITS < step->batch_size ? MOST_SPLITS : step->batch_size;
    unfolded_task task = task_of(step, NULL);
    spar_want_workspace(step, step->threads * task.thread_floats + task.splits * task.row * step->output->stride);
    return SPAR_OK;
}

// Forward uses the weights as they are.
static int64_t packed_floats(const spar_step *step, bool backward) {
    unfolded_task task = task_of(step, NULL);
    return backward ? spar_round_up16(task.row) * step->output->stride : 0;
}

static void pack(const spar_step *step, const spar_run *run, bool backward) {
    (void)run;
    if (!backward) return;
    const spar_parameter *weight = step->parameters[0];
    int64_t row = spar_round_up16(weight->spec.rows);
    float *packed = spar_convolution_of(step)->packed[1];
    for (int64_t column = 0; column < weight->spec.columns; column++) {
        for (int64_t k = 0; k < weight->spec.rows; k++) {
            packed[column * row + k] = weight->value[k * weight->spec.stride + column];
        }
    }
}

const spar_convolution_algorithm spar_convolution_unfolded = {.name = "unfolded",
                                                              .fits = fits,
                                                              .prepare = prepare,
                                                              .packed_floats = packed_floats,
                                                              .pack = pack,
                                                              .product = product,
                                                              .gradient = gradient};
