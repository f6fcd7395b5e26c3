// The plan as text.
#include "graph/network.h"

#include "ops/sweep.h"

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

static void append_names(text *text, const spar_step *step) {
    if (step->layer != &spar_layer_sweep) {
        append(text, "%s", step->node->name);
        return;
    }
    const spar_sweep *sweep = step->state;
    for (int s = 0; s < sweep->count; s++) append(text, "%s%s", s > 0 ? " + " : "", sweep->stages[s].node->name);
}

static void append_step(text *text, const spar_network *network, const spar_step *step) {
    spar_extent in = step->inputs[0]->extent, out = step->output->extent;
    int64_t multiply_adds = step->layer->multiply_adds == NULL ? 0 : step->layer->multiply_adds(step->node, in);
    int64_t bytes = (int64_t)sizeof(float) * network->options.batch_size *
                    (spar_sample_floats(step->inputs[0]) + spar_sample_floats(step->output));
    append(text, "%-10s %d×%d×%d -> %d×%d×%d  %lld bytes  %lld multiply-adds  %s  ", step->kernel, in.channels,
           in.height, in.width, out.channels, out.height, out.width, (long long)bytes,
           (long long)multiply_adds * network->options.batch_size,
           step->inputs[0]->data == step->output->data ? "in place" : "-");
    append_names(text, step);
    append(text, "\n");
}

spar_status spar_network_describe(const spar_network *network, char *data, size_t capacity, size_t *needed) {
    SPAR_REQUIRE_POINTER(network);
    if (data == NULL && capacity > 0) return spar_fail(SPAR_ERROR_ARGUMENT, "spar_network_describe: text is NULL");
    text text = {data, capacity, 0};
    append(&text, "%s kernels, batch %d, %zu bytes of activations and gradients, %zu of workspace\n",
           network->run.kernels->isa, network->options.batch_size, network->arena_floats * sizeof(float),
           network->workspace_floats * sizeof(float));
    for (int s = 0; s < network->step_count; s++) append_step(&text, network, &network->steps[s]);
    if (needed != NULL) *needed = text.length + 1;
    return SPAR_OK;
}
