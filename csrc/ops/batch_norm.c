// Batch normalization (Ioffe & Szegedy 2015), always the first stage of a sweep.
#include "ops/sweep.h"

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
    specs[RUNNING_VARIANCE].range = SPAR_RANGE_NOT_NEGATIVE;
    return 4;
}

static const spar_field fields[] = {
    SPAR_FIELD(FLOAT, "momentum", settings.batch_norm.momentum),
    SPAR_FIELD(FLOAT, "epsilon", settings.batch_norm.epsilon),
    {0},
};

const spar_layer spar_layer_batch_norm = {.kind = "batch_norm",
                                          .input_count = 1,
                                          .fields = fields,
                                          .sweep = true,
                                          .order = SPAR_KEEPS_ORDER,
                                          .backward_reads_input = true,
                                          .infer = infer,
                                          .parameters = parameters};

spar_status spar_batch_norm_prepare(spar_operation *operation, spar_sweep *sweep) {
    spar_batch_norm_state *state = &sweep->batch_norm;
    size_t stride = (size_t)operation->output->stride;
    size_t column = 2 * SPAR_MAX_CHUNKS * sizeof(double) + (9 + SPAR_MAX_CHUNKS) * sizeof(float);
    state->sums = spar_allocate(stride, column);
    if (state->sums == NULL) return SPAR_ERROR_MEMORY;
    operation->state_bytes += stride * column;
    state->products = state->sums + SPAR_MAX_CHUNKS * stride;
    float *next = (float *)(state->products + SPAR_MAX_CHUNKS * stride);
    float **const arrays[] = {
        &state->mean, &state->inverse_deviation, &state->scale,         &state->a,    &state->b,
        &state->c,    &state->next_mean,         &state->next_variance, &state->zero, &state->shifts};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++, next += stride) *arrays[i] = next;
    return SPAR_OK;
}

void spar_batch_norm_discard(spar_sweep *sweep) {
    spar_release(sweep->batch_norm.sums);
}

static void clear_sums(const spar_batch_norm_state *state, int64_t chunk, int64_t stride) {
    memset(state->sums + chunk * stride, 0, (size_t)stride * sizeof *state->sums);
    memset(state->products + chunk * stride, 0, (size_t)stride * sizeof *state->products);
}

static void sum_moments(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_batch_norm_state *state = &((const spar_sweep *)operation->state)->batch_norm;
    const spar_tensor *in = operation->inputs[0];
    const float *x = in->data + share->first * spar_sample_floats(in);
    float *shift = state->shifts + share->chunk * in->stride;
    if (share->opens) {
        clear_sums(state, share->chunk, in->stride);
        memcpy(shift, x, (size_t)in->stride * sizeof *shift);
    }
    run->kernels->column_moments(x, (share->last - share->first) * spar_pixels(in->extent), in->stride, shift,
                                 state->sums + share->chunk * in->stride, state->products + share->chunk * in->stride);
}

static spar_moments join_chunks(const spar_operation *operation, int64_t batch, int column) {
    const spar_batch_norm_state *state = &((const spar_sweep *)operation->state)->batch_norm;
    int64_t chunks = spar_chunk_count(batch), pixels = spar_pixels(operation->inputs[0]->extent);
    spar_moments moments = {0, 0, 0};
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        int64_t at = chunk * operation->inputs[0]->stride + column;
        double rows = (double)((spar_chunk_start(batch, chunk + 1) - spar_chunk_start(batch, chunk)) * pixels);
        double own = state->sums[at] / rows;
        spar_join_moments(&moments,
                          (spar_moments){rows, state->shifts[at] + own, state->products[at] - own * state->sums[at]});
    }
    return moments;
}

static void take_statistics(spar_operation *operation, const spar_run *run) {
    spar_sweep *sweep = operation->state;
    spar_batch_norm_state *state = &sweep->batch_norm;
    const spar_stage *stage = &sweep->stages[0];
    const spar_batch_norm_params *settings = &stage->node->settings.batch_norm;
    double count = (double)run->batch * (double)spar_pixels(operation->inputs[0]->extent), unbias = count / (count - 1);
    for (int c = 0; c < stage->node->extent.channels; c++) {
        spar_moments moments = join_chunks(operation, run->batch, c);
        double mean = moments.mean, variance = moments.squares < 0 ? 0 : moments.squares / count;
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

const spar_pass spar_batch_norm_moments = {
    .samples = sum_moments, .end = take_statistics, .sums = true, .earlier = true, .closes = true};

void spar_batch_norm_before_forward(spar_operation *operation, const spar_run *run) {
    spar_sweep *sweep = operation->state;
    spar_batch_norm_state *state = &sweep->batch_norm;
    const spar_stage *stage = &sweep->stages[0];
    for (int c = 0; c < stage->node->extent.channels && !(run->flags & SPAR_FORWARD_TRAIN); c++) {
        double variance = stage->parameters[RUNNING_VARIANCE]->value[c];
        state->mean[c] = stage->parameters[RUNNING_MEAN]->value[c];
        state->inverse_deviation[c] = (float)(1 / sqrt(variance + stage->node->settings.batch_norm.epsilon));
    }
    const float *gamma = stage->parameters[GAMMA]->value;
    state->beta = stage->parameters[BETA]->value;
    for (int c = 0; c < stage->node->extent.channels; c++) state->scale[c] = gamma[c] * state->inverse_deviation[c];
}

void spar_batch_norm_commit(spar_operation *operation, bool take) {
    if (!spar_normalizes_batch(operation)) return;
    spar_sweep *sweep = operation->state;
    spar_stage *stage = &sweep->stages[0];
    if (sweep->batch_norm.pending && take) {
        size_t bytes = (size_t)stage->node->extent.channels * sizeof(float);
        memcpy(stage->parameters[RUNNING_MEAN]->value, sweep->batch_norm.next_mean, bytes);
        memcpy(stage->parameters[RUNNING_VARIANCE]->value, sweep->batch_norm.next_variance, bytes);
    }
    sweep->batch_norm.pending = false;
}

bool spar_batch_norm_sums(const spar_run *run) {
    return run->flags & SPAR_FORWARD_TRAIN || run->backward_flags & SPAR_BACKWARD_WEIGHTS;
}

void spar_batch_norm_backward(spar_operation *operation, const spar_run *run, const spar_share *share,
                              const spar_block *block, float *d) {
    const spar_batch_norm_state *state = &((const spar_sweep *)operation->state)->batch_norm;
    int64_t stride = operation->output->stride;
    if (!spar_batch_norm_sums(run)) {
        run->kernels->affine(d, d, block->floats, stride, state->zero, state->scale, state->zero);
        return;
    }
    if (share->opens && block->sample == share->first && block->piece == 0) clear_sums(state, share->chunk, stride);
    run->kernels->column_products(d, operation->inputs[0]->data + block->offset, block->rows, stride, state->mean,
                                  state->sums + share->chunk * stride, state->products + share->chunk * stride);
}

// With batch statistics, dx = γ/σ · (d − mean(d) − x̂ · mean(d·x̂)); with running ones, dx = γ/σ · d.
void spar_batch_norm_after_sums(spar_operation *operation, const spar_run *run) {
    spar_sweep *sweep = operation->state;
    spar_batch_norm_state *state = &sweep->batch_norm;
    const spar_stage *stage = &sweep->stages[0];
    spar_parameter *gamma = stage->parameters[GAMMA], *beta = stage->parameters[BETA];
    double count = (double)run->batch * (double)spar_pixels(operation->output->extent);
    bool batch_statistics = (run->flags & SPAR_FORWARD_TRAIN) != 0;
    bool add = run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    for (int c = 0; c < stage->node->extent.channels; c++) {
        double sum = 0, product = 0, inverse = state->inverse_deviation[c], a = gamma->value[c] * inverse;
        for (int64_t chunk = 0; chunk < spar_chunk_count(run->batch); chunk++) {
            sum += state->sums[chunk * operation->output->stride + c];
            product += state->products[chunk * operation->output->stride + c];
        }
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

static void make_input_gradient(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_batch_norm_state *state = &((const spar_sweep *)operation->state)->batch_norm;
    int64_t sample = spar_sample_floats(operation->output), offset = share->first * sample;
    run->kernels->affine2(operation->output->gradient + offset, operation->inputs[0]->data + offset,
                          operation->inputs[0]->gradient + offset, (share->last - share->first) * sample,
                          operation->output->stride, state->a, state->b, state->c, operation->accumulates[0]);
}

const spar_pass spar_batch_norm_input_gradient = {.samples = make_input_gradient, .earlier = true};
