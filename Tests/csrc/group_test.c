// Ranks that train a network together have the bits of one process: parameters, states, running statistics, what points
// hold and measure, losses, and outputs of their own images.
#include "graph/network.h"
#include "support/check.h"
#include "support/examples.h"
#include "support/group_threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 70, LARGE_BATCH = 17, MOST_STEPS = 4, SEED = 23 };

typedef struct preset {
    const char *name;
    float epsilon;
} preset;

static const preset PRESETS[] = {{"backprop", 0},    {"layerwise", 20},  {"layerwise-joint", 20},
                                 {"anl", 0.5f},      {"gaussian", 0.4f}, {"random", 0.4f},
                                 {"fgs-orig", 0.1f}, {"fgs-inter", 20},  {"adversarial-backprop", 0.08f},
                                 {"pgd", 0.06f},     {"fgsm-rs", 0.06f}, {"n-fgsm", 0.06f},
                                 {"slat", 0.06f},    {"free", 0.06f},    {"trades", 0.06f},
                                 {"advprop", 0.06f}, {"sam", 0.05f},     {"sam-on", 0.5f},
                                 {"awp", 0.06f}};
enum { PRESET_COUNT = sizeof PRESETS / sizeof PRESETS[0] };

// Sums of weights' gradients over the whole batch (Winograd's, unfolded, direct and dense), over several chunks, and by
// groups.
static oracle *large(int batch_size) {
    oracle *o = oracle_create(3, 9, 8, batch_size, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_conv2d(o, oracle_point(o, 0, "input"), example_conv2d("stem", 56, 3, 1, false));
    x = oracle_unary(o, oracle_point(o, oracle_batch_norm(o, x, "stem_bn"), "point1"), ORACLE_RELU);
    x = oracle_conv2d(o, x, example_conv2d("conv1", 72, 3, 1, true));
    spar_conv2d_params grouped = example_conv2d("grouped", 256, 3, 2, true);
    grouped.groups = 2;
    x = oracle_conv2d(o, oracle_unary(o, x, ORACLE_RELU), grouped);
    x = oracle_conv2d(o, oracle_point(o, x, "point2"), example_conv2d("conv2", 300, 3, 1, false));
    x = oracle_unary(o, oracle_batch_norm(o, x, "bn2"), ORACLE_RELU);
    x = oracle_conv2d(o, x, example_conv2d("conv3", 1000, 3, 2, true));
    x = oracle_conv2d(o, oracle_unary(o, x, ORACLE_RELU), example_conv2d("conv4", 40, 3, 1, true));
    x = oracle_unary(o, oracle_unary(o, x, ORACLE_RELU), ORACLE_FLATTEN);
    oracle_dense(o, x, example_dense_params("fc", 10));
    return o;
}

// Chained convolutions with sums that more than two ranks share out.
static oracle *chained(int batch_size) {
    oracle *o = oracle_create(3, 16, 14, batch_size, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_conv2d(o, oracle_point(o, 0, "input"), example_conv2d("stem", 16, 3, 1, false));
    x = oracle_unary(o, oracle_point(o, oracle_batch_norm(o, x, "stem_bn"), "point1"), ORACLE_RELU);
    x = oracle_conv2d(o, x, example_conv2d("conv1", 16, 3, 1, true));
    x = oracle_conv2d(o, oracle_unary(o, x, ORACLE_RELU), example_conv2d("conv2", 20, 3, 1, false));
    x = oracle_unary(o, oracle_point(o, oracle_batch_norm(o, x, "bn2"), "point2"), ORACLE_RELU);
    oracle_dense(o, oracle_unary(o, x, ORACLE_GLOBAL_AVERAGE_POOL), example_dense_params("fc", 10));
    return o;
}

// Few channels on a small map: patches are read in the padded sample, and of one channel pairs of products are summed
// apart, of a slice of two not.
static oracle *narrow(int batch_size) {
    oracle *o = oracle_create(1, 7, 8, batch_size, SPAR_LOSS_LOGISTIC_CROSS_ENTROPY);
    int x = oracle_conv2d(o, oracle_point(o, 0, "input"), example_conv2d("conv1", 18, 5, 1, true));
    x = oracle_unary(o, oracle_point(o, x, "point1"), ORACLE_TANH);
    x = oracle_unary(o, oracle_conv2d(o, x, example_conv2d("conv2", 15, 3, 1, true)), ORACLE_FLATTEN);
    x = oracle_unary(o, oracle_dense(o, x, example_dense_params("fc1", 130)), ORACLE_RELU);
    oracle_dense(o, oracle_dropout(o, x, 0.3f), example_dense_params("fc2", 10));
    return o;
}

typedef struct example {
    const char *name;
    example_network describe;
    int batch_size, steps, counts[MOST_STEPS];
} example;

static const example EXAMPLES[] = {
    {"dense", example_dense, BATCH, 4, {BATCH, 37, 3, BATCH}},
    {"convolutional", example_convolutional, BATCH, 4, {BATCH, 37, 3, BATCH}},
    {"residual", example_residual, BATCH, 2, {BATCH, 37}},
    {"depthwise", example_depthwise, BATCH, 3, {37, 3, BATCH}},
    {"plain", example_plain, BATCH, 2, {BATCH, 3}},
    {"dropout", example_dropout, BATCH, 3, {BATCH, 37, 64}},
    {"whitened", example_whitened, 5, 3, {5, 2, 5}},
    {"chained", chained, 66, 2, {66, 9}},
    {"narrow", narrow, BATCH, 3, {BATCH, 3, 65}},
};
enum { EXAMPLE_COUNT = sizeof EXAMPLES / sizeof EXAMPLES[0] };

static const example LARGE = {"large", large, LARGE_BATCH, 2, {LARGE_BATCH, 4}};

static spar_optimizer optimizer(void) {
    spar_optimizer chosen = spar_optimizer_defaults(SPAR_OPTIMIZER_SGD);
    chosen.learning_rate = 0.05f;
    chosen.momentum = 0.9f;
    chosen.weight_decay = 5e-4f;
    chosen.clip_norm = 2;
    chosen.max_norm = 3;
    return chosen;
}

// One process, and what it had of each step.
typedef struct trained {
    const example *example;
    const oracle *o;
    spar_network *start, *network;
    example_batch batches[MOST_STEPS];
    spar_loss_result results[MOST_STEPS];
    int threads;
    bool same;
    char difference[GROUP_THREADS_MOST][200];
} trained;

static void train_alone(trained *t, const example *example, const oracle *o, const spar_method *method) {
    *t = (trained){.example = example, .o = o, .start = oracle_engine(o, 2, SEED)};
    CHECK_OK(spar_network_set_method(t->start, method));
    CHECK_OK(spar_network_clone(t->start, NULL, &t->network));
    spar_optimizer chosen = optimizer();
    for (int step = 0; step < example->steps; step++) {
        t->batches[step] = example_batch_create(o, example->counts[step], (uint64_t)(SEED + step));
        t->results[step].struct_size = sizeof t->results[step];
        CHECK_OK(spar_train_step(t->network, &chosen, t->batches[step].images, t->batches[step].labels,
                                 t->batches[step].count, &t->results[step]));
    }
}

static void discard(trained *t) {
    for (int step = 0; step < t->example->steps; step++) example_batch_destroy(&t->batches[step]);
    spar_network_destroy(t->start);
    spar_network_destroy(t->network);
}

static bool differs(char *difference, const char *what, const char *name, bool same) {
    if (!same && difference[0] == 0) snprintf(difference, 200, "%s %s", what, name);
    return !same;
}

static void compare_parameters(const spar_network *a, const spar_network *b, char *difference) {
    for (int p = 0; p < a->parameter_count; p++) {
        const spar_parameter *parameter = &a->parameters[p];
        size_t bytes = (size_t)(parameter->spec.rows * parameter->spec.stride) * sizeof(float);
        differs(difference, "the value of", parameter->name,
                memcmp(parameter->value, b->parameters[p].value, bytes) == 0);
        if (!parameter->spec.trainable) continue;
        differs(difference, "the gradient of", parameter->name,
                memcmp(parameter->gradient, b->parameters[p].gradient, bytes) == 0);
        int64_t place = spar_place_of(a, parameter);
        differs(difference, "the momentum of", parameter->name,
                memcmp(a->slots[SPAR_PART_MOMENTUM] + place, b->slots[SPAR_PART_MOMENTUM] + place, bytes) == 0);
    }
}

// A rank's points hold what those of one process hold of the rank's samples.
static void compare_points(const spar_network *alone, const spar_network *rank, char *difference) {
    int64_t first = spar_part_start(&rank->part, rank->part.rank);
    for (int p = 0; p < alone->point_count; p++) {
        const spar_point *a = &alone->points[p], *b = &rank->points[p];
        differs(difference, "s(h) at", a->node->name, a->deviation == b->deviation);
        spar_point_array of_a[SPAR_MOST_POINT_ARRAYS], of_b[SPAR_MOST_POINT_ARRAYS];
        int count = a->active ? spar_point_arrays(a, of_a) : 0;
        if (a->active) spar_point_arrays(b, of_b);
        for (int i = 0; i < count; i++) {
            int64_t own = spar_part_samples(&rank->part, rank->part.rank, of_a[i].samples);
            size_t bytes = (size_t)of_a[i].elements * of_a[i].bytes;
            const char *from = (const char *)*of_a[i].values + (size_t)first * bytes;
            bool same = own == of_b[i].samples && (own == 0 || memcmp(from, *of_b[i].values, (size_t)own * bytes) == 0);
            differs(difference, of_a[i].name, a->node->name, same);
        }
    }
}

static void compare_result(const spar_loss_result *a, const spar_loss_result *b, char *difference) {
    differs(difference, "the loss of", "a step",
            a->loss == b->loss && a->correct == b->correct && a->count == b->count);
}

static void train_rank(void *context, const spar_group *group) {
    trained *t = context;
    char *difference = t->difference[group->rank];
    spar_network *network = NULL;
    spar_network_options options = spar_network_defaults();
    options.batch_size = t->example->batch_size;
    options.threads = t->threads;
    options.group = group;
    spar_optimizer chosen = optimizer();
    spar_status status = spar_network_clone(t->start, &options, &network);
    for (int step = 0; step < t->example->steps && status == SPAR_OK; step++) {
        const example_batch *batch = &t->batches[step];
        spar_loss_result result = {.struct_size = sizeof result};
        int32_t first, own;
        status = spar_network_share(network, batch->count, &first, &own);
        if (status != SPAR_OK) break;
        // Own images only: those of others cannot be read.
        size_t floats = t->o->layers[0].size, bytes = (size_t)own * floats * sizeof(float);
        float *images = own == 0 ? NULL : malloc(bytes);
        if (own > 0) memcpy(images, batch->images + (size_t)first * floats, bytes);
        status = spar_train_step(network, &chosen, images, batch->labels + first, batch->count, &result);
        compare_result(&t->results[step], &result, difference);
        free(images);
    }
    if (status == SPAR_OK) {
        compare_parameters(t->network, network, difference);
        compare_points(t->network, network, difference);
    } else {
        snprintf(difference, 200, "%s", spar_last_error());
    }
    spar_network_destroy(network);
}

static void check_ranks(trained *t, const char *method, int ranks, int threads) {
    bool slow = t->example == &LARGE; // exchanges end later than they begin
    group_threads *group = group_threads_create(ranks, slow ? 2e-4 : 0, slow ? 5e8 : 0);
    memset(t->difference, 0, sizeof t->difference);
    t->threads = threads;
    group_threads_run(group, train_rank, t);
    for (int r = 0; r < ranks; r++) {
        check_that(t->difference[r][0] == 0, __FILE__, __LINE__, "%s by %s, rank %d of %d, %d threads: %s",
                   t->example->name, method, r, ranks, threads, t->difference[r]);
    }
    group_threads_destroy(group);
}

// Channels of one number have no range of their own, logistic outputs no divergence, and without batch normalization
// there are no γ and β, and no statistics to be separate.
static bool can_have(const oracle *o, const preset *p, spar_method *method) {
    spar_network *network = oracle_engine(o, 1, SEED);
    *method = (spar_method){.struct_size = sizeof *method};
    CHECK_OK(spar_method_preset(p->name, p->epsilon, method));
    bool can = spar_network_set_method(network, method) == SPAR_OK;
    spar_network_destroy(network);
    return can;
}

static void every_method_on_every_network_has_the_bits_of_one_process(void) {
    int tried = 0;
    for (int e = 0; e < EXAMPLE_COUNT; e++) {
        oracle *o = EXAMPLES[e].describe(EXAMPLES[e].batch_size);
        for (int p = e % CHECK_SLOWNESS; p < PRESET_COUNT; p += CHECK_SLOWNESS) { // all, or some of each network's
            spar_method method;
            if (!can_have(o, &PRESETS[p], &method)) continue;
            trained t;
            train_alone(&t, &EXAMPLES[e], o, &method);
            check_ranks(&t, PRESETS[p].name, 1 + tried % 5, 1 + tried / 5 % 2); // all numbers come round
            discard(&t);
            tried++;
        }
        oracle_destroy(o);
    }
    CHECK(tried > 100 / CHECK_SLOWNESS);
}

static void large_layers_have_the_bits_of_one_process(void) {
    oracle *o = large(LARGE_BATCH);
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("anl", 0.3f, &method));
    trained t;
    train_alone(&t, &LARGE, o, &method);
    for (int ranks = 2; ranks <= 5; ranks++) check_ranks(&t, "anl", ranks, 1 + ranks % 2);
    discard(&t);
    oracle_destroy(o);
}

TEST_MAIN(TEST(every_method_on_every_network_has_the_bits_of_one_process),
          TEST(large_layers_have_the_bits_of_one_process))
