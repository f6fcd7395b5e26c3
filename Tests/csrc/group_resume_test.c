// A training that ranks save goes on with any other number of them, and ends with the file of one process.
#include "support/check.h"
#include "support/examples.h"
#include "support/group_threads.h"
#include "support/temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 21, STEPS = 4, SEED = 31 };

typedef struct training {
    const oracle *o;
    const char *method;
    int first, last; // steps
    const char *from, *to;
    char failure[300];
} training;

static spar_status set_method(spar_network *network, const char *name) {
    spar_method method = {.struct_size = sizeof method};
    spar_status status = spar_method_preset(name, 0.05f, &method);
    return status == SPAR_OK ? spar_network_set_method(network, &method) : status;
}

static spar_status train(const training *t, spar_network *network) {
    const spar_sgd sgd = {.struct_size = sizeof sgd, .learning_rate = 0.05f, .momentum = 0.9f};
    spar_status status = t->from == NULL ? set_method(network, t->method) : SPAR_OK;
    for (int step = t->first; step < t->last && status == SPAR_OK; step++) {
        int32_t first, own;
        example_batch batch = example_batch_create(t->o, step == 1 ? BATCH - 2 : BATCH, (uint64_t)(SEED + step));
        spar_network_share(network, batch.count, &first, &own);
        const float *images = batch.images + (size_t)first * t->o->layers[0].size;
        status = spar_train_step(network, &sgd, images, batch.labels + first, batch.count, NULL);
        example_batch_destroy(&batch);
    }
    return status == SPAR_OK ? spar_network_save(network, t->to, true, NULL, 0) : status;
}

static void run(void *context, const spar_group *group) {
    training *t = context;
    spar_network *network = NULL, *alone = oracle_engine(t->o, 1, SEED);
    spar_network_options options = spar_network_defaults();
    options.batch_size = BATCH;
    options.threads = 1;
    options.group = group;
    spar_status status = t->from == NULL ? spar_network_clone(alone, &options, &network)
                                         : spar_network_load(t->from, &options, &network);
    if (status == SPAR_OK) status = train(t, network);
    if (status != SPAR_OK) snprintf(t->failure, sizeof t->failure, "%s", spar_last_error());
    spar_network_destroy(network);
    spar_network_destroy(alone);
}

static void train_on(training t, int ranks) {
    group_threads *group = group_threads_create(ranks, 0, 0);
    group_threads_run(group, run, &t);
    group_threads_destroy(group);
    check_that(t.failure[0] == 0, __FILE__, __LINE__, "%s on %d ranks: %s", t.method, ranks, t.failure);
}

static bool same_files(const char *a, const char *b) {
    size_t of_a = 0, of_b = 0;
    unsigned char *bytes_a = temporary_read(a, &of_a), *bytes_b = temporary_read(b, &of_b);
    bool same = bytes_a != NULL && bytes_b != NULL && of_a == of_b && memcmp(bytes_a, bytes_b, of_a) == 0;
    free(bytes_a);
    free(bytes_b);
    return same;
}

static void a_training_goes_on_with_any_number_of_ranks(void) {
    static const char *const methods[] = {"backprop", "layerwise", "layerwise-joint", "free", "anl"};
    char whole[TEMPORARY_PATH], half[TEMPORARY_PATH], rest[TEMPORARY_PATH];
    temporary_path(whole, "whole.safetensors");
    temporary_path(half, "half.safetensors");
    temporary_path(rest, "rest.safetensors");
    oracle *o = example_convolutional(BATCH);
    for (int m = 0; m < 5; m++) {
        train_on((training){o, methods[m], 0, STEPS, NULL, whole, ""}, 1);
        for (int ranks = 1; ranks <= 4; ranks++) {
            train_on((training){o, methods[m], 0, 2, NULL, half, ""}, ranks);
            train_on((training){o, methods[m], 2, STEPS, half, rest, ""}, 1 + ranks % 4);
            check_that(same_files(whole, rest), __FILE__, __LINE__, "%s on %d, then %d ranks: another file", methods[m],
                       ranks, 1 + ranks % 4);
        }
    }
    temporary_remove();
    oracle_destroy(o);
}

static void a_file_that_cannot_be_written_fails_on_every_rank(void) {
    oracle *o = example_convolutional(BATCH);
    training t = {o, "layerwise", 0, 1, NULL, "/nowhere/at/all.safetensors", ""};
    group_threads *group = group_threads_create(3, 0, 0);
    group_threads_run(group, run, &t);
    group_threads_destroy(group);
    check_that(strncmp(t.failure, "rank 0: /nowhere/at/all.safetensors", 35) == 0, __FILE__, __LINE__, "%s", t.failure);
    oracle_destroy(o);
}

TEST_MAIN(TEST(a_training_goes_on_with_any_number_of_ranks), TEST(a_file_that_cannot_be_written_fails_on_every_rank))
