// Settings of stochastic gradient descent.
#ifndef SPAR_TRAIN_SGD_H
#define SPAR_TRAIN_SGD_H

#include "graph/network.h"

spar_status spar_check_sgd(const spar_sgd *sgd);

#endif
