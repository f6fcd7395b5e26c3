// Averages of the weights over updates.
#include "graph/network.h"

#include "runtime/parallel.h"

#include <string.h>

enum { PIECE = 1 << 14 }; // floats

typedef struct average_task {
    const spar_network *network;
    float weight;
} average_task;

static void average_pieces(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const average_task *task = context;
    const spar_network *network = task->network;
    int64_t start = first * PIECE, end = last * PIECE;
    if (end > network->trainable_floats) end = network->trainable_floats;
    network->run.kernels->average(network->slots[SPAR_PART_AVERAGE] + start, network->slots[SPAR_PART_VALUE] + start,
                                  end - start, task->weight);
}

spar_status spar_average_parameters(spar_network *network, float weight) {
    SPAR_REQUIRE_POINTER(network);
    if (!(weight > 0 && weight <= 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "average: a weight of %g, which has to be above 0 and at most 1",
                         (double)weight);
    }
    bool is_first = network->slots[SPAR_PART_AVERAGE] == NULL;
    SPAR_TRY(spar_hold_state(network, SPAR_PART_AVERAGE));
    if (is_first || weight == 1) {
        memcpy(network->slots[SPAR_PART_AVERAGE], network->slots[SPAR_PART_VALUE],
               (size_t)network->trainable_floats * sizeof(float));
        return SPAR_OK;
    }
    average_task task = {network, weight};
    spar_parallel(network->run.threads, (network->trainable_floats + PIECE - 1) / PIECE, average_pieces, &task);
    return SPAR_OK;
}

spar_status spar_use_average(spar_network *network) {
    SPAR_REQUIRE_POINTER(network);
    float *average = network->slots[SPAR_PART_AVERAGE];
    if (average == NULL) return spar_fail(SPAR_ERROR_STATE, "spar_use_average: the network has no averages");
    memcpy(network->slots[SPAR_PART_VALUE], average, (size_t)network->trainable_floats * sizeof *average);
    spar_release(average);
    network->slots[SPAR_PART_AVERAGE] = NULL;
    network->run.weights_version++;
    return SPAR_OK;
}
