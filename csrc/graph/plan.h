// Parts of planning.
#ifndef SPAR_GRAPH_PLAN_H
#define SPAR_GRAPH_PLAN_H

#include "graph/network.h"

// memory_plan.c: from the passes to the arena with every tensor's place, and the workspace.
spar_status spar_plan_memory(spar_network *network);

#endif
