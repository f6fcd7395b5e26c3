// The probabilities of t-SNE: how likely each point is another's neighbor.
#include "analysis/tsne.h"

#include "runtime/parallel.h"
#include "runtime/proceed.h"

#include <float.h>
#include <math.h>

typedef struct affinity_task {
    spar_tsne *tsne;
    const float *points;
    int dimensions;
    double *scratch;        // [threads][2][count]: squared distances and weights
    int64_t first, portion; // rows under way
} affinity_task;

// p_j|i ∝ exp(−precision · distance²) as weights; returns their sum and gives the entropy.
static double weigh(const double *distances, int count, int self, double precision, double *weights, double *entropy) {
    double sum = 0, energy = 0;
    for (int j = 0; j < count; j++) {
        weights[j] = j == self ? 0 : exp(-precision * distances[j]);
        sum += weights[j];
        energy += weights[j] * distances[j];
    }
    *entropy = log(sum) + precision * energy / sum;
    return sum;
}

// Bisection for the precision whose entropy is log(perplexity). Distances are from the nearest point's on, so that
// some weight is 1.
static double find_weights(const double *distances, int count, int self, double perplexity, double *weights) {
    double wanted = log(perplexity), lowest = 0, highest = INFINITY, mean = 0, sum = 0;
    for (int j = 0; j < count; j++) mean += distances[j] / count;
    double precision = mean > 0 ? 1 / mean : 1;
    for (int step = 0; step < 200; step++) {
        double entropy;
        sum = weigh(distances, count, self, precision, weights, &entropy);
        if (fabs(entropy - wanted) < 1e-6) break;
        *(entropy > wanted ? &lowest : &highest) = precision;
        precision = highest == INFINITY ? 2 * precision : (lowest + highest) / 2;
        if (precision > DBL_MAX / 4 || precision == lowest || precision == highest) break;
    }
    return sum;
}

static void find_rows(void *context, int64_t first, int64_t last, int thread) {
    affinity_task *task = context;
    const spar_tsne *tsne = task->tsne;
    int count = tsne->count, dimensions = task->dimensions;
    double *distances = task->scratch + (int64_t)thread * 2 * count, *weights = distances + count;
    for (int64_t i = task->first + first; i < task->first + last; i++) {
        const float *point = task->points + i * dimensions;
        double nearest = INFINITY;
        for (int64_t j = 0; j < count; j++) {
            distances[j] = tsne->kernels->squared_distance(point, task->points + j * dimensions, dimensions);
            if (j != i && distances[j] < nearest) nearest = distances[j];
        }
        distances[i] = nearest;
        for (int j = 0; j < count; j++) distances[j] -= nearest;
        double sum = find_weights(distances, count, (int)i, tsne->options.perplexity, weights);
        float *row = tsne->probabilities + i * tsne->stride;
        for (int j = 0; j < count; j++) row[j] = (float)(weights[j] / sum);
    }
}

// p_ij = (p_j|i + p_i|j) / 2n
static void make_symmetric(const spar_tsne *tsne) {
    float half = 0.5f / (float)tsne->count;
    for (int64_t i = 0; i < tsne->count; i++) {
        for (int64_t j = 0; j < i; j++) {
            float *a = tsne->probabilities + i * tsne->stride + j, *b = tsne->probabilities + j * tsne->stride + i;
            *a = *b = half * (*a + *b);
        }
    }
}

spar_status spar_tsne_find_probabilities(spar_tsne *tsne, const float *points, int dimensions) {
    int threads = tsne->options.threads;
    affinity_task task = {.tsne = tsne, .points = points, .dimensions = dimensions};
    task.scratch = spar_allocate((size_t)threads * 2 * (size_t)tsne->count, sizeof *task.scratch);
    if (task.scratch == NULL) return SPAR_ERROR_MEMORY;
    // So many rows that all threads have work for some tenths of a second.
    task.portion = (int64_t)threads * (1 + (1 << 18) / tsne->count);
    spar_status status = SPAR_OK;
    for (task.first = 0; task.first < tsne->count && status == SPAR_OK; task.first += task.portion) {
        int64_t left = tsne->count - task.first;
        status = spar_go_on(tsne->options.proceed, tsne->options.context, (double)task.first / tsne->count, "tsne");
        if (status == SPAR_OK) spar_parallel(threads, left < task.portion ? left : task.portion, find_rows, &task);
    }
    spar_release(task.scratch);
    if (status == SPAR_OK) make_symmetric(tsne);
    return status;
}
