// Losses on a network's output.
#ifndef SPAR_OPS_LOSS_H
#define SPAR_OPS_LOSS_H

#include "ops/layer.h"

spar_status spar_check_labels(const int32_t *labels, int count, int classes);

// One image's loss on its outputs z.
double spar_loss_of_image(spar_loss loss, const float *z, int classes, int label);

// The class of the largest output, the first of equal ones.
int spar_class_of(const float *z, int classes);

// J and the number of right answers; with `scale` ≠ 0 also the gradient of scale·J into output->gradient.
void spar_loss_of(spar_loss loss, const spar_tensor *output, const int32_t *labels, int count, float scale,
                  spar_loss_result *result);

#endif
