// Passes in the order they are added; those that may be are chained.
#ifndef SPAR_GRAPH_CHAIN_H
#define SPAR_GRAPH_CHAIN_H

#include "graph/network.h"

struct spar_work {
    spar_operation *operation;
    spar_pass pass;
    spar_run run; // with the operation's part of the workspace
    spar_pass_kind kind;
    int chain;
};

// Numbers the chains: operations that follow each other, whose passes all may be chained, up to a batch norm, which
// begins the next.
void spar_find_chains(spar_network *network);

// Adds an operation's passes of one kind, and runs what need not wait for more.
void spar_add_passes(spar_network *network, spar_operation *operation, spar_pass_kind kind);

// Runs the passes that have been added.
void spar_run_passes(spar_network *network);

#endif
