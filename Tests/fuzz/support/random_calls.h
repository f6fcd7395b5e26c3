// Calls on a network that bytes describe.
#ifndef FUZZ_RANDOM_CALLS_H
#define FUZZ_RANDOM_CALLS_H

#include "fuzz.h"

// Trains, attacks, measures, saves and loads, and checks what every result has to be. Returns a digest of all statuses
// and results, in which the number of threads must not show. `network` may become another.
uint64_t fuzz_calls(fuzz_bytes bytes, spar_network **network);

#endif
