// What operations do to a batch: passes, which are cut into shares of samples.
//
// An operation lists every pass that some step runs, in the order of a step, and what each reads and writes. The plan
// is derived from these lists: which passes are chained (graph/chain.h), how long values, gradients and parts of the
// workspace are alive and which take the place of others (graph/memory_plan.c). So whoever moves work between passes
// changes what they declare, and nothing else:
//
// - Two passes become one when an operation lists one that declares what both did, and the other operation none.
//   What it reads and writes of its neighbour takes a bit more in spar_use (a convolution that sums its output's
//   moments writes its reader's sums; one that normalizes while it transforms reads its writer's input and sums), and
//   a buffer that nobody declares any more has no place in the arena.
// - What a later pass is to find again (transformed inputs, for the gradient of weights) is a buffer of the operation's
//   own, written by one pass and read by the other: a bit more, and a room with that lifetime.
// - Sums over the batch, which a pass keeps by chunk and lists (`sums`), are combined after the last sample and before
//   `end`, in spar_run_passes, over all ranks of a group. Of passes that make gradients of weights `end` may come
//   later, at the end of the backward pass, while their sums are on their way.
#ifndef SPAR_OPS_PASS_H
#define SPAR_OPS_PASS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct spar_operation spar_operation;
typedef struct spar_run spar_run;
typedef struct spar_sums spar_sums; // sums.h

enum { SPAR_MAX_CHUNKS = 64 };

// Consecutive samples that one thread works on. A batch is cut by its size alone into at most SPAR_MAX_CHUNKS chunks,
// for which sums are kept, so that nothing depends on the number of threads.
typedef struct spar_share {
    int64_t first, last; // samples first ≤ n < last
    int64_t chunk;
    bool opens, closes; // they are the first, and the last, of their chunk
    float *scratch;
} spar_share;

// Samples of a chunk but the last: a power of two, so that every chunk of a large batch is some of a smaller one's.
static inline int64_t spar_chunk_samples(int64_t batch) {
    int64_t samples = 1;
    while (samples * SPAR_MAX_CHUNKS < batch) samples *= 2;
    return samples;
}

static inline int64_t spar_chunk_count(int64_t batch) {
    int64_t samples = spar_chunk_samples(batch);
    return (batch + samples - 1) / samples;
}

// Of any batch up to a size: a smaller one may have more.
static inline int64_t spar_most_chunks(int64_t batch_size) {
    return batch_size < SPAR_MAX_CHUNKS ? batch_size : SPAR_MAX_CHUNKS;
}

// The first sample of a chunk, and of those behind the last the batch's end.
static inline int64_t spar_chunk_start(int64_t batch, int64_t chunk) {
    int64_t start = chunk * spar_chunk_samples(batch);
    return start < batch ? start : batch;
}

// The samples of one process among those of a group. Ranks share out the chunks of the largest batch, and smaller
// batches keep these places: what is remembered of samples never moves, and a rank may have none of a small batch.
typedef struct spar_part {
    int64_t batch, batch_size; // samples of all ranks, in the pass under way and at most
    int rank, ranks;
    bool own_statistics; // batch norm's are of a rank's samples
} spar_part;

// Where a rank's samples begin, whether the batch has any there or not.
static inline int64_t spar_part_start(const spar_part *part, int rank) {
    return spar_chunk_start(part->batch_size, spar_chunk_count(part->batch_size) * rank / part->ranks);
}

// How many samples of a batch a rank has.
static inline int64_t spar_part_samples(const spar_part *part, int rank, int64_t batch) {
    int64_t start = spar_part_start(part, rank), end = spar_part_start(part, rank + 1);
    if (end > batch) end = batch;
    return start < end ? end - start : 0;
}

// What a pass reads and writes of its operation.
typedef enum spar_use {
    SPAR_INPUT_VALUE = 1,
    SPAR_SECOND_VALUE = 2, // of the second input
    SPAR_OUTPUT_VALUE = 4,
    SPAR_INPUT_GRADIENT = 8,
    SPAR_SECOND_GRADIENT = 16,
    SPAR_OUTPUT_GRADIENT = 32,
    SPAR_SUMS = 64, // over the batch: written by chunk, to be read when all samples are through and they are combined
} spar_use;

typedef void (*spar_samples)(spar_operation *operation, const spar_run *run, const spar_share *share);

// A pass of an operation over the batch. What it does to every sample by itself is done in shares, so that consecutive
// passes can be chained: a few samples go through all of them while they are in cache.
typedef struct spar_pass {
    bool (*runs)(const spar_operation *operation, const spar_run *run); // does this step run it? NULL: it does
    void (*begin)(spar_operation *operation, const spar_run *run);      // before the first sample; may use all threads
    spar_samples samples;                                               // NULL: `begin` does everything
    // Lists what was kept by chunk, at most SPAR_MOST_SUMS; returns how many. NULL: nothing.
    int (*sums)(const spar_operation *operation, const spar_run *run, spar_sums *list);
    void (*end)(spar_operation *operation, const spar_run *run); // after the last sample
    unsigned reads, writes;                                      // of spar_use; what is added to is written
    bool in_place;     // what it writes first may lie where it reads: output on input, input's gradient on output's
    int64_t workspace; // floats that are its own from `begin` to `end`
} spar_pass;

typedef enum spar_pass_kind {
    SPAR_PASS_FORWARD,
    SPAR_PASS_WEIGHTS, // gradients of the parameters, from the output's
    SPAR_PASS_DATA,    // gradients of the wanted inputs, written or added (accumulates)
    SPAR_PASS_KINDS,
} spar_pass_kind;

enum { SPAR_MOST_PASSES = 3, SPAR_MOST_SUMS = 8 }; // of an operation and kind; of a pass

#endif
