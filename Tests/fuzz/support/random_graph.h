// A graph that bytes describe.
#ifndef FUZZ_RANDOM_GRAPH_H
#define FUZZ_RANDOM_GRAPH_H

#include "fuzz.h"

typedef struct fuzz_graph {
    spar_graph *graph;
    spar_value output;
    double weights, activations; // numbers, those of one image; as real numbers they cannot overflow
} fuzz_graph;

// Most graphs are possible and small. To be freed by spar_graph_destroy.
fuzz_graph fuzz_graph_create(fuzz_bytes *bytes);

#endif
