#include "io/graph_json.h"

#include <string.h>

static void write_fields(const spar_node *node, spar_buffer *text) {
    for (const spar_field *field = node->layer->fields; field != NULL && field->name != NULL; field++) {
        const char *place = (const char *)node + field->offset;
        int32_t integer;
        float number;
        switch (field->type) {
        case SPAR_FIELD_INT:
            memcpy(&integer, place, sizeof integer);
            spar_buffer_append(text, ",\"%s\":%d", field->name, integer);
            break;
        case SPAR_FIELD_FLOAT:
            memcpy(&number, place, sizeof number);
            spar_buffer_append(text, ",\"%s\":%.9g", field->name, (double)number);
            break;
        case SPAR_FIELD_BOOL:
            spar_buffer_append(text, ",\"%s\":%s", field->name, *(const bool *)place ? "true" : "false");
            break;
        }
    }
}

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
        write_fields(node, text);
        spar_buffer_append(text, "}");
    }
    spar_buffer_append(text, "]");
}

static bool read_fields(const spar_json *json, spar_node *node) {
    for (const spar_field *field = node->layer->fields; field != NULL && field->name != NULL; field++) {
        const spar_json *value = spar_json_member(json, field->name);
        char *place = (char *)node + field->offset;
        int64_t wide;
        if (field->type == SPAR_FIELD_BOOL) {
            if (value == NULL || value->type != SPAR_JSON_BOOL) return false;
            *(bool *)place = value->number != 0;
        } else if (field->type == SPAR_FIELD_INT) {
            if (!spar_json_integer(value, INT32_MIN, INT32_MAX, &wide)) return false;
            int32_t integer = (int32_t)wide;
            memcpy(place, &integer, sizeof integer);
        } else {
            if (value == NULL || value->type != SPAR_JSON_NUMBER) return false;
            float number = (float)value->number;
            memcpy(place, &number, sizeof number);
        }
    }
    return true;
}

static const spar_layer *layer_of_kind(const spar_json *kind) {
    for (const spar_layer *const *layer = spar_layers; kind != NULL && kind->type == SPAR_JSON_STRING && *layer != NULL;
         layer++) {
        if (strcmp((*layer)->kind, kind->string) == 0) return *layer;
    }
    return NULL;
}

static bool read_inputs(const spar_json *json, spar_node *node) {
    const spar_json *inputs = spar_json_member(json, "inputs");
    if (inputs == NULL || inputs->type != SPAR_JSON_ARRAY || inputs->count != node->layer->input_count) return false;
    const spar_json *input = inputs->child;
    for (int i = 0; i < inputs->count; i++, input = input->next) {
        int64_t value;
        if (!spar_json_integer(input, 0, INT32_MAX, &value)) return false;
        node->inputs[i] = (int)value;
    }
    return true;
}

static spar_status add_node(spar_graph *graph, spar_node *node, const char *path) {
    if (node->layer->check_constants != NULL) node->settings.constants.in_file = true;
    if (spar_graph_add(graph, node) != SPAR_NO_VALUE) return SPAR_OK;
    char sentence[512];
    strncpy(sentence, spar_last_error(), sizeof sentence - 1);
    sentence[sizeof sentence - 1] = 0;
    return spar_fail(SPAR_ERROR_FORMAT, "%s: the graph is not possible: %s", path, sentence);
}

static spar_status read_nodes(const spar_json *document, const char *path, spar_graph *graph) {
    if (document->type != SPAR_JSON_ARRAY) return spar_fail(SPAR_ERROR_FORMAT, "%s: the graph is no array", path);
    int number = 0;
    for (const spar_json *json = document->child; json != NULL; json = json->next, number++) {
        const spar_json *name = spar_json_member(json, "name");
        spar_node node = {.layer = layer_of_kind(spar_json_member(json, "kind")),
                          .inputs = {SPAR_NO_VALUE, SPAR_NO_VALUE}};
        if (node.layer == NULL || name == NULL || name->type != SPAR_JSON_STRING || !read_inputs(json, &node) ||
            !read_fields(json, &node)) {
            return spar_fail(SPAR_ERROR_FORMAT, "%s: layer %d of the graph is unknown or incomplete", path, number);
        }
        node.name = (char *)name->string;
        SPAR_TRY(add_node(graph, &node, path));
    }
    return SPAR_OK;
}

spar_status spar_graph_read(const char *text, const char *path, spar_graph **graph) {
    spar_json *document;
    *graph = NULL;
    SPAR_TRY(spar_json_parse(text, strlen(text), path, &document));
    spar_status status = spar_graph_create(graph);
    if (status == SPAR_OK) status = read_nodes(document, path, *graph);
    spar_json_free(document);
    if (status == SPAR_OK) return SPAR_OK;
    spar_graph_destroy(*graph);
    *graph = NULL;
    return status;
}
