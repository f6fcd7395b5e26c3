// A small network with a batch of images, and room for what an attack makes of them.
#ifndef ATTACKED_H
#define ATTACKED_H

#include "compare.h"

typedef struct attacked {
    oracle *o;
    spar_network *network;
    example_batch batch; // EXAMPLE_BATCH images
    size_t pixels;       // of all images
    size_t image_pixels; // of one
    float *images;       // what the last attack wrote
} attacked;

attacked attacked_create(example_network example, int threads, uint64_t seed);
void attacked_destroy(attacked *a);

// Labels are the network's own answers from here on, so that every image stands.
void attacked_label_by_network(attacked *a);

// Runs the attack on the whole batch.
spar_status attacked_run(attacked *a, const spar_attack *attack);

// The images of the last attack are these, within 1e-6.
void attacked_check(const attacked *a, const char *label, const double *expected);

// The images of the last attack are in the ball x₀ ± delta and in [0, 1].
void attacked_check_inside(const attacked *a, const char *label, double delta);

// The attack gives the same images on 1 to 3 threads, and image by image; every image stands at first.
void attacked_check_independence(const spar_attack *attack, uint64_t seed);

// An attack that its caller stops at half of its work says so, and writes nothing.
void attacked_check_cancelling(const spar_attack *attack, uint64_t seed);

// Outputs of the oracle for any images, [EXAMPLE_BATCH][EXAMPLE_CLASSES].
const double *attacked_outputs(const attacked *a, const double *images);
const double *attacked_outputs_of_floats(const attacked *a, const float *images);

// The class of the largest output.
int attacked_class(const double *outputs);

// The class that k outputs are larger than.
int attacked_class_of_rank(const double *outputs, int k);

// z of the label minus the largest other output.
double attacked_margin(const double *outputs, int label);

// x ← clip(clip to x₀ ± δ of (x + step·sign(∇J))) by the oracle, all in the pixel range [0, 1], from `start`
// (NULL: the images). To be freed.
double *attacked_climb(attacked *a, const double *start, double delta, double step, int iterations, double lowest,
                       double highest, bool train);

#endif
