// Runs passes over the batch. A pass that works on samples by itself is one of a chain: a thread takes a few samples
// through all passes of the chain while they are in its cache, and all threads meet only at the chain's ends.
#include "graph/chain.h"

#include "ops/sweep.h"
#include "runtime/parallel.h"

// Floats that the passes of a chain read and write of the samples of a share.
enum { SHARE_FLOATS = 96 * 1024 };

void spar_find_chains(spar_network *network) {
    int chain = 0;
    for (int s = 0; s < network->operation_count; s++) {
        spar_operation *operation = &network->operations[s];
        bool chains = operation->layer->chains != NULL && operation->layer->chains(operation);
        if (!chains || spar_normalizes_batch(operation)) chain++;
        operation->chain = chains ? chain : -1;
    }
}

typedef struct chain {
    spar_network *network;
    int64_t batch, chunks; // chunks: 0 where no pass sums
    int64_t share;         // samples
} chain;

static double clock_of(const spar_network *network) {
    return network->profiled ? spar_seconds() : 0;
}

static void run_share(const chain *c, const spar_share *share, int thread) {
    for (int w = 0; w < c->network->work_count; w++) {
        spar_work *work = &c->network->works[w];
        double start = clock_of(c->network);
        work->pass.samples(work->operation, &work->run, share);
        if (thread == 0) work->operation->seconds[work->kind] += clock_of(c->network) - start;
    }
}

static void run_samples(const chain *c, spar_share share, int64_t end, int thread) {
    share.opens = true;
    for (; share.first < end; share.first = share.last) {
        share.last = end - share.first < c->share ? end : share.first + c->share;
        run_share(c, &share, thread);
        share.opens = false;
    }
}

// An index is a chunk, or a sample.
static void run_part(void *context, int64_t first, int64_t last, int thread) {
    const chain *c = context;
    const spar_run *run = &c->network->run;
    spar_share share = {.first = first, .scratch = run->scratch + thread * run->scratch_floats};
    if (c->chunks == 0) {
        run_samples(c, share, last, thread);
        return;
    }
    for (share.chunk = first; share.chunk < last; share.chunk++) {
        share.first = spar_chunk_start(c->batch, share.chunk);
        run_samples(c, share, spar_chunk_start(c->batch, share.chunk + 1), thread);
    }
}

static void run_parallel(spar_network *network) {
    int64_t floats = 0; // of a sample
    chain c = {.network = network, .batch = network->run.batch};
    for (int w = 0; w < network->work_count; w++) {
        const spar_work *work = &network->works[w];
        floats += spar_sample_floats(work->operation->output);
        if (work->pass.sums) c.chunks = spar_chunk_count(c.batch);
    }
    c.share = network->work_count == 1 ? c.batch : SHARE_FLOATS / floats;
    if (c.share < 1) c.share = 1;
    int64_t threads = floats * c.batch / SPAR_BLOCK_FLOATS;
    if (threads > network->run.threads) threads = network->run.threads;
    spar_parallel((int)threads, c.chunks > 0 ? c.chunks : c.batch, run_part, &c);
}

static void run_parts(spar_network *network, bool begin) {
    for (int w = 0; w < network->work_count; w++) {
        spar_work *work = &network->works[w];
        void (*part)(spar_operation *, const spar_run *) = begin ? work->pass.begin : work->pass.end;
        double start = clock_of(network);
        if (part != NULL) part(work->operation, &work->run);
        work->operation->seconds[work->kind] += clock_of(network) - start;
    }
}

void spar_run_passes(spar_network *network) {
    if (network->work_count == 0) return;
    run_parts(network, true);
    if (network->works[0].pass.samples != NULL) run_parallel(network);
    run_parts(network, false);
    network->work_count = 0;
}

static bool may_chain(const spar_work *last, const spar_work *work) {
    if (last->pass.samples == NULL || work->pass.samples == NULL || last->pass.closes) return false;
    return last->operation == work->operation || (last->chain >= 0 && last->chain == work->chain);
}

static int chain_of(const spar_network *network, const spar_operation *operation, const spar_pass *pass) {
    if (!pass->earlier) return operation->chain;
    return operation == network->operations ? -1 : operation[-1].chain;
}

void spar_add_passes(spar_network *network, spar_operation *operation, spar_pass_kind kind) {
    spar_pass passes[SPAR_MOST_PASSES];
    int count = operation->layer->passes(operation, &network->run, kind, passes);
    for (int p = 0; p < count; p++) {
        spar_work work = {operation, passes[p], network->run, kind, chain_of(network, operation, &passes[p])};
        work.run.workspace += operation->workspace_offset;
        int last = network->work_count - 1;
        if (last >= 0 && !may_chain(&network->works[last], &work)) spar_run_passes(network);
        network->works[network->work_count++] = work;
    }
}
