// Minimization of c‖r‖₂ + J(x + r, target) over a box for one image, by limited-memory BFGS on the pixels that are
// free: not at a bound that the gradient pushes against (Bertsekas 1982, Byrd et al. 1995).
//
// Passes are for many images at once, so a minimization never asks for one itself: it has a `trial`, and is told what
// the network says of it.
#ifndef SPAR_ATTACK_LBFGS_H
#define SPAR_ATTACK_LBFGS_H

#include "runtime/memory.h"

enum { SPAR_LBFGS_PAIRS = 5 };

typedef struct spar_lbfgs {
    size_t pixels;
    float lowest, highest;
    double c;
    const float *original; // x
    float *trial;          // x + r to be tried
    float *point;          // x + r so far
    float *gradient;       // of the objective at the point
    float *direction, *free;
    float *moves, *changes; // of the point and of the gradient in the last steps, a ring of PAIRS
    int steps;              // since the start, the start itself counted
    double value;           // of the objective at the point
    double length;          // the share of the direction that is tried
    int halvings;           // of it
} spar_lbfgs;

// Floats of memory an image needs.
size_t spar_lbfgs_floats(size_t pixels);

// `memory`: that many floats.
spar_lbfgs spar_lbfgs_create(const float *original, size_t pixels, float lowest, float highest, float *memory);

// Begins a minimization at `start`, which is the first trial.
void spar_lbfgs_start(spar_lbfgs *m, double c, const float *start);

// ‖r‖₂ of the trial.
double spar_lbfgs_norm(const spar_lbfgs *m);

typedef enum spar_lbfgs_state {
    SPAR_LBFGS_STEPPED, // the trial is the new point, and there is a next one
    SPAR_LBFGS_HALVED,  // the trial was no better; a nearer one is next
    SPAR_LBFGS_ENDED,   // there is nothing better along the direction
} spar_lbfgs_state;

// Takes J and its gradient at the trial and makes the next trial.
spar_lbfgs_state spar_lbfgs_advance(spar_lbfgs *m, double loss, const float *loss_gradient);

#endif
