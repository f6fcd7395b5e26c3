// Layers that only move numbers: the input, flatten, and the zero-padded channel shortcut.
#include "ops/onnx.h"

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

const spar_layer spar_layer_input = {
    .kind = "input", .fields = input_fields, .infer = infer_input, .onnx = spar_list_no_operators};

static spar_status infer_flatten(spar_node *node, const spar_extent *inputs) {
    int64_t values = spar_pixels(inputs[0]) * inputs[0].channels;
    if (values > 1 << 28)
        return spar_fail(SPAR_ERROR_SHAPE, "%s: %lld values are too many", node->name, (long long)values);
    node->extent = (spar_extent){(int)values, 1, 1};
    return SPAR_OK;
}

static spar_status prepare(spar_operation *operation) {
    operation->kernel = "copy";
    return SPAR_OK;
}

// The memory is shared: what an overflow left in the padding would go on into weights and sums.
static void clear_padding(const spar_tensor *tensor, int64_t sample) {
    int64_t values = tensor->extent.channels;
    memset(tensor->data + sample * tensor->stride + values, 0, (size_t)(tensor->stride - values) * sizeof(float));
}

// Flatten as a copy leaves the padding out; without padding the plan makes it a view instead.
static void flatten_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    (void)run;
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    int64_t pixels = spar_pixels(in->extent), channels = in->extent.channels;
    for (int64_t sample = share->first; sample < share->last; sample++) {
        for (int64_t pixel = 0; pixel < pixels; pixel++) {
            memcpy(out->data + sample * out->stride + pixel * channels,
                   in->data + (sample * pixels + pixel) * in->stride, (size_t)channels * sizeof(float));
        }
        clear_padding(out, sample);
    }
}

static void unflatten_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    int64_t pixels = spar_pixels(in->extent), channels = in->extent.channels;
    for (int64_t row = share->first * pixels; row < share->last * pixels; row++) {
        const float *d = out->gradient + row / pixels * out->stride + row % pixels * channels;
        float *dx = in->gradient + row * in->stride;
        if (!operation->accumulates[0]) memset(dx, 0, (size_t)in->stride * sizeof *dx);
        run->kernels->add(d, dx, channels);
    }
}

static void reorder_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    (void)run;
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    int64_t pixels = spar_pixels(in->extent);
    for (int64_t sample = share->first; sample < share->last; sample++) {
        for (int64_t i = 0; i < pixels * in->extent.channels; i++) {
            int64_t row = sample * pixels + i % pixels;
            out->data[sample * out->stride + i] = in->data[row * in->stride + i / pixels];
        }
        clear_padding(out, sample);
    }
}

static void restore_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    (void)run;
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    int64_t pixels = spar_pixels(in->extent), floats = spar_sample_floats(in);
    for (int64_t sample = share->first; sample < share->last; sample++) {
        if (!operation->accumulates[0]) memset(in->gradient + sample * floats, 0, (size_t)floats * sizeof(float));
        for (int64_t i = 0; i < pixels * in->extent.channels; i++) {
            int64_t row = sample * pixels + i % pixels;
            in->gradient[row * in->stride + i / pixels] += out->gradient[sample * out->stride + i];
        }
    }
}

static int flatten_passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    bool in_order = operation->in_order;
    return spar_list_passes(kind, (spar_pass){.samples = in_order ? reorder_samples : flatten_samples},
                            (spar_pass){.samples = in_order ? restore_samples : unflatten_samples}, passes);
}

const spar_layer spar_layer_flatten = {.kind = "flatten",
                                       .input_count = 1,
                                       .order = SPAR_FLATTENS,
                                       .image = SPAR_KEEPS_IMAGE,
                                       .onnx_rank = SPAR_ONNX_ROWS,
                                       .view = true,
                                       .infer = infer_flatten,
                                       .onnx = spar_list_no_operators,
                                       .prepare = prepare,
                                       .chains = spar_chains_always,
                                       .passes = flatten_passes};

static spar_status infer_shortcut(spar_node *node, const spar_extent *inputs) {
    int channels = node->extent.channels, stride = node->settings.stride;
    if (stride < 1 || stride > 1024) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: stride is %d", node->name, stride);
    if (channels < inputs[0].channels || channels > 1 << 20) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: a shortcut of %d channels cannot have %d", node->name,
                         inputs[0].channels, channels);
    }
    node->extent.height = (inputs[0].height - 1) / stride + 1;
    node->extent.width = (inputs[0].width - 1) / stride + 1;
    return SPAR_OK;
}

static void shortcut_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    (void)run;
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    int stride = operation->node->settings.stride;
    size_t channels = (size_t)in->extent.channels;
    float *y = out->data + share->first * spar_sample_floats(out);
    for (int64_t sample = share->first; sample < share->last; sample++) {
        for (int64_t pixel = 0; pixel < spar_pixels(out->extent); pixel++, y += out->stride) {
            int64_t row = (sample * in->extent.height + pixel / out->extent.width * stride) * in->extent.width +
                          pixel % out->extent.width * stride;
            memcpy(y, in->data + row * in->stride, channels * sizeof *y);
            memset(y + channels, 0, ((size_t)out->stride - channels) * sizeof *y);
        }
    }
}

static void shortcut_backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    int stride = operation->node->settings.stride;
    const float *d = out->gradient + share->first * spar_sample_floats(out);
    for (int64_t sample = share->first; sample < share->last; sample++) {
        int64_t floats = spar_sample_floats(in);
        if (!operation->accumulates[0]) memset(in->gradient + sample * floats, 0, (size_t)floats * sizeof(float));
        for (int64_t pixel = 0; pixel < spar_pixels(out->extent); pixel++, d += out->stride) {
            int64_t row = (sample * in->extent.height + pixel / out->extent.width * stride) * in->extent.width +
                          pixel % out->extent.width * stride;
            run->kernels->add(d, in->gradient + row * in->stride, in->extent.channels);
        }
    }
}

static int shortcut_passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    (void)operation;
    return spar_list_passes(kind, (spar_pass){.samples = shortcut_samples},
                            (spar_pass){.samples = shortcut_backward_samples}, passes);
}

static const spar_field shortcut_fields[] = {
    SPAR_FIELD(INT, "channels", extent.channels),
    SPAR_FIELD(INT, "stride", settings.stride),
    {0},
};

static int shortcut_onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    int64_t stride = node->settings.stride, more = node->extent.channels - input.channels;
    const spar_onnx_input starts = {.source = SPAR_ONNX_INTEGERS, .count = 2},
                          ends = {.source = SPAR_ONNX_INTEGERS, .count = 2, .integers = {input.height, input.width}},
                          axes = {.source = SPAR_ONNX_INTEGERS, .count = 2, .integers = {2, 3}},
                          steps = {.source = SPAR_ONNX_INTEGERS, .count = 2, .integers = {stride, stride}},
                          pads = {.source = SPAR_ONNX_INTEGERS, .count = 8, .integers = {[5] = more}};
    operators[0] = (spar_onnx_operator){.type = "Slice", .inputs = {spar_onnx_value(0), starts, ends, axes, steps}};
    operators[1] = (spar_onnx_operator){.type = "Pad", .inputs = {spar_onnx_result(0), pads}};
    return 2;
}

const spar_layer spar_layer_channel_shortcut = {.kind = "channel_shortcut",
                                                .input_count = 1,
                                                .fields = shortcut_fields,
                                                .infer = infer_shortcut,
                                                .onnx = shortcut_onnx,
                                                .prepare = prepare,
                                                .chains = spar_chains_always,
                                                .passes = shortcut_passes};
