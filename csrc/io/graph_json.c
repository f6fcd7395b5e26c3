#include "io/graph_json.h"

#include "io/fields.h"

#include <stdio.h>
#include <string.h>

void spar_graph_write(const spar_graph *graph, spar_buffer *text) {
    for (int v = 0; v < graph->count; v++) {
        const spar_node *node = &graph->nodes[v];
        spar_buffer_append(text, "%s{\"kind\":\"%s\",\"name\":", v == 0 ? "[" : ",", node->layer->kind);
        spar_buffer_append_string(text, node->name);
        spar_buffer_append(text, ",\"inputs\":[");
        for (int i = 0; i < node->layer->input_count; i++) {
            spar_buffer_append(text, i > 0 ? ",%d" : "%d", node->inputs[i]);
        }
        spar_buffer_append(text, "]");
        spar_fields_write(node->layer->fields, node, text);
        spar_buffer_append(text, "}");
    }
    spar_buffer_append(text, "]");
}

static const spar_layer *layer_of_kind(const char *kind) {
    for (const spar_layer *const *layer = spar_layers; kind != NULL && *layer != NULL; layer++) {
        if (strcmp((*layer)->kind, kind) == 0) return *layer;
    }
    return NULL;
}

static bool read_inputs(spar_json_value json, spar_node *node) {
    spar_json_value inputs = spar_json_member(json, "inputs");
    if (!spar_json_is_array(inputs)) return false;
    int count = 0;
    for (spar_json_items items = spar_json_items_of(inputs); spar_json_next(&items); count++) {
        int64_t value;
        if (count == node->layer->input_count || !spar_json_integer(items.value, 0, INT32_MAX, &value)) return false;
        node->inputs[count] = (int)value;
    }
    return count == node->layer->input_count;
}

static spar_status read_node(spar_json_value json, spar_node *node) {
    static const char *const others[] = {"kind", "name", "inputs", NULL};
    const char *kind = spar_json_string(spar_json_member(json, "kind"));
    if (kind == NULL || node->name == NULL) return spar_fail(SPAR_ERROR_FORMAT, "it has no kind or no name");
    node->layer = layer_of_kind(kind);
    if (node->layer == NULL) {
        return spar_fail(SPAR_ERROR_FORMAT, "the kind \"%.100s\" is nothing that version %s knows", kind,
                         spar_version());
    }
    if (!read_inputs(json, node)) {
        return spar_fail(SPAR_ERROR_FORMAT, "a layer of kind %s has not %d inputs", kind, node->layer->input_count);
    }
    if (node->layer->check_constants != NULL) node->settings.constants.in_file = true;
    return spar_fields_read(node->layer->fields, others, json, node);
}

static spar_status read_nodes(spar_json_value document, spar_graph *graph) {
    if (!spar_json_is_array(document)) return spar_fail(SPAR_ERROR_FORMAT, "the graph is no array");
    for (spar_json_items items = spar_json_items_of(document); spar_json_next(&items);) {
        spar_node node = {.name = (char *)spar_json_string(spar_json_member(items.value, "name")),
                          .inputs = {SPAR_NO_VALUE, SPAR_NO_VALUE}};
        spar_status status = read_node(items.value, &node);
        if (status != SPAR_OK) {
            char what[140];
            snprintf(what, sizeof what, "layer %d of the graph, \"%.100s\"", graph->count,
                     node.name == NULL ? "" : node.name);
            return spar_fail_in(what, status);
        }
        if (spar_graph_add(graph, &node) == SPAR_NO_VALUE) return spar_fail_in("the graph", graph->failure_status);
    }
    return SPAR_OK;
}

static spar_status read_graph(char *text, spar_graph *graph) {
    spar_json json;
    SPAR_TRY(spar_json_parse(text, strlen(text), "the graph", &json));
    spar_status status = read_nodes(json.root, graph);
    spar_json_free(&json);
    return status;
}

spar_status spar_graph_read(const char *text, spar_graph **graph) {
    SPAR_TRY(spar_graph_create(graph));
    char *copy = spar_copy_string(text);
    spar_status status = copy == NULL ? SPAR_ERROR_MEMORY : read_graph(copy, *graph);
    spar_release(copy);
    if (status == SPAR_OK) return SPAR_OK;
    spar_graph_destroy(*graph);
    *graph = NULL;
    return status;
}
