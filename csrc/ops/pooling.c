// Max, average and global average pooling. A window never leaves the image: padded positions are skipped, which is
// what zeros that count amount to for averages.
#include "ops/layer.h"

#include "runtime/parallel.h"

#include <string.h>

static spar_status infer_pool(spar_node *node, const spar_extent *inputs) {
    const spar_pool_params *s = &node->settings.pool;
    spar_extent in = inputs[0];
    if (s->kernel_height < 1 || s->kernel_width < 1 || s->stride_height < 1 || s->stride_width < 1 ||
        s->padding_height < 0 || s->padding_width < 0 || s->padding_height > s->kernel_height / 2 ||
        s->padding_width > s->kernel_width / 2 || s->kernel_height > 1024 || s->kernel_width > 1024 ||
        s->stride_height > 1024 || s->stride_width > 1024) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: kernel %d×%d, stride %d×%d, padding %d×%d (at most half the kernel)",
                         node->name, s->kernel_height, s->kernel_width, s->stride_height, s->stride_width,
                         s->padding_height, s->padding_width);
    }
    int height = in.height + 2 * s->padding_height - s->kernel_height;
    int width = in.width + 2 * s->padding_width - s->kernel_width;
    if (height < 0 || width < 0) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: a window of %d×%d does not fit an input of %d×%d with padding %d×%d",
                         node->name, s->kernel_height, s->kernel_width, in.height, in.width, s->padding_height,
                         s->padding_width);
    }
    node->extent = (spar_extent){in.channels, height / s->stride_height + 1, width / s->stride_width + 1};
    return SPAR_OK;
}

// Global pooling is a pool whose window is the image.
static spar_status infer_global(spar_node *node, const spar_extent *inputs) {
    node->settings.pool = (spar_pool_params){
        .kernel_height = inputs[0].height, .kernel_width = inputs[0].width, .stride_height = 1, .stride_width = 1};
    node->extent = (spar_extent){inputs[0].channels, 1, 1};
    return SPAR_OK;
}

static int window_taps(const spar_step *step) {
    return step->node->settings.pool.kernel_height * step->node->settings.pool.kernel_width;
}

static spar_status prepare(spar_step *step) {
    step->kernel = "rows";
    // Two lists of row pointers a thread.
    spar_want_workspace(step, (int64_t)step->threads * spar_round_up16(4 * window_taps(step)));
    return SPAR_OK;
}

typedef struct pool_task {
    spar_step *step;
    const spar_run *run;
    bool maximum;
} pool_task;

// Lists the input rows in the window of output pixel (y, x); their gradients' rows too where `gradients` is not NULL.
static int list_rows(const spar_step *step, int64_t sample, int y, int x, const float **rows, float **gradients) {
    const spar_pool_params *s = &step->node->settings.pool;
    const spar_tensor *input = step->inputs[0];
    int top = y * s->stride_height - s->padding_height, left = x * s->stride_width - s->padding_width, count = 0;
    for (int iy = top < 0 ? 0 : top; iy < top + s->kernel_height && iy < input->extent.height; iy++) {
        for (int ix = left < 0 ? 0 : left; ix < left + s->kernel_width && ix < input->extent.width; ix++) {
            int64_t row = (sample * input->extent.height + iy) * input->extent.width + ix;
            rows[count] = input->data + row * input->stride;
            if (gradients != NULL) gradients[count] = input->gradient + row * input->stride;
            count++;
        }
    }
    return count;
}

static void forward_samples(void *context, int64_t first, int64_t last, int thread) {
    pool_task *task = context;
    spar_step *step = task->step;
    const spar_tensor *output = step->output;
    int taps = window_taps(step);
    const float **rows = (const float **)(task->run->workspace + thread * spar_round_up16(4 * taps));
    float *out = output->data + first * spar_sample_floats(output);
    for (int64_t sample = first; sample < last; sample++) {
        for (int y = 0; y < output->extent.height; y++) {
            for (int x = 0; x < output->extent.width; x++, out += output->stride) {
                int count = list_rows(step, sample, y, x, rows, NULL);
                if (task->maximum) {
                    task->run->kernels->max_pool_row(count, rows, out, output->stride);
                } else {
                    task->run->kernels->average_pool_row(count, rows, out, output->stride, 1 / (float)taps);
                }
            }
        }
    }
}

// Windows may overlap, so a thread owns whole samples.
static void backward_samples(void *context, int64_t first, int64_t last, int thread) {
    pool_task *task = context;
    spar_step *step = task->step;
    const spar_tensor *output = step->output, *input = step->inputs[0];
    int taps = window_taps(step);
    const float **rows = (const float **)(task->run->workspace + thread * spar_round_up16(4 * taps));
    float **gradients = (float **)(rows + taps);
    for (int64_t sample = first; sample < last; sample++) {
        int64_t floats = spar_sample_floats(input);
        if (!step->accumulates[0]) memset(input->gradient + sample * floats, 0, (size_t)floats * sizeof(float));
        int64_t row = sample * spar_pixels(output->extent);
        for (int y = 0; y < output->extent.height; y++) {
            for (int x = 0; x < output->extent.width; x++, row++) {
                const float *d = output->gradient + row * output->stride;
                int count = list_rows(step, sample, y, x, rows, gradients);
                if (task->maximum) {
                    task->run->kernels->max_pool_backward_row(count, rows, output->data + row * output->stride, d,
                                                              gradients, output->stride);
                } else {
                    task->run->kernels->average_pool_backward_row(count, d, gradients, output->stride, 1 / (float)taps);
                }
            }
        }
    }
}

static void forward(spar_step *step, const spar_run *run) {
    pool_task task = {step, run, step->layer == &spar_layer_max_pool};
    spar_parallel(run->threads, run->batch, forward_samples, &task);
}

static void backward(spar_step *step, const spar_run *run, const bool wanted[2]) {
    pool_task task = {step, run, step->layer == &spar_layer_max_pool};
    if (wanted[0]) spar_parallel(run->threads, run->batch, backward_samples, &task);
}

static const spar_field fields[] = {
    SPAR_FIELD(INT, "kernel_height", settings.pool.kernel_height),
    SPAR_FIELD(INT, "kernel_width", settings.pool.kernel_width),
    SPAR_FIELD(INT, "stride_height", settings.pool.stride_height),
    SPAR_FIELD(INT, "stride_width", settings.pool.stride_width),
    SPAR_FIELD(INT, "padding_height", settings.pool.padding_height),
    SPAR_FIELD(INT, "padding_width", settings.pool.padding_width),
    {0},
};

#define POOL(NAME, KIND, INFER, READS, FIELDS)                                                                         \
    const spar_layer spar_layer_##NAME = {.kind = KIND,                                                                \
                                          .input_count = 1,                                                            \
                                          .backward_reads_input = READS,                                               \
                                          .backward_reads_output = READS,                                              \
                                          .fields = FIELDS,                                                            \
                                          .infer = INFER,                                                              \
                                          .prepare = prepare,                                                          \
                                          .forward = forward,                                                          \
                                          .backward = backward}

POOL(max_pool, "max_pool2d", infer_pool, true, fields);
POOL(average_pool, "average_pool2d", infer_pool, false, fields);
POOL(global_average_pool, "global_average_pool", infer_global, false, NULL);
