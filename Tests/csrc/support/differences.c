#include "differences.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double OUTPUT_TOLERANCE = 1e-5, GRADIENT_TOLERANCE = 1e-3;

typedef struct probe {
    oracle *o;
    double *images;
    const int32_t *labels;
    int count;
    bool train;
    double loss; // J with nothing moved
} probe;

static double loss_with(probe *p, double *element, double value) {
    double kept = *element;
    *element = value;
    oracle_forward(p->o, p->images, p->count, p->train, false);
    *element = kept;
    return oracle_loss(p->o, p->labels);
}

// dJ/d(*element). False where even a tiny step crosses a kink of a ReLU or a maximum.
static bool central_difference(probe *p, double *element, double scale, double *difference) {
    for (double step = 1e-5; step > 0.9e-7; step /= 10) {
        double above = loss_with(p, element, *element + step), below = loss_with(p, element, *element - step);
        *difference = (above - below) / (2 * step);
        if (fabs((above - p->loss) - (p->loss - below)) <= 2e-4 * step * scale) return true;
    }
    return false;
}

typedef struct tally {
    int compared, kinks;
} tally;

// Compares the engine's and the oracle's analytic gradients with differences at up to `samples` elements of a
// tensor, relative to its largest gradient.
static void check_differences(probe *p, const char *label, double *elements, const double *engine,
                              const double *analytic, int count, int samples, double floor, tally *seen) {
    double scale = floor;
    for (int i = 0; i < count; i++) scale = fmax(scale, fabs(analytic[i]));
    int stride = (count + samples - 1) / samples;
    for (int i = 0; i < count; i += stride) {
        double difference;
        if (!central_difference(p, elements + i, scale, &difference)) {
            seen->kinks++;
            continue;
        }
        seen->compared++;
        check_that(fabs(engine[i] - difference) <= GRADIENT_TOLERANCE * scale, __FILE__, __LINE__,
                   "%s[%d]: the engine's gradient is %.6g, the central difference %.6g, of at most %.4g", label, i,
                   engine[i], difference, scale);
        check_that(fabs(analytic[i] - difference) <= 2e-4 * scale, __FILE__, __LINE__,
                   "%s[%d]: the oracle's gradient is %.9g, the central difference %.9g, of at most %.4g", label, i,
                   analytic[i], difference, scale);
    }
}

void differences_check(const char *label, oracle *o, const spar_network *network, example_batch *batch, bool train,
                       int samples) {
    compare_gradients(label, o, network, GRADIENT_TOLERANCE);
    compare_image_gradients(label, o, network, GRADIENT_TOLERANCE);
    probe p = {o, batch->doubles, batch->labels, batch->count, train, oracle_loss(o, batch->labels)};
    double floor = 0.01 * compare_largest_gradient(o);
    tally seen = {0, 0};
    char name[160];
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable) continue;
        double *engine = oracle_read(network, parameter, SPAR_PART_GRADIENT);
        snprintf(name, sizeof name, "%s, %s", label, parameter->name);
        check_differences(&p, name, parameter->value, engine, parameter->gradient, parameter->count, samples, floor,
                          &seen);
        free(engine);
    }
    int pixels = batch->count * o->layers[0].size;
    float *engine = check_allocate(pixels * sizeof *engine);
    double *doubles = check_allocate(pixels * sizeof *doubles);
    CHECK_OK(spar_input_gradient(network, engine));
    for (int i = 0; i < pixels; i++) doubles[i] = engine[i];
    snprintf(name, sizeof name, "%s, images", label);
    check_differences(&p, name, batch->doubles, doubles, o->layers[0].gradient, pixels, samples, floor, &seen);
    check_that(seen.compared > 0 && seen.kinks <= seen.compared / 20, __FILE__, __LINE__,
               "%s: %d elements compared, %d at kinks", label, seen.compared, seen.kinks);
    free(doubles);
    free(engine);
}

void differences_check_network(const char *kind, oracle *o, int count, bool train, int samples) {
    char label[120];
    snprintf(label, sizeof label, "%s, batch %d, %s", kind, count, train ? "training" : "evaluation");
    spar_network *network = oracle_engine(o, DIFFERENCES_THREADS, DIFFERENCES_SEED);
    oracle_randomize(o, network, DIFFERENCES_SEED);
    example_batch batch = example_batch_create(o, count, DIFFERENCES_SEED + 1);
    oracle_draw_dropout(o, DIFFERENCES_SEED, 0, count);
    oracle_forward(o, batch.doubles, count, train, false);
    CHECK_OK(spar_forward(network, batch.images, count, train ? SPAR_FORWARD_TRAIN : 0));
    compare_outputs(label, o, network, OUTPUT_TOLERANCE);

    oracle_backward(o, batch.labels, 1, false);
    spar_loss_result result = {.struct_size = sizeof result};
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT, &result));
    CHECK_NEAR(result.loss, oracle_loss(o, batch.labels), OUTPUT_TOLERANCE * (1 + fabs(result.loss)));
    differences_check(label, o, network, &batch, train, samples);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
}
