// Runs passes over the batch. A pass that works on samples by itself is one of a chain: a thread takes a few samples
// through all passes of the chain while they are in its cache, and all threads meet only at the chain's ends.
#include "graph/ranks.h"

#include "runtime/parallel.h"

// Floats that the passes of a chain write of the samples of a share: fewer mean more calls, more that less of them is
// found in cache. A quarter to four times as many changed LeNet-5's step by less than the timing's noise (8 %).
enum { SHARE_FLOATS = 96 * 1024 };

// Is work w of the chain of the one before it?
static bool follows(const spar_work *works, int w) {
    const spar_work *work = &works[w], *last = work - 1;
    if (last->pass.samples == NULL || work->pass.samples == NULL) return false;
    if (last->operation != work->operation) return last->operation->chained && work->operation->chained;
    for (int i = w - 1; i >= 0 && works[i].operation == work->operation && works[i].chain == last->chain; i--) {
        if (works[i].pass.writes & work->pass.reads & SPAR_SUMS) return false;
    }
    return true;
}

static spar_status add_passes(spar_network *network, spar_operation *operation, spar_pass_kind kind) {
    spar_pass passes[SPAR_MOST_PASSES];
    int count = operation->layer->passes(operation, kind, passes);
    for (int p = 0; p < count; p++) {
        int w = network->work_count++;
        spar_work *work = &network->works[w];
        *work = (spar_work){.operation = operation, .pass = passes[p], .kind = kind};
        if (w > 0) {
            bool turns = spar_is_backward(work) && !spar_is_backward(work - 1);
            work->chain = work[-1].chain + (turns ? 2 : !follows(network->works, w));
        }
        SPAR_TRY(spar_check_room(operation, work->pass.workspace));
    }
    return SPAR_OK;
}

static size_t count_passes(const spar_network *network) {
    spar_pass passes[SPAR_MOST_PASSES];
    size_t count = 0;
    for (int s = 0; s < network->operation_count; s++) {
        const spar_operation *operation = &network->operations[s];
        for (int kind = 0; kind < SPAR_PASS_KINDS; kind++) {
            count += (size_t)operation->layer->passes(operation, (spar_pass_kind)kind, passes);
        }
    }
    return count;
}

spar_status spar_plan_passes(spar_network *network) {
    network->works = spar_allocate(count_passes(network), sizeof *network->works);
    if (network->works == NULL) return SPAR_ERROR_MEMORY;
    int count = network->operation_count;
    for (int s = 0; s < count; s++) SPAR_TRY(add_passes(network, &network->operations[s], SPAR_PASS_FORWARD));
    for (int s = count - 1; s >= 0; s--) {
        SPAR_TRY(add_passes(network, &network->operations[s], SPAR_PASS_WEIGHTS));
        SPAR_TRY(add_passes(network, &network->operations[s], SPAR_PASS_DATA));
    }
    return SPAR_OK;
}

typedef struct chain {
    spar_network *network;
    spar_work *works;
    int count;
    int64_t batch, share; // samples
    bool by_chunk;        // where a pass sums
    spar_leaves chunks;
} chain;

static double clock_of(const spar_network *network) {
    return network->profiled ? spar_seconds() : 0;
}

static void run_share(const chain *c, const spar_share *share, int thread) {
    for (int w = 0; w < c->count; w++) {
        spar_work *work = &c->works[w];
        if (!work->active) continue;
        double start = clock_of(c->network);
        work->pass.samples(work->operation, &work->run, share);
        if (thread == 0) work->operation->seconds[work->kind] += clock_of(c->network) - start;
    }
}

static void run_samples(const chain *c, spar_share share, int64_t end, int thread) {
    share.opens = true;
    for (; share.first < end; share.first = share.last) {
        share.last = end - share.first < c->share ? end : share.first + c->share;
        share.closes = share.last == end;
        run_share(c, &share, thread);
        share.opens = false;
    }
}

// An index is a chunk, or a sample.
static void run_part(void *context, int64_t first, int64_t last, int thread) {
    const chain *c = context;
    const spar_run *run = &c->network->run;
    spar_share share = {.first = first, .scratch = run->scratch + thread * run->scratch_floats};
    if (!c->by_chunk) {
        run_samples(c, share, last, thread);
        return;
    }
    for (share.chunk = c->chunks.first + first; share.chunk < c->chunks.first + last; share.chunk++) {
        spar_leaves samples = spar_samples_of_leaf(run, 0, share.chunk);
        share.first = samples.first;
        run_samples(c, share, samples.last, thread);
    }
}

static void run_parallel(chain *c) {
    const spar_run *run = &c->network->run;
    int64_t floats = 0; // of a sample
    int active = 0;
    for (int w = 0; w < c->count; w++) {
        const spar_work *work = &c->works[w];
        if (!work->active) continue;
        active++;
        floats += spar_sample_floats(work->operation->output);
        if (work->pass.writes & SPAR_SUMS) c->by_chunk = true;
    }
    c->share = active == 1 ? c->batch : SHARE_FLOATS / floats;
    if (c->share < 1) c->share = 1;
    int64_t threads = floats * c->batch / SPAR_BLOCK_FLOATS;
    if (threads > run->threads) threads = run->threads;
    c->chunks = spar_leaves_of(&run->part, 0, run->part.rank);
    spar_parallel((int)threads, c->by_chunk ? c->chunks.last - c->chunks.first : c->batch, run_part, c);
}

static bool ends_later(const spar_work *work) {
    return work->pool != NULL && work->kind == SPAR_PASS_WEIGHTS && work->pass.sums != NULL;
}

static void run_parts(const chain *c, bool begin) {
    for (int w = 0; w < c->count; w++) {
        spar_work *work = &c->works[w];
        void (*part)(spar_operation *, const spar_run *) = begin ? work->pass.begin : work->pass.end;
        if (!work->active || part == NULL || (!begin && ends_later(work))) continue;
        double start = clock_of(c->network);
        part(work->operation, &work->run);
        work->operation->seconds[work->kind] += clock_of(c->network) - start;
    }
}

// Those of gradients are not needed before the backward pass ends, and go their way until then.
static void combine_sums(const chain *c) {
    spar_ranks *ranks = c->network->ranks;
    for (int w = 0; w < c->count; w++) {
        spar_work *work = &c->works[w];
        if (!work->active || work->pass.sums == NULL) continue;
        double start = clock_of(c->network);
        spar_sums list[SPAR_MOST_SUMS];
        int count = work->pass.sums(work->operation, &work->run, list);
        for (int i = 0; i < count; i++) {
            (list[i].of_rank ? spar_combine_of_rank : spar_combine_own)(&work->run, &list[i]);
            if (ranks == NULL || list[i].of_rank) continue;
            spar_pool_add(work->kind == SPAR_PASS_WEIGHTS ? work->pool : &ranks->now, &work->run, &list[i]);
        }
        work->operation->seconds[work->kind] += clock_of(c->network) - start;
    }
    if (ranks == NULL) return;
    if (c->works->pool != NULL && c->works->pool->count > 0) {
        spar_begin_pool(ranks, c->works->pool);
        for (spar_pool *before = ranks->later; before + 1 < c->works->pool; before++) spar_join_pool(ranks, before);
    }
    if (ranks->now.count == 0) return;
    spar_begin_pool(ranks, &ranks->now);
    spar_end_pool(ranks, &ranks->now);
}

static bool runs(const spar_work *work, const spar_run *run) {
    const spar_operation *operation = work->operation;
    if (work->pass.runs != NULL && !work->pass.runs(operation, run)) return false;
    if (work->kind == SPAR_PASS_FORWARD) return true;
    if (work->kind == SPAR_PASS_WEIGHTS) return operation->learns;
    return operation->reached && spar_writes_of(work) != 0;
}

static void run_chain(spar_network *network, spar_work *works, int count) {
    chain c = {.network = network, .works = works, .count = count, .batch = network->run.batch};
    bool by_samples = false;
    for (int w = 0; w < count; w++) {
        works[w].active = runs(&works[w], &network->run);
        if (!works[w].active) continue;
        works[w].run = network->run;
        works[w].run.workspace += works[w].workspace_offset;
        by_samples = works[w].pass.samples != NULL;
    }
    if (works->slice != NULL && works->active) {
        spar_begin_slice(c.network, works->slice);
        return;
    }
    run_parts(&c, true);
    if (by_samples) run_parallel(&c);
    combine_sums(&c);
    run_parts(&c, false);
    if (network->profiled) spar_profile_chain(network, works, count);
}

static void finish_gradients(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    spar_finish_slices(network);
    for (int p = 0; p < ranks->later_count; p++) spar_join_pool(ranks, &ranks->later[p]);
    for (spar_pool *pool = ranks->later; pool < ranks->later + ranks->later_count; pool++) {
        if (pool->count == 0) continue;
        spar_end_pool(ranks, pool);
        for (spar_work *work = pool->works; work < pool->works + pool->work_count; work++) {
            if (work->active && ends_later(work)) work->pass.end(work->operation, &work->run);
        }
    }
    if (network->run.backward_flags & SPAR_BACKWARD_WEIGHTS) spar_join_own_gradients(network);
}

void spar_run_passes(spar_network *network, bool backward) {
    for (int w = 0, end; w < network->work_count; w = end) {
        spar_work *works = &network->works[w];
        end = w + 1;
        while (end < network->work_count && network->works[end].chain == works->chain) end++;
        if (spar_is_backward(works) != backward) continue;
        run_chain(network, works, end - w);
        if (network->ranks != NULL) spar_let_exchanges_go_on(network->ranks);
    }
    if (network->ranks != NULL && backward) finish_gradients(network);
}
