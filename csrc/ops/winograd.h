// 3×3 convolutions of stride 1 by Winograd's minimal filtering (Lavin & Gray 2016): what its passes share.
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

// One direction of the convolution: images of `from` to images of `to`.
typedef struct spar_winograd_direction {
    const spar_winograd *winograd;
    const spar_winograd_kernels *kernels;
    const spar_kernels *products;
    spar_extent from, to;
    int64_t from_stride, to_stride;
    int top, left; // padding
    int64_t across, tiles_per_sample;
} spar_winograd_direction;

spar_winograd_direction spar_winograd_direction_of(const spar_winograd *winograd, const spar_kernels *kernels,
                                                   bool backward);

// Tiles of m × m outputs in a batch of images.
int64_t spar_winograd_tiles(const spar_winograd *winograd, spar_extent extent, int64_t batch);

// Images, and the square of `size` pixels at (tile's corner − top, − left) that a tile is made of.
typedef struct spar_winograd_squares {
    float *data;
    spar_extent extent;
    int64_t stride;
    int top, left, size;
    const float *zeros; // SPAR_MOST_SQUARE_ROWS pixels, where squares are read
} spar_winograd_squares;

typedef void (*spar_winograd_transform)(const spar_winograd_strip *strip);

// Transforms the squares of tiles first … last to or from points, [point][tile][channel], `block` tiles a point. The
// strip has what is to be done besides.
void spar_winograd_transform_tiles(const spar_winograd_direction *direction, const spar_winograd_squares *squares,
                                   spar_winograd_transform transform, int64_t first, int64_t last, int64_t block,
                                   float *points, spar_winograd_strip strip);

// The squares that tiles read of the images.
spar_winograd_squares spar_winograd_inputs(const spar_winograd_direction *direction, const float *images,
                                           const float *zeros);

// Floats of a point of so many transformed tiles. They are an odd number of lines: a transform writes a tile's points
// at once, which a power of two apart would share one set of the first-level cache.
static inline int64_t spar_winograd_point_floats(int64_t tiles, int64_t stride) {
    return (tiles * stride / 16 | 1) * 16;
}

// Floats of so many tiles' transformed inputs and outputs.
static inline int64_t spar_winograd_tile_floats(const spar_winograd *winograd, int64_t tiles) {
    return winograd->points * (spar_winograd_point_floats(tiles, winograd->in_stride) +
                               spar_winograd_point_floats(tiles, winograd->out_stride));
}

// winograd_gradient.c
void spar_winograd_gradient_prepare(spar_operation *operation);
int64_t spar_winograd_gradient_workspace(const spar_operation *operation);
void spar_winograd_gradient(spar_operation *operation, const spar_run *run);
// The same as a pass over samples.
void spar_winograd_sum_share(spar_operation *operation, const spar_run *run, const spar_share *share);
int spar_winograd_list_sums(const spar_operation *operation, const spar_run *run, spar_sums *list);
void spar_winograd_finish(spar_operation *operation, const spar_run *run);

#endif
