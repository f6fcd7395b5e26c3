// The plan as text.
#include "graph/network.h"

#include "ops/sweep.h"
#include "runtime/structure.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct text {
    char *data;
    size_t capacity, length; // length counts what did not fit too
} text;

__attribute__((format(printf, 2, 3))) static void append(text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t room = text->length < text->capacity ? text->capacity - text->length : 0;
    int written = vsnprintf(room > 0 ? text->data + text->length : NULL, room, format, arguments);
    va_end(arguments);
    if (written > 0) text->length += (size_t)written;
}

static void append_names(text *text, const spar_operation *operation) {
    const spar_sweep *sweep = operation->sweep;
    if (sweep == NULL) append(text, "%s", operation->node->name);
    for (int s = 0; sweep != NULL && s < sweep->count; s++)
        append(text, "%s%s", s > 0 ? " + " : "", sweep->stages[s].node->name);
}

static spar_operation_info info_of(const spar_network *network, const spar_operation *operation) {
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    return (spar_operation_info){.kernel = operation->kernel,
                                 .input_shape = {in->extent.channels, in->extent.height, in->extent.width},
                                 .output_shape = {out->extent.channels, out->extent.height, out->extent.width},
                                 .multiply_adds = spar_multiply_adds(operation),
                                 .bytes = (int64_t)sizeof(float) * network->options.batch_size *
                                          (spar_sample_floats(in) + spar_sample_floats(out)),
                                 .forward_seconds = operation->seconds[SPAR_PASS_FORWARD],
                                 .backward_data_seconds = operation->seconds[SPAR_PASS_DATA],
                                 .backward_weights_seconds = operation->seconds[SPAR_PASS_WEIGHTS],
                                 .forward_multiplications = operation->multiplications[SPAR_PASS_FORWARD],
                                 .backward_data_multiplications = operation->multiplications[SPAR_PASS_DATA],
                                 .backward_weights_multiplications = operation->multiplications[SPAR_PASS_WEIGHTS],
                                 .forward_bytes = operation->bytes[SPAR_PASS_FORWARD],
                                 .backward_data_bytes = operation->bytes[SPAR_PASS_DATA],
                                 .backward_weights_bytes = operation->bytes[SPAR_PASS_WEIGHTS]};
}

static void append_operation(text *text, const spar_network *network, const spar_operation *operation) {
    spar_operation_info info = info_of(network, operation);
    append(text, "%-10s %d×%d×%d -> %d×%d×%d  %lld bytes  %lld multiply-adds  %s  ", info.kernel, info.input_shape[0],
           info.input_shape[1], info.input_shape[2], info.output_shape[0], info.output_shape[1], info.output_shape[2],
           (long long)info.bytes, (long long)spar_times(info.multiply_adds, network->options.batch_size),
           operation->inputs[0]->data == operation->output->data ? "in place" : "-");
    append_names(text, operation);
    append(text, "\n");
}

spar_status spar_network_describe(const spar_network *network, char *data, size_t capacity, size_t *needed) {
    SPAR_REQUIRE_POINTER(network);
    if (data == NULL && capacity > 0) return spar_fail(SPAR_ERROR_ARGUMENT, "spar_network_describe: text is NULL");
    text text = {data, capacity, 0};
    append(&text, "%s kernels, batch %d, %zu bytes of activations and gradients, %zu of workspace\n",
           network->run.kernels->isa, network->options.batch_size, network->arena_floats * sizeof(float),
           network->workspace_floats * sizeof(float));
    for (int s = 0; s < network->operation_count; s++) append_operation(&text, network, &network->operations[s]);
    if (needed != NULL) *needed = text.length + 1;
    return SPAR_OK;
}

int32_t spar_network_operation_count(const spar_network *network) {
    return network == NULL ? 0 : network->operation_count;
}

static spar_status check_index(const spar_network *network, int32_t index) {
    if (index >= 0 && index < network->operation_count) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "operation %d: the plan has %d, from 0", index, network->operation_count);
}

#define OPERATION SPAR_STRUCTURE(spar_operation_info, backward_weights_seconds)

spar_status spar_network_operation(const spar_network *network, int32_t index, spar_operation_info *info) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(OPERATION, info));
    SPAR_TRY(check_index(network, index));
    spar_operation_info own = info_of(network, &network->operations[index]);
    spar_fill_structure(OPERATION, &own, info);
    return SPAR_OK;
}

spar_status spar_network_operation_layers(const spar_network *network, int32_t index, char *data, size_t capacity,
                                          size_t *needed) {
    SPAR_REQUIRE_POINTER(network);
    if (data == NULL && capacity > 0)
        return spar_fail(SPAR_ERROR_ARGUMENT, "spar_network_operation_layers: text is NULL");
    SPAR_TRY(check_index(network, index));
    text text = {data, capacity, 0};
    append_names(&text, &network->operations[index]);
    if (needed != NULL) *needed = text.length + 1;
    return SPAR_OK;
}
