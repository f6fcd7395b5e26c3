// Gradient of a bias: column sums of the output's gradient, by chunk.
#include "ops/bias.h"

#include <string.h>

// [chunks][2][stride] doubles, of which the second ones are not asked for, and a row of zeros.
static double *sums_of(const spar_run *run) {
    return (double *)run->workspace;
}

static void begin(spar_operation *operation, const spar_run *run) {
    int64_t doubles = spar_chunk_count(run->batch) * 2 * operation->output->stride;
    memset(sums_of(run), 0, (size_t)(doubles * 2 + operation->output->stride) * sizeof(float));
}

static void sum_samples(spar_operation *operation, const spar_run *run, const spar_share *share) {
    const spar_tensor *output = operation->output;
    int64_t stride = output->stride, rows = (share->last - share->first) * spar_pixels(output->extent);
    double *sums = sums_of(run), *sum = sums + share->chunk * 2 * stride;
    const float *zero = (const float *)(sums + spar_chunk_count(run->batch) * 2 * stride);
    run->kernels->column_moments(output->gradient + share->first * spar_sample_floats(output), rows, stride, zero, sum,
                                 sum + stride);
}

static void end(spar_operation *operation, const spar_run *run) {
    const double *sums = sums_of(run);
    float *gradient = operation->parameters[SPAR_BIAS]->gradient;
    bool add = run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    for (int c = 0; c < operation->output->extent.channels; c++) {
        double sum = 0;
        for (int64_t chunk = 0; chunk < spar_chunk_count(run->batch); chunk++) {
            sum += sums[chunk * 2 * operation->output->stride + c];
        }
        gradient[c] = (float)sum + (add ? gradient[c] : 0);
    }
}

int spar_list_bias_pass(const spar_operation *operation, spar_pass *pass) {
    int64_t chunks = spar_chunk_count(operation->batch_size), stride = operation->output->stride;
    *pass = (spar_pass){.begin = begin,
                        .samples = sum_samples,
                        .end = end,
                        .reads = SPAR_OUTPUT_GRADIENT,
                        .writes = SPAR_SUMS,
                        .workspace = chunks * 2 * stride * 2 + stride};
    return operation->parameters[SPAR_BIAS] != NULL;
}
