// The papers' training algorithms as plain double-precision programs over the oracle's network, each written
// after the paper it cites: Nøkland 2015 ("Improving back-propagation by adding an adversarial gradient"),
// Sankaranarayanan et al. 2018 ("Regularizing deep networks using efficient layerwise adversarial training"),
// You et al. 2018 ("Adversarial noise layer"). And those of adversarial training: Madry et al. 2018 ("Towards deep
// learning models resistant to adversarial attacks"), Wong et al. 2020 ("Fast is better than free"), de Jorge et al.
// 2022 ("Make some noise"), Park & Lee 2021 ("Reliably fast adversarial training via latent adversarial perturbation"),
// Shafahi et al. 2019 ("Adversarial training for free"), Zhang et al. 2019 ("Theoretically principled trade-off between
// robustness and accuracy").
#ifndef METHODS_H
#define METHODS_H

#include "examples.h"
#include "oracle.h"

typedef struct method_program {
    oracle *o;
    uint64_t seed, step;
    spar_method choices; // ε, α, points, size, shape and granularity; the algorithm is the function that is called
    spar_sgd sgd;
    double *stored[ORACLE_MAX_LAYERS];                // gradients of the previous batch at the points
    double stored_deviation[ORACLE_MAX_LAYERS];       // s(h) of the previous batch
    int stored_count;                                 // images of the previous batch
    double *delta;                                    // of the input, free training's
    oracle_parameter auxiliary[ORACLE_MAX_LAYERS][4]; // the second set of batch normalizations', AdvProp's
} method_program;

// Takes over the network's parameters, which the program trains.
method_program *method_program_create(oracle *o, uint64_t seed, const spar_method *choices, const spar_sgd *sgd);
void method_program_destroy(method_program *p); // with the oracle

// Each does one training step and returns the loss of its last round at the parameters as they are. With a weight
// radius the gradient of its objective is taken twice (perturbed_weights.h).
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

// The climbs of these are in the settings, `choices`; ε is that of the input, and of the hidden points for SLAT.
double method_pgd(method_program *p, const example_batch *batch);     // Madry et al., section 2.1
double method_fgsm_rs(method_program *p, const example_batch *batch); // Wong et al., Algorithm 3
double method_n_fgsm(method_program *p, const example_batch *batch);  // de Jorge et al., Algorithm 1
double method_slat(method_program *p, const example_batch *batch);    // Park & Lee, section 3
double method_free(method_program *p, const example_batch *batch);    // Shafahi et al., Algorithm 1

// Zhang et al., Algorithm 1, with α·J(x) + (1 − α)·J(x′) in the place of J(x); what is climbed, the start and the mode
// are in the settings.
double method_trades(method_program *p, const example_batch *batch);

// Xie et al., Algorithm 1, "Adversarial examples improve image recognition", with the losses' weights of the settings.
double method_advprop(method_program *p, const example_batch *batch);

// Puts the auxiliary set into the place of the other, and back.
void method_exchange_sets(method_program *p);

#endif
