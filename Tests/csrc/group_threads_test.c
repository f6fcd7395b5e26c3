// The transport that other tests run groups on: what it carries, how long it takes, and how it fails.
#define _POSIX_C_SOURCE 200809L

#include "support/check.h"
#include "support/exchanges.h"
#include "support/group_threads.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 6 };

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

typedef struct traveller {
    int wrong[GROUP_THREADS_MOST];
} traveller;

static void exchange_all(void *context, const spar_group *group) {
    ((traveller *)context)->wrong[group->rank] = exchanges_check(group);
}

static void messages_arrive_whole_in_any_order_of_waiting(void) {
    for (int size = 1; size <= 5; size++) {
        group_threads *threads = group_threads_create(size, size == 3 ? 1e-3 : 0, size == 4 ? 1e7 : 0);
        traveller travellers = {{0}};
        group_threads_run(threads, exchange_all, &travellers);
        for (int r = 0; r < size; r++) {
            CHECK_EQUAL(travellers.wrong[r], 0);
            group_threads_traffic traffic = group_threads_count(threads, r);
            uint64_t messages = 0, bytes = 0;
            for (int i = 0; i < EXCHANGES * size; i++) {
                size_t sent = exchanges_bytes(r, i % size, i / size);
                messages += sent > 0;
                bytes += sent;
            }
            CHECK_EQUAL(traffic.exchanges, EXCHANGES);
            CHECK_EQUAL(traffic.messages, messages);
            CHECK_EQUAL(traffic.bytes, bytes);
        }
        group_threads_destroy(threads);
    }
}

// Two ranks that one thread plays in turns: beginning waits for nobody.
typedef struct pair {
    group_threads *threads;
    const spar_group *ranks[2];
    uint32_t sent[2], received[2];
} pair;

static pair pair_create(double latency, double bandwidth) {
    pair p = {.threads = group_threads_create(2, latency, bandwidth), .sent = {17, 23}, .received = {1, 1}};
    for (int r = 0; r < 2; r++) p.ranks[r] = group_threads_group(p.threads, r);
    return p;
}

static spar_status pair_begin(pair *p, int rank, uint64_t exchange, size_t bytes) {
    spar_message messages[2] = {{0}};
    messages[1 - rank] = (spar_message){&p->sent[rank], bytes, &p->received[rank], 4};
    return p->ranks[rank]->begin(p->ranks[rank]->context, exchange, messages);
}

static spar_status pair_wait(pair *p, int rank, uint64_t exchange) {
    return p->ranks[rank]->wait(p->ranks[rank]->context, exchange);
}

static void what_is_received_is_no_number_before_it_is_there(void) {
    pair p = pair_create(0.01, 0);
    CHECK_OK(pair_begin(&p, 0, 0, 4));
    CHECK_OK(pair_begin(&p, 1, 0, 4));
    CHECK(p.received[0] == UINT32_MAX && p.received[1] == UINT32_MAX);
    CHECK_OK(pair_wait(&p, 0, 0));
    CHECK_OK(pair_wait(&p, 1, 0));
    CHECK(p.received[0] == 23 && p.received[1] == 17);
    group_threads_destroy(p.threads);
}

static void who_helps_needs_not_wait(void) {
    pair p = pair_create(0, 0);
    CHECK_OK(pair_begin(&p, 0, 0, 4));
    CHECK_OK(p.ranks[0]->progress(p.ranks[0]->context));
    CHECK(p.received[0] == UINT32_MAX); // rank 1 has not begun
    CHECK_OK(pair_begin(&p, 1, 0, 4));
    CHECK_OK(p.ranks[0]->progress(p.ranks[0]->context));
    CHECK(p.received[0] == 23 && p.received[1] == 17);
    CHECK_OK(pair_wait(&p, 1, 0));
    CHECK_OK(pair_wait(&p, 0, 0));
    group_threads_destroy(p.threads);
}

typedef struct large {
    char *bytes[3][4]; // of a rank, to and from the two others
    double processor[3];
} large;

enum { LARGE = 200000 };

static void exchange_large(void *context, const spar_group *group) {
    large *l = context;
    double began = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (uint64_t exchange = 0; exchange < 2; exchange++) {
        spar_message messages[3] = {{0}};
        for (int i = 0; i < 2; i++) {
            char **bytes = l->bytes[group->rank] + 2 * i;
            messages[(group->rank + 1 + i) % 3] = (spar_message){bytes[0], LARGE, bytes[1], LARGE};
        }
        group->begin(group->context, exchange, messages);
        group->wait(group->context, exchange);
    }
    l->processor[group->rank] = seconds(CLOCK_THREAD_CPUTIME_ID) - began;
}

static void an_exchange_takes_what_latency_and_bandwidth_ask_and_no_processor(void) {
    group_threads *threads = group_threads_create(3, 0.05, 2e6);
    large l;
    for (int i = 0; i < 12; i++) l.bytes[i / 4][i % 4] = check_allocate(LARGE);
    double began = seconds(CLOCK_MONOTONIC);
    group_threads_run(threads, exchange_large, &l);
    double took = seconds(CLOCK_MONOTONIC) - began;
    // Twice two messages of 0.1 s one behind the other, and the latency of the last.
    check_that(took >= 2 * (0.2 + 0.05), __FILE__, __LINE__, "took %.3f s", took);
    for (int r = 0; r < 3; r++) {
        double waited = group_threads_count(threads, r).waited;
        check_that(waited >= 0.25 && l.processor[r] < 0.1 * CHECK_SLOWNESS, __FILE__, __LINE__,
                   "rank %d waited %.3f s and computed for %.3f s", r, waited, l.processor[r]);
    }
    for (int i = 0; i < 12; i++) free(l.bytes[i / 4][i % 4]);
    group_threads_destroy(threads);
}

// What every rank's thread saw of rounds of exchanges with everyone.
typedef struct rounds {
    int ends; // after so many rank 1 returns
    int done[4];
    bool failed[4];
    char error[4][256];
} rounds;

static void exchange_rounds(void *context, const spar_group *group) {
    rounds *seen = context;
    int rank = group->rank;
    for (int round = 0; round < ROUNDS && !(rank == 1 && round == seen->ends); round++) {
        spar_message messages[4] = {{0}};
        int sent = round, received[4];
        for (int r = 0; r < group->size; r++)
            messages[r] = (spar_message){&sent, sizeof sent, &received[r], sizeof sent};
        spar_status status = group->begin(group->context, (uint64_t)round, messages);
        if (status == SPAR_OK) status = group->wait(group->context, (uint64_t)round);
        if (status != SPAR_OK) {
            seen->failed[rank] = true;
            const char *error = group->error(group->context);
            if (error != NULL) strncpy(seen->error[rank], error, sizeof seen->error[rank] - 1);
            break;
        }
        seen->done[rank]++;
    }
}

static void a_rank_that_fails_or_leaves_is_named_by_the_others(void) {
    for (int leaves = 0; leaves < 2; leaves++) {
        group_threads *threads = group_threads_create(4, 0, 0);
        rounds seen = {.ends = leaves ? 3 : ROUNDS};
        if (!leaves) group_threads_fail(threads, 1, 3);
        group_threads_run(threads, exchange_rounds, &seen);
        const char *expected = leaves ? "rank 1 has left the group" : "rank 1: the network is down";
        for (int r = 0; r < 4; r++) {
            CHECK_EQUAL(seen.done[r], 3);
            if (leaves && r == 1) continue;
            check_that(seen.failed[r] && strcmp(seen.error[r], expected) == 0, __FILE__, __LINE__, "rank %d: \"%s\"", r,
                       seen.error[r]);
        }
        group_threads_destroy(threads);
    }
}

static void check_error(const pair *p, int rank, spar_status status, const char *expected) {
    const char *error = p->ranks[rank]->error(p->ranks[rank]->context);
    check_that(status == SPAR_ERROR_IO && error != NULL && strcmp(error, expected) == 0, __FILE__, __LINE__,
               "status %d, \"%s\"", (int)status, error == NULL ? "no error" : error);
}

static void exchanges_that_do_not_fit_fail(void) {
    pair p = pair_create(0, 0);
    CHECK_OK(pair_begin(&p, 0, 0, 3));
    CHECK_OK(pair_begin(&p, 1, 0, 4));
    check_error(&p, 1, pair_wait(&p, 1, 0), "exchange 0: rank 0 sends 3 bytes to rank 1, which expects 4");
    check_error(&p, 0, pair_wait(&p, 0, 0), "exchange 0: rank 0 sends 3 bytes to rank 1, which expects 4");
    check_error(&p, 0, pair_begin(&p, 0, 1, 4), "exchange 0: rank 0 sends 3 bytes to rank 1, which expects 4");
    group_threads_destroy(p.threads);
}

static void exchanges_out_of_order_fail(void) {
    pair p = pair_create(0, 0);
    check_error(&p, 1, pair_wait(&p, 1, 0), "rank 1 waits for exchange 0, which has not begun");
    group_threads_destroy(p.threads);

    p = pair_create(0, 0);
    CHECK_OK(pair_begin(&p, 0, 1, 4));
    check_error(&p, 1, pair_begin(&p, 1, 2, 4), "rank 1 begins exchange 2, and another rank 1");
    check_error(&p, 0, pair_wait(&p, 0, 1), "rank 1 begins exchange 2, and another rank 1");
    group_threads_destroy(p.threads);
}

static void networks_use_a_group_in_turns(void) {
    pair p = pair_create(0, 0);
    for (uint64_t i = 0; i < 6; i++) {
        for (int rank = 0; rank < 2; rank++) CHECK(pair_begin(&p, rank, i / 2, 4) == SPAR_OK);
        for (int rank = 0; rank < 2; rank++) CHECK(pair_wait(&p, rank, i / 2) == SPAR_OK);
        CHECK(p.received[0] == 23 && p.received[1] == 17);
    }
    group_threads_destroy(p.threads);
}

static void what_nobody_sends_does_not_come(void) {
    pair p = pair_create(0, 0);
    const spar_message nothing[2] = {{0}};
    CHECK_OK(p.ranks[1]->begin(p.ranks[1]->context, 0, nothing));
    CHECK_OK(pair_wait(&p, 1, 0));
    CHECK_OK(pair_begin(&p, 0, 0, 4));
    check_error(&p, 0, pair_wait(&p, 0, 0), "exchange 0: rank 0 sends 4 bytes to rank 1, which expects 0");
    group_threads_destroy(p.threads);
}

TEST_MAIN(TEST(messages_arrive_whole_in_any_order_of_waiting), TEST(what_is_received_is_no_number_before_it_is_there),
          TEST(who_helps_needs_not_wait), TEST(an_exchange_takes_what_latency_and_bandwidth_ask_and_no_processor),
          TEST(a_rank_that_fails_or_leaves_is_named_by_the_others), TEST(exchanges_that_do_not_fit_fail),
          TEST(exchanges_out_of_order_fail), TEST(networks_use_a_group_in_turns), TEST(what_nobody_sends_does_not_come))
