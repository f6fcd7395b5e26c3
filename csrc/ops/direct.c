// Convolutions on small maps, tap by tap. A kernel lies mostly outside of such a map: the taps that reach an input take
// no more products than Winograd's tiles, and nothing is transformed. A tap joins pixels of the input to pixels of the
// output; for each pair the batch is multiplied by the tap's weights, which are read from memory once: a thread has its
// own columns of them.
#include "ops/bias.h"
#include "ops/convolution.h"
#include "ops/sums.h"

#include "runtime/parallel.h"

#include <string.h>

// Maps of 3×3, of whose taps 49 of 81 are inside, take 0.7 of Winograd's time, those of 4×4, with 100 of 144, twice as
// much (512 channels, batch 128, two cores of a Zen 4).
enum { MOST_PIXELS = 16 };

static int64_t taps_of(const spar_operation *operation) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    return (int64_t)s->kernel_height * s->kernel_width;
}

static int64_t joined_pixel(const spar_operation *operation, int64_t tap, int64_t pixel) {
    return spar_joined_pixel(&operation->node->settings.convolution, operation->inputs[0]->extent,
                             operation->output->extent, tap, pixel);
}

static int64_t joined_pairs(const spar_operation *operation) {
    int64_t pairs = 0, pixels = spar_pixels(operation->output->extent);
    for (int64_t tap = 0; tap < taps_of(operation); tap++) {
        for (int64_t pixel = 0; pixel < pixels; pixel++) pairs += joined_pixel(operation, tap, pixel) >= 0;
    }
    return pairs;
}

static bool fits(const spar_operation *operation) {
    const spar_conv2d_params *s = &operation->node->settings.convolution;
    spar_extent in = operation->inputs[0]->extent, out = operation->output->extent;
    return s->groups == 1 && in.channels >= 16 && out.channels >= 16 && operation->inputs[0]->stride % 16 == 0 &&
           spar_pixels(out) <= MOST_PIXELS && 8 * joined_pairs(operation) <= 5 * taps_of(operation) * spar_pixels(out);
}

static spar_status prepare(spar_operation *operation) {
    operation->sum_height = SPAR_TREE_HEIGHT;
    spar_want_scratch(operation, (int64_t)operation->output->extent.channels * SPAR_MAX_TILE_COLUMNS);
    return SPAR_OK;
}

static int64_t multiplications(const spar_operation *operation, spar_pass_kind kind) {
    (void)kind;
    return joined_pairs(operation) * operation->inputs[0]->extent.channels * operation->output->extent.channels;
}

static int64_t workspace(const spar_operation *operation, spar_pass_kind kind) {
    const spar_tensor *from = kind == SPAR_PASS_DATA ? operation->output : operation->inputs[0];
    if (kind == SPAR_PASS_WEIGHTS) return 0;
    return operation->batch_size * spar_pixels(from->extent) * (from->stride + 16);
}

typedef struct product_task {
    const spar_operation *operation;
    spar_run run; // of one thread
    bool backward;
    const spar_tensor *from, *to;
    int64_t parts; // of the samples; an index is a panel of columns and one of them
} product_task;

// The batch is copied pixel by pixel: rows that a product reads at once would share their cache sets where samples are
// a power of two apart.
static int64_t copied_stride(const product_task *task) {
    return task->from->stride + 16;
}

static float *copied_row(const product_task *task, int64_t pixel, int64_t sample) {
    return task->run.workspace + (pixel * task->run.batch + sample) * copied_stride(task);
}

static void copy_samples(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const product_task *task = context;
    const float *row =
        spar_product_input(task->operation, task->backward).data + first * spar_sample_floats(task->from);
    for (int64_t sample = first; sample < last; sample++) {
        for (int64_t pixel = 0; pixel < spar_pixels(task->from->extent); pixel++, row += task->from->stride) {
            memcpy(copied_row(task, pixel, sample), row, (size_t)task->from->stride * sizeof *row);
        }
    }
}

// What taps are added to: the bias, or zeros.
static void begin_columns(const product_task *task, int64_t first, int64_t last, int64_t column, int width) {
    const float *bias = spar_product_bias(task->operation, task->backward);
    int64_t pixels = spar_pixels(task->to->extent);
    float *row = spar_product_output(task->operation, task->backward).data + first * pixels * task->to->stride + column;
    if (spar_product_accumulates(task->operation, task->backward)) return;
    for (int64_t r = first * pixels; r < last * pixels; r++, row += task->to->stride) {
        if (bias == NULL)
            memset(row, 0, (size_t)width * sizeof *row);
        else
            memcpy(row, bias + column, (size_t)width * sizeof *row);
    }
}

// Columns of a tap's weights, or of their transpose, which is packed.
static spar_matrix weights_of(const product_task *task, int64_t tap, int64_t column, int width, float *packed) {
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    int64_t stride = weight->spec.stride, left = task->to->extent.channels - column;
    const float *weights = weight->value + tap * task->operation->inputs[0]->extent.channels * stride;
    if (!task->backward) return (spar_matrix){weights + column, stride};
    spar_pack_transposed(&task->run, (spar_matrix){weights + column * stride, stride}, task->from->extent.channels,
                         left < width ? left : width, packed);
    return (spar_matrix){packed, width};
}

static void multiply_columns(const product_task *task, int64_t first, int64_t last, int64_t column, float *packed) {
    const spar_operation *operation = task->operation;
    spar_rows to = spar_product_output(operation, task->backward);
    int64_t sample = spar_sample_floats(task->to), left = task->to->stride - column;
    int width = (int)(left < task->run.kernels->tile_columns ? left : task->run.kernels->tile_columns);
    begin_columns(task, first, last, column, width);
    for (int64_t tap = 0; tap < taps_of(operation); tap++) {
        spar_matrix weights = weights_of(task, tap, column, width, packed);
        for (int64_t pixel = 0; pixel < spar_pixels(operation->output->extent); pixel++) {
            int64_t joined = joined_pixel(operation, tap, pixel);
            if (joined < 0) continue;
            int64_t source = task->backward ? pixel : joined, target = task->backward ? joined : pixel;
            task->run.kernels->product(&(spar_product){.rows = last - first,
                                                       .depth = task->from->extent.channels,
                                                       .columns = width,
                                                       .a = copied_row(task, source, first),
                                                       .a_stride = copied_stride(task),
                                                       .b = weights.data,
                                                       .b_stride = weights.stride,
                                                       .c = to.data + first * sample + target * to.stride + column,
                                                       .c_stride = sample,
                                                       .accumulate = true});
        }
    }
}

static void multiply_panels(void *context, int64_t first, int64_t last, int thread) {
    const product_task *task = context;
    for (int64_t index = first; index < last; index++) {
        int64_t part = index % task->parts, batch = task->run.batch;
        multiply_columns(task, batch * part / task->parts, batch * (part + 1) / task->parts,
                         index / task->parts * task->run.kernels->tile_columns,
                         task->run.scratch + thread * task->run.scratch_floats);
    }
}

static void product(const spar_operation *operation, const spar_run *run, bool backward) {
    const spar_tensor *in = operation->inputs[0], *out = operation->output;
    product_task task = {.operation = operation,
                         .run = *run,
                         .backward = backward,
                         .from = backward ? out : in,
                         .to = backward ? in : out};
    int64_t panels = (task.to->stride + run->kernels->tile_columns - 1) / run->kernels->tile_columns;
    task.run.threads = 1;
    task.parts = (run->threads + panels - 1) / panels;
    if (task.parts > run->batch) task.parts = run->batch;
    spar_parallel(run->threads, run->batch, copy_samples, &task);
    spar_parallel(run->threads, panels * task.parts, multiply_panels, &task);
}

// Rows of one pixel, a sample each.
static spar_matrix samples_of(const float *data, const spar_tensor *tensor, int64_t pixel) {
    return (spar_matrix){data + pixel * tensor->stride, spar_sample_floats(tensor)};
}

typedef struct gradient_task {
    const spar_operation *operation;
    const spar_run *run;
    int64_t tiles; // of rows of a tap's weights; an index is one of them
} gradient_task;

// Rows first … first + rows of a tap's weights.
static void add_rows(const gradient_task *task, int64_t tap, int64_t first, int64_t rows) {
    const spar_tensor *in = task->operation->inputs[0], *out = task->operation->output;
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    int64_t stride = weight->spec.stride;
    float *gradient = weight->gradient + (tap * in->extent.channels + first) * stride;
    bool add = task->run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    for (int64_t pixel = 0; pixel < spar_pixels(out->extent); pixel++) {
        int64_t joined = joined_pixel(task->operation, tap, pixel);
        if (joined < 0) continue;
        spar_add_outer_products(task->run->kernels, samples_of(in->data + first, in, joined),
                                samples_of(out->gradient, out, pixel), task->run->batch, rows, stride,
                                (spar_rows){gradient, stride}, add);
        add = true;
    }
    if (!add) memset(gradient, 0, (size_t)(rows * stride) * sizeof *gradient);
}

static void add_tiles(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const gradient_task *task = context;
    int64_t channels = task->operation->inputs[0]->extent.channels, tile_rows = task->run->kernels->tile_rows;
    for (int64_t index = first, end; index < last; index = end) {
        int64_t tap = index / task->tiles, row = index % task->tiles * tile_rows;
        end = (tap + 1) * task->tiles < last ? (tap + 1) * task->tiles : last;
        int64_t past = (end - tap * task->tiles) * tile_rows;
        add_rows(task, tap, row, (past < channels ? past : channels) - row);
    }
}

static void gradient(spar_operation *operation, const spar_run *run) {
    int64_t channels = operation->inputs[0]->extent.channels, tile_rows = run->kernels->tile_rows;
    gradient_task task = {operation, run, (channels + tile_rows - 1) / tile_rows};
    spar_parallel(run->threads, taps_of(operation) * task.tiles, add_tiles, &task);
}

const spar_convolution_algorithm spar_convolution_direct = {.name = "direct",
                                                            .fits = fits,
                                                            .prepare = prepare,
                                                            .multiplications = multiplications,
                                                            .workspace = workspace,
                                                            .product = product,
                                                            .gradient = gradient};
