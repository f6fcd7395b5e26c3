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

// The pixel of the input that a tap joins to one of the output, or −1.
static inline int64_t spar_joined_pixel(const spar_conv2d_params *settings, spar_extent in, spar_extent out,
                                        int64_t tap, int64_t pixel) {
    int64_t y = pixel / out.width * settings->stride_height + tap / settings->kernel_width - settings->padding_height;
    int64_t x = pixel % out.width * settings->stride_width + tap % settings->kernel_width - settings->padding_width;
    return y < 0 || y >= in.height || x < 0 || x >= in.width ? -1 : y * in.width + x;
}

typedef struct spar_gather {
    int phase_count;
    spar_phase *phases;
    int in_pixels, out_pixels;
} spar_gather;

spar_status spar_gather_forward(spar_gather *gather, const spar_conv2d_params *settings, spar_extent in,
                                spar_extent out);
spar_status spar_gather_backward(spar_gather *gather, const spar_conv2d_params *settings, spar_extent in,
                                 spar_extent out);
size_t spar_gather_bytes(const spar_gather *gather);
void spar_gather_discard(spar_gather *gather);

#endif
