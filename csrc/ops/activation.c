// ReLU, ReLU6, tanh and the logistic function: stages of a sweep whose backward needs only their output.
#include "ops/sweep.h"

static spar_activation activation_of(const spar_stage *stage) {
    const spar_layer *layer = stage->node->layer;
    if (layer == &spar_layer_relu) return SPAR_ACTIVATION_RELU;
    if (layer == &spar_layer_relu6) return SPAR_ACTIVATION_RELU6;
    if (layer == &spar_layer_tanh) return SPAR_ACTIVATION_TANH;
    return SPAR_ACTIVATION_LOGISTIC;
}

static bool forward(const spar_stage *stage, const spar_sweep_block *at, const float *x, float *y) {
    at->run->kernels->activate(activation_of(stage), x, y, at->block.floats);
    return true;
}

static void backward(const spar_stage *stage, const spar_sweep_block *at, float *d) {
    const float *y = at->operation->output->data + at->block.offset;
    at->run->kernels->activate_backward(activation_of(stage), y, d, at->block.floats);
}

static const spar_stage_functions stage = {.forward = forward, .backward = backward};

#define ACTIVATION(NAME, KIND)                                                                                         \
    const spar_layer spar_layer_##NAME = {.kind = KIND,                                                                \
                                          .input_count = 1,                                                            \
                                          .order = SPAR_KEEPS_ORDER,                                                   \
                                          .backward_reads_output = true,                                               \
                                          .infer = spar_infer_same,                                                    \
                                          .stage = &stage}

ACTIVATION(relu, "relu");
ACTIVATION(relu6, "relu6");
ACTIVATION(tanh, "tanh");
ACTIVATION(logistic, "logistic");
