// Networks as ONNX models: every layer tells its operators (ops/onnx.h), this writes them. Numbers of fields are those
// of onnx.proto.
//
// Names end in what no other kind of name does: parameters in their suffix, ".weight"; results in a slash with the
// operator and its number in the layer, "/Conv0"; numbers of an operator in that and ".1", their place.
#include "ops/onnx.h"
#include "graph/network.h"
#include "io/model_file.h"
#include "io/protobuf.h"
#include "io/replace.h"

#include <stdio.h>
#include <string.h>

enum { IR_VERSION = 7, OPSET = 13, ELEMENT_FLOAT = 1, ELEMENT_INT64 = 7 };

// What a value of the graph is called, and whether it is of rows or of maps.
typedef struct onnx_value {
    char name[SPAR_MOST_TENSOR_NAME];
    bool rows;
} onnx_value;

typedef struct exporter {
    const spar_network *network;
    onnx_value *values; // by value of the graph
    bool *planes;       // by parameter: it is seen as [channels][1][1]
    float *numbers;     // room for the largest parameter
    spar_buffer nodes;  // the graph's message up to the parameters
    spar_buffer constants;
    spar_buffer ends; // the graph's message behind them
} exporter;

// The field of a tensor but for its last `bytes`, which are its numbers.
static void append_tensor_head(spar_buffer *graph, const char *name, int element, int rank, const int64_t *shape,
                               size_t bytes) {
    spar_buffer tensor = {0};
    for (int i = 0; i < rank; i++) spar_protobuf_integer(&tensor, 1, shape[i]);
    spar_protobuf_integer(&tensor, 2, element);
    spar_protobuf_string(&tensor, 8, name);
    spar_protobuf_head(&tensor, 9, bytes);
    spar_protobuf_head(graph, 5, tensor.length + bytes);
    spar_buffer_append_bytes(graph, tensor.data, tensor.length);
    graph->failed = graph->failed || tensor.failed;
    spar_buffer_free(&tensor);
}

static void append_constant(spar_buffer *graph, const char *name, const spar_onnx_input *input) {
    if (input->source == SPAR_ONNX_NUMBER) {
        append_tensor_head(graph, name, ELEMENT_FLOAT, 0, NULL, sizeof input->number);
        spar_buffer_append_bytes(graph, &input->number, sizeof input->number);
        return;
    }
    size_t bytes = (size_t)input->count * sizeof *input->integers;
    append_tensor_head(graph, name, ELEMENT_INT64, 1, &(int64_t){input->count}, bytes);
    spar_buffer_append_bytes(graph, input->integers, bytes);
}

static void append_attribute(spar_buffer *node, const spar_onnx_attribute *attribute) {
    spar_buffer message = {0};
    spar_protobuf_string(&message, 1, attribute->name);
    if (attribute->type == SPAR_ONNX_FLOAT) spar_protobuf_float(&message, 2, attribute->number);
    for (int i = 0; i < attribute->count; i++) {
        spar_protobuf_integer(&message, attribute->type == SPAR_ONNX_INT ? 3 : 8, attribute->integers[i]);
    }
    spar_protobuf_integer(&message, 20, attribute->type);
    spar_protobuf_message(node, 5, &message);
}

// Appends an operator of value v's layer, whose result `name` is.
static void append_operator(exporter *exporter, int v, const spar_onnx_operator *operator, const onnx_value * inputs,
                            const onnx_value *results, const char *name) {
    spar_buffer message = {0};
    for (int i = 0; i < SPAR_MOST_ONNX_INPUTS && operator->inputs[i].source != SPAR_ONNX_NONE; i++) {
        const spar_onnx_input *input = &operator->inputs[i];
        int parameter = exporter->network->first_parameter[v] + input->index;
        char constant[SPAR_MOST_TENSOR_NAME];
        const char *from = constant;
        switch (input->source) {
        case SPAR_ONNX_VALUE:
            from = inputs[input->index].name;
            break;
        case SPAR_ONNX_RESULT:
            from = results[input->index].name;
            break;
        case SPAR_ONNX_PARAMETER:
        case SPAR_ONNX_PLANES:
            from = exporter->network->parameters[parameter].name;
            exporter->planes[parameter] = input->source == SPAR_ONNX_PLANES;
            break;
        default:
            snprintf(constant, sizeof constant, "%s.%d", name, i);
            append_constant(&exporter->constants, constant, input);
        }
        spar_protobuf_string(&message, 1, from);
    }
    spar_protobuf_string(&message, 2, name);
    spar_protobuf_string(&message, 3, name);
    spar_protobuf_string(&message, 4, operator->type);
    for (int i = 0; i < SPAR_MOST_ONNX_ATTRIBUTES && operator->attributes[i].name != NULL; i++) {
        append_attribute(&message, &operator->attributes[i]);
    }
    spar_protobuf_message(&exporter->nodes, 1, &message);
}

// Makes maps of rows, or rows of maps, for value v's layer.
static void convert(exporter *exporter, int v, spar_extent extent, const char *name, onnx_value *value) {
    const spar_onnx_operator flatten = {.type = "Flatten", .inputs = {spar_onnx_value(0)}},
                             reshape = spar_onnx_reshape(spar_onnx_value(0), extent);
    append_operator(exporter, v, value->rows ? &reshape : &flatten, value, NULL, name);
    snprintf(value->name, sizeof value->name, "%s", name);
    value->rows = !value->rows;
}

static void append_layer(exporter *exporter, int v) {
    const spar_graph *graph = exporter->network->graph;
    const spar_node *node = &graph->nodes[v];
    spar_onnx_operator operators[SPAR_MOST_ONNX_OPERATORS] = {0};
    onnx_value inputs[2], results[SPAR_MOST_ONNX_OPERATORS];
    char name[SPAR_MOST_TENSOR_NAME];
    bool either = node->layer->onnx_rank == SPAR_ONNX_EITHER;
    bool rows = either ? exporter->values[node->inputs[0]].rows : node->layer->onnx_rank == SPAR_ONNX_ROWS;
    for (int i = 0; i < node->layer->input_count; i++) {
        inputs[i] = exporter->values[node->inputs[i]];
        snprintf(name, sizeof name, "%s/Input%d", node->name, i);
        if (inputs[i].rows != rows) convert(exporter, v, graph->nodes[node->inputs[i]].extent, name, &inputs[i]);
    }
    int count = node->layer->onnx(node, graph->nodes[node->inputs[0]].extent, operators);
    for (int i = 0; i < count; i++) {
        results[i].rows = rows;
        snprintf(results[i].name, sizeof results[i].name, "%s/%s%d", node->name, operators[i].type, i);
        append_operator(exporter, v, &operators[i], inputs, results, results[i].name);
    }
    exporter->values[v] = count > 0 ? results[count - 1] : inputs[0];
}

// An input or output of the graph: floats of this shape for every image of a batch.
static void append_value_info(spar_buffer *graph, int field, const char *name, int rank, const int *shape) {
    spar_buffer dimensions = {0}, tensor = {0}, type = {0}, info = {0}, batch = {0};
    spar_protobuf_string(&batch, 2, "batch");
    spar_protobuf_message(&dimensions, 1, &batch);
    for (int i = 0; i < rank; i++) {
        spar_buffer dimension = {0};
        spar_protobuf_integer(&dimension, 1, shape[i]);
        spar_protobuf_message(&dimensions, 1, &dimension);
    }
    spar_protobuf_integer(&tensor, 1, ELEMENT_FLOAT);
    spar_protobuf_message(&tensor, 2, &dimensions);
    spar_protobuf_message(&type, 1, &tensor);
    spar_protobuf_string(&info, 1, name);
    spar_protobuf_message(&info, 2, &type);
    spar_protobuf_message(graph, field, &info);
}

static void append_graph(exporter *exporter) {
    const spar_network *network = exporter->network;
    const spar_graph *graph = network->graph;
    spar_extent image = graph->nodes[0].extent;
    snprintf(exporter->values[0].name, sizeof exporter->values[0].name, "pixels");
    for (int v = 1; v <= network->output; v++) {
        if (network->live[v]) append_layer(exporter, v);
    }
    // Whatever it is, by its own name: of rows, this changes nothing.
    onnx_value output = exporter->values[network->output];
    output.rows = false;
    convert(exporter, network->output, graph->nodes[network->output].extent, "logits", &output);
    spar_protobuf_string(&exporter->nodes, 2, "sparring");
    append_value_info(&exporter->ends, 11, "pixels", 3, (int[]){image.channels, image.height, image.width});
    append_value_info(&exporter->ends, 12, "logits", 1, &graph->nodes[network->output].extent.channels);
}

static size_t parameter_count_of(const spar_parameter *parameter) {
    return (size_t)(parameter->spec.rows * parameter->spec.columns);
}

static void append_parameter_head(const exporter *exporter, int p, spar_buffer *graph) {
    const spar_parameter *parameter = &exporter->network->parameters[p];
    int64_t shape[4] = {1, 1, 1, 1};
    for (int i = 0; i < parameter->spec.rank; i++) shape[i] = parameter->spec.shape[i];
    append_tensor_head(graph, parameter->name, ELEMENT_FLOAT, exporter->planes[p] ? 3 : parameter->spec.rank, shape,
                       parameter_count_of(parameter) * sizeof(float));
}

static spar_status write_parameter(const exporter *exporter, int p, spar_replacement *replacement) {
    const spar_parameter *parameter = &exporter->network->parameters[p];
    int64_t count = (int64_t)parameter_count_of(parameter);
    SPAR_TRY(spar_network_read_parameter(exporter->network, p, SPAR_PART_VALUE, exporter->numbers, count));
    SPAR_TRY(spar_check_values(parameter, SPAR_PART_VALUE, exporter->numbers, count));
    spar_buffer head = {0};
    append_parameter_head(exporter, p, &head);
    spar_status status = head.failed ? SPAR_ERROR_MEMORY : spar_replacement_write(replacement, head.data, head.length);
    spar_buffer_free(&head);
    SPAR_TRY(status);
    return spar_replacement_write(replacement, exporter->numbers, (size_t)count * sizeof(float));
}

static spar_status write_parts(const exporter *exporter, const spar_buffer *model, const spar_buffer *opset,
                               spar_replacement *replacement) {
    SPAR_TRY(spar_replacement_write(replacement, model->data, model->length));
    SPAR_TRY(spar_replacement_write(replacement, exporter->nodes.data, exporter->nodes.length));
    SPAR_TRY(spar_replacement_write(replacement, exporter->constants.data, exporter->constants.length));
    for (int p = 0; p < exporter->network->graph_parameter_count; p++)
        SPAR_TRY(write_parameter(exporter, p, replacement));
    SPAR_TRY(spar_replacement_write(replacement, exporter->ends.data, exporter->ends.length));
    return spar_replacement_write(replacement, opset->data, opset->length);
}

// The bytes of the graph's message.
static int64_t size_of_graph(const exporter *exporter) {
    const spar_network *network = exporter->network;
    size_t bytes = exporter->nodes.length + exporter->constants.length + exporter->ends.length;
    for (int p = 0; p < network->graph_parameter_count; p++) {
        spar_buffer head = {0};
        append_parameter_head(exporter, p, &head);
        bytes += head.length + parameter_count_of(&network->parameters[p]) * sizeof(float);
        spar_buffer_free(&head);
    }
    return (int64_t)bytes;
}

static spar_status write_model(exporter *exporter, const char *path, spar_buffer *model, spar_buffer *opset) {
    append_graph(exporter);
    int64_t bytes = size_of_graph(exporter);
    spar_protobuf_integer(model, 1, IR_VERSION);
    spar_protobuf_string(model, 2, "sparring");
    spar_protobuf_string(model, 3, spar_version());
    spar_protobuf_head(model, 7, (size_t)bytes);
    spar_buffer version = {0};
    spar_protobuf_integer(&version, 2, OPSET);
    spar_protobuf_message(opset, 8, &version);
    if (exporter->nodes.failed || exporter->constants.failed || exporter->ends.failed || model->failed ||
        opset->failed) {
        return SPAR_ERROR_MEMORY;
    }
    SPAR_TRY(spar_protobuf_check_size((int64_t)(model->length + opset->length) + bytes));
    spar_replacement replacement;
    SPAR_TRY(spar_replacement_begin(path, &replacement));
    return spar_replacement_end(&replacement, write_parts(exporter, model, opset, &replacement));
}

static spar_status allocate(exporter *exporter) {
    const spar_network *network = exporter->network;
    size_t largest = 0;
    for (int p = 0; p < network->graph_parameter_count; p++) {
        size_t count = parameter_count_of(&network->parameters[p]);
        largest = count > largest ? count : largest;
    }
    exporter->values = spar_allocate((size_t)network->graph->count, sizeof *exporter->values);
    exporter->planes = spar_allocate((size_t)network->graph_parameter_count, sizeof *exporter->planes);
    exporter->numbers = spar_allocate(largest, sizeof *exporter->numbers);
    bool all = exporter->values != NULL && exporter->planes != NULL && exporter->numbers != NULL;
    return all ? SPAR_OK : SPAR_ERROR_MEMORY;
}

spar_status spar_network_save_onnx(const spar_network *network, const char *path) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(path);
    exporter exporter = {.network = network};
    spar_buffer model = {0}, opset = {0};
    spar_status status = allocate(&exporter);
    if (status == SPAR_OK) status = write_model(&exporter, path, &model, &opset);
    spar_buffer *const buffers[] = {&exporter.nodes, &exporter.constants, &exporter.ends, &model, &opset};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) spar_buffer_free(buffers[i]);
    spar_release(exporter.values);
    spar_release(exporter.planes);
    spar_release(exporter.numbers);
    return status == SPAR_OK ? SPAR_OK : spar_fail_in(path, status);
}
