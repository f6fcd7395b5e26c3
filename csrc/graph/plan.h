// Parts of planning.
#ifndef SPAR_GRAPH_PLAN_H
#define SPAR_GRAPH_PLAN_H

#include "graph/network.h"

// memory_plan.c: gives every tensor its place in the arena and allocates it.
spar_status spar_plan_memory(spar_network *network, const int *consumers);

#endif
