#include "ops/gather.h"

#include "runtime/parallel.h"

#include <string.h>

enum { STRIP_TILES = 16 }; // tiles that share a panel of weights while it is in cache

static spar_status allocate_phase(spar_phase *phase, int pixels, int taps) {
    phase->pixels = pixels;
    phase->taps = taps;
    size_t count = (size_t)pixels + (size_t)pixels * (size_t)taps + (size_t)taps;
    phase->target = spar_allocate(count * sizeof(int32_t));
    if (phase->target == NULL) return SPAR_ERROR_MEMORY;
    phase->source = phase->target + pixels;
    phase->tap = phase->source + (size_t)pixels * (size_t)taps;
    return SPAR_OK;
}

static spar_status finish(spar_gather *gather) {
    for (int p = 0; p < gather->phase_count; p++) {
        spar_phase *phase = &gather->phases[p];
        phase->packed = gather->packed_floats;
        gather->packed_floats +=
            (int64_t)gather->groups * phase->taps * gather->depth * spar_round_up16(gather->columns);
        gather->bytes += sizeof(int32_t) * ((size_t)phase->pixels * (size_t)(1 + phase->taps) + (size_t)phase->taps);
    }
    return SPAR_OK;
}

spar_status spar_gather_forward(spar_gather *gather, const spar_window *w, spar_extent in, spar_extent out) {
    gather->in_pixels = (int)spar_pixels(in);
    gather->out_pixels = (int)spar_pixels(out);
    gather->phase_count = 1;
    gather->phases = spar_allocate(sizeof *gather->phases);
    if (gather->phases == NULL) return SPAR_ERROR_MEMORY;
    spar_phase *phase = &gather->phases[0];
    int taps = w->kernel_height * w->kernel_width;
    SPAR_TRY(allocate_phase(phase, gather->out_pixels, taps));
    for (int t = 0; t < taps; t++) phase->tap[t] = t;
    for (int pixel = 0; pixel < phase->pixels; pixel++) {
        phase->target[pixel] = pixel;
        for (int t = 0; t < taps; t++) {
            int y = pixel / out.width * w->stride_height + t / w->kernel_width - w->padding_height;
            int x = pixel % out.width * w->stride_width + t % w->kernel_width - w->padding_width;
            bool inside = y >= 0 && y < in.height && x >= 0 && x < in.width;
            phase->source[pixel * taps + t] = inside ? y * in.width + x : -1;
        }
    }
    return finish(gather);
}

// Input row y is reached through tap ky from output row (y + padding − ky) / stride where that divides; along one axis.
static int taps_of_phase(int phase, int stride, int kernel, int padding, int *taps) {
    int count = 0;
    for (int k = 0; k < kernel; k++) {
        if ((phase + padding - k) % stride == 0) taps[count++] = k;
    }
    return count;
}

static int source_of(int position, int tap, int stride, int padding, int size) {
    int numerator = position + padding - tap;
    return numerator < 0 || numerator / stride >= size ? -1 : numerator / stride;
}

static spar_status build_phase(spar_phase *phase, const spar_window *w, spar_extent in, spar_extent out, int phase_y,
                               int phase_x, int *taps_y, int *taps_x) {
    int count_y = taps_of_phase(phase_y, w->stride_height, w->kernel_height, w->padding_height, taps_y);
    int count_x = taps_of_phase(phase_x, w->stride_width, w->kernel_width, w->padding_width, taps_x);
    int rows = (in.height - phase_y + w->stride_height - 1) / w->stride_height;
    int columns = (in.width - phase_x + w->stride_width - 1) / w->stride_width;
    if (rows < 0 || columns < 0) rows = columns = 0;
    SPAR_TRY(allocate_phase(phase, rows * columns, count_y * count_x));
    for (int t = 0; t < phase->taps; t++) phase->tap[t] = taps_y[t / count_x] * w->kernel_width + taps_x[t % count_x];
    for (int pixel = 0; pixel < phase->pixels; pixel++) {
        int y = phase_y + pixel / columns * w->stride_height, x = phase_x + pixel % columns * w->stride_width;
        phase->target[pixel] = y * in.width + x;
        for (int t = 0; t < phase->taps; t++) {
            int sy = source_of(y, taps_y[t / count_x], w->stride_height, w->padding_height, out.height);
            int sx = source_of(x, taps_x[t % count_x], w->stride_width, w->padding_width, out.width);
            phase->source[pixel * phase->taps + t] = sy < 0 || sx < 0 ? -1 : sy * out.width + sx;
        }
    }
    return SPAR_OK;
}

spar_status spar_gather_backward(spar_gather *gather, const spar_window *w, spar_extent in, spar_extent out) {
    gather->in_pixels = (int)spar_pixels(out);
    gather->out_pixels = (int)spar_pixels(in);
    int count = w->stride_height * w->stride_width;
    gather->phases = spar_allocate((size_t)count * sizeof *gather->phases);
    if (gather->phases == NULL) return SPAR_ERROR_MEMORY;
    gather->phase_count = count;
    int *taps = spar_allocate((size_t)(w->kernel_height + w->kernel_width) * sizeof *taps);
    if (taps == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = SPAR_OK;
    for (int p = 0; p < count && status == SPAR_OK; p++) {
        status = build_phase(&gather->phases[p], w, in, out, p / w->stride_width, p % w->stride_width, taps,
                             taps + w->kernel_height);
    }
    spar_release(taps);
    return status == SPAR_OK ? finish(gather) : status;
}

void spar_gather_discard(spar_gather *gather) {
    for (int p = 0; p < gather->phase_count && gather->phases != NULL; p++) spar_release(gather->phases[p].target);
    spar_release(gather->phases);
}

static int most_taps(const spar_gather *gather) {
    int most = 1;
    for (int p = 0; p < gather->phase_count; p++) most = most > gather->phases[p].taps ? most : gather->phases[p].taps;
    return most;
}

// Of one thread: pointers to the rows that a strip reads and writes, and a tile for columns that are not whole.
static int64_t thread_floats(const spar_gather *gather) {
    int64_t rows = STRIP_TILES * SPAR_MAX_TILE_ROWS, taps = most_taps(gather);
    int64_t floats = rows * (taps + 1) * 2 + SPAR_MAX_TILE_ROWS * SPAR_MAX_TILE_COLUMNS;
    return spar_round_up16(floats);
}

int64_t spar_gather_workspace(const spar_gather *gather, int threads) {
    return threads * thread_floats(gather);
}

typedef struct pack_task {
    const spar_gather *gather;
    const spar_phase *phase;
    const spar_kernels *kernels;
    const float *weights;
    int64_t stride;
    float *packed;
} pack_task;

// A task is one row k of one group: its panels are `tile_columns` wide, the last perhaps 16.
static void pack_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    pack_task *task = context;
    const spar_gather *gather = task->gather;
    int64_t rows = (int64_t)task->phase->taps * gather->depth, columns = spar_round_up16(gather->columns);
    for (int64_t index = first; index < last; index++) {
        int64_t group = index / rows, k = index % rows;
        int64_t row = task->phase->tap[k / gather->depth] * (int64_t)gather->depth + k % gather->depth;
        const float *source = task->weights + row * task->stride + group * gather->columns;
        float *packed = task->packed + task->phase->packed + group * rows * columns;
        for (int64_t panel = 0; panel < columns; panel += task->kernels->tile_columns) {
            int64_t left = columns - panel,
                    width = left < task->kernels->tile_columns ? left : task->kernels->tile_columns;
            for (int64_t c = 0; c < width; c++) {
                packed[panel * rows + k * width + c] = panel + c < gather->columns ? source[panel + c] : 0;
            }
        }
    }
}

// A task is 16 rows of one tap and group: depth counts the layer's outputs and columns its inputs.
static void pack_transposed_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    pack_task *task = context;
    const spar_gather *gather = task->gather;
    int64_t rows = (int64_t)task->phase->taps * gather->depth, columns = spar_round_up16(gather->columns);
    int64_t blocks = (gather->depth + 15) / 16;
    for (int64_t index = first; index < last; index++) {
        int64_t start = index % blocks * 16, tap = index / blocks % task->phase->taps;
        int64_t group = index / blocks / task->phase->taps;
        int64_t count = gather->depth - start < 16 ? gather->depth - start : 16;
        const float *source = task->weights + task->phase->tap[tap] * (int64_t)gather->columns * task->stride +
                              group * gather->depth + start;
        float *packed = task->packed + task->phase->packed + group * rows * columns;
        for (int64_t panel = 0; panel < columns; panel += task->kernels->tile_columns) {
            int64_t left = columns - panel,
                    width = left < task->kernels->tile_columns ? left : task->kernels->tile_columns;
            float *target = packed + panel * rows + (tap * gather->depth + start) * width;
            int64_t real = gather->columns - panel < width ? gather->columns - panel : width;
            int64_t whole = count == 16 ? real / 4 * 4 : 0;
            task->kernels->transpose16(source + panel * task->stride, task->stride, whole, target, width);
            for (int64_t r = 0; r < count; r++) {
                for (int64_t c = whole; c < width; c++) {
                    target[r * width + c] = c < real ? source[(panel + c) * task->stride + r] : 0;
                }
            }
        }
    }
}

void spar_gather_pack(const spar_gather *gather, const spar_run *run, const float *weights, int64_t stride,
                      bool transposed, float *packed) {
    for (int p = 0; p < gather->phase_count; p++) {
        const spar_phase *phase = &gather->phases[p];
        pack_task task = {gather, phase, run->kernels, weights, stride, packed};
        int64_t rows = (int64_t)gather->groups * phase->taps;
        if (transposed) {
            spar_parallel(run->threads, rows * ((gather->depth + 15) / 16), pack_transposed_rows, &task);
        } else {
            spar_parallel(run->threads, rows * gather->depth, pack_rows, &task);
        }
    }
}

typedef struct product_task {
    const spar_gather *gather;
    const spar_phase *phase;
    const spar_run *run;
    const float *packed, *zeros, *bias;
    spar_rows in, out;
    bool accumulate;
    int64_t pixels; // of the whole batch
    float *workspace;
    int64_t workspace_floats;
} product_task;

typedef struct strip {
    const float **rows; // [tiles][taps][tile rows]
    float **targets;    // [tiles][tile rows]
    float *narrow;      // a tile for columns that are not a multiple of 16
} strip;

static int tile_height(const product_task *task, int64_t tile) {
    int64_t left = task->pixels - tile * task->run->kernels->tile_rows;
    return (int)(left < task->run->kernels->tile_rows ? left : task->run->kernels->tile_rows);
}

// Points a strip's rows at the input, for group 0, and its targets at the output.
static void point_rows(const product_task *task, int64_t first, int64_t last, strip *strip) {
    const spar_phase *phase = task->phase;
    const spar_gather *gather = task->gather;
    int taps = phase->taps, tile_rows = task->run->kernels->tile_rows;
    int64_t sample = first * tile_rows / phase->pixels, local = first * tile_rows % phase->pixels;
    for (int64_t tile = first; tile < last; tile++) {
        const float **rows = strip->rows + (tile - first) * taps * tile_rows;
        int height = tile_height(task, tile);
        for (int r = 0; r < height; r++) {
            const int32_t *source = phase->source + local * taps;
            const float *image = task->in.data + sample * gather->in_pixels * task->in.stride;
            strip->targets[(tile - first) * tile_rows + r] =
                task->out.data + (sample * gather->out_pixels + phase->target[local]) * task->out.stride;
            for (int t = 0; t < taps; t++) {
                rows[t * height + r] = source[t] < 0 ? task->zeros : image + source[t] * task->in.stride;
            }
            if (++local == phase->pixels) local = 0, sample++;
        }
    }
}

// Moves a strip's rows on to the next group.
static void shift_rows(const product_task *task, strip *strip, int64_t first, int64_t last) {
    int taps = task->phase->taps;
    for (int64_t tile = first; tile < last; tile++) {
        const float **rows = strip->rows + (tile - first) * taps * task->run->kernels->tile_rows;
        for (int i = 0; i < taps * tile_height(task, tile); i++) {
            if (rows[i] != task->zeros) rows[i] += task->gather->depth;
        }
    }
}

// Columns that do not fill vectors are made in a tile of their own and copied; zeros fill the row's padding.
static void copy_narrow(const product_task *task, const float *narrow, int width, float *const *c, int rows,
                        int columns, int64_t padding) {
    for (int r = 0; r < rows; r++) {
        for (int i = 0; i < columns; i++) {
            c[r][i] = narrow[r * width + i] + (task->accumulate ? c[r][i] : 0);
        }
        memset(c[r] + columns, 0, (size_t)padding * sizeof *c[r]);
    }
}

static void one_tile(const product_task *task, const strip *strip, int64_t tile, int64_t in_strip, int group, int panel,
                     int width, const float *b) {
    const spar_gather *gather = task->gather;
    int height = tile_height(task, tile);
    float *c[SPAR_MAX_TILE_ROWS], *narrow[SPAR_MAX_TILE_ROWS];
    int64_t column = (int64_t)group * gather->columns + panel;
    for (int r = 0; r < height; r++) {
        c[r] = strip->targets[in_strip * task->run->kernels->tile_rows + r] + column;
        narrow[r] = strip->narrow + r * width;
    }
    bool whole = panel + width <= gather->columns || (gather->groups == 1 && panel + width <= task->out.stride);
    spar_product_tile product = {.rows = height,
                                 .columns = width,
                                 .taps = task->phase->taps,
                                 .depth = gather->depth,
                                 .a = strip->rows + in_strip * task->phase->taps * task->run->kernels->tile_rows,
                                 .b = b,
                                 .b_stride = width,
                                 .c = whole ? c : narrow,
                                 .accumulate = whole && task->accumulate,
                                 .bias = whole && task->bias != NULL ? task->bias + column : NULL};
    task->run->kernels->product_tile(&product);
    if (whole) return;
    int columns = gather->columns - panel < width ? gather->columns - panel : width;
    for (int r = 0; r < height && task->bias != NULL; r++) {
        for (int i = 0; i < columns; i++) narrow[r][i] += task->bias[column + i];
    }
    int64_t rest = task->out.stride - column - columns;
    bool last = group == gather->groups - 1 && panel + width >= gather->columns;
    copy_narrow(task, strip->narrow, width, c, height, columns, last ? rest : 0);
}

static void product_tiles(void *context, int64_t first, int64_t last, int thread) {
    product_task *task = context;
    const spar_gather *gather = task->gather;
    int tile_columns = task->run->kernels->tile_columns;
    int64_t columns = spar_round_up16(gather->columns), k = (int64_t)task->phase->taps * gather->depth;
    int64_t rows = STRIP_TILES * (int64_t)SPAR_MAX_TILE_ROWS;
    strip strip = {.rows = (const float **)(task->workspace + thread * task->workspace_floats)};
    strip.targets = (float **)(strip.rows + rows * most_taps(gather));
    strip.narrow = (float *)(strip.targets + rows);
    for (int64_t start = first; start < last; start += STRIP_TILES) {
        int64_t end = start + STRIP_TILES < last ? start + STRIP_TILES : last;
        point_rows(task, start, end, &strip);
        for (int group = 0; group < gather->groups; group++) {
            const float *packed = task->packed + task->phase->packed + group * k * columns;
            for (int panel = 0; panel < columns; panel += tile_columns) {
                int width = columns - panel < tile_columns ? (int)columns - panel : tile_columns;
                for (int64_t tile = start; tile < end; tile++) {
                    one_tile(task, &strip, tile, tile - start, group, panel, width, packed + panel * k);
                }
            }
            if (group + 1 < gather->groups) shift_rows(task, &strip, start, end);
        }
    }
}

void spar_gather_product(const spar_gather *gather, const spar_run *run, const float *packed, const float *zeros,
                         const float *bias, spar_rows in, spar_rows out, bool accumulate) {
    for (int p = 0; p < gather->phase_count; p++) {
        const spar_phase *phase = &gather->phases[p];
        product_task task = {.gather = gather,
                             .phase = phase,
                             .run = run,
                             .packed = packed,
                             .zeros = zeros,
                             .bias = bias,
                             .in = in,
                             .out = out,
                             .accumulate = accumulate,
                             .pixels = (int64_t)run->batch * phase->pixels,
                             .workspace = run->workspace,
                             .workspace_floats = thread_floats(gather)};
        int64_t tiles = (task.pixels + run->kernels->tile_rows - 1) / run->kernels->tile_rows;
        spar_parallel(run->threads, tiles, product_tiles, &task);
    }
}
