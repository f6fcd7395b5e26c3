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

// Rows of the square of `size` pixels at (top, left) of a sample; `outside` for those beyond the image.
static void list_square(float *image, spar_extent extent, int64_t stride, int top, int left, int size, float *outside,
                        float **rows) {
    if (top >= 0 && left >= 0 && top + size <= extent.height && left + size <= extent.width) {
        float *row = image + ((int64_t)top * extent.width + left) * stride;
        for (int y = 0; y < size; y++, row += extent.width * stride) {
            for (int x = 0; x < size; x++) *rows++ = row + x * stride;
        }
        return;
    }
    for (int y = top; y < top + size; y++) {
        for (int x = left; x < left + size; x++) {
            bool inside = y >= 0 && y < extent.height && x >= 0 && x < extent.width;
            *rows++ = inside ? image + ((int64_t)y * extent.width + x) * stride : outside;
        }
    }
}

void spar_winograd_list(const spar_winograd_direction *d, const spar_winograd_squares *squares, int64_t tile,
                        float **rows) {
    int64_t sample = tile / d->tiles_per_sample, local = tile % d->tiles_per_sample;
    float *image = squares->data + sample * spar_pixels(squares->extent) * squares->stride;
    int m = d->winograd->tile, top = (int)(local / d->across) * m, left = (int)(local % d->across) * m;
    list_square(image, squares->extent, squares->stride, top - squares->top, left - squares->left, squares->size,
                squares->outside, rows);
}

void spar_winograd_transform_tiles(const spar_winograd_direction *d, const spar_winograd_squares *squares,
                                   void (*transform)(const spar_winograd_transform *transform), int64_t first,
                                   int64_t last, int64_t block, float *transformed) {
    float *rows[SPAR_MOST_POINTS], *out[SPAR_MOST_POINTS];
    for (int64_t tile = first; tile < last; tile++) {
        spar_winograd_list(d, squares, tile, rows);
        for (int p = 0; p < d->winograd->points; p++) {
            out[p] = transformed + (p * block + tile - first) * squares->stride;
        }
        transform(
            &(spar_winograd_transform){.channels = squares->stride, .in = (const float *const *)rows, .out = out});
    }
}

spar_winograd_squares spar_winograd_inputs(const spar_winograd_direction *d, const float *images, const float *zeros) {
    return (spar_winograd_squares){.data = (float *)images,
                                   .extent = d->from,
                                   .stride = d->from_stride,
                                   .top = d->top,
                                   .left = d->left,
                                   .size = d->winograd->tile + 2,
                                   .outside = (float *)zeros};
}
