// Places in one piece of memory for what is alive at different times.
#ifndef SPAR_GRAPH_PLACEMENT_H
#define SPAR_GRAPH_PLACEMENT_H

#include "runtime/status.h"

typedef struct spar_span { // of time; both ends belong to it
    int first, last;
} spar_span;

typedef struct spar_room {
    spar_span time;
    int64_t floats, offset;
} spar_room;

// Gives rooms their offsets, the largest first, each the lowest at which it meets none that is alive at the same time.
// `total` gets the floats that all of them take. The pointers, into one array, are sorted by that.
spar_status spar_place(spar_room **rooms, int count, int64_t *total);

#endif
