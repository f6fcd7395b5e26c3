// What operations do to a batch: passes, which are cut into shares of samples.
#ifndef SPAR_OPS_PASS_H
#define SPAR_OPS_PASS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct spar_operation spar_operation;
typedef struct spar_run spar_run;

enum { SPAR_MAX_CHUNKS = 64 };

// Consecutive samples that one thread works on. A batch is cut into at most SPAR_MAX_CHUNKS chunks, by its size alone:
// sums are kept by chunk and added in chunk order, so nothing depends on the number of threads.
typedef struct spar_share {
    int64_t first, last; // samples first ≤ n < last
    int64_t chunk;
    bool opens; // they are the first of their chunk
    float *scratch;
} spar_share;

static inline int64_t spar_chunk_count(int64_t batch) {
    return batch < SPAR_MAX_CHUNKS ? batch : SPAR_MAX_CHUNKS;
}

// The first sample of a chunk.
static inline int64_t spar_chunk_start(int64_t batch, int64_t chunk) {
    return batch * chunk / spar_chunk_count(batch);
}

typedef void (*spar_samples)(spar_operation *operation, const spar_run *run, const spar_share *share);

// A pass of an operation over the batch. What it does to every sample by itself is done in shares, so that consecutive
// passes can be chained: a few samples go through all of them while they are in cache.
typedef struct spar_pass {
    void (*begin)(spar_operation *operation, const spar_run *run); // before the first sample; may use all threads
    spar_samples samples;                                          // NULL: `begin` does everything
    void (*end)(spar_operation *operation, const spar_run *run);   // after the last sample
    bool sums;                                                     // its shares are parts of chunks
    bool earlier; // it may be one of the chain before the operation's own, not of that
    bool closes;  // nothing that follows may be chained to it
} spar_pass;

typedef enum spar_pass_kind {
    SPAR_PASS_FORWARD,
    SPAR_PASS_WEIGHTS, // gradients of the parameters, from the output's
    SPAR_PASS_DATA,    // gradients of the wanted inputs, written or added (accumulates)
    SPAR_PASS_KINDS,
} spar_pass_kind;

enum { SPAR_MOST_PASSES = 2 }; // of an operation and kind

#endif
