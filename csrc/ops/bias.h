// The gradient of a bias, for every layer that has one.
#ifndef SPAR_OPS_BIAS_H
#define SPAR_OPS_BIAS_H

#include "ops/layer.h"

size_t spar_bias_workspace(const spar_tensor *output); // in floats
void spar_bias_gradient(const spar_tensor *output, const spar_run *run, spar_parameter *bias);

#endif
