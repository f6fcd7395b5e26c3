// A rank that fails ends the call on every rank, with a sentence that names it; and what ranks may not do.
#include "support/allocations.h"
#include "support/check.h"
#include "support/examples.h"
#include "support/group_threads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 12, RANKS = 3, CULPRIT = 1, SEED = 3 };

// What happens to one rank in the second of three steps, and what each rank said of the steps.
typedef struct trial {
    const oracle *o;
    float pixel;   // of its first image
    int32_t label; // of its first image
    int32_t count; // of the batch, as it says
    bool stops;    // at the first failure, as a program would
    bool rank_statistics;
    spar_status statuses[RANKS][3];
    char sentences[RANKS][3][400];
    double losses[RANKS];
} trial;

static spar_network *create(const oracle *o, const spar_group *group, int32_t batch_size, bool rank_statistics) {
    spar_network *alone = oracle_engine(o, 1, SEED), *network = NULL;
    spar_network_options options = spar_network_defaults();
    options.batch_size = batch_size;
    options.threads = 1;
    options.group = group;
    options.rank_statistics = rank_statistics;
    spar_method method = {.struct_size = sizeof method};
    bool made = spar_method_preset("layerwise-joint", 0.05f, &method) == SPAR_OK &&
                spar_network_set_method(alone, &method) == SPAR_OK &&
                spar_network_clone(alone, &options, &network) == SPAR_OK;
    spar_network_destroy(alone);
    return made ? network : NULL;
}

static void run_rank(void *context, const spar_group *group) {
    trial *t = context;
    int rank = group->rank;
    spar_network *network = create(t->o, group, BATCH, t->rank_statistics);
    const spar_sgd sgd = {.struct_size = sizeof sgd, .learning_rate = 0.05f, .momentum = 0.9f};
    int32_t first, own;
    spar_network_share(network, BATCH, &first, &own);
    size_t floats = t->o->layers[0].size;
    for (int step = 0; step < 3; step++) {
        bool spoils = step == 1 && rank == CULPRIT;
        example_batch batch = example_batch_create(t->o, BATCH, SEED + (uint64_t)step);
        float *images = batch.images + (size_t)first * floats;
        if (spoils && t->pixel != 0) images[0] = t->pixel;
        if (spoils && t->label != 0) batch.labels[first] = t->label;
        spar_loss_result result = {.struct_size = sizeof result};
        int32_t count = spoils && t->count != 0 ? t->count : BATCH;
        t->statuses[rank][step] = spar_train_step(network, &sgd, images, batch.labels + first, count, &result);
        if (t->statuses[rank][step] != SPAR_OK) {
            snprintf(t->sentences[rank][step], sizeof t->sentences[rank][step], "%s", spar_last_error());
        }
        t->losses[rank] = result.loss;
        example_batch_destroy(&batch);
        if (t->stops && t->statuses[rank][step] != SPAR_OK) break;
    }
    spar_network_destroy(network);
}

static trial run(const oracle *o, trial t, int failing_exchange) {
    t.o = o;
    group_threads *group = group_threads_create(RANKS, 0, 0);
    if (failing_exchange >= 0) group_threads_fail(group, CULPRIT, (uint64_t)failing_exchange);
    group_threads_run(group, run_rank, &t);
    group_threads_destroy(group);
    return t;
}

// All ranks failed in this step, and said this.
static void check_failed(const trial *t, int step, spar_status status, const char *a, const char *b) {
    for (int r = 0; r < RANKS; r++) {
        const char *sentence = t->sentences[r][step];
        check_that(t->statuses[r][step] == status && strstr(sentence, a) != NULL && strstr(sentence, b) != NULL,
                   __FILE__, __LINE__, "rank %d, step %d: %d, \"%s\"", r, step, (int)t->statuses[r][step], sentence);
    }
}

// The third step is as if the second had not been.
static void check_went_on(const oracle *o, const trial *t) {
    spar_network *network = create(o, NULL, BATCH, false);
    const spar_sgd sgd = {.struct_size = sizeof sgd, .learning_rate = 0.05f, .momentum = 0.9f};
    spar_loss_result result = {.struct_size = sizeof result};
    for (int step = 0; step < 3; step++) {
        example_batch batch = example_batch_create(o, BATCH, SEED + (uint64_t)step);
        if (step == 1) batch.images[4 * o->layers[0].size] = t->pixel != 0 ? t->pixel : NAN; // the culprit's first
        spar_status status = spar_train_step(network, &sgd, batch.images, batch.labels, BATCH, &result);
        CHECK((status == SPAR_OK) == (step != 1));
        example_batch_destroy(&batch);
    }
    for (int r = 0; r < RANKS; r++) CHECK(t->losses[r] == result.loss);
    spar_network_destroy(network);
}

static void a_pixel_that_is_not_finite_ends_the_step_on_every_rank_and_training_goes_on(void) {
    oracle *o = example_convolutional(BATCH);
    trial t = run(o, (trial){.pixel = NAN}, -1);
    check_failed(&t, 1, SPAR_ERROR_NON_FINITE, "rank 1: ", "image 0, channel 0, row 0, column 0: the pixel is nan");
    for (int r = 0; r < RANKS; r++) CHECK(t.statuses[r][0] == SPAR_OK && t.statuses[r][2] == SPAR_OK);
    check_went_on(o, &t);
    oracle_destroy(o);
}

static void a_label_out_of_range_ends_the_step_on_every_rank(void) {
    oracle *o = example_dense(BATCH);
    trial t = run(o, (trial){.label = 99}, -1);
    check_failed(&t, 1, SPAR_ERROR_ARGUMENT, "rank 1: ", "label 99 of image 0");
    for (int r = 0; r < RANKS; r++) CHECK(t.statuses[r][0] == SPAR_OK && t.statuses[r][2] == SPAR_OK);
    oracle_destroy(o);
}

static void ranks_that_say_other_batches_fail_together(void) {
    oracle *o = example_dense(BATCH);
    trial t = run(o, (trial){.count = 5}, -1);
    check_failed(&t, 1, SPAR_ERROR_STATE, "rank 1", "5 images instead of 12");
    oracle_destroy(o);
}

// Whichever it is: of reports, of moments, of losses, of gradients.
static void an_exchange_that_fails_ends_the_call_on_every_rank(void) {
    oracle *o = example_convolutional(BATCH);
    for (int i = 0; i < 80; i++) {
        int exchange = i % 40 + (i % 40 > 20) * 3;
        trial t = run(o, (trial){.stops = true, .rank_statistics = i >= 40}, exchange);
        for (int r = 0; r < RANKS; r++) {
            int failed = 0;
            while (failed < 2 && t.statuses[r][failed] == SPAR_OK) failed++;
            const char *sentence = t.sentences[r][failed];
            check_that(t.statuses[r][failed] != SPAR_OK && strstr(sentence, "rank 1") != NULL, __FILE__, __LINE__,
                       "exchange %d, rank %d: status %d, \"%s\"", exchange, r, (int)t.statuses[r][failed], sentence);
        }
    }
    oracle_destroy(o);
}

// Then no pass of that network has the others' numbers.
static void passes_after_an_exchange_that_failed_fail(void) {
    oracle *o = example_dense(BATCH);
    trial t = run(o, (trial){.stops = false}, 7);
    for (int r = 0; r < RANKS; r++) {
        for (int step = 1; step < 3; step++) CHECK(t.statuses[r][step] != SPAR_OK);
        CHECK(strstr(t.sentences[r][2], "rank 1") != NULL);
    }
    oracle_destroy(o);
}

static spar_status never(void *context, uint64_t exchange, const spar_message *messages) {
    (void)context, (void)exchange, (void)messages;
    return SPAR_ERROR_IO;
}

static spar_status never_ends(void *context, uint64_t exchange) {
    (void)context, (void)exchange;
    return SPAR_ERROR_IO;
}

static void what_ranks_would_have_to_do_together_is_refused(void) {
    oracle *o = example_dense(BATCH);
    const spar_group group = {.struct_size = sizeof group, .rank = 1, .size = 3, .begin = never, .wait = never_ends};
    spar_network *network = create(o, &group, BATCH, false);
    example_batch batch = example_batch_create(o, BATCH, SEED);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    spar_inspection inspection = {.struct_size = sizeof inspection};
    double values[64];
    float *attacked = check_allocate((size_t)BATCH * o->layers[0].size * sizeof *attacked);
    CHECK_FAILS(spar_attack_images(network, &attack, batch.images, batch.labels, 4, attacked), SPAR_ERROR_STATE,
                "attack", "a group", "clone");
    CHECK_FAILS(spar_inspect(network, batch.images, batch.labels, 4, &inspection), SPAR_ERROR_STATE, "a group");
    CHECK_FAILS(spar_jacobian_singular_values(network, batch.images, 4, NULL, NULL, values), SPAR_ERROR_STATE,
                "a group");
    CHECK_FAILS(spar_forward(network, batch.images, BATCH, 0), SPAR_ERROR_IO, "rank 1 of 3", "exchange 0");
    free(attacked);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void groups_are_checked_and_one_rank_is_alone(void) {
    oracle *o = example_dense(BATCH);
    spar_network *alone = oracle_engine(o, 1, SEED), *network = NULL;
    spar_group group = {.struct_size = sizeof group, .rank = 2, .size = 2, .begin = never, .wait = never_ends};
    spar_network_options options = spar_network_defaults();
    options.batch_size = BATCH;
    options.group = &group;
    CHECK_FAILS(spar_network_clone(alone, &options, &network), SPAR_ERROR_ARGUMENT, "rank 2 of a group of 2");
    group.rank = 0, group.begin = NULL;
    CHECK_FAILS(spar_network_clone(alone, &options, &network), SPAR_ERROR_ARGUMENT, "cannot begin or wait");
    group.size = 1;
    CHECK_OK(spar_network_clone(alone, &options, &network));
    int32_t first, own;
    CHECK_OK(spar_network_share(network, 7, &first, &own));
    CHECK(first == 0 && own == 7);
    CHECK_FAILS(spar_network_share(network, BATCH + 1, &first, &own), SPAR_ERROR_ARGUMENT, "13 images");
    spar_network_destroy(network);
    spar_network_destroy(alone);
    oracle_destroy(o);
}

// With gradients that ranks make in slices, and that they add.
static void each_allocation_of_a_rank_s_network_may_fail(void) {
    oracle *o = example_convolutional(BATCH);
    spar_group group = {.struct_size = sizeof group, .size = 2, .begin = never, .wait = never_ends};
    spar_network *alone = oracle_engine(o, 1, SEED), *network = NULL;
    spar_network_options options = spar_network_defaults();
    options.batch_size = BATCH;
    options.threads = 1;
    options.group = &group;
    spar_status status = SPAR_ERROR_MEMORY;
    long failing = 0;
    while (status != SPAR_OK && failing < 1000) {
        long live = allocations_live();
        allocations_reset(++failing);
        status = spar_network_clone(alone, &options, &network);
        allocations_reset(0);
        if (status == SPAR_OK) break;
        check_that(status == SPAR_ERROR_MEMORY && network == NULL && allocations_live() == live, __FILE__, __LINE__,
                   "allocation %ld: status %d, %ld are left", failing, (int)status, allocations_live() - live);
    }
    CHECK(failing > 20 && failing < 1000);
    spar_network_destroy(network);
    spar_network_destroy(alone);
    oracle_destroy(o);
}

static int64_t memory_of(const oracle *o, const spar_group *group) {
    spar_network *network = create(o, group, BATCH, false);
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &info));
    CHECK_EQUAL(info.batch_size, BATCH);
    spar_network_destroy(network);
    return info.memory_bytes;
}

static void a_rank_has_memory_for_its_own_samples(void) {
    oracle *o = example_large(BATCH);
    spar_group group = {.struct_size = sizeof group, .size = 2, .begin = never, .wait = never_ends};
    int64_t alone = memory_of(o, NULL), half = memory_of(o, &group);
    check_that((double)half < 0.6 * (double)alone, __FILE__, __LINE__, "%lld bytes, alone %lld", (long long)half,
               (long long)alone);
    oracle_destroy(o);
}

TEST_MAIN(TEST(a_pixel_that_is_not_finite_ends_the_step_on_every_rank_and_training_goes_on),
          TEST(a_label_out_of_range_ends_the_step_on_every_rank), TEST(ranks_that_say_other_batches_fail_together),
          TEST(an_exchange_that_fails_ends_the_call_on_every_rank), TEST(passes_after_an_exchange_that_failed_fail),
          TEST(what_ranks_would_have_to_do_together_is_refused), TEST(groups_are_checked_and_one_rank_is_alone),
          TEST(each_allocation_of_a_rank_s_network_may_fail), TEST(a_rank_has_memory_for_its_own_samples))
