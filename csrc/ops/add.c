// The sum of two values. A sweep takes one of them through its stages and adds the other.
#include "ops/onnx.h"
#include "ops/sweep.h"

#include <string.h>

static spar_status infer(spar_node *node, const spar_extent *inputs) {
    if (!spar_same_extent(inputs[0], inputs[1])) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: %d×%d×%d cannot be added to %d×%d×%d", node->name, inputs[0].channels,
                         inputs[0].height, inputs[0].width, inputs[1].channels, inputs[1].height, inputs[1].width);
    }
    return spar_infer_same(node, inputs);
}

static bool forward(const spar_stage *stage, const spar_sweep_block *at, const float *x, float *y) {
    (void)stage;
    if (x != y) memcpy(y, x, (size_t)at->block.floats * sizeof *y);
    at->run->kernels->add(at->operation->inputs[1]->data + at->block.offset, y, at->block.floats);
    return true;
}

static void backward(const spar_stage *stage, const spar_sweep_block *at, float *d) {
    (void)stage;
    if (!at->operation->wanted[1]) return;
    float *other = at->operation->inputs[1]->gradient + at->block.offset;
    if (at->operation->accumulates[1]) {
        at->run->kernels->add(d, other, at->block.floats);
    } else {
        memcpy(other, d, (size_t)at->block.floats * sizeof *d);
    }
}

static const spar_stage_functions stage = {.forward = forward, .backward = backward};

static int onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)node, (void)input;
    operators[0] = (spar_onnx_operator){.type = "Add", .inputs = {spar_onnx_value(0), spar_onnx_value(1)}};
    return 1;
}

const spar_layer spar_layer_add = {.kind = "add",
                                   .input_count = 2,
                                   .order = SPAR_KEEPS_ORDER,
                                   .onnx_rank = SPAR_ONNX_EITHER,
                                   .infer = infer,
                                   .onnx = onnx,
                                   .stage = &stage};
