// The words that the algorithms of methods.h are written in, for its programs only.
#ifndef METHOD_WORDS_H
#define METHOD_WORDS_H

#include "methods.h"

typedef struct active_point {
    int layer;  // in the network
    int number; // among all points, from 0
    double epsilon;
} active_point;

// The points that the method perturbs, in order. `list` has room for all.
int method_active_points(const method_program *p, active_point *list);

enum statistics { KEEP_STATISTICS, LEARN_STATISTICS };

// J(x + η) by forward propagation in training mode.
double method_propagate_forward(method_program *p, const example_batch *batch, enum statistics statistics);

// Nothing is perturbed, and dropout draws its masks.
void method_begin_step(method_program *p, const example_batch *batch);

// By the gradient that is there, or that of the same objective at perturbed weights.
void method_update_parameters(method_program *p, const example_batch *batch);

// α·J(f(x)) + (1 − α)·J(f(x′)) + β·KL(f(x) ‖ f(x′)) and its gradient, of three forward passes in training mode: the
// reference's logits, and the two arguments of its KL, from each of which statistics learn. There α is 1.
double method_train_on_divergence(method_program *p, const example_batch *batch, enum statistics statistics);

#endif
