#include "ops/point.h"

#include "kernels/random.h"
#include "ops/draws.h"

#include <math.h>
#include <string.h>

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

bool spar_point_find_extremes(spar_point *point) {
    if (!point->active || point->shape == SPAR_SHAPE_GAUSSIAN || point->granularity == SPAR_GRANULARITY_SAMPLE) {
        return false;
    }
    extremes_of(point, 0, point->recorded, &point->batch_lowest, &point->batch_highest);
    return true;
}

void spar_point_join_extremes(spar_point *point, float lowest, float highest) {
    if (isnan(lowest) || lowest < point->batch_lowest) point->batch_lowest = lowest;
    if (isnan(highest) || highest > point->batch_highest) point->batch_highest = highest;
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

// Of a sample, or of all.
static void find_magnitude(const spar_point *point, const spar_run *run, int64_t sample, bool each, float *magnitude,
                           float *unit) {
    float lowest = point->batch_lowest, highest = point->batch_highest;
    if (point->shape == SPAR_SHAPE_GAUSSIAN) lowest = highest = 0;
    if (point->shape != SPAR_SHAPE_GAUSSIAN && each) extremes_of(point, sample, 1, &lowest, &highest);
    *unit = 1;
    *magnitude = point->epsilon;
    if (point->size == SPAR_SIZE_RANGE) *magnitude *= highest - lowest;
    if (point->size == SPAR_SIZE_RANDOM || point->size == SPAR_SIZE_RANDOM_DEVIATION) {
        *magnitude = draw_r(point, run, each ? (uint64_t)(run->first + sample) : 0);
    }
    if (point->size == SPAR_SIZE_RANDOM_DEVIATION) *magnitude *= point->deviation;
    *magnitude *= point->climb;
    if (isnan(lowest)) *magnitude = NAN;
    if (point->shape != SPAR_SHAPE_GRADIENT) return;
    float norm = fmaxf(highest, -lowest);
    *unit = unit_of(norm);
    *magnitude = norm == 0 ? 0 : *magnitude / (norm * *unit);
}

void spar_point_arm(spar_point *point, const spar_run *run) {
    bool draws = point->shape == SPAR_SHAPE_GAUSSIAN, each = point->granularity == SPAR_GRANULARITY_SAMPLE;
    int common = draws || run->batch < point->recorded ? run->batch : point->recorded;
    point->perturbed = !point->active ? 0 : point->accumulates ? run->batch : common;
    int armed = point->accumulates ? point->recorded : point->perturbed;
    for (int64_t n = 0; n < armed; n++) {
        if (n > 0 && !each) {
            point->magnitudes[n] = point->magnitudes[0];
            point->units[n] = point->units[0];
        } else {
            find_magnitude(point, run, n, each, &point->magnitudes[n], &point->units[n]);
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
    spar_moments all = point->moments[0];
    point->deviation = (float)sqrt(all.squares < 0 ? 0 : all.squares / all.count);
}

static void add_noise(const spar_point *point, const spar_run *run, const spar_block *block, float magnitude,
                      float *h) {
    float noise[SPAR_MOST_DRAWS + 15] = {0};
    spar_random_stream stream = {
        .seed = run->seed, .purpose = SPAR_PURPOSE_NOISE, .layer = (uint32_t)point->index, .step = run->step};
    for (spar_drawn drawn = {0}; spar_next_drawn(&drawn, point->tensor, block, run->first);) {
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
        spar_block part = spar_sample_of(block, sample - block->sample);
        part.samples = next - sample;
        part.rows *= part.samples;
        add_noise(point, run, &part, magnitude, h + (sample - block->sample) * floats);
    }
}

// η of the recorded gradient. The block is of one sample, as below.
static void add_direction(const spar_point *point, const spar_run *run, const spar_block *block, float *y) {
    int64_t sample = block->sample, inside = block->offset - sample * point->sample_floats;
    if (point->shape == SPAR_SHAPE_SIGN) {
        int64_t word = sample * point->words_per_sample + inside / 16;
        run->kernels->add_signs(y, block->floats, point->positive + word, point->negative + word,
                                point->magnitudes[sample]);
    } else {
        run->kernels->add_scaled(y, point->gradient + block->offset, block->floats, point->units[sample],
                                 point->magnitudes[sample]);
    }
}

static void draw_start(const spar_point *point, const spar_run *run, const spar_block *block, float *delta) {
    bool normal = point->distribution == SPAR_START_NORMAL;
    float draws[SPAR_MOST_DRAWS + 15] = {0}, radius = normal ? point->start : point->start * fabsf(point->epsilon);
    spar_random_stream stream = {
        .seed = run->seed, .purpose = SPAR_PURPOSE_START, .layer = (uint32_t)point->index, .step = run->step};
    memset(delta, 0, (size_t)block->floats * sizeof *delta);
    if (radius == 0) return;
    for (spar_drawn drawn = {0}; spar_next_drawn(&drawn, point->tensor, block, run->first);) {
        (normal ? spar_fill_normal : spar_fill_uniform)(&stream, drawn.first, (size_t)drawn.count, draws);
        for (int64_t i = 0; i < drawn.count && !normal; i++) draws[i] = 2 * draws[i] - 1;
        run->kernels->add_draws(delta + drawn.at, &drawn.lines, draws, radius);
    }
}

// Columns of the same bounds.
enum { FLAT_PERIOD = 16 };

static void clamp_flat(const spar_run *run, float *y, int64_t floats, float lowest, float highest, float *change) {
    float low[FLAT_PERIOD], high[FLAT_PERIOD];
    for (int i = 0; i < FLAT_PERIOD; i++) low[i] = lowest, high[i] = highest;
    run->kernels->clamp(y, floats, FLAT_PERIOD, low, high, change);
}

// A normal start stays as it was drawn until it climbs.
static bool is_bounded(const spar_point *point, int64_t sample) {
    return point->distribution == SPAR_START_UNIFORM || sample < point->held || sample < point->recorded;
}

// δ ← Π(δ + η) on the ball, from a start where there is none yet.
static float *move_perturbation(const spar_point *point, const spar_run *run, const spar_block *block) {
    float *delta = point->perturbation + block->offset, radius = fabsf(point->epsilon);
    if (block->sample >= point->held) draw_start(point, run, block, delta);
    if (block->sample < point->recorded) add_direction(point, run, block, delta);
    if (point->bounds & SPAR_BOUND_BALL && is_bounded(point, block->sample)) {
        clamp_flat(run, delta, block->floats, -radius, radius, NULL);
    }
    return delta;
}

bool spar_point_sees_samples(const spar_point *point) {
    return point->active && !point->input && point->bounds & SPAR_BOUND_CHANNELS;
}

// What lives on is for other images too, so that only what is added follows the bounds of these.
static void add_to_sample(const spar_point *point, const spar_run *run, const spar_block *block, float *scratch,
                          float *h) {
    const spar_kernels *kernels = run->kernels;
    int64_t stride = point->tensor->stride;
    float *delta = NULL, *lowest = scratch, *highest = scratch + stride;
    if (spar_point_sees_samples(point)) kernels->column_extremes(h, block->rows, stride, lowest, highest);
    if (point->accumulates) {
        delta = move_perturbation(point, run, block);
        kernels->add(delta, h, block->floats);
    } else {
        add_direction(point, run, block, h);
    }
    if (point->persistent) delta = NULL;
    if (!is_bounded(point, block->sample)) return;
    if (point->input && point->bounds & SPAR_BOUND_PIXELS) clamp_flat(run, h, block->floats, 0, 1, delta);
    if (spar_point_sees_samples(point)) kernels->clamp(h, block->floats, stride, lowest, highest, delta);
}

void spar_point_add(const spar_point *point, const spar_run *run, const spar_block *block, float *scratch, float *h) {
    if (point->shape == SPAR_SHAPE_GAUSSIAN) {
        add_noise_to_samples(point, run, block, h);
        return;
    }
    for (int64_t i = 0; i < block->samples && block->sample + i < point->perturbed; i++) {
        spar_block one = spar_sample_of(block, i);
        add_to_sample(point, run, &one, scratch, h + i * one.floats);
    }
}

void spar_point_settle(spar_point *point, const spar_run *run) {
    if (!point->accumulates) return;
    for (int64_t n = run->batch; n < point->recorded; n++) { // of a larger batch before
        spar_block whole = {.sample = n,
                            .samples = 1,
                            .offset = n * point->sample_floats,
                            .floats = point->sample_floats,
                            .rows = spar_pixels(point->tensor->extent)};
        move_perturbation(point, run, &whole);
    }
    if (point->held < run->batch) point->held = run->batch;
    if (point->held < point->recorded) point->held = point->recorded;
    point->recorded = 0;
}

void spar_point_begin_changes(spar_point *point) {
    point->last_deviation = point->deviation;
    point->last_recorded = point->recorded;
    point->last_held = point->held;
    point->records_anew = false;
}

void spar_point_undo_changes(spar_point *point) {
    point->deviation = point->last_deviation;
    if (point->last_held == 0 && !point->persistent) { // then δ starts anew; else it is where the pass left it
        point->recorded = point->last_recorded;
        point->held = 0;
    }
    if (point->records_anew) point->recorded = 0;
}

void spar_point_begin_step(spar_point *point, bool climbs_anew) {
    if (!point->accumulates) return;
    if (!point->persistent) point->held = point->last_held = 0;
    if (climbs_anew) point->recorded = 0;
}

void spar_point_record(spar_point *point, const spar_run *run, const spar_block *block, const float *g) {
    if (point->shape == SPAR_SHAPE_GAUSSIAN) return;
    float unscale = 1 / run->scale;
    for (int64_t i = 0; i < block->samples; i++) {
        spar_block one = spar_sample_of(block, i);
        int64_t slot = one.sample * point->pieces + one.piece;
        spar_record record = {.g = g + i * one.floats, .scale = unscale};
        shape_rows(point, &one, &record.rows, &record.stride, &record.channels);
        if (point->shape == SPAR_SHAPE_SIGN) {
            int64_t inside = one.offset - one.sample * point->sample_floats;
            int64_t word = one.sample * point->words_per_sample + inside / 16;
            record.positive = point->positive + word;
            record.negative = point->negative + word;
        } else {
            record.kept = point->gradient + one.offset;
        }
        run->kernels->record(&record);
        point->lowest[slot] = record.lowest * unscale;
        point->highest[slot] = record.highest * unscale;
    }
}
