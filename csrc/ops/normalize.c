// Normalization by constants, one mean and deviation a channel.
#include "ops/onnx.h"
#include "ops/sweep.h"

#include <math.h>

enum { MEAN, DEVIATION };

static int parameters(const spar_node *node, spar_extent input, spar_extent flattened, spar_parameter_spec *specs) {
    (void)node, (void)flattened;
    specs[MEAN] = spar_vector_spec(".mean", input.channels, false, 0);
    specs[DEVIATION] = spar_vector_spec(".deviation", input.channels, false, 1);
    specs[DEVIATION].range = SPAR_RANGE_POSITIVE;
    return 2;
}

static spar_status check_constants(const spar_node *node) {
    for (int c = 0; c < node->extent.channels; c++) {
        float mean = node->settings.constants.values[MEAN][c],
              deviation = node->settings.constants.values[DEVIATION][c];
        if (!isfinite(mean) || !(deviation > 0 && deviation < INFINITY)) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "%s: channel %d has mean %g and deviation %g", node->name, c, mean,
                             deviation);
        }
    }
    return SPAR_OK;
}

// Channels are repeated until vectors fit.
static int64_t period_of(const spar_operation *operation) {
    int64_t stride = operation->output->stride;
    return stride % 16 == 0 ? stride : stride * 16;
}

// [3][period]: scale, center and zeros.
static spar_status prepare(spar_operation *operation, spar_stage *stage) {
    size_t floats = 3 * (size_t)period_of(operation);
    stage->state = spar_allocate(floats, sizeof(float));
    if (stage->state == NULL) return SPAR_ERROR_MEMORY;
    operation->state_bytes += floats * sizeof(float);
    return SPAR_OK;
}

static void discard(spar_stage *stage) {
    spar_release(stage->state);
}

static void begin(const spar_operation *operation, const spar_run *run, const spar_stage *stage) {
    (void)run;
    int64_t stride = operation->output->stride, period = period_of(operation);
    const float *mean = stage->parameters[MEAN]->value, *deviation = stage->parameters[DEVIATION]->value;
    float *scale = stage->state, *center = scale + period;
    for (int64_t i = 0; i < period; i++) {
        int64_t channel = i % stride;
        bool real = channel < stage->node->extent.channels;
        scale[i] = real ? 1 / deviation[channel] : 0;
        center[i] = real ? mean[channel] : 0;
    }
}

static bool forward(const spar_stage *stage, const spar_sweep_block *at, const float *x, float *y) {
    int64_t period = period_of(at->operation);
    const float *scale = stage->state, *center = scale + period, *zero = center + period;
    at->run->kernels->affine(x, y, at->block.floats, period, center, scale, zero);
    return true;
}

static void backward(const spar_stage *stage, const spar_sweep_block *at, float *d) {
    int64_t period = period_of(at->operation);
    const float *scale = stage->state, *zero = scale + 2 * period;
    at->run->kernels->affine(d, d, at->block.floats, period, zero, scale, zero);
}

static const spar_stage_functions stage = {
    .prepare = prepare, .discard = discard, .begin = begin, .forward = forward, .backward = backward};

static int onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)node, (void)input;
    operators[0] = (spar_onnx_operator){.type = "Sub", .inputs = {spar_onnx_value(0), spar_onnx_planes(MEAN)}};
    operators[1] = (spar_onnx_operator){.type = "Div", .inputs = {spar_onnx_result(0), spar_onnx_planes(DEVIATION)}};
    return 2;
}

const spar_layer spar_layer_normalize = {.kind = "normalize",
                                         .input_count = 1,
                                         .order = SPAR_KEEPS_ORDER,
                                         .image = SPAR_KEEPS_IMAGE,
                                         .infer = spar_infer_same,
                                         .parameters = parameters,
                                         .check_constants = check_constants,
                                         .onnx = onnx,
                                         .stage = &stage};
