// The description of a network: an array of nodes in the order they were added; a value is a node's number.
#ifndef SPAR_GRAPH_GRAPH_H
#define SPAR_GRAPH_GRAPH_H

#include "ops/layer.h"

struct spar_graph {
    spar_node *nodes;
    int count, capacity;
    char *failure; // the first sentence, once a call has failed
    spar_status failure_status;
};

// Adds a node made by hand (its name NULL or to be copied; its constants to be copied).
spar_value spar_graph_add(spar_graph *graph, const spar_node *node);

spar_status spar_graph_copy(const spar_graph *graph, spar_graph **copy);

#endif
