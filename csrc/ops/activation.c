// ReLU, ReLU6, tanh and the logistic function: stages of a sweep whose backward needs only their output.
#include "ops/sweep.h"

static spar_status infer(spar_node *node, const spar_extent *inputs) {
    node->extent = inputs[0];
    return SPAR_OK;
}

#define ACTIVATION(NAME, KIND)                                                                                         \
    const spar_layer spar_layer_##NAME = {.kind = KIND,                                                                \
                                          .input_count = 1,                                                            \
                                          .sweep = true,                                                               \
                                          .order = SPAR_KEEPS_ORDER,                                                   \
                                          .backward_reads_output = true,                                               \
                                          .infer = infer}

ACTIVATION(relu, "relu");
ACTIVATION(relu6, "relu6");
ACTIVATION(tanh, "tanh");
ACTIVATION(logistic, "logistic");

spar_activation spar_activation_of(const spar_layer *layer) {
    if (layer == &spar_layer_relu) return SPAR_ACTIVATION_RELU;
    if (layer == &spar_layer_relu6) return SPAR_ACTIVATION_RELU6;
    if (layer == &spar_layer_tanh) return SPAR_ACTIVATION_TANH;
    return SPAR_ACTIVATION_LOGISTIC;
}
