#include "ops/sums.h"

#include "runtime/parallel.h"

// Bytes of a row that go through the tree at once, so that those of all chunks stay in the second-level cache.
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

typedef struct tree {
    const spar_run *run;
    const spar_sums *sums;
    int64_t block; // columns
} tree;

static void combine_columns(const tree *t, int64_t first, int64_t last) {
    const spar_sums *sums = t->sums;
    int64_t batch = t->run->batch, leaves = spar_leaf_count(spar_chunk_count(batch), sums->height);
    for (int64_t half = 1; half < leaves; half *= 2) {
        for (int64_t left = 0; left + half < leaves; left += 2 * half) {
            int64_t middle = spar_leaf_start(batch, sums->height, left + half), row = left * sums->row_bytes;
            spar_halves halves = {.left = (char *)sums->rows + row,
                                  .right = (char *)sums->rows + row + half * sums->row_bytes,
                                  .left_samples = middle - spar_leaf_start(batch, sums->height, left),
                                  .right_samples = spar_leaf_start(batch, sums->height, left + 2 * half) - middle,
                                  .first = first,
                                  .last = last};
            sums->combine(t->run, sums, &halves);
        }
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

void spar_combine_sums(const spar_run *run, const spar_sums *sums) {
    int64_t bytes = spar_leaf_count(spar_chunk_count(run->batch), sums->height) * sums->row_bytes;
    tree t = {run, sums, sums->columns * BLOCK_BYTES / sums->row_bytes};
    if (t.block < 1) t.block = 1;
    int threads = bytes < SPAR_BLOCK_FLOATS * (int64_t)sizeof(float) ? 1 : run->threads;
    spar_parallel(threads, (sums->columns + t.block - 1) / t.block, combine_blocks, &t);
}
