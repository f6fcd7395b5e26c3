#include "ops/sweep.h"

#include "runtime/random.h"

#include <math.h>
#include <string.h>

static void fill_normalize(const spar_stage *stage, int64_t stride) {
    const spar_normalize_state *state = &stage->normalize;
    const float *mean = stage->parameters[0]->value, *deviation = stage->parameters[1]->value;
    int channels = stage->node->extent.channels;
    for (int64_t i = 0; i < state->period; i++) {
        int64_t channel = i % stride;
        bool real = channel < channels;
        state->scale[i] = real ? 1 / deviation[channel] : 0;
        state->center[i] = real ? mean[channel] : 0;
    }
}

// The mask is a function of seed, layer and step, so backward draws it again instead of keeping it.
static void drop(const spar_stage *stage, const spar_run *run, const spar_block *block, const float *x, float *y) {
    uint32_t bits[256];
    float rate = stage->node->settings.dropout.rate;
    uint32_t threshold = (uint32_t)ceilf(rate * 0x1p24f);
    spar_random_stream stream = {run->seed, SPAR_PURPOSE_DROPOUT, stage->stream, run->step};
    for (int64_t i = 0; i < block->floats; i += 256) {
        size_t count = block->floats - i < 256 ? (size_t)(block->floats - i) : 256;
        spar_fill_bits(&stream, (uint64_t)(block->offset + i), count, bits);
        run->kernels->drop(x + i, y + i, (int64_t)count, bits, threshold, 1 / (1 - rate));
    }
}

// Returns whether it wrote y.
static bool stage_forward(spar_operation *operation, const spar_run *run, const spar_stage *stage,
                          const spar_block *block, int64_t chunk, const float *x, float *y) {
    const spar_sweep *sweep = operation->state;
    const spar_layer *layer = stage->node->layer;
    if (layer == &spar_layer_batch_norm) {
        run->kernels->affine(x, y, block->floats, operation->output->stride, sweep->batch_norm.mean,
                             sweep->batch_norm.scale, sweep->batch_norm.beta);
        return true;
    }
    if (layer == &spar_layer_normalize) {
        const spar_normalize_state *state = &stage->normalize;
        run->kernels->affine(x, y, block->floats, state->period, state->center, state->scale, state->zero);
        return true;
    }
    if (layer == &spar_layer_perturb) {
        if (run->flags & SPAR_FORWARD_MEASURE) spar_point_measure(stage->point, run, block, chunk, x);
        if (!(run->flags & SPAR_FORWARD_PERTURB) || stage->point->perturbed <= block->sample) return false;
        if (x != y) memcpy(y, x, (size_t)block->floats * sizeof *y);
        spar_point_add(stage->point, run, block, y);
        return true;
    }
    if (layer == &spar_layer_add) {
        if (x != y) memcpy(y, x, (size_t)block->floats * sizeof *y);
        run->kernels->add(operation->inputs[1]->data + block->offset, y, block->floats);
        return true;
    }
    if (layer == &spar_layer_dropout) {
        if (!(run->flags & SPAR_FORWARD_TRAIN)) return false;
        drop(stage, run, block, x, y);
        return true;
    }
    run->kernels->activate(spar_activation_of(layer), x, y, block->floats);
    return true;
}

// A sweep in place whose stages all rest does nothing.
static bool rests(const spar_operation *operation, const spar_run *run) {
    const spar_sweep *sweep = operation->state;
    if (operation->inputs[0]->data != operation->output->data) return false;
    for (int s = 0; s < sweep->count; s++) {
        const spar_stage *stage = &sweep->stages[s];
        bool point = stage->node->layer == &spar_layer_perturb;
        bool perturbs = run->flags & SPAR_FORWARD_PERTURB && point && stage->point->perturbed > 0;
        bool drops = stage->node->layer == &spar_layer_dropout && run->flags & SPAR_FORWARD_TRAIN;
        if (perturbs || drops || run->flags & SPAR_FORWARD_MEASURE) return false;
        if (!point && stage->node->layer != &spar_layer_dropout) return false;
    }
    return true;
}

static void begin_forward(spar_operation *operation, const spar_run *run) {
    spar_sweep *sweep = operation->state;
    for (int s = 0; s < sweep->count; s++) {
        spar_stage *stage = &sweep->stages[s];
        if (stage->node->layer == &spar_layer_batch_norm) spar_batch_norm_before_forward(operation, run);
        if (stage->node->layer == &spar_layer_normalize) fill_normalize(stage, operation->output->stride);
        if (stage->node->layer != &spar_layer_perturb) continue;
        if (run->flags & SPAR_FORWARD_PERTURB) spar_point_arm(stage->point, run);
        if (run->flags & SPAR_FORWARD_MEASURE) spar_point_begin_measure(stage->point);
    }
}

static void forward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    if (rests(operation, run)) return;
    const spar_sweep *sweep = operation->state;
    spar_blocks blocks =
        spar_cut_blocks(operation->output->extent, operation->output->stride, share->first, share->last);
    for (int64_t b = 0; b < blocks.count; b++) {
        spar_block block = spar_block_at(&blocks, b);
        const float *x = operation->inputs[0]->data + block.offset;
        float *y = operation->output->data + block.offset;
        for (int s = 0; s < sweep->count; s++) {
            if (stage_forward(operation, run, &sweep->stages[s], &block, share->chunk, x, y)) x = y;
        }
        if (x != y) memcpy(y, x, (size_t)block.floats * sizeof *y);
    }
}

static void end_forward(spar_operation *operation, const spar_run *run) {
    const spar_sweep *sweep = operation->state;
    for (int s = 0; s < sweep->count && run->flags & SPAR_FORWARD_MEASURE; s++) {
        if (sweep->stages[s].point != NULL) spar_point_end_measure(sweep->stages[s].point);
    }
}

static void stage_backward(spar_operation *operation, const spar_run *run, const spar_share *share,
                           const spar_stage *stage, const spar_block *block, float *d) {
    const spar_layer *layer = stage->node->layer;
    if (layer == &spar_layer_batch_norm) {
        spar_batch_norm_backward(operation, run, share, block, d);
    } else if (layer == &spar_layer_normalize) {
        const spar_normalize_state *state = &stage->normalize;
        run->kernels->affine(d, d, block->floats, state->period, state->zero, state->scale, state->zero);
    } else if (layer == &spar_layer_perturb) {
        if (run->backward_flags & SPAR_BACKWARD_RECORD && stage->point->active) {
            spar_point_record(stage->point, run, block, d);
        }
    } else if (layer == &spar_layer_add) {
        if (!operation->wanted[1]) return;
        float *other = operation->inputs[1]->gradient + block->offset;
        if (operation->accumulates[1]) {
            run->kernels->add(d, other, block->floats);
        } else {
            memcpy(other, d, (size_t)block->floats * sizeof *d);
        }
    } else if (layer == &spar_layer_dropout) {
        if (run->flags & SPAR_FORWARD_TRAIN) drop(stage, run, block, d, d);
    } else {
        run->kernels->activate_backward(spar_activation_of(layer), operation->output->data + block->offset, d,
                                        block->floats);
    }
}

bool spar_normalizes_batch(const spar_operation *operation) {
    return operation->layer == &spar_layer_sweep &&
           ((const spar_sweep *)operation->state)->stages[0].node->layer == &spar_layer_batch_norm;
}

// Does the first stage need sums over whole columns, so that the input's gradient takes another sweep?
static bool sums_columns(const spar_operation *operation, const spar_run *run) {
    return spar_normalizes_batch(operation) && spar_batch_norm_sums(run);
}

// The output's gradient is read by this sweep alone, so the stages work on it in place.
static void backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_sweep *sweep = operation->state;
    bool emits = operation->wanted[0] && !sums_columns(operation, run);
    spar_blocks blocks =
        spar_cut_blocks(operation->output->extent, operation->output->stride, share->first, share->last);
    for (int64_t b = 0; b < blocks.count; b++) {
        spar_block block = spar_block_at(&blocks, b);
        float *d = operation->output->gradient + block.offset;
        for (int s = sweep->count - 1; s >= 0; s--) stage_backward(operation, run, share, &sweep->stages[s], &block, d);
        if (!emits) continue;
        float *dx = operation->inputs[0]->gradient + block.offset;
        if (operation->accumulates[0]) {
            run->kernels->add(d, dx, block.floats);
        } else if (dx != d) {
            memcpy(dx, d, (size_t)block.floats * sizeof *d);
        }
    }
}

static void end_backward(spar_operation *operation, const spar_run *run) {
    const spar_sweep *sweep = operation->state;
    for (int s = 0; s < sweep->count && run->backward_flags & SPAR_BACKWARD_RECORD; s++) {
        const spar_stage *stage = &sweep->stages[s];
        if (stage->point != NULL && stage->point->active) stage->point->recorded = run->batch;
    }
    if (sums_columns(operation, run)) spar_batch_norm_after_sums(operation, run);
}

static int passes(const spar_operation *operation, const spar_run *run, spar_pass_kind kind, spar_pass *passes) {
    int count = 0;
    if (kind == SPAR_PASS_FORWARD) {
        bool own_statistics = spar_normalizes_batch(operation) && run->flags & SPAR_FORWARD_TRAIN;
        if (own_statistics) passes[count++] = spar_batch_norm_moments;
        passes[count++] = (spar_pass){.begin = begin_forward,
                                      .samples = forward_samples,
                                      .end = end_forward,
                                      .sums = (run->flags & SPAR_FORWARD_MEASURE) != 0};
    }
    if (kind == SPAR_PASS_DATA) {
        bool sums = sums_columns(operation, run);
        passes[count++] = (spar_pass){.samples = backward_samples, .end = end_backward, .sums = sums, .closes = sums};
        if (sums && operation->wanted[0]) passes[count++] = spar_batch_norm_input_gradient;
    }
    return count;
}

static spar_status prepare_normalize(spar_operation *operation, spar_normalize_state *state) {
    int64_t stride = operation->output->stride;
    state->period = stride % 16 == 0 ? stride : stride * 16;
    state->scale = spar_allocate(3 * (size_t)state->period, sizeof(float));
    if (state->scale == NULL) return SPAR_ERROR_MEMORY;
    state->center = state->scale + state->period;
    state->zero = state->center + state->period;
    operation->state_bytes += 3 * (size_t)state->period * sizeof(float);
    return SPAR_OK;
}

static spar_status prepare(spar_operation *operation) {
    spar_sweep *sweep = operation->state;
    operation->kernel = "sweep";
    for (int s = 0; s < sweep->count; s++) {
        spar_stage *stage = &sweep->stages[s];
        if (stage->node->layer == &spar_layer_normalize) SPAR_TRY(prepare_normalize(operation, &stage->normalize));
    }
    return spar_normalizes_batch(operation) ? spar_batch_norm_prepare(operation, sweep) : SPAR_OK;
}

static void discard(spar_operation *operation) {
    spar_sweep *sweep = operation->state;
    if (sweep == NULL) return;
    for (int s = 0; s < sweep->count; s++) spar_release(sweep->stages[s].normalize.scale);
    spar_batch_norm_discard(sweep);
    spar_release(sweep);
}

const spar_layer spar_layer_sweep = {
    .kind = "sweep", .prepare = prepare, .discard = discard, .chains = spar_chains_always, .passes = passes};
