// What is kept by chunk of a batch, or by a few chunks, and combined in one binary tree over its chunks: leaves are the
// chunks by their number, the node at height k and place a covers the chunks from a·2ᵏ to (a + 1)·2ᵏ, and is its left
// half combined with its right one, or the left one alone where the batch ends before the right. So nothing depends on
// how chunks are shared out.
#ifndef SPAR_OPS_SUMS_H
#define SPAR_OPS_SUMS_H

#include "ops/layer.h"

// Two nodes of a tree that lie side by side, and the columns to combine.
typedef struct spar_halves {
    void *left;
    const void *right;
    int64_t left_samples, right_samples;
    int64_t first, last; // columns first ≤ c < last
} spar_halves;

struct spar_sums {
    void *rows; // [leaves][row_bytes]; combined, the first is that of the whole batch
    int height; // of the leaves: where rows are of more than a chunk each
    int64_t row_bytes;
    int64_t columns; // of a row, which are combined each by itself
    // Combines the right half into the left one.
    void (*combine)(const spar_run *run, const spar_sums *sums, const spar_halves *halves);
    int64_t pixels; // of a sample, where `combine` asks for it
    bool of_rank;   // over this rank's samples alone
};

// Rows of floats, of doubles and of spar_moments.
void spar_add_floats(const spar_run *run, const spar_sums *sums, const spar_halves *halves);
void spar_add_doubles(const spar_run *run, const spar_sums *sums, const spar_halves *halves);
void spar_join_all_moments(const spar_run *run, const spar_sums *sums, const spar_halves *halves);

// Rows of `count` floats without a gap.
static inline spar_sums spar_sums_of_floats(float *rows, int64_t count) {
    return (spar_sums){
        .rows = rows, .row_bytes = count * (int64_t)sizeof *rows, .columns = count, .combine = spar_add_floats};
}

// A tree whose leaves are higher has fewer of them, of the chunks that they cover together.
enum { SPAR_TREE_HEIGHT = 6 }; // of the root of SPAR_MAX_CHUNKS chunks

static inline int64_t spar_leaf_count(int64_t chunks, int height) {
    return (chunks + (INT64_C(1) << height) - 1) >> height;
}

// The first sample of a leaf, or the batch's end.
static inline int64_t spar_leaf_start(int64_t batch, int height, int64_t leaf) {
    return spar_chunk_start(batch, leaf << height);
}

// The leaves of a rank, first ≤ leaf < last. Heights whose leaves no rank shares with another have them.
typedef struct spar_leaves {
    int64_t first, last;
} spar_leaves;

static inline spar_leaves spar_leaves_of(const spar_part *part, int height, int rank) {
    int64_t samples = spar_part_samples(part, rank, part->batch), start = spar_part_start(part, rank);
    int64_t leaf = spar_chunk_samples(part->batch) << height;
    if (samples == 0) return (spar_leaves){0, 0};
    return (spar_leaves){start / leaf, (start + samples + leaf - 1) / leaf};
}

// Does no rank share a leaf with another?
bool spar_leaves_are_whole(const spar_part *part, int height);

// Own samples first ≤ n < last of a leaf.
static inline spar_leaves spar_samples_of_leaf(const spar_run *run, int height, int64_t leaf) {
    return (spar_leaves){spar_leaf_start(run->part.batch, height, leaf) - run->first,
                         spar_leaf_start(run->part.batch, height, leaf + 1) - run->first};
}

// The nodes of a tree that lie whole in a rank's leaves, the largest ones: each by its first leaf, whose row has it.
// Returns how many.
int spar_list_nodes(const spar_part *part, int height, int rank, int64_t nodes[SPAR_MAX_CHUNKS]);

// Combines what lies in this rank's leaves, and, of nodes that are there of all ranks, the rest. Alone, the first is
// all.
void spar_combine_own(const spar_run *run, const spar_sums *sums);
void spar_combine_rest(const spar_run *run, const spar_sums *sums);
// All of this rank's samples, in the first row: zeros without any.
void spar_combine_of_rank(const spar_run *run, const spar_sums *sums);

#endif
