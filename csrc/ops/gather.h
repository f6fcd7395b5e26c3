// Which input rows each output row of a convolution reads.
//
// Forward and backward data are one thing: out[target] (+)= Σ over taps of in[source(tap)] · weights[tap]. Forward has
// one phase. Backward data of a convolution of stride s has s × s: input pixels of one phase are reached by the same
// taps, so nothing is multiplied by zero.
#ifndef SPAR_OPS_GATHER_H
#define SPAR_OPS_GATHER_H

#include "ops/layer.h"

typedef struct spar_phase {
    int pixels, taps; // outputs of one sample in this phase; taps that reach them
    int32_t *target;  // [pixels] output row in its sample
    int32_t *source;  // [pixels][taps] input row in its sample, −1 outside
    int32_t *tap;     // [taps] place in the kernel, ky·width + kx
} spar_phase;

typedef struct spar_window {
    int kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
} spar_window;

typedef struct spar_gather {
    int phase_count;
    spar_phase *phases;
    int in_pixels, out_pixels;
} spar_gather;

spar_status spar_gather_forward(spar_gather *gather, const spar_window *window, spar_extent in, spar_extent out);
spar_status spar_gather_backward(spar_gather *gather, const spar_window *window, spar_extent in, spar_extent out);
size_t spar_gather_bytes(const spar_gather *gather);
void spar_gather_discard(spar_gather *gather);

#endif
