// What the files of this library share.
#ifndef SPAR_DISTRIBUTED_RANKS_H
#define SPAR_DISTRIBUTED_RANKS_H

#include "sparring_mpi.h"

#include <mpi.h>

enum { SPAR_MPI_SENTENCE = 1024, SPAR_MPI_NOTICE_TAG = 0, SPAR_MPI_CALL_TAG = 1, SPAR_MPI_EXCHANGE_TAG = 2 };

// One request: a message, or a piece of one.
typedef struct spar_piece {
    int peer;
    int expected; // bytes to be received; -1 where it sends
} spar_piece;

// Messages that are under way together: an exchange, or what one of the small calls sends and receives.
typedef struct spar_transfer {
    bool exchange;   // of a group, or a small call's
    uint64_t order;  // among its kind
    uint64_t number; // by which it is waited for
    bool under_way;
    size_t count, capacity;
    MPI_Request *requests;
    MPI_Status *statuses;
    spar_piece *pieces;
} spar_transfer;

// What a rank tells the others when it leaves.
typedef struct spar_notice {
    uint64_t exchanges, calls; // so many have ended there, so that all that it had to send for them comes
    char reason[512];          // empty: its work is done
} spar_notice;

// Another rank, or the own.
typedef struct spar_rank {
    bool left;
    spar_notice notice;      // that it sent; of the own rank what it sends
    MPI_Request heard, told; // its notice, and the own to it
    char byte;               // that a barrier receives
} spar_rank;

struct spar_mpi {
    spar_group group;
    MPI_Comm communicator;
    bool finalizes;  // MPI, at the end
    bool funneled;   // only the main thread may call
    int largest_tag; // messages' tags are the exchanges' order as far as there are tags
    int cores;       // on which this process might run when it started
    char *hosts;     // [size][MPI_MAX_PROCESSOR_NAME]
    spar_rank *ranks;
    spar_message *messages;    // of a small call, zeros between them
    uint64_t exchanges, calls; // begun
    uint64_t numbers;          // of exchanges that have begun are below
    size_t transfer_count;
    spar_transfer *transfers;
    bool broken; // a call failed, with this sentence, and nothing is under way any more
    char error[SPAR_MPI_SENTENCE];
    char warning[SPAR_MPI_SENTENCE];
};

// Records this thread's sentence and returns `status`.
spar_status spar_mpi_fail(spar_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// "rank 1 (host): WHAT".
spar_status spar_mpi_fail_of(const spar_mpi *mpi, int rank, const char *what);

// The sentence of an error of MPI; SPAR_OK where `code` is none.
spar_status spar_mpi_check(int code, const char *what);

// Sets the group's calls.
void spar_mpi_fill_group(spar_mpi *mpi, int rank, int size);

// Begins to send and receive messages[r] to and from every rank r.
spar_status spar_transfer_begin(spar_mpi *mpi, bool exchange, uint64_t order, uint64_t number,
                                const spar_message *messages);

// Lets a transfer go on; it is no longer under way when it has ended.
spar_status spar_transfer_test(spar_mpi *mpi, spar_transfer *t);

// Lets go of a transfer: its messages' memory may be gone afterwards.
void spar_transfer_drop(spar_transfer *t);
void spar_transfers_free(spar_mpi *mpi);

// Waits for the end of a transfer, or for a notice that it will have none.
spar_status spar_transfer_end(spar_mpi *mpi, spar_transfer *t);

// Ends all that is under way; calls that follow fail with this thread's sentence.
spar_status spar_mpi_break(spar_mpi *mpi, spar_status status);

// Begins to listen for other ranks' notices; takes those that have come.
spar_status spar_mpi_listen(spar_mpi *mpi);
void spar_mpi_hear(spar_mpi *mpi);

// Tells all other ranks, and returns when all of them have told the same.
spar_status spar_mpi_take_leave(spar_mpi *mpi, const char *reason);

// Lets other processes have the core; longer after many turns.
void spar_mpi_rest(unsigned turn);

#endif
