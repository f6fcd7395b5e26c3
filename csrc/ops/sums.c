#include "ops/sums.h"

#include "runtime/parallel.h"

#include <string.h>

// Bytes of a row that go through the tree at once, so that those of a path through it stay in the first-level cache.
enum { BLOCK_BYTES = 4096 };

void spar_add_floats(const spar_run *run, const spar_sums *sums, const spar_halves *halves) {
    (void)sums;
    run->kernels->add((const float *)halves->right + halves->first, (float *)halves->left + halves->first,
                      halves->last - halves->first);
}

void spar_add_doubles(const spar_run *run, const spar_sums *sums, const spar_halves *halves) {
    (void)run, (void)sums;
    double *left = halves->left;
    const double *right = halves->right;
    for (int64_t c = halves->first; c < halves->last; c++) left[c] += right[c];
}

void spar_join_all_moments(const spar_run *run, const spar_sums *sums, const spar_halves *halves) {
    (void)run, (void)sums;
    spar_moments *left = halves->left;
    const spar_moments *right = halves->right;
    for (int64_t c = halves->first; c < halves->last; c++) spar_join_moments(&left[c], right[c]);
}

bool spar_leaves_are_whole(const spar_part *part, int height) {
    int64_t leaf = spar_chunk_samples(part->batch_size) << height;
    for (int rank = 1; rank < part->ranks; rank++) {
        if (spar_part_start(part, rank) % leaf != 0) return false;
    }
    return true;
}

// Where a rank's leaves end: who has the last leaf has every node from its own leaves on.
static int64_t end_of(const spar_part *part, int height, spar_leaves leaves) {
    return leaves.last == spar_leaf_count(spar_chunk_count(part->batch), height) ? INT64_MAX : leaves.last;
}

int spar_list_nodes(const spar_part *part, int height, int rank, int64_t nodes[SPAR_MAX_CHUNKS]) {
    spar_leaves leaves = spar_leaves_of(part, height, rank);
    int64_t end = end_of(part, height, leaves), size;
    int count = 0;
    for (int64_t leaf = leaves.first; leaf < leaves.last; leaf += size) {
        for (size = 1; leaf % (2 * size) == 0 && leaf + 2 * size <= end && size < SPAR_MAX_CHUNKS;) size *= 2;
        nodes[count++] = leaf;
    }
    return count;
}

typedef struct tree {
    const spar_run *run;
    const spar_sums *sums;
    int64_t leaves, block; // columns
    bool rest;             // of what no rank has alone
    int owner[SPAR_MAX_CHUNKS];
    int64_t end[SPAR_MAX_CHUNKS]; // of the leaves of their owner
} tree;

static void combine_pair(const tree *t, int64_t left, int64_t half, int64_t first, int64_t last) {
    const spar_sums *sums = t->sums;
    bool inside = left + 2 * half <= t->end[left];
    if (t->rest ? inside : !inside || t->owner[left] != t->run->part.rank) return;
    int64_t batch = t->run->part.batch, row = left * sums->row_bytes;
    int64_t middle = spar_leaf_start(batch, sums->height, left + half);
    spar_halves halves = {.left = (char *)sums->rows + row,
                          .right = (char *)sums->rows + row + half * sums->row_bytes,
                          .left_samples = middle - spar_leaf_start(batch, sums->height, left),
                          .right_samples = spar_leaf_start(batch, sums->height, left + 2 * half) - middle,
                          .first = first,
                          .last = last};
    sums->combine(t->run, sums, &halves);
}

// Nodes are combined as soon as both are there, while they are in the first-level cache; last those that the batch's
// end cuts.
static void combine_columns(const tree *t, int64_t first, int64_t last) {
    for (int64_t there = 2; there <= t->leaves; there++) {
        for (int64_t half = 1; there % (2 * half) == 0; half *= 2) {
            combine_pair(t, there - 2 * half, half, first, last);
        }
    }
    for (int64_t half = 1; half < t->leaves; half *= 2) {
        int64_t left = t->leaves / (2 * half) * (2 * half);
        if (left + half < t->leaves) combine_pair(t, left, half, first, last);
    }
}

static void combine_blocks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const tree *t = context;
    for (int64_t b = first; b < last; b++) {
        int64_t end = (b + 1) * t->block;
        combine_columns(t, b * t->block, end < t->sums->columns ? end : t->sums->columns);
    }
}

static void combine(const spar_run *run, const spar_sums *sums, bool rest) {
    const spar_part *part = &run->part;
    tree t = {.run = run,
              .sums = sums,
              .leaves = spar_leaf_count(spar_chunk_count(part->batch), sums->height),
              .block = sums->columns * BLOCK_BYTES / sums->row_bytes,
              .rest = rest};
    if (t.block < 1) t.block = 1;
    for (int rank = 0; rank < part->ranks; rank++) {
        spar_leaves own = spar_leaves_of(part, sums->height, rank);
        for (int64_t leaf = own.first; leaf < own.last; leaf++) {
            t.owner[leaf] = rank;
            t.end[leaf] = end_of(part, sums->height, own);
        }
    }
    int threads = t.leaves * sums->row_bytes < SPAR_BLOCK_FLOATS * (int64_t)sizeof(float) ? 1 : run->threads;
    spar_parallel(threads, (sums->columns + t.block - 1) / t.block, combine_blocks, &t);
}

void spar_combine_own(const spar_run *run, const spar_sums *sums) {
    combine(run, sums, false);
}

void spar_combine_rest(const spar_run *run, const spar_sums *sums) {
    if (run->part.ranks > 1) combine(run, sums, true);
}

void spar_combine_of_rank(const spar_run *run, const spar_sums *sums) {
    int64_t nodes[SPAR_MAX_CHUNKS], batch = run->part.batch;
    int count = spar_list_nodes(&run->part, sums->height, run->part.rank, nodes);
    char *rows = sums->rows;
    if (count == 0) {
        memset(rows, 0, (size_t)sums->row_bytes);
        return;
    }
    spar_combine_own(run, sums);
    if (nodes[0] > 0) memcpy(rows, rows + nodes[0] * sums->row_bytes, (size_t)sums->row_bytes);
    int64_t first = spar_leaf_start(batch, sums->height, nodes[0]);
    int64_t end = spar_leaf_start(batch, sums->height, spar_leaves_of(&run->part, sums->height, run->part.rank).last);
    for (int n = 1; n < count; n++) {
        int64_t start = spar_leaf_start(batch, sums->height, nodes[n]);
        int64_t next = n + 1 < count ? spar_leaf_start(batch, sums->height, nodes[n + 1]) : end;
        spar_halves halves = {.left = rows,
                              .right = rows + nodes[n] * sums->row_bytes,
                              .left_samples = start - first,
                              .right_samples = next - start,
                              .last = sums->columns};
        sums->combine(run, sums, &halves);
    }
}
