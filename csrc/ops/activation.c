// Activations, one layer a row of the list in kernels.h.
#include "ops/sweep.h"

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
    const spar_layer spar_layer_##NAME = {                                                                             \
        .kind = #NAME, .input_count = 1, .order = SPAR_KEEPS_ORDER, .infer = spar_infer_same, .stage = &NAME##_stage};
SPAR_ACTIVATIONS(ACTIVATION)
