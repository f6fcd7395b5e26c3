// The table of layers, and what they share.
#include "ops/layer.h"

#define ROW(NAME, READS_INPUT) &spar_layer_##NAME,

const spar_layer *const spar_layers[] = {
    &spar_layer_input,
    &spar_layer_normalize,
    &spar_layer_convolution,
    &spar_layer_dense,
    &spar_layer_batch_norm,
    &spar_layer_max_pool,
    &spar_layer_average_pool,
    &spar_layer_global_average_pool,
    &spar_layer_add,
    &spar_layer_channel_shortcut,
    &spar_layer_dropout,
    &spar_layer_flatten,
    &spar_layer_perturb,
    &spar_layer_whiten,
    // activations
    SPAR_ACTIVATIONS(ROW) NULL,
};

spar_status spar_check_room(const spar_operation *operation, int64_t floats) {
    if (floats <= SPAR_MOST_WORKSPACE) return SPAR_OK;
    return spar_fail(SPAR_ERROR_MEMORY, "%s: a workspace of %lld bytes is not possible", operation->node->name,
                     (long long)spar_times(floats, sizeof(float)));
}

int spar_list_passes(spar_pass_kind kind, spar_pass forward, spar_pass backward, spar_pass *passes) {
    if (kind == SPAR_PASS_WEIGHTS) return 0;
    passes[0] = kind == SPAR_PASS_FORWARD ? forward : backward;
    passes[0].reads |= kind == SPAR_PASS_FORWARD ? SPAR_INPUT_VALUE : SPAR_OUTPUT_GRADIENT;
    passes[0].writes |= kind == SPAR_PASS_FORWARD ? SPAR_OUTPUT_VALUE : SPAR_INPUT_GRADIENT;
    return 1;
}

bool spar_chains_always(const spar_operation *operation) {
    (void)operation;
    return true;
}

int spar_list_no_operators(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)node, (void)input, (void)operators;
    return 0;
}
