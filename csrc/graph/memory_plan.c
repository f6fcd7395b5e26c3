// Places values and gradients in one arena, and what passes need besides in the workspace, by what the passes declare:
// two buffers share memory when they are never alive at once. Time counts chains, since all of a chain's passes run at
// once; a value is alive from the first chain that uses it to the last.
#include "graph/plan.h"

#include "graph/placement.h"
#include "graph/ranks.h"

typedef struct buffer {
    int storage;   // another buffer whose room this one takes; itself otherwise
    int last_read; // by this pass of the list; −1: by none
    spar_room room;
} buffer;

static int value_of(const spar_network *network, const spar_tensor *tensor) {
    return 2 * network->root[tensor - network->tensors];
}

static int gradient_of(const spar_network *network, const spar_tensor *tensor) {
    return value_of(network, tensor) + 1;
}

int spar_list_buffers(const spar_network *network, const spar_operation *operation, unsigned uses, int *list) {
    const spar_tensor *tensors[] = {operation->inputs[0], operation->inputs[1], operation->output};
    int count = 0;
    for (int i = 0; i < 3; i++) {
        if (uses & (unsigned)SPAR_INPUT_VALUE << i) list[count++] = value_of(network, tensors[i]);
        if (uses & (unsigned)SPAR_INPUT_GRADIENT << i) list[count++] = gradient_of(network, tensors[i]);
    }
    return count;
}

// Shortens the way there for the next who asks.
static int storage_of(buffer *buffers, int b) {
    while (buffers[b].storage != b) b = buffers[b].storage = buffers[buffers[b].storage].storage;
    return b;
}

static void use(buffer *buffers, int b, int time) {
    spar_span *used = &buffers[storage_of(buffers, b)].room.time;
    if (time < used->first) used->first = time;
    if (time > used->last) used->last = time;
}

static void find_last_reads(const spar_network *network, buffer *buffers) {
    for (int w = 0; w < network->work_count; w++) {
        const spar_work *work = &network->works[w];
        int list[SPAR_MOST_BUFFERS], count = spar_list_buffers(network, work->operation, work->pass.reads, list);
        for (int i = 0; i < count; i++) buffers[list[i]].last_read = w;
    }
    buffers[value_of(network, &network->tensors[network->output])].last_read = INT32_MAX;
}

// What work w writes in place takes the room of what it reads, unless that is read at another place too or will be:
// by any pass but the operation's own of this kind, which know of each other.
static void share_room(const spar_network *network, buffer *buffers, int w) {
    const spar_work *work = &network->works[w];
    const spar_operation *operation = work->operation;
    int in = value_of(network, operation->inputs[0]), out = value_of(network, operation->output), last = w;
    while (last + 1 < network->work_count && work->operation == network->works[last + 1].operation &&
           work->kind == network->works[last + 1].kind) {
        last++;
    }
    if (spar_is_backward(work)) {
        if (operation->accumulates[0] || buffers[out + 1].last_read > last) return;
        buffers[storage_of(buffers, in + 1)].storage = storage_of(buffers, out + 1);
    } else {
        bool twice = operation->input_count > 1 && value_of(network, operation->inputs[1]) == in;
        if (twice || buffers[in].last_read > last) return;
        buffers[storage_of(buffers, out)].storage = storage_of(buffers, in);
    }
}

static void find_lifetimes(const spar_network *network, buffer *buffers) {
    int count = network->work_count, loss = 0, end = 1;
    for (int w = 0; w < count; w++) {
        const spar_work *work = &network->works[w];
        int list[SPAR_MOST_BUFFERS];
        int used = spar_list_buffers(network, work->operation, work->pass.reads | work->pass.writes, list);
        for (int i = 0; i < used; i++) use(buffers, list[i], work->chain);
        if (!spar_is_backward(work)) loss = work->chain + 1;
        end = work->chain + 1;
    }
    const spar_tensor *input = &network->tensors[0], *output = &network->tensors[network->output];
    use(buffers, value_of(network, input), 0);
    use(buffers, value_of(network, output), end);
    use(buffers, gradient_of(network, output), loss);
    use(buffers, gradient_of(network, input), end);
}

static spar_status lay_out(spar_network *network, buffer *buffers, spar_room **rooms, int64_t *floats) {
    int count = 2 * network->graph->count, used = 0;
    for (int b = 0; b < count; b++) {
        int64_t own = spar_sample_floats(&network->tensors[b / 2]) * spar_own_batch_size(network);
        // One vector more, so that a full vector may be loaded at the last element of an unpadded image.
        spar_room room = {.time = {INT32_MAX, -1}, .floats = spar_round_up16(own + 16)};
        buffers[b] = (buffer){b, -1, room};
    }
    find_last_reads(network, buffers);
    for (int w = 0; w < network->work_count; w++) {
        if (network->works[w].pass.in_place) share_room(network, buffers, w);
    }
    find_lifetimes(network, buffers);
    for (int b = 0; b < count; b++) {
        if (buffers[b].storage == b && buffers[b].room.time.last >= 0) rooms[used++] = &buffers[b].room;
    }
    return spar_place(rooms, used, floats);
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
        network->tensors[v].data = place_of(network, buffers, 2 * network->root[v]);
        network->tensors[v].gradient = place_of(network, buffers, 2 * network->root[v] + 1);
    }
    return SPAR_OK;
}

static spar_status plan_arena(spar_network *network) {
    size_t count = 2 * (size_t)network->graph->count;
    buffer *buffers = spar_allocate(count, sizeof *buffers);
    spar_room **rooms = spar_allocate(count, sizeof *rooms);
    int64_t floats = 0;
    spar_status status = SPAR_ERROR_MEMORY;
    if (buffers != NULL && rooms != NULL) status = lay_out(network, buffers, rooms, &floats);
    if (status == SPAR_OK) status = allocate_arena(network, buffers, floats);
    spar_release(buffers);
    spar_release(rooms);
    return status;
}

// A chain's passes have parts of the workspace of their own; every thread has its scratch behind them.
static spar_status plan_workspace(spar_network *network) {
    spar_run *run = &network->run;
    int64_t floats = network->ranks == NULL ? 0 : spar_round_up16(network->ranks->slice_workspace), end = 0;
    for (int w = 0; w < network->work_count; w++) {
        spar_work *work = &network->works[w];
        work->workspace_offset = w > 0 && work->chain == work[-1].chain ? end : 0;
        end = work->workspace_offset + spar_round_up16(work->pass.workspace);
        if (end > floats) floats = end;
    }
    for (int s = 0; s < network->operation_count; s++) {
        int64_t own = spar_round_up16(network->operations[s].scratch_floats);
        if (own > run->scratch_floats) run->scratch_floats = own;
    }
    network->workspace_floats = (size_t)(floats + network->options.threads * run->scratch_floats);
    network->workspace = spar_allocate(network->workspace_floats, sizeof(float));
    if (network->workspace == NULL) return SPAR_ERROR_MEMORY;
    run->workspace = network->workspace;
    run->scratch = network->workspace + floats;
    return SPAR_OK;
}

spar_status spar_plan_memory(spar_network *network) {
    SPAR_TRY(plan_arena(network));
    return plan_workspace(network);
}
