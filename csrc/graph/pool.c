// Sums over the samples of all ranks. Each rank combines what lies in its leaves of the tree. Of small sums it sends
// those nodes to everybody, who combines the rest. Of large ones each rank gets a slice of the columns of all nodes,
// combines that, and sends it to everybody: with many ranks, much less.
#include "graph/ranks.h"

#include "runtime/parallel.h"

#include <string.h>

enum { LEAST_SHARED_BYTES = 16 * 1024 }; // of a row of large sums

// Are the columns shared out?
static bool is_shared(const spar_pool *pool, const spar_sums *sums) {
    return pool->shares && sums->combine == spar_add_floats && sums->row_bytes >= LEAST_SHARED_BYTES;
}

// Bytes of a row.
typedef struct stretch {
    int64_t first, count;
} stretch;

// What a rank gets of every row: all of those that are not shared out.
static stretch stretch_of(const spar_pool *pool, const spar_pooled *pooled, int rank) {
    const spar_sums *sums = &pooled->sums;
    if (!is_shared(pool, sums)) return (stretch){0, sums->row_bytes};
    int64_t vectors = sums->columns / 16, ranks = pooled->run->part.ranks, bytes = 16 * sizeof(float);
    int64_t first = vectors * rank / ranks * bytes, end = vectors * (rank + 1) / ranks * bytes;
    return (stretch){first, (rank + 1 == ranks ? sums->row_bytes : end) - first};
}

// Moves the nodes of one rank's sums, as far as they are for another, between rows and buffer, if there is one. Returns
// their bytes.
static size_t move_nodes(const spar_pool *pool, const spar_pooled *pooled, int rank, int receiver, char *buffer,
                         bool back) {
    const spar_sums *sums = &pooled->sums;
    int64_t nodes[SPAR_MAX_CHUNKS];
    int count = spar_list_nodes(&pooled->run->part, sums->height, rank, nodes);
    stretch own = stretch_of(pool, pooled, receiver);
    for (int n = 0; n < count && buffer != NULL; n++, buffer += own.count) {
        char *row = (char *)sums->rows + nodes[n] * sums->row_bytes + own.first;
        spar_copy(pooled->run->threads, back ? row : buffer, back ? buffer : row, (size_t)own.count);
    }
    return (size_t)(count * own.count);
}

static size_t move_all_nodes(const spar_pool *pool, int rank, int receiver, char *buffer) {
    size_t bytes = 0;
    for (const spar_pooled *pooled = pool->list; pooled < pool->list + pool->count; pooled++) {
        bytes += move_nodes(pool, pooled, rank, receiver, buffer == NULL ? NULL : buffer + bytes, false);
    }
    return bytes;
}

void spar_pool_add(spar_pool *pool, const spar_run *run, const spar_sums *sums) {
    pool->list[pool->count++] = (spar_pooled){run, *sums};
}

void spar_begin_pool(spar_ranks *ranks, spar_pool *pool) {
    int rank = ranks->group.rank;
    char *place = pool->buffer, *sent = pool->sent, *own = NULL;
    for (int r = 0; r < ranks->group.size; r++) {
        if (r == rank) own = place;
        size_t bytes = move_all_nodes(pool, r, rank, r == rank ? place : NULL);
        ranks->messages[r] = (spar_message){.receive = place, .receive_bytes = bytes};
        place += bytes;
    }
    for (int r = 0; r < ranks->group.size; r++) {
        if (r == rank) continue;
        size_t bytes = move_all_nodes(pool, rank, r, pool->shares ? sent : NULL);
        ranks->messages[r].send = pool->shares ? sent : own;
        ranks->messages[r].send_bytes = bytes;
        if (pool->shares) sent += bytes;
    }
    pool->joined = false;
    pool->exchange = spar_begin_exchange(ranks);
}

// Makes this rank's slice of one of the sums from the nodes of all, whose rows lie elsewhere by now.
static void join_slice(spar_ranks *ranks, const spar_pool *pool, const spar_pooled *pooled, char *result) {
    spar_sums slice = pooled->sums;
    stretch own = stretch_of(pool, pooled, ranks->group.rank);
    if (own.count == 0) return;
    slice.rows = ranks->rows;
    slice.row_bytes = own.count;
    slice.columns = own.count / (int64_t)sizeof(float);
    char *place = pool->buffer;
    for (int r = 0; r < ranks->group.size; r++) {
        int64_t nodes[SPAR_MAX_CHUNKS];
        for (const spar_pooled *other = pool->list; other < pool->list + pool->count; other++) {
            int count = spar_list_nodes(&other->run->part, other->sums.height, r, nodes);
            int64_t bytes = stretch_of(pool, other, ranks->group.rank).count;
            for (int n = 0; n < count; n++, place += bytes) {
                if (other == pooled) {
                    spar_copy(pooled->run->threads, ranks->rows + nodes[n] * bytes, place, (size_t)bytes);
                }
            }
        }
    }
    spar_combine_rest(pooled->run, &slice);
    spar_copy(pooled->run->threads, result, ranks->rows, (size_t)own.count);
}

static size_t result_bytes(const spar_pool *pool, int rank) {
    size_t bytes = 0;
    for (const spar_pooled *pooled = pool->list; pooled < pool->list + pool->count; pooled++) {
        if (is_shared(pool, &pooled->sums)) bytes += (size_t)stretch_of(pool, pooled, rank).count;
    }
    return bytes;
}

void spar_join_pool(spar_ranks *ranks, spar_pool *pool) {
    if (!pool->shares || pool->joined || pool->count == 0) return;
    pool->joined = true;
    spar_end_exchange(ranks, pool->exchange);
    int rank = ranks->group.rank;
    char *place = pool->result, *own = place;
    for (int r = 0; r < ranks->group.size; r++) {
        size_t bytes = result_bytes(pool, r);
        ranks->messages[r] = (spar_message){.receive = place, .receive_bytes = bytes};
        if (r == rank) own = place;
        place += bytes;
    }
    for (int r = 0; r < ranks->group.size; r++) {
        ranks->messages[r].send = own;
        ranks->messages[r].send_bytes = ranks->messages[rank].receive_bytes;
    }
    for (const spar_pooled *pooled = pool->list; pooled < pool->list + pool->count; pooled++) {
        if (!is_shared(pool, &pooled->sums)) continue;
        join_slice(ranks, pool, pooled, own);
        own += stretch_of(pool, pooled, rank).count;
    }
    pool->exchange = spar_begin_exchange(ranks);
}

// Own nodes too: passes since may have used the memory of their rows.
void spar_end_pool(spar_ranks *ranks, spar_pool *pool) {
    spar_join_pool(ranks, pool);
    spar_end_exchange(ranks, pool->exchange);
    char *place = pool->buffer, *result = pool->result;
    for (int r = 0; r < ranks->group.size; r++) {
        for (const spar_pooled *pooled = pool->list; pooled < pool->list + pool->count; pooled++) {
            bool shared = is_shared(pool, &pooled->sums);
            stretch of_rank = stretch_of(pool, pooled, r);
            if (shared) {
                spar_copy(pooled->run->threads, (char *)pooled->sums.rows + of_rank.first, result,
                          (size_t)of_rank.count);
                result += of_rank.count;
            }
            place += move_nodes(pool, pooled, r, ranks->group.rank, shared ? NULL : place, true);
        }
    }
    for (int i = 0; i < pool->count; i++) {
        if (!is_shared(pool, &pool->list[i].sums)) spar_combine_rest(pool->list[i].run, &pool->list[i].sums);
    }
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
        for (int i = 0; i < listed; i++) {
            if (!sums[i].of_rank) spar_pool_add(pool, run, &sums[i]);
        }
    }
}

// Of the gradients that a chain makes.
static spar_status hold_later(spar_ranks *ranks, spar_work *works, int count, const spar_run *run) {
    fill(&ranks->now, works, count, true, run);
    if (ranks->now.count == 0) return SPAR_OK;
    spar_pool *pool = &ranks->later[ranks->later_count++];
    int rank = run->part.rank, size = run->part.ranks;
    *pool = (spar_pool){.list = ranks->now.list, .count = ranks->now.count, .works = works, .work_count = count};
    pool->shares = size > 2; // two would send as much
    size_t received = 0, sent = 0, results = 0;
    for (int r = 0; r < size; r++) {
        received += move_all_nodes(pool, r, rank, NULL);
        sent += pool->shares && r != rank ? move_all_nodes(pool, rank, r, NULL) : 0;
        results += result_bytes(pool, r);
    }
    for (const spar_pooled *pooled = pool->list; pooled < pool->list + pool->count; pooled++) {
        if (!is_shared(pool, &pooled->sums)) continue;
        int64_t leaves = spar_leaf_count(spar_most_chunks(run->part.batch_size), pooled->sums.height);
        size_t bytes = (size_t)(leaves * stretch_of(pool, pooled, rank).count);
        if (ranks->row_bytes < bytes) ranks->row_bytes = bytes;
    }
    pool->list = spar_allocate_for_ranks(ranks, (size_t)pool->count, sizeof *pool->list);
    pool->buffer = spar_allocate_for_ranks(ranks, received + sent + results, 1);
    pool->count = 0;
    for (int w = 0; w < count; w++) works[w].pool = pool;
    if (pool->list == NULL || pool->buffer == NULL) return SPAR_ERROR_MEMORY;
    pool->sent = pool->buffer + received;
    pool->result = pool->sent + sent;
    return SPAR_OK;
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
        size_t bytes = 0;
        for (int r = 0; r < run.part.ranks; r++) bytes += move_all_nodes(&ranks->now, r, run.part.rank, NULL);
        if (bytes > most) most = bytes;
    }
    ranks->now.count = 0;
    ranks->now.buffer = spar_allocate_for_ranks(ranks, most, 1);
    ranks->rows = spar_allocate_for_ranks(ranks, ranks->row_bytes, 1);
    return ranks->now.buffer == NULL || ranks->rows == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
}

void spar_discard_pools(spar_ranks *ranks) {
    for (int p = 0; p < ranks->later_count; p++) {
        spar_release(ranks->later[p].list);
        spar_release(ranks->later[p].buffer);
    }
    spar_release(ranks->later);
    spar_release(ranks->now.list);
    spar_release(ranks->now.buffer);
    spar_release(ranks->rows);
}
