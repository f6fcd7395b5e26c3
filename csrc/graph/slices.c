#include "graph/ranks.h"

#include "runtime/parallel.h"

#include <string.h>

// Slices begin at whole vectors of channels. Those of groups go together, to the first rank.
static int64_t channels_before(const spar_operation *operation, const spar_part *part, int rank) {
    int64_t channels = operation->inputs[0]->extent.channels, vectors = (channels + 15) / 16;
    if (operation->layer->slices == NULL || !operation->layer->slices(operation)) return rank == 0 ? 0 : channels;
    int64_t before = vectors * rank / part->ranks * 16;
    return before < channels ? before : channels;
}

static int64_t channels_of(const spar_operation *operation, const spar_part *part, int rank) {
    return channels_before(operation, part, rank + 1) - channels_before(operation, part, rank);
}

static int64_t output_floats(const spar_slice *slice) {
    return spar_sample_floats(slice->work->operation->output);
}

// Of a sample of a rank's slice of the input.
static int64_t input_floats(const spar_slice *slice, const spar_part *part, int rank) {
    const spar_operation *operation = slice->work->operation;
    return spar_pixels(operation->inputs[0]->extent) * spar_round_up16(channels_of(operation, part, rank));
}

// Rows of weights come tap by tap; `each` is the rows of a tap before a rank's.
static int64_t taps_of(const spar_slice *slice) {
    const spar_operation *operation = slice->work->operation;
    int64_t rows = operation->parameters[0]->spec.rows, channels = operation->inputs[0]->extent.channels;
    return rows % channels == 0 ? rows / channels : 1;
}

static int64_t rows_before(const spar_slice *slice, const spar_part *part, int rank) {
    const spar_operation *operation = slice->work->operation;
    int64_t each = operation->parameters[0]->spec.rows / taps_of(slice);
    return each * channels_before(operation, part, rank) / operation->inputs[0]->extent.channels;
}

static int64_t weight_floats(const spar_slice *slice, const spar_part *part, int rank) {
    int64_t rows = rows_before(slice, part, rank + 1) - rows_before(slice, part, rank);
    return taps_of(slice) * rows * slice->work->operation->parameters[0]->spec.stride;
}

static bool needs_slices(const spar_network *network, const spar_work *work) {
    if (work->kind != SPAR_PASS_WEIGHTS || work->pass.samples != NULL) return false;
    return work->pass.sums == NULL || !spar_leaves_are_whole(&network->part, work->operation->sum_height);
}

static spar_status prepare_slice(spar_network *network, spar_slice *slice, spar_work *work) {
    const spar_part *part = &network->part;
    spar_operation *operation = work->operation, *own = &slice->operation;
    spar_pass passes[SPAR_MOST_PASSES];
    work->slice = slice;
    slice->work = work;
    slice->input = *operation->inputs[0];
    slice->input.extent.channels = (int)channels_of(operation, part, part->rank);
    slice->input.stride = spar_round_up16(slice->input.extent.channels);
    slice->output = *operation->output;
    slice->weight = *operation->parameters[0];
    *own = *operation;
    own->whole = operation;
    own->inputs[0] = &slice->input;
    own->output = &slice->output;
    own->parameters[0] = &slice->weight;
    own->batch_size = (int)part->batch_size;
    slice->weight.spec.rows = weight_floats(slice, part, part->rank) / slice->weight.spec.stride;
    if (slice->weight.spec.rows == 0) return SPAR_OK;
    if (own->layer->prepare_slice != NULL) SPAR_TRY(own->layer->prepare_slice(own));
    own->layer->passes(own, SPAR_PASS_WEIGHTS, passes);
    SPAR_TRY(spar_check_room(own, passes[0].workspace));
    SPAR_TRY(spar_check_room(own, own->scratch_floats));
    spar_want_scratch(operation, own->scratch_floats);
    if (network->ranks->slice_workspace < passes[0].workspace) network->ranks->slice_workspace = passes[0].workspace;
    return SPAR_OK;
}

static void at_least(int64_t *most, int64_t floats) {
    if (*most < floats) *most = floats;
}

static int slot_count(const spar_ranks *ranks) {
    return ranks->slice_count < SPAR_SLOTS ? ranks->slice_count : SPAR_SLOTS;
}

// Room for the largest of all, and for the vector that may be read behind.
static spar_status hold_slots(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    const spar_part *part = &network->part;
    int64_t batch = part->batch_size, d = 0, x = 0, sent = 0, gradient = 0;
    for (const spar_slice *slice = ranks->slices; slice < ranks->slices + ranks->slice_count; slice++) {
        int64_t inputs = 0, weights = 0;
        for (int r = 0; r < part->ranks; r++) {
            inputs += input_floats(slice, part, r);
            weights += weight_floats(slice, part, r);
        }
        at_least(&d, batch * output_floats(slice));
        at_least(&x, batch * input_floats(slice, part, part->rank));
        at_least(&sent, spar_part_samples(part, part->rank, batch) * inputs);
        at_least(&gradient, weights);
    }
    int64_t each = d + x + sent + gradient + 64;
    for (int s = 0; s < slot_count(ranks); s++) {
        spar_slot *slot = &ranks->slots[s];
        slot->d = spar_allocate_for_ranks(ranks, (size_t)each, sizeof(float));
        if (slot->d == NULL) return SPAR_ERROR_MEMORY;
        slot->x = slot->d + spar_round_up16(d + 16);
        slot->sent = slot->x + x + 16;
        slot->gradient = slot->sent + sent;
    }
    return SPAR_OK;
}

spar_status spar_plan_slices(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    int count = 0;
    for (int w = 0; w < network->work_count; w++) count += needs_slices(network, &network->works[w]);
    ranks->slices = spar_allocate_for_ranks(ranks, (size_t)count, sizeof *ranks->slices);
    if (ranks->slices == NULL) return SPAR_ERROR_MEMORY;
    for (int w = 0; w < network->work_count; w++) {
        if (!needs_slices(network, &network->works[w])) continue;
        SPAR_TRY(prepare_slice(network, &ranks->slices[ranks->slice_count++], &network->works[w]));
    }
    return hold_slots(network);
}

void spar_discard_slices(spar_ranks *ranks) {
    for (int s = 0; s < ranks->slice_count; s++) {
        spar_operation *operation = &ranks->slices[s].operation;
        bool prepared = operation->whole != NULL && operation->state != operation->whole->state;
        if (prepared && operation->layer->discard_slice != NULL) operation->layer->discard_slice(operation);
    }
    for (int s = 0; s < SPAR_SLOTS; s++) spar_release(ranks->slots[s].d);
    spar_release(ranks->slices);
}

// Channels first ≤ c < first + count of own pixels, to rows of whole vectors.
typedef struct cutting {
    const spar_tensor *x;
    int64_t first, count;
    float *to;
} cutting;

static void cut(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const cutting *cut = context;
    int64_t stride = spar_round_up16(cut->count);
    float *to = cut->to + first * stride;
    for (int64_t pixel = first; pixel < last; pixel++, to += stride) {
        memcpy(to, cut->x->data + pixel * cut->x->stride + cut->first, (size_t)cut->count * sizeof *to);
        memset(to + cut->count, 0, (size_t)(stride - cut->count) * sizeof *to);
    }
}

static void exchange_gradients(spar_ranks *ranks, spar_slot *slot, const spar_run *run) {
    const spar_slice *slice = slot->slice;
    const spar_part *part = &run->part;
    int64_t sample = output_floats(slice), first = run->batch > 0 ? run->first : 0;
    size_t own = (size_t)(run->batch * sample) * sizeof(float);
    float *sent = slot->d + first * sample;
    spar_copy(run->threads, sent, slice->work->operation->output->gradient, own);
    bool needs = weight_floats(slice, part, part->rank) > 0;
    for (int r = 0; r < part->ranks; r++) {
        int64_t samples = spar_part_samples(part, r, part->batch), start = samples > 0 ? spar_part_start(part, r) : 0;
        ranks->messages[r] = (spar_message){.send = sent,
                                            .send_bytes = weight_floats(slice, part, r) > 0 ? own : 0,
                                            .receive = slot->d + start * sample,
                                            .receive_bytes = needs ? (size_t)(samples * sample) * sizeof(float) : 0};
    }
    slot->exchanges[0] = spar_begin_exchange(ranks);
}

static void exchange_inputs(spar_ranks *ranks, spar_slot *slot, const spar_run *run) {
    const spar_slice *slice = slot->slice;
    const spar_operation *operation = slice->work->operation;
    const spar_part *part = &run->part;
    int64_t own_sample = input_floats(slice, part, part->rank);
    float *sent = slot->sent;
    for (int r = 0; r < part->ranks; r++) {
        int64_t samples = spar_part_samples(part, r, part->batch), start = samples > 0 ? spar_part_start(part, r) : 0;
        int64_t floats = run->batch * input_floats(slice, part, r);
        float *place = r == part->rank ? slot->x + start * own_sample : sent;
        cutting own = {operation->inputs[0], channels_before(operation, part, r), channels_of(operation, part, r),
                       place};
        spar_parallel(run->threads, run->batch * spar_pixels(operation->inputs[0]->extent), cut, &own);
        ranks->messages[r] = (spar_message){.send = place,
                                            .send_bytes = (size_t)floats * sizeof(float),
                                            .receive = slot->x + start * own_sample,
                                            .receive_bytes = (size_t)(samples * own_sample) * sizeof(float)};
        if (r != part->rank) sent += floats;
    }
    slot->exchanges[1] = spar_begin_exchange(ranks);
}

// Between the rows of a rank's slice and the gradient that they are of.
static void move_rows(const spar_slice *slice, int rank, float *rows, bool back) {
    const spar_run *run = &slice->work->run;
    const spar_parameter *weight = slice->work->operation->parameters[0];
    int64_t taps = taps_of(slice), each = weight->spec.rows / taps, stride = weight->spec.stride;
    int64_t first = rows_before(slice, &run->part, rank), count = rows_before(slice, &run->part, rank + 1) - first;
    for (int64_t tap = 0; tap < taps; tap++, rows += count * stride) {
        float *gradient = weight->gradient + (tap * each + first) * stride;
        spar_copy(run->threads, back ? gradient : rows, back ? rows : gradient,
                  (size_t)(count * stride) * sizeof *rows);
    }
}

static float *place_of(const spar_slot *slot, const spar_part *part, int rank) {
    float *place = slot->gradient;
    for (int r = 0; r < rank; r++) place += weight_floats(slot->slice, part, r);
    return place;
}

// The pass of one process on the whole batch.
static void run_slice(spar_network *network, spar_slot *slot) {
    spar_slice *slice = slot->slice;
    spar_pass passes[SPAR_MOST_PASSES];
    spar_run run = slice->work->run;
    spar_sums sums[SPAR_MOST_SUMS];
    run.batch = (int)run.part.batch;
    run.first = 0;
    run.part = (spar_part){run.part.batch, run.part.batch_size, 0, 1, false};
    run.workspace = network->workspace;
    slice->input.data = slot->x;
    slice->output.gradient = slot->d;
    slice->operation.layer->passes(&slice->operation, SPAR_PASS_WEIGHTS, passes);
    passes[0].begin(&slice->operation, &run);
    int count = passes[0].sums == NULL ? 0 : passes[0].sums(&slice->operation, &run, sums);
    for (int i = 0; i < count; i++) spar_combine_own(&run, &sums[i]);
    if (passes[0].end != NULL) passes[0].end(&slice->operation, &run);
}

// Makes the slice of inputs that are there by now, or are waited for, and sends it.
static void make(spar_network *network, spar_slot *slot) {
    spar_ranks *ranks = network->ranks;
    if (slot->slice == NULL || slot->made) return;
    const spar_part *part = &slot->slice->work->run.part;
    float *own = slot->slice->weight.gradient = place_of(slot, part, part->rank);
    spar_end_exchange(ranks, slot->exchanges[0]);
    spar_end_exchange(ranks, slot->exchanges[1]);
    size_t bytes = (size_t)weight_floats(slot->slice, part, part->rank) * sizeof *own;
    const spar_parameter_spec *spec = &slot->slice->weight.spec;
    bool adds = network->run.backward_flags & SPAR_BACKWARD_ACCUMULATE, padded = spec->columns < spec->stride;
    if (adds || padded) move_rows(slot->slice, part->rank, own, false); // zeros behind a row's columns stay
    if (bytes > 0) run_slice(network, slot);
    for (int r = 0; r < part->ranks; r++) {
        ranks->messages[r] = (spar_message){.send = own,
                                            .send_bytes = bytes,
                                            .receive = place_of(slot, part, r),
                                            .receive_bytes = (size_t)weight_floats(slot->slice, part, r) * sizeof *own};
    }
    slot->exchanges[2] = spar_begin_exchange(ranks);
    slot->made = true;
}

static void finish(spar_network *network, spar_slot *slot) {
    if (slot->slice == NULL) return;
    make(network, slot);
    spar_end_exchange(network->ranks, slot->exchanges[2]);
    const spar_part *part = &slot->slice->work->run.part;
    for (int r = 0; r < part->ranks; r++) move_rows(slot->slice, r, place_of(slot, part, r), true);
    slot->slice = NULL;
}

void spar_begin_slice(spar_network *network, spar_slice *slice) {
    spar_ranks *ranks = network->ranks;
    spar_slot *slot = &ranks->slots[ranks->next_slot];
    finish(network, slot);
    *slot = (spar_slot){.slice = slice, .d = slot->d, .x = slot->x, .sent = slot->sent, .gradient = slot->gradient};
    exchange_gradients(ranks, slot, &slice->work->run);
    exchange_inputs(ranks, slot, &slice->work->run);
    ranks->next_slot = (ranks->next_slot + 1) % slot_count(ranks);
    if (&ranks->slots[ranks->next_slot] != slot) make(network, &ranks->slots[ranks->next_slot]);
}

void spar_finish_slices(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    int count = slot_count(ranks);
    for (int s = 0; s < count; s++) make(network, &ranks->slots[(ranks->next_slot + s) % count]);
    for (int s = 0; s < count; s++) finish(network, &ranks->slots[(ranks->next_slot + s) % count]);
}
