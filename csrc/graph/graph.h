// The description of a network: an array of nodes in the order they were added; a value is a node's number.
#ifndef SPAR_GRAPH_GRAPH_H
#define SPAR_GRAPH_GRAPH_H

#include "ops/layer.h"

// Planning is more than linear in them.
enum { SPAR_MOST_LAYERS = 1 << 16 };

struct spar_graph {
    spar_node *nodes;
    int count, capacity;
    int *by_name;               // nodes in the order of their names
    spar_status failure_status; // of the first call that failed
    char failure[SPAR_MOST_SENTENCE];
};

// Adds a node made by hand (its name NULL or to be copied; its constants to be copied).
spar_value spar_graph_add(spar_graph *graph, const spar_node *node);

// Remembers the first failure, so that a whole network can be described before the one check.
spar_value spar_graph_fail(spar_graph *graph, spar_status status);

// Marks, of graph->count values, those that `output` depends on, and the input.
void spar_graph_find_live(const spar_graph *graph, spar_value output, bool *live);

spar_status spar_graph_copy(const spar_graph *graph, spar_graph **copy);

#endif
