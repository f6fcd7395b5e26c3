// Comparisons of the engine's network with the oracle's.
#ifndef COMPARE_H
#define COMPARE_H

#include "check.h"
#include "examples.h"
#include "oracle.h"

// Outputs of the last forward passes agree.
void compare_outputs(const char *label, const oracle *o, const spar_network *network, double tolerance);

// Parameter gradients of the last backward passes agree, each tensor relative to its largest gradient, which
// counts as at least 1 % of the largest of all (a bias before batch normalization has none but rounding).
void compare_gradients(const char *label, oracle *o, const spar_network *network, double tolerance);

// Image gradients of the last backward passes agree, with the same floor.
void compare_image_gradients(const char *label, oracle *o, const spar_network *network, double tolerance);

// Parameters and running statistics agree.
void compare_parameters(const char *label, oracle *o, const spar_network *network, double tolerance);

// The largest |gradient| of any parameter of the oracle.
double compare_largest_gradient(oracle *o);

// The engine's output of `count` numbers, to be freed.
double *compare_read_output(const spar_network *network, size_t count);

// The outputs of a network that ends at a layer of the oracle, and the vector–Jacobian product with random numbers:
// gradients of the images and of those parameters that it has.
void compare_prefix(const char *label, oracle *o, spar_network *prefix, int layer, const example_batch *batch,
                    bool train, double tolerance);

#endif
