// Networks that end at a layer of another one.
#include "graph/network.h"

#include <string.h>

static spar_status find_layer(const spar_network *network, const char *name, spar_value *value) {
    const spar_graph *graph = network->graph;
    for (int v = 0; v < graph->count; v++) {
        if (!network->live[v] || strcmp(graph->nodes[v].name, name) != 0) continue;
        *value = v;
        return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "prefix: the network has no layer \"%.64s\"", name);
}

spar_value spar_find_classifier(const spar_network *network) {
    for (int v = network->output; v > 0; v--) {
        if (network->live[v] && network->graph->nodes[v].layer->reads_features) return v;
    }
    return SPAR_NO_VALUE;
}

static spar_status find_features(const spar_network *network, spar_value *value) {
    spar_value classifier = spar_find_classifier(network);
    if (classifier != SPAR_NO_VALUE) {
        *value = network->graph->nodes[classifier].inputs[0];
        return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "prefix: the network has no dense layer that reads features");
}

static void find_needed(const spar_graph *graph, spar_value output, spar_value *copies) {
    for (int v = 0; v <= output; v++) copies[v] = SPAR_NO_VALUE;
    copies[0] = copies[output] = output;
    for (int v = output; v > 0; v--) {
        if (copies[v] == SPAR_NO_VALUE) continue;
        const spar_node *node = &graph->nodes[v];
        for (int i = 0; i < node->layer->input_count; i++) copies[node->inputs[i]] = output;
    }
}

// Copies what `output` depends on; `copies` gets the value in the copy of each needed one, SPAR_NO_VALUE elsewhere.
static spar_status copy_needed(const spar_graph *graph, spar_value output, spar_value *copies, spar_graph *copy) {
    find_needed(graph, output, copies);
    for (int v = 0; v <= output; v++) {
        if (copies[v] == SPAR_NO_VALUE) continue;
        spar_node node = graph->nodes[v];
        for (int i = 0; i < node.layer->input_count; i++) node.inputs[i] = copies[node.inputs[i]];
        copies[v] = spar_graph_add(copy, &node);
        if (copies[v] == SPAR_NO_VALUE) return copy->failure_status;
    }
    return SPAR_OK;
}

static spar_status make_prefix(const spar_network *network, spar_value output, const spar_network_options *options,
                               spar_graph *graph, spar_network **prefix) {
    spar_value *copies = spar_allocate((size_t)network->graph->count, sizeof *copies);
    if (copies == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = copy_needed(network->graph, output, copies, graph);
    spar_value end = copies[output];
    spar_release(copies);
    SPAR_TRY(status);
    if (spar_pixels(network->tensors[output].extent) > 1) end = spar_flatten(graph, end);
    return spar_network_create(graph, end, options, prefix);
}

// The names of parameters tell which is which, as in files.
static spar_status copy_parameters(const spar_network *from, spar_network *to) {
    size_t floats = (size_t)to->parameter_floats;
    float *values = spar_allocate(floats, sizeof *values);
    spar_status status = values == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    for (int p = 0, q = 0; p < to->parameter_count && status == SPAR_OK; p++, q++) {
        const spar_parameter_spec *spec = &to->parameters[p].spec;
        int64_t count = spec->rows * spec->columns;
        while (strcmp(from->parameters[q].name, to->parameters[p].name) != 0) q++;
        status = spar_network_read_parameter(from, q, SPAR_PART_VALUE, values, count);
        if (status == SPAR_OK) status = spar_network_write_parameter(to, p, SPAR_PART_VALUE, values, count);
    }
    spar_release(values);
    return status;
}

spar_status spar_network_prefix(const spar_network *network, const char *layer, const spar_network_options *options,
                                spar_network **prefix) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(prefix);
    *prefix = NULL;
    spar_value output = SPAR_NO_VALUE;
    SPAR_TRY(layer == NULL ? find_features(network, &output) : find_layer(network, layer, &output));
    spar_network_options chosen = network->options;
    SPAR_TRY(spar_take_options(options, &chosen));
    chosen.loss = network->options.loss;
    chosen.seed = network->options.seed;
    spar_graph *graph;
    SPAR_TRY(spar_graph_create(&graph));
    spar_network *made = NULL;
    spar_status status = make_prefix(network, output, &chosen, graph, &made);
    if (status == SPAR_OK) status = copy_parameters(network, made);
    spar_graph_destroy(graph);
    if (status == SPAR_OK) {
        *prefix = made;
    } else {
        spar_network_destroy(made);
    }
    return status;
}
