// Batch normalization (Ioffe & Szegedy 2015), always the first stage of a sweep.
#include "ops/sweep.h"

#include "runtime/parallel.h"

#include <math.h>
#include <string.h>

static spar_status infer(spar_node *node, const spar_extent *inputs) {
    const spar_batch_norm_params *settings = &node->settings.batch_norm;
    if (!(settings->momentum >= 0 && settings->momentum <= 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: momentum is %g, not between 0 and 1", node->name,
                         settings->momentum);
    }
    if (!(settings->epsilon > 0 && settings->epsilon < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: epsilon is %g, not a positive number", node->name,
                         settings->epsilon);
    }
    node->extent = inputs[0];
    return SPAR_OK;
}

enum { GAMMA, BETA, RUNNING_MEAN, RUNNING_VARIANCE };

static int parameters(const spar_node *node, spar_extent input, spar_extent flattened, spar_parameter_spec *specs) {
    (void)node, (void)flattened;
    specs[GAMMA] = spar_vector_spec(".weight", input.channels, true, 1);
    specs[BETA] = spar_vector_spec(".bias", input.channels, true, 0);
    specs[RUNNING_MEAN] = spar_vector_spec(".running_mean", input.channels, false, 0);
    specs[RUNNING_VARIANCE] = spar_vector_spec(".running_var", input.channels, false, 1);
    return 4;
}

static const spar_field fields[] = {
    SPAR_FIELD(FLOAT, "momentum", settings.batch_norm.momentum),
    SPAR_FIELD(FLOAT, "epsilon", settings.batch_norm.epsilon),
    {0},
};

const spar_layer spar_layer_batch_norm = {.kind = "batch_norm",
                                          .input_count = 1,
                                          .sweep = true,
                                          .backward_reads_input = true,
                                          .fields = fields,
                                          .infer = infer,
                                          .parameters = parameters};

spar_status spar_batch_norm_prepare(spar_step *step, spar_sweep *sweep) {
    spar_batch_norm_state *state = &sweep->batch_norm;
    size_t stride = (size_t)step->output->stride, floats = 10 * stride, doubles = 2 * SPAR_MAX_CHUNKS * stride;
    state->sums = spar_allocate(doubles * sizeof(double) + floats * sizeof(float));
    if (state->sums == NULL) return SPAR_ERROR_MEMORY;
    step->state_bytes += doubles * sizeof(double) + floats * sizeof(float);
    state->products = state->sums + SPAR_MAX_CHUNKS * stride;
    float *next = (float *)(state->products + SPAR_MAX_CHUNKS * stride);
    float **const arrays[] = {
        &state->shift, &state->mean, &state->inverse_deviation, &state->scale,         &state->a,
        &state->b,     &state->c,    &state->next_mean,         &state->next_variance, &state->zero};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++, next += stride) *arrays[i] = next;
    return SPAR_OK;
}

void spar_batch_norm_discard(spar_sweep *sweep) {
    spar_release(sweep->batch_norm.sums);
}

typedef struct moments_task {
    const spar_step *step;
    const spar_run *run;
    const spar_blocks *blocks;
} moments_task;

static void moments_chunks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    moments_task *task = context;
    const spar_batch_norm_state *state = &((const spar_sweep *)task->step->state)->batch_norm;
    int64_t stride = task->blocks->stride;
    for (int64_t chunk = first; chunk < last; chunk++) {
        double *sums = state->sums + chunk * stride, *products = state->products + chunk * stride;
        memset(sums, 0, (size_t)stride * sizeof *sums);
        memset(products, 0, (size_t)stride * sizeof *products);
        int64_t end = spar_chunk_start(task->blocks, chunk + 1);
        for (int64_t b = spar_chunk_start(task->blocks, chunk); b < end; b++) {
            spar_block block = spar_block_at(task->blocks, b, chunk);
            task->run->kernels->column_moments(task->step->inputs[0]->data + block.offset, block.rows, stride,
                                               state->shift, sums, products);
        }
    }
}

static void add_up(const spar_batch_norm_state *state, const spar_blocks *blocks, int64_t column, double *sum,
                   double *product) {
    *sum = *product = 0;
    for (int64_t chunk = 0; chunk < blocks->chunks; chunk++) {
        *sum += state->sums[chunk * blocks->stride + column];
        *product += state->products[chunk * blocks->stride + column];
    }
}

static void use_batch_statistics(spar_step *step, const spar_run *run, const spar_blocks *blocks) {
    spar_sweep *sweep = step->state;
    spar_batch_norm_state *state = &sweep->batch_norm;
    const spar_stage *stage = &sweep->stages[0];
    const spar_batch_norm_params *settings = &stage->node->settings.batch_norm;
    memcpy(state->shift, step->inputs[0]->data, (size_t)blocks->stride * sizeof(float));
    moments_task task = {step, run, blocks};
    spar_parallel(run->threads, blocks->chunks, moments_chunks, &task);
    double count = (double)blocks->batch * (double)blocks->sample_rows;
    double unbias = count > 1 ? count / (count - 1) : 1;
    for (int c = 0; c < stage->node->extent.channels; c++) {
        double sum, square;
        add_up(state, blocks, c, &sum, &square);
        double variance = square / count - sum / count * (sum / count);
        if (variance < 0) variance = 0;
        double mean = state->shift[c] + sum / count;
        state->mean[c] = (float)mean;
        state->inverse_deviation[c] = (float)(1 / sqrt(variance + settings->epsilon));
        if (!(run->flags & SPAR_FORWARD_UPDATE_STATISTICS)) continue;
        float momentum = settings->momentum;
        state->pending = true;
        state->next_mean[c] = (1 - momentum) * stage->parameters[RUNNING_MEAN]->value[c] + momentum * (float)mean;
        state->next_variance[c] =
            (1 - momentum) * stage->parameters[RUNNING_VARIANCE]->value[c] + momentum * (float)(variance * unbias);
    }
}

void spar_batch_norm_before_forward(spar_step *step, const spar_run *run, const spar_blocks *blocks) {
    spar_sweep *sweep = step->state;
    spar_batch_norm_state *state = &sweep->batch_norm;
    const spar_stage *stage = &sweep->stages[0];
    if (run->flags & SPAR_FORWARD_TRAIN) {
        use_batch_statistics(step, run, blocks);
    } else {
        for (int c = 0; c < stage->node->extent.channels; c++) {
            double variance = stage->parameters[RUNNING_VARIANCE]->value[c];
            state->mean[c] = stage->parameters[RUNNING_MEAN]->value[c];
            state->inverse_deviation[c] = (float)(1 / sqrt(variance + stage->node->settings.batch_norm.epsilon));
        }
    }
    const float *gamma = stage->parameters[GAMMA]->value;
    state->beta = stage->parameters[BETA]->value;
    for (int c = 0; c < stage->node->extent.channels; c++) state->scale[c] = gamma[c] * state->inverse_deviation[c];
}

void spar_batch_norm_commit(spar_step *step) {
    if (step->layer != &spar_layer_sweep) return;
    spar_sweep *sweep = step->state;
    spar_stage *stage = &sweep->stages[0];
    if (stage->node->layer != &spar_layer_batch_norm || !sweep->batch_norm.pending) return;
    size_t bytes = (size_t)stage->node->extent.channels * sizeof(float);
    memcpy(stage->parameters[RUNNING_MEAN]->value, sweep->batch_norm.next_mean, bytes);
    memcpy(stage->parameters[RUNNING_VARIANCE]->value, sweep->batch_norm.next_variance, bytes);
    sweep->batch_norm.pending = false;
}

bool spar_batch_norm_sums(const spar_run *run) {
    return run->flags & SPAR_FORWARD_TRAIN || run->backward_flags & SPAR_BACKWARD_WEIGHTS;
}

void spar_batch_norm_backward(spar_step *step, const spar_run *run, const spar_block *block, float *d) {
    const spar_batch_norm_state *state = &((const spar_sweep *)step->state)->batch_norm;
    int64_t stride = step->output->stride;
    if (!spar_batch_norm_sums(run)) {
        run->kernels->affine(d, d, block->floats, stride, state->zero, state->scale, state->zero);
        return;
    }
    run->kernels->column_products(d, step->inputs[0]->data + block->offset, block->rows, stride, state->mean,
                                  state->sums + block->chunk * stride, state->products + block->chunk * stride);
}

// With batch statistics, dx = γ/σ · (d − mean(d) − x̂ · mean(d·x̂)); with running ones, dx = γ/σ · d.
void spar_batch_norm_after_sums(spar_step *step, const spar_run *run, const spar_blocks *blocks) {
    spar_sweep *sweep = step->state;
    spar_batch_norm_state *state = &sweep->batch_norm;
    const spar_stage *stage = &sweep->stages[0];
    spar_parameter *gamma = stage->parameters[GAMMA], *beta = stage->parameters[BETA];
    double count = (double)blocks->batch * (double)blocks->sample_rows;
    bool batch_statistics = (run->flags & SPAR_FORWARD_TRAIN) != 0;
    bool add = run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    for (int c = 0; c < stage->node->extent.channels; c++) {
        double sum, product, inverse = state->inverse_deviation[c], a = gamma->value[c] * inverse;
        add_up(state, blocks, c, &sum, &product);
        if (run->backward_flags & SPAR_BACKWARD_WEIGHTS) {
            gamma->gradient[c] = (float)(product * inverse) + (add ? gamma->gradient[c] : 0);
            beta->gradient[c] = (float)sum + (add ? beta->gradient[c] : 0);
        }
        double b = batch_statistics ? -a * inverse * inverse * product / count : 0;
        state->a[c] = (float)a;
        state->b[c] = (float)b;
        state->c[c] = batch_statistics ? (float)(-a * sum / count - b * state->mean[c]) : 0;
    }
}
