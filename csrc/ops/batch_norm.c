// Batch normalization (Ioffe & Szegedy 2015), always the first stage of a sweep.
#include "ops/onnx.h"
#include "ops/sums.h"
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

// One value a channel has no variance: its batch norm gives the shift alone, whatever the image.
static spar_status check_batch(const spar_node *node, int32_t count) {
    if (count * spar_pixels(node->extent) > 1) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT,
                     "%s: a batch of 1 image has one value a channel, which has no variance; a training pass needs 2 "
                     "images or more",
                     node->name);
}

enum { GAMMA, BETA, RUNNING_MEAN, RUNNING_VARIANCE };

static int parameters(const spar_node *node, spar_extent input, spar_extent flattened, spar_parameter_spec *specs) {
    (void)node, (void)flattened;
    specs[GAMMA] = spar_vector_spec(".weight", input.channels, true, 1);
    specs[BETA] = spar_vector_spec(".bias", input.channels, true, 0);
    specs[GAMMA].normalizes = specs[BETA].normalizes = true;
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

// Numbers of columns.
typedef struct batch_norm_state {
    float *mean, *inverse_deviation; // normalization in force
    float *scale;                    // forward: y = (x − mean)·scale + β
    float *a, *b, *c;                // backward: dx = a·d + b·x + c
    float *zero;
    float *variance;                        // of the batch, unbiased
    float *next_mean[2], *next_variance[2]; // running statistics of both sets, to be committed
    float *shifts;                          // [chunks][stride], near the mean, for sums that do not cancel
    double *sums;                           // [chunks][2][stride]: sums and products, or means and squares
    bool pending[2];
} batch_norm_state;

static spar_status prepare(spar_operation *operation, spar_stage *stage) {
    batch_norm_state *made = stage->state = spar_allocate(1, sizeof *made);
    if (made == NULL) return SPAR_ERROR_MEMORY;
    size_t stride = (size_t)operation->output->stride;
    size_t column = 2 * SPAR_MAX_CHUNKS * sizeof(double) + (12 + SPAR_MAX_CHUNKS) * sizeof(float);
    made->sums = spar_allocate(stride, column);
    if (made->sums == NULL) return SPAR_ERROR_MEMORY;
    operation->state_bytes += stride * column;
    float *next = (float *)(made->sums + 2 * SPAR_MAX_CHUNKS * stride);
    float **const arrays[] = {&made->mean,
                              &made->inverse_deviation,
                              &made->scale,
                              &made->a,
                              &made->b,
                              &made->c,
                              &made->next_mean[0],
                              &made->next_variance[0],
                              &made->next_mean[1],
                              &made->next_variance[1],
                              &made->zero,
                              &made->variance,
                              &made->shifts};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++, next += stride) *arrays[i] = next;
    return SPAR_OK;
}

static void discard(spar_stage *stage) {
    batch_norm_state *made = stage->state;
    if (made != NULL) spar_release(made->sums);
    spar_release(made);
}

// Of an operation's passes: batch norm is the first stage.
static const spar_stage *stage_of(const spar_operation *operation) {
    return &operation->sweep->stages[0];
}

// Of the set that the pass takes.
static const float *value_of(const spar_stage *stage, const spar_run *run, int parameter) {
    return spar_parameter_of(stage->parameters[parameter], run->flags)->value;
}

static double *sums_of(const batch_norm_state *state, int64_t chunk, int64_t stride) {
    return state->sums + 2 * chunk * stride;
}

static void clear(double *sums, int64_t stride) {
    memset(sums, 0, 2 * (size_t)stride * sizeof *sums);
}

static spar_sums list_of(const batch_norm_state *state, const spar_run *run, int64_t stride) {
    return (spar_sums){.rows = state->sums,
                       .row_bytes = 2 * stride * (int64_t)sizeof *state->sums,
                       .of_rank = run->part.own_statistics};
}

// The values of a channel that batch statistics are of. A rank without images has none, and what it makes of two goes
// nowhere.
static double count_of(const spar_run *run, const spar_tensor *x) {
    int64_t samples = run->part.own_statistics ? run->batch : run->part.batch;
    double values = (double)samples * (double)spar_pixels(x->extent);
    return values > 1 ? values : 2;
}

static void sum_moments(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const batch_norm_state *state = stage_of(operation)->state;
    const spar_tensor *in = operation->inputs[0];
    const float *x = in->data + share->first * spar_sample_floats(in);
    float *shift = state->shifts + share->chunk * in->stride;
    double *sums = sums_of(state, share->chunk, in->stride), *products = sums + in->stride;
    if (share->opens) {
        clear(sums, in->stride);
        memcpy(shift, x, (size_t)in->stride * sizeof *shift);
    }
    run->kernels->column_moments(x, (share->last - share->first) * spar_pixels(in->extent), in->stride, shift, sums,
                                 products);
    if (!share->closes) return;
    int64_t samples = run->first + share->last - spar_chunk_start(run->part.batch, share->chunk);
    double rows = (double)(samples * spar_pixels(in->extent));
    for (int64_t c = 0; c < in->stride; c++) {
        double own = sums[c] / rows;
        products[c] -= own * sums[c];
        sums[c] = shift[c] + own;
    }
}

static void join_columns(const spar_run *run, const spar_sums *sums, const spar_halves *halves) {
    (void)run;
    double *left = halves->left, left_count = (double)(halves->left_samples * sums->pixels);
    const double *right = halves->right;
    double right_count = (double)(halves->right_samples * sums->pixels);
    for (int64_t c = halves->first, s = sums->columns + c; c < halves->last; c++, s++) {
        spar_moments moments = {left_count, left[c], left[s]};
        spar_join_moments(&moments, (spar_moments){right_count, right[c], right[s]});
        left[c] = moments.mean;
        left[s] = moments.squares;
    }
}

static int list_moments(const spar_operation *operation, const spar_run *run, spar_sums *list) {
    int64_t stride = operation->inputs[0]->stride;
    list[0] = list_of(stage_of(operation)->state, run, stride);
    list[0].columns = stride;
    list[0].combine = join_columns;
    list[0].pixels = spar_pixels(operation->inputs[0]->extent);
    return 1;
}

static void learn(const spar_stage *stage, const spar_run *run, float momentum) {
    batch_norm_state *state = stage->state;
    int set = (run->flags & SPAR_FORWARD_AUXILIARY) != 0;
    float *next_mean = state->next_mean[set], *next_variance = state->next_variance[set];
    // From those of a pass before in this step, where one was of the same set.
    const float *mean = state->pending[set] ? next_mean : value_of(stage, run, RUNNING_MEAN);
    const float *variance = state->pending[set] ? next_variance : value_of(stage, run, RUNNING_VARIANCE);
    if (momentum < 0) momentum = stage->node->settings.batch_norm.momentum;
    for (int c = 0; c < stage->node->extent.channels; c++) {
        next_mean[c] = (1 - momentum) * mean[c] + momentum * state->mean[c];
        next_variance[c] = (1 - momentum) * variance[c] + momentum * state->variance[c];
    }
    state->pending[set] = true;
}

static void take_statistics(spar_operation *operation, const spar_run *run) {
    const spar_stage *stage = stage_of(operation);
    batch_norm_state *state = stage->state;
    const spar_batch_norm_params *settings = &stage->node->settings.batch_norm;
    double count = count_of(run, operation->inputs[0]), unbias = count / (count - 1);
    const double *means = state->sums, *squares = means + operation->inputs[0]->stride;
    for (int c = 0; c < stage->node->extent.channels; c++) {
        double mean = means[c], variance = squares[c] < 0 ? 0 : squares[c] / count;
        state->mean[c] = (float)mean;
        state->variance[c] = (float)(variance * unbias);
        state->inverse_deviation[c] = (float)(1 / sqrt(variance + settings->epsilon));
    }
    if (run->flags & SPAR_FORWARD_UPDATE_STATISTICS) learn(stage, run, -1);
}

static bool uses_batch(const spar_operation *operation, const spar_run *run) {
    (void)operation;
    return run->flags & SPAR_FORWARD_TRAIN;
}

static const spar_pass moments = {.runs = uses_batch,
                                  .samples = sum_moments,
                                  .sums = list_moments,
                                  .end = take_statistics,
                                  .reads = SPAR_INPUT_VALUE,
                                  .writes = SPAR_SUMS};

static void begin(const spar_operation *operation, const spar_run *run, const spar_stage *stage) {
    (void)operation;
    batch_norm_state *state = stage->state;
    for (int c = 0; c < stage->node->extent.channels && !(run->flags & SPAR_FORWARD_TRAIN); c++) {
        double variance = value_of(stage, run, RUNNING_VARIANCE)[c];
        state->mean[c] = value_of(stage, run, RUNNING_MEAN)[c];
        state->inverse_deviation[c] = (float)(1 / sqrt(variance + stage->node->settings.batch_norm.epsilon));
    }
    const float *gamma = value_of(stage, run, GAMMA);
    for (int c = 0; c < stage->node->extent.channels; c++) state->scale[c] = gamma[c] * state->inverse_deviation[c];
}

static bool forward(const spar_stage *stage, const spar_sweep_block *at, const float *x, float *y) {
    const batch_norm_state *state = stage->state;
    at->run->kernels->affine(x, y, at->block.floats, at->operation->output->stride, state->mean, state->scale,
                             value_of(stage, at->run, BETA));
    return true;
}

static int64_t move_pending(const spar_stage *stage, float *entry, bool back) {
    batch_norm_state *state = stage->state;
    int64_t channels = stage->node->extent.channels, floats = 0;
    size_t bytes = (size_t)channels * sizeof(float);
    for (int set = 0; set < 2; set++) {
        if (!state->pending[set]) continue;
        float *const next[] = {state->next_mean[set], state->next_variance[set]};
        for (int i = 0; i < 2; i++, floats += channels) {
            memcpy(back ? next[i] : entry + floats, back ? entry + floats : next[i], bytes);
        }
    }
    return floats;
}

static void commit(const spar_stage *stage, bool take) {
    batch_norm_state *state = stage->state;
    size_t bytes = (size_t)stage->node->extent.channels * sizeof(float);
    for (int set = 0; set < 2; set++) {
        uint32_t flags = set ? SPAR_FORWARD_AUXILIARY : 0;
        if (state->pending[set] && take) {
            memcpy(spar_parameter_of(stage->parameters[RUNNING_MEAN], flags)->value, state->next_mean[set], bytes);
            memcpy(spar_parameter_of(stage->parameters[RUNNING_VARIANCE], flags)->value, state->next_variance[set],
                   bytes);
        }
        state->pending[set] = false;
    }
}

// Does the backward pass need sums over the batch? Not with running statistics when weights get no gradients.
static bool sums_batch(const spar_operation *operation, const spar_run *run) {
    (void)operation;
    return run->flags & SPAR_FORWARD_TRAIN || run->backward_flags & SPAR_BACKWARD_WEIGHTS;
}

// Sums a block of the output's gradient; without sums makes it the input's gradient.
static void backward(const spar_stage *stage, const spar_sweep_block *at, float *d) {
    const batch_norm_state *state = stage->state;
    const spar_block *block = &at->block;
    int64_t stride = at->operation->output->stride;
    if (!sums_batch(at->operation, at->run)) {
        at->run->kernels->affine(d, d, block->floats, stride, state->zero, state->scale, state->zero);
        return;
    }
    double *sums = sums_of(state, at->share->chunk, stride);
    if (at->share->opens && block->sample == at->share->first && block->piece == 0) clear(sums, stride);
    at->run->kernels->column_products(d, at->operation->inputs[0]->data + block->offset, block->rows, stride,
                                      state->mean, sums, sums + stride);
}

static int list_backward_sums(const spar_operation *operation, const spar_run *run, const spar_stage *stage,
                              spar_sums *list) {
    if (!sums_batch(operation, run)) return 0;
    int64_t stride = operation->output->stride;
    list[0] = list_of(stage->state, run, stride);
    list[0].columns = 2 * stride;
    list[0].combine = spar_add_doubles;
    return 1;
}

// With batch statistics, dx = γ/σ · (d − mean(d) − x̂ · mean(d·x̂)); with running ones, dx = γ/σ · d.
static void end_backward(const spar_operation *operation, const spar_run *run, const spar_stage *stage) {
    if (!sums_batch(operation, run)) return;
    batch_norm_state *state = stage->state;
    spar_parameter *gamma = spar_parameter_of(stage->parameters[GAMMA], run->flags);
    spar_parameter *beta = spar_parameter_of(stage->parameters[BETA], run->flags);
    double count = count_of(run, operation->output);
    bool batch_statistics = (run->flags & SPAR_FORWARD_TRAIN) != 0;
    bool add = run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    // Of ranks with their own statistics these are parts of the gradient, and what was there before is in one of them.
    if (run->part.own_statistics && run->part.rank > 0) add = false;
    const double *sums = state->sums, *products = sums + operation->output->stride;
    for (int c = 0; c < stage->node->extent.channels; c++) {
        double sum = sums[c], product = products[c], inverse = state->inverse_deviation[c];
        double a = gamma->value[c] * inverse;
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
    const batch_norm_state *state = stage_of(operation)->state;
    int64_t sample = spar_sample_floats(operation->output), offset = share->first * sample;
    run->kernels->affine2(operation->output->gradient + offset, operation->inputs[0]->data + offset,
                          operation->inputs[0]->gradient + offset, (share->last - share->first) * sample,
                          operation->output->stride, state->a, state->b, state->c, operation->accumulates[0]);
}

static const spar_pass input_gradient = {.runs = sums_batch,
                                         .samples = make_input_gradient,
                                         .reads = SPAR_INPUT_VALUE | SPAR_OUTPUT_GRADIENT | SPAR_SUMS,
                                         .writes = SPAR_INPUT_GRADIENT,
                                         .in_place = true};

static const spar_stage_functions stage = {.backward_reads_input = true,
                                           .prepare = prepare,
                                           .discard = discard,
                                           .begin = begin,
                                           .list_backward_sums = list_backward_sums,
                                           .end_backward = end_backward,
                                           .forward = forward,
                                           .backward = backward,
                                           .pass_before = &moments,
                                           .pass_behind = &input_gradient,
                                           .learn = learn,
                                           .move_pending = move_pending,
                                           .commit = commit};

static int onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)input;
    operators[0] = (spar_onnx_operator){
        .type = "BatchNormalization",
        .inputs = {spar_onnx_value(0), spar_onnx_parameter(GAMMA), spar_onnx_parameter(BETA),
                   spar_onnx_parameter(RUNNING_MEAN), spar_onnx_parameter(RUNNING_VARIANCE)},
        .attributes = {
            {.name = "epsilon", .type = SPAR_ONNX_FLOAT, .number = node->settings.batch_norm.epsilon},
        }};
    return 1;
}

const spar_layer spar_layer_batch_norm = {.kind = "batch_norm",
                                          .input_count = 1,
                                          .fields = fields,
                                          .onnx_rank = SPAR_ONNX_EITHER,
                                          .order = SPAR_KEEPS_ORDER,
                                          .has_auxiliary = true,
                                          .infer = infer,
                                          .parameters = parameters,
                                          .check_batch = check_batch,
                                          .onnx = onnx,
                                          .stage = &stage};
