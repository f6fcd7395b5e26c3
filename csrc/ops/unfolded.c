// Convolutions as matrix products (im2col): the inputs that one output pixel reads, in the order of the weights, are
// its patch, and patches are the rows of a matrix. A sample is copied with its padding first, so that what a row of the
// kernel reads is one run of floats, and a patch is as many runs as the kernel has rows. The gradient of the input goes
// the way back: product, then patches added to a padded sample; between few channels, all is made another way
// (unfolded_planes.c).
//
// Patches are not always copied: where the weights are few, the product reads the runs where the padded sample has
// them; and those of a 1×1 convolution are the rows of the input.
#include "ops/unfolded.h"
#include "ops/sums.h"

#include <string.h>

// A block of patches should stay in the second-level cache beside the weights (BLOCK_FLOATS), but be worth a sweep over
// them (LEAST_PIXELS) and no longer than what that needs (MOST_PIXELS), in whole register tiles.
enum {
    BLOCK_FLOATS = 1 << 17,
    LEAST_PIXELS = 4 * SPAR_MAX_TILE_ROWS,
    MOST_PIXELS = 16 * SPAR_MAX_TILE_ROWS,
};

// Weights that are read for every sample, or every row of one, must stay in cache beside what else is read, and a
// sample or row have pixels enough to be worth that. Where patches are copied instead of read in the padded sample,
// LeNet-5's step takes a third longer (batch 128, one core of a Zen 5).
enum {
    MOST_CACHED_FLOATS = 1 << 14,
    LEAST_CHAINED_PIXELS = 64,
    LEAST_PADDED_WIDTH = 8,
    FEW_ROWS = 7, // no such limit changed LeNet-5's step by less than the timing's noise (8 %)
};

spar_unfolded spar_unfolded_of(const spar_operation *operation, const spar_run *run) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    spar_extent in = operation->inputs[0]->extent, out = operation->output->extent;
    spar_unfolded task = {.operation = operation,
                          .run = run,
                          .settings = s,
                          .channels = in.channels,
                          .inputs = in.channels / s->groups,
                          .outputs = out.channels / s->groups,
                          .pixels = spar_pixels(out)};
    task.depth = (int64_t)s->kernel_height * s->kernel_width * task.inputs;
    task.patch = s->groups * task.depth;
    task.patch_stride = spar_round_up16(task.patch + (s->groups > 1 ? 16 : 0));
    task.block_pixels = BLOCK_FLOATS / task.patch_stride / SPAR_MAX_TILE_ROWS * SPAR_MAX_TILE_ROWS;
    if (task.block_pixels < LEAST_PIXELS) task.block_pixels = LEAST_PIXELS;
    if (task.block_pixels > MOST_PIXELS) task.block_pixels = MOST_PIXELS;
    task.padded_width = in.width + 2 * s->padding_width;
    task.padded_floats = spar_round_up16((in.height + 2 * s->padding_height) * task.padded_width * in.channels + 16);
    task.rows_are_patches = s->kernel_height == 1 && s->kernel_width == 1 && s->stride_height == 1 &&
                            s->stride_width == 1 && s->padding_height == 0 && s->padding_width == 0 && s->groups == 1 &&
                            operation->inputs[0]->stride % 16 == 0;
    int64_t row = s->kernel_width * spar_unfolded_whole(operation)->inputs[0]->extent.channels;
    task.reads_padded = s->groups == 1 && !task.rows_are_patches && out.width >= LEAST_PADDED_WIDTH &&
                        s->kernel_height * row * spar_round_up16(task.outputs) <= MOST_CACHED_FLOATS;
    task.few_rows = row <= FEW_ROWS;
    task.inputs_are_planes = spar_unfolded_inputs_are_planes(&task);
    task.outputs_are_planes = spar_unfolded_outputs_are_planes(&task);
    int64_t narrow = s->groups > 1 ? task.block_pixels * spar_round_up16(task.outputs) : 0;
    task.scratch_floats = task.padded_floats + task.block_pixels * task.patch_stride + 16 + narrow;
    return task;
}

// A thread's scratch is a padded sample, a block of patches behind it, and behind these a group's columns.
static float *patches_in(const spar_unfolded *task, float *scratch) {
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

// Copies the patches of `count` pixels of a row of outputs from a padded sample, or adds them back to it.
static void move_patches(const spar_unfolded *task, float *padded, int64_t pixel, int64_t count, spar_rows patches,
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
                      .run = (int)(whole ? s->kernel_width * task->inputs : task->inputs),
                      .stride = whole ? line : task->channels,
                      .step = s->stride_width * task->channels,
                      .joined = patches.data,
                      .joined_step = patches.stride};
    for (int group = 0; group < s->groups; group++) {
        for (int ky = 0; ky < (whole ? 1 : s->kernel_height); ky++, runs.joined += runs.runs * runs.run) {
            runs.first = first + ky * line + group * task->inputs;
            (back ? kernels->add_runs : kernels->join_runs)(&runs);
        }
    }
}

// Pixels of a sample's output row from `pixel` on, at most `count`, whose patches can be moved at once: the vectors of
// one run reach into the next, so with groups pixels come one by one.
static int64_t pixels_at_once(const spar_unfolded *task, int64_t pixel, int64_t count) {
    if (task->settings->groups > 1) return 1;
    int64_t width = task->operation->output->extent.width, left = width - pixel % width;
    return left < count ? left : count;
}

spar_matrix spar_unfold(const spar_unfolded *task, int64_t first, int64_t count, float *scratch) {
    const spar_tensor *in = task->operation->inputs[0];
    if (task->rows_are_patches) return (spar_matrix){in->data + first * in->stride, in->stride};
    float *padded = scratch, *patches = patches_in(task, scratch);
    for (int64_t p = 0, part; p < count; p += part) {
        int64_t pixel = (first + p) % task->pixels;
        if (pixel == 0) spar_unfolded_pad(task, (first + p) / task->pixels, padded);
        part = pixels_at_once(task, pixel, count - p);
        move_patches(task, padded, pixel, part, (spar_rows){patches + p * task->patch, task->patch}, false);
    }
    return (spar_matrix){patches, task->patch};
}

// The way back for patches whose rows are patch_stride apart: to the gradient of every sample that ends among them.
static void fold(const spar_unfolded *task, int64_t first, int64_t count, float *scratch) {
    float *padded = scratch, *patches = patches_in(task, scratch);
    for (int64_t p = 0, part; p < count; p += part) {
        int64_t pixel = (first + p) % task->pixels;
        if (pixel == 0) memset(padded, 0, (size_t)task->padded_floats * sizeof *padded);
        part = pixels_at_once(task, pixel, count - p);
        spar_rows rows = {patches + p * task->patch_stride, task->patch_stride};
        move_patches(task, padded, pixel, part, rows, true);
        if (pixel + part == task->pixels) unpad_gradient(task, (first + p) / task->pixels, padded);
    }
}

// Columns of a group of `count` pixels, which begin and end inside vectors.
static void copy_columns(const spar_unfolded *task, const float *narrow, int64_t first, int64_t count, int group) {
    const spar_tensor *output = task->operation->output;
    const float *bias = spar_product_bias(task->operation, false);
    for (int64_t p = 0; p < count; p++, narrow += spar_round_up16(task->outputs)) {
        float *row = output->data + (first + p) * output->stride, *out = row + group * task->outputs;
        if (group == 0) memset(row, 0, (size_t)output->stride * sizeof *row);
        for (int c = 0; c < task->outputs; c++) {
            out[c] = narrow[c] + (bias == NULL ? 0 : bias[group * task->outputs + c]);
        }
    }
}

// Row y of a padded sample's outputs, whose patches are read where they are.
static void multiply_row(const spar_unfolded *task, const float *padded, int y, float *row) {
    const spar_kernels *kernels = task->run->kernels;
    const spar_tensor *output = task->operation->output;
    const spar_conv2d_params *s = task->settings;
    const float *packed = spar_convolution_of(task->operation)->packed[0],
                *bias = spar_product_bias(task->operation, false);
    int64_t columns = spar_round_up16(task->outputs), tile = kernels->tile_columns;
    int64_t line = task->padded_width * task->channels;
    for (int64_t panel = 0; panel < columns; panel += tile) {
        int64_t width = columns - panel < tile ? columns - panel : tile;
        kernels->product(&(spar_product){.rows = output->extent.width,
                                         .depth = task->depth,
                                         .columns = (int)width,
                                         .a = padded + y * s->stride_height * line,
                                         .a_stride = s->stride_width * task->channels,
                                         .run = s->kernel_width * task->channels,
                                         .run_stride = line,
                                         .b = packed + panel * task->depth,
                                         .b_stride = width,
                                         .c = row + panel,
                                         .c_stride = output->stride,
                                         .bias = bias == NULL ? NULL : bias + panel});
    }
}

static void multiply_padded(const spar_unfolded *task, const spar_share *share) {
    const spar_tensor *output = task->operation->output;
    float *row = output->data + share->first * spar_sample_floats(output);
    for (int64_t sample = share->first; sample < share->last; sample++) {
        spar_unfolded_pad(task, sample, share->scratch);
        for (int y = 0; y < output->extent.height; y++, row += output->extent.width * output->stride) {
            multiply_row(task, share->scratch, y, row);
        }
    }
}

// The products of a block of patches.
static void multiply_patches(const spar_unfolded *task, spar_matrix patches, int64_t first, int64_t count,
                             float *scratch) {
    const spar_kernels *kernels = task->run->kernels;
    const spar_tensor *output = task->operation->output;
    const float *packed = spar_convolution_of(task->operation)->packed[0];
    int64_t columns = spar_round_up16(task->outputs);
    if (task->settings->groups == 1) {
        spar_multiply(kernels, patches, count, task->depth, packed, columns, spar_product_bias(task->operation, false),
                      (spar_rows){output->data + first * output->stride, output->stride}, false);
        return;
    }
    float *narrow = spar_unfolded_narrow(task, scratch);
    for (int group = 0; group < task->settings->groups; group++, patches.data += task->depth) {
        spar_multiply(kernels, patches, count, task->depth, packed + group * task->depth * columns, columns, NULL,
                      (spar_rows){narrow, columns}, false);
        copy_columns(task, narrow, first, count, group);
    }
}

static int64_t block_of(const spar_unfolded *task, int64_t first, int64_t end) {
    return end - first < task->block_pixels ? end - first : task->block_pixels;
}

static void multiply_blocks(const spar_unfolded *task, const spar_share *share) {
    int64_t end = share->last * task->pixels;
    for (int64_t first = share->first * task->pixels, count; first < end; first += count) {
        count = block_of(task, first, end);
        multiply_patches(task, spar_unfold(task, first, count, share->scratch), first, count, share->scratch);
    }
}

static void forward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    spar_unfolded task = spar_unfolded_of(operation, run);
    if (task.outputs_are_planes) {
        spar_unfolded_correlate(&task, share, false);
        return;
    }
    memset(share->scratch, 0, (size_t)task.padded_floats * sizeof(float));
    (task.reads_padded ? multiply_padded : multiply_blocks)(&task, share);
}

// The gradients of a block's patches; a group's last vector reaches into the next group's, which is written after it.
static void multiply_gradients(const spar_unfolded *task, int64_t first, int64_t count, float *scratch) {
    const spar_tensor *output = task->operation->output, *in = task->operation->inputs[0];
    const float *packed = spar_convolution_of(task->operation)->packed[1];
    spar_matrix d = {output->gradient + first * output->stride, output->stride};
    spar_rows patches = {patches_in(task, scratch), task->patch_stride};
    if (task->rows_are_patches) patches = (spar_rows){in->gradient + first * in->stride, in->stride};
    bool accumulate = task->rows_are_patches && task->operation->accumulates[0];
    int64_t columns = spar_round_up16(task->depth);
    for (int group = 0; group < task->settings->groups; group++) {
        spar_multiply(task->run->kernels, d, count, task->outputs, packed, columns, NULL, patches, accumulate);
        packed += task->outputs * columns;
        d.data += task->outputs;
        patches.data += task->depth;
    }
}

static void backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    spar_unfolded task = spar_unfolded_of(operation, run);
    int64_t end = share->last * task.pixels;
    if (task.inputs_are_planes) {
        spar_unfolded_correlate(&task, share, true);
        return;
    }
    for (int64_t first = share->first * task.pixels, count; first < end; first += count) {
        count = block_of(&task, first, end);
        multiply_gradients(&task, first, count, share->scratch);
        if (!task.rows_are_patches) fold(&task, first, count, share->scratch);
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
    if (task.inputs_are_planes) spar_want_scratch(operation, spar_unfolded_correlation_floats(&task, true));
    if (task.outputs_are_planes) {
        spar_want_scratch(operation, spar_unfolded_correlation_floats(&task, false));
        spar_want_scratch(operation, spar_unfolded_plane_gradient_floats(&task));
    }
    spar_unfolded_gradient_prepare(operation);
    return SPAR_OK;
}

static int64_t workspace(const spar_operation *operation, spar_pass_kind kind) {
    spar_unfolded task = spar_unfolded_of(operation, NULL);
    if (kind != SPAR_PASS_WEIGHTS) return 0;
    return spar_leaf_count(spar_most_chunks(operation->part_batch_size), operation->sum_height) *
           spar_unfolded_sums(&task);
}

static int64_t packed_floats(const spar_operation *operation, bool backward) {
    spar_unfolded task = spar_unfolded_of(operation, NULL);
    if (backward ? task.inputs_are_planes : task.outputs_are_planes) return task.depth * task.outputs;
    return task.settings->groups *
           (backward ? task.outputs * spar_round_up16(task.depth) : task.depth * spar_round_up16(task.outputs));
}

static void pack(const spar_operation *operation, const spar_run *run, bool backward) {
    spar_unfolded task = spar_unfolded_of(operation, run);
    const spar_parameter *weight = operation->parameters[SPAR_WEIGHT];
    float *packed = spar_convolution_of(operation)->packed[backward];
    if (backward ? task.inputs_are_planes : task.outputs_are_planes) {
        spar_unfolded_pack_planes(&task, backward, packed);
        return;
    }
    for (int group = 0; group < task.settings->groups; group++) {
        spar_matrix weights = {weight->value + group * task.outputs, weight->spec.stride};
        if (backward) {
            spar_pack_transposed(run, weights, task.outputs, task.depth, packed);
            packed += task.outputs * spar_round_up16(task.depth);
        } else {
            spar_pack(run, weights, task.depth, task.outputs, packed);
            packed += task.depth * spar_round_up16(task.outputs);
        }
    }
}

const spar_convolution_algorithm spar_convolution_unfolded = {.name = "unfolded",
                                                              .fits = fits,
                                                              .chains = chains,
                                                              .prepare = prepare,
                                                              .workspace = workspace,
                                                              .packed_floats = packed_floats,
                                                              .pack = pack,
                                                              .product_samples = {forward_samples, backward_samples},
                                                              .gradient = spar_unfolded_gradient,
                                                              .gradient_pass = {.samples = spar_unfolded_sum_share,
                                                                                .sums = spar_unfolded_list_sums,
                                                                                .end = spar_unfolded_finish,
                                                                                .writes = SPAR_SUMS}};
