// Ranks over MPI: what they exchange, and how exchanges fail. Every rank runs all of it.
#include "sparring_mpi.h"
#include "support/check.h"
#include "support/exchanges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_WORKS(call) check_that((call) == SPAR_OK, __FILE__, __LINE__, "%s: %s", #call, spar_mpi_last_error())

enum { MANY = 300 };

static spar_mpi *mpi; // of the whole program: others start beside it
static int rank, size;

static spar_mpi *start(void) {
    spar_mpi *started = NULL;
    if (spar_mpi_start(&started) != SPAR_OK) {
        printf("%s\n", spar_mpi_last_error());
        exit(99);
    }
    return started;
}

static void check_error(spar_status status, spar_status expected, const char *error, const char *fragment) {
    check_that(status == expected && error != NULL && strstr(error, fragment) != NULL, __FILE__, __LINE__,
               "rank %d: status %d, \"%s\" and not \"%s\"", rank, (int)status, error == NULL ? "no error" : error,
               fragment);
}

static void messages_arrive_whole_in_any_order_of_waiting(void) {
    CHECK(exchanges_check(spar_mpi_group(mpi)) == 0);
}

// Of two networks, whose numbers are the same.
static void many_exchanges_are_under_way_at_once(void) {
    const spar_group *group = spar_mpi_group(mpi);
    int sent[MANY], *received = check_allocate(sizeof *received * MANY * (size_t)size);
    spar_message *messages = check_allocate(sizeof *messages * (size_t)size);
    for (int e = 0; e < MANY; e++) {
        sent[e] = 1000 * rank + e;
        for (int r = 0; r < size; r++) {
            size_t bytes = r == rank ? 0 : sizeof(int);
            messages[r] = (spar_message){&sent[e], bytes, &received[e * size + r], bytes};
        }
        CHECK_WORKS(group->begin(group->context, (uint64_t)(e % (MANY / 2)), messages));
        if (e % 7 == 0) CHECK_WORKS(group->progress(group->context));
    }
    for (int e = MANY - 1; e >= 0; e--) {
        CHECK_WORKS(group->wait(group->context, (uint64_t)(e % (MANY / 2))));
        for (int r = 0; r < size; r++) CHECK(r == rank || received[e * size + r] == 1000 * r + e);
    }
    free(messages);
    free(received);
}

static void bytes_are_broadcast_and_gathered(void) {
    unsigned char bytes[5001], *all = check_allocate(5001 * (size_t)size);
    size_t *counts = check_allocate(sizeof *counts * (size_t)size);
    for (int turn = 0; turn < 3; turn++) {
        memset(bytes, rank == 0 ? 7 + turn : 0, sizeof bytes);
        CHECK_WORKS(spar_mpi_broadcast(mpi, bytes, sizeof bytes));
        CHECK(bytes[0] == 7 + turn && bytes[5000] == 7 + turn);
        size_t own = (size_t)((rank + turn) % 3) * 1667; // some have nothing
        for (int r = 0; r < size; r++) counts[r] = (size_t)((r + turn) % 3) * 1667;
        memset(bytes, 10 + rank, sizeof bytes);
        CHECK_WORKS(spar_mpi_gather(mpi, bytes, own, rank == 0 ? all : NULL, rank == 0 ? counts : NULL));
        const unsigned char *place = all;
        for (int r = 0; r < size && rank == 0; place += counts[r++]) {
            for (size_t i = 0; i < counts[r]; i++) CHECK(place[i] == 10 + r);
        }
        CHECK_WORKS(spar_mpi_barrier(mpi));
    }
    free(counts);
    free(all);
}

static void ranks_know_where_they_are(void) {
    CHECK(strlen(spar_mpi_host(mpi, rank)) > 0);
    CHECK(spar_mpi_host(mpi, size) == NULL && spar_mpi_host(mpi, -1) == NULL);
    CHECK(strchr(spar_mpi_version(), '.') != NULL);
    CHECK(strstr(spar_mpi_library(), "MPI") != NULL && strpbrk(spar_mpi_library(), ",\n\t") == NULL);
    CHECK(spar_mpi_warning(mpi, 4096) != NULL && strstr(spar_mpi_warning(mpi, 4096), "4096") != NULL);
    CHECK(spar_mpi_warning(NULL, 0) == NULL);
}

static void what_cannot_be_called_is_refused(void) {
    CHECK(spar_mpi_start(NULL) == SPAR_ERROR_ARGUMENT);
    CHECK(spar_mpi_broadcast(mpi, NULL, 1) == SPAR_ERROR_ARGUMENT);
    CHECK(spar_mpi_barrier(NULL) == SPAR_ERROR_ARGUMENT);
    CHECK_WORKS(spar_mpi_finish(NULL, NULL));
    CHECK(strstr(spar_mpi_last_error(), "spar_mpi_barrier") != NULL);
}

// Begins and ends one exchange of `bytes` with everyone.
static spar_status exchange(const spar_group *group, uint64_t number, size_t bytes) {
    char sent[8] = "", *received = check_allocate(8 * (size_t)size);
    spar_message *messages = check_allocate(sizeof *messages * (size_t)size);
    for (int r = 0; r < size; r++) {
        if (r != rank) messages[r] = (spar_message){sent, bytes, received + 8 * r, 4};
    }
    spar_status status = group->begin(group->context, number, messages);
    if (status == SPAR_OK) status = group->wait(group->context, number);
    free(messages);
    free(received);
    return status;
}

static void exchanges_out_of_order_fail(void) {
    spar_mpi *other = start();
    const spar_group *group = spar_mpi_group(other);
    spar_status status = group->wait(group->context, 0);
    check_error(status, SPAR_ERROR_STATE, group->error(group->context), "which has not begun");
    check_error(exchange(group, 0, 4), SPAR_ERROR_IO, group->error(group->context), "which has not begun");
    CHECK_WORKS(spar_mpi_finish(other, NULL));
}

// Rank 0 sends other bytes than the others expect: too few, too many.
static void messages_of_other_sizes_fail(void) {
    for (size_t bytes = 3; bytes <= 5; bytes += 2) {
        spar_mpi *other = start();
        const spar_group *group = spar_mpi_group(other);
        spar_status status = exchange(group, 0, rank == 0 ? bytes : 4);
        if (rank > 0) check_error(status, SPAR_ERROR_IO, group->error(group->context), "rank 0 (");
        spar_mpi_finish(other, NULL);
    }
}

// Rank 0 leaves where the others wait for it; one that waits for nothing hears of it at the end.
static void a_rank_that_leaves_is_named_with_its_host_and_reason(void) {
    for (int kind = 0; kind < 3; kind++) {
        spar_mpi *other = start();
        const spar_group *group = spar_mpi_group(other);
        char expected[128], byte = 0;
        snprintf(expected, sizeof expected, "rank 0 (%s): %s", spar_mpi_host(other, 0),
                 kind == 1 ? "has finished" : "no memory");
        CHECK_WORKS(exchange(group, 0, 4));
        if (rank == 0) {
            spar_mpi_finish(other, kind == 1 ? NULL : "no memory");
        } else if (kind < 2) {
            check_error(exchange(group, 1, 4), SPAR_ERROR_IO, group->error(group->context), expected);
            check_error(spar_mpi_broadcast(other, &byte, 1), SPAR_ERROR_IO, spar_mpi_last_error(), expected);
            spar_mpi_finish(other, kind == 1 ? NULL : group->error(group->context));
        } else {
            check_error(spar_mpi_finish(other, NULL), SPAR_ERROR_IO, spar_mpi_last_error(), expected);
        }
    }
}

int main(void) {
    static const check_test tests[] = {TEST(messages_arrive_whole_in_any_order_of_waiting),
                                       TEST(many_exchanges_are_under_way_at_once),
                                       TEST(bytes_are_broadcast_and_gathered),
                                       TEST(ranks_know_where_they_are),
                                       TEST(what_cannot_be_called_is_refused),
                                       TEST(exchanges_out_of_order_fail),
                                       TEST(messages_of_other_sizes_fail),
                                       TEST(a_rank_that_leaves_is_named_with_its_host_and_reason)};
    mpi = start();
    rank = spar_mpi_group(mpi)->rank;
    size = spar_mpi_group(mpi)->size;
    int failed = check_run(tests, sizeof tests / sizeof *tests);
    if (spar_mpi_finish(mpi, NULL) != SPAR_OK) failed++;
    spar_mpi *again = NULL;
    if (spar_mpi_start(&again) != SPAR_ERROR_STATE) failed++; // MPI ends once
    return failed;
}
