// Which parameters a network has: those of its graph, and the auxiliary set.
#include "graph/network.h"

#include <stdio.h>
#include <string.h>

// What a node's value was before it was flattened. False when a layer or the output needs the flat order of images
// outside.
static bool find_flattened(const spar_network *network) {
    spar_tensor *tensors = network->tensors;
    const spar_graph *graph = network->graph;
    for (int v = 0; v < graph->count; v++) {
        const spar_node *node = &graph->nodes[v];
        spar_order_trait order = node->layer->order;
        tensors[v].flattened = (spar_extent){node->extent.channels, 1, 1};
        if (v == 0) continue;
        spar_extent before = graph->nodes[node->inputs[0]].extent, kept = tensors[node->inputs[0]].flattened;
        if (order == SPAR_FLATTENS && spar_pixels(before) > 1) kept = before;
        if (order == SPAR_FLATTENS || order == SPAR_KEEPS_ORDER) tensors[v].flattened = kept;
        bool mixes = node->layer->input_count == 2 && !spar_same_extent(kept, tensors[node->inputs[1]].flattened);
        bool needs = order == SPAR_NEEDS_ORDER && spar_pixels(kept) > 1;
        if (network->live[v] && (needs || mixes)) return false;
    }
    return spar_pixels(tensors[network->output].flattened) == 1;
}

void spar_find_flattened(spar_network *network) {
    network->flatten_in_order = !find_flattened(network);
    for (int v = 0; v < network->graph->count && network->flatten_in_order; v++) {
        network->tensors[v].flattened = (spar_extent){network->graph->nodes[v].extent.channels, 1, 1};
    }
}

static int specs_of(const spar_network *network, int v, spar_parameter_spec *specs) {
    const spar_node *node = &network->graph->nodes[v];
    if (!network->live[v] || node->layer->parameters == NULL) return 0;
    int in = node->inputs[0];
    int count = node->layer->parameters(node, network->graph->nodes[in].extent, network->tensors[in].flattened, specs);
    for (int i = 0; i < count && node->layer->order == SPAR_KEEPS_ORDER; i++) {
        specs[i].flattened = network->tensors[in].flattened;
    }
    for (int i = 0; i < count; i++) specs[i].constant = node->layer->check_constants != NULL;
    return count;
}

static spar_status add_parameter(spar_network *network, const spar_parameter_spec *spec, const char *prefix,
                                 const char *layer) {
    char name[320];
    snprintf(name, sizeof name, "%s%s%s", prefix, layer, spec->suffix);
    spar_parameter *parameter = &network->parameters[network->parameter_count];
    parameter->spec = *spec;
    parameter->learning_rate_factor = 1;
    parameter->name = spar_copy_string(name);
    if (parameter->name == NULL) return SPAR_ERROR_MEMORY;
    network->parameter_count++;
    network->parameter_floats += spar_parameter_floats(spec);
    network->trainable_floats += spec->trainable ? spar_parameter_floats(spec) : 0;
    return SPAR_OK;
}

static spar_status name_graph(spar_network *network) {
    network->first_parameter = spar_allocate((size_t)network->graph->count + 1, sizeof(int));
    network->parameters =
        spar_allocate(2 * (size_t)network->graph->count * SPAR_MAX_PARAMETERS, sizeof *network->parameters);
    if (network->first_parameter == NULL || network->parameters == NULL) return SPAR_ERROR_MEMORY;
    for (int v = 0; v < network->graph->count; v++) {
        spar_parameter_spec specs[SPAR_MAX_PARAMETERS];
        int count = specs_of(network, v, specs);
        network->first_parameter[v] = network->parameter_count;
        for (int i = 0; i < count; i++) {
            SPAR_TRY(add_parameter(network, &specs[i], "", network->graph->nodes[v].name));
        }
    }
    network->first_parameter[network->graph->count] = network->parameter_count;
    network->graph_parameter_count = network->parameter_count;
    network->graph_trainable_floats = network->trainable_floats;
    return SPAR_OK;
}

static spar_status name_auxiliary(spar_network *network) {
    for (int v = 0; v < network->graph->count; v++) {
        const spar_node *node = &network->graph->nodes[v];
        if (!node->layer->has_auxiliary) continue;
        for (int p = network->first_parameter[v]; p < network->first_parameter[v + 1]; p++) {
            spar_parameter *parameter = &network->parameters[p], *twin = &network->parameters[network->parameter_count];
            SPAR_TRY(add_parameter(network, &parameter->spec, "sparring.auxiliary.", node->name));
            parameter->twin = twin;
            twin->twin = parameter;
            twin->auxiliary = true;
        }
    }
    network->auxiliary_count = network->parameter_count - network->graph_parameter_count;
    network->all_trainable_floats = network->trainable_floats;
    return SPAR_OK;
}

spar_status spar_name_parameters(spar_network *network) {
    SPAR_TRY(name_graph(network));
    return name_auxiliary(network);
}

int spar_parameter_count_with(const spar_network *network, const spar_method *method) {
    return network->graph_parameter_count + (method->separate_statistics ? network->auxiliary_count : 0);
}

static void copy_twin(spar_network *network, spar_parameter *parameter) {
    const spar_parameter *twin = parameter->twin;
    size_t bytes = (size_t)spar_parameter_floats(&parameter->spec) * sizeof(float);
    memcpy(parameter->value, twin->value, bytes);
    parameter->learning_rate_factor = twin->learning_rate_factor;
    parameter->updates = 0;
    parameter->has_gradient = false;
    for (int part = SPAR_FIRST_STATE; part < SPAR_PARTS && parameter->spec.trainable; part++) {
        if (network->slots[part] == NULL) continue;
        float *state = network->slots[part] + spar_place_of(network, parameter);
        memset(state, 0, bytes);
        if (part == SPAR_PART_AVERAGE) memcpy(state, parameter->value, bytes);
    }
}

void spar_take_auxiliary(spar_network *network, bool taken) {
    network->parameter_count = network->graph_parameter_count + (taken ? network->auxiliary_count : 0);
    network->trainable_floats = taken ? network->all_trainable_floats : network->graph_trainable_floats;
}

void spar_begin_auxiliary(spar_network *network) {
    for (int p = network->graph_parameter_count; p < network->parameter_count; p++) {
        copy_twin(network, &network->parameters[p]);
    }
}

void spar_count_parameters(spar_network *network) {
    int before = network->parameter_count;
    spar_take_auxiliary(network, network->method.separate_statistics);
    if (network->parameter_count > before) spar_begin_auxiliary(network);
}
