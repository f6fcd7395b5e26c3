#include "attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

attacked attacked_create(example_network example, int threads, uint64_t seed) {
    attacked a = {.o = example(EXAMPLE_BATCH)};
    a.network = oracle_engine(a.o, threads, seed);
    oracle_randomize(a.o, a.network, seed);
    a.batch = example_batch_create(a.o, EXAMPLE_BATCH, seed);
    a.image_pixels = (size_t)a.o->layers[0].size;
    a.pixels = EXAMPLE_BATCH * a.image_pixels;
    a.images = check_allocate(a.pixels * sizeof *a.images);
    memcpy(a.images, a.batch.images, a.pixels * sizeof *a.images);
    return a;
}

void attacked_destroy(attacked *a) {
    free(a->images);
    example_batch_destroy(&a->batch);
    spar_network_destroy(a->network);
    oracle_destroy(a->o);
}

void attacked_label_by_network(attacked *a) {
    const double *outputs = attacked_outputs(a, a->batch.doubles);
    for (int n = 0; n < EXAMPLE_BATCH; n++) a->batch.labels[n] = attacked_class(outputs + n * EXAMPLE_CLASSES);
}

spar_status attacked_run(attacked *a, const spar_attack *attack) {
    return spar_attack_images(a->network, attack, a->batch.images, a->batch.labels, a->batch.count, a->images);
}

void attacked_check(const attacked *a, const char *label, const double *expected) {
    double *actual = check_allocate(a->pixels * sizeof *actual);
    for (size_t i = 0; i < a->pixels; i++) actual[i] = a->images[i];
    CHECK_CLOSE(label, actual, expected, a->pixels, 1e-6, 1);
    free(actual);
}

void attacked_check_inside(const attacked *a, const char *label, double delta) {
    double farthest = 0, outside = 0;
    for (size_t i = 0; i < a->pixels; i++) {
        farthest = fmax(farthest, fabs((double)a->images[i] - a->batch.images[i]));
        outside = fmax(outside, fmax(-(double)a->images[i], (double)a->images[i] - 1));
    }
    check_that(farthest <= delta + 1e-7, __FILE__, __LINE__, "%s: a pixel moved by %g, more than %g", label, farthest,
               delta);
    check_that(outside <= 0, __FILE__, __LINE__, "%s: a pixel is outside the range by %g", label, outside);
}

const double *attacked_outputs(const attacked *a, const double *images) {
    oracle_forward(a->o, images, EXAMPLE_BATCH, false, false);
    return oracle_output(a->o);
}

const double *attacked_outputs_of_floats(const attacked *a, const float *images) {
    double *doubles = check_allocate(a->pixels * sizeof *doubles);
    for (size_t i = 0; i < a->pixels; i++) doubles[i] = images[i];
    const double *outputs = attacked_outputs(a, doubles);
    free(doubles);
    return outputs;
}

int attacked_class(const double *outputs) {
    int best = 0;
    for (int c = 1; c < EXAMPLE_CLASSES; c++) best = outputs[c] > outputs[best] ? c : best;
    return best;
}

int attacked_class_of_rank(const double *outputs, int k) {
    for (int c = 0; c < EXAMPLE_CLASSES; c++) {
        int before = 0;
        for (int other = 0; other < EXAMPLE_CLASSES; other++) before += outputs[other] > outputs[c];
        if (before == k) return c;
    }
    return -1;
}

double attacked_margin(const double *outputs, int label) {
    double other = -INFINITY;
    for (int c = 0; c < EXAMPLE_CLASSES; c++) other = c == label ? other : fmax(other, outputs[c]);
    return outputs[label] - other;
}

static double clip(double value, double lowest, double highest) {
    return fmin(fmax(value, lowest), highest);
}

double *attacked_climb(attacked *a, const double *start, double delta, double step, int iterations, double lowest,
                       double highest, bool train) {
    double *x = check_allocate(a->pixels * sizeof *x);
    memcpy(x, start == NULL ? a->batch.doubles : start, a->pixels * sizeof *x);
    for (int k = 0; k < iterations; k++) {
        oracle_forward(a->o, x, EXAMPLE_BATCH, train, false);
        oracle_backward(a->o, a->batch.labels, 1, false);
        const double *gradient = a->o->layers[0].gradient;
        for (size_t i = 0; i < a->pixels; i++) {
            double sign = (gradient[i] > 0) - (gradient[i] < 0), original = a->batch.doubles[i];
            x[i] = clip(x[i] + step * sign, original - delta, original + delta);
            x[i] = clip(x[i], lowest, highest);
        }
    }
    return x;
}

void attacked_check_independence(const spar_attack *attack, uint64_t seed) {
    float *expected = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        attacked a = attacked_create(example_residual, threads, seed);
        attacked_label_by_network(&a);
        CHECK_OK(attacked_run(&a, attack));
        if (expected == NULL) {
            expected = check_allocate(a.pixels * sizeof *expected);
            memcpy(expected, a.images, a.pixels * sizeof *expected);
        }
        CHECK(memcmp(a.images, expected, a.pixels * sizeof *expected) == 0);
        spar_attack single = *attack;
        for (int n = 0; n < EXAMPLE_BATCH; n++) {
            size_t first = (size_t)n * a.image_pixels;
            single.first_image = (uint64_t)n;
            CHECK_OK(spar_attack_images(a.network, &single, a.batch.images + first, a.batch.labels + n, 1,
                                        a.images + first));
        }
        CHECK(memcmp(a.images, expected, a.pixels * sizeof *expected) == 0);
        attacked_destroy(&a);
    }
    free(expected);
}

static bool stop_at_half(void *context, double done) {
    *(double *)context = done;
    return done < 0.5;
}

void attacked_check_cancelling(const spar_attack *attack, uint64_t seed) {
    attacked a = attacked_create(example_plain, 2, seed);
    attacked_label_by_network(&a);
    double done = 0;
    spar_attack stopped = *attack;
    stopped.proceed = stop_at_half;
    stopped.context = &done;
    CHECK_FAILS(attacked_run(&a, &stopped), SPAR_ERROR_CANCELLED, "50 %");
    CHECK_NEAR(done, 0.5, 1e-9);
    CHECK(memcmp(a.images, a.batch.images, a.pixels * sizeof *a.images) == 0);
    attacked_destroy(&a);
}
