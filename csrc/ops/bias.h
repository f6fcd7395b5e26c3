// The gradient of a bias, for every layer that has one.
#ifndef SPAR_OPS_BIAS_H
#define SPAR_OPS_BIAS_H

#include "ops/layer.h"

enum { SPAR_WEIGHT, SPAR_BIAS }; // parameters of such a layer

// The pass that makes it; returns how many there are: none without a bias.
int spar_list_bias_pass(const spar_operation *operation, spar_pass *pass);

#endif
