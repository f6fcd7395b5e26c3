// Messages that are under way together.
#ifdef SPARRING_MPI // SwiftPM compiles this file in builds without MPI, too
#include "ranks.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

// A message of more bytes is cut. Tests have it small.
#ifndef SPAR_MPI_LARGEST_MESSAGE
#define SPAR_MPI_LARGEST_MESSAGE INT_MAX
#endif

enum { TURNS_BETWEEN_NOTICES = 32 };

// One that is not in use.
static spar_transfer *find_free(spar_mpi *mpi) {
    for (size_t i = 0; i < mpi->transfer_count; i++) {
        if (!mpi->transfers[i].under_way) return &mpi->transfers[i];
    }
    spar_transfer *more = realloc(mpi->transfers, (mpi->transfer_count + 1) * sizeof *more);
    if (more == NULL) return NULL;
    mpi->transfers = more;
    more[mpi->transfer_count] = (spar_transfer){0};
    return &more[mpi->transfer_count++];
}

static bool reserve(spar_transfer *t, size_t capacity) {
    if (t->capacity >= capacity) return true;
    void *requests = realloc(t->requests, capacity * sizeof *t->requests);
    if (requests != NULL) t->requests = requests;
    void *statuses = realloc(t->statuses, capacity * sizeof *t->statuses);
    if (statuses != NULL) t->statuses = statuses;
    void *pieces = realloc(t->pieces, capacity * sizeof *t->pieces);
    if (pieces != NULL) t->pieces = pieces;
    bool all = requests != NULL && statuses != NULL && pieces != NULL;
    if (all) t->capacity = capacity;
    return all;
}

static size_t pieces_of(size_t bytes) {
    return bytes / SPAR_MPI_LARGEST_MESSAGE + (bytes % SPAR_MPI_LARGEST_MESSAGE > 0);
}

// Pieces of one message have one tag and keep their order.
static spar_status receive(spar_mpi *mpi, spar_transfer *t, int tag, int peer, char *bytes, size_t count) {
    for (size_t i = 0; i < count; i += SPAR_MPI_LARGEST_MESSAGE) {
        int piece = (int)(count - i < SPAR_MPI_LARGEST_MESSAGE ? count - i : SPAR_MPI_LARGEST_MESSAGE);
        int code = MPI_Irecv(bytes + i, piece, MPI_BYTE, peer, tag, mpi->communicator, &t->requests[t->count]);
        if (spar_mpi_check(code, "MPI_Irecv") != SPAR_OK) return spar_mpi_fail_of(mpi, peer, spar_mpi_last_error());
        t->pieces[t->count++] = (spar_piece){peer, piece};
    }
    return SPAR_OK;
}

static spar_status send(spar_mpi *mpi, spar_transfer *t, int tag, int peer, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i += SPAR_MPI_LARGEST_MESSAGE) {
        int piece = (int)(count - i < SPAR_MPI_LARGEST_MESSAGE ? count - i : SPAR_MPI_LARGEST_MESSAGE);
        int code = MPI_Isend(bytes + i, piece, MPI_BYTE, peer, tag, mpi->communicator, &t->requests[t->count]);
        if (spar_mpi_check(code, "MPI_Isend") != SPAR_OK) return spar_mpi_fail_of(mpi, peer, spar_mpi_last_error());
        t->pieces[t->count++] = (spar_piece){peer, -1};
    }
    return SPAR_OK;
}

spar_status spar_transfer_begin(spar_mpi *mpi, bool exchange, uint64_t order, uint64_t number,
                                const spar_message *messages) {
    int size = mpi->group.size, rank = mpi->group.rank;
    int tag = !exchange
                  ? SPAR_MPI_CALL_TAG
                  : SPAR_MPI_EXCHANGE_TAG + (int)(order % ((uint64_t)mpi->largest_tag - SPAR_MPI_EXCHANGE_TAG + 1));
    size_t count = 0;
    for (int r = 0; r < size; r++) count += pieces_of(messages[r].send_bytes) + pieces_of(messages[r].receive_bytes);
    spar_transfer *t = find_free(mpi);
    if (t == NULL || !reserve(t, count) || count > INT_MAX) {
        return spar_mpi_fail(SPAR_ERROR_MEMORY, "rank %d (%s): no memory for %zu messages", rank,
                             spar_mpi_host(mpi, rank), count);
    }
    t->exchange = exchange;
    t->order = order;
    t->number = number;
    t->under_way = true;
    t->count = 0;
    // Neighbours first, so that not all ranks send to the same one.
    spar_status status = SPAR_OK;
    for (int i = 1; i < size && status == SPAR_OK; i++) {
        int from = (rank + size - i) % size;
        status = receive(mpi, t, tag, from, messages[from].receive, messages[from].receive_bytes);
    }
    for (int i = 1; i < size && status == SPAR_OK; i++) {
        int to = (rank + i) % size;
        status = send(mpi, t, tag, to, messages[to].send, messages[to].send_bytes);
    }
    return status;
}

// What is wrong with a request that has ended.
static spar_status check_ended(const spar_mpi *mpi, const spar_transfer *t, size_t i, int code) {
    const spar_piece *piece = &t->pieces[i];
    const char *kind = t->exchange ? "exchange" : "call";
    char why[SPAR_MPI_SENTENCE];
    if (code == MPI_ERR_PENDING) return SPAR_OK;
    if (code != MPI_SUCCESS) {
        snprintf(why, sizeof why, "%s %llu", kind, (unsigned long long)t->number);
        spar_mpi_check(code, why);
        return spar_mpi_fail_of(mpi, piece->peer, spar_mpi_last_error());
    }
    int received = 0;
    if (piece->expected >= 0) MPI_Get_count(&t->statuses[i], MPI_BYTE, &received);
    if (piece->expected < 0 || received == piece->expected) return SPAR_OK;
    snprintf(why, sizeof why, "%s %llu: %d bytes came where %d were expected", kind, (unsigned long long)t->number,
             received, piece->expected);
    return spar_mpi_fail_of(mpi, piece->peer, why);
}

spar_status spar_transfer_test(spar_mpi *mpi, spar_transfer *t) {
    int ended = 0;
    int code = MPI_Testall((int)t->count, t->requests, &ended, t->statuses);
    bool told = code == MPI_ERR_IN_STATUS;
    if (!told && code != MPI_SUCCESS) return spar_mpi_check(code, "MPI_Testall");
    for (size_t i = 0; i < t->count && (ended || told); i++) {
        spar_status status = check_ended(mpi, t, i, told ? t->statuses[i].MPI_ERROR : MPI_SUCCESS);
        if (status != SPAR_OK) return status;
    }
    if (ended) t->under_way = false;
    return SPAR_OK;
}

// Is something open that a rank which has left will not send or take any more?
static spar_status check_leavers(const spar_mpi *mpi, const spar_transfer *t) {
    for (size_t i = 0; i < t->count; i++) {
        int peer = t->pieces[i].peer, ended = 0;
        const spar_rank *rank = &mpi->ranks[peer];
        if (!rank->left || t->order < (t->exchange ? rank->notice.exchanges : rank->notice.calls)) continue;
        MPI_Request_get_status(t->requests[i], &ended, MPI_STATUS_IGNORE);
        if (ended) continue;
        return spar_mpi_fail_of(mpi, peer, rank->notice.reason[0] != 0 ? rank->notice.reason : "has finished");
    }
    return SPAR_OK;
}

spar_status spar_transfer_end(spar_mpi *mpi, spar_transfer *t) {
    spar_status status = spar_transfer_test(mpi, t);
    for (unsigned turn = 1; status == SPAR_OK && t->under_way; turn++) {
        spar_mpi_rest(turn);
        if (turn % TURNS_BETWEEN_NOTICES == 0) {
            spar_mpi_hear(mpi);
            status = check_leavers(mpi, t);
        }
        if (status == SPAR_OK) status = spar_transfer_test(mpi, t);
    }
    return status;
}

void spar_transfer_drop(spar_transfer *t) {
    for (size_t i = 0; i < t->count; i++) {
        MPI_Request *request = &t->requests[i];
        if (*request == MPI_REQUEST_NULL) continue;
        MPI_Cancel(request);
        if (t->pieces[i].expected >= 0) {
            MPI_Wait(request, MPI_STATUS_IGNORE);
        } else {
            MPI_Request_free(request); // what is sent is not always taken back
        }
    }
    t->under_way = false;
}

void spar_transfers_free(spar_mpi *mpi) {
    for (size_t i = 0; i < mpi->transfer_count; i++) {
        free(mpi->transfers[i].requests);
        free(mpi->transfers[i].statuses);
        free(mpi->transfers[i].pieces);
    }
    free(mpi->transfers);
}

#endif
