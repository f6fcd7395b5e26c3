// Places activations and gradients in one arena. Time runs over the steps forward, then backward; two buffers share
// memory when they are never alive at once. Elementwise sweeps work in place where nothing else needs the old values.
#include "graph/plan.h"

#include "ops/sweep.h"

typedef struct buffer {
    int storage; // another buffer whose place this one takes; itself otherwise
    int first, last;
    int64_t floats, offset;
} buffer;

// Buffers 2·v and 2·v + 1 are the activation and the gradient of value v.
static int activation_of(int v) {
    return 2 * v;
}

static int gradient_of(int v) {
    return 2 * v + 1;
}

static int storage_of(const buffer *buffers, int b) {
    while (buffers[b].storage != b) b = buffers[b].storage;
    return b;
}

typedef struct span {
    int first, last;
} span;

// The steps of a chain run at the same time.
static span span_of(const spar_network *network, int s) {
    span span = {s, s};
    int chain = network->steps[s].chain;
    while (chain >= 0 && span.first > 0 && network->steps[span.first - 1].chain == chain) span.first--;
    while (chain >= 0 && span.last + 1 < network->step_count && network->steps[span.last + 1].chain == chain) {
        span.last++;
    }
    return span;
}

static void use(buffer *buffers, int b, span time) {
    buffer *target = &buffers[storage_of(buffers, b)];
    if (time.first < target->first) target->first = time.first;
    if (time.last > target->last) target->last = time.last;
}

static void share(buffer *buffers, int b, int with) {
    buffers[storage_of(buffers, b)].storage = storage_of(buffers, with);
}

// Does the step's backward pass read its input's activation, and its output's?
static bool reads_input(const spar_step *step) {
    if (step->layer != &spar_layer_sweep) return step->layer->backward_reads_input;
    return ((const spar_sweep *)step->state)->stages[0].node->layer->backward_reads_input;
}

static bool reads_output(const spar_step *step) {
    if (step->layer != &spar_layer_sweep) return step->layer->backward_reads_output;
    const spar_sweep *sweep = step->state;
    return sweep->stages[sweep->count - 1].node->layer->backward_reads_output;
}

static bool writes_in_place(const spar_network *network, const int *consumers, const int *producer, int s) {
    const spar_step *step = &network->steps[s];
    int in = network->root[step->inputs[0] - network->tensors];
    if (step->layer != &spar_layer_sweep || reads_input(step) || consumers[in] != 1) return false;
    return producer[in] < 0 || !reads_output(&network->steps[producer[in]]);
}

static void find_lifetimes(const spar_network *network, const int *consumers, const int *producer, buffer *buffers) {
    int end = 2 * network->step_count;
    for (int s = 0; s < network->step_count; s++) {
        const spar_step *step = &network->steps[s];
        int out = network->root[step->output - network->tensors],
            in = network->root[step->inputs[0] - network->tensors];
        if (writes_in_place(network, consumers, producer, s)) {
            share(buffers, activation_of(out), activation_of(in));
        }
        if (step->layer == &spar_layer_sweep && !step->accumulates[0] && consumers[in] == 1) {
            share(buffers, gradient_of(in), gradient_of(out));
        }
    }
    use(buffers, activation_of(0), (span){0, 0});
    for (int s = 0; s < network->step_count; s++) {
        const spar_step *step = &network->steps[s];
        int out = network->root[step->output - network->tensors];
        span there = span_of(network, s), back = {end - 1 - there.last, end - 1 - there.first};
        use(buffers, activation_of(out), there);
        use(buffers, gradient_of(out), back);
        if (reads_output(step)) use(buffers, activation_of(out), back);
        if (s > 0 && step[-1].chain >= 0 && spar_normalizes_batch(step)) {
            span earlier = span_of(network, s - 1), later = {end - 1 - earlier.last, end - 1 - earlier.first};
            use(buffers, gradient_of(out), later);
            use(buffers, activation_of(network->root[step->inputs[0] - network->tensors]), later);
        }
        for (int i = 0; i < step->input_count; i++) {
            int in = network->root[step->inputs[i] - network->tensors];
            use(buffers, activation_of(in), there);
            use(buffers, gradient_of(in), back);
            if (i == 0 && reads_input(step)) use(buffers, activation_of(in), back);
        }
    }
    int out = network->root[network->output];
    use(buffers, activation_of(out), (span){end, end});
    use(buffers, gradient_of(out), (span){network->step_count, network->step_count});
    use(buffers, gradient_of(0), (span){end, end});
}

// Largest first, each at the lowest place where it meets no buffer alive at the same time.
static size_t place(buffer *buffers, int *order, int count) {
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        buffer *b = &buffers[order[i]];
        bool moved = true;
        while (moved) {
            moved = false;
            for (int j = 0; j < i; j++) {
                const buffer *other = &buffers[order[j]];
                bool apart = other->last < b->first || b->last < other->first ||
                             other->offset + other->floats <= b->offset || b->offset + b->floats <= other->offset;
                if (apart) continue;
                b->offset = other->offset + other->floats;
                moved = true;
            }
        }
        if (b->offset + b->floats > total) total = b->offset + b->floats;
    }
    return (size_t)total;
}

static void sort_by_size(int *order, int count, const buffer *buffers) {
    for (int i = 1; i < count; i++) {
        int index = order[i], j = i;
        for (; j > 0 && buffers[order[j - 1]].floats < buffers[index].floats; j--) order[j] = order[j - 1];
        order[j] = index;
    }
}

static void lay_out(spar_network *network, const int *consumers, const int *producer, buffer *buffers, int *order) {
    int values = network->graph->count, used = 0;
    for (int b = 0; b < 2 * values; b++) {
        int64_t floats = spar_sample_floats(&network->tensors[b / 2]) * network->options.batch_size;
        // One vector more, so that a full vector may be loaded at the last element of an unpadded image.
        buffers[b] = (buffer){.storage = b, .first = INT32_MAX, .last = -1, .floats = spar_round_up16(floats + 16)};
    }
    find_lifetimes(network, consumers, producer, buffers);
    for (int b = 0; b < 2 * values; b++) {
        if (buffers[b].storage == b && buffers[b].last >= 0) order[used++] = b;
    }
    sort_by_size(order, used, buffers);
    network->arena_floats = place(buffers, order, used);
}

spar_status spar_plan_memory(spar_network *network, const int *consumers) {
    size_t values = (size_t)network->graph->count;
    buffer *buffers = spar_allocate(2 * values, sizeof *buffers);
    int *order = spar_allocate(2 * values, sizeof *order), *producer = spar_allocate(values, sizeof *producer);
    spar_status status = buffers == NULL || order == NULL || producer == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    if (status == SPAR_OK) {
        for (size_t v = 0; v < values; v++) producer[v] = -1;
        for (int s = 0; s < network->step_count; s++) {
            producer[network->root[network->steps[s].output - network->tensors]] = s;
        }
        lay_out(network, consumers, producer, buffers, order);
        network->arena = spar_allocate(network->arena_floats, sizeof(float));
        if (network->arena == NULL) status = SPAR_ERROR_MEMORY;
    }
    for (int v = 0; status == SPAR_OK && v < network->graph->count; v++) {
        int data = storage_of(buffers, activation_of(network->root[v]));
        int gradient = storage_of(buffers, gradient_of(network->root[v]));
        if (buffers[data].last >= 0) network->tensors[v].data = network->arena + buffers[data].offset;
        if (buffers[gradient].last >= 0) network->tensors[v].gradient = network->arena + buffers[gradient].offset;
    }
    spar_release(buffers);
    spar_release(order);
    spar_release(producer);
    return status;
}
