#include "ops/sweep.h"

#include "runtime/parallel.h"
#include "runtime/random.h"

#include <math.h>
#include <string.h>

typedef struct sweep_task {
    spar_step *step;
    const spar_run *run;
    spar_blocks blocks;
    const bool *wanted;
} sweep_task;

static void prepare_normalize(spar_sweep *sweep, const spar_stage *stage, int64_t stride) {
    const float *mean = stage->parameters[0]->value, *deviation = stage->parameters[1]->value;
    int channels = stage->node->extent.channels;
    for (int64_t i = 0; i < sweep->period; i++) {
        int64_t channel = i % stride;
        bool real = channel < channels;
        sweep->scale[i] = real ? 1 / deviation[channel] : 0;
        sweep->center[i] = real ? mean[channel] : 0;
    }
}

// The mask is a function of seed, layer and step, so backward draws it again instead of keeping it.
static void drop(const spar_stage *stage, const spar_run *run, const spar_block *block, const float *x, float *y) {
    uint32_t bits[256];
    float rate = stage->node->settings.dropout.rate;
    uint32_t threshold = (uint32_t)ceilf(rate * 0x1p24f);
    spar_random_stream stream = {run->seed, SPAR_PURPOSE_DROPOUT, stage->dropout, run->step};
    for (int64_t i = 0; i < block->floats; i += 256) {
        size_t count = block->floats - i < 256 ? (size_t)(block->floats - i) : 256;
        spar_fill_bits(&stream, (uint64_t)(block->offset + i), count, bits);
        run->kernels->drop(x + i, y + i, (int64_t)count, bits, threshold, 1 / (1 - rate));
    }
}

// Returns whether it wrote y.
static bool stage_forward(sweep_task *task, const spar_stage *stage, const spar_block *block, const float *x,
                          float *y) {
    const spar_run *run = task->run;
    const spar_sweep *sweep = task->step->state;
    const spar_layer *layer = stage->node->layer;
    if (layer == &spar_layer_batch_norm) {
        run->kernels->affine(x, y, block->floats, task->blocks.stride, sweep->batch_norm.mean, sweep->batch_norm.scale,
                             sweep->batch_norm.beta);
        return true;
    }
    if (layer == &spar_layer_normalize) {
        run->kernels->affine(x, y, block->floats, sweep->period, sweep->center, sweep->scale, sweep->zero);
        return true;
    }
    if (layer == &spar_layer_perturb) {
        if (run->flags & SPAR_FORWARD_MEASURE) spar_point_measure(stage->point, run, block, x);
        if (!(run->flags & SPAR_FORWARD_PERTURB) || stage->point->perturbed <= block->sample) return false;
        if (x != y) memcpy(y, x, (size_t)block->floats * sizeof *y);
        spar_point_add(stage->point, run, block, y);
        return true;
    }
    if (layer == &spar_layer_add) {
        if (x != y) memcpy(y, x, (size_t)block->floats * sizeof *y);
        run->kernels->add(task->step->inputs[1]->data + block->offset, y, block->floats);
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

static void forward_chunks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    sweep_task *task = context;
    const spar_sweep *sweep = task->step->state;
    for (int64_t chunk = first; chunk < last; chunk++) {
        int64_t end = spar_chunk_start(&task->blocks, chunk + 1);
        for (int64_t b = spar_chunk_start(&task->blocks, chunk); b < end; b++) {
            spar_block block = spar_block_at(&task->blocks, b, chunk);
            const float *x = task->step->inputs[0]->data + block.offset;
            float *y = task->step->output->data + block.offset;
            for (int s = 0; s < sweep->count; s++) {
                if (stage_forward(task, &sweep->stages[s], &block, x, y)) x = y;
            }
            if (x != y) memcpy(y, x, (size_t)block.floats * sizeof *y);
        }
    }
}

// A sweep in place whose stages all rest does nothing.
static bool rests(const spar_step *step, const spar_run *run) {
    const spar_sweep *sweep = step->state;
    if (step->inputs[0]->data != step->output->data) return false;
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

static void forward(spar_step *step, const spar_run *run) {
    spar_sweep *sweep = step->state;
    sweep_task task = {step, run, spar_cut_blocks(step->output->extent, step->output->stride, run->batch), NULL};
    for (int s = 0; s < sweep->count; s++) {
        spar_stage *stage = &sweep->stages[s];
        if (stage->node->layer == &spar_layer_batch_norm) spar_batch_norm_before_forward(step, run, &task.blocks);
        if (stage->node->layer == &spar_layer_normalize) prepare_normalize(sweep, stage, step->output->stride);
        if (stage->node->layer != &spar_layer_perturb) continue;
        if (run->flags & SPAR_FORWARD_PERTURB) spar_point_arm(stage->point, run);
        if (run->flags & SPAR_FORWARD_MEASURE) spar_point_begin_measure(stage->point);
    }
    if (rests(step, run)) return;
    spar_parallel(run->threads, task.blocks.chunks, forward_chunks, &task);
    for (int s = 0; s < sweep->count && run->flags & SPAR_FORWARD_MEASURE; s++) {
        if (sweep->stages[s].point != NULL) spar_point_end_measure(sweep->stages[s].point, run->batch);
    }
}

static void stage_backward(sweep_task *task, const spar_stage *stage, const spar_block *block, float *d) {
    const spar_run *run = task->run;
    const spar_sweep *sweep = task->step->state;
    const spar_layer *layer = stage->node->layer;
    if (layer == &spar_layer_batch_norm) {
        spar_batch_norm_backward(task->step, run, block, d);
    } else if (layer == &spar_layer_normalize) {
        run->kernels->affine(d, d, block->floats, sweep->period, sweep->zero, sweep->scale, sweep->zero);
    } else if (layer == &spar_layer_perturb) {
        if (run->backward_flags & SPAR_BACKWARD_RECORD && stage->point->active) {
            spar_point_record(stage->point, run, block, d);
        }
    } else if (layer == &spar_layer_add) {
        if (!task->wanted[1]) return;
        float *other = task->step->inputs[1]->gradient + block->offset;
        if (task->step->accumulates[1]) {
            run->kernels->add(d, other, block->floats);
        } else {
            memcpy(other, d, (size_t)block->floats * sizeof *d);
        }
    } else if (layer == &spar_layer_dropout) {
        if (run->flags & SPAR_FORWARD_TRAIN) drop(stage, run, block, d, d);
    } else {
        run->kernels->activate_backward(spar_activation_of(layer), task->step->output->data + block->offset, d,
                                        block->floats);
    }
}

// Does the first stage need sums over whole columns, so that the input's gradient takes another sweep?
static bool sums_columns(const spar_step *step, const spar_run *run) {
    const spar_sweep *sweep = step->state;
    return sweep->stages[0].node->layer == &spar_layer_batch_norm && spar_batch_norm_sums(run);
}

// The output's gradient is read by this sweep alone, so the stages work on it in place.
static void backward_chunks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    sweep_task *task = context;
    spar_step *step = task->step;
    const spar_sweep *sweep = step->state;
    bool emits = task->wanted[0] && !sums_columns(step, task->run);
    for (int64_t chunk = first; chunk < last; chunk++) {
        int64_t end = spar_chunk_start(&task->blocks, chunk + 1);
        for (int64_t b = spar_chunk_start(&task->blocks, chunk); b < end; b++) {
            spar_block block = spar_block_at(&task->blocks, b, chunk);
            float *d = step->output->gradient + block.offset;
            for (int s = sweep->count - 1; s >= 0; s--) stage_backward(task, &sweep->stages[s], &block, d);
            if (!emits) continue;
            float *dx = step->inputs[0]->gradient + block.offset;
            if (step->accumulates[0]) {
                task->run->kernels->add(d, dx, block.floats);
            } else if (dx != d) {
                memcpy(dx, d, (size_t)block.floats * sizeof *d);
            }
        }
    }
}

static void batch_norm_chunks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    sweep_task *task = context;
    spar_step *step = task->step;
    const spar_batch_norm_state *state = &((const spar_sweep *)step->state)->batch_norm;
    int64_t start = spar_chunk_start(&task->blocks, first), end = spar_chunk_start(&task->blocks, last);
    for (int64_t b = start; b < end; b++) {
        spar_block block = spar_block_at(&task->blocks, b, 0);
        task->run->kernels->affine2(step->output->gradient + block.offset, step->inputs[0]->data + block.offset,
                                    step->inputs[0]->gradient + block.offset, block.floats, task->blocks.stride,
                                    state->a, state->b, state->c, step->accumulates[0]);
    }
}

static void backward(spar_step *step, const spar_run *run, const bool wanted[2]) {
    const spar_sweep *sweep = step->state;
    sweep_task task = {step, run, spar_cut_blocks(step->output->extent, step->output->stride, run->batch), wanted};
    bool sums_first = sums_columns(step, run);
    if (sums_first) {
        size_t sums = (size_t)(SPAR_MAX_CHUNKS * task.blocks.stride) * sizeof(double);
        memset(sweep->batch_norm.sums, 0, sums);
        memset(sweep->batch_norm.products, 0, sums);
    }
    spar_parallel(run->threads, task.blocks.chunks, backward_chunks, &task);
    for (int s = 0; s < sweep->count; s++) {
        const spar_stage *stage = &sweep->stages[s];
        if (stage->point != NULL && stage->point->active && run->backward_flags & SPAR_BACKWARD_RECORD) {
            stage->point->recorded = run->batch;
        }
    }
    if (!sums_first) return;
    spar_batch_norm_after_sums(step, run, &task.blocks);
    if (wanted[0]) spar_parallel(run->threads, task.blocks.chunks, batch_norm_chunks, &task);
}

static spar_status prepare(spar_step *step) {
    spar_sweep *sweep = step->state;
    int64_t stride = step->output->stride;
    step->kernel = "sweep";
    for (int s = 0; s < sweep->count; s++) {
        if (sweep->stages[s].node->layer != &spar_layer_normalize) continue;
        sweep->period = stride % 16 == 0 ? stride : stride * 16;
        sweep->scale = spar_allocate(3 * (size_t)sweep->period * sizeof(float));
        if (sweep->scale == NULL) return SPAR_ERROR_MEMORY;
        sweep->center = sweep->scale + sweep->period;
        sweep->zero = sweep->center + sweep->period;
        step->state_bytes += 3 * (size_t)sweep->period * sizeof(float);
    }
    if (sweep->stages[0].node->layer == &spar_layer_batch_norm) return spar_batch_norm_prepare(step, sweep);
    return SPAR_OK;
}

static void discard(spar_step *step) {
    spar_sweep *sweep = step->state;
    if (sweep == NULL) return;
    spar_release(sweep->scale);
    spar_batch_norm_discard(sweep);
    spar_release(sweep);
}

const spar_layer spar_layer_sweep = {
    .kind = "sweep", .prepare = prepare, .forward = forward, .backward = backward, .discard = discard};
