// A perturbation point: what it records of a gradient, and the perturbation it makes of that.
#ifndef SPAR_OPS_POINT_H
#define SPAR_OPS_POINT_H

#include "ops/blocks.h"

typedef struct spar_point {
    const spar_node *node;
    int index;
    bool input;
    const spar_tensor *tensor; // its value
    int64_t sample_floats, pieces;
    int batch_size;

    bool active;
    spar_shape shape;
    spar_size size;
    spar_granularity granularity;
    float epsilon, climb, start;
    spar_start_distribution distribution; // of the start
    uint32_t bounds;
    bool persistent;
    bool accumulates; // what is added is a perturbation of its own, which each recorded gradient moves once

    int recorded;                  // samples whose gradient is kept; 0: none
    int last_recorded, last_held;  // and before the pass or step under way, which may fail
    bool records_anew;             // over what was kept before it
    uint16_t *positive, *negative; // SPAR_SHAPE_SIGN: masks, words_per_sample words a sample
    int64_t words_per_sample;
    float *gradient;         // SPAR_SHAPE_GRADIENT
    float *lowest, *highest; // of g, one a sample and piece
    float *perturbation;     // where it accumulates: float, for a sum of steps from random places has no few values
    int held;                // samples that have one
    float deviation;         // s(h)
    float last_deviation;
    spar_moments moments[SPAR_MAX_CHUNKS]; // by chunk; combined, the first is the batch's
    float batch_lowest, batch_highest;     // of g over all samples, where they share a magnitude

    float *magnitudes; // of this pass, one a sample: η = (gradient · unit) · magnitude, or sign or noise · magnitude
    float *units;
    int perturbed; // samples that this pass perturbs
} spar_point;

// What a point keeps of gradients between steps.
typedef struct spar_point_array {
    const char *name;
    const char *element; // in files
    size_t bytes;        // of an element
    void **values;
    int64_t elements; // of a sample
    int samples;      // that are there
} spar_point_array;

enum { SPAR_MOST_POINT_ARRAYS = 5 };

// All that a point keeps with its settings; returns how many arrays. `values` point into it, though it is only read.
int spar_point_arrays(const spar_point *point, spar_point_array *arrays);

// 0 is 1, as methods of versions without rounds have it.
static inline int spar_rounds(int count) {
    return count > 1 ? count : 1;
}

static inline float spar_climb(const spar_method *method) {
    return method->climb > 0 ? method->climb : 1;
}

// Gives a point a method's settings, whatever it holds.
void spar_point_set(spar_point *point, const spar_method *method);

// The point with other settings, what they need and nothing recorded. `point` stays as it is.
spar_status spar_point_configure(const spar_point *point, const spar_method *method, bool active,
                                 spar_point *configured);
void spar_point_discard(spar_point *point);
size_t spar_point_bytes(const spar_point *point);

// Finds the extremes of what it recorded, where samples share a magnitude; false where they do not. Those of samples
// elsewhere are joined.
bool spar_point_find_extremes(spar_point *point);
void spar_point_join_extremes(spar_point *point, float lowest, float highest);

// Fixes the magnitudes of one pass.
void spar_point_arm(spar_point *point, const spar_run *run);

void spar_point_begin_measure(spar_point *point);
// Adds a block to the sums of a chunk.
void spar_point_measure(spar_point *point, const spar_run *run, const spar_block *block, int64_t chunk, const float *h);
void spar_point_end_measure(spar_point *point);

// Does adding need whole samples in a block, and scratch for two numbers a channel?
bool spar_point_sees_samples(const spar_point *point);
void spar_point_add(const spar_point *point, const spar_run *run, const spar_block *block, float *scratch, float *h);
// After all samples of a pass: those of no gradient that was recorded wait for a move.
void spar_point_settle(spar_point *point, const spar_run *run);
// Around a pass or step, which may fail: a new gradient takes the place of the last one, which then cannot come back.
void spar_point_begin_changes(spar_point *point);
void spar_point_undo_changes(spar_point *point);
// Forgets what does not live on from one step to the next.
void spar_point_begin_step(spar_point *point, bool climbs_anew);
void spar_point_record(spar_point *point, const spar_run *run, const spar_block *block, const float *g);

#endif
