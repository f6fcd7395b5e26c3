// Gradient of a bias: column sums of the output's gradient, by chunk.
#include "ops/bias.h"

#include "ops/sums.h"

#include <string.h>

// [chunks][2][stride] doubles, of which the second ones are not asked for, and a row of zeros.
static double *sums_of(const spar_run *run) {
    return (double *)run->workspace;
}

static void begin(spar_operation *operation, const spar_run *run) {
    int64_t doubles = spar_chunk_count(run->part.batch) * 2 * operation->output->stride;
    memset(sums_of(run), 0, (size_t)(doubles * 2 + operation->output->stride) * sizeof(float));
}

static void sum_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_tensor *output = operation->output;
    int64_t stride = output->stride, rows = (share->last - share->first) * spar_pixels(output->extent);
    double *sums = sums_of(run), *sum = sums + share->chunk * 2 * stride;
    const float *zero = (const float *)(sums + spar_chunk_count(run->part.batch) * 2 * stride);
    run->kernels->column_moments(output->gradient + share->first * spar_sample_floats(output), rows, stride, zero, sum,
                                 sum + stride);
}

static int list_sums(const spar_operation *operation, const spar_run *run, spar_sums *list) {
    int64_t stride = operation->output->stride;
    list[0] = (spar_sums){.rows = sums_of(run),
                          .row_bytes = 2 * stride * (int64_t)sizeof(double),
                          .columns = stride,
                          .combine = spar_add_doubles};
    return 1;
}

static void end(spar_operation *operation, const spar_run *run) {
    const double *sum = sums_of(run);
    float *gradient = operation->parameters[SPAR_BIAS]->gradient;
    bool add = run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    for (int c = 0; c < operation->output->extent.channels; c++) {
        gradient[c] = (float)sum[c] + (add ? gradient[c] : 0);
    }
}

int spar_list_bias_pass(const spar_operation *operation, spar_pass *pass) {
    int64_t chunks = spar_most_chunks(operation->part_batch_size), stride = operation->output->stride;
    *pass = (spar_pass){.begin = begin,
                        .samples = sum_samples,
                        .sums = list_sums,
                        .end = end,
                        .reads = SPAR_OUTPUT_GRADIENT,
                        .writes = SPAR_SUMS,
                        .workspace = chunks * 2 * stride * 2 + stride};
    return operation->parameters[SPAR_BIAS] != NULL;
}
