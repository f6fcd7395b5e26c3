// What a point keeps, and its settings.
#include "ops/point.h"

static spar_point_array of_floats(const char *name, float **values, int64_t elements, int samples) {
    return (spar_point_array){name, "F32", sizeof(float), (void **)values, elements, samples};
}

static spar_point_array of_words(const char *name, uint16_t **values, int64_t elements, int samples) {
    return (spar_point_array){name, "U16", sizeof(uint16_t), (void **)values, elements, samples};
}

int spar_point_arrays(const spar_point *only_read, spar_point_array *arrays) {
    spar_point *point = (spar_point *)only_read;
    int64_t floats = point->sample_floats, words = point->words_per_sample;
    int count = 0, recorded = point->recorded;
    if (point->shape == SPAR_SHAPE_GAUSSIAN) return 0;
    arrays[count++] = of_floats("lowest", &point->lowest, point->pieces, recorded);
    arrays[count++] = of_floats("highest", &point->highest, point->pieces, recorded);
    if (point->shape == SPAR_SHAPE_GRADIENT) {
        arrays[count++] = of_floats("gradient", &point->gradient, floats, recorded);
    } else {
        arrays[count++] = of_words("positive", &point->positive, words, recorded);
        arrays[count++] = of_words("negative", &point->negative, words, recorded);
    }
    if (point->accumulates) { // other steps need those that live on
        int lives_on = point->persistent ? point->held : 0;
        arrays[count++] = of_floats("perturbation", &point->perturbation, floats, lives_on);
    }
    return count;
}

static void forget_memory(spar_point *point) {
    point->positive = point->negative = NULL;
    point->gradient = point->lowest = point->highest = point->magnitudes = point->units = NULL;
    point->perturbation = NULL;
}

void spar_point_discard(spar_point *point) {
    void *const memory[] = {point->lowest,   point->highest,    point->gradient,    point->positive,
                            point->negative, point->magnitudes, point->perturbation};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) spar_release(memory[i]);
    forget_memory(point);
}

size_t spar_point_bytes(const spar_point *point) {
    if (!point->active) return 0;
    size_t batch = (size_t)point->batch_size, bytes = 2 * batch * sizeof(float);
    spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
    int count = spar_point_arrays(point, arrays);
    for (int a = 0; a < count; a++) bytes += batch * (size_t)arrays[a].elements * arrays[a].bytes;
    return bytes;
}

static bool allocate_storage(spar_point *point) {
    size_t batch = (size_t)point->batch_size;
    point->magnitudes = spar_allocate(2 * batch, sizeof(float));
    if (point->magnitudes == NULL) return false;
    point->units = point->magnitudes + batch;
    spar_point_array arrays[SPAR_MOST_POINT_ARRAYS];
    int count = spar_point_arrays(point, arrays);
    for (int a = 0; a < count; a++) {
        *arrays[a].values = spar_allocate(batch * (size_t)arrays[a].elements, arrays[a].bytes);
        if (*arrays[a].values == NULL) return false;
    }
    return true;
}

void spar_point_set(spar_point *point, const spar_method *method) {
    point->shape = method->shape;
    point->size = method->size;
    point->granularity = method->granularity;
    point->epsilon = point->input ? method->input_epsilon : method->epsilon;
    point->climb = spar_climb(method);
    point->start = method->start;
    point->distribution = method->start_distribution;
    point->bounds = method->bounds;
    point->persistent = method->persistent;
    point->accumulates =
        method->iterations > 1 || method->start > 0 || method->persistent || method->bounds & SPAR_BOUND_BALL;
}

spar_status spar_point_configure(const spar_point *point, const spar_method *method, bool active,
                                 spar_point *configured) {
    *configured = *point;
    forget_memory(configured);
    configured->recorded = configured->perturbed = configured->held = 0;
    configured->active = active;
    configured->accumulates = false;
    if (!active) return SPAR_OK;
    spar_point_set(configured, method);
    return allocate_storage(configured) ? SPAR_OK : SPAR_ERROR_MEMORY;
}
