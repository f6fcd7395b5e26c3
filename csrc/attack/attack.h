// What the attacks inside a ball share: the images that still stand, side by side as one pass takes them.
#ifndef SPAR_ATTACK_ATTACK_H
#define SPAR_ATTACK_ATTACK_H

#include "graph/network.h"
#include "runtime/proceed.h"

typedef struct spar_standing {
    spar_network *network;
    const spar_attack *attack;
    float delta, step; // in the pixel range [0, 1]
    size_t pixels;     // of one image
    int classes;
    float *results; // of every image of the call, by number

    int count;    // images that stand; what follows has one entry or row each
    int *numbers; // in the call
    int32_t *labels;
    float *originals, *images, *gradients;
    float *outputs; // of the last spar_standing_evaluate
} spar_standing;

// All images stand; `images` and `results` are the originals.
spar_status spar_standing_create(spar_standing *standing, spar_network *network, const spar_attack *attack,
                                 const float *images, const int32_t *labels, int32_t count);
void spar_standing_destroy(spar_standing *standing);

// A forward pass of the images, in evaluation mode, and their outputs.
spar_status spar_standing_evaluate(spar_standing *standing);

// Takes image i as the result of its number.
void spar_standing_take(spar_standing *standing, int i);

// Drops the images that have no `stands[i]`. What is left of `images` and `outputs` is undefined.
void spar_standing_keep(spar_standing *standing, const bool *stands);

// The pixel value nearest to y in the ball around the original and, where the attack clips, in the range.
static inline float spar_attack_clip(const spar_attack *attack, float delta, float original, float y) {
    float low = original - delta, high = original + delta;
    y = y < low ? low : y > high ? high : y;
    if (!attack->clip) return y;
    return y < attack->lowest ? attack->lowest : y > attack->highest ? attack->highest : y;
}

// `iterations` steps of all images along the sign of the gradient, inside the ball. Of the whole attack the share
// `done` was done before and `share` is done here.
spar_status spar_attack_climb(spar_standing *standing, float step, int iterations, double done, double share);

spar_status spar_attack_pgd(spar_standing *standing);
spar_status spar_attack_square(spar_standing *standing);

#endif
