// Activations, one layer a row of the list in kernels.h.
#include "ops/onnx.h"
#include "ops/sweep.h"

#include <math.h>
#include <string.h>

static int relu_onnx(spar_onnx_operator *operators) {
    operators[0] = (spar_onnx_operator){.type = "Relu", .inputs = {spar_onnx_value(0)}};
    return 1;
}

static int relu6_onnx(spar_onnx_operator *operators) {
    operators[0] =
        (spar_onnx_operator){.type = "Clip", .inputs = {spar_onnx_value(0), spar_onnx_number(0), spar_onnx_number(6)}};
    return 1;
}

static int tanh_onnx(spar_onnx_operator *operators) {
    operators[0] = (spar_onnx_operator){.type = "Tanh", .inputs = {spar_onnx_value(0)}};
    return 1;
}

static int logistic_onnx(spar_onnx_operator *operators) {
    operators[0] = (spar_onnx_operator){.type = "Sigmoid", .inputs = {spar_onnx_value(0)}};
    return 1;
}

static int silu_onnx(spar_onnx_operator *operators) {
    int count = logistic_onnx(operators);
    operators[count] = (spar_onnx_operator){.type = "Mul", .inputs = {spar_onnx_value(0), spar_onnx_result(0)}};
    return count + 1;
}

// x·½·(1 + erf(x / √2))
static int gelu_onnx(spar_onnx_operator *operators) {
    const spar_onnx_operator list[] = {
        {.type = "Div", .inputs = {spar_onnx_value(0), spar_onnx_number(sqrtf(2))}},
        {.type = "Erf", .inputs = {spar_onnx_result(0)}},
        {.type = "Add", .inputs = {spar_onnx_result(1), spar_onnx_number(1)}},
        {.type = "Mul", .inputs = {spar_onnx_value(0), spar_onnx_number(0.5F)}},
        {.type = "Mul", .inputs = {spar_onnx_result(3), spar_onnx_result(2)}},
    };
    memcpy(operators, list, sizeof list);
    return sizeof list / sizeof *list;
}

#define ACTIVATION(NAME, READS_INPUT)                                                                                  \
    static bool NAME##_forward(const spar_stage *stage, const spar_sweep_block *at, const float *x, float *y) {        \
        (void)stage;                                                                                                   \
        at->run->kernels->activations.NAME.forward(x, y, at->block.floats);                                            \
        return true;                                                                                                   \
    }                                                                                                                  \
                                                                                                                       \
    static void NAME##_backward(const spar_stage *stage, const spar_sweep_block *at, float *d) {                       \
        (void)stage;                                                                                                   \
        const spar_tensor *from = READS_INPUT ? at->operation->inputs[0] : at->operation->output;                      \
        at->run->kernels->activations.NAME.backward(from->data + at->block.offset, d, at->block.floats);               \
    }                                                                                                                  \
                                                                                                                       \
    static const spar_stage_functions NAME##_stage = {.backward_reads_input = READS_INPUT,                             \
                                                      .backward_reads_output = !READS_INPUT,                           \
                                                      .forward = NAME##_forward,                                       \
                                                      .backward = NAME##_backward};                                    \
                                                                                                                       \
    static int NAME##_operators(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {             \
        (void)node, (void)input;                                                                                       \
        return NAME##_onnx(operators);                                                                                 \
    }                                                                                                                  \
                                                                                                                       \
    const spar_layer spar_layer_##NAME = {.kind = #NAME,                                                               \
                                          .input_count = 1,                                                            \
                                          .order = SPAR_KEEPS_ORDER,                                                   \
                                          .onnx_rank = SPAR_ONNX_EITHER,                                               \
                                          .infer = spar_infer_same,                                                    \
                                          .onnx = NAME##_operators,                                                    \
                                          .stage = &NAME##_stage};
SPAR_ACTIVATIONS(ACTIVATION)
