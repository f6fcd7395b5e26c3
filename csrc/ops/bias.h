// The gradient of a bias, for every layer that has one.
#ifndef SPAR_OPS_BIAS_H
#define SPAR_OPS_BIAS_H

#include "ops/layer.h"

enum { SPAR_WEIGHT, SPAR_BIAS }; // parameters of such a layer

// Asks for workspace behind what the operation has asked for before.
void spar_bias_prepare(spar_operation *operation);

extern const spar_pass spar_bias_gradient;

#endif
