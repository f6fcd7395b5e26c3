// The norm of all gradients. Its sums are those of blocks whose number does not depend on that of threads, added in
// their order.
#include "train/optimizer.h"

#include "runtime/finite.h"
#include "runtime/parallel.h"

enum { BLOCKS = 64 };

typedef struct norm_task {
    const spar_network *network;
    int64_t block; // floats of one
    double *sums;
    double *sum; // of the block at hand
} norm_task;

static void add_stretch(void *context, const spar_parameter *parameter, int64_t first, int64_t last) {
    (void)parameter;
    const norm_task *task = context;
    const spar_network *network = task->network;
    *task->sum += network->run.kernels->sum_of_squares(network->slots[SPAR_PART_GRADIENT] + first, last - first);
}

static void sum_blocks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    norm_task task = *(const norm_task *)context;
    for (int64_t b = first; b < last; b++) {
        task.sum = &task.sums[b];
        spar_visit_stretches(task.network, b * task.block, (b + 1) * task.block, add_stretch, &task);
    }
}

static spar_status fail_with_name(const spar_network *network) {
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (!spar_learns(parameter)) continue;
        int64_t count = parameter->spec.rows * parameter->spec.stride;
        int64_t i = spar_first_non_finite(parameter->gradient, count);
        if (i == count) continue;
        return spar_fail(SPAR_ERROR_NON_FINITE, "%s: its gradient has %g after %llu updates: training has diverged",
                         parameter->name, (double)parameter->gradient[i], (unsigned long long)network->step);
    }
    return spar_fail(SPAR_ERROR_NON_FINITE, "the gradients' norm is not finite");
}

spar_status spar_gradient_norm(const spar_network *network, double *norm) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(norm);
    double sums[BLOCKS] = {0}, sum = 0;
    int64_t block = spar_round_up16((network->trainable_floats + BLOCKS - 1) / BLOCKS);
    norm_task task = {.network = network, .block = block, .sums = sums};
    spar_parallel(network->run.threads, BLOCKS, sum_blocks, &task);
    for (int b = 0; b < BLOCKS; b++) sum += sums[b];
    if (!isfinite(sum)) return fail_with_name(network);
    *norm = sqrt(sum);
    return SPAR_OK;
}
