// What the attacks inside a ball share: the images that still stand, side by side as one pass takes them.
#ifndef SPAR_ATTACK_ATTACK_H
#define SPAR_ATTACK_ATTACK_H

#include "graph/network.h"
#include "kernels/random.h"
#include "runtime/proceed.h"
#include "runtime/structure.h"

#define SPAR_ATTACK_STRUCTURE SPAR_STRUCTURE(spar_attack, context)

typedef struct spar_standing {
    spar_network *network;
    const spar_attack *attack;
    float delta, step;  // in the pixel range [0, 1]
    double done, share; // of the whole attack: what was done before, and what is done now
    size_t pixels;      // of one image
    int classes;
    int total;      // images of the call
    float *results; // of every image of the call, by number
    float *clean;   // outputs of the images as they were given, by number; of spar_standing_begin
    int *last;      // kind of the attack that was the last to try an image, by number

    int count;    // images that stand; what follows has one entry or row each
    int *numbers; // in the call
    int32_t *labels;
    float *originals, *images, *gradients;
    float *outputs; // of the last spar_standing_evaluate
} spar_standing;

// settings.c: what a kind has where its caller says nothing; and the iterations of IFGSM where it leaves them open.
spar_attack spar_attack_defaults_of(spar_attack_kind kind);
spar_status spar_attack_check(const spar_attack *attack, const spar_network *network);
int spar_attack_iterations(const spar_attack *attack);

// Of image n of the call in its set, which numbers its random draws.
static inline uint64_t spar_attack_number(const spar_attack *attack, int n) {
    return attack->numbers != NULL ? attack->numbers[n] : attack->first_image + (uint64_t)n;
}

// All images stand; `images` and `results` are the originals.
spar_status spar_standing_create(spar_standing *standing, spar_network *network, const spar_attack *attack,
                                 const float *images, const int32_t *labels, int32_t count);
void spar_standing_destroy(spar_standing *standing);

// Asks the caller whether to go on, where `part` of what is done now is done.
spar_status spar_standing_go_on(const spar_standing *standing, double part);

// Takes the originals, in the pixel range, as results, and drops those that are wrong as they are. `stands` is
// memory for a value an image.
spar_status spar_standing_begin(spar_standing *standing, bool *stands);

// A forward pass of the images, in evaluation mode, and their outputs.
spar_status spar_standing_evaluate(spar_standing *standing);

// Takes image i as the result of its number.
void spar_standing_take(spar_standing *standing, int i);

// Drops the images that have no `stands[i]`. What is left of `images` and `outputs` is undefined.
void spar_standing_keep(spar_standing *standing, const bool *stands);

// The class of target k = 0, 1 … of image i: that of the largest output but k + 1 on the image as it was given.
int spar_standing_target(const spar_standing *standing, int i, int k);

// Targets there are: those that the attack asks for, or all classes but the label.
int spar_standing_targets(const spar_standing *standing);

// The pixel value nearest to y in the range where the attack clips.
static inline float spar_attack_range(const spar_attack *attack, float y) {
    if (!attack->clip) return y;
    return y < attack->lowest ? attack->lowest : y > attack->highest ? attack->highest : y;
}

// The pixel value nearest to y in the L∞ ball around the original and, where the attack clips, in the range.
static inline float spar_attack_clip(const spar_attack *attack, float delta, float original, float y) {
    float low = original - delta, high = original + delta;
    return spar_attack_range(attack, y < low ? low : y > high ? high : y);
}

// ball.c, each for one image x. Into the ball around the original and then, where the attack clips, into the range; the
// step that raises a linear loss most, sign(g) or g / ‖g‖₂, and back into the ball; a random point of the ball, on its
// boundary with `far`.
void spar_ball_project(const spar_standing *standing, const float *original, float *x);
void spar_ball_step(const spar_standing *standing, const float *original, const float *gradient, float step, float *x);
void spar_ball_start(const spar_standing *standing, const spar_random_stream *stream, bool far, const float *original,
                     float *x);

// `iterations` steps of all images along the gradient of J, inside the ball. Of what is done now the share `done` was
// done before and `share` is done here.
spar_status spar_attack_climb(spar_standing *standing, float step, int iterations, double done, double share);

spar_status spar_attack_pgd(spar_standing *standing);
spar_status spar_attack_square(spar_standing *standing);
spar_status spar_attack_apgd_ce(spar_standing *standing);
spar_status spar_attack_apgd_t(spar_standing *standing);
spar_status spar_attack_fab_t(spar_standing *standing);
spar_status spar_attack_standard(spar_standing *standing);
spar_status spar_attack_rays(spar_standing *standing);

// These and FGSM and IFGSM, by kind.
extern spar_status (*const spar_attacks[])(spar_standing *);

// fab.c: the projection of x on the hyperplane w·(y − x) + excess = 0 in L∞ and the pixel range moves each pixel of
// w ≠ 0 by this much, or as far as it can; all as far as they can where the range does not reach the hyperplane.
double spar_fab_distance(const spar_attack *attack, const float *x, const float *w, size_t pixels, double excess);

#endif
