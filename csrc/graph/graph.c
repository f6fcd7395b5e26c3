#include "graph/graph.h"

#include "runtime/utf8.h"

#include <stdio.h>
#include <string.h>

spar_status spar_graph_create(spar_graph **graph) {
    SPAR_REQUIRE_POINTER(graph);
    *graph = spar_allocate(1, sizeof **graph);
    return *graph == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
}

static void release_node(spar_node *node) {
    if (node->layer->check_constants != NULL) {
        for (int i = 0; i < 2; i++) spar_release(node->settings.constants.values[i]);
    }
    spar_release(node->name);
}

void spar_graph_destroy(spar_graph *graph) {
    if (graph == NULL) return;
    for (int i = 0; i < graph->count; i++) release_node(&graph->nodes[i]);
    spar_release(graph->nodes);
    spar_release(graph->by_name);
    spar_release(graph);
}

spar_value spar_graph_fail(spar_graph *graph, spar_status status) {
    if (graph != NULL && graph->failure_status == SPAR_OK) {
        snprintf(graph->failure, sizeof graph->failure, "%s", spar_last_error());
        graph->failure_status = status;
    }
    return SPAR_NO_VALUE;
}

static spar_status grow(spar_graph *graph) {
    if (graph->count == SPAR_MOST_LAYERS) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "graph: more than %d layers", SPAR_MOST_LAYERS);
    }
    if (graph->count < graph->capacity) return SPAR_OK;
    int capacity = graph->capacity == 0 ? 32 : 2 * graph->capacity;
    spar_node *nodes = spar_allocate((size_t)capacity, sizeof *nodes);
    int *by_name = spar_allocate((size_t)capacity, sizeof *by_name);
    if (nodes == NULL || by_name == NULL) {
        spar_release(nodes);
        spar_release(by_name);
        return SPAR_ERROR_MEMORY;
    }
    if (graph->count > 0) {
        memcpy(nodes, graph->nodes, (size_t)graph->count * sizeof *nodes);
        memcpy(by_name, graph->by_name, (size_t)graph->count * sizeof *by_name);
    }
    spar_release(graph->nodes);
    spar_release(graph->by_name);
    graph->nodes = nodes;
    graph->by_name = by_name;
    graph->capacity = capacity;
    return SPAR_OK;
}

// The place of a name among those that are there.
static int place_of(const spar_graph *graph, const char *name) {
    int first = 0, last = graph->count;
    while (first < last) {
        int middle = (first + last) / 2;
        if (strcmp(graph->nodes[graph->by_name[middle]].name, name) < 0) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return first;
}

// Moving the places behind it is a small part of adding a layer, as their number is bounded.
static void insert_name(spar_graph *graph, int node) {
    int place = place_of(graph, graph->nodes[node].name);
    memmove(&graph->by_name[place + 1], &graph->by_name[place], (size_t)(graph->count - place) * sizeof(int));
    graph->by_name[place] = node;
}

static bool is_taken(const spar_graph *graph, const char *name) {
    int place = place_of(graph, name);
    return place < graph->count && strcmp(graph->nodes[graph->by_name[place]].name, name) == 0;
}

static spar_status check_name(const spar_graph *graph, const char *kind, const char *name) {
    if (name[0] == 0 || strlen(name) >= 256) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: a layer's name has 1 to 255 bytes", kind);
    }
    if (!spar_is_name(name)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: a layer's name is UTF-8 without control characters, not \"%s\"",
                         kind, name);
    }
    if (strncmp(name, "sparring.", 9) == 0) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: layers' names that begin with \"sparring.\" are reserved", name);
    }
    if (!is_taken(graph, name)) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: two layers have this name", name);
}

static spar_status choose_name(const spar_graph *graph, const spar_node *wanted, spar_node *node) {
    char made[96];
    snprintf(made, sizeof made, "%s%d", node->layer->kind, node->number);
    // A caller may have given another layer the name that this one would have.
    while (wanted->name == NULL && is_taken(graph, made)) {
        snprintf(made, sizeof made, "%s%d", node->layer->kind, ++node->number);
    }
    const char *name = wanted->name == NULL ? made : wanted->name;
    SPAR_TRY(check_name(graph, node->layer->kind, name));
    node->name = spar_copy_string(name);
    return node->name == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
}

// Among the layers of its kind, from 1.
static int next_number(const spar_graph *graph, const spar_layer *layer) {
    int last = graph->count - 1;
    while (last >= 0 && graph->nodes[last].layer != layer) last--;
    return last < 0 ? 1 : graph->nodes[last].number + 1;
}

static spar_status check_sizes(const spar_node *node, spar_extent input) {
    int64_t floats = spar_times(spar_pixels(node->extent), spar_round_up16(node->extent.channels));
    if (floats > SPAR_MOST_FLOATS) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: %d×%d×%d values take %lld floats an image; at most %d are possible",
                         node->name, node->extent.channels, node->extent.height, node->extent.width, (long long)floats,
                         SPAR_MOST_FLOATS);
    }
    if (node->layer->parameters == NULL) return SPAR_OK;
    spar_parameter_spec specs[SPAR_MAX_PARAMETERS];
    int count = node->layer->parameters(node, input, input, specs);
    for (int i = 0; i < count; i++) {
        floats = spar_times(specs[i].rows, specs[i].stride);
        if (floats <= SPAR_MOST_FLOATS) continue;
        return spar_fail(SPAR_ERROR_SHAPE, "%s: %s of %lld rows of %lld floats; at most %d are possible", node->name,
                         specs[i].suffix + 1, (long long)specs[i].rows, (long long)specs[i].stride, SPAR_MOST_FLOATS);
    }
    return SPAR_OK;
}

static spar_status copy_constants(spar_node *node, const spar_node *wanted, spar_extent input) {
    spar_parameter_spec specs[SPAR_MAX_PARAMETERS];
    int count = node->layer->parameters(node, input, input, specs);
    if (wanted->settings.constants.in_file) return SPAR_OK;
    for (int i = 0; i < count; i++) {
        const float *values = wanted->settings.constants.values[i];
        if (values == NULL) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %s is NULL", node->name, specs[i].suffix + 1);
        }
        size_t count = (size_t)(specs[i].rows * specs[i].columns);
        float *copy = node->settings.constants.values[i] = spar_allocate(count, sizeof *copy);
        if (copy == NULL) return SPAR_ERROR_MEMORY;
        memcpy(copy, values, count * sizeof *copy);
    }
    return node->layer->check_constants(node);
}

static spar_status build(const spar_graph *graph, spar_node *node, const spar_node *wanted) {
    spar_extent extents[2] = {{0, 0, 0}, {0, 0, 0}};
    if (node->layer->input_count == 0 && graph->count > 0) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "input: a graph has one input, added first");
    }
    for (int i = 0; i < node->layer->input_count; i++) {
        if (node->inputs[i] < 0 || node->inputs[i] >= graph->count) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "%s: value %d is not of this graph, which has %d", node->layer->kind,
                             node->inputs[i], graph->count);
        }
        extents[i] = graph->nodes[node->inputs[i]].extent;
    }
    for (int i = node->layer->input_count; i < 2; i++) node->inputs[i] = SPAR_NO_VALUE;
    SPAR_TRY(choose_name(graph, wanted, node));
    SPAR_TRY(node->layer->infer(node, extents));
    SPAR_TRY(check_sizes(node, extents[0]));
    return node->layer->check_constants == NULL ? SPAR_OK : copy_constants(node, wanted, extents[0]);
}

spar_value spar_graph_add(spar_graph *graph, const spar_node *wanted) {
    if (graph == NULL) {
        spar_fail(SPAR_ERROR_ARGUMENT, "%s: graph is NULL", wanted->layer->kind);
        return SPAR_NO_VALUE;
    }
    if (graph->failure_status != SPAR_OK) return SPAR_NO_VALUE;
    spar_node node = *wanted;
    node.name = NULL;
    node.number = next_number(graph, node.layer);
    if (node.layer->check_constants != NULL)
        node.settings.constants.values[0] = node.settings.constants.values[1] = NULL;
    spar_status status = grow(graph);
    if (status == SPAR_OK) status = build(graph, &node, wanted);
    if (status != SPAR_OK) {
        release_node(&node);
        return spar_graph_fail(graph, status);
    }
    graph->nodes[graph->count] = node;
    insert_name(graph, graph->count);
    return graph->count++;
}

void spar_graph_find_live(const spar_graph *graph, spar_value output, bool *live) {
    for (int v = 0; v < graph->count; v++) live[v] = v == 0 || v == output;
    for (int v = output; v > 0; v--) {
        const spar_node *node = &graph->nodes[v];
        for (int i = 0; live[v] && i < node->layer->input_count; i++) live[node->inputs[i]] = true;
    }
}

spar_status spar_graph_copy(const spar_graph *graph, spar_graph **copy) {
    SPAR_TRY(spar_graph_create(copy));
    for (int i = 0; i < graph->count; i++) {
        if (spar_graph_add(*copy, &graph->nodes[i]) == SPAR_NO_VALUE) {
            spar_status status = (*copy)->failure_status;
            spar_graph_destroy(*copy);
            *copy = NULL;
            return status;
        }
    }
    return SPAR_OK;
}

spar_status spar_value_shape(const spar_graph *graph, spar_value x, int32_t shape[3]) {
    SPAR_REQUIRE_POINTER(graph);
    SPAR_REQUIRE_POINTER(shape);
    if (graph->failure_status != SPAR_OK) return spar_fail(graph->failure_status, "%s", graph->failure);
    if (x < 0 || x >= graph->count) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "value %d is not of this graph, which has %d", x, graph->count);
    }
    spar_extent extent = graph->nodes[x].extent;
    shape[0] = extent.channels, shape[1] = extent.height, shape[2] = extent.width;
    return SPAR_OK;
}
