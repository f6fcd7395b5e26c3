// What training may take its loss against besides labels: targets and functions of the caller's; and each image's own
// loss. The formulas are written out here, in double precision.
#include "support/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 23, CLASSES = 5, IMAGES = 4 };

static const spar_loss LOSSES[] = {SPAR_LOSS_SOFTMAX_CROSS_ENTROPY, SPAR_LOSS_LOGISTIC_CROSS_ENTROPY,
                                   SPAR_LOSS_SQUARED_ERROR};

static double expected_loss(spar_loss loss, const float *z, const float *t, double *d) {
    double sum = 0, value = 0, whole = 0;
    for (int c = 0; c < CLASSES; c++) sum += exp(z[c]), whole += t[c];
    for (int c = 0; c < CLASSES; c++) {
        double logistic = 1 / (1 + exp(-(double)z[c])), difference = (double)z[c] - t[c];
        if (loss == SPAR_LOSS_SOFTMAX_CROSS_ENTROPY) {
            value -= t[c] * (z[c] - log(sum));
            d[c] = whole * exp(z[c]) / sum - t[c];
        } else if (loss == SPAR_LOSS_LOGISTIC_CROSS_ENTROPY) {
            value -= t[c] * log(logistic) + (1 - t[c]) * log(1 - logistic);
            d[c] = logistic - t[c];
        } else {
            value += difference * difference / 2;
            d[c] = difference;
        }
    }
    return value;
}

static void draw(float *z, float *targets, uint64_t seed) {
    for (int n = 0; n < IMAGES; n++) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++) {
            z[n * CLASSES + c] = (float)(6 * example_uniform(&seed) - 3);
            targets[n * CLASSES + c] = (float)example_uniform(&seed);
            sum += targets[n * CLASSES + c];
        }
        for (int c = 0; c < CLASSES; c++) targets[n * CLASSES + c] /= (float)sum;
    }
}

static void targets_follow_the_formulas(void) {
    float z[IMAGES * CLASSES], targets[IMAGES * CLASSES], gradient[IMAGES * CLASSES];
    draw(z, targets, SEED);
    for (int i = 0; i < 3; i++) {
        spar_network *network = example_identity(CLASSES, IMAGES, LOSSES[i]);
        spar_criterion criterion = {.struct_size = sizeof criterion, .targets = targets};
        spar_loss_result result = {.struct_size = sizeof result};
        double losses[IMAGES], mean = 0;
        int correct = 0;
        CHECK_OK(spar_forward(network, z, IMAGES, 0));
        CHECK_OK(spar_evaluate_criterion(network, &criterion, losses, &result));
        CHECK_OK(spar_backward_criterion(network, &criterion, 0.5f, SPAR_BACKWARD_INPUT, NULL));
        CHECK_OK(spar_input_gradient(network, gradient));
        for (int n = 0; n < IMAGES; n++) {
            double d[CLASSES], loss = expected_loss(LOSSES[i], z + n * CLASSES, targets + n * CLASSES, d);
            int best = 0, wanted = 0;
            for (int c = 0; c < CLASSES; c++) {
                CHECK_NEAR(gradient[n * CLASSES + c], 0.5 * d[c] / IMAGES, 1e-7);
                best = z[n * CLASSES + c] > z[n * CLASSES + best] ? c : best;
                wanted = targets[n * CLASSES + c] > targets[n * CLASSES + wanted] ? c : wanted;
            }
            CHECK_NEAR(losses[n], loss, 1e-6);
            mean += loss / IMAGES;
            correct += best == wanted;
        }
        CHECK_NEAR(result.loss, mean, 1e-6);
        CHECK_EQUAL(result.correct, correct);
        spar_network_destroy(network);
    }
}

static void one_hot_targets_are_labels(void) {
    float z[IMAGES * CLASSES], targets[IMAGES * CLASSES], by_targets[IMAGES * CLASSES], by_labels[IMAGES * CLASSES];
    static const int32_t labels[IMAGES] = {4, 0, 2, 2};
    draw(z, targets, SEED + 1);
    z[4] = 60; // exp(−60), which its loss comes down to, is far below the rounding of 1
    memset(targets, 0, sizeof targets);
    for (int n = 0; n < IMAGES; n++) targets[n * CLASSES + labels[n]] = 1;
    for (int i = 0; i < 3; i++) {
        spar_network *network = example_identity(CLASSES, IMAGES, LOSSES[i]);
        spar_criterion criteria[2] = {{.struct_size = sizeof *criteria, .targets = targets},
                                      {.struct_size = sizeof *criteria, .labels = labels}};
        float *const gradients[2] = {by_targets, by_labels};
        double losses[2][IMAGES];
        for (int k = 0; k < 2; k++) {
            CHECK_OK(spar_forward(network, z, IMAGES, 0));
            CHECK_OK(spar_evaluate_criterion(network, &criteria[k], losses[k], NULL));
            CHECK_OK(spar_backward_criterion(network, &criteria[k], 1, SPAR_BACKWARD_INPUT, NULL));
            CHECK_OK(spar_input_gradient(network, gradients[k]));
        }
        for (int n = 0; n < IMAGES; n++) CHECK_NEAR(losses[0][n], losses[1][n], 1e-12 * losses[1][n]);
        for (int j = 0; j < IMAGES * CLASSES; j++)
            CHECK_NEAR(by_targets[j], by_labels[j], 1e-7 * fabsf(by_labels[j]) + 1e-9);
        spar_network_destroy(network);
    }
}

typedef struct caller {
    int calls, gradients;
    bool stops, breaks;
    const int32_t *labels;
} caller;

// Softmax cross-entropy of the labels.
static bool cross_entropy(void *context, const float *z, int32_t count, int32_t classes, double *losses,
                          float *gradient) {
    caller *c = context;
    c->calls++;
    c->gradients += gradient != NULL;
    for (int n = 0; n < count; n++, z += classes) {
        double sum = 0;
        for (int k = 0; k < classes; k++) sum += exp((double)z[k]);
        losses[n] = log(sum) - z[c->labels[n]];
        for (int k = 0; k < classes && gradient != NULL; k++) {
            gradient[n * classes + k] = (float)((exp((double)z[k]) / sum - (k == c->labels[n])) / count);
        }
    }
    if (gradient != NULL && c->breaks) gradient[1] = NAN;
    return !c->stops;
}

typedef struct trained {
    oracle *o;
    spar_network *network;
    example_batch batch;
} trained;

static trained start(const char *name) {
    trained t = {.o = example_convolutional(EXAMPLE_BATCH)};
    spar_method method = {.struct_size = sizeof method};
    t.network = oracle_engine(t.o, 2, SEED);
    t.batch = example_batch_create(t.o, EXAMPLE_BATCH, SEED);
    CHECK_OK(spar_method_preset(name, 0.1f, &method));
    CHECK_OK(spar_network_set_method(t.network, &method));
    return t;
}

static void finish(trained *t) {
    example_batch_destroy(&t->batch);
    spar_network_destroy(t->network);
    oracle_destroy(t->o);
}

static void check_same_parameters(const char *name, trained *a, trained *b) {
    for (int i = 0; i < spar_network_parameter_count(a->network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(a->network, i, &info));
        float *x = check_allocate((size_t)info.count * sizeof *x), *y = check_allocate((size_t)info.count * sizeof *y);
        CHECK_OK(spar_network_read_parameter(a->network, i, SPAR_PART_VALUE, x, info.count));
        CHECK_OK(spar_network_read_parameter(b->network, i, SPAR_PART_VALUE, y, info.count));
        double most = 0;
        for (int64_t k = 0; k < info.count; k++) most = fmax(most, fabs((double)x[k] - y[k]));
        check_that(most < 2e-5, __FILE__, __LINE__, "%s: %s differs by %g", name, info.name, most);
        free(x);
        free(y);
    }
}

// Every method takes its rounds' gradients from the criterion.
static void every_method_trains_on_functions_and_targets_as_on_labels(void) {
    for (const char *const *name = spar_method_names(); *name != NULL; name++) {
        trained by_labels = start(*name), by_function = start(*name), by_targets = start(*name);
        spar_optimizer sgd = spar_optimizer_defaults(SPAR_OPTIMIZER_SGD);
        sgd.learning_rate = 0.02f;
        caller c = {.labels = by_labels.batch.labels};
        float targets[EXAMPLE_BATCH * EXAMPLE_CLASSES] = {0};
        for (int n = 0; n < EXAMPLE_BATCH; n++) targets[n * EXAMPLE_CLASSES + by_labels.batch.labels[n]] = 1;
        spar_criterion function = {
            .struct_size = sizeof function, .labels = by_labels.batch.labels, .function = cross_entropy, .context = &c};
        spar_criterion soft = {.struct_size = sizeof soft, .targets = targets};
        spar_loss_result a = {.struct_size = sizeof a}, b = a, d = a;
        for (int step = 0; step < 2; step++) {
            const float *images = by_labels.batch.images;
            CHECK_OK(spar_train_step(by_labels.network, &sgd, images, by_labels.batch.labels, EXAMPLE_BATCH, &a));
            CHECK_OK(spar_train_step_criterion(by_function.network, &sgd, images, &function, EXAMPLE_BATCH, &b));
            CHECK_OK(spar_train_step_criterion(by_targets.network, &sgd, images, &soft, EXAMPLE_BATCH, &d));
            CHECK_NEAR(b.loss, a.loss, 1e-5);
            CHECK_NEAR(d.loss, a.loss, 1e-5);
            CHECK(a.correct == b.correct && a.correct == d.correct);
        }
        CHECK(c.calls >= 2 && c.calls <= 18 && c.gradients == c.calls);
        check_same_parameters(*name, &by_labels, &by_function);
        check_same_parameters(*name, &by_labels, &by_targets);
        finish(&by_labels);
        finish(&by_function);
        finish(&by_targets);
    }
}

static void criteria_that_cannot_be_are_refused(void) {
    trained t = start("layerwise");
    spar_optimizer sgd = spar_optimizer_defaults(SPAR_OPTIMIZER_SGD);
    float targets[EXAMPLE_BATCH * EXAMPLE_CLASSES] = {0};
    caller c = {.labels = t.batch.labels};
    spar_criterion none = {.struct_size = sizeof none}, both = none, soft = none, own = none;
    both.targets = soft.targets = targets;
    both.function = own.function = cross_entropy;
    own.context = both.context = &c;
    const float *images = t.batch.images;
    spar_network *network = t.network;
    CHECK_FAILS(spar_train_step_criterion(network, &sgd, images, NULL, 5, NULL), SPAR_ERROR_ARGUMENT, "spar_criterion");
    CHECK_FAILS(spar_train_step_criterion(network, &sgd, images, &none, 5, NULL), SPAR_ERROR_ARGUMENT, "labels");
    CHECK_FAILS(spar_train_step_criterion(network, &sgd, images, &both, 5, NULL), SPAR_ERROR_ARGUMENT, "exclude");
    CHECK_FAILS(spar_train_step_criterion(network, &sgd, images, &soft, 5, NULL), SPAR_ERROR_ARGUMENT, "image 0", "0");
    for (int n = 0; n < EXAMPLE_BATCH; n++) targets[n * EXAMPLE_CLASSES] = 1;
    targets[2 * EXAMPLE_CLASSES] = 1.5f;
    CHECK_FAILS(spar_train_step_criterion(network, &sgd, images, &soft, 5, NULL), SPAR_ERROR_ARGUMENT, "1.5",
                "image 2");
    targets[2 * EXAMPLE_CLASSES] = NAN;
    CHECK_FAILS(spar_train_step_criterion(network, &sgd, images, &soft, 5, NULL), SPAR_ERROR_NON_FINITE, "image 2");
    c.breaks = true;
    CHECK_FAILS(spar_train_step_criterion(network, &sgd, images, &own, 5, NULL), SPAR_ERROR_NON_FINITE, "output 1",
                "image 0");
    c.stops = true;
    CHECK_FAILS(spar_train_step_criterion(network, &sgd, images, &own, 5, NULL), SPAR_ERROR_CANCELLED, "criterion");
    trained fresh = start("layerwise");
    check_same_parameters("what failed", &t, &fresh);
    finish(&fresh);
    finish(&t);
}

TEST_MAIN(TEST(targets_follow_the_formulas), TEST(one_hot_targets_are_labels),
          TEST(every_method_trains_on_functions_and_targets_as_on_labels), TEST(criteria_that_cannot_be_are_refused))
