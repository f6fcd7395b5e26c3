// The papers' training algorithms as plain double-precision programs over the oracle's network, each written
// after the paper it cites: Nøkland 2015 ("Improving back-propagation by adding an adversarial gradient"),
// Sankaranarayanan et al. 2018 ("Regularizing deep networks using efficient layerwise adversarial training"),
// You et al. 2018 ("Adversarial noise layer").
#ifndef METHODS_H
#define METHODS_H

#include "examples.h"
#include "oracle.h"

typedef struct method_program {
    oracle *o;
    uint64_t seed, step;
    spar_method choices; // ε, α, points, size, shape and granularity; the algorithm is the function that is called
    spar_sgd sgd;
    double *stored[ORACLE_MAX_LAYERS];          // gradients of the previous batch at the points
    double stored_deviation[ORACLE_MAX_LAYERS]; // s(h) of the previous batch
    int stored_count;                           // images of the previous batch
} method_program;

// Takes over the network's parameters, which the program trains.
method_program *method_program_create(oracle *o, uint64_t seed, const spar_method *choices, const spar_sgd *sgd);
void method_program_destroy(method_program *p); // with the oracle

// Each does one training step and returns the loss of its last round.
typedef double (*method_step)(method_program *p, const example_batch *batch);

double method_back_propagation(method_program *p, const example_batch *batch);

// Nøkland, Algorithm 1.
double method_adversarial_back_propagation(method_program *p, const example_batch *batch);

// Sankaranarayanan et al., Eq. 3 ("FGS-orig" at the input, "FGS-inter" at the hidden points).
double method_fast_gradient_sign_joint(method_program *p, const example_batch *batch);

// Sankaranarayanan et al., Algorithm 1 ("Ours-orig").
double method_layerwise(method_program *p, const example_batch *batch);

// The same with the joint loss of section 4.1 ("Ours-joint").
double method_layerwise_joint(method_program *p, const example_batch *batch);

// You et al., Algorithm 1.
double method_adversarial_noise_layer(method_program *p, const example_batch *batch);

// Noise of deviation ε at every point (You et al. Table 1, Sankaranarayanan et al. Fig. 2).
double method_noise(method_program *p, const example_batch *batch);

#endif
