// Dense layers: OpenBLAS products, one thread each, over blocks of a size that does not depend on the threads.
#include "ops/bias.h"
#include "ops/initializer.h"

#include "runtime/parallel.h"

#include <cblas.h>
#include <string.h>

enum { BLOCK = 128 };

static spar_status infer(spar_node *node, const spar_extent *inputs) {
    const spar_dense_params *s = &node->settings.dense;
    if (s->units < 1 || s->units > 1 << 24) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %d units", node->name, s->units);
    }
    if (spar_pixels(inputs[0]) != 1) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: a dense layer takes a flat value, not %d×%d×%d; flatten it first",
                         node->name, inputs[0].channels, inputs[0].height, inputs[0].width);
    }
    node->extent = (spar_extent){s->units, 1, 1};
    return spar_check_initializer(node->name, s->initializer, s->initializer_deviation);
}

enum { WEIGHT, BIAS };

static int parameters(const spar_node *node, spar_extent input, spar_extent flattened, spar_parameter_spec *specs) {
    const spar_dense_params *s = &node->settings.dense;
    specs[WEIGHT] = (spar_parameter_spec){
        .suffix = ".weight",
        .order = SPAR_ORDER_DENSE,
        .trainable = true,
        .is_weight = true,
        .shape = {s->units, input.channels},
        .rank = 2,
        .rows = input.channels,
        .columns = s->units,
        .stride = spar_round_up16(s->units),
        .flattened = flattened,
    };
    if (!s->bias) return 1;
    specs[BIAS] = spar_vector_spec(".bias", s->units, true, 0);
    return 2;
}

static int64_t multiply_adds(const spar_node *node, spar_extent input) {
    return (int64_t)node->settings.dense.units * input.channels;
}

static spar_status prepare(spar_step *step) {
    step->kernel = "sgemm";
    spar_want_workspace(step, (int64_t)spar_bias_workspace(step->output));
    openblas_set_num_threads(1);
    return SPAR_OK;
}

typedef struct dense_task {
    spar_step *step;
    const spar_run *run;
} dense_task;

static int block_width(int64_t block, int64_t size) {
    return (int)(size - block * BLOCK < BLOCK ? size - block * BLOCK : BLOCK);
}

static int64_t block_count(int64_t size) {
    return (size + BLOCK - 1) / BLOCK;
}

// y[:, block] = x · w[:, block] + bias
static void forward_blocks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    dense_task *task = context;
    const spar_tensor *x = task->step->inputs[0], *y = task->step->output;
    const spar_parameter *weight = task->step->parameters[WEIGHT], *bias = task->step->parameters[BIAS];
    for (int64_t block = first; block < last; block++) {
        int width = block_width(block, y->stride);
        float *out = y->data + block * BLOCK;
        for (int n = 0; n < task->run->batch && bias != NULL; n++) {
            memcpy(out + n * y->stride, bias->value + block * BLOCK, (size_t)width * sizeof *out);
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, task->run->batch, width, (int)weight->spec.rows, 1,
                    x->data, (int)x->stride, weight->value + block * BLOCK, (int)weight->spec.stride,
                    bias == NULL ? 0 : 1, out, (int)y->stride);
    }
}

// dx[:, block] (+)= dy · w[block, :]ᵀ
static void backward_data_blocks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    dense_task *task = context;
    const spar_tensor *x = task->step->inputs[0], *y = task->step->output;
    const spar_parameter *weight = task->step->parameters[WEIGHT];
    for (int64_t block = first; block < last; block++) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, task->run->batch, block_width(block, weight->spec.rows),
                    (int)weight->spec.stride, 1, y->gradient, (int)y->stride,
                    weight->value + block * BLOCK * weight->spec.stride, (int)weight->spec.stride,
                    task->step->accumulates[0] ? 1 : 0, x->gradient + block * BLOCK, (int)x->stride);
    }
}

// dw[block, :] (+)= x[:, block]ᵀ · dy
static void backward_weight_blocks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    dense_task *task = context;
    const spar_tensor *x = task->step->inputs[0], *y = task->step->output;
    spar_parameter *weight = task->step->parameters[WEIGHT];
    bool add = task->run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    for (int64_t block = first; block < last; block++) {
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, block_width(block, weight->spec.rows),
                    (int)weight->spec.stride, task->run->batch, 1, x->data + block * BLOCK, (int)x->stride, y->gradient,
                    (int)y->stride, add ? 1 : 0, weight->gradient + block * BLOCK * weight->spec.stride,
                    (int)weight->spec.stride);
    }
}

// The products write the true columns only; what reads the gradient relies on zeros in its padding.
static void clear_padding(const spar_tensor *x, int batch) {
    size_t padding = (size_t)(x->stride - x->extent.channels);
    for (int n = 0; n < batch && padding > 0; n++) {
        memset(x->gradient + n * x->stride + x->extent.channels, 0, padding * sizeof(float));
    }
}

static void forward(spar_step *step, const spar_run *run) {
    dense_task task = {step, run};
    spar_parallel(run->threads, block_count(step->output->stride), forward_blocks, &task);
}

static void backward_weights(spar_step *step, const spar_run *run) {
    dense_task task = {step, run};
    spar_parallel(run->threads, block_count(step->parameters[WEIGHT]->spec.rows), backward_weight_blocks, &task);
    if (step->parameters[BIAS] != NULL) spar_bias_gradient(step->output, run, step->parameters[BIAS]);
}

static void backward(spar_step *step, const spar_run *run, const bool wanted[2]) {
    dense_task task = {step, run};
    if (!wanted[0]) return;
    spar_parallel(run->threads, block_count(step->parameters[WEIGHT]->spec.rows), backward_data_blocks, &task);
    clear_padding(step->inputs[0], run->batch);
}

static const spar_field fields[] = {
    SPAR_FIELD(INT, "units", settings.dense.units),
    SPAR_FIELD(BOOL, "bias", settings.dense.bias),
    SPAR_FIELD(INT, "initializer", settings.dense.initializer),
    SPAR_FIELD(FLOAT, "initializer_deviation", settings.dense.initializer_deviation),
    {0},
};

const spar_layer spar_layer_dense = {.kind = "dense",
                                     .input_count = 1,
                                     .backward_reads_input = true,
                                     .fields = fields,
                                     .infer = infer,
                                     .parameters = parameters,
                                     .multiply_adds = multiply_adds,
                                     .prepare = prepare,
                                     .forward = forward,
                                     .backward_weights = backward_weights,
                                     .backward = backward};
