// Small graphs drawn at random, with flattens in odd places.
#ifndef RANDOM_GRAPH_H
#define RANDOM_GRAPH_H

#include "oracle.h"

#include <stddef.h>

// Takes the largest batch, and advances `state`.
oracle *random_graph(uint64_t *state, int batch_size);

// Its layers and their shapes, for a message.
void random_graph_describe(const oracle *o, char *text, size_t capacity);

#endif
