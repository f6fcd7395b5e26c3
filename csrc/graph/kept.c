// Values and gradients of layers that the options name.
#include "graph/network.h"

#include <string.h>

spar_status spar_check_kept(const spar_network_options *options) {
    if (options->kept_count < 0 || (options->kept_count > 0 && options->kept_layers == NULL)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "network: %d layers to keep, with their names at %p", options->kept_count,
                         (const void *)options->kept_layers);
    }
    for (int k = 0; k < options->kept_count; k++) {
        if (options->kept_layers[k] == NULL)
            return spar_fail(SPAR_ERROR_ARGUMENT, "network: the name of layer %d to keep is NULL", k);
    }
    return SPAR_OK;
}

spar_status spar_find_kept(spar_network *network) {
    const spar_network_options *options = &network->options;
    network->kept = spar_allocate((size_t)network->graph->count, sizeof *network->kept);
    if (network->kept == NULL) return SPAR_ERROR_MEMORY;
    for (int k = 0; k < options->kept_count; k++) {
        int32_t index;
        SPAR_TRY(spar_network_find_layer(network, options->kept_layers[k], &index));
        network->kept[spar_node_of_layer(network, index)] = true;
    }
    return SPAR_OK;
}

static const spar_operation *keeper_of(const spar_network *network, const spar_node *node) {
    for (int s = 0; s < network->operation_count; s++) {
        const spar_operation *operation = &network->operations[s];
        if (operation->kept[0] != NULL && operation->node == node) return operation;
    }
    return NULL;
}

static spar_status read(const spar_network *network, const char *call, int32_t index, bool gradient, int32_t first,
                        int32_t count, float *values) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(values);
    int v = spar_node_of_layer(network, index);
    if (v < 0) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: there is no layer %d", call, index);
    const spar_node *node = &network->graph->nodes[v];
    const spar_operation *keeper = keeper_of(network, node);
    if (keeper == NULL) {
        return spar_fail(SPAR_ERROR_STATE,
                         "%s: the plan does not keep %s; name it in the options' kept_layers, or make a prefix network "
                         "that ends there",
                         call, node->name);
    }
    if (!network->ran_forward || (gradient && !network->ran_backward)) {
        return spar_fail(SPAR_ERROR_STATE, "%s: there is no %s pass to read %s of", call,
                         gradient ? "backward" : "forward", node->name);
    }
    if (first < 0 || count < 0 || first > network->run.batch || count > network->run.batch - first) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %d images from %d on; the pass had %d", call, count, first,
                         network->run.batch);
    }
    // A flattened value lies as pixels of channels.
    const spar_tensor *tensor = &network->tensors[v];
    int64_t channels = tensor->flattened.channels, parts = spar_pixels(tensor->flattened);
    int64_t pixels = spar_pixels(node->extent), floats = node->extent.channels * pixels;
    for (int64_t i = 0; i < count * floats; i++) {
        int64_t channel = i % floats / pixels, column = channel % parts * channels + channel / parts;
        int64_t row = (first + i / floats) * pixels + i % pixels;
        values[i] = keeper->kept[gradient][row * tensor->stride + column];
    }
    return SPAR_OK;
}

spar_status spar_read_layer(const spar_network *network, int32_t index, int32_t first, int32_t count, float *values) {
    return read(network, __func__, index, false, first, count, values);
}

spar_status spar_read_layer_gradient(const spar_network *network, int32_t index, int32_t first, int32_t count,
                                     float *values) {
    return read(network, __func__, index, true, first, count, values);
}
