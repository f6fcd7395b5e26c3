// Passes in the order of a step; those that may be are chained.
#ifndef SPAR_GRAPH_CHAIN_H
#define SPAR_GRAPH_CHAIN_H

#include "graph/network.h"

// A pass at its place in the plan.
struct spar_work {
    spar_operation *operation;
    spar_pass pass;
    spar_pass_kind kind;
    int chain; // passes of one chain are run together; no chain has the number of the loss, between forward and
               // backward
    int64_t workspace_offset;
    struct spar_pool *pool;   // of the sums of the chain's gradients, on their way between ranks (ranks.h)
    struct spar_slice *slice; // of its gradients, where ranks make it in slices
    bool active;              // the step under way runs it
    spar_run run;             // while it does, with its part of the workspace
};

// Lists the passes that any step runs and numbers their chains: passes by samples, of operations that chain or of one
// operation, up to a pass that reads sums of the chain, which begins the next.
spar_status spar_plan_passes(spar_network *network);

static inline bool spar_is_backward(const spar_work *work) {
    return work->kind != SPAR_PASS_FORWARD;
}

// What a pass writes in the step under way, of spar_use: gradients that nobody wants are left out.
static inline unsigned spar_writes_of(const spar_work *work) {
    const bool *wanted = work->operation->wanted;
    if (!spar_is_backward(work)) return work->pass.writes;
    return work->pass.writes & ~((wanted[0] ? 0u : SPAR_INPUT_GRADIENT) | (wanted[1] ? 0u : SPAR_SECOND_GRADIENT));
}

enum { SPAR_MOST_BUFFERS = 6 }; // that an operation uses

// Lists the buffers of `uses` of an operation; returns how many. Buffers 2·v and 2·v + 1 are the value and the gradient
// of value v.
int spar_list_buffers(const spar_network *network, const spar_operation *operation, unsigned uses, int *list);

// Counts what the active passes of a chain do.
void spar_profile_chain(const spar_network *network, const spar_work *works, int count);

// Runs the forward or the backward ones.
void spar_run_passes(spar_network *network, bool backward);

#endif
