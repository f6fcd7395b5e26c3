// Dense layers: products in register tiles, each made whole by one thread.
#include "ops/bias.h"
#include "ops/initializer.h"
#include "ops/multiply.h"
#include "ops/onnx.h"
#include "ops/sums.h"

#include "runtime/parallel.h"

#include <string.h>

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
    return spar_check_initializer(node->name, s->initializer, &node->settings.dense.initializer_deviation);
}

static int parameters(const spar_node *node, spar_extent input, spar_extent flattened, spar_parameter_spec *specs) {
    const spar_dense_params *s = &node->settings.dense;
    specs[SPAR_WEIGHT] = (spar_parameter_spec){
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
    specs[SPAR_BIAS] = spar_vector_spec(".bias", s->units, true, 0);
    return 2;
}

static int64_t multiply_adds(const spar_node *node, spar_extent input) {
    return (int64_t)node->settings.dense.units * input.channels;
}

static spar_status prepare(spar_operation *operation) {
    operation->kernel = "dense";
    operation->sum_height = SPAR_TREE_HEIGHT;
    return SPAR_OK;
}

typedef struct dense_task {
    spar_operation *operation;
    const spar_run *run;
    int tile_rows, tile_columns;
    int64_t row_tiles; // tiles below each other; an index is column tile · row_tiles + row tile
} dense_task;

static dense_task task_of(spar_operation *operation, const spar_run *run) {
    int tile_rows = run->kernels->tile_rows;
    return (dense_task){operation, run, tile_rows, run->kernels->tile_columns,
                        (run->batch + tile_rows - 1) / tile_rows};
}

static int64_t tiles_of(int64_t size, int tile) {
    return (size + tile - 1) / tile;
}

static int part_of(int64_t size, int64_t start, int tile) {
    return (int)(size - start < tile ? size - start : tile);
}

// y = x · w + bias
static void forward_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const dense_task *task = context;
    const spar_tensor *x = task->operation->inputs[0], *y = task->operation->output;
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT],
                         *bias = task->operation->parameters[SPAR_BIAS];
    for (int64_t index = first; index < last; index++) {
        int64_t row = index % task->row_tiles * task->tile_rows, column = index / task->row_tiles * task->tile_columns;
        task->run->kernels->product(&(spar_product){.rows = part_of(task->run->batch, row, task->tile_rows),
                                                    .depth = weight->spec.rows,
                                                    .columns = part_of(y->stride, column, task->tile_columns),
                                                    .a = x->data + row * x->stride,
                                                    .a_stride = x->stride,
                                                    .b = weight->value + column,
                                                    .b_stride = weight->spec.stride,
                                                    .c = y->data + row * y->stride + column,
                                                    .c_stride = y->stride,
                                                    .bias = bias == NULL ? NULL : bias->value + column});
    }
}

static void forward(spar_operation *operation, const spar_run *run) {
    dense_task task = task_of(operation, run);
    int64_t columns = tiles_of(operation->output->stride, task.tile_columns);
    spar_parallel(run->threads, task.row_tiles * columns, forward_tiles, &task);
}

// dw (+)= xᵀ · dy; an index is a tile of rows of w.
static void weight_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const dense_task *task = context;
    const spar_tensor *x = task->operation->inputs[0], *y = task->operation->output;
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    bool add = task->run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    int64_t row = first * task->tile_rows, end = last * task->tile_rows;
    int64_t rows = (end < weight->spec.rows ? end : weight->spec.rows) - row;
    spar_add_outer_products(task->run->kernels, (spar_matrix){x->data + row, x->stride},
                            (spar_matrix){y->gradient, y->stride}, task->run->batch, rows, y->stride,
                            (spar_rows){weight->gradient + row * weight->spec.stride, weight->spec.stride}, add);
}

static void backward_weights(spar_operation *operation, const spar_run *run) {
    dense_task task = task_of(operation, run);
    spar_parallel(run->threads, tiles_of(operation->parameters[SPAR_WEIGHT]->spec.rows, task.tile_rows), weight_tiles,
                  &task);
}

enum { MOST_BLOCK_ROWS = 2 * SPAR_MAX_TILE_ROWS };

// Rows of w whose gradients are turned back at once, in whole tiles.
static int block_rows(const dense_task *task) {
    return MOST_BLOCK_ROWS / task->tile_rows * task->tile_rows;
}

// The gradients of `width` samples from `first` on, as columns of a block of rows of w.
static void put_samples(const dense_task *task, int64_t row, int rows, int first, int width,
                        const float block[][SPAR_MAX_TILE_COLUMNS]) {
    const spar_tensor *x = task->operation->inputs[0];
    bool accumulate = task->operation->accumulates[0];
    int last = first + width < task->run->batch ? first + width : task->run->batch;
    for (int n = first; n < last; n++) {
        float *dx = x->gradient + n * x->stride + row;
        int whole = accumulate || n / 16 * 16 + 16 > last ? 0 : rows / 4 * 4;
        if (n % 16 == 0 && whole > 0) {
            task->run->kernels->transpose(&block[0][n - first], SPAR_MAX_TILE_COLUMNS, whole, 16, dx, x->stride);
        }
        for (int r = whole; r < rows; r++) dx[r] = accumulate ? dx[r] + block[r][n - first] : block[r][n - first];
    }
}

// dxᵀ = w · dyᵀ, dyᵀ in the workspace: w is read once, in order. An index is a block of rows of w.
static void data_blocks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const dense_task *task = context;
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    int64_t depth = weight->spec.columns, samples = spar_round_up16(task->run->batch);
    int most = block_rows(task);
    for (int64_t row = first * most; row < last * most && row < weight->spec.rows; row += most) {
        int rows = part_of(weight->spec.rows, row, most);
        for (int64_t panel = 0; panel < samples; panel += task->tile_columns) {
            int width = part_of(samples, panel, task->tile_columns);
            float block[MOST_BLOCK_ROWS][SPAR_MAX_TILE_COLUMNS];
            task->run->kernels->product(&(spar_product){.rows = rows,
                                                        .depth = depth,
                                                        .columns = width,
                                                        .a = weight->value + row * weight->spec.stride,
                                                        .a_stride = weight->spec.stride,
                                                        .b = task->run->workspace + panel * depth,
                                                        .b_stride = width,
                                                        .c = block[0],
                                                        .c_stride = SPAR_MAX_TILE_COLUMNS});
            put_samples(task, row, rows, (int)panel, width, block);
        }
    }
}

// Only the true columns are written; what reads the gradient relies on zeros in its padding.
static void clear_padding(const spar_tensor *x, int batch) {
    size_t padding = (size_t)(x->stride - x->extent.channels);
    for (int n = 0; n < batch && padding > 0; n++) {
        memset(x->gradient + n * x->stride + x->extent.channels, 0, padding * sizeof(float));
    }
}

static void backward(spar_operation *operation, const spar_run *run) {
    dense_task task = task_of(operation, run);
    const spar_tensor *y = operation->output;
    spar_pack_transposed(run, (spar_matrix){y->gradient, y->stride}, y->extent.channels, run->batch, run->workspace);
    spar_parallel(run->threads, tiles_of(operation->parameters[SPAR_WEIGHT]->spec.rows, block_rows(&task)), data_blocks,
                  &task);
    clear_padding(operation->inputs[0], run->batch);
}

static int passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    if (kind == SPAR_PASS_WEIGHTS) {
        passes[0] = (spar_pass){.begin = backward_weights, .reads = SPAR_INPUT_VALUE | SPAR_OUTPUT_GRADIENT};
        return 1 + spar_list_bias_pass(operation, &passes[1]);
    }
    return spar_list_passes(
        kind, (spar_pass){.begin = forward},
        (spar_pass){.begin = backward,
                    .workspace = operation->output->extent.channels * spar_round_up16(operation->batch_size)},
        passes);
}

static int onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)input;
    operators[0] = (spar_onnx_operator){.type = "Gemm",
                                        .inputs = {spar_onnx_value(0), spar_onnx_parameter(SPAR_WEIGHT)},
                                        .attributes = {spar_onnx_integer("transB", 1)}};
    if (node->settings.dense.bias) operators[0].inputs[2] = spar_onnx_parameter(SPAR_BIAS);
    return 1;
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
                                     .fields = fields,
                                     .order = SPAR_ENDS_ORDER,
                                     .image = SPAR_READS_IMAGE,
                                     .onnx_rank = SPAR_ONNX_ROWS,
                                     .reads_features = true,
                                     .infer = infer,
                                     .parameters = parameters,
                                     .multiply_adds = multiply_adds,
                                     .onnx = onnx,
                                     .prepare = prepare,
                                     .slices = spar_chains_always,
                                     .passes = passes};
