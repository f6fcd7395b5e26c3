// Sums over the samples of all ranks: each rank combines what lies in its leaves of the tree and sends those nodes to
// everybody, who combines the rest.
#include "graph/ranks.h"

#include <string.h>

typedef void (*visit_row)(char *row, int64_t row_bytes, char *buffer);

// Of one rank's nodes of all sums; returns the bytes of them. `visit` may be NULL.
static size_t visit_nodes(const spar_pool *pool, int rank, visit_row visit, char *buffer) {
    size_t bytes = 0;
    for (const spar_pooled *pooled = pool->list; pooled < pool->list + pool->count; pooled++) {
        const spar_sums *sums = &pooled->sums;
        int64_t nodes[SPAR_MAX_CHUNKS];
        int count = spar_list_nodes(&pooled->run->part, sums->height, rank, nodes);
        for (int n = 0; n < count; n++, bytes += (size_t)sums->row_bytes) {
            if (visit != NULL) visit((char *)sums->rows + nodes[n] * sums->row_bytes, sums->row_bytes, buffer + bytes);
        }
    }
    return bytes;
}

static void pack(char *row, int64_t row_bytes, char *buffer) {
    memcpy(buffer, row, (size_t)row_bytes);
}

static void unpack(char *row, int64_t row_bytes, char *buffer) {
    memcpy(row, buffer, (size_t)row_bytes);
}

void spar_pool_add(spar_pool *pool, const spar_run *run, const spar_sums *sums) {
    pool->list[pool->count++] = (spar_pooled){run, *sums};
}

void spar_begin_pool(spar_ranks *ranks, spar_pool *pool) {
    char *place = pool->buffer, *own = NULL;
    int rank = ranks->group.rank;
    for (int r = 0; r < ranks->group.size; r++) {
        size_t bytes = visit_nodes(pool, r, r == rank ? pack : NULL, place);
        ranks->messages[r] = (spar_message){.receive = place, .receive_bytes = bytes};
        if (r == rank) own = place;
        place += bytes;
    }
    for (int r = 0; r < ranks->group.size; r++) {
        ranks->messages[r].send = own;
        ranks->messages[r].send_bytes = ranks->messages[rank].receive_bytes;
    }
    pool->exchange = spar_begin_exchange(ranks);
}

// Own nodes too: passes since may have used the memory of their rows.
void spar_end_pool(spar_ranks *ranks, spar_pool *pool) {
    spar_end_exchange(ranks, pool->exchange);
    char *place = pool->buffer;
    for (int r = 0; r < ranks->group.size; r++) place += visit_nodes(pool, r, unpack, place);
    for (int i = 0; i < pool->count; i++) spar_combine_rest(pool->list[i].run, &pool->list[i].sums);
    pool->count = 0;
}

// A run that does all that any does: what it lists is the most that a pool holds. Of smaller batches ranks have no more
// nodes than of the largest.
static spar_run run_of_all(const spar_network *network) {
    spar_run run = network->run;
    run.part = network->part;
    run.flags = SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE;
    run.backward_flags = SPAR_BACKWARD_WEIGHTS;
    return run;
}

// Fills the pool with what these passes may list.
static void fill(spar_pool *pool, const spar_work *works, int count, bool later, const spar_run *run) {
    pool->count = 0;
    for (const spar_work *work = works; work < works + count; work++) {
        if (work->pass.sums == NULL || work->slice != NULL || (work->kind == SPAR_PASS_WEIGHTS) != later) continue;
        spar_sums sums[SPAR_MOST_SUMS];
        int listed = work->pass.sums(work->operation, run, sums);
        for (int i = 0; i < listed; i++) spar_pool_add(pool, run, &sums[i]);
    }
}

static size_t bytes_of(const spar_pool *pool, int ranks) {
    size_t bytes = 0;
    for (int r = 0; r < ranks; r++) bytes += visit_nodes(pool, r, NULL, NULL);
    return bytes;
}

// Of the gradients that a chain makes.
static spar_status hold_later(spar_ranks *ranks, spar_work *works, int count, const spar_run *run) {
    fill(&ranks->now, works, count, true, run);
    if (ranks->now.count == 0) return SPAR_OK;
    spar_pool *pool = &ranks->later[ranks->later_count++];
    pool->works = works;
    pool->work_count = count;
    pool->list = spar_allocate_for_ranks(ranks, (size_t)ranks->now.count, sizeof *pool->list);
    pool->buffer = spar_allocate_for_ranks(ranks, bytes_of(&ranks->now, run->part.ranks), 1);
    for (int w = 0; w < count; w++) works[w].pool = pool;
    return pool->list == NULL || pool->buffer == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
}

spar_status spar_plan_pools(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    spar_run run = run_of_all(network);
    size_t works = (size_t)network->work_count, most = SPAR_CRITERION_BYTES;
    ranks->later = spar_allocate_for_ranks(ranks, works, sizeof *ranks->later);
    ranks->now.list = spar_allocate_for_ranks(ranks, works * SPAR_MOST_SUMS + 1, sizeof *ranks->now.list);
    if (ranks->later == NULL || ranks->now.list == NULL) return SPAR_ERROR_MEMORY;
    for (int w = 0, end; w < network->work_count; w = end) {
        end = w + 1;
        while (end < network->work_count && network->works[end].chain == network->works[w].chain) end++;
        SPAR_TRY(hold_later(ranks, &network->works[w], end - w, &run));
        fill(&ranks->now, &network->works[w], end - w, false, &run);
        size_t bytes = bytes_of(&ranks->now, run.part.ranks);
        if (bytes > most) most = bytes;
    }
    ranks->now.count = 0;
    ranks->now.buffer = spar_allocate_for_ranks(ranks, most, 1);
    return ranks->now.buffer == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
}

void spar_discard_pools(spar_ranks *ranks) {
    for (int p = 0; p < ranks->later_count; p++) {
        spar_release(ranks->later[p].list);
        spar_release(ranks->later[p].buffer);
    }
    spar_release(ranks->later);
    spar_release(ranks->now.list);
    spar_release(ranks->now.buffer);
}
