// 3×3 convolutions of stride 1 by Winograd's minimal filtering: forward, backward data and backward weights.
#ifndef SPAR_OPS_WINOGRAD_H
#define SPAR_OPS_WINOGRAD_H

#include "ops/layer.h"

typedef struct spar_winograd {
    int tile; // m of F(m×m, 3×3); transformed tiles have points = (m + 2)²
    int points;
    spar_extent in, out; // of the forward pass
    int padding_height, padding_width;
    int64_t in_stride, out_stride;
} spar_winograd;

#endif
