#include "graph/ranks.h"

#include "ops/sweep.h"

#include <string.h>

// A running mean and variance a set stand beside each γ and β.
spar_status spar_plan_own_statistics(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    int64_t floats = 0;
    for (int p = 0; p < network->graph_parameter_count; p++) {
        const spar_parameter_spec *spec = &network->parameters[p].spec;
        if (spec->normalizes) floats += 2 * spec->columns;
    }
    if (!network->part.own_statistics || floats == 0) return SPAR_OK;
    ranks->statistics = spar_allocate_for_ranks(ranks, (size_t)(ranks->group.size * floats), sizeof *ranks->statistics);
    return ranks->statistics == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
}

// Moves what a rank has to an entry, or back. Returns how many floats.
typedef int64_t (*mover)(const spar_network *network, float *entry, bool back);

// The sum over ranks takes the place of what each has, times its share.
static void join(spar_network *network, mover move, double share) {
    spar_ranks *ranks = network->ranks;
    if (ranks == NULL || ranks->statistics == NULL) return;
    float *entries = ranks->statistics;
    int64_t count = move(network, entries, false);
    if (count == 0) return;
    float *own = entries + ranks->group.rank * count;
    for (int64_t i = 0; i < count; i++) own[i] = share > 0 ? (float)(share * entries[i]) : 0;
    spar_exchange_entries(ranks, entries, (size_t)count * sizeof *entries);
    for (int r = 1; r < ranks->group.size; r++) {
        for (int64_t i = 0; i < count; i++) entries[i] += entries[r * count + i];
    }
    move(network, entries, true);
}

static int64_t move_gradients(const spar_network *network, float *entry, bool back) {
    bool auxiliary = network->run.flags & SPAR_FORWARD_AUXILIARY;
    int64_t floats = 0;
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (!parameter->spec.normalizes || !spar_learns(parameter) || parameter->auxiliary != auxiliary) continue;
        size_t bytes = (size_t)parameter->spec.columns * sizeof *entry;
        memcpy(back ? parameter->gradient : entry + floats, back ? entry + floats : parameter->gradient, bytes);
        floats += parameter->spec.columns;
    }
    return floats;
}

void spar_join_own_gradients(spar_network *network) {
    join(network, move_gradients, 1);
}

static int64_t move_pending(const spar_network *network, float *entry, bool back) {
    int64_t floats = 0;
    for (int s = 0; s < network->operation_count; s++) {
        floats += spar_sweep_move_pending(network->operations[s].sweep, entry + floats, back);
    }
    return floats;
}

spar_status spar_join_own_statistics(spar_network *network) {
    const spar_run *run = &network->run;
    join(network, move_pending, (double)run->batch / (double)run->part.batch);
    return spar_check_exchanges(network);
}
