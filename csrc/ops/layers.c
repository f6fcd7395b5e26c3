// The table of layers.
#include "ops/layer.h"

const spar_layer *const spar_layers[] = {
    &spar_layer_input,
    &spar_layer_normalize,
    &spar_layer_convolution,
    &spar_layer_dense,
    &spar_layer_batch_norm,
    &spar_layer_relu,
    &spar_layer_relu6,
    &spar_layer_tanh,
    &spar_layer_logistic,
    &spar_layer_max_pool,
    &spar_layer_average_pool,
    &spar_layer_global_average_pool,
    &spar_layer_add,
    &spar_layer_channel_shortcut,
    &spar_layer_dropout,
    &spar_layer_flatten,
    &spar_layer_perturb,
    &spar_layer_whiten,
    NULL,
};

bool spar_chains_always(const spar_operation *operation) {
    (void)operation;
    return true;
}
