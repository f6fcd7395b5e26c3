// t-SNE (van der Maaten & Hinton 2008): gradient descent on the divergence between neighborhoods in space and on the
// plane.
#include "analysis/tsne.h"

#include "kernels/random.h"
#include "runtime/environment.h"
#include "runtime/parallel.h"
#include "runtime/proceed.h"
#include "runtime/structure.h"

#include <float.h>
#include <math.h>

#define OPTIONS SPAR_STRUCTURE(spar_tsne_options, context)

spar_status spar_tsne_set_defaults(spar_tsne_options *options, uint32_t struct_size) {
    spar_tsne_options defaults = {.perplexity = 30, .exaggeration = 12, .exaggerated_iterations = 250, .seed = 1};
    return spar_fill_defaults(OPTIONS, &defaults, options, struct_size);
}

static spar_status check_options(const spar_tsne_options *o, int count) {
    if (!(o->perplexity > 1 && o->perplexity < count - 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "tsne: the perplexity is %g; for %d points it must be above 1 and below %d", o->perplexity,
                         count, count - 1);
    }
    if (!(o->learning_rate >= 0 && o->learning_rate < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "tsne: the learning rate is %g, not a number of at least 0",
                         o->learning_rate);
    }
    if (!(o->exaggeration >= 1 && o->exaggeration < INFINITY) || o->exaggerated_iterations < 0) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "tsne: an exaggeration of %g, which must be at least 1, for %d iterations is not possible",
                         o->exaggeration, o->exaggerated_iterations);
    }
    if (o->start != SPAR_TSNE_START_PRINCIPAL && o->start != SPAR_TSNE_START_RANDOM) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "tsne: there is no start %d", (int)o->start);
    }
    if (o->threads >= 0 && o->threads <= SPAR_MOST_THREADS) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "tsne: %d threads; there may be 0 to %d", o->threads, SPAR_MOST_THREADS);
}

// Distances are squared, so that values whose squares overflow are as bad as infinite ones.
static spar_status check_points(const float *points, int count, int dimensions) {
    for (int64_t i = 0; i < (int64_t)count * dimensions; i++) {
        if (fabsf(points[i]) < 1e15f) continue;
        return spar_fail(SPAR_ERROR_NON_FINITE, "tsne: value %lld of point %lld is %g", (long long)(i % dimensions),
                         (long long)(i / dimensions), (double)points[i]);
    }
    return SPAR_OK;
}

static void start_at_random(const spar_tsne *tsne) {
    spar_random_stream stream = {.seed = tsne->options.seed, .purpose = SPAR_PURPOSE_EMBEDDING};
    size_t values = 2 * (size_t)tsne->count;
    spar_fill_normal(&stream, 0, values, tsne->rounded);
    for (size_t i = 0; i < values; i++) tsne->positions[i] = tsne->rounded[i];
}

static spar_status start(spar_tsne *tsne, const float *points, int dimensions) {
    bool found = false;
    if (tsne->options.start == SPAR_TSNE_START_PRINCIPAL) {
        SPAR_TRY(spar_principal_components(points, tsne->count, dimensions, tsne->positions, &found));
    }
    if (!found) start_at_random(tsne);
    for (int i = 0; i < 2 * tsne->count; i++) {
        tsne->positions[i] *= 1e-4;
        tsne->gains[i] = 1;
    }
    return SPAR_OK;
}

static spar_status allocate(spar_tsne *tsne) {
    size_t count = (size_t)tsne->count;
    tsne->probabilities = spar_allocate(count * (size_t)tsne->stride, sizeof(float));
    tsne->positions = spar_allocate(6 * count, sizeof(double));
    tsne->rounded = spar_allocate(2 * count, sizeof(float));
    tsne->sums = spar_allocate(count, sizeof *tsne->sums);
    tsne->divergences = spar_allocate(count, sizeof(double));
    if (tsne->probabilities == NULL || tsne->positions == NULL || tsne->rounded == NULL || tsne->sums == NULL ||
        tsne->divergences == NULL) {
        return SPAR_ERROR_MEMORY;
    }
    tsne->velocities = tsne->positions + 2 * count;
    tsne->gains = tsne->positions + 4 * count;
    return SPAR_OK;
}

spar_status spar_tsne_create(const float *points, int32_t count, int32_t dimensions, const spar_tsne_options *options,
                             spar_tsne **tsne) {
    SPAR_REQUIRE_POINTER(points);
    SPAR_REQUIRE_POINTER(tsne);
    *tsne = NULL;
    spar_tsne_options chosen = spar_tsne_defaults();
    if (options != NULL) SPAR_TRY(spar_take_structure(OPTIONS, options, &chosen));
    if (count < 1 || dimensions < 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "tsne: %d points of %d dimensions are not possible", count, dimensions);
    }
    SPAR_TRY(check_options(&chosen, count));
    SPAR_TRY(spar_check_environment());
    SPAR_TRY(check_points(points, count, dimensions));
    if (chosen.threads == 0) chosen.threads = spar_available_threads();
    if (chosen.learning_rate == 0) chosen.learning_rate = fmax(50, count / (4 * chosen.exaggeration));
    spar_tsne *made = spar_allocate(1, sizeof *made);
    if (made == NULL) return SPAR_ERROR_MEMORY;
    made->options = chosen;
    made->kernels = spar_kernels_for_cpu();
    made->count = count;
    made->stride = spar_round_up16(count);
    spar_status status = allocate(made);
    if (status == SPAR_OK) status = spar_tsne_find_probabilities(made, points, dimensions);
    if (status == SPAR_OK) status = start(made, points, dimensions);
    if (status == SPAR_OK) {
        *tsne = made;
    } else {
        spar_tsne_destroy(made);
    }
    return status;
}

void spar_tsne_destroy(spar_tsne *tsne) {
    if (tsne == NULL) return;
    void *const memory[] = {tsne->probabilities, tsne->positions, tsne->rounded, tsne->sums, tsne->divergences};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) spar_release(memory[i]);
    spar_release(tsne);
}

static void sum_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const spar_tsne *tsne = context;
    const float *xs = tsne->rounded, *ys = xs + tsne->count;
    for (int64_t i = first; i < last; i++) {
        tsne->sums[i] = (spar_embedding_sums){0};
        tsne->kernels->embedding_row(xs[i], ys[i], xs, ys, tsne->probabilities + i * tsne->stride, tsne->count,
                                     &tsne->sums[i]);
    }
}

// The sums of every point; returns Σ w over pairs of different points.
static double sum_pairs(spar_tsne *tsne) {
    for (int i = 0; i < 2 * tsne->count; i++) tsne->rounded[i] = (float)tsne->positions[i];
    spar_parallel(tsne->options.threads, tsne->count, sum_rows, tsne);
    double total = 0;
    for (int i = 0; i < tsne->count; i++) total += tsne->sums[i].weight - 1;
    return total;
}

static void center(spar_tsne *tsne) {
    for (int k = 0; k < 2; k++) {
        double sum = 0, *positions = tsne->positions + (int64_t)k * tsne->count;
        for (int i = 0; i < tsne->count; i++) sum += positions[i];
        for (int i = 0; i < tsne->count; i++) positions[i] -= sum / tsne->count;
    }
}

// Gains grow where the gradient keeps its direction and shrink where it turns (Jacobs 1988).
static void move(spar_tsne *tsne, int64_t at, double gradient, double momentum) {
    bool goes_on = gradient * tsne->velocities[at] < 0;
    tsne->gains[at] = fmax(0.01, goes_on ? tsne->gains[at] + 0.2 : tsne->gains[at] * 0.8);
    tsne->velocities[at] = momentum * tsne->velocities[at] - tsne->options.learning_rate * tsne->gains[at] * gradient;
    tsne->positions[at] += tsne->velocities[at];
}

static void iterate(spar_tsne *tsne) {
    bool early = tsne->iteration < tsne->options.exaggerated_iterations;
    double exaggeration = early ? tsne->options.exaggeration : 1, momentum = early ? 0.5 : 0.8;
    double total = sum_pairs(tsne);
    for (int64_t i = 0; i < tsne->count; i++) {
        for (int64_t k = 0; k < 2; k++) {
            const spar_embedding_sums *sums = &tsne->sums[i];
            double gradient = 4 * (exaggeration * sums->attraction[k] - sums->repulsion[k] / total);
            move(tsne, k * tsne->count + i, gradient, momentum);
        }
    }
    center(tsne);
    tsne->iteration++;
}

// The embedding is of floats.
static spar_status check_positions(const spar_tsne *tsne) {
    for (int i = 0; i < 2 * tsne->count; i++) {
        double position = tsne->positions[i];
        if (fabs(position) <= FLT_MAX) continue;
        return spar_fail(SPAR_ERROR_NON_FINITE,
                         "tsne: point %d is at %g after %lld iterations: the learning rate, %g, or the exaggeration, "
                         "%g, is too large",
                         i % tsne->count, position, (long long)tsne->iteration, tsne->options.learning_rate,
                         tsne->options.exaggeration);
    }
    return SPAR_OK;
}

// Σ p log(p / w) of every point; the part of Σ w is the same for all.
static void diverge_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const spar_tsne *tsne = context;
    const double *xs = tsne->positions, *ys = xs + tsne->count;
    for (int64_t i = first; i < last; i++) {
        const float *row = tsne->probabilities + i * tsne->stride;
        tsne->divergences[i] = 0;
        for (int64_t j = 0; j < tsne->count; j++) {
            double p = row[j], dx = xs[i] - xs[j], dy = ys[i] - ys[j];
            if (p > 0) tsne->divergences[i] += p * log(p * (1 + dx * dx + dy * dy));
        }
    }
}

static double find_divergence(spar_tsne *tsne) {
    double sum = log(sum_pairs(tsne));
    spar_parallel(tsne->options.threads, tsne->count, diverge_rows, tsne);
    for (int i = 0; i < tsne->count; i++) sum += tsne->divergences[i];
    return sum;
}

spar_status spar_tsne_iterate(spar_tsne *tsne, int32_t iterations, double *divergence) {
    SPAR_REQUIRE_POINTER(tsne);
    if (iterations < 0) return spar_fail(SPAR_ERROR_ARGUMENT, "tsne: %d iterations are not possible", iterations);
    for (int i = 0; i < iterations; i++) {
        SPAR_TRY(spar_go_on(tsne->options.proceed, tsne->options.context, (double)i / iterations, "tsne"));
        iterate(tsne);
        SPAR_TRY(check_positions(tsne));
    }
    if (divergence == NULL) return SPAR_OK;
    double reached = find_divergence(tsne);
    if (!isfinite(reached)) {
        return spar_fail(SPAR_ERROR_NON_FINITE,
                         "tsne: the divergence is %g after %lld iterations: the points are too far apart", reached,
                         (long long)tsne->iteration);
    }
    *divergence = reached;
    return SPAR_OK;
}

spar_status spar_tsne_embedding(const spar_tsne *tsne, float *embedding) {
    SPAR_REQUIRE_POINTER(tsne);
    SPAR_REQUIRE_POINTER(embedding);
    for (int i = 0; i < 2 * tsne->count; i++) {
        embedding[i] = (float)tsne->positions[i % 2 * tsne->count + i / 2];
    }
    return SPAR_OK;
}
