// The layer of a perturbation point.
#include "ops/sums.h"
#include "ops/sweep.h"

#include <string.h>

static void begin(const spar_operation *operation, const spar_run *run, const spar_stage *stage) {
    (void)operation;
    if (run->flags & SPAR_FORWARD_PERTURB) spar_point_arm(stage->point, run);
    if (run->flags & SPAR_FORWARD_MEASURE) spar_point_begin_measure(stage->point);
}

static int list_sums(const spar_operation *operation, const spar_run *run, const spar_stage *stage, spar_sums *list) {
    (void)operation;
    list[0] = (spar_sums){.rows = stage->point->moments,
                          .row_bytes = sizeof(spar_moments),
                          .columns = 1,
                          .combine = spar_join_all_moments};
    return (run->flags & SPAR_FORWARD_MEASURE) != 0;
}

static void end(const spar_run *run, const spar_stage *stage) {
    if (run->flags & SPAR_FORWARD_MEASURE) spar_point_end_measure(stage->point);
    if (run->flags & SPAR_FORWARD_PERTURB) spar_point_settle(stage->point, run);
}

static bool forward(const spar_stage *stage, const spar_sweep_block *at, const float *x, float *y) {
    const spar_run *run = at->run;
    if (run->flags & SPAR_FORWARD_MEASURE) spar_point_measure(stage->point, run, &at->block, at->share->chunk, x);
    if (!(run->flags & SPAR_FORWARD_PERTURB) || stage->point->perturbed <= at->block.sample) return false;
    if (x != y) memcpy(y, x, (size_t)at->block.floats * sizeof *y);
    spar_point_add(stage->point, run, &at->block, at->share->scratch, y);
    return true;
}

static bool sees_samples(const spar_stage *stage, const spar_run *run) {
    return run->flags & SPAR_FORWARD_PERTURB && spar_point_sees_samples(stage->point);
}

static spar_status prepare(spar_operation *operation, spar_stage *stage) {
    spar_want_scratch(operation, 2 * stage->point->tensor->stride);
    return SPAR_OK;
}

static bool records(const spar_stage *stage, const spar_run *run) {
    return run->backward_flags & SPAR_BACKWARD_RECORD && stage->point->active;
}

static void backward(const spar_stage *stage, const spar_sweep_block *at, float *d) {
    if (records(stage, at->run)) spar_point_record(stage->point, at->run, &at->block, d);
}

static void end_backward(const spar_operation *operation, const spar_run *run, const spar_stage *stage) {
    (void)operation;
    if (!records(stage, run)) return;
    stage->point->recorded = run->batch;
    stage->point->records_anew = true;
}

static const spar_stage_functions stage = {.prepare = prepare,
                                           .begin = begin,
                                           .list_sums = list_sums,
                                           .end = end,
                                           .end_backward = end_backward,
                                           .sees_samples = sees_samples,
                                           .forward = forward,
                                           .backward = backward};

const spar_layer spar_layer_perturb = {.kind = "perturb",
                                       .input_count = 1,
                                       .order = SPAR_KEEPS_ORDER,
                                       .image = SPAR_KEEPS_IMAGE,
                                       .onnx_rank = SPAR_ONNX_EITHER,
                                       .point = true,
                                       .infer = spar_infer_same,
                                       .onnx = spar_list_no_operators,
                                       .stage = &stage};
