// t-SNE: shared by its parts.
#ifndef SPAR_ANALYSIS_TSNE_H
#define SPAR_ANALYSIS_TSNE_H

#include "kernels/kernels.h"
#include "runtime/memory.h"
#include "runtime/status.h"

struct spar_tsne {
    spar_tsne_options options;
    const spar_kernels *kernels;
    int count;
    int64_t stride;       // floats a row of probabilities
    float *probabilities; // joint ones, p_ij
    double *positions;    // [2][count], x then y, as all that follow
    double *velocities, *gains;
    float *rounded; // positions
    spar_embedding_sums *sums;
    double *divergences; // one a point
    int64_t iteration;
};

// affinities.c: the joint probabilities of the points.
spar_status spar_tsne_find_probabilities(spar_tsne *tsne, const float *points, int dimensions);

// principal.c: the first two principal components, [2][count], scaled so that the first has deviation 1; false in
// `found` where there is no second one.
spar_status spar_principal_components(const float *points, int count, int dimensions, double *components, bool *found);

#endif
