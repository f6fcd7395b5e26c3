#include "ops/sweep.h"

#include "ops/sums.h"

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

static bool sees_samples(const spar_sweep *sweep, const spar_run *run) {
    for (const spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
        if (functions_of(stage)->sees_samples != NULL && functions_of(stage)->sees_samples(stage, run)) return true;
    }
    return false;
}

static void forward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_sweep *sweep = operation->sweep;
    spar_blocks blocks =
        spar_cut_blocks(operation->output->extent, operation->output->stride, share->first, share->last);
    if (sees_samples(sweep, run)) spar_join_pieces(&blocks);
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

static int list_forward_sums(const spar_operation *operation, const spar_run *run, spar_sums *list) {
    const spar_sweep *sweep = operation->sweep;
    int count = 0;
    for (const spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
        if (functions_of(stage)->list_sums == NULL) continue;
        count += functions_of(stage)->list_sums(operation, run, stage, &list[count]);
    }
    return count;
}

// Does the first stage leave the input's gradient to a pass of its own, and sum for that?
static bool sums(const spar_operation *operation, const spar_run *run) {
    const spar_pass *behind = functions_of(operation->sweep->stages)->pass_behind;
    return behind != NULL && behind->runs(operation, run);
}

static bool emits(const spar_operation *operation, const spar_run *run) {
    return !sums(operation, run);
}

// The output's gradient is read by this sweep alone, so the stages work on it in place.
static void backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_sweep *sweep = operation->sweep;
    bool makes_input_gradient = operation->wanted[0] && emits(operation, run);
    spar_blocks blocks =
        spar_cut_blocks(operation->output->extent, operation->output->stride, share->first, share->last);
    for (int64_t b = 0; b < blocks.count; b++) {
        spar_sweep_block at = {operation, run, share, spar_block_at(&blocks, b)};
        float *d = operation->output->gradient + at.block.offset;
        for (const spar_stage *stage = sweep->stages + sweep->count; stage-- > sweep->stages;) {
            functions_of(stage)->backward(stage, &at, d);
        }
        if (!makes_input_gradient) continue;
        float *dx = operation->inputs[0]->gradient + at.block.offset;
        if (operation->accumulates[0]) {
            run->kernels->add(d, dx, at.block.floats);
        } else if (dx != d) {
            memcpy(dx, d, (size_t)at.block.floats * sizeof *d);
        }
    }
}

static int list_backward_sums(const spar_operation *operation, const spar_run *run, spar_sums *list) {
    const spar_sweep *sweep = operation->sweep;
    int count = 0;
    for (const spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
        if (functions_of(stage)->list_backward_sums == NULL) continue;
        count += functions_of(stage)->list_backward_sums(operation, run, stage, &list[count]);
    }
    return count;
}

static void end_backward(spar_operation *operation, const spar_run *run) {
    const spar_sweep *sweep = operation->sweep;
    for (const spar_stage *stage = sweep->stages; stage < sweep->stages + sweep->count; stage++) {
        if (functions_of(stage)->end_backward != NULL) functions_of(stage)->end_backward(operation, run, stage);
    }
}

static bool measures(const spar_operation *operation, const spar_run *run) {
    (void)operation;
    return run->flags & SPAR_FORWARD_MEASURE;
}

static bool does_not_measure(const spar_operation *operation, const spar_run *run) {
    return !measures(operation, run);
}

static int forward_passes(const spar_operation *operation, spar_pass *passes) {
    const spar_pass *before = functions_of(operation->sweep->stages)->pass_before;
    spar_pass pass = {.runs = does_not_measure,
                      .begin = begin_forward,
                      .samples = forward_samples,
                      .sums = list_forward_sums,
                      .end = end_forward,
                      .reads = SPAR_INPUT_VALUE | (operation->input_count > 1 ? SPAR_SECOND_VALUE : 0),
                      .writes = SPAR_OUTPUT_VALUE,
                      .in_place = true};
    int count = 0;
    if (before != NULL) {
        passes[count++] = *before;
        pass.reads |= SPAR_SUMS;
    }
    passes[count++] = pass;
    pass.runs = measures;
    pass.writes |= SPAR_SUMS;
    passes[count++] = pass;
    return count;
}

static int backward_passes(const spar_operation *operation, spar_pass *passes) {
    const spar_sweep *sweep = operation->sweep;
    const spar_stage_functions *first = functions_of(sweep->stages);
    const spar_stage_functions *last = functions_of(&sweep->stages[sweep->count - 1]);
    spar_pass pass = {.runs = emits,
                      .samples = backward_samples,
                      .sums = list_backward_sums,
                      .end = end_backward,
                      .reads = SPAR_OUTPUT_GRADIENT | (first->backward_reads_input ? SPAR_INPUT_VALUE : 0) |
                               (last->backward_reads_output ? SPAR_OUTPUT_VALUE : 0),
                      .writes = SPAR_OUTPUT_GRADIENT | SPAR_INPUT_GRADIENT |
                                (operation->input_count > 1 ? SPAR_SECOND_GRADIENT : 0),
                      .in_place = true};
    passes[0] = pass;
    if (first->pass_behind == NULL) return 1;
    pass.runs = sums;
    pass.writes ^= SPAR_INPUT_GRADIENT | SPAR_SUMS;
    pass.in_place = false;
    passes[1] = pass;
    passes[2] = *first->pass_behind;
    return 3;
}

static int passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    if (kind == SPAR_PASS_WEIGHTS) return 0;
    return kind == SPAR_PASS_FORWARD ? forward_passes(operation, passes) : backward_passes(operation, passes);
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

void spar_sweep_learn(const spar_sweep *sweep, const spar_run *run, float momentum) {
    for (int s = 0; sweep != NULL && s < sweep->count; s++) {
        const spar_stage *stage = &sweep->stages[s];
        if (functions_of(stage)->learn != NULL) functions_of(stage)->learn(stage, run, momentum);
    }
}

int64_t spar_sweep_move_pending(const spar_sweep *sweep, float *entry, bool back) {
    int64_t floats = 0;
    for (int s = 0; sweep != NULL && s < sweep->count; s++) {
        const spar_stage *stage = &sweep->stages[s];
        if (functions_of(stage)->move_pending == NULL) continue;
        floats += functions_of(stage)->move_pending(stage, entry + floats, back);
    }
    return floats;
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
