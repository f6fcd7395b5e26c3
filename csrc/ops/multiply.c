#include "ops/multiply.h"

#include "runtime/parallel.h"

#include <string.h>

// Rows of x and d that stay in the first-level cache while a panel of c is summed; fewer load and store c more often.
// 64 and 256 changed LeNet-5's step by no more than the timing's noise (some 10 %).
enum { OUTER_ROWS = 128 };

static int panel_width(int64_t columns, int64_t panel, int tile_columns) {
    return columns - panel < tile_columns ? (int)(columns - panel) : tile_columns;
}

typedef struct pack_task {
    const spar_kernels *kernels;
    spar_matrix weights;
    int64_t depth, columns;
    float *packed;
} pack_task;

static void pack_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const pack_task *task = context;
    int64_t columns = spar_round_up16(task->columns);
    for (int64_t panel = 0; panel < columns; panel += task->kernels->tile_columns) {
        int width = panel_width(columns, panel, task->kernels->tile_columns);
        int real = panel_width(task->columns, panel, width);
        for (int64_t k = first; k < last; k++) {
            float *target = task->packed + panel * task->depth + k * width;
            memcpy(target, task->weights.data + k * task->weights.stride + panel, (size_t)real * sizeof *target);
            memset(target + real, 0, (size_t)(width - real) * sizeof *target);
        }
    }
}

void spar_pack(const spar_run *run, spar_matrix weights, int64_t depth, int64_t columns, float *packed) {
    pack_task task = {run->kernels, weights, depth, columns, packed};
    spar_parallel(run->threads, depth, pack_rows, &task);
}

// An index is 16 rows k of all panels.
static void pack_transposed_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const pack_task *task = context;
    int64_t columns = spar_round_up16(task->columns), stride = task->weights.stride;
    for (int64_t panel = 0; panel < columns; panel += task->kernels->tile_columns) {
        int width = panel_width(columns, panel, task->kernels->tile_columns);
        int real = panel_width(task->columns, panel, width);
        for (int64_t k = 16 * first; k < 16 * last && k < task->depth; k += 16) {
            const float *source = task->weights.data + panel * stride + k;
            float *target = task->packed + panel * task->depth + k * width;
            int rows = panel_width(task->depth, k, 16), whole = rows == 16 ? real / 4 * 4 : 0;
            task->kernels->transpose(source, stride, whole, 16, target, width);
            for (int c = whole; c < width; c++) {
                for (int r = 0; r < rows; r++) target[r * width + c] = c < real ? source[c * stride + r] : 0;
            }
        }
    }
}

void spar_pack_transposed(const spar_run *run, spar_matrix weights, int64_t depth, int64_t columns, float *packed) {
    pack_task task = {run->kernels, weights, depth, columns, packed};
    spar_parallel(run->threads, (depth + 15) / 16, pack_transposed_rows, &task);
}

void spar_multiply(const spar_kernels *kernels, spar_matrix a, int64_t rows, int64_t depth, const float *packed,
                   int64_t columns, const float *bias, spar_rows c, bool accumulate) {
    for (int64_t panel = 0; panel < columns; panel += kernels->tile_columns) {
        int width = panel_width(columns, panel, kernels->tile_columns);
        kernels->product(&(spar_product){.rows = rows,
                                         .depth = depth,
                                         .columns = width,
                                         .a = a.data,
                                         .a_stride = a.stride,
                                         .b = packed + panel * depth,
                                         .b_stride = width,
                                         .next_b = panel == 0 ? NULL : packed + (panel + width) * depth,
                                         .c = c.data + panel,
                                         .c_stride = c.stride,
                                         .accumulate = accumulate,
                                         .bias = bias == NULL ? NULL : bias + panel});
    }
}

void spar_add_outer_products(const spar_kernels *kernels, spar_matrix x, spar_matrix d, int64_t count, int64_t rows,
                             int64_t columns, spar_rows c, bool accumulate) {
    for (int64_t start = 0; start < count; start += OUTER_ROWS) {
        for (int64_t panel = 0; panel < columns; panel += kernels->tile_columns) {
            kernels->outer_product(
                &(spar_outer_product){.rows = rows,
                                      .count = count - start < OUTER_ROWS ? count - start : OUTER_ROWS,
                                      .lines = 1,
                                      .columns = panel_width(columns, panel, kernels->tile_columns),
                                      .x = x.data + start * x.stride,
                                      .x_stride = x.stride,
                                      .d = d.data + start * d.stride + panel,
                                      .d_stride = d.stride,
                                      .c = c.data + panel,
                                      .c_stride = c.stride,
                                      .accumulate = accumulate || start > 0});
        }
    }
}
