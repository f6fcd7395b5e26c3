// Gradient of a bias: column sums of the output's gradient.
#include "ops/bias.h"

#include "ops/blocks.h"
#include "runtime/parallel.h"

#include <string.h>

size_t spar_bias_workspace(const spar_tensor *output) {
    return (size_t)output->stride * (SPAR_MAX_CHUNKS * 2 * sizeof(double) / sizeof(float) + 1);
}

typedef struct bias_task {
    const spar_tensor *output;
    const spar_run *run;
    spar_blocks blocks;
    double *sums; // [chunks][2][stride]
} bias_task;

static void sum_chunks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    bias_task *task = context;
    int64_t stride = task->blocks.stride;
    const float *zero = (const float *)(task->sums + task->blocks.chunks * 2 * stride);
    for (int64_t chunk = first; chunk < last; chunk++) {
        double *sum = task->sums + chunk * 2 * stride;
        memset(sum, 0, 2 * (size_t)stride * sizeof *sum);
        int64_t end = spar_chunk_start(&task->blocks, chunk + 1);
        for (int64_t b = spar_chunk_start(&task->blocks, chunk); b < end; b++) {
            spar_block block = spar_block_at(&task->blocks, b, chunk);
            task->run->kernels->column_moments(task->output->gradient + block.offset, block.rows, stride, zero, sum,
                                               sum + stride);
        }
    }
}

void spar_bias_gradient(const spar_tensor *output, const spar_run *run, spar_parameter *bias) {
    bias_task task = {output, run, spar_cut_blocks(output->extent, output->stride, run->batch),
                      (double *)run->workspace};
    int64_t stride = output->stride;
    memset(task.sums + task.blocks.chunks * 2 * stride, 0, (size_t)stride * sizeof(float));
    spar_parallel(run->threads, task.blocks.chunks, sum_chunks, &task);
    bool add = run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    for (int c = 0; c < output->extent.channels; c++) {
        double sum = 0;
        for (int64_t chunk = 0; chunk < task.blocks.chunks; chunk++) sum += task.sums[chunk * 2 * stride + c];
        bias->gradient[c] = (float)sum + (add ? bias->gradient[c] : 0);
    }
}
