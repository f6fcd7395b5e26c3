// A graph as JSON: an array of layers, a value an index into it.
#ifndef SPAR_IO_GRAPH_JSON_H
#define SPAR_IO_GRAPH_JSON_H

#include "graph/graph.h"
#include "io/buffer.h"

void spar_graph_write(const spar_graph *graph, spar_buffer *text);

spar_status spar_graph_read(const char *text, spar_graph **graph);

#endif
