// Keeps a value and its gradient as they are between the layer that gives it and those that read it: later passes may
// write other numbers in their place.
#include "ops/layer.h"

#include <string.h>

static spar_status prepare(spar_operation *operation) {
    size_t floats = (size_t)operation->batch_size * (size_t)spar_sample_floats(operation->inputs[0]);
    operation->kernel = "keep";
    operation->kept[0] = spar_allocate(2 * floats, sizeof(float));
    if (operation->kept[0] == NULL) return SPAR_ERROR_MEMORY;
    operation->kept[1] = operation->kept[0] + floats;
    operation->state_bytes = 2 * floats * sizeof(float);
    return SPAR_OK;
}

static void discard(spar_operation *operation) {
    spar_release(operation->kept[0]);
}

static void copy(const spar_operation *operation, const spar_share *share, const float *from, float *to) {
    int64_t sample = spar_sample_floats(operation->inputs[0]), first = share->first * sample;
    memcpy(to + first, from + first, (size_t)((share->last - share->first) * sample) * sizeof *to);
}

static void keep_values(spar_operation *operation, const spar_run *run, const spar_share *share) {
    (void)run;
    copy(operation, share, operation->inputs[0]->data, operation->kept[0]);
}

static void keep_gradients(spar_operation *operation, const spar_run *run, const spar_share *share) {
    (void)run;
    copy(operation, share, operation->inputs[0]->gradient, operation->kept[1]);
}

// The value that is kept is input and output at once, so that whoever gives it finds its gradient as it was.
static int passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    (void)operation;
    if (kind == SPAR_PASS_WEIGHTS) return 0;
    bool forward = kind == SPAR_PASS_FORWARD;
    unsigned uses = forward ? SPAR_OUTPUT_VALUE : SPAR_OUTPUT_GRADIENT;
    passes[0] = (spar_pass){.samples = forward ? keep_values : keep_gradients, .reads = uses, .writes = uses};
    return 1;
}

const spar_layer spar_layer_keep = {
    .kind = "keep", .input_count = 1, .prepare = prepare, .discard = discard, .passes = passes};
