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

// KL(p ‖ q) of one image, p the softmax of z and q that of `other`, and where d is not NULL factor · its gradient by z
// is added there; by `other` where `by_other`.
double spar_divergence(const float *z, const float *other, int classes, bool by_other, double factor, float *d);

// (z of the target − z of the label) / (z₁ − ½(z₃ + z₄) + 1e-12), where z₁ ≥ z₂ ≥ … are the outputs, four or more: the
// targeted difference-of-logits ratio (Croce & Hein 2020, Eq. 6). Its gradient is written to d.
double spar_targeted_logit_ratio(const float *z, int classes, int label, int target, float *d);

#endif
