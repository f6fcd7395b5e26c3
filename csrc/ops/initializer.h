// Initial weights.
#ifndef SPAR_OPS_INITIALIZER_H
#define SPAR_OPS_INITIALIZER_H

#include "ops/layer.h"

// Sets a deviation that the initializer does not use to 0.
spar_status spar_check_initializer(const char *name, spar_initializer initializer, float *deviation);

// Fills a layer's parameters with their first values. `number` keys the random stream: the layer's place.
void spar_initialize(const spar_node *node, spar_parameter *parameter, uint64_t seed, uint32_t number, int threads);

#endif
