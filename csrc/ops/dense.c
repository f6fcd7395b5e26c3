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

// Batches up to this size are multiplied by the weights as they are; larger ones by packed panels of their transpose,
// which take as much memory as the weights and are worth it where many rows read them.
enum { SMALL_BATCH = 32 };

typedef struct dense_state {
    float *transposed;           // [panel][unit][columns of the panel]
    uint64_t transposed_version; // of the weights
} dense_state;

static spar_status prepare(spar_operation *operation) {
    dense_state *state = spar_allocate(1, sizeof *state);
    if (state == NULL) return SPAR_ERROR_MEMORY;
    operation->state = state;
    operation->kernel = "dense";
    operation->sum_height = SPAR_TREE_HEIGHT;
    const spar_parameter_spec *spec = &operation->parameters[SPAR_WEIGHT]->spec;
    size_t floats = operation->part_batch_size > SMALL_BATCH ? (size_t)(spar_round_up16(spec->rows) * spec->stride) : 0;
    state->transposed = spar_allocate(floats, sizeof(float));
    operation->state_bytes += floats * sizeof(float);
    return state->transposed == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
}

static void discard(spar_operation *operation) {
    dense_state *state = operation->state;
    if (state == NULL) return;
    spar_release(state->transposed);
    spar_release(state);
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

static void put(float *target, float value, bool accumulate) {
    *target = accumulate ? *target + value : value;
}

// dxᵀ = w · dyᵀ, dyᵀ in the workspace: w is read once, in order. An index is a tile of rows of w.
static void small_data_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const dense_task *task = context;
    const spar_tensor *x = task->operation->inputs[0];
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    int samples = (int)spar_round_up16(task->run->batch);
    for (int64_t index = first; index < last; index++) {
        int64_t row = index * task->tile_rows;
        int rows = part_of(weight->spec.rows, row, task->tile_rows);
        float tile[SPAR_MAX_TILE_ROWS][SMALL_BATCH];
        task->run->kernels->product(&(spar_product){.rows = rows,
                                                    .depth = weight->spec.columns,
                                                    .columns = samples,
                                                    .a = weight->value + row * weight->spec.stride,
                                                    .a_stride = weight->spec.stride,
                                                    .b = task->run->workspace,
                                                    .b_stride = samples,
                                                    .c = tile[0],
                                                    .c_stride = SMALL_BATCH});
        for (int n = 0; n < task->run->batch; n++) {
            float *dx = x->gradient + n * x->stride + row;
            for (int r = 0; r < rows; r++) put(dx + r, tile[r][n], task->operation->accumulates[0]);
        }
    }
}

static void transpose_gradient(const spar_tensor *y, const spar_run *run) {
    int64_t samples = spar_round_up16(run->batch);
    for (int64_t unit = 0; unit < y->extent.channels; unit++) {
        for (int64_t n = 0; n < samples; n++) {
            run->workspace[unit * samples + n] = n < run->batch ? y->gradient[n * y->stride + unit] : 0;
        }
    }
}

// dx (+)= dy · wᵀ; columns that do not fill vectors are made in a tile of their own.
static void data_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const dense_task *task = context;
    const spar_tensor *x = task->operation->inputs[0], *y = task->operation->output;
    const spar_parameter_spec *spec = &task->operation->parameters[SPAR_WEIGHT]->spec;
    const float *transposed = ((const dense_state *)task->operation->state)->transposed;
    bool accumulate = task->operation->accumulates[0];
    for (int64_t index = first; index < last; index++) {
        int64_t row = index % task->row_tiles * task->tile_rows, column = index / task->row_tiles * task->tile_columns;
        int rows = part_of(task->run->batch, row, task->tile_rows);
        int width = part_of(spar_round_up16(spec->rows), column, task->tile_columns);
        bool whole = column + width <= x->stride;
        float narrow[SPAR_MAX_TILE_ROWS][SPAR_MAX_TILE_COLUMNS];
        task->run->kernels->product(&(spar_product){.rows = rows,
                                                    .depth = spec->columns,
                                                    .columns = width,
                                                    .a = y->gradient + row * y->stride,
                                                    .a_stride = y->stride,
                                                    .b = transposed + column * spec->columns,
                                                    .b_stride = width,
                                                    .c = whole ? x->gradient + row * x->stride + column : narrow[0],
                                                    .c_stride = whole ? x->stride : SPAR_MAX_TILE_COLUMNS,
                                                    .accumulate = whole && accumulate});
        for (int r = 0; r < rows && !whole; r++) {
            float *dx = x->gradient + (row + r) * x->stride;
            for (int64_t i = column; i < spec->rows; i++) put(dx + i, narrow[r][i - column], accumulate);
        }
    }
}

// Small batches write the true columns only; what reads the gradient relies on zeros in its padding.
static void clear_padding(const spar_tensor *x, int batch) {
    size_t padding = (size_t)(x->stride - x->extent.channels);
    for (int n = 0; n < batch && padding > 0; n++) {
        memset(x->gradient + n * x->stride + x->extent.channels, 0, padding * sizeof(float));
    }
}

static void backward(spar_operation *operation, const spar_run *run) {
    dense_task task = task_of(operation, run);
    dense_state *state = operation->state;
    const spar_parameter_spec *spec = &operation->parameters[SPAR_WEIGHT]->spec;
    if (run->part.batch <= SMALL_BATCH) {
        transpose_gradient(operation->output, run);
        spar_parallel(run->threads, tiles_of(spec->rows, task.tile_rows), small_data_tiles, &task);
        clear_padding(operation->inputs[0], run->batch);
        return;
    }
    if (state->transposed_version != run->weights_version) {
        const float *weights = operation->parameters[SPAR_WEIGHT]->value;
        spar_pack_transposed(run, (spar_matrix){weights, spec->stride}, spec->columns, spec->rows, state->transposed);
        state->transposed_version = run->weights_version;
    }
    int64_t columns = tiles_of(spar_round_up16(spec->rows), task.tile_columns);
    spar_parallel(run->threads, task.row_tiles * columns, data_tiles, &task);
}

static int passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    if (kind == SPAR_PASS_WEIGHTS) {
        passes[0] = (spar_pass){.begin = backward_weights, .reads = SPAR_INPUT_VALUE | SPAR_OUTPUT_GRADIENT};
        return 1 + spar_list_bias_pass(operation, &passes[1]);
    }
    return spar_list_passes(kind, (spar_pass){.begin = forward},
                            (spar_pass){.begin = backward, .workspace = operation->output->stride * SMALL_BATCH},
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
                                     .discard = discard,
                                     .slices = spar_chains_always,
                                     .passes = passes};
