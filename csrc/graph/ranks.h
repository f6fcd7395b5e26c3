// The ranks of a group that train a network together (spar_group). All make the same calls, so that they begin the same
// exchanges in the same order; a rank that fails goes on making them until all agree that one has.
#ifndef SPAR_GRAPH_RANKS_H
#define SPAR_GRAPH_RANKS_H

#include "graph/chain.h"
#include "ops/sums.h"

// Sums that are combined over all ranks in one exchange.
typedef struct spar_pooled {
    const spar_run *run;
    spar_sums sums;
} spar_pooled;

typedef struct spar_pool {
    spar_pooled *list;
    int count;
    bool shares, joined; // of large sums each rank makes a slice; and has made it
    uint64_t exchange;
    char *buffer;        // the nodes of every rank, rank behind rank; of large sums this rank's slice of them
    char *sent, *result; // to each other rank; slices of large sums, rank behind rank
    spar_work *works;    // of a chain, whose gradients of weights wait for them
    int work_count;
} spar_pool;

// The gradient of weights whose sums ranks cannot share: those are over more samples than a rank has. Each rank makes
// it for a slice of the input's channels, of the whole batch: what moves are the inputs and the output's gradients, and
// then the slices. The order of its sums is that of one process.
typedef struct spar_slice {
    spar_work *work;
    spar_operation operation;
    spar_tensor input, output;
    spar_parameter weight;
} spar_slice;

// A slice that is under way; two at once, so that one is sent while passes run, and one while the other is made.
typedef struct spar_slot {
    spar_slice *slice; // NULL: none
    bool made;
    uint64_t exchanges[3]; // of the output's gradients, of the inputs, of what is made
    float *d, *x;          // of the whole batch
    float *sent;           // own inputs, by rank
    float *gradient;       // of all weights, rank by rank
} spar_slot;

enum { SPAR_SLOTS = 2, SPAR_SENTENCE = 224, SPAR_CRITERION_BYTES = SPAR_MAX_CHUNKS * 4 * 8 };

// What a rank tells the others of a call, or of the pass that it was in.
typedef struct spar_report {
    int64_t call, count; // which call, of how many images
    int64_t status;
    char sentence[SPAR_SENTENCE];
} spar_report;

struct spar_ranks {
    spar_group group;
    uint64_t begun;     // exchanges
    spar_status status; // of the exchange that failed, behind which there are no others
    char sentence[SPAR_SENTENCE];
    spar_message *messages; // one a rank, of the exchange that begins
    spar_report *reports;
    float *extremes;   // [rank][point][2]
    float *statistics; // [rank][as many as move], of batch norms that have their own
    spar_pool now;     // of sums that are waited for at once
    spar_pool *later;  // of gradients, one a chain that makes some
    spar_slice *slices;
    spar_slot slots[SPAR_SLOTS];
    int later_count, slice_count, next_slot;
    char *rows; // of a slice of sums while it is combined
    size_t row_bytes;
    int64_t slice_workspace;
    size_t bytes;
};

// ranks.c: a copy of the group that a caller gives, checked; one of a single rank where none is given.
spar_status spar_take_group(const spar_group *given, spar_group *group);
// Takes the group of the options; nothing where there is none or it is of one.
spar_status spar_join_group(spar_network *network, const spar_group *group);
// And what its exchanges need, of a network whose passes are planned.
spar_status spar_plan_ranks(spar_network *network);
void spar_leave_group(spar_network *network);
// More memory, which counts as the group's. NULL where it cannot be had.
void *spar_allocate_for_ranks(spar_ranks *ranks, size_t count, size_t size);

// Begins an exchange of the messages, and waits for its end. Where one has failed they do nothing.
uint64_t spar_begin_exchange(spar_ranks *ranks);
void spar_end_exchange(spar_ranks *ranks, uint64_t exchange);
void spar_let_exchanges_go_on(spar_ranks *ranks);
// Of [ranks] entries of so many bytes each rank has its own: then all have all.
void spar_exchange_entries(spar_ranks *ranks, void *entries, size_t bytes);

// own_statistics.c: what ranks have apart where batch norm's statistics are each rank's own becomes one: the gradients
// of γ and β, which are made, and what running statistics will be, before they are committed.
spar_status spar_plan_own_statistics(spar_network *network);
void spar_join_own_gradients(spar_network *network);

// pool.c
spar_status spar_plan_pools(spar_network *network);
void spar_discard_pools(spar_ranks *ranks);
void spar_pool_add(spar_pool *pool, const spar_run *run, const spar_sums *sums);
void spar_begin_pool(spar_ranks *ranks, spar_pool *pool);
// Makes this rank's slices of the sums, and sends them.
void spar_join_pool(spar_ranks *ranks, spar_pool *pool);
// Then all sums of the pool are whole, and it is empty.
void spar_end_pool(spar_ranks *ranks, spar_pool *pool);

// slices.c
spar_status spar_plan_slices(spar_network *network);
void spar_discard_slices(spar_ranks *ranks);
void spar_begin_slice(spar_network *network, spar_slice *slice);
void spar_finish_slices(spar_network *network);

#endif
