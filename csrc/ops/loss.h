// Losses on a network's output.
#ifndef SPAR_OPS_LOSS_H
#define SPAR_OPS_LOSS_H

#include "ops/layer.h"

spar_status spar_check_labels(const int32_t *labels, int count, int classes);

// The class of the largest output, the first of equal ones.
int spar_class_of(const float *z, int classes);

// May these be the targets of `count` images?
spar_status spar_check_targets(spar_loss loss, const float *targets, int count, int classes);

// Of one image on its outputs z, by the label or by a row of targets: the loss and, where d is not NULL, factor · its
// gradient.
double spar_loss_of_label(spar_loss loss, const float *z, int classes, int label, double factor, float *d);
double spar_loss_of_targets(spar_loss loss, const float *z, int classes, const float *targets, double factor, float *d);

#endif
