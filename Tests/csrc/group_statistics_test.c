// Ranks whose batch norms have statistics of their own: each passes its images as a process alone would, and gradients
// and running statistics are what such processes have on average.
#include "support/check.h"
#include "support/examples.h"
#include "support/group_threads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 10, SEED = 41, MOST = 1 << 16, MOST_RANKS = 4 };

// What a process has of two passes over its images.
typedef struct passes {
    float outputs[BATCH * EXAMPLE_CLASSES];
    float gradients[2][MOST], statistics[MOST];
    int32_t own;
    spar_status status;
} passes;

typedef struct trial {
    const oracle *o;
    int count, ranks;
    example_batch batch;
    spar_network *start;
    passes of_rank[MOST_RANKS];
    uint64_t exchanges[2]; // of rank 0, with statistics of the batch and of the rank
} trial;

// Gradients of the trained parameters, or values of the others; returns how many there are.
static size_t read(const spar_network *network, bool trained, float *values) {
    size_t count = 0;
    for (int i = 0; i < spar_network_parameter_count(network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, i, &info));
        if (info.trainable != trained) continue;
        CHECK(count + (size_t)info.count <= MOST);
        spar_parameter_part part = trained ? SPAR_PART_GRADIENT : SPAR_PART_VALUE;
        CHECK_OK(spar_network_read_parameter(network, i, part, values + count, info.count));
        count += (size_t)info.count;
    }
    return count;
}

#define STEP(call)                                                                                                     \
    if (p->status == SPAR_OK) p->status = (call)

static void run_passes(const trial *t, spar_network *network, int32_t first, int32_t own, int32_t count, passes *p) {
    const float *images = t->batch.images + (size_t)first * t->o->layers[0].size;
    const uint32_t train = SPAR_FORWARD_TRAIN | SPAR_FORWARD_UPDATE_STATISTICS;
    p->own = own;
    for (int pass = 0; pass < 2; pass++) {
        uint32_t add = pass == 0 ? 0 : SPAR_BACKWARD_ACCUMULATE;
        STEP(spar_forward(network, images, count, train));
        STEP(spar_read_output(network, p->outputs));
        STEP(spar_backward(network, t->batch.labels + first, 0.5f, SPAR_BACKWARD_WEIGHTS | add, NULL));
        if (p->status == SPAR_OK) read(network, true, p->gradients[pass]);
    }
    if (p->status == SPAR_OK) read(network, false, p->statistics);
    if (p->status != SPAR_OK) printf("  %s\n", spar_last_error());
}

static spar_network *join(const trial *t, const spar_group *group, bool rank_statistics) {
    spar_network *network = NULL;
    spar_network_options options = spar_network_defaults();
    options.batch_size = t->o->batch_size;
    options.threads = 1;
    options.group = group;
    options.rank_statistics = rank_statistics;
    if (spar_network_clone(t->start, &options, &network) != SPAR_OK) printf("  %s\n", spar_last_error());
    return network;
}

static void run_rank(void *context, const spar_group *group) {
    trial *t = context;
    passes *p = &t->of_rank[group->rank];
    int32_t first = 0, own = 0;
    spar_network *network = join(t, group, true);
    STEP(spar_network_share(network, t->count, &first, &own));
    run_passes(t, network, first, own, t->count, p);
    spar_network_destroy(network);
}

static double largest(const float *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)values[i]));
    return most;
}

static void check_near(const char *what, const float *values, const double *expected, size_t count, double tolerance) {
    double scale = largest(values, count), worst = 0;
    for (size_t i = 0; i < count; i++) worst = fmax(worst, fabs((double)values[i] - expected[i]));
    check_that(worst <= tolerance * scale, __FILE__, __LINE__, "%s: %g off, of %g", what, worst, scale);
}

static void check_same(const trial *t) {
    for (int r = 1; r < t->ranks; r++) {
        CHECK(memcmp(t->of_rank[0].gradients, t->of_rank[r].gradients, sizeof t->of_rank[0].gradients) == 0);
        CHECK(memcmp(t->of_rank[0].statistics, t->of_rank[r].statistics, sizeof t->of_rank[0].statistics) == 0);
    }
}

// Against processes alone on each rank's images.
static void check_mean(const trial *t) {
    passes *alone = check_allocate(sizeof *alone);
    double *gradients = check_allocate(2 * MOST * sizeof *gradients),
           *statistics = check_allocate(MOST * sizeof(double));
    memset(gradients, 0, 2 * MOST * sizeof *gradients);
    memset(statistics, 0, MOST * sizeof *statistics);
    size_t trained = 0, others = 0;
    for (int r = 0, first = 0; r < t->ranks; first += t->of_rank[r++].own) {
        const passes *own = &t->of_rank[r];
        if (own->own == 0) continue;
        memset(alone, 0, sizeof *alone);
        spar_network *network = join(t, NULL, false);
        run_passes(t, network, first, own->own, own->own, alone);
        CHECK(alone->status == SPAR_OK);
        double outputs[BATCH * EXAMPLE_CLASSES], share = (double)own->own / t->count;
        size_t count = (size_t)own->own * EXAMPLE_CLASSES;
        for (size_t i = 0; i < count; i++) outputs[i] = alone->outputs[i];
        check_near("outputs", own->outputs, outputs, count, 1e-5);
        trained = read(network, true, alone->gradients[1]);
        others = read(network, false, alone->statistics);
        for (int pass = 0; pass < 2; pass++) {
            for (size_t i = 0; i < trained; i++) gradients[pass * MOST + i] += share * alone->gradients[pass][i];
        }
        for (size_t i = 0; i < others; i++) statistics[i] += share * alone->statistics[i];
        spar_network_destroy(network);
    }
    check_near("gradients", t->of_rank[0].gradients[0], gradients, trained, 1e-5);
    check_near("gradients added to", t->of_rank[0].gradients[1], gradients + MOST, trained, 1e-5);
    check_near("running statistics", t->of_rank[0].statistics, statistics, others, 1e-6);
    free(alone), free(gradients), free(statistics);
}

static void each_rank_passes_its_images_as_a_process_alone(void) {
    const example_network networks[] = {example_convolutional, example_residual, example_depthwise};
    const int ranks_and_counts[][2] = {{2, BATCH}, {2, 4}, {3, BATCH}, {4, BATCH}, {4, 5}};
    trial *t = check_allocate(sizeof *t);
    for (int n = 0; n < 3; n++) {
        oracle *o = networks[n](BATCH);
        for (int i = 0; i < 5; i++) {
            memset(t, 0, sizeof *t);
            t->o = o, t->ranks = ranks_and_counts[i][0], t->count = ranks_and_counts[i][1];
            t->batch = example_batch_create(o, t->count, SEED);
            t->start = oracle_engine(o, 1, SEED);
            group_threads *group = group_threads_create(t->ranks, 0, 0);
            group_threads_run(group, run_rank, t);
            for (int r = 0; r < t->ranks; r++) CHECK(t->of_rank[r].status == SPAR_OK);
            check_same(t);
            check_mean(t);
            group_threads_destroy(group);
            spar_network_destroy(t->start);
            example_batch_destroy(&t->batch);
        }
        oracle_destroy(o);
    }
    free(t);
}

typedef struct training {
    trial trial;
    bool rank_statistics;
    spar_status status[MOST_RANKS];
    char sentence[MOST_RANKS][200];
} training;

static void train_rank(void *context, const spar_group *group) {
    training *t = context;
    passes *p = &t->trial.of_rank[group->rank];
    int32_t first = 0, own = 0;
    spar_optimizer optimizer = spar_optimizer_defaults(SPAR_OPTIMIZER_SGD);
    optimizer.momentum = 0.9f;
    spar_network *network = join(&t->trial, group, t->rank_statistics);
    spar_status status = spar_network_share(network, t->trial.count, &first, &own);
    const float *images = t->trial.batch.images + (size_t)first * t->trial.o->layers[0].size;
    for (int step = 0; step < 3 && status == SPAR_OK; step++) {
        status = spar_train_step(network, &optimizer, images, t->trial.batch.labels + first, t->trial.count, NULL);
    }
    t->status[group->rank] = status;
    if (status == SPAR_OK) {
        for (int i = 0, at = 0; i < spar_network_parameter_count(network); i++) {
            spar_parameter_info info = {.struct_size = sizeof info};
            spar_network_parameter(network, i, &info);
            spar_network_read_parameter(network, i, SPAR_PART_VALUE, p->statistics + at, info.count);
            at += (int)info.count;
        }
    } else {
        snprintf(t->sentence[group->rank], 200, "%s", spar_last_error());
    }
    spar_network_destroy(network);
}

static void train(training *t, const oracle *o, const char *preset, int ranks, bool rank_statistics) {
    memset(t, 0, sizeof *t);
    t->trial.o = o, t->trial.ranks = ranks;
    t->rank_statistics = rank_statistics;
    t->trial.count = o->batch_size;
    t->trial.batch = example_batch_create(o, t->trial.count, SEED);
    t->trial.start = oracle_engine(o, 1, SEED);
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset(preset, 0.05f, &method));
    CHECK_OK(spar_network_set_method(t->trial.start, &method));
    group_threads *group = group_threads_create(ranks, 0, 0);
    group_threads_run(group, train_rank, t);
    t->trial.exchanges[rank_statistics] = group_threads_count(group, 0).exchanges;
    group_threads_destroy(group);
    spar_network_destroy(t->trial.start);
    example_batch_destroy(&t->trial.batch);
}

static void all_ranks_end_with_the_same_parameters_after_fewer_exchanges(void) {
    oracle *o = example_residual(BATCH);
    training *own = check_allocate(sizeof *own), *whole = check_allocate(sizeof *whole);
    const char *const presets[] = {"backprop", "anl", "advprop", "trades", "free", "sam"};
    for (size_t p = 0; p < sizeof presets / sizeof presets[0]; p++) {
        train(own, o, presets[p], 3, true);
        train(whole, o, presets[p], 3, false);
        for (int r = 0; r < 3; r++) CHECK(own->status[r] == SPAR_OK && whole->status[r] == SPAR_OK);
        check_same(&own->trial);
        CHECK(memcmp(own->trial.of_rank[0].statistics, whole->trial.of_rank[0].statistics, MOST * sizeof(float)) != 0);
        CHECK(isfinite(largest(own->trial.of_rank[0].statistics, MOST)));
        CHECK(own->trial.exchanges[true] < whole->trial.exchanges[false]);
    }
    free(own), free(whole);
    oracle_destroy(o);
}

static void a_rank_whose_images_have_no_variance_is_refused_by_all(void) {
    oracle *o = oracle_create(3, 1, 1, 3, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_batch_norm(o, oracle_conv2d(o, oracle_point(o, 0, "input"), example_conv2d("conv", 8, 1, 1, false)),
                              "bn");
    oracle_dense(o, oracle_unary(o, x, ORACLE_FLATTEN), example_dense_params("fc", EXAMPLE_CLASSES));
    training *t = check_allocate(sizeof *t);
    train(t, o, "backprop", 2, true);
    for (int r = 0; r < 2; r++) {
        CHECK(t->status[r] == SPAR_ERROR_ARGUMENT && strstr(t->sentence[r], "a batch of 1 image") != NULL);
    }
    train(t, o, "backprop", 2, false);
    for (int r = 0; r < 2; r++) CHECK(t->status[r] == SPAR_OK);
    free(t);
    oracle_destroy(o);
}

TEST_MAIN(TEST(each_rank_passes_its_images_as_a_process_alone),
          TEST(all_ranks_end_with_the_same_parameters_after_fewer_exchanges),
          TEST(a_rank_whose_images_have_no_variance_is_refused_by_all))
