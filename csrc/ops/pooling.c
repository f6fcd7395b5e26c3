// Max, average and global average pooling. A window never leaves the image: padded positions are skipped, which is
// what zeros that count amount to for averages.
#include "ops/onnx.h"

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

static spar_status prepare(spar_operation *operation) {
    operation->kernel = "rows";
    return SPAR_OK;
}

// Row y of a sample's outputs.
static spar_pool_row row_of(const spar_operation *operation, int64_t sample, int y) {
    const spar_pool_params *s = &operation->node->settings.pool;
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    int top = y * s->stride_height - s->padding_height, bottom = top + s->kernel_height;
    if (bottom > in->extent.height) bottom = in->extent.height;
    if (top < 0) top = 0;
    int64_t from = (sample * in->extent.height + top) * in->extent.width * in->stride;
    int64_t to = (sample * out->extent.height + y) * out->extent.width * out->stride;
    return (spar_pool_row){.channels = (int)out->stride,
                           .rows = bottom - top,
                           .in = in->data + from,
                           .in_gradient = in->gradient + from,
                           .row = in->extent.width * in->stride,
                           .pixel = in->stride,
                           .width = in->extent.width,
                           .kernel_width = s->kernel_width,
                           .stride = s->stride_width,
                           .padding = s->padding_width,
                           .out_width = out->extent.width,
                           .out = out->data + to,
                           .d = out->gradient + to,
                           .scale = 1 / (float)(s->kernel_height * s->kernel_width)};
}

static bool is_maximum(const spar_operation *operation) {
    return operation->layer == &spar_layer_max_pool;
}

static void forward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    for (int64_t sample = share->first; sample < share->last; sample++) {
        for (int y = 0; y < operation->output->extent.height; y++) {
            spar_pool_row row = row_of(operation, sample, y);
            (is_maximum(operation) ? run->kernels->max_pool : run->kernels->average_pool)(&row);
        }
    }
}

// Is every pixel of the input in one window, and no more?
static bool windows_tile(const spar_operation *operation) {
    const spar_pool_params *s = &operation->node->settings.pool;
    const spar_extent *in = &operation->inputs[0]->extent, *out = &operation->output->extent;
    return s->kernel_height == s->stride_height && s->kernel_width == s->stride_width && s->padding_height == 0 &&
           s->padding_width == 0 && out->height * s->stride_height == in->height &&
           out->width * s->stride_width == in->width;
}

static void backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_tensor *in = operation->inputs[0];
    bool accumulates = operation->accumulates[0], tile = windows_tile(operation);
    for (int64_t sample = share->first; sample < share->last; sample++) {
        int64_t floats = spar_sample_floats(in);
        if (!accumulates && !tile) memset(in->gradient + sample * floats, 0, (size_t)floats * sizeof(float));
        for (int y = 0; y < operation->output->extent.height; y++) {
            spar_pool_row row = row_of(operation, sample, y);
            row.accumulate = accumulates || !tile;
            (is_maximum(operation) ? run->kernels->max_pool_backward : run->kernels->average_pool_backward)(&row);
        }
    }
}

static int passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    unsigned reads = is_maximum(operation) ? SPAR_INPUT_VALUE | SPAR_OUTPUT_VALUE : 0;
    return spar_list_passes(kind, (spar_pass){.samples = forward_samples},
                            (spar_pass){.samples = backward_samples, .reads = reads}, passes);
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

static spar_onnx_operator window_operator(const spar_node *node, const char *type) {
    const spar_pool_params *s = &node->settings.pool;
    return (spar_onnx_operator){.type = type,
                                .inputs = {spar_onnx_value(0)},
                                .attributes = {
                                    spar_onnx_pair("kernel_shape", s->kernel_height, s->kernel_width),
                                    spar_onnx_pair("strides", s->stride_height, s->stride_width),
                                    spar_onnx_pads(s->padding_height, s->padding_width),
                                }};
}

static int max_pool_onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)input;
    operators[0] = window_operator(node, "MaxPool");
    return 1;
}

static int average_pool_onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)input;
    operators[0] = window_operator(node, "AveragePool");
    operators[0].attributes[3] = spar_onnx_integer("count_include_pad", 1);
    return 1;
}

static int global_average_pool_onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)node, (void)input;
    operators[0] = (spar_onnx_operator){.type = "GlobalAveragePool", .inputs = {spar_onnx_value(0)}};
    return 1;
}

#define POOL(NAME, KIND, INFER, FIELDS)                                                                                \
    const spar_layer spar_layer_##NAME = {.kind = KIND,                                                                \
                                          .input_count = 1,                                                            \
                                          .fields = FIELDS,                                                            \
                                          .infer = INFER,                                                              \
                                          .onnx = NAME##_onnx,                                                         \
                                          .prepare = prepare,                                                          \
                                          .chains = spar_chains_always,                                                \
                                          .passes = passes}

POOL(max_pool, "max_pool2d", infer_pool, fields);
POOL(average_pool, "average_pool2d", infer_pool, fields);
POOL(global_average_pool, "global_average_pool", infer_global, NULL);
