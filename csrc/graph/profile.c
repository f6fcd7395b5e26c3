// What passes do while a network is profiled: multiplications and bytes, of which the machine's limits follow.
#include "graph/chain.h"

#include "runtime/structure.h"

#include <string.h>

enum { BUFFERS = 6 }; // bits of spar_use that are values and, from the fourth on, gradients

static const spar_tensor *tensor_of(const spar_operation *operation, int bit) {
    const spar_tensor *tensors[] = {operation->inputs[0], operation->inputs[1], operation->output};
    return tensors[bit % 3];
}

// The buffers that a pass writes in this step.
static unsigned writes_of(const spar_work *work) {
    const spar_operation *operation = work->operation;
    unsigned unwanted = 0;
    if (spar_is_backward(work) && !operation->wanted[0]) unwanted |= SPAR_INPUT_GRADIENT;
    if (spar_is_backward(work) && !operation->wanted[1]) unwanted |= SPAR_SECOND_GRADIENT;
    return work->pass.writes & ~unwanted;
}

static int64_t floats_of(const spar_work *work, int bit) {
    return spar_sample_floats(tensor_of(work->operation, bit)) * work->run.batch;
}

// Does work `w` of a chain read what one before it has left in cache?
static bool is_cached(const spar_network *network, const spar_work *works, int w, int bit) {
    int value = network->root[tensor_of(works[w].operation, bit) - network->tensors];
    for (int v = 0; v < w; v++) {
        unsigned writes = works[v].active ? writes_of(&works[v]) : 0;
        for (int other = 0; other < BUFFERS; other++) {
            bool alike = writes >> other & 1 && bit / 3 == other / 3;
            if (alike && network->root[tensor_of(works[v].operation, other) - network->tensors] == value) return true;
        }
    }
    return false;
}

static int64_t parameter_floats(const spar_operation *operation) {
    int64_t floats = 0;
    for (int p = 0; p < SPAR_MAX_PARAMETERS; p++) {
        const spar_parameter *parameter = operation->parameters[p];
        if (parameter != NULL) floats += parameter->spec.rows * parameter->spec.stride;
    }
    return floats;
}

static int64_t multiplications_of(const spar_operation *operation, spar_pass_kind kind) {
    const spar_layer *layer = operation->layer;
    if (layer->multiplications != NULL) return layer->multiplications(operation, kind);
    return layer->multiply_adds == NULL ? 0 : layer->multiply_adds(operation->node, operation->inputs[0]->extent);
}

void spar_profile_chain(const spar_network *network, const spar_work *works, int count) {
    for (int w = 0; w < count; w++) {
        const spar_work *work = &works[w];
        if (!work->active) continue;
        spar_operation *operation = work->operation;
        unsigned reads = work->pass.reads, writes = writes_of(work);
        int64_t floats = 0;
        for (int bit = 0; bit < BUFFERS; bit++) {
            if (reads >> bit & 1 && !is_cached(network, works, w, bit)) floats += floats_of(work, bit);
            if (writes >> bit & 1) floats += floats_of(work, bit);
        }
        // The passes of one kind share the parameters, and the first makes the products.
        bool first = w == 0 || work[-1].operation != operation || work[-1].kind != work->kind;
        if (first) {
            floats += parameter_floats(operation);
            operation->multiplications[work->kind] += multiplications_of(operation, work->kind) * work->run.batch;
        }
        operation->bytes[work->kind] += floats * (int64_t)sizeof(float);
    }
}

spar_status spar_network_profile(spar_network *network, bool on) {
    SPAR_REQUIRE_POINTER(network);
    network->profiled = on;
    for (int s = 0; s < network->operation_count && on; s++) {
        spar_operation *operation = &network->operations[s];
        memset(operation->seconds, 0, sizeof operation->seconds);
        memset(operation->multiplications, 0, sizeof operation->multiplications);
        memset(operation->bytes, 0, sizeof operation->bytes);
    }
    return SPAR_OK;
}
