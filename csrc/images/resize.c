// Resampling of 8-bit images by a triangle filter: one pass over rows, one over columns, both rounded to bytes from the
// same fixed-point weights as Pillow's.
#include "runtime/memory.h"

#include <math.h>

enum { PRECISION = 22 }; // bits after the point; 255 · 2²² and the sum of the weights stay below 2³¹

// What one side of the result is made of: result i is the sum of count[i] source values from first[i] on, times
// weights[i · taps …].
typedef struct filter {
    int32_t *first, *count, *weights;
    int64_t taps;
} filter;

static void free_filter(filter *f) {
    spar_release(f->first);
    spar_release(f->count);
    spar_release(f->weights);
}

static double triangle(double x) {
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

// The weights of one result, which add up to one.
static void weigh(double center, double scale, int32_t first, int32_t count, int32_t *weights) {
    double sum = 0;
    for (int32_t i = 0; i < count; i++) sum += triangle((first + i - center + 0.5) / scale);
    for (int32_t i = 0; i < count; i++) {
        double weight = triangle((first + i - center + 0.5) / scale) / sum;
        weights[i] = (int32_t)(0.5 + weight * (1 << PRECISION));
    }
}

static bool make_filter(int32_t size, int32_t target_size, filter *f) {
    double ratio = (double)size / target_size, scale = ratio < 1 ? 1 : ratio;
    f->taps = (int64_t)ceil(scale) * 2 + 1;
    f->first = spar_allocate((size_t)target_size, sizeof *f->first);
    f->count = spar_allocate((size_t)target_size, sizeof *f->count);
    f->weights = spar_allocate((size_t)(target_size * f->taps), sizeof *f->weights);
    if (!f->first || !f->count || !f->weights) return false;
    for (int32_t i = 0; i < target_size; i++) {
        double center = (i + 0.5) * ratio;
        double first = fmax(0, trunc(center - scale + 0.5)), last = fmin(size, trunc(center + scale + 0.5));
        f->first[i] = (int32_t)first;
        f->count[i] = (int32_t)(last - first);
        weigh(center, scale, f->first[i], f->count[i], f->weights + i * f->taps);
    }
    return true;
}

static uint8_t rounded(int32_t sum) {
    int32_t value = (sum + (1 << (PRECISION - 1))) >> PRECISION;
    return (uint8_t)(value > 255 ? 255 : value);
}

// One row of interleaved pixels to one row of each channel's plane.
static void filter_row(const filter *f, const uint8_t *row, int32_t channels, int32_t width, uint8_t *target,
                       int64_t plane) {
    for (int32_t x = 0; x < width; x++) {
        const int32_t *weights = f->weights + x * f->taps;
        const uint8_t *first = row + (int64_t)f->first[x] * channels;
        for (int32_t c = 0; c < channels; c++) {
            int32_t sum = 0;
            for (int32_t i = 0; i < f->count[x]; i++) sum += weights[i] * first[(int64_t)i * channels + c];
            target[c * plane + x] = rounded(sum);
        }
    }
}

// Rows of one plane to one row of the result. `sums` has room for a row.
static void filter_rows(const filter *f, int32_t y, const uint8_t *plane, int32_t width, int32_t *sums,
                        uint8_t *target) {
    const int32_t *weights = f->weights + y * f->taps;
    for (int32_t x = 0; x < width; x++) sums[x] = 0;
    for (int32_t i = 0; i < f->count[y]; i++) {
        const uint8_t *row = plane + (int64_t)(f->first[y] + i) * width;
        for (int32_t x = 0; x < width; x++) sums[x] += weights[i] * row[x];
    }
    for (int32_t x = 0; x < width; x++) target[x] = rounded(sums[x]);
}

spar_status spar_resize_image(const uint8_t *source, size_t row_bytes, int32_t channels, int32_t height, int32_t width,
                              int32_t target_height, int32_t target_width, uint8_t *target) {
    SPAR_REQUIRE_POINTER(source);
    SPAR_REQUIRE_POINTER(target);
    const int32_t limit = 1 << 16;
    if (channels < 1 || channels > 4 || height < 1 || height > limit || width < 1 || width > limit ||
        target_height < 1 || target_height > limit || target_width < 1 || target_width > limit) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "resize: %d channels must be 1 to 4, and the sides of %dx%d and %dx%d pixels 1 to %d",
                         channels, height, width, target_height, target_width, limit);
    }
    if (row_bytes < (size_t)channels * (size_t)width) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "resize: rows of %zu bytes do not hold %d pixels of %d channels",
                         row_bytes, width, channels);
    }
    filter across = {0}, down = {0};
    int64_t plane = (int64_t)height * target_width;
    uint8_t *planes = spar_allocate((size_t)(channels * plane), sizeof *planes);
    int32_t *sums = spar_allocate((size_t)target_width, sizeof *sums);
    bool ready =
        planes && sums && make_filter(width, target_width, &across) && make_filter(height, target_height, &down);
    for (int32_t y = 0; ready && y < height; y++) {
        filter_row(&across, source + (size_t)y * row_bytes, channels, target_width, planes + (int64_t)y * target_width,
                   plane);
    }
    for (int64_t row = 0; ready && row < (int64_t)channels * target_height; row++) {
        filter_rows(&down, (int32_t)(row % target_height), planes + row / target_height * plane, target_width, sums,
                    target + row * target_width);
    }
    spar_release(planes);
    spar_release(sums);
    free_filter(&across);
    free_filter(&down);
    return ready ? SPAR_OK : SPAR_ERROR_MEMORY;
}
