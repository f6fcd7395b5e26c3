// The group's exchanges, the small calls, and the notices of ranks that leave.
#define _POSIX_C_SOURCE 200809L

#ifdef SPARRING_MPI // SwiftPM compiles this file in builds without MPI, too
#include "ranks.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// About a millisecond, and a second.
enum { YIELDS = 1000, NAPS = 10000 };

void spar_mpi_rest(unsigned turn) {
    const struct timespec nap = {0, turn < YIELDS + NAPS ? 50000 : 1000000};
    if (turn < YIELDS) {
        sched_yield();
    } else {
        nanosleep(&nap, NULL);
    }
}

// ---------------------------------------------------------------------------------------------
// The end

// Lets go of what is under way. What had ended before is what the notice tells.
static void let_go(spar_mpi *mpi) {
    if (mpi->broken) return;
    mpi->broken = true;
    spar_notice *notice = &mpi->ranks[mpi->group.rank].notice;
    notice->exchanges = mpi->exchanges;
    notice->calls = mpi->calls;
    for (size_t i = 0; i < mpi->transfer_count; i++) {
        spar_transfer *t = &mpi->transfers[i];
        if (!t->under_way) continue;
        uint64_t *ended = t->exchange ? &notice->exchanges : &notice->calls;
        if (t->order < *ended) *ended = t->order;
        spar_transfer_drop(t);
    }
}

spar_status spar_mpi_break(spar_mpi *mpi, spar_status status) {
    if (status != SPAR_OK && !mpi->broken) {
        snprintf(mpi->error, sizeof mpi->error, "%s", spar_mpi_last_error());
        let_go(mpi);
    }
    return status;
}

spar_status spar_mpi_listen(spar_mpi *mpi) {
    spar_status status = SPAR_OK;
    mpi->ranks[mpi->group.rank].left = true;
    for (int r = 0; r < mpi->group.size && status == SPAR_OK; r++) {
        spar_rank *rank = &mpi->ranks[r];
        rank->heard = rank->told = MPI_REQUEST_NULL;
        if (r == mpi->group.rank) continue;
        status = spar_mpi_check(MPI_Irecv(&rank->notice, (int)sizeof rank->notice, MPI_BYTE, r, SPAR_MPI_NOTICE_TAG,
                                          mpi->communicator, &rank->heard),
                                "MPI_Irecv");
    }
    return status;
}

static bool has_ended(MPI_Request *request) {
    int ended = 0;
    return MPI_Test(request, &ended, MPI_STATUS_IGNORE) != MPI_SUCCESS || ended;
}

void spar_mpi_hear(spar_mpi *mpi) {
    for (int r = 0; r < mpi->group.size; r++) {
        spar_rank *rank = &mpi->ranks[r];
        if (rank->left || !has_ended(&rank->heard)) continue;
        rank->left = true;
        rank->notice.reason[sizeof rank->notice.reason - 1] = 0;
    }
}

// Has every rank left, and heard of this one?
static bool is_over(spar_mpi *mpi) {
    bool over = true;
    spar_mpi_hear(mpi);
    for (int r = 0; r < mpi->group.size; r++) over = has_ended(&mpi->ranks[r].told) && mpi->ranks[r].left && over;
    return over;
}

spar_status spar_mpi_take_leave(spar_mpi *mpi, const char *reason) {
    let_go(mpi);
    int own = mpi->group.rank;
    spar_notice *notice = &mpi->ranks[own].notice;
    snprintf(notice->reason, sizeof notice->reason, "%s", reason == NULL ? "" : reason[0] == 0 ? "failed" : reason);
    for (int r = 0; r < mpi->group.size; r++) {
        if (r == own) continue;
        MPI_Isend(notice, (int)sizeof *notice, MPI_BYTE, r, SPAR_MPI_NOTICE_TAG, mpi->communicator,
                  &mpi->ranks[r].told);
    }
    for (unsigned turn = 0; !is_over(mpi); turn++) spar_mpi_rest(turn);
    for (int r = 0; r < mpi->group.size; r++) {
        const char *other = mpi->ranks[r].notice.reason;
        if (r != own && other[0] != 0) return spar_mpi_fail_of(mpi, r, other);
    }
    return SPAR_OK;
}

// ---------------------------------------------------------------------------------------------
// The group

static spar_status may_call(const spar_mpi *mpi) {
    int main_thread = 1;
    if (mpi->broken) return spar_mpi_fail(SPAR_ERROR_IO, "%s", mpi->error);
    if (mpi->funneled) MPI_Is_thread_main(&main_thread);
    if (main_thread) return SPAR_OK;
    return spar_mpi_fail(SPAR_ERROR_STATE, "rank %d: MPI is initialized for calls by the main thread alone",
                         mpi->group.rank);
}

static spar_status begin(void *context, uint64_t number, const spar_message *messages) {
    spar_mpi *mpi = context;
    spar_status status = may_call(mpi);
    if (status == SPAR_OK) status = spar_transfer_begin(mpi, true, mpi->exchanges++, number, messages);
    if (mpi->numbers <= number) mpi->numbers = number + 1;
    return spar_mpi_break(mpi, status);
}

static spar_status progress(void *context) {
    spar_mpi *mpi = context;
    spar_status status = may_call(mpi);
    for (size_t i = 0; i < mpi->transfer_count && status == SPAR_OK; i++) {
        if (mpi->transfers[i].under_way) status = spar_transfer_test(mpi, &mpi->transfers[i]);
    }
    return spar_mpi_break(mpi, status);
}

// An exchange that is not under way has ended already. Several networks may have one of a number under way: then all
// ranks have begun the same ones, and all of them are waited for.
static spar_status await(void *context, uint64_t number) {
    spar_mpi *mpi = context;
    spar_status status = may_call(mpi);
    if (status == SPAR_OK && number >= mpi->numbers) {
        status = spar_mpi_fail(SPAR_ERROR_STATE, "rank %d waits for exchange %llu, which has not begun",
                               mpi->group.rank, (unsigned long long)number);
    }
    for (size_t i = 0; i < mpi->transfer_count && status == SPAR_OK; i++) {
        spar_transfer *t = &mpi->transfers[i];
        if (t->under_way && t->exchange && t->number == number) status = spar_transfer_end(mpi, t);
    }
    return spar_mpi_break(mpi, status);
}

static const char *error_of(void *context) {
    const spar_mpi *mpi = context;
    return mpi->error[0] != 0 ? mpi->error : NULL;
}

void spar_mpi_fill_group(spar_mpi *mpi, int rank, int size) {
    mpi->group = (spar_group){sizeof mpi->group, rank, size, mpi, begin, progress, await, error_of};
}

// ---------------------------------------------------------------------------------------------
// Small calls

// Sends and receives mpi->messages and waits for their end.
static spar_status call(spar_mpi *mpi) {
    spar_status status = may_call(mpi);
    if (status == SPAR_OK) {
        uint64_t order = mpi->calls++;
        status = spar_transfer_begin(mpi, false, order, order, mpi->messages);
    }
    for (size_t i = 0; i < mpi->transfer_count && status == SPAR_OK; i++) {
        spar_transfer *t = &mpi->transfers[i];
        if (t->under_way && !t->exchange) status = spar_transfer_end(mpi, t);
    }
    memset(mpi->messages, 0, (size_t)mpi->group.size * sizeof *mpi->messages);
    return spar_mpi_break(mpi, status);
}

static spar_status refuse(const char *function, const char *what) {
    return spar_mpi_fail(SPAR_ERROR_ARGUMENT, "%s: %s", function, what);
}

spar_status spar_mpi_broadcast(spar_mpi *mpi, void *bytes, size_t count) {
    if (mpi == NULL || (bytes == NULL && count > 0)) return refuse(__func__, "mpi or bytes is NULL");
    if (mpi->group.rank != 0) mpi->messages[0] = (spar_message){.receive = bytes, .receive_bytes = count};
    for (int r = 1; r < mpi->group.size && mpi->group.rank == 0; r++) {
        mpi->messages[r] = (spar_message){.send = bytes, .send_bytes = count};
    }
    return call(mpi);
}

spar_status spar_mpi_gather(spar_mpi *mpi, const void *bytes, size_t count, void *all, const size_t *counts) {
    if (mpi == NULL || (bytes == NULL && count > 0)) return refuse(__func__, "mpi or bytes is NULL");
    if (mpi->group.rank != 0) {
        mpi->messages[0] = (spar_message){.send = bytes, .send_bytes = count};
        return call(mpi);
    }
    if (all == NULL || counts == NULL || counts[0] != count) {
        return refuse(__func__, "rank 0 needs all and counts, with its own count in counts[0]");
    }
    char *place = (char *)all + count;
    for (int r = 1; r < mpi->group.size; place += counts[r++]) {
        mpi->messages[r] = (spar_message){.receive = place, .receive_bytes = counts[r]};
    }
    if (count > 0) memmove(all, bytes, count);
    return call(mpi);
}

// A byte from everyone to everyone.
spar_status spar_mpi_barrier(spar_mpi *mpi) {
    if (mpi == NULL) return refuse(__func__, "mpi is NULL");
    spar_rank *ranks = mpi->ranks;
    for (int r = 0; r < mpi->group.size; r++) {
        if (r != mpi->group.rank) mpi->messages[r] = (spar_message){&ranks[mpi->group.rank].byte, 1, &ranks[r].byte, 1};
    }
    return call(mpi);
}

#endif
