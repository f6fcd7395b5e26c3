// Places activations and gradients in one arena. Time runs over the operations forward, then backward; two buffers
// share memory when they are never alive at once. Elementwise sweeps work in place where nothing else needs the old
// values.
#include "graph/plan.h"

#include "graph/placement.h"
#include "ops/sweep.h"

typedef struct buffer {
    int storage; // another buffer whose room this one takes; itself otherwise
    spar_room room;
} buffer;

// What is known of values and operations.
typedef struct memory_plan {
    const spar_network *network;
    const int *consumers;
    buffer *buffers;  // two a value
    int *producer;    // the operation that gives a value; −1: none
    spar_span *spans; // of an operation and all that run at the same time, which are those of its chain
    spar_room **rooms;
} memory_plan;

// Buffers 2·v and 2·v + 1 are the activation and the gradient of value v.
static int activation_of(int v) {
    return 2 * v;
}

static int gradient_of(int v) {
    return 2 * v + 1;
}

// Shortens the way there for the next who asks.
static int storage_of(buffer *buffers, int b) {
    while (buffers[b].storage != b) b = buffers[b].storage = buffers[buffers[b].storage].storage;
    return b;
}

static void find_spans(const spar_network *network, spar_span *spans) {
    const spar_operation *operations = network->operations;
    for (int s = 0; s < network->operation_count; s++) {
        bool follows = s > 0 && operations[s].chain >= 0 && operations[s].chain == operations[s - 1].chain;
        spans[s].first = follows ? spans[s - 1].first : s;
    }
    for (int s = network->operation_count - 1; s >= 0; s--) {
        bool leads = s + 1 < network->operation_count && spans[s + 1].first == spans[s].first;
        spans[s].last = leads ? spans[s + 1].last : s;
    }
}

static void use(buffer *buffers, int b, spar_span time) {
    spar_span *used = &buffers[storage_of(buffers, b)].room.time;
    if (time.first < used->first) used->first = time.first;
    if (time.last > used->last) used->last = time.last;
}

static void share(buffer *buffers, int b, int with) {
    buffers[storage_of(buffers, b)].storage = storage_of(buffers, with);
}

// Does the operation's backward pass read its input's activation, and its output's?
static bool reads_input(const spar_operation *operation) {
    if (operation->sweep == NULL) return operation->layer->backward_reads_input;
    return operation->sweep->stages[0].node->layer->backward_reads_input;
}

static bool reads_output(const spar_operation *operation) {
    const spar_sweep *sweep = operation->sweep;
    if (sweep == NULL) return operation->layer->backward_reads_output;
    return sweep->stages[sweep->count - 1].node->layer->backward_reads_output;
}

static bool writes_in_place(const memory_plan *plan, int s) {
    const spar_network *network = plan->network;
    const spar_operation *operation = &network->operations[s];
    int in = network->root[operation->inputs[0] - network->tensors];
    if (operation->sweep == NULL || reads_input(operation) || plan->consumers[in] != 1) return false;
    return plan->producer[in] < 0 || !reads_output(&network->operations[plan->producer[in]]);
}

static void find_lifetimes(const memory_plan *plan) {
    const spar_network *network = plan->network;
    buffer *buffers = plan->buffers;
    int end = 2 * network->operation_count;
    for (int s = 0; s < network->operation_count; s++) {
        const spar_operation *operation = &network->operations[s];
        int out = network->root[operation->output - network->tensors],
            in = network->root[operation->inputs[0] - network->tensors];
        if (writes_in_place(plan, s)) {
            share(buffers, activation_of(out), activation_of(in));
        }
        if (operation->sweep != NULL && !operation->accumulates[0] && plan->consumers[in] == 1) {
            share(buffers, gradient_of(in), gradient_of(out));
        }
    }
    use(buffers, activation_of(0), (spar_span){0, 0});
    for (int s = 0; s < network->operation_count; s++) {
        const spar_operation *operation = &network->operations[s];
        int out = network->root[operation->output - network->tensors];
        spar_span there = plan->spans[s], back = {end - 1 - there.last, end - 1 - there.first};
        use(buffers, activation_of(out), there);
        use(buffers, gradient_of(out), back);
        if (reads_output(operation)) use(buffers, activation_of(out), back);
        if (s > 0 && operation[-1].chain >= 0 && spar_normalizes_batch(operation)) {
            spar_span earlier = plan->spans[s - 1], later = {end - 1 - earlier.last, end - 1 - earlier.first};
            use(buffers, gradient_of(out), later);
            use(buffers, activation_of(network->root[operation->inputs[0] - network->tensors]), later);
        }
        for (int i = 0; i < operation->input_count; i++) {
            int in = network->root[operation->inputs[i] - network->tensors];
            use(buffers, activation_of(in), there);
            use(buffers, gradient_of(in), back);
            if (i == 0 && reads_input(operation)) use(buffers, activation_of(in), back);
        }
    }
    int out = network->root[network->output];
    use(buffers, activation_of(out), (spar_span){end, end});
    use(buffers, gradient_of(out), (spar_span){network->operation_count, network->operation_count});
    use(buffers, gradient_of(0), (spar_span){end, end});
}

static spar_status lay_out(memory_plan *plan, int64_t *floats) {
    const spar_network *network = plan->network;
    int values = network->graph->count, used = 0;
    for (int b = 0; b < 2 * values; b++) {
        int64_t own = spar_sample_floats(&network->tensors[b / 2]) * network->options.batch_size;
        // One vector more, so that a full vector may be loaded at the last element of an unpadded image.
        spar_room room = {.time = {INT32_MAX, -1}, .floats = spar_round_up16(own + 16)};
        plan->buffers[b] = (buffer){b, room};
    }
    for (int v = 0; v < values; v++) plan->producer[v] = -1;
    for (int s = 0; s < network->operation_count; s++) {
        plan->producer[network->root[network->operations[s].output - network->tensors]] = s;
    }
    find_spans(network, plan->spans);
    find_lifetimes(plan);
    for (int b = 0; b < 2 * values; b++) {
        buffer *buffer = &plan->buffers[b];
        if (buffer->storage == b && buffer->room.time.last >= 0) plan->rooms[used++] = &buffer->room;
    }
    return spar_place(plan->rooms, used, floats);
}

static float *place_of(const spar_network *network, buffer *buffers, int b) {
    const spar_room *room = &buffers[storage_of(buffers, b)].room;
    return room->time.last < 0 ? NULL : network->arena + room->offset;
}

static spar_status allocate_arena(spar_network *network, buffer *buffers, int64_t floats) {
    network->arena_floats = (size_t)floats;
    network->arena = spar_allocate(network->arena_floats, sizeof(float));
    if (network->arena == NULL) return SPAR_ERROR_MEMORY;
    for (int v = 0; v < network->graph->count; v++) {
        network->tensors[v].data = place_of(network, buffers, activation_of(network->root[v]));
        network->tensors[v].gradient = place_of(network, buffers, gradient_of(network->root[v]));
    }
    return SPAR_OK;
}

spar_status spar_plan_memory(spar_network *network, const int *consumers) {
    size_t values = (size_t)network->graph->count;
    memory_plan plan = {.network = network,
                        .consumers = consumers,
                        .buffers = spar_allocate(2 * values, sizeof *plan.buffers),
                        .producer = spar_allocate(values, sizeof *plan.producer),
                        .spans = spar_allocate(values, sizeof *plan.spans),
                        .rooms = spar_allocate(2 * values, sizeof *plan.rooms)};
    int64_t floats = 0;
    bool whole = plan.buffers != NULL && plan.producer != NULL && plan.spans != NULL && plan.rooms != NULL;
    spar_status status = whole ? lay_out(&plan, &floats) : SPAR_ERROR_MEMORY;
    if (status == SPAR_OK) status = allocate_arena(network, plan.buffers, floats);
    spar_release(plan.buffers);
    spar_release(plan.producer);
    spar_release(plan.spans);
    spar_release(plan.rooms);
    return status;
}
