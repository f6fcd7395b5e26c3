// Layers that only move numbers: the input, flatten, and the zero-padded channel shortcut.
#include "ops/layer.h"

#include "runtime/parallel.h"

#include <string.h>

static spar_status infer_input(spar_node *node, const spar_extent *inputs) {
    (void)inputs;
    spar_extent e = node->extent;
    if (e.channels < 1 || e.height < 1 || e.width < 1 || e.channels > 1 << 20 || e.height > 1 << 14 ||
        e.width > 1 << 14) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: an image of %d×%d×%d is not possible", node->name, e.channels, e.height,
                         e.width);
    }
    return SPAR_OK;
}

static const spar_field input_fields[] = {
    SPAR_FIELD(INT, "channels", extent.channels),
    SPAR_FIELD(INT, "height", extent.height),
    SPAR_FIELD(INT, "width", extent.width),
    {0},
};

const spar_layer spar_layer_input = {.kind = "input", .fields = input_fields, .infer = infer_input};

static spar_status infer_flatten(spar_node *node, const spar_extent *inputs) {
    int64_t values = spar_pixels(inputs[0]) * inputs[0].channels;
    if (values > 1 << 28)
        return spar_fail(SPAR_ERROR_SHAPE, "%s: %lld values are too many", node->name, (long long)values);
    node->extent = (spar_extent){(int)values, 1, 1};
    return SPAR_OK;
}

static spar_status prepare(spar_step *step) {
    step->kernel = "copy";
    return SPAR_OK;
}

typedef struct copy_task {
    spar_step *step;
    const spar_run *run;
} copy_task;

// Flatten as a copy leaves the padding out; without padding the plan makes it a view instead.
static void flatten_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    copy_task *task = context;
    const spar_tensor *in = task->step->inputs[0], *out = task->step->output;
    int64_t pixels = spar_pixels(in->extent), channels = in->extent.channels;
    for (int64_t sample = first; sample < last; sample++) {
        for (int64_t pixel = 0; pixel < pixels; pixel++) {
            memcpy(out->data + sample * out->stride + pixel * channels,
                   in->data + (sample * pixels + pixel) * in->stride, (size_t)channels * sizeof(float));
        }
    }
}

static void unflatten_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    copy_task *task = context;
    const spar_tensor *in = task->step->inputs[0], *out = task->step->output;
    int64_t pixels = spar_pixels(in->extent), channels = in->extent.channels;
    for (int64_t row = first * pixels; row < last * pixels; row++) {
        const float *d = out->gradient + row / pixels * out->stride + row % pixels * channels;
        float *dx = in->gradient + row * in->stride;
        if (!task->step->accumulates[0]) memset(dx, 0, (size_t)in->stride * sizeof *dx);
        task->run->kernels->add(d, dx, channels);
    }
}

static void flatten_forward(spar_step *step, const spar_run *run) {
    copy_task task = {step, run};
    spar_parallel(run->threads, run->batch, flatten_samples, &task);
}

static void flatten_backward(spar_step *step, const spar_run *run, const bool wanted[2]) {
    copy_task task = {step, run};
    if (wanted[0]) spar_parallel(run->threads, run->batch, unflatten_samples, &task);
}

const spar_layer spar_layer_flatten = {.kind = "flatten",
                                       .input_count = 1,
                                       .infer = infer_flatten,
                                       .prepare = prepare,
                                       .forward = flatten_forward,
                                       .backward = flatten_backward};

static void reorder_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    copy_task *task = context;
    const spar_tensor *in = task->step->inputs[0], *out = task->step->output;
    int64_t pixels = spar_pixels(in->extent);
    for (int64_t sample = first; sample < last; sample++) {
        for (int64_t i = 0; i < pixels * in->extent.channels; i++) {
            int64_t row = sample * pixels + i % pixels;
            out->data[sample * out->stride + i] = in->data[row * in->stride + i / pixels];
        }
    }
}

static void restore_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    copy_task *task = context;
    const spar_tensor *in = task->step->inputs[0], *out = task->step->output;
    int64_t pixels = spar_pixels(in->extent), floats = spar_sample_floats(in);
    for (int64_t sample = first; sample < last; sample++) {
        if (!task->step->accumulates[0]) memset(in->gradient + sample * floats, 0, (size_t)floats * sizeof(float));
        for (int64_t i = 0; i < pixels * in->extent.channels; i++) {
            int64_t row = sample * pixels + i % pixels;
            in->gradient[row * in->stride + i / pixels] += out->gradient[sample * out->stride + i];
        }
    }
}

static void reorder_forward(spar_step *step, const spar_run *run) {
    copy_task task = {step, run};
    spar_parallel(run->threads, run->batch, reorder_samples, &task);
}

static void reorder_backward(spar_step *step, const spar_run *run, const bool wanted[2]) {
    copy_task task = {step, run};
    if (wanted[0]) spar_parallel(run->threads, run->batch, restore_samples, &task);
}

const spar_layer spar_layer_reorder = {
    .kind = "flatten", .input_count = 1, .prepare = prepare, .forward = reorder_forward, .backward = reorder_backward};

static spar_status infer_shortcut(spar_node *node, const spar_extent *inputs) {
    int channels = node->extent.channels, stride = node->settings.shortcut.stride;
    if (stride < 1 || stride > 1024) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: stride is %d", node->name, stride);
    if (channels < inputs[0].channels || channels > 1 << 20) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: a shortcut of %d channels cannot have %d", node->name,
                         inputs[0].channels, channels);
    }
    node->extent.height = (inputs[0].height - 1) / stride + 1;
    node->extent.width = (inputs[0].width - 1) / stride + 1;
    return SPAR_OK;
}

static void shortcut_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    copy_task *task = context;
    const spar_tensor *in = task->step->inputs[0], *out = task->step->output;
    int stride = task->step->node->settings.shortcut.stride;
    size_t channels = (size_t)in->extent.channels;
    float *y = out->data + first * spar_sample_floats(out);
    for (int64_t sample = first; sample < last; sample++) {
        for (int64_t pixel = 0; pixel < spar_pixels(out->extent); pixel++, y += out->stride) {
            int64_t row = (sample * in->extent.height + pixel / out->extent.width * stride) * in->extent.width +
                          pixel % out->extent.width * stride;
            memcpy(y, in->data + row * in->stride, channels * sizeof *y);
            memset(y + channels, 0, ((size_t)out->stride - channels) * sizeof *y);
        }
    }
}

static void shortcut_backward_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    copy_task *task = context;
    const spar_tensor *in = task->step->inputs[0], *out = task->step->output;
    int stride = task->step->node->settings.shortcut.stride;
    const float *d = out->gradient + first * spar_sample_floats(out);
    for (int64_t sample = first; sample < last; sample++) {
        int64_t floats = spar_sample_floats(in);
        if (!task->step->accumulates[0]) memset(in->gradient + sample * floats, 0, (size_t)floats * sizeof(float));
        for (int64_t pixel = 0; pixel < spar_pixels(out->extent); pixel++, d += out->stride) {
            int64_t row = (sample * in->extent.height + pixel / out->extent.width * stride) * in->extent.width +
                          pixel % out->extent.width * stride;
            task->run->kernels->add(d, in->gradient + row * in->stride, in->extent.channels);
        }
    }
}

static void shortcut_forward(spar_step *step, const spar_run *run) {
    copy_task task = {step, run};
    spar_parallel(run->threads, run->batch, shortcut_samples, &task);
}

static void shortcut_backward(spar_step *step, const spar_run *run, const bool wanted[2]) {
    copy_task task = {step, run};
    if (wanted[0]) spar_parallel(run->threads, run->batch, shortcut_backward_samples, &task);
}

static const spar_field shortcut_fields[] = {
    SPAR_FIELD(INT, "channels", extent.channels),
    SPAR_FIELD(INT, "stride", settings.shortcut.stride),
    {0},
};

const spar_layer spar_layer_channel_shortcut = {.kind = "channel_shortcut",
                                                .input_count = 1,
                                                .fields = shortcut_fields,
                                                .infer = infer_shortcut,
                                                .prepare = prepare,
                                                .forward = shortcut_forward,
                                                .backward = shortcut_backward};
