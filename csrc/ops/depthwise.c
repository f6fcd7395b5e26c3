// Depthwise convolution: every channel has its own kernel, so rows of channels are multiplied elementwise.
#include "ops/convolution.h"
#include "ops/sums.h"

#include <string.h>

enum { MOST_TAPS = 128 };

typedef struct depthwise_task {
    const spar_gather *gather;
    const spar_run *run;
    const float *weights, *bias;
    spar_rows in, out;
    int64_t channels;
    bool accumulate;
} depthwise_task;

// Of the samples of a share. Kernels of more taps than MOST_TAPS are summed in parts.
static void multiply_pixels(const depthwise_task *task, const spar_phase *phase, const spar_share *share) {
    const float *in[MOST_TAPS], *weights[MOST_TAPS];
    for (int64_t pixel = share->first * phase->pixels; pixel < share->last * phase->pixels; pixel++) {
        int64_t sample = pixel / phase->pixels, local = pixel % phase->pixels;
        const float *image = task->in.data + sample * task->gather->in_pixels * task->in.stride;
        spar_depthwise_row row = {.channels = (int)task->channels,
                                  .in = in,
                                  .weights = weights,
                                  .out = task->out.data +
                                         (sample * task->gather->out_pixels + phase->target[local]) * task->out.stride,
                                  .accumulate = task->accumulate,
                                  .bias = task->bias};
        int t = 0;
        do {
            for (row.taps = 0; t < phase->taps && row.taps < MOST_TAPS; t++) {
                int32_t source = phase->source[local * phase->taps + t];
                if (source < 0) continue;
                in[row.taps] = image + source * task->in.stride;
                weights[row.taps++] = task->weights + phase->tap[t] * task->channels;
            }
            task->run->kernels->depthwise_row(&row);
            row.accumulate = true;
            row.bias = NULL;
        } while (t < phase->taps);
    }
}

// Row y of a 3×3 convolution of padding 1: the input rows of a sample that it reads.
static void list_rows(const float *image, int height, int64_t row_floats, int y, int stride, const float **rows) {
    for (int i = 0; i < 3; i++) {
        int row = y * stride - 1 + i;
        rows[i] = row >= 0 && row < height ? image + row * row_floats : NULL;
    }
}

static bool is_3x3(const spar_operation *operation) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    return s->kernel_height == 3 && s->kernel_width == 3 && s->padding_height == 1 && s->padding_width == 1 &&
           s->stride_height == s->stride_width && s->stride_height <= 2;
}

// Rows of a share's outputs, or with stride 1 of its inputs' gradients.
static void multiply_rows(const spar_operation *operation, const spar_run *run, const spar_share *share,
                          bool backward) {
    const spar_tensor *from = backward ? operation->output : operation->inputs[0];
    const spar_tensor *to = backward ? operation->inputs[0] : operation->output;
    spar_rows in = spar_product_input(operation, backward), out = spar_product_output(operation, backward);
    spar_depthwise3_row row = {.in_width = from->extent.width,
                               .out_width = to->extent.width,
                               .stride = operation->node->settings.convolution.stride_height,
                               .channels = (int)out.stride,
                               .accumulate = spar_product_accumulates(operation, backward),
                               .bias = spar_product_bias(operation, backward)};
    for (int t = 0; t < 9; t++) {
        row.weights[t] = operation->parameters[0]->value + (backward ? 8 - t : t) * out.stride;
    }
    for (int64_t index = share->first * to->extent.height; index < share->last * to->extent.height; index++) {
        const float *image = in.data + index / to->extent.height * spar_sample_floats(from);
        list_rows(image, from->extent.height, from->extent.width * in.stride, (int)(index % to->extent.height),
                  row.stride, row.in);
        row.out = out.data + index * to->extent.width * out.stride;
        run->kernels->depthwise3_row(&row);
    }
}

static void product_samples(const spar_operation *operation, const spar_run *run, const spar_share *share,
                            bool backward) {
    if (is_3x3(operation) && (!backward || operation->node->settings.convolution.stride_height == 1)) {
        multiply_rows(operation, run, share, backward);
        return;
    }
    depthwise_task task = {.gather = &spar_convolution_of(operation)->gather[backward],
                           .run = run,
                           .weights = operation->parameters[0]->value,
                           .bias = spar_product_bias(operation, backward),
                           .in = spar_product_input(operation, backward),
                           .out = spar_product_output(operation, backward),
                           .channels = operation->output->stride,
                           .accumulate = spar_product_accumulates(operation, backward)};
    for (int p = 0; p < task.gather->phase_count; p++) multiply_pixels(&task, &task.gather->phases[p], share);
}

static void forward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    product_samples(operation, run, share, false);
}

static void backward_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    product_samples(operation, run, share, true);
}

// Sums of the weights' gradient are kept by chunk, [chunk][tap][channel] in the workspace.
typedef struct depthwise_gradient_task {
    const spar_operation *operation;
    const spar_run *run;
    const spar_phase *phase;
    int64_t stride;
} depthwise_gradient_task;

static const spar_phase *phase_of(const spar_operation *operation) {
    return &spar_convolution_of(operation)->gather[0].phases[0];
}

static int64_t sum_floats(const spar_operation *operation) {
    return phase_of(operation)->taps * operation->output->stride;
}

static void sum_rows(const depthwise_gradient_task *task, int64_t first, int64_t last, float *sums) {
    const spar_tensor *input = task->operation->inputs[0], *output = task->operation->output;
    spar_depthwise3_row row = {.in_width = input->extent.width,
                               .out_width = output->extent.width,
                               .stride = task->operation->node->settings.convolution.stride_height,
                               .channels = (int)task->stride};
    for (int t = 0; t < 9; t++) row.weights[t] = sums + t * task->stride;
    for (int64_t index = first * output->extent.height; index < last * output->extent.height; index++) {
        const float *image = input->data + index / output->extent.height * spar_sample_floats(input);
        list_rows(image, input->extent.height, input->extent.width * input->stride,
                  (int)(index % output->extent.height), row.stride, row.in);
        row.out = output->gradient + index * output->extent.width * output->stride;
        task->run->kernels->depthwise3_gradient_row(&row);
    }
}

static void sum_pixels(const depthwise_gradient_task *task, int64_t first, int64_t last, float *sums) {
    const spar_phase *phase = task->phase;
    const spar_tensor *input = task->operation->inputs[0], *output = task->operation->output;
    for (int64_t pixel = first * phase->pixels; pixel < last * phase->pixels; pixel++) {
        const float *image = input->data + pixel / phase->pixels * spar_sample_floats(input), *in[MOST_TAPS];
        float *weights[MOST_TAPS];
        const int32_t *source = phase->source + pixel % phase->pixels * phase->taps;
        int t = 0;
        do {
            int taps = 0;
            for (; t < phase->taps && taps < MOST_TAPS; t++) {
                if (source[t] < 0) continue;
                in[taps] = image + source[t] * input->stride;
                weights[taps++] = sums + t * task->stride;
            }
            task->run->kernels->depthwise_gradient_row(taps, (int)task->stride, in,
                                                       output->gradient + pixel * output->stride, weights);
        } while (t < phase->taps);
    }
}

static void sum_share(spar_operation *operation, const spar_run *run, const spar_share *share) {
    depthwise_gradient_task task = {operation, run, phase_of(operation), operation->output->stride};
    int64_t floats = sum_floats(operation);
    float *sums = run->workspace + share->chunk * floats;
    if (share->opens) memset(sums, 0, (size_t)floats * sizeof *sums);
    (is_3x3(operation) ? sum_rows : sum_pixels)(&task, share->first, share->last, sums);
}

static int list_sums(const spar_operation *operation, const spar_run *run, spar_sums *list) {
    list[0] = spar_sums_of_floats(run->workspace, sum_floats(operation));
    return 1;
}

static void finish(spar_operation *operation, const spar_run *run) {
    float *total = operation->parameters[0]->gradient;
    int64_t floats = sum_floats(operation);
    if (!(run->backward_flags & SPAR_BACKWARD_ACCUMULATE)) memset(total, 0, (size_t)floats * sizeof *total);
    run->kernels->add(run->workspace, total, floats);
}

static bool fits(const spar_operation *operation) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    return s->groups == operation->inputs[0]->extent.channels && s->groups == s->channels &&
           operation->inputs[0]->stride % 16 == 0;
}

static spar_status prepare(spar_operation *operation) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    spar_convolution *convolution = operation->state;
    spar_extent in = operation->inputs[0]->extent, out = operation->output->extent;
    SPAR_TRY(spar_gather_forward(&convolution->gather[0], s, in, out));
    SPAR_TRY(spar_gather_backward(&convolution->gather[1], s, in, out));
    operation->state_bytes += spar_gather_bytes(&convolution->gather[0]) + spar_gather_bytes(&convolution->gather[1]);
    return SPAR_OK;
}

static int64_t workspace(const spar_operation *operation, spar_pass_kind kind) {
    return kind == SPAR_PASS_WEIGHTS ? spar_most_chunks(operation->part_batch_size) * sum_floats(operation) : 0;
}

const spar_convolution_algorithm spar_convolution_depthwise = {
    .name = "depthwise",
    .fits = fits,
    .chains = spar_chains_always,
    .prepare = prepare,
    .workspace = workspace,
    .product_samples = {forward_samples, backward_samples},
    .gradient_pass = {.samples = sum_share, .sums = list_sums, .end = finish, .writes = SPAR_SUMS}};
