// Whitening: a fixed linear map of the whole image, y = (x − mean)·Wᵀ, both counted channel, row, column.
#include "ops/onnx.h"

#include "runtime/finite.h"
#include "runtime/parallel.h"

#include <string.h>

enum { MEAN, MATRIX };

static int64_t values_of(spar_extent extent) {
    return spar_pixels(extent) * extent.channels;
}

static spar_status infer(spar_node *node, const spar_extent *inputs) {
    if (values_of(inputs[0]) > SPAR_MOST_WHITENED_VALUES) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: %d×%d×%d values are too many to whiten; at most %d", node->name,
                         inputs[0].channels, inputs[0].height, inputs[0].width, SPAR_MOST_WHITENED_VALUES);
    }
    node->extent = inputs[0];
    return SPAR_OK;
}

static int parameters(const spar_node *node, spar_extent input, spar_extent flattened, spar_parameter_spec *specs) {
    (void)node, (void)flattened;
    int values = (int)values_of(input);
    specs[MEAN] = spar_vector_spec(".mean", values, false, 0);
    specs[MATRIX] = (spar_parameter_spec){.suffix = ".matrix",
                                          .order = SPAR_ORDER_DENSE,
                                          .shape = {values, values},
                                          .rank = 2,
                                          .rows = values,
                                          .columns = values,
                                          .stride = spar_round_up16(values),
                                          .flattened = {values, 1, 1}};
    return 2;
}

static spar_status check_constants(const spar_node *node) {
    float *const *constants = node->settings.constants.values;
    int64_t values = values_of(node->extent);
    int64_t i = spar_first_non_finite(constants[MEAN], values);
    if (i < values) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: mean %lld is %g", node->name, (long long)i, constants[MEAN][i]);
    }
    i = spar_first_non_finite(constants[MATRIX], values * values);
    if (i == values * values) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: the matrix has %g in row %lld, column %lld", node->name,
                     constants[MATRIX][i], (long long)(i / values), (long long)(i % values));
}

static int64_t multiply_adds(const spar_node *node, spar_extent input) {
    (void)node;
    return values_of(input) * values_of(input);
}

static spar_status prepare(spar_operation *operation) {
    operation->kernel = "whiten";
    return SPAR_OK;
}

typedef struct whiten_task {
    const spar_operation *operation;
    const spar_run *run;
    int64_t values, stride;  // of one image; a row of the forward pass's matrices
    int64_t samples;         // a row of the backward pass's matrices
    float *operand, *result; // of the product, in the workspace
    int tile_rows, tile_columns;
} whiten_task;

static whiten_task task_of(const spar_operation *operation, const spar_run *run) {
    int64_t values = values_of(operation->output->extent), stride = spar_round_up16(values);
    return (whiten_task){.operation = operation,
                         .run = run,
                         .values = values,
                         .stride = stride,
                         .samples = spar_round_up16(run->batch),
                         .operand = run->workspace,
                         .result = run->workspace + stride * spar_round_up16(operation->batch_size),
                         .tile_rows = run->kernels->tile_rows,
                         .tile_columns = run->kernels->tile_columns};
}

// Where value `index`, counted channel, row, column, of a sample stands.
static int64_t place_of(const spar_tensor *tensor, int64_t sample, int64_t index) {
    int64_t pixels = spar_pixels(tensor->extent);
    return (sample * pixels + index % pixels) * tensor->stride + index / pixels;
}

static void center_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const whiten_task *task = context;
    const spar_tensor *x = task->operation->inputs[0];
    const float *mean = task->operation->parameters[MEAN]->value;
    for (int64_t n = first; n < last; n++) {
        float *row = task->operand + n * task->stride;
        for (int64_t i = 0; i < task->values; i++) row[i] = x->data[place_of(x, n, i)] - mean[i];
    }
}

static void store_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const whiten_task *task = context;
    const spar_tensor *y = task->operation->output;
    int64_t floats = spar_sample_floats(y);
    for (int64_t n = first; n < last; n++) {
        const float *row = task->result + n * task->stride;
        if (y->stride > y->extent.channels) memset(y->data + n * floats, 0, (size_t)floats * sizeof *row);
        for (int64_t i = 0; i < task->values; i++) y->data[place_of(y, n, i)] = row[i];
    }
}

// An index is a tile of columns of the result.
static void forward_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const whiten_task *task = context;
    const spar_parameter *matrix = task->operation->parameters[MATRIX];
    for (int64_t column = first * task->tile_columns; column < last * task->tile_columns;
         column += task->tile_columns) {
        int64_t columns = task->stride - column < task->tile_columns ? task->stride - column : task->tile_columns;
        task->run->kernels->product(&(spar_product){.rows = task->run->batch,
                                                    .depth = task->values,
                                                    .columns = (int)columns,
                                                    .a = task->operand,
                                                    .a_stride = task->stride,
                                                    .b = matrix->value + column,
                                                    .b_stride = matrix->spec.stride,
                                                    .c = task->result + column,
                                                    .c_stride = task->stride});
    }
}

static void forward(spar_operation *operation, const spar_run *run) {
    if (run->batch == 0) return;
    whiten_task task = task_of(operation, run);
    spar_parallel(run->threads, run->batch, center_samples, &task);
    spar_parallel(run->threads, (task.stride + task.tile_columns - 1) / task.tile_columns, forward_tiles, &task);
    spar_parallel(run->threads, run->batch, store_samples, &task);
}

static void transpose_gradient(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const whiten_task *task = context;
    const spar_tensor *y = task->operation->output;
    for (int64_t i = first; i < last; i++) {
        for (int64_t n = 0; n < task->samples; n++) {
            float d = n < task->run->batch ? y->gradient[place_of(y, n, i)] : 0;
            task->operand[i * task->samples + n] = d;
        }
    }
}

// dxᵀ = Wᵀ · dyᵀ: Wᵀ, which is what the parameter holds, is read once, in order. An index is a tile of its rows.
static void backward_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const whiten_task *task = context;
    const spar_parameter *matrix = task->operation->parameters[MATRIX];
    int64_t row = first * task->tile_rows, end = last * task->tile_rows;
    task->run->kernels->product(&(spar_product){.rows = (end < task->values ? end : task->values) - row,
                                                .depth = task->values,
                                                .columns = (int)task->samples,
                                                .a = matrix->value + row * matrix->spec.stride,
                                                .a_stride = matrix->spec.stride,
                                                .b = task->operand,
                                                .b_stride = task->samples,
                                                .c = task->result + row * task->samples,
                                                .c_stride = task->samples});
}

static void add_gradient(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const whiten_task *task = context;
    const spar_tensor *x = task->operation->inputs[0];
    int64_t floats = spar_sample_floats(x);
    for (int64_t n = first; n < last; n++) {
        if (!task->operation->accumulates[0]) memset(x->gradient + n * floats, 0, (size_t)floats * sizeof(float));
        for (int64_t i = 0; i < task->values; i++) {
            x->gradient[place_of(x, n, i)] += task->result[i * task->samples + n];
        }
    }
}

static void backward(spar_operation *operation, const spar_run *run) {
    whiten_task task = task_of(operation, run);
    spar_parallel(run->threads, task.values, transpose_gradient, &task);
    spar_parallel(run->threads, (task.values + task.tile_rows - 1) / task.tile_rows, backward_tiles, &task);
    spar_parallel(run->threads, run->batch, add_gradient, &task);
}

static int passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    int64_t values = spar_round_up16(values_of(operation->output->extent));
    int64_t workspace = 2 * values * spar_round_up16(operation->batch_size);
    return spar_list_passes(kind, (spar_pass){.begin = forward, .workspace = workspace},
                            (spar_pass){.begin = backward, .workspace = workspace}, passes);
}

static int onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)node;
    operators[0] = (spar_onnx_operator){.type = "Flatten", .inputs = {spar_onnx_value(0)}};
    operators[1] = (spar_onnx_operator){.type = "Sub", .inputs = {spar_onnx_result(0), spar_onnx_parameter(MEAN)}};
    operators[2] = (spar_onnx_operator){.type = "Gemm",
                                        .inputs = {spar_onnx_result(1), spar_onnx_parameter(MATRIX)},
                                        .attributes = {spar_onnx_integer("transB", 1)}};
    operators[3] = spar_onnx_reshape(spar_onnx_result(2), input);
    return 4;
}

const spar_layer spar_layer_whiten = {.kind = "whiten",
                                      .input_count = 1,
                                      .image = SPAR_KEEPS_IMAGE,
                                      .infer = infer,
                                      .parameters = parameters,
                                      .check_constants = check_constants,
                                      .multiply_adds = multiply_adds,
                                      .onnx = onnx,
                                      .prepare = prepare,
                                      .passes = passes};
