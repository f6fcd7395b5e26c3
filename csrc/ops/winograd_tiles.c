#include "ops/winograd.h"

spar_winograd_direction spar_winograd_direction_of(const spar_winograd *w, const spar_kernels *kernels, bool backward) {
    spar_winograd_direction d = {.winograd = w,
                                 .kernels = &kernels->winograd[w->tile == 4],
                                 .products = kernels,
                                 .from = backward ? w->out : w->in,
                                 .to = backward ? w->in : w->out,
                                 .from_stride = backward ? w->out_stride : w->in_stride,
                                 .to_stride = backward ? w->in_stride : w->out_stride,
                                 .top = backward ? 2 - w->padding_height : w->padding_height,
                                 .left = backward ? 2 - w->padding_width : w->padding_width};
    d.across = (d.to.width + w->tile - 1) / w->tile;
    d.tiles_per_sample = d.across * ((d.to.height + w->tile - 1) / w->tile);
    return d;
}

int64_t spar_winograd_tiles(const spar_winograd *w, spar_extent extent, int64_t batch) {
    int64_t m = w->tile;
    return batch * ((extent.width + m - 1) / m) * ((extent.height + m - 1) / m);
}

// Tiles beside each other make one strip.
void spar_winograd_transform_tiles(const spar_winograd_direction *d, const spar_winograd_squares *squares,
                                   spar_winograd_transform transform, int64_t first, int64_t last, int64_t block,
                                   float *points, spar_winograd_strip strip) {
    int m = d->winograd->tile, height = squares->extent.height;
    int64_t row_floats = squares->extent.width * squares->stride;
    strip.channels = strip.at = strip.pixel = squares->stride;
    strip.point = spar_winograd_point_floats(block, squares->stride);
    strip.step = m;
    strip.width = squares->extent.width;
    strip.zeros = squares->zeros;
    strip.ahead = m * row_floats;
    for (int64_t tile = first; tile < last; tile += strip.tiles) {
        int64_t sample = tile / d->tiles_per_sample, local = tile % d->tiles_per_sample, x = local % d->across;
        int top = (int)(local / d->across) * m - squares->top;
        float *image = squares->data + sample * height * row_floats;
        for (int y = 0; y < squares->size; y++) {
            strip.rows[y] = top + y >= 0 && top + y < height ? image + (top + y) * row_floats : NULL;
        }
        strip.tiles = d->across - x < last - tile ? d->across - x : last - tile;
        strip.left = x * m - squares->left;
        strip.points = points + (tile - first) * squares->stride;
        transform(&strip);
    }
}

spar_winograd_squares spar_winograd_inputs(const spar_winograd_direction *d, const float *images, const float *zeros) {
    return (spar_winograd_squares){.data = (float *)images,
                                   .extent = d->from,
                                   .stride = d->from_stride,
                                   .top = d->top,
                                   .left = d->left,
                                   .size = d->winograd->tile + 2,
                                   .zeros = zeros};
}
