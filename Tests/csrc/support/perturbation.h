// The perturbation η of a point, in double precision, by the formulas of sparring.h's "Methods: five choices".
#ifndef PERTURBATION_H
#define PERTURBATION_H

#include "oracle.h"

// Number of the first point at or after layer `from`, −1 when there is none.
int perturbation_next_point(const oracle *o, int from);

// True for a point that has only the input, normalize and whiten layers and other points before it.
bool perturbation_at_input(const oracle *o, int layer);

// s(h): the population standard deviation of a point's input, the whole tensor.
double perturbation_deviation(const oracle *o, int layer);

// Sign of a gradient, 0 for 0.
double perturbation_sign(double gradient);

// max |g| of `count` numbers, and max g − min g.
double perturbation_infinity_norm(const double *gradient, int count);
double perturbation_range(const double *gradient, int count);

// r = clip(N(ε/2, (ε/4)²), between 0 and ε) of sample `sample` at the point numbered `point` from 0 (ANL Eq. 2).
double perturbation_draw_r(double epsilon, uint64_t seed, uint64_t step, int point, int sample);

// N(0, 1) at every element of a point of `count` images, into `noise` [count][channels][height][width].
void perturbation_draw_noise(const oracle_layer *layer, uint64_t seed, uint64_t step, int point, int count,
                             double *noise);

// η of a point from a gradient [count][size] and s(h), for any shape but the Gaussian one.
void perturbation_from_gradient(const spar_method *method, double epsilon, const double *gradient, int count, int size,
                                double deviation, uint64_t seed, uint64_t step, int point, double *eta);

#endif
