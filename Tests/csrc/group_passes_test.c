// Single passes on a network with a group, as those of one process: outputs and image gradients of own images, losses
// of all, gradients, measures and statistics everywhere.
#include "support/check.h"
#include "support/examples.h"
#include "support/group_threads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 10, SEED = 41, MOST = 1 << 16, POINTS = 16 };

// What passes gave of `count` images, those of a rank at their places among all.
typedef struct passes {
    float outputs[BATCH * EXAMPLE_CLASSES], *image_gradients;
    double losses[BATCH];
    spar_loss_result evaluated, trained, asked;
    float parameters[MOST], deviations[POINTS];
    size_t parameter_count;
    spar_status status;
} passes;

typedef struct trial {
    const oracle *o;
    int count;
    example_batch batch;
    passes alone, ranks[GROUP_THREADS_MOST];
} trial;

// ½ Σ z², of the mean over all images; `context` is how many those are.
static bool half_square(void *context, const float *output, int32_t count, int32_t classes, double *losses,
                        float *gradient) {
    for (int n = 0; n < count; n++) {
        losses[n] = 0;
        for (int c = 0; c < classes; c++) {
            float z = output[n * classes + c];
            losses[n] += 0.5 * z * z;
            if (gradient != NULL) gradient[n * classes + c] = z / (float)*(const int *)context;
        }
    }
    return true;
}

static void read_parameters(const spar_network *network, passes *p) {
    for (int i = 0; i < spar_network_parameter_count(network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        spar_network_parameter(network, i, &info);
        for (int part = SPAR_PART_VALUE; part <= (info.trainable ? SPAR_PART_GRADIENT : SPAR_PART_VALUE); part++) {
            spar_network_read_parameter(network, i, (spar_parameter_part)part, p->parameters + p->parameter_count,
                                        info.count);
            p->parameter_count += (size_t)info.count;
        }
    }
}

#define STEP(call)                                                                                                     \
    if (p->status == SPAR_OK) p->status = (call)

static void run_passes(const trial *t, spar_network *network, passes *p) {
    const spar_optimizer optimizer = spar_optimizer_defaults(SPAR_OPTIMIZER_ADAMW);
    const uint32_t train = SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE;
    int all = t->count;
    int32_t first = 0, own = 0;
    p->evaluated.struct_size = p->trained.struct_size = p->asked.struct_size = sizeof p->asked;
    STEP(spar_network_share(network, all, &first, &own));
    size_t floats = t->o->layers[0].size;
    const float *images = t->batch.images + (size_t)first * floats;
    const int32_t *labels = t->batch.labels + first;
    float *targets = check_allocate((size_t)(own + 1) * EXAMPLE_CLASSES * sizeof *targets);
    STEP(own == 0 ? SPAR_OK : spar_smooth_labels(labels, own, EXAMPLE_CLASSES, 0.1f, targets));
    const spar_criterion softened = {.struct_size = sizeof softened, .targets = targets};
    const spar_criterion asked = {.struct_size = sizeof asked, .function = half_square, .context = &all};

    STEP(spar_measure_points(network, images, all, p->deviations));
    STEP(spar_forward(network, images, all, 0));
    STEP(spar_evaluate_criterion(network, &softened, p->losses + first, &p->evaluated));
    STEP(spar_forward(network, images, all, train));
    STEP(spar_update_statistics(network));
    STEP(spar_read_output(network, p->outputs + first * EXAMPLE_CLASSES));
    STEP(spar_backward(network, labels, 0.5f, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT | SPAR_BACKWARD_RECORD,
                       &p->trained));
    STEP(spar_input_gradient(network, p->image_gradients + (size_t)first * floats));
    STEP(spar_forward(network, images, all, train | SPAR_FORWARD_PERTURB | SPAR_FORWARD_UPDATE_STATISTICS));
    STEP(spar_backward_criterion(network, &asked, 0.25f, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_ACCUMULATE, &p->asked));
    STEP(spar_update(network, &optimizer));
    if (p->status == SPAR_OK) read_parameters(network, p);
    if (p->status != SPAR_OK) printf("  %s\n", spar_last_error());
    free(targets);
}

static spar_network *create(const trial *t, const spar_group *group) {
    spar_network *made = oracle_engine(t->o, 1, SEED), *network = NULL;
    spar_network_options options = spar_network_defaults();
    options.batch_size = BATCH;
    options.threads = 1;
    options.group = group;
    spar_method method = {.struct_size = sizeof method};
    bool whole = spar_method_preset("layerwise", 0.05f, &method) == SPAR_OK;
    method.granularity = SPAR_GRANULARITY_BATCH;
    method.size = SPAR_SIZE_RANGE;
    whole = whole && spar_network_set_method(made, &method) == SPAR_OK &&
            spar_network_clone(made, &options, &network) == SPAR_OK;
    if (!whole) printf("  %s\n", spar_last_error());
    spar_network_destroy(made);
    return network;
}

static void run_rank(void *context, const spar_group *group) {
    trial *t = context;
    spar_network *network = create(t, group);
    run_passes(t, network, &t->ranks[group->rank]);
    spar_network_destroy(network);
}

static bool same_result(const spar_loss_result *a, const spar_loss_result *b) {
    return a->loss == b->loss && a->correct == b->correct && a->count == b->count;
}

static void check_rank(const trial *t, int rank, int32_t first, int32_t own) {
    const passes *a = &t->alone, *b = &t->ranks[rank];
    size_t floats = t->o->layers[0].size, outputs = (size_t)first * EXAMPLE_CLASSES;
    CHECK(b->status == SPAR_OK && a->parameter_count == b->parameter_count && a->parameter_count < MOST);
    CHECK(same_result(&a->evaluated, &b->evaluated) && same_result(&a->trained, &b->trained));
    CHECK(same_result(&a->asked, &b->asked));
    CHECK(memcmp(a->parameters, b->parameters, a->parameter_count * sizeof(float)) == 0);
    CHECK(memcmp(a->deviations, b->deviations, sizeof a->deviations) == 0);
    CHECK(memcmp(a->outputs + outputs, b->outputs + outputs, (size_t)own * EXAMPLE_CLASSES * sizeof(float)) == 0);
    CHECK(memcmp(a->losses + first, b->losses + first, (size_t)own * sizeof(double)) == 0);
    CHECK(memcmp(a->image_gradients + (size_t)first * floats, b->image_gradients + (size_t)first * floats,
                 (size_t)own * floats * sizeof(float)) == 0);
}

static void check_passes(const oracle *o, int ranks, int count) {
    trial *t = check_allocate(sizeof *t);
    memset(t, 0, sizeof *t);
    t->o = o, t->count = count;
    t->batch = example_batch_create(o, count, SEED);
    size_t bytes = BATCH * o->layers[0].size * sizeof(float);
    t->alone.image_gradients = check_allocate(bytes);
    for (int r = 0; r < ranks; r++) t->ranks[r].image_gradients = check_allocate(bytes);
    spar_network *alone = create(t, NULL);
    run_passes(t, alone, &t->alone);
    CHECK(t->alone.status == SPAR_OK);
    group_threads *group = group_threads_create(ranks, 0, 0);
    group_threads_run(group, run_rank, t);
    int next = 0;
    for (int r = 0; r < ranks; r++) {
        int32_t end = BATCH * (r + 1) / ranks, first = next < count ? next : count;
        check_rank(t, r, first, end < count ? end - first : count - first);
        next = end;
        free(t->ranks[r].image_gradients);
    }
    group_threads_destroy(group);
    spar_network_destroy(alone);
    free(t->alone.image_gradients);
    example_batch_destroy(&t->batch);
    free(t);
}

static void passes_are_those_of_one_process(void) {
    const example_network networks[] = {example_convolutional, example_residual, example_depthwise, example_whitened};
    for (int n = 0; n < 4; n++) {
        oracle *o = networks[n](BATCH);
        for (int ranks = 2; ranks <= 4; ranks++) {
            check_passes(o, ranks, BATCH);
            check_passes(o, ranks, 4);
        }
        oracle_destroy(o);
    }
}

TEST_MAIN(TEST(passes_are_those_of_one_process))
