// The algorithm for every convolution: products over gathered rows. Gradient of the weights: for every tap, the sum
// over pixels of the outer product of an input row and an output gradient row. Pixels are cut into splits whose partial
// sums are added in order.
#include "ops/convolution.h"

#include "runtime/parallel.h"

#include <string.h>

enum { BLOCK_PIXELS = 256, MOST_SPLITS = 16, MOST_PARTIAL_FLOATS = 1 << 22, FEW_ROWS = 42 };

typedef struct gradient_task {
    const spar_step *step;
    const spar_run *run;
    const spar_gather *gather;
    int64_t rows, columns; // of a group's partial sums; columns padded
    int64_t pixels, splits, panels;
    int64_t parts; // of the panels, so that there are tasks enough with few splits
    bool direct;   // sums go straight into the gradient
    float *partials;
    float *scratch;
    int64_t scratch_floats;
} gradient_task;

static int64_t scratch_floats(const spar_gather *gather) {
    int64_t taps = gather->phases[0].taps;
    return spar_round_up16(2 * BLOCK_PIXELS * taps + BLOCK_PIXELS * SPAR_MAX_TILE_COLUMNS);
}

static int64_t gradient_workspace(const spar_step *step, spar_convolution *convolution) {
    const spar_gather *gather = &convolution->gather[0];
    int64_t weights =
        (int64_t)gather->groups * gather->phases[0].taps * gather->depth * spar_round_up16(gather->columns);
    int64_t blocks = ((int64_t)step->batch_size * gather->out_pixels + BLOCK_PIXELS - 1) / BLOCK_PIXELS;
    int64_t splits = MOST_PARTIAL_FLOATS / weights;
    if (splits > MOST_SPLITS) splits = MOST_SPLITS;
    if (splits > blocks) splits = blocks;
    convolution->splits = splits < 1 ? 1 : splits;
    return convolution->splits * weights + step->threads * scratch_floats(gather);
}

// Fills x[tap][pixel] with input rows of pixels first … first + count.
static void point_pixels(const gradient_task *task, int64_t first, int64_t count, const float **x) {
    const spar_tensor *input = task->step->inputs[0];
    const spar_phase *phase = &task->gather->phases[0];
    const float *zeros = spar_convolution_of(task->step)->zeros;
    int64_t sample = first / phase->pixels, local = first % phase->pixels;
    for (int64_t p = 0; p < count; p++) {
        const int32_t *source = phase->source + local * phase->taps;
        const float *image = input->data + sample * task->gather->in_pixels * input->stride;
        for (int t = 0; t < phase->taps; t++) {
            x[(int64_t)t * BLOCK_PIXELS + p] = source[t] < 0 ? zeros : image + source[t] * input->stride;
        }
        if (++local == phase->pixels) local = 0, sample++;
    }
}

// Copies a panel of the output's gradient so that its rows follow each other.
static void pack_gradient(const gradient_task *task, int64_t first, int64_t count, int group, int64_t panel, int width,
                          float *packed) {
    const spar_tensor *output = task->step->output;
    int64_t left = task->gather->columns - panel, columns = left < width ? left : width;
    const float *d = output->gradient + first * output->stride + (int64_t)group * task->gather->columns + panel;
    for (int64_t p = 0; p < count; p++, d += output->stride, packed += width) {
        memcpy(packed, d, (size_t)columns * sizeof *d);
        memset(packed + columns, 0, (size_t)(width - columns) * sizeof *d);
    }
}

static void add_block(const gradient_task *task, const float *const *x, int64_t count, int64_t x_offset, int rows,
                      const float *d, int64_t d_stride, int width, float *sums) {
    int tile_rows = task->run->kernels->tile_rows;
    for (int row = 0; row < rows; row += tile_rows) {
        spar_outer_tile tile = {.rows = rows - row < tile_rows ? rows - row : tile_rows,
                                .columns = width,
                                .count = count,
                                .x = x,
                                .x_offset = x_offset + row,
                                .d = d,
                                .d_stride = d_stride,
                                .c = sums + row * task->columns,
                                .c_stride = task->columns,
                                .accumulate = true};
        task->run->kernels->outer_tile(&tile);
    }
}

// The outer products of one block of pixels with one panel of one group.
static void add_panel(const gradient_task *task, const float **x, int64_t start, int64_t count, int group,
                      int64_t panel, float *packed, float *sums) {
    const spar_gather *gather = task->gather;
    const spar_tensor *output = task->step->output;
    int tile_columns = task->run->kernels->tile_columns;
    int width = task->columns - panel < tile_columns ? (int)(task->columns - panel) : tile_columns;
    const float *d = packed;
    int64_t d_stride = width;
    // Packing pays when several tiles of rows read the panel, and is needed where it is not whole.
    if (gather->groups == 1 && task->rows <= FEW_ROWS) {
        d = output->gradient + start * output->stride + panel;
        d_stride = output->stride;
    } else {
        pack_gradient(task, start, count, group, panel, width, packed);
    }
    // A row of zeros holds as many channels as any input row, so the group's offset fits it too.
    for (int t = 0; t < gather->phases[0].taps; t++) {
        add_block(task, x + t * BLOCK_PIXELS, count, (int64_t)group * gather->depth, gather->depth, d, d_stride, width,
                  sums + (int64_t)t * gather->depth * task->columns + panel);
    }
}

// Index: split, then group, then part of the panels.
static void sum_panels(void *context, int64_t first, int64_t last, int thread) {
    gradient_task *task = context;
    const spar_gather *gather = task->gather;
    int tile_columns = task->run->kernels->tile_columns;
    const float **x = (const float **)(task->scratch + thread * task->scratch_floats);
    float *packed = (float *)(x + BLOCK_PIXELS * gather->phases[0].taps);
    for (int64_t index = first; index < last; index++) {
        int64_t split = index / (gather->groups * task->parts), part = index % task->parts;
        int group = (int)(index / task->parts % gather->groups);
        int64_t begin = task->panels * part / task->parts * tile_columns;
        int64_t stop = task->panels * (part + 1) / task->parts * tile_columns;
        if (stop > task->columns) stop = task->columns;
        float *sums = task->partials + (split * gather->groups + group) * task->rows * task->columns;
        for (int64_t row = 0; row < task->rows && !task->direct; row++) {
            memset(sums + row * task->columns + begin, 0, (size_t)(stop - begin) * sizeof *sums);
        }
        int64_t end = task->pixels * (split + 1) / task->splits;
        for (int64_t start = task->pixels * split / task->splits; start < end; start += BLOCK_PIXELS) {
            int64_t count = end - start < BLOCK_PIXELS ? end - start : BLOCK_PIXELS;
            point_pixels(task, start, count, x);
            for (int64_t panel = begin; panel < stop; panel += tile_columns) {
                add_panel(task, x, start, count, group, panel, packed, sums);
            }
        }
    }
}

static void add_splits(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    gradient_task *task = context;
    const spar_parameter *weight = task->step->parameters[0];
    int groups = task->gather->groups, columns = task->gather->columns;
    int64_t split_floats = groups * task->rows * task->columns;
    bool add = task->run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    for (int64_t row = first; row < last; row++) {
        for (int group = 0; group < groups; group++) {
            float *gradient = weight->gradient + row * weight->spec.stride + (int64_t)group * columns;
            const float *sums = task->partials + (group * task->rows + row) * task->columns;
            if (!add) memset(gradient, 0, (size_t)columns * sizeof *gradient);
            for (int64_t split = 0; split < task->splits; split++, sums += split_floats) {
                for (int c = 0; c < columns; c++) gradient[c] += sums[c];
            }
        }
    }
}

static void gradient(const spar_step *step, const spar_run *run) {
    const spar_convolution *convolution = step->state;
    const spar_gather *gather = &convolution->gather[0];
    const spar_parameter *weight = step->parameters[0];
    int tile_columns = run->kernels->tile_columns;
    gradient_task task = {.step = step,
                          .run = run,
                          .gather = gather,
                          .rows = (int64_t)gather->phases[0].taps * gather->depth,
                          .columns = spar_round_up16(gather->columns),
                          .pixels = (int64_t)run->batch * gather->out_pixels,
                          .splits = convolution->splits,
                          .direct = convolution->splits == 1 && gather->groups == 1,
                          .scratch_floats = scratch_floats(gather)};
    task.panels = (task.columns + tile_columns - 1) / tile_columns;
    task.parts = (MOST_SPLITS + task.splits - 1) / task.splits;
    if (task.parts > task.panels) task.parts = task.panels;
    int64_t partial_floats = task.splits * gather->groups * task.rows * task.columns;
    task.scratch = run->workspace + partial_floats;
    task.partials = task.direct ? weight->gradient : run->workspace;
    if (task.direct && !(run->backward_flags & SPAR_BACKWARD_ACCUMULATE)) {
        memset(weight->gradient, 0, (size_t)(task.rows * task.columns) * sizeof(float));
    }
    spar_parallel(run->threads, task.splits * gather->groups * task.parts, sum_panels, &task);
    if (!task.direct) spar_parallel(run->threads, task.rows, add_splits, &task);
}

static bool fits(const spar_step *step) {
    (void)step;
    return true;
}

static spar_status prepare(spar_step *step) {
    SPAR_TRY(spar_prepare_gathers(step));
    spar_convolution *convolution = step->state;
    spar_want_workspace(step, spar_gather_workspace(&convolution->gather[0], step->threads));
    spar_want_workspace(step, spar_gather_workspace(&convolution->gather[1], step->threads));
    spar_want_workspace(step, gradient_workspace(step, convolution));
    return SPAR_OK;
}

static int64_t packed_floats(const spar_step *step, bool backward) {
    return spar_convolution_of(step)->gather[backward].packed_floats;
}

static void pack(const spar_step *step, const spar_run *run, bool backward) {
    const spar_convolution *convolution = step->state;
    const spar_parameter *weight = step->parameters[0];
    spar_gather_pack(&convolution->gather[backward], run, weight->value, weight->spec.stride, backward,
                     convolution->packed[backward]);
}

static void product(const spar_step *step, const spar_run *run, bool backward) {
    const spar_convolution *convolution = step->state;
    spar_gather_product(&convolution->gather[backward], run, convolution->packed[backward], convolution->zeros,
                        spar_product_bias(step, backward), spar_product_input(step, backward),
                        spar_product_output(step, backward), spar_product_accumulates(step, backward));
}

const spar_convolution_algorithm spar_convolution_gathered = {.name = "gathered",
                                                              .fits = fits,
                                                              .prepare = prepare,
                                                              .packed_floats = packed_floats,
                                                              .pack = pack,
                                                              .product = product,
                                                              .gradient = gradient};
