// The engine's gradients against central differences of the oracle's double-precision forward pass.
#ifndef DIFFERENCES_H
#define DIFFERENCES_H

#include "compare.h"

enum { DIFFERENCES_THREADS = 2, DIFFERENCES_SEED = 11 };

// After equal forward and backward passes of the engine and the oracle: the engine's and the oracle's gradients
// agree everywhere, and both with differences at up to `samples` elements of every parameter and of the images.
void differences_check(const char *label, oracle *o, const spar_network *network, example_batch *batch, bool train,
                       int samples);

// Outputs, loss and gradients of `count` random images in a network with random parameters.
void differences_check_network(const char *kind, oracle *o, int count, bool train, int samples);

#endif
