// Layers as operators of ONNX, opset 13, in evaluation mode: what an export writes, told by the layers themselves.
#ifndef SPAR_OPS_ONNX_H
#define SPAR_OPS_ONNX_H

#include "ops/layer.h"

enum { SPAR_MOST_ONNX_OPERATORS = 5, SPAR_MOST_ONNX_INPUTS = 5, SPAR_MOST_ONNX_ATTRIBUTES = 4 };

typedef enum spar_onnx_source {
    SPAR_ONNX_NONE,      // after the last input
    SPAR_ONNX_VALUE,     // the layer's input of this index
    SPAR_ONNX_RESULT,    // of the layer's operator of this index
    SPAR_ONNX_PARAMETER, // the layer's, of this index, in its outside shape
    SPAR_ONNX_PLANES,    // the same, a vector of channels that is to be seen as [channels][1][1]
    SPAR_ONNX_NUMBER,
    SPAR_ONNX_INTEGERS,
} spar_onnx_source;

typedef struct spar_onnx_input {
    spar_onnx_source source;
    int index;
    float number;
    int count; // of integers
    int64_t integers[8];
} spar_onnx_input;

// As AttributeProto.AttributeType numbers them.
typedef enum spar_onnx_type { SPAR_ONNX_FLOAT = 1, SPAR_ONNX_INT = 2, SPAR_ONNX_INTS = 7 } spar_onnx_type;

typedef struct spar_onnx_attribute {
    const char *name; // NULL after the last
    spar_onnx_type type;
    float number;
    int count; // of integers
    int64_t integers[4];
} spar_onnx_attribute;

struct spar_onnx_operator {
    const char *type; // "Conv"
    spar_onnx_input inputs[SPAR_MOST_ONNX_INPUTS];
    spar_onnx_attribute attributes[SPAR_MOST_ONNX_ATTRIBUTES];
};

static inline spar_onnx_input spar_onnx_value(int index) {
    return (spar_onnx_input){.source = SPAR_ONNX_VALUE, .index = index};
}

static inline spar_onnx_input spar_onnx_result(int index) {
    return (spar_onnx_input){.source = SPAR_ONNX_RESULT, .index = index};
}

static inline spar_onnx_input spar_onnx_parameter(int index) {
    return (spar_onnx_input){.source = SPAR_ONNX_PARAMETER, .index = index};
}

static inline spar_onnx_input spar_onnx_planes(int index) {
    return (spar_onnx_input){.source = SPAR_ONNX_PLANES, .index = index};
}

static inline spar_onnx_input spar_onnx_number(float number) {
    return (spar_onnx_input){.source = SPAR_ONNX_NUMBER, .number = number};
}

// What gives a value of rows its map again.
static inline spar_onnx_operator spar_onnx_reshape(spar_onnx_input x, spar_extent map) {
    spar_onnx_input shape = {
        .source = SPAR_ONNX_INTEGERS, .count = 4, .integers = {0, map.channels, map.height, map.width}};
    return (spar_onnx_operator){.type = "Reshape", .inputs = {x, shape}};
}

static inline spar_onnx_attribute spar_onnx_integer(const char *name, int64_t integer) {
    return (spar_onnx_attribute){.name = name, .type = SPAR_ONNX_INT, .count = 1, .integers = {integer}};
}

static inline spar_onnx_attribute spar_onnx_pair(const char *name, int64_t height, int64_t width) {
    return (spar_onnx_attribute){.name = name, .type = SPAR_ONNX_INTS, .count = 2, .integers = {height, width}};
}

static inline spar_onnx_attribute spar_onnx_pads(int64_t height, int64_t width) {
    return (spar_onnx_attribute){
        .name = "pads", .type = SPAR_ONNX_INTS, .count = 4, .integers = {height, width, height, width}};
}

#endif
