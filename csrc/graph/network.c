#include "graph/ranks.h"

#include "runtime/environment.h"
#include "runtime/parallel.h"
#include "runtime/structure.h"

#include <string.h>

#define OPTIONS SPAR_STRUCTURE(spar_network_options, exact_convolutions)

spar_status spar_network_set_defaults(spar_network_options *options, uint32_t struct_size) {
    return spar_fill_defaults(OPTIONS, &(spar_network_options){.batch_size = 128, .seed = 1}, options, struct_size);
}

spar_status spar_take_options(const spar_network_options *given, spar_network_options *options) {
    if (given != NULL) SPAR_TRY(spar_take_structure(OPTIONS, given, options));
    if (options->batch_size < 1 || options->batch_size > SPAR_MOST_BATCH) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "network: a batch size of %d; there may be 1 to %d images",
                         options->batch_size, SPAR_MOST_BATCH);
    }
    if (options->threads < 0 || options->threads > SPAR_MOST_THREADS) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "network: %d threads; there may be 0 to %d", options->threads,
                         SPAR_MOST_THREADS);
    }
    if (options->loss < SPAR_LOSS_SOFTMAX_CROSS_ENTROPY || options->loss > SPAR_LOSS_SQUARED_ERROR) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "network: there is no loss %d", (int)options->loss);
    }
    spar_group group;
    SPAR_TRY(spar_take_group(options->group, &group));
    return spar_check_kept(options);
}

static spar_status fill(spar_network *network, const spar_graph *graph) {
    SPAR_TRY(spar_graph_copy(graph, &network->graph));
    network->run = (spar_run){.kernels = spar_kernels_for_cpu(),
                              .threads = network->options.threads,
                              .seed = network->options.seed,
                              .weights_version = 1};
    SPAR_TRY(spar_join_group(network, network->options.group));
    network->options.group = NULL; // the caller's
    SPAR_TRY(spar_plan(network));
    network->options.kept_layers = NULL; // the caller's
    network->options.kept_count = 0;
    network->method.struct_size = sizeof network->method;
    return spar_method_preset("backprop", 0, &network->method);
}

spar_status spar_network_create(const spar_graph *graph, spar_value output, const spar_network_options *options,
                                spar_network **network) {
    SPAR_REQUIRE_POINTER(graph);
    SPAR_REQUIRE_POINTER(network);
    *network = NULL;
    if (graph->failure_status != SPAR_OK) return spar_fail(graph->failure_status, "%s", graph->failure);
    spar_network_options chosen = spar_network_defaults();
    SPAR_TRY(spar_take_options(options, &chosen));
    SPAR_TRY(spar_check_environment());
    if (chosen.threads == 0) chosen.threads = spar_available_threads();
    if (output < 0 || output >= graph->count) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "network: value %d is not of this graph, which has %d", output,
                         graph->count);
    }
    spar_network *made = spar_allocate(1, sizeof *made);
    if (made == NULL) return SPAR_ERROR_MEMORY;
    made->output = output;
    made->options = chosen;
    spar_status status = fill(made, graph);
    if (status != SPAR_OK) {
        spar_network_destroy(made);
        return status;
    }
    *network = made;
    return SPAR_OK;
}

void spar_network_destroy(spar_network *network) {
    if (network == NULL) return;
    spar_leave_group(network);
    for (int s = 0; s < network->operation_count; s++) {
        if (network->operations[s].layer->discard != NULL)
            network->operations[s].layer->discard(&network->operations[s]);
    }
    for (int p = 0; p < network->point_count && network->points != NULL; p++) spar_point_discard(&network->points[p]);
    int listed = spar_listed_parameters(network);
    if (listed < network->parameter_count) listed = network->parameter_count; // a list that could not be finished
    for (int p = 0; p < listed; p++) spar_release(network->parameters[p].name);
    void *const memory[] = {network->tensors,
                            network->root,
                            network->live,
                            network->kept,
                            network->wanted,
                            network->operations,
                            network->parameters,
                            network->points,
                            network->arena,
                            network->criterion_values,
                            network->kept_outputs,
                            network->workspace,
                            network->works,
                            network->first_parameter,
                            (void *)network->method.last_point,
                            (void *)network->method.hidden_points};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) spar_release(memory[i]);
    for (int part = 0; part < SPAR_PARTS; part++) spar_release(network->slots[part]);
    spar_discard_perturbed_weights(&network->perturbed_weights);
    spar_graph_destroy(network->graph);
    spar_release(network);
}

int64_t spar_multiply_adds(const spar_operation *operation) {
    if (operation->layer->multiply_adds == NULL) return 0;
    return operation->layer->multiply_adds(operation->node, operation->inputs[0]->extent);
}

static size_t bytes_of(const spar_network *network) {
    size_t bytes = (network->arena_floats + network->workspace_floats) * sizeof(float);
    if (network->criterion_values != NULL) {
        size_t classes = (size_t)network->tensors[network->output].extent.channels;
        bytes += (size_t)spar_own_batch_size(network) * (sizeof(double) + 2 * classes * sizeof(float));
    }
    if (network->kept_outputs != NULL) bytes += spar_kept_output_bytes(network);
    bytes += (size_t)network->parameter_floats * sizeof(float);
    for (int part = SPAR_PART_GRADIENT; part < SPAR_PARTS; part++) {
        if (network->slots[part] != NULL) bytes += (size_t)network->all_trainable_floats * sizeof(float);
    }
    bytes += (size_t)network->perturbed_weights.floats * sizeof(float) +
             (size_t)network->perturbed_weights.count * sizeof(spar_weight_piece);
    for (int s = 0; s < network->operation_count; s++) bytes += network->operations[s].state_bytes;
    for (int p = 0; p < network->point_count; p++) bytes += spar_point_bytes(&network->points[p]);
    if (network->ranks != NULL) bytes += network->ranks->bytes;
    return bytes;
}

#define INFO SPAR_STRUCTURE(spar_network_info, step)

spar_status spar_network_get_info(const spar_network *network, spar_network_info *info) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(INFO, info));
    spar_extent input = network->tensors[0].extent;
    spar_network_info own = {
        .input_shape = {input.channels, input.height, input.width},
        .classes = network->tensors[network->output].extent.channels,
        .batch_size = network->options.batch_size,
        .threads = network->options.threads,
        .loss = network->options.loss,
        .memory_bytes = (int64_t)bytes_of(network),
        .seed = network->options.seed,
        .step = network->step,
    };
    for (int p = 0; p < network->graph_parameter_count; p++) {
        const spar_parameter_spec *spec = &network->parameters[p].spec;
        if (spec->trainable) own.trainable_parameters += spec->rows * spec->columns;
    }
    for (int s = 0; s < network->operation_count; s++) {
        own.multiply_adds = spar_plus(own.multiply_adds, spar_multiply_adds(&network->operations[s]));
    }
    spar_fill_structure(INFO, &own, info);
    return SPAR_OK;
}

spar_status spar_network_get_options(const spar_network *network, spar_network_options *options) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(OPTIONS, options));
    spar_fill_structure(OPTIONS, &network->options, options);
    return SPAR_OK;
}

spar_status spar_network_set_seed(spar_network *network, uint64_t seed) {
    SPAR_REQUIRE_POINTER(network);
    network->options.seed = seed;
    return SPAR_OK;
}

spar_status spar_network_set_step(spar_network *network, uint64_t step) {
    SPAR_REQUIRE_POINTER(network);
    network->step = step;
    return SPAR_OK;
}

int spar_node_of_layer(const spar_network *network, int32_t index) {
    for (int v = 0; v < network->graph->count && index >= 0; v++) {
        if (network->live[v] && index-- == 0) return v;
    }
    return -1;
}

int32_t spar_network_layer_count(const spar_network *network) {
    int32_t count = 0;
    for (int v = 0; network != NULL && v < network->graph->count; v++) count += network->live[v];
    return count;
}

spar_status spar_find_live(const spar_graph *graph, const bool *live, const char *name, int32_t *index) {
    for (int v = 0, i = 0; v < graph->count; v++) {
        if (!live[v]) continue;
        *index = i++;
        if (strcmp(graph->nodes[v].name, name) == 0) return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "the network has no layer \"%.256s\"", name);
}

spar_status spar_network_find_layer(const spar_network *network, const char *name, int32_t *index) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(name);
    SPAR_REQUIRE_POINTER(index);
    return spar_find_live(network->graph, network->live, name, index);
}

#define LAYER SPAR_STRUCTURE(spar_layer_info, multiply_adds)

spar_status spar_network_layer(const spar_network *network, int32_t index, spar_layer_info *info) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(LAYER, info));
    int v = spar_node_of_layer(network, index);
    if (v < 0) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "layer %d: the network has %d, from 0", index,
                         spar_network_layer_count(network));
    }
    const spar_node *node = &network->graph->nodes[v];
    spar_layer_info own = {.name = node->name,
                           .kind = node->layer->kind,
                           .kept = network->kept[v],
                           .output_shape = {node->extent.channels, node->extent.height, node->extent.width}};
    if (node->layer->multiply_adds != NULL) {
        own.multiply_adds = node->layer->multiply_adds(node, network->graph->nodes[node->inputs[0]].extent);
    }
    for (int p = network->first_parameter[v]; p < network->first_parameter[v + 1]; p++) {
        const spar_parameter_spec *spec = &network->parameters[p].spec;
        if (spec->trainable) own.trainable_parameters += spec->rows * spec->columns;
    }
    spar_fill_structure(LAYER, &own, info);
    return SPAR_OK;
}
