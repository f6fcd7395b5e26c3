// Convolution: shared by its passes.
#ifndef SPAR_OPS_CONVOLUTION_H
#define SPAR_OPS_CONVOLUTION_H

#include "ops/gather.h"

typedef struct spar_convolution {
    spar_gather forward, backward;
    float *packed, *packed_transposed;
    uint64_t packed_version, packed_transposed_version; // of the weights that are packed
    float *zeros;                                       // a row outside the image
    bool depthwise;
    int64_t splits; // of the pixels, for the gradient of the weights
} spar_convolution;

// convolution_gradient.c
int64_t spar_convolution_gradient_workspace(const spar_step *step, spar_convolution *convolution);
void spar_convolution_gradient(spar_step *step, const spar_run *run);

// depthwise.c
void spar_depthwise_product(const spar_gather *gather, const spar_run *run, const float *weights, const float *zeros,
                            const float *bias, spar_rows in, spar_rows out, int64_t channels, bool accumulate);
int64_t spar_depthwise_gradient_workspace(const spar_step *step, spar_convolution *convolution);
void spar_depthwise_gradient(spar_step *step, const spar_run *run);

#endif
