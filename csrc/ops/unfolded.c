// Convolutions as matrix products. A sample is copied with its padding and without that of its rows, so that what a row
// of the kernel reads is one run of floats; a pixel's runs, joined, are one row of a matrix. Where the weights are few,
// the runs are read where they are. The gradient of the input goes the way back: product, then runs added to a padded
// sample. A 1×1 convolution's rows are the input's.
#include "ops/unfolded.h"

#include <string.h>

enum {
    BLOCK_FLOATS = 1 << 17, // of joined runs, which should stay in the second-level cache
    LEAST_PIXELS = 4 * SPAR_MAX_TILE_ROWS,
    MOST_PIXELS = 16 * SPAR_MAX_TILE_ROWS,
    MOST_CACHED_FLOATS = 1 << 14, // of weights that are read for every sample, or every row of one
    LEAST_CHAINED_PIXELS = 64,    // of a sample, to be worth that
    LEAST_DIRECT_WIDTH = 8,       // and of a row
};

spar_unfolded spar_unfolded_of(const spar_operation *operation, const spar_run *run) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    spar_extent in = operation->inputs[0]->extent, out = operation->output->extent;
    spar_unfolded task = {.operation = operation,
                          .run = run,
                          .settings = s,
                          .channels = in.channels,
                          .depth = in.channels / s->groups,
                          .columns = out.channels / s->groups,
                          .pixels = spar_pixels(out)};
    task.rows = (int64_t)s->kernel_height * s->kernel_width * task.depth;
    task.row = s->groups * task.rows;
    task.block_row = spar_round_up16(task.row + (s->groups > 1 ? 16 : 0));
    task.block_pixels = BLOCK_FLOATS / task.block_row / SPAR_MAX_TILE_ROWS * SPAR_MAX_TILE_ROWS;
    if (task.block_pixels < LEAST_PIXELS) task.block_pixels = LEAST_PIXELS;
    if (task.block_pixels > MOST_PIXELS) task.block_pixels = MOST_PIXELS;
    task.padded_width = in.width + 2 * s->padding_width;
    task.padded_floats = spar_round_up16((in.height + 2 * s->padding_height) * task.padded_width * in.channels + 16);
    task.joined = s->kernel_height == 1 && s->kernel_width == 1 && s->stride_height == 1 && s->stride_width == 1 &&
                  s->padding_height == 0 && s->padding_width == 0 && s->groups == 1 &&
                  operation->inputs[0]->stride % 16 == 0;
    task.direct = s->groups == 1 && !task.joined && out.width >= LEAST_DIRECT_WIDTH &&
                  spar_unfolded_sums(&task) <= MOST_CACHED_FLOATS;
    int64_t narrow = s->groups > 1 ? task.block_pixels * spar_round_up16(task.columns) : 0;
    task.scratch_floats = task.padded_floats + task.block_pixels * task.block_row + 16 + narrow;
    return task;
}

// A thread's scratch is a padded sample, and behind it a block of joined runs.
static float *block_in(const spar_unfolded *task, float *scratch) {
    return scratch + task->padded_floats;
}

// Where row y of a sample stands inside its padding.
static int64_t padded_row(const spar_unfolded *task, int y) {
    const spar_conv2d_params *s = task->settings;
    return ((y + s->padding_height) * task->padded_width + s->padding_width) * task->channels;
}

// The pixels of a row of the input, and the same without the padding between them.
static spar_runs pixels_of(const spar_unfolded *task, float *row, float *dense) {
    const spar_tensor *in = task->operation->inputs[0];
    return (spar_runs){.pixels = in->extent.width,
                       .runs = 1,
                       .run = (int)task->channels,
                       .first = row,
                       .step = in->stride,
                       .joined = dense,
                       .joined_step = task->channels};
}

// Vectors reach beyond a row's end, into its padding and the rows behind, which are written later.
void spar_unfolded_pad(const spar_unfolded *task, int64_t sample, float *padded) {
    const spar_tensor *in = task->operation->inputs[0];
    float *row = in->data + sample * spar_sample_floats(in);
    for (int y = 0; y < in->extent.height; y++, row += in->extent.width * in->stride) {
        float *to = padded + padded_row(task, y);
        if (in->stride == task->channels) {
            memcpy(to, row, (size_t)(in->extent.width * in->stride) * sizeof *to);
            continue;
        }
        spar_runs pixels = pixels_of(task, row, to);
        task->run->kernels->join_runs(&pixels);
        memset(to + in->extent.width * task->channels, 0, 15 * sizeof *to);
    }
}

static void unpad_gradient(const spar_unfolded *task, int64_t sample, float *padded) {
    const spar_tensor *in = task->operation->inputs[0];
    float *row = in->gradient + sample * spar_sample_floats(in);
    int64_t floats = in->extent.width * in->stride;
    for (int y = 0; y < in->extent.height; y++, row += floats) {
        float *from = padded + padded_row(task, y);
        if (!task->operation->accumulates[0]) memset(row, 0, (size_t)floats * sizeof *row);
        if (in->stride == task->channels) {
            task->run->kernels->add(from, row, floats);
            continue;
        }
        spar_runs pixels = pixels_of(task, row, from);
        task->run->kernels->add_runs(&pixels);
    }
}

// Joins the runs of `count` pixels of a row of outputs, or adds them back to the padded sample.
static void move_runs(const spar_unfolded *task, float *padded, int64_t pixel, int64_t count, spar_rows joined,
                      bool back) {
    const spar_conv2d_params *s = task->settings;
    const spar_kernels *kernels = task->run->kernels;
    int64_t width = task->operation->output->extent.width, y = pixel / width, x = pixel - y * width;
    int64_t line = task->padded_width * task->channels;
    float *first = padded + y * s->stride_height * line + x * s->stride_width * task->channels;
    // With one group a row of the kernel is one run; else its channels are many, from several pixels.
    bool whole = s->groups == 1;
    spar_runs runs = {.pixels = (int)count,
                      .runs = whole ? s->kernel_height : s->kernel_width,
                      .run = (int)(whole ? s->kernel_width * task->depth : task->depth),
                      .stride = whole ? line : task->channels,
                      .step = s->stride_width * task->channels,
                      .joined = joined.data,
                      .joined_step = joined.stride};
    for (int group = 0; group < s->groups; group++) {
        for (int ky = 0; ky < (whole ? 1 : s->kernel_height); ky++, runs.joined += runs.runs * runs.run) {
            runs.first = first + ky * line + group * task->depth;
            (back ? kernels->add_runs : kernels->join_runs)(&runs);
        }
    }
}

// Pixels of a sample's output row from `pixel` on, at most `count`, whose runs can be moved at once: the vectors of one
// run reach into the next, so with groups pixels come one by one.
static int64_t pixels_of_row(const spar_unfolded *task, int64_t pixel, int64_t count) {
    if (task->settings->groups > 1) return 1;
    int64_t width = task->operation->output->extent.width, left = width - pixel % width;
    return left < count ? left : count;
}

spar_matrix spar_unfold(const spar_unfolded *task, int64_t first, int64_t count, float *scratch) {
    const spar_tensor *in = task->operation->inputs[0];
    if (task->joined) return (spar_matrix){in->data + first * in->stride, in->stride};
    float *padded = scratch, *block = block_in(task, scratch);
    for (int64_t p = 0, part; p < count; p += part) {
        int64_t pixel = (first + p) % task->pixels;
        if (pixel == 0) spar_unfolded_pad(task, (first + p) / task->pixels, padded);
        part = pixels_of_row(task, pixel, count - p);
        move_runs(task, padded, pixel, part, (spar_rows){block + p * task->row, task->row}, false);
    }
    return (spar_matrix){block, task->row};
}

// Columns of a group of `count` pixels, which begin and end inside vectors.
static void copy_columns(const spar_unfolded *task, const float *narrow, int64_t first, int64_t count, int group) {
    const spar_tensor *output = task->operation->output;
    const float *bias = spar_product_bias(task->operation, false);
    for (int64_t p = 0; p < count; p++, narrow += spar_round_up16(task->columns)) {
        float *row = output->data + (first + p) * output->stride, *out = row + group * task->columns;
        if (group == 0) memset(row, 0, (size_t)output->stride * sizeof *row);
        for (int c = 0; c < task->columns; c++) {
            out[c] = narrow[c] + (bias == NULL ? 0 : bias[group * task->columns + c]);
        }
    }
}

static void multiply_rows(const spar_unfolded *task, const spar_share *share) {
    const spar_tensor *output = task->operation->output;
    const spar_conv2d_params *s = task->settings;
    const float *packed = spar_convolution_of(task->operation)->packed[0],
                *bias = spar_product_bias(task->operation, false);
    int64_t columns = spar_round_up16(task->columns), tile = task->run->kernels->tile_columns;
    int64_t width = output->extent.width, line = task->padded_width * task->channels;
    float *row = output->data + share->first * spar_sample_floats(output);
    for (int64_t sample = share->first; sample < share->last; sample++) {
        spar_unfolded_pad(task, sample, share->scratch);
        for (int y = 0; y < output->extent.height; y++, row += width * output->stride) {
            for (int64_t panel = 0; panel < columns; panel += tile) {
                int64_t panel_columns = columns - panel < tile ? columns - panel : tile;
                task->run->kernels->product(&(spar_product){.rows = width,
                                                            .depth = task->rows,
                                                            .columns = (int)panel_columns,
                                                            .a = share->scratch + y * s->stride_height * line,
                                                            .a_stride = s->stride_width * task->channels,
                                                            .run = s->kernel_width * task->channels,
                                                            .run_stride = line,
                                                            .b = packed + panel * task->rows,
                                                            .b_stride = panel_columns,
                                                            .c = row + panel,
                                                            .c_stride = output->stride,
                                                            .bias = bias == NULL ? NULL : bias + panel});
            }
        }
    }
}

static void multiply_blocks(const spar_unfolded *task, const spar_share *share) {
    const spar_kernels *kernels = task->run->kernels;
    const spar_tensor *output = task->operation->output;
    const float *packed = spar_convolution_of(task->operation)->packed[0],
                *bias = spar_product_bias(task->operation, false);
    float *narrow = spar_unfolded_narrow(task, share->scratch);
    int64_t columns = spar_round_up16(task->columns), end = share->last * task->pixels;
    for (int64_t start = share->first * task->pixels; start < end; start += task->block_pixels) {
        int64_t count = end - start < task->block_pixels ? end - start : task->block_pixels;
        spar_matrix runs = spar_unfold(task, start, count, share->scratch);
        if (task->settings->groups == 1) {
            spar_multiply(kernels, runs, count, task->rows, packed, columns, bias,
                          (spar_rows){output->data + start * output->stride, output->stride}, false);
            continue;
        }
        for (int group = 0; group < task->settings->groups; group++, runs.data += task->rows) {
            spar_multiply(kernels, runs, count, task->rows, packed + group * task->rows * columns, columns, NULL,
                          (spar_rows){narrow, columns}, false);
            copy_columns(task, narrow, start, count, group);
        }
    }
}

static void forward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    spar_unfolded task = spar_unfolded_of(operation, run);
    memset(share->scratch, 0, (size_t)task.padded_floats * sizeof(float));
    (task.direct ? multiply_rows : multiply_blocks)(&task, share);
}

static void backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_unfolded own = spar_unfolded_of(operation, run), *task = &own;
    const spar_kernels *kernels = run->kernels;
    const spar_tensor *output = operation->output, *in = operation->inputs[0];
    const float *packed = spar_convolution_of(operation)->packed[1];
    float *padded = share->scratch, *block = block_in(task, share->scratch);
    int64_t columns = spar_round_up16(task->rows), end = share->last * task->pixels;
    for (int64_t start = share->first * task->pixels; start < end; start += task->block_pixels) {
        int64_t count = end - start < task->block_pixels ? end - start : task->block_pixels;
        spar_matrix d = {output->gradient + start * output->stride, output->stride};
        if (task->joined) {
            spar_multiply(kernels, d, count, task->columns, packed, columns, NULL,
                          (spar_rows){in->gradient + start * in->stride, in->stride}, operation->accumulates[0]);
            continue;
        }
        // A group's last vector reaches into the next group's columns, which are written after it.
        for (int group = 0; group < task->settings->groups; group++, d.data += task->columns) {
            spar_multiply(kernels, d, count, task->columns, packed + group * task->columns * columns, columns, NULL,
                          (spar_rows){block + group * task->rows, task->block_row}, false);
        }
        for (int64_t p = 0, part; p < count; p += part) {
            int64_t pixel = (start + p) % task->pixels;
            if (pixel == 0) memset(padded, 0, (size_t)task->padded_floats * sizeof *padded);
            part = pixels_of_row(task, pixel, count - p);
            move_runs(task, padded, pixel, part, (spar_rows){block + p * task->block_row, task->block_row}, true);
            if (pixel + part == task->pixels) unpad_gradient(task, (start + p) / task->pixels, padded);
        }
    }
}

static bool fits(const spar_operation *operation) {
    (void)operation;
    return true;
}

static bool chains(const spar_operation *operation) {
    spar_unfolded task = spar_unfolded_of(operation, NULL);
    return spar_unfolded_sums(&task) <= MOST_CACHED_FLOATS && task.pixels >= LEAST_CHAINED_PIXELS;
}

static spar_status prepare(spar_operation *operation) {
    spar_unfolded task = spar_unfolded_of(operation, NULL);
    spar_want_scratch(operation, task.scratch_floats);
    return SPAR_OK;
}

static int64_t workspace(const spar_operation *operation, spar_pass_kind kind) {
    spar_unfolded task = spar_unfolded_of(operation, NULL);
    if (kind != SPAR_PASS_WEIGHTS) return 0;
    return spar_unfolded_splits(operation, operation->batch_size) * spar_unfolded_sums(&task);
}

static int64_t packed_floats(const spar_operation *operation, bool backward) {
    spar_unfolded task = spar_unfolded_of(operation, NULL);
    return task.settings->groups *
           (backward ? task.columns * spar_round_up16(task.rows) : task.rows * spar_round_up16(task.columns));
}

static void pack(const spar_operation *operation, const spar_run *run, bool backward) {
    spar_unfolded task = spar_unfolded_of(operation, run);
    const spar_parameter *weight = operation->parameters[SPAR_WEIGHT];
    float *packed = spar_convolution_of(operation)->packed[backward];
    for (int group = 0; group < task.settings->groups; group++) {
        spar_matrix weights = {weight->value + group * task.columns, weight->spec.stride};
        if (backward) {
            spar_pack_transposed(run, weights, task.columns, task.rows, packed);
            packed += task.columns * spar_round_up16(task.rows);
        } else {
            spar_pack(run, weights, task.rows, task.columns, packed);
            packed += task.rows * spar_round_up16(task.columns);
        }
    }
}

const spar_convolution_algorithm spar_convolution_unfolded = {
    .name = "unfolded",
    .fits = fits,
    .chains = chains,
    .prepare = prepare,
    .workspace = workspace,
    .packed_floats = packed_floats,
    .pack = pack,
    .product_samples = {forward_samples, backward_samples},
    .gradient = spar_unfolded_gradient,
    .gradient_pass = {.samples = spar_unfolded_sum_share, .end = spar_unfolded_add_sums, .writes = SPAR_SUMS}};
