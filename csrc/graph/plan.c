// From a description to operations over memory: prunes what the output does not need, fuses sweeps, makes views, and
// lays activations and gradients out in one arena by lifetime.
#include "graph/plan.h"

#include "graph/chain.h"
#include "graph/ranks.h"

#include "ops/sweep.h"

#include <string.h>

// Before the first convolution or dense layer, rows of 1 or 3 channels are better not padded to 16: the image
// section. It is given up when a layer reads it whose kernels need whole vectors.
static void find_image_section(const spar_network *network, bool *section) {
    const spar_graph *graph = network->graph;
    bool allowed = true;
    section[0] = true;
    for (int v = 1; v < graph->count; v++) {
        const spar_node *node = &graph->nodes[v];
        bool reads = false;
        for (int i = 0; i < node->layer->input_count; i++) reads = reads || section[node->inputs[i]];
        section[v] = reads && node->layer->image == SPAR_KEEPS_IMAGE;
        if (reads && network->live[v] && node->layer->image == SPAR_PADS_IMAGE) allowed = false;
    }
    if (!allowed) memset(section, 0, (size_t)graph->count * sizeof *section);
}

static void shape_tensors(spar_network *network, const bool *section) {
    for (int v = 0; v < network->graph->count; v++) {
        const spar_node *node = &network->graph->nodes[v];
        spar_tensor *tensor = &network->tensors[v];
        tensor->extent = node->extent;
        tensor->stride = section[v] ? node->extent.channels : spar_round_up16(node->extent.channels);
        network->root[v] = v;
        if (!node->layer->view) continue;
        const spar_tensor *in = &network->tensors[node->inputs[0]];
        bool reorders = network->flatten_in_order && spar_pixels(in->extent) > 1 && in->extent.channels > 1;
        bool whole = !reorders && spar_sample_floats(in) == tensor->stride && in->stride == in->extent.channels;
        if (whole) network->root[v] = network->root[node->inputs[0]];
    }
}

static int *count_consumers(const spar_network *network) {
    int *consumers = spar_allocate((size_t)network->graph->count, sizeof *consumers);
    for (int v = 0; consumers != NULL && v < network->graph->count; v++) {
        const spar_node *node = &network->graph->nodes[v];
        if (!network->live[v]) continue;
        consumers[network->root[v]] += network->kept[v];
        if (network->root[v] != v) continue;
        for (int i = 0; i < node->layer->input_count; i++) consumers[network->root[node->inputs[i]]]++;
    }
    if (consumers != NULL) consumers[network->root[network->output]]++;
    return consumers;
}

typedef struct fusion {
    spar_network *network;
    const int *consumers;
    int *operation_of; // the operation that gives a value
    int points;        // so far
    uint32_t streams;  // and of layers that draw
} fusion;

static spar_operation *new_operation(fusion *fusion, int v) {
    spar_network *network = fusion->network;
    const spar_node *node = &network->graph->nodes[v];
    spar_operation *operation = &network->operations[network->operation_count++];
    *operation = (spar_operation){.layer = node->layer,
                                  .node = node,
                                  .input_count = node->layer->input_count,
                                  .output = &network->tensors[v],
                                  .batch_size = spar_own_batch_size(network),
                                  .part_batch_size = network->options.batch_size,
                                  .threads = network->options.threads,
                                  .exact = network->options.exact_convolutions,
                                  .in_order = network->flatten_in_order,
                                  .kernels = spar_kernels_for_cpu()};
    for (int i = 0; i < operation->input_count; i++) operation->inputs[i] = &network->tensors[node->inputs[i]];
    fusion->operation_of[v] = network->operation_count - 1;
    return operation;
}

static void point_at_parameters(const spar_network *network, int v, spar_parameter **parameters) {
    int first = network->first_parameter[v], last = network->first_parameter[v + 1];
    for (int p = first; p < last; p++) parameters[p - first] = &network->parameters[p];
}

// The operand of v whose sweep v can join, or −1.
static int operand_to_join(const fusion *fusion, int v) {
    const spar_node *node = &fusion->network->graph->nodes[v];
    if (node->layer->stage->backward_reads_input) return -1;
    for (int i = 0; i < node->layer->input_count; i++) {
        int operand = node->inputs[i];
        int at = fusion->network->root[operand] == operand ? fusion->operation_of[operand] : -1;
        if (at < 0 || fusion->consumers[operand] != 1) continue;
        const spar_operation *operation = &fusion->network->operations[at];
        const spar_sweep *sweep = operation->sweep;
        if (sweep == NULL || sweep->count == SPAR_MAX_STAGES) continue;
        if (sweep->stages[sweep->count - 1].node->layer->stage->backward_reads_output) continue;
        if (node->layer->input_count == 2 && operation->input_count == 2) continue;
        return i;
    }
    return -1;
}

// A joined sweep moves to the end of the operations, behind whatever gives the other operand of an addition. Its place
// is left empty, and only its last value will be asked for.
static spar_operation *move_to_end(fusion *fusion, int at) {
    spar_network *network = fusion->network;
    if (at == network->operation_count - 1) return &network->operations[at];
    network->operations[network->operation_count] = network->operations[at];
    network->operations[at] = (spar_operation){0};
    return &network->operations[network->operation_count++];
}

static void close_gaps(spar_network *network) {
    int kept = 0;
    for (int s = 0; s < network->operation_count; s++) {
        if (network->operations[s].layer != NULL) network->operations[kept++] = network->operations[s];
    }
    network->operation_count = kept;
}

static spar_status add_to_sweep(fusion *fusion, int v) {
    spar_network *network = fusion->network;
    const spar_node *node = &network->graph->nodes[v];
    int operand = operand_to_join(fusion, v);
    spar_operation *operation;
    if (operand < 0) {
        operation = new_operation(fusion, v);
        operation->layer = &spar_layer_sweep;
        operation->sweep = spar_allocate(1, sizeof *operation->sweep);
        if (operation->sweep == NULL) return SPAR_ERROR_MEMORY;
    } else {
        operation = move_to_end(fusion, fusion->operation_of[node->inputs[operand]]);
        operation->output = &network->tensors[v];
        fusion->operation_of[v] = network->operation_count - 1;
        if (node->layer->input_count == 2) {
            operation->inputs[1] = &network->tensors[node->inputs[1 - operand]];
            operation->input_count = 2;
        }
    }
    spar_sweep *sweep = operation->sweep;
    spar_stage *stage = &sweep->stages[sweep->count++];
    stage->node = node;
    point_at_parameters(network, v, stage->parameters);
    if (node->layer->draws) stage->stream = fusion->streams++;
    if (node->layer->point) stage->point = &network->points[fusion->points++];
    return SPAR_OK;
}

// What is kept is the keeper's input and its output.
static void add_keeper(fusion *fusion, int v) {
    spar_operation *operation = new_operation(fusion, v);
    operation->layer = &spar_layer_keep;
    operation->input_count = 1;
    operation->inputs[0] = operation->output;
}

static spar_status add_operations(fusion *fusion) {
    const spar_network *network = fusion->network;
    for (int v = 0; v < network->graph->count; v++) {
        bool computed = v > 0 && network->live[v] && network->root[v] == v;
        if (computed && network->graph->nodes[v].layer->stage != NULL) {
            SPAR_TRY(add_to_sweep(fusion, v));
        } else if (computed) {
            spar_operation *operation = new_operation(fusion, v);
            point_at_parameters(network, v, operation->parameters);
        }
        if (network->kept[v]) add_keeper(fusion, v);
    }
    return SPAR_OK;
}

static spar_status make_operations(spar_network *network, const int *consumers, int *operation_of) {
    fusion fusion = {.network = network, .consumers = consumers, .operation_of = operation_of};
    for (int v = 0; v < network->graph->count; v++) operation_of[v] = -1;
    spar_status status = add_operations(&fusion);
    close_gaps(network);
    return status;
}

static void find_accumulations(spar_network *network, bool *written) {
    for (int s = network->operation_count - 1; s >= 0; s--) {
        spar_operation *operation = &network->operations[s];
        for (int i = operation->input_count - 1; i >= 0; i--) {
            int root = network->root[operation->inputs[i] - network->tensors];
            operation->accumulates[i] = written[root];
            written[root] = true;
        }
    }
}

// Only the input, layers of constants and points stand before an input point; `section` gets where that is so.
static void find_input_section(const spar_graph *graph, bool *section) {
    for (int v = 0; v < graph->count; v++) {
        const spar_layer *layer = graph->nodes[v].layer;
        bool keeps = layer->check_constants != NULL || layer->point;
        section[v] = v == 0 || (keeps && section[graph->nodes[v].inputs[0]]);
    }
}

static spar_status make_points(spar_network *network, bool *section) {
    const spar_graph *graph = network->graph;
    find_input_section(graph, section);
    for (int v = 0; v < graph->count; v++) {
        network->point_count += network->live[v] && graph->nodes[v].layer->point;
    }
    network->points = spar_allocate((size_t)network->point_count, sizeof *network->points);
    if (network->points == NULL) return SPAR_ERROR_MEMORY;
    for (int v = 0, p = 0; v < graph->count; v++) {
        if (!network->live[v] || !graph->nodes[v].layer->point) continue;
        const spar_tensor *tensor = &network->tensors[v];
        spar_blocks blocks = spar_cut_blocks(tensor->extent, tensor->stride, 0, network->options.batch_size);
        network->points[p] = (spar_point){.node = &graph->nodes[v],
                                          .index = p,
                                          .input = section[v],
                                          .tensor = tensor,
                                          .sample_floats = spar_sample_floats(tensor),
                                          .pieces = blocks.pieces,
                                          .batch_size = spar_own_batch_size(network),
                                          .words_per_sample = (spar_sample_floats(tensor) + 15) / 16};
        p++;
    }
    return SPAR_OK;
}

static spar_status prepare_operations(spar_network *network) {
    for (int s = 0; s < network->operation_count; s++) {
        spar_operation *operation = &network->operations[s];
        operation->chained = operation->layer->chains != NULL && operation->layer->chains(operation);
        SPAR_TRY(operation->layer->prepare(operation));
        SPAR_TRY(spar_check_room(operation, operation->scratch_floats));
    }
    return SPAR_OK;
}

static spar_status check_output(const spar_network *network) {
    const spar_node *node = &network->graph->nodes[network->output];
    if (spar_pixels(node->extent) != 1 || node->extent.channels < 2) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: the output is %d×%d×%d, not one flat value of two classes or more",
                         node->name, node->extent.channels, node->extent.height, node->extent.width);
    }
    return SPAR_OK;
}

spar_status spar_plan(spar_network *network) {
    SPAR_TRY(check_output(network));
    size_t count = (size_t)network->graph->count;
    network->live = spar_allocate(count, sizeof *network->live);
    if (network->live == NULL) return SPAR_ERROR_MEMORY;
    spar_graph_find_live(network->graph, network->output, network->live);
    SPAR_TRY(spar_find_kept(network));
    network->tensors = spar_allocate(count, sizeof *network->tensors);
    network->root = spar_allocate(count, sizeof *network->root);
    network->wanted = spar_allocate(count, sizeof *network->wanted);
    size_t most = network->options.kept_count > 0 ? 2 * count : count;
    network->operations = spar_allocate(most, sizeof *network->operations);
    bool *flags = spar_allocate(3 * count, sizeof *flags);
    int *operation_of = spar_allocate(count, sizeof *operation_of);
    int *consumers = NULL;
    spar_status status = SPAR_ERROR_MEMORY;
    if (network->tensors != NULL && network->root != NULL && network->wanted != NULL && network->operations != NULL &&
        flags != NULL && operation_of != NULL) {
        spar_find_flattened(network);
        find_image_section(network, flags);
        shape_tensors(network, flags);
        consumers = count_consumers(network);
        status = consumers == NULL ? SPAR_ERROR_MEMORY : spar_create_parameters(network);
        if (status == SPAR_OK) status = make_points(network, flags + count);
        if (status == SPAR_OK) status = make_operations(network, consumers, operation_of);
        if (status == SPAR_OK) status = prepare_operations(network);
        if (status == SPAR_OK) status = spar_plan_passes(network);
        if (status == SPAR_OK) status = spar_plan_ranks(network);
        if (status == SPAR_OK) {
            find_accumulations(network, flags + 2 * count);
            status = spar_plan_memory(network);
        }
    }
    spar_release(flags);
    spar_release(operation_of);
    spar_release(consumers);
    return status;
}
