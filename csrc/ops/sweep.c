#include "ops/sweep.h"

#include <string.h>

static const spar_stage_functions *functions_of(const spar_stage *stage) {
    return stage->node->layer->stage;
}

static void begin_forward(spar_operation *operation, const spar_run *run) {
    const spar_sweep *sweep = operation->sweep;
    for (const spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
        if (functions_of(stage)->begin != NULL) functions_of(stage)->begin(operation, run, stage);
    }
}

static void forward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_sweep *sweep = operation->sweep;
    spar_blocks blocks =
        spar_cut_blocks(operation->output->extent, operation->output->stride, share->first, share->last);
    for (int64_t b = 0; b < blocks.count; b++) {
        spar_sweep_block at = {operation, run, share, spar_block_at(&blocks, b)};
        const float *x = operation->inputs[0]->data + at.block.offset;
        float *y = operation->output->data + at.block.offset;
        for (const spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
            if (functions_of(stage)->forward(stage, &at, x, y)) x = y;
        }
        if (x != y) memcpy(y, x, (size_t)at.block.floats * sizeof *y);
    }
}

static void end_forward(spar_operation *operation, const spar_run *run) {
    const spar_sweep *sweep = operation->sweep;
    for (const spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
        if (functions_of(stage)->end != NULL) functions_of(stage)->end(run, stage);
    }
}

bool spar_normalizes_batch(const spar_operation *operation) {
    return operation->sweep != NULL && functions_of(operation->sweep->stages)->pass_before != NULL;
}

static const spar_pass *pass_before(const spar_operation *operation, const spar_run *run) {
    const spar_stage_functions *first = functions_of(operation->sweep->stages);
    return first->pass_before == NULL ? NULL : first->pass_before(run);
}

static const spar_pass *pass_behind(const spar_operation *operation, const spar_run *run) {
    const spar_stage_functions *first = functions_of(operation->sweep->stages);
    return first->pass_behind == NULL ? NULL : first->pass_behind(run);
}

// The output's gradient is read by this sweep alone, so the stages work on it in place.
static void backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_sweep *sweep = operation->sweep;
    bool emits = operation->wanted[0] && pass_behind(operation, run) == NULL;
    spar_blocks blocks =
        spar_cut_blocks(operation->output->extent, operation->output->stride, share->first, share->last);
    for (int64_t b = 0; b < blocks.count; b++) {
        spar_sweep_block at = {operation, run, share, spar_block_at(&blocks, b)};
        float *d = operation->output->gradient + at.block.offset;
        for (const spar_stage *stage = sweep->stages + sweep->count; stage-- > sweep->stages;) {
            functions_of(stage)->backward(stage, &at, d);
        }
        if (!emits) continue;
        float *dx = operation->inputs[0]->gradient + at.block.offset;
        if (operation->accumulates[0]) {
            run->kernels->add(d, dx, at.block.floats);
        } else if (dx != d) {
            memcpy(dx, d, (size_t)at.block.floats * sizeof *d);
        }
    }
}

static void end_backward(spar_operation *operation, const spar_run *run) {
    const spar_sweep *sweep = operation->sweep;
    for (const spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
        if (functions_of(stage)->end_backward != NULL) functions_of(stage)->end_backward(operation, run, stage);
    }
}

static int passes(const spar_operation *operation, const spar_run *run, spar_pass_kind kind, spar_pass *passes) {
    int count = 0;
    if (kind == SPAR_PASS_FORWARD) {
        const spar_pass *before = pass_before(operation, run);
        if (before != NULL) passes[count++] = *before;
        passes[count++] = (spar_pass){.begin = begin_forward,
                                      .samples = forward_samples,
                                      .end = end_forward,
                                      .sums = (run->flags & SPAR_FORWARD_MEASURE) != 0};
    }
    if (kind == SPAR_PASS_DATA) {
        const spar_pass *behind = pass_behind(operation, run);
        bool sums = behind != NULL;
        passes[count++] = (spar_pass){.samples = backward_samples, .end = end_backward, .sums = sums, .closes = sums};
        if (sums && operation->wanted[0]) passes[count++] = *behind;
    }
    return count;
}

static spar_status prepare(spar_operation *operation) {
    spar_sweep *sweep = operation->sweep;
    operation->kernel = "sweep";
    for (spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
        if (functions_of(stage)->prepare != NULL) SPAR_TRY(functions_of(stage)->prepare(operation, stage));
    }
    return SPAR_OK;
}

static void discard(spar_operation *operation) {
    spar_sweep *sweep = operation->sweep;
    for (int s = 0; sweep != NULL && s < sweep->count; s++) {
        spar_stage *stage = &sweep->stages[s];
        if (functions_of(stage)->discard != NULL) functions_of(stage)->discard(stage);
    }
    spar_release(sweep);
}

void spar_sweep_commit(const spar_sweep *sweep, bool take) {
    for (int s = 0; sweep != NULL && s < sweep->count; s++) {
        const spar_stage *stage = &sweep->stages[s];
        if (functions_of(stage)->commit != NULL) functions_of(stage)->commit(stage, take);
    }
}

spar_status spar_infer_same(spar_node *node, const spar_extent *inputs) {
    node->extent = inputs[0];
    return SPAR_OK;
}

const spar_layer spar_layer_sweep = {
    .kind = "sweep", .prepare = prepare, .discard = discard, .chains = spar_chains_always, .passes = passes};
