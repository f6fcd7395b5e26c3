#include "ops/gather.h"

static spar_status allocate_phase(spar_phase *phase, int pixels, int taps) {
    phase->pixels = pixels;
    phase->taps = taps;
    size_t count = (size_t)pixels + (size_t)pixels * (size_t)taps + (size_t)taps;
    phase->target = spar_allocate(count, sizeof(int32_t));
    if (phase->target == NULL) return SPAR_ERROR_MEMORY;
    phase->source = phase->target + pixels;
    phase->tap = phase->source + (size_t)pixels * (size_t)taps;
    return SPAR_OK;
}

spar_status spar_gather_forward(spar_gather *gather, const spar_conv2d_params *s, spar_extent in, spar_extent out) {
    gather->in_pixels = (int)spar_pixels(in);
    gather->out_pixels = (int)spar_pixels(out);
    gather->phase_count = 1;
    gather->phases = spar_allocate(1, sizeof *gather->phases);
    if (gather->phases == NULL) return SPAR_ERROR_MEMORY;
    spar_phase *phase = &gather->phases[0];
    int taps = s->kernel_height * s->kernel_width;
    SPAR_TRY(allocate_phase(phase, gather->out_pixels, taps));
    for (int t = 0; t < taps; t++) phase->tap[t] = t;
    for (int pixel = 0; pixel < phase->pixels; pixel++) {
        phase->target[pixel] = pixel;
        for (int t = 0; t < taps; t++) {
            phase->source[pixel * taps + t] = (int32_t)spar_joined_pixel(s, in, out, t, pixel);
        }
    }
    return SPAR_OK;
}

// Input row y is reached through tap ky from output row (y + padding − ky) / stride where that divides; along one axis.
static int taps_of_phase(int phase, int stride, int kernel, int padding, int *taps) {
    int count = 0;
    for (int k = 0; k < kernel; k++) {
        if ((phase + padding - k) % stride == 0) taps[count++] = k;
    }
    return count;
}

static int source_of(int position, int tap, int stride, int padding, int size) {
    int numerator = position + padding - tap;
    return numerator < 0 || numerator / stride >= size ? -1 : numerator / stride;
}

static spar_status build_phase(spar_phase *phase, const spar_conv2d_params *s, spar_extent in, spar_extent out,
                               int phase_y, int phase_x, int *taps_y, int *taps_x) {
    int count_y = taps_of_phase(phase_y, s->stride_height, s->kernel_height, s->padding_height, taps_y);
    int count_x = taps_of_phase(phase_x, s->stride_width, s->kernel_width, s->padding_width, taps_x);
    int rows = (in.height - phase_y + s->stride_height - 1) / s->stride_height;
    int columns = (in.width - phase_x + s->stride_width - 1) / s->stride_width;
    SPAR_TRY(allocate_phase(phase, rows * columns, count_y * count_x));
    for (int t = 0; t < phase->taps; t++) phase->tap[t] = taps_y[t / count_x] * s->kernel_width + taps_x[t % count_x];
    for (int pixel = 0; pixel < phase->pixels; pixel++) {
        int y = phase_y + pixel / columns * s->stride_height, x = phase_x + pixel % columns * s->stride_width;
        phase->target[pixel] = y * in.width + x;
        for (int t = 0; t < phase->taps; t++) {
            int sy = source_of(y, taps_y[t / count_x], s->stride_height, s->padding_height, out.height);
            int sx = source_of(x, taps_x[t % count_x], s->stride_width, s->padding_width, out.width);
            phase->source[pixel * phase->taps + t] = sy < 0 || sx < 0 ? -1 : sy * out.width + sx;
        }
    }
    return SPAR_OK;
}

spar_status spar_gather_backward(spar_gather *gather, const spar_conv2d_params *s, spar_extent in, spar_extent out) {
    gather->in_pixels = (int)spar_pixels(out);
    gather->out_pixels = (int)spar_pixels(in);
    int phases_y = s->stride_height < in.height ? s->stride_height : in.height;
    int phases_x = s->stride_width < in.width ? s->stride_width : in.width;
    int count = phases_y * phases_x;
    gather->phases = spar_allocate((size_t)count, sizeof *gather->phases);
    if (gather->phases == NULL) return SPAR_ERROR_MEMORY;
    gather->phase_count = count;
    int *taps = spar_allocate((size_t)(s->kernel_height + s->kernel_width), sizeof *taps);
    if (taps == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = SPAR_OK;
    for (int p = 0; p < count && status == SPAR_OK; p++) {
        status = build_phase(&gather->phases[p], s, in, out, p / phases_x, p % phases_x, taps, taps + s->kernel_height);
    }
    spar_release(taps);
    return status;
}

size_t spar_gather_bytes(const spar_gather *gather) {
    size_t bytes = 0;
    for (int p = 0; p < gather->phase_count; p++) {
        const spar_phase *phase = &gather->phases[p];
        bytes += sizeof(int32_t) * ((size_t)phase->pixels * (size_t)(1 + phase->taps) + (size_t)phase->taps);
    }
    return bytes;
}

void spar_gather_discard(spar_gather *gather) {
    for (int p = 0; p < gather->phase_count && gather->phases != NULL; p++) spar_release(gather->phases[p].target);
    spar_release(gather->phases);
}
