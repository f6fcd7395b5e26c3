// Parts of planning.
#ifndef SPAR_GRAPH_PLAN_H
#define SPAR_GRAPH_PLAN_H

#include "graph/network.h"

// Does the step's backward pass read its input's or its output's activation?
bool spar_step_reads_input(const spar_step *step);
bool spar_step_reads_output(const spar_step *step);

// memory_plan.c: gives every tensor its place in the arena and allocates it.
spar_status spar_plan_memory(spar_network *network, const int *consumers);

#endif
