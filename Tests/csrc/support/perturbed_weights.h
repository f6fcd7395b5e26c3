// Perturbations of weights as their papers define them: Foret et al. 2021 ("Sharpness-aware minimization"), Müller et
// al. 2023 ("Normalization layers are all that sharpness-aware minimization needs"), Wu et al. 2020 ("Adversarial
// weight perturbation helps robust generalization").
#ifndef PERTURBED_WEIGHTS_H
#define PERTURBED_WEIGHTS_H

#include "oracle.h"

// From w to w + ν by the gradients of the last backward pass; returns w, for the call that goes back and frees it.
double *oracle_perturb_weights(oracle *o, const spar_method *choices);
void oracle_restore_weights(oracle *o, double *weights);

#endif
