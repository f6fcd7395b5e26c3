// What passes do while a network is profiled: multiplications and bytes, of which the machine's limits follow.
#include "graph/chain.h"

#include "runtime/structure.h"

#include <string.h>

static int64_t floats_of(const spar_network *network, const spar_work *work, int buffer) {
    return spar_sample_floats(&network->tensors[buffer / 2]) * work->run.batch;
}

// Does work `w` of a chain find there what one before it has written?
static bool is_cached(const spar_network *network, const spar_work *works, int w, int buffer) {
    for (int v = 0; v < w; v++) {
        int list[SPAR_MOST_BUFFERS], count = 0;
        if (works[v].active) count = spar_list_buffers(network, works[v].operation, spar_writes_of(&works[v]), list);
        for (int i = 0; i < count; i++) {
            if (list[i] == buffer) return true;
        }
    }
    return false;
}

static int64_t buffer_floats(const spar_network *network, const spar_work *works, int w) {
    const spar_work *work = &works[w];
    int list[SPAR_MOST_BUFFERS], count = spar_list_buffers(network, work->operation, work->pass.reads, list);
    int64_t floats = 0;
    for (int i = 0; i < count; i++)
        floats += is_cached(network, works, w, list[i]) ? 0 : floats_of(network, work, list[i]);
    count = spar_list_buffers(network, work->operation, spar_writes_of(work), list);
    for (int i = 0; i < count; i++) floats += floats_of(network, work, list[i]);
    return floats;
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
    return layer->multiplications == NULL ? spar_multiply_adds(operation) : layer->multiplications(operation, kind);
}

void spar_profile_chain(const spar_network *network, const spar_work *works, int count) {
    for (int w = 0; w < count; w++) {
        const spar_work *work = &works[w];
        if (!work->active) continue;
        spar_operation *operation = work->operation;
        int64_t floats = buffer_floats(network, works, w);
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
