#include "ops/point.h"

#include "ops/draws.h"
#include "runtime/random.h"

#include <math.h>
#include <string.h>

int spar_point_arrays(const spar_point *only_read, spar_shape shape, spar_point_array *arrays) {
    spar_point *point = (spar_point *)only_read;
    if (shape == SPAR_SHAPE_GAUSSIAN) return 0;
    arrays[0] = (spar_point_array){"lowest", "F32", sizeof(float), (void **)&point->lowest, point->pieces};
    arrays[1] = (spar_point_array){"highest", "F32", sizeof(float), (void **)&point->highest, point->pieces};
    if (shape == SPAR_SHAPE_GRADIENT) {
        arrays[2] =
            (spar_point_array){"gradient", "F32", sizeof(float), (void **)&point->gradient, point->sample_floats};
        return 3;
    }
    int64_t words = point->words_per_sample;
    arrays[2] = (spar_point_array){"positive", "U16", sizeof(uint16_t), (void **)&point->positive, words};
    arrays[3] = (spar_point_array){"negative", "U16", sizeof(uint16_t), (void **)&point->negative, words};
    return 4;
}

static void forget_memory(spar_point *point) {
    point->positive = point->negative = NULL;
    point->gradient = point->lowest = point->highest = point->magnitudes = point->units = NULL;
}

void spar_point_discard(spar_point *point) {
    void *const memory[] = {point->lowest,   point->highest,  point->gradient,
                            point->positive, point->negative, point->magnitudes};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) spar_release(memory[i]);
    forget_memory(point);
}

size_t spar_point_bytes(const spar_point *point) {
    if (!point->active) return 0;
    size_t batch = (size_t)point->batch_size, bytes = 2 * batch * sizeof(float);
    spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
    int count = spar_point_arrays(point, point->shape, arrays);
    for (int a = 0; a < count; a++) bytes += batch * (size_t)arrays[a].elements * arrays[a].bytes;
    return bytes;
}

static bool allocate_storage(spar_point *point) {
    size_t batch = (size_t)point->batch_size;
    point->magnitudes = spar_allocate(2 * batch, sizeof(float));
    if (point->magnitudes == NULL) return false;
    point->units = point->magnitudes + batch;
    spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
    int count = spar_point_arrays(point, point->shape, arrays);
    for (int a = 0; a < count; a++) {
        *arrays[a].values = spar_allocate(batch * (size_t)arrays[a].elements, arrays[a].bytes);
        if (*arrays[a].values == NULL) return false;
    }
    return true;
}

spar_status spar_point_configure(const spar_point *point, const spar_method *method, bool active,
                                 spar_point *configured) {
    *configured = *point;
    forget_memory(configured);
    configured->recorded = 0;
    configured->perturbed = 0;
    configured->active = active;
    if (!active) return SPAR_OK;
    configured->shape = method->shape;
    configured->size = method->size;
    configured->granularity = method->granularity;
    configured->epsilon = point->input ? method->input_epsilon : method->epsilon;
    return allocate_storage(configured) ? SPAR_OK : SPAR_ERROR_MEMORY;
}

// Of the gradient; NaN where one of its elements is.
static void extremes_of(const spar_point *point, int64_t first, int64_t samples, float *lowest, float *highest) {
    *lowest = INFINITY;
    *highest = -INFINITY;
    for (int64_t slot = first * point->pieces; slot < (first + samples) * point->pieces; slot++) {
        float low = point->lowest[slot], high = point->highest[slot];
        if (isnan(low) || low < *lowest) *lowest = low;
        if (isnan(high) || high > *highest) *highest = high;
        if (isnan(low)) return;
    }
}

// ANL Eq. 2, for either sign of ε.
static float draw_r(const spar_point *point, const spar_run *run, uint64_t draw) {
    spar_random_stream stream = {
        .seed = run->seed, .purpose = SPAR_PURPOSE_MAGNITUDE, .layer = (uint32_t)point->index, .step = run->step};
    float normal, epsilon = point->epsilon;
    spar_fill_normal(&stream, draw, 1, &normal);
    float r = epsilon / 2 + epsilon / 4 * normal;
    return fminf(fmaxf(r, fminf(0, epsilon)), fmaxf(0, epsilon));
}

// The power of two near 1 / norm: a norm may be so small that 1 / norm is infinite.
static float unit_of(float norm) {
    int exponent = 0;
    if (isfinite(norm)) frexpf(norm, &exponent);
    return ldexpf(1, exponent < -126 ? 126 : exponent > 126 ? -126 : -exponent);
}

// Of the samples from the `first` on that share one magnitude.
static void find_magnitude(const spar_point *point, const spar_run *run, int64_t first, int64_t samples,
                           float *magnitude, float *unit) {
    float lowest = 0, highest = 0;
    if (point->shape != SPAR_SHAPE_GAUSSIAN) extremes_of(point, first, samples, &lowest, &highest);
    *unit = 1;
    *magnitude = point->epsilon;
    if (point->size == SPAR_SIZE_RANGE) *magnitude *= highest - lowest;
    if (point->size == SPAR_SIZE_RANDOM || point->size == SPAR_SIZE_RANDOM_DEVIATION) {
        *magnitude = draw_r(point, run, (uint64_t)first);
    }
    if (point->size == SPAR_SIZE_RANDOM_DEVIATION) *magnitude *= point->deviation;
    if (isnan(lowest)) *magnitude = NAN;
    if (point->shape != SPAR_SHAPE_GRADIENT) return;
    float norm = fmaxf(highest, -lowest);
    *unit = unit_of(norm);
    *magnitude = norm == 0 ? 0 : *magnitude / (norm * *unit);
}

void spar_point_arm(spar_point *point, const spar_run *run) {
    bool keeps_gradient = point->shape != SPAR_SHAPE_GAUSSIAN;
    point->perturbed = !point->active                                    ? 0
                       : !keeps_gradient || run->batch < point->recorded ? run->batch
                                                                         : point->recorded;
    bool each = point->granularity == SPAR_GRANULARITY_SAMPLE;
    for (int64_t n = 0; n < point->perturbed; n++) {
        if (n > 0 && !each) {
            point->magnitudes[n] = point->magnitudes[0];
            point->units[n] = point->units[0];
        } else {
            find_magnitude(point, run, n, each ? 1 : point->recorded, &point->magnitudes[n], &point->units[n]);
        }
    }
}

void spar_point_begin_measure(spar_point *point) {
    memset(point->moments, 0, sizeof point->moments);
}

// A flat image section has no padding: one long row is cheaper than many short ones.
static void shape_rows(const spar_point *point, const spar_block *block, int64_t *rows, int64_t *stride,
                       int64_t *channels) {
    const spar_tensor *tensor = point->tensor;
    bool flat = tensor->stride == tensor->extent.channels;
    *rows = flat ? 1 : block->rows;
    *stride = flat ? block->floats : tensor->stride;
    *channels = flat ? block->floats : tensor->extent.channels;
}

void spar_point_measure(spar_point *point, const spar_run *run, const spar_block *block, int64_t chunk,
                        const float *h) {
    int64_t rows, stride, channels;
    shape_rows(point, block, &rows, &stride, &channels);
    run->kernels->moments(h, rows, stride, channels, &point->moments[chunk]);
}

void spar_point_end_measure(spar_point *point) {
    spar_moments all = {0, 0, 0};
    for (int chunk = 0; chunk < SPAR_MAX_CHUNKS; chunk++) spar_join_moments(&all, point->moments[chunk]);
    point->deviation = (float)sqrt(all.squares < 0 ? 0 : all.squares / all.count);
}

static void add_noise(const spar_point *point, const spar_run *run, const spar_block *block, float magnitude,
                      float *h) {
    float noise[SPAR_MOST_DRAWS + 15] = {0};
    spar_random_stream stream = {
        .seed = run->seed, .purpose = SPAR_PURPOSE_NOISE, .layer = (uint32_t)point->index, .step = run->step};
    for (spar_drawn drawn = {0}; spar_next_drawn(&drawn, point->tensor, block);) {
        spar_fill_normal(&stream, drawn.first, (size_t)drawn.count, noise);
        run->kernels->add_draws(h + drawn.at, &drawn.lines, noise, magnitude);
    }
}

// Samples of one magnitude are drawn together.
static void add_noise_to_samples(const spar_point *point, const spar_run *run, const spar_block *block, float *h) {
    int64_t floats = block->floats / block->samples, last = block->sample + block->samples;
    if (last > point->perturbed) last = point->perturbed;
    for (int64_t sample = block->sample, next; sample < last; sample = next) {
        float magnitude = point->magnitudes[sample];
        for (next = sample + 1; next < last && point->magnitudes[next] == magnitude;) next++;
        int64_t before = (sample - block->sample) * floats, rows = block->rows / block->samples;
        spar_block part = {.sample = sample,
                           .samples = next - sample,
                           .offset = block->offset + before,
                           .rows = rows * (next - sample)};
        add_noise(point, run, &part, magnitude, h + before);
    }
}

void spar_point_add(const spar_point *point, const spar_run *run, const spar_block *block, float *h) {
    if (point->shape == SPAR_SHAPE_GAUSSIAN) {
        add_noise_to_samples(point, run, block, h);
        return;
    }
    int64_t floats = block->floats / block->samples;
    int64_t inside = block->offset - block->sample * point->sample_floats;
    for (int64_t i = 0; i < block->samples && block->sample + i < point->perturbed; i++) {
        int64_t sample = block->sample + i;
        float *y = h + i * floats, magnitude = point->magnitudes[sample];
        if (point->shape == SPAR_SHAPE_SIGN) {
            int64_t word = sample * point->words_per_sample + inside / 16;
            run->kernels->add_signs(y, floats, point->positive + word, point->negative + word, magnitude);
        } else {
            run->kernels->add_scaled(y, point->gradient + sample * point->sample_floats + inside, floats,
                                     point->units[sample], magnitude);
        }
    }
}

void spar_point_record(spar_point *point, const spar_run *run, const spar_block *block, const float *g) {
    if (point->shape == SPAR_SHAPE_GAUSSIAN) return;
    int64_t floats = block->floats / block->samples, rows, stride, channels;
    int64_t inside = block->offset - block->sample * point->sample_floats;
    float unscale = 1 / run->scale;
    spar_block one = *block;
    one.rows /= block->samples;
    one.floats = floats;
    shape_rows(point, &one, &rows, &stride, &channels);
    for (int64_t i = 0; i < block->samples; i++) {
        int64_t sample = block->sample + i, slot = sample * point->pieces + block->piece;
        const float *source = g + i * floats;
        float lowest = INFINITY, highest = -INFINITY;
        run->kernels->extremes(source, rows, stride, channels, &lowest, &highest);
        point->lowest[slot] = lowest * unscale;
        point->highest[slot] = highest * unscale;
        if (point->shape == SPAR_SHAPE_SIGN) {
            int64_t word = sample * point->words_per_sample + inside / 16;
            run->kernels->record_signs(source, floats, point->positive + word, point->negative + word);
        } else {
            float *kept = point->gradient + sample * point->sample_floats + inside;
            for (int64_t j = 0; j < floats; j++) kept[j] = source[j] * unscale;
        }
    }
}
