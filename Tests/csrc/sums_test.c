// Sums over a batch: one binary tree over its chunks, whoever combines which of its nodes, and so the same gradients on
// every number of threads.
#include "ops/sums.h"
#include "support/check.h"
#include "support/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 5, MOST = 300, COLUMNS = 37 };

static void chunks_are_aligned_powers_of_two(void) {
    for (int64_t batch = 1; batch <= MOST; batch++) {
        int64_t samples = spar_chunk_samples(batch), count = spar_chunk_count(batch);
        CHECK((samples & (samples - 1)) == 0);
        CHECK(count >= 1 && count <= SPAR_MAX_CHUNKS);
        CHECK(count > SPAR_MAX_CHUNKS / 2 || samples == 1);
        CHECK(spar_chunk_start(batch, 0) == 0 && spar_chunk_start(batch, count) == batch);
        CHECK(spar_chunk_start(batch, count - 1) < batch);
    }
}

// A rank or thread that has whole chunks of a full batch has whole chunks of the epoch's last one.
static void chunks_of_a_smaller_batch_end_where_those_of_a_larger_one_do(void) {
    for (int64_t batch = 1; batch <= MOST; batch++) {
        for (int64_t smaller = 1; smaller < batch; smaller++) {
            int64_t samples = spar_chunk_samples(smaller), between = 0;
            for (int64_t chunk = 1; chunk < spar_chunk_count(batch); chunk++) {
                int64_t start = spar_chunk_start(batch, chunk);
                between += start < smaller && start % samples != 0;
            }
            CHECK_EQUAL(between, 0);
        }
    }
}

// The node at this height and place of a tree over `count` leaves.
static float node_of(const float *leaves, int64_t count, int64_t column, int height, int64_t place) {
    if (height == 0) return leaves[place * COLUMNS + column];
    float left = node_of(leaves, count, column, height - 1, 2 * place);
    if ((2 * place + 1) << (height - 1) >= count) return left;
    return left + node_of(leaves, count, column, height - 1, 2 * place + 1);
}

static void draw(float *leaves, uint64_t seed) {
    for (int i = 0; i < SPAR_MAX_CHUNKS * COLUMNS; i++) leaves[i] = (float)example_uniform(&seed) - 0.5f;
}

static void sums_are_those_of_the_tree(void) {
    float leaves[SPAR_MAX_CHUNKS * COLUMNS], rows[SPAR_MAX_CHUNKS * COLUMNS];
    int64_t others = 0;
    for (int batch = 1; batch <= MOST; batch++) {
        int64_t count = spar_chunk_count(batch);
        spar_run run = {
            .kernels = spar_kernels_for_cpu(), .threads = 1 + batch % 3, .part = {batch, batch, 0, 1, false}};
        draw(leaves, (uint64_t)batch);
        memcpy(rows, leaves, sizeof rows);
        spar_sums sums = spar_sums_of_floats(rows, COLUMNS);
        spar_combine_own(&run, &sums);
        for (int64_t c = 0; c < COLUMNS; c++) {
            float in_order = 0;
            for (int64_t chunk = 0; chunk < count; chunk++) in_order += leaves[chunk * COLUMNS + c];
            CHECK(rows[c] == node_of(leaves, count, c, 6, 0));
            others += rows[c] != in_order;
        }
    }
    CHECK(others > MOST); // the order shows
}

// Rows of the ranks' nodes, each combined by its rank alone, and then the rest: of every batch up to the largest, and
// of leaves of several chunks where no rank shares one.
static void sums_do_not_depend_on_how_ranks_share_the_batch(void) {
    float leaves[SPAR_MAX_CHUNKS * COLUMNS], rows[SPAR_MAX_CHUNKS * COLUMNS], all[SPAR_MAX_CHUNKS * COLUMNS];
    draw(leaves, 1);
    int shared = 0;
    for (int size = 1; size <= MOST; size += 13) {
        for (int ranks = 1; ranks <= 7; ranks++) {
            for (int batch = 1; batch <= size; batch += 1 + batch / 7) {
                spar_part part = {batch, size, 0, ranks, false};
                int height = batch % 3;
                if (!spar_leaves_are_whole(&part, height)) continue;
                int64_t count = spar_leaf_count(spar_chunk_count(batch), height), nodes[SPAR_MAX_CHUNKS], found = 0;
                spar_run run = {.kernels = spar_kernels_for_cpu(), .threads = 1, .part = part};
                for (int i = 0; i < SPAR_MAX_CHUNKS * COLUMNS; i++) all[i] = NAN;
                for (run.part.rank = 0; run.part.rank < ranks; run.part.rank++) {
                    memcpy(rows, leaves, sizeof rows);
                    spar_sums sums = spar_sums_of_floats(rows, COLUMNS);
                    sums.height = height;
                    spar_combine_own(&run, &sums);
                    int own = spar_list_nodes(&part, height, run.part.rank, nodes);
                    for (int n = 0; n < own; n++) {
                        memcpy(&all[nodes[n] * COLUMNS], &rows[nodes[n] * COLUMNS], COLUMNS * sizeof *all);
                    }
                    found += own;
                }
                spar_sums sums = spar_sums_of_floats(all, COLUMNS);
                sums.height = height;
                spar_combine_rest(&run, &sums);
                CHECK(found >= 1 && found <= count);
                for (int64_t c = 0; c < COLUMNS; c++) CHECK(all[c] == node_of(leaves, count, c, 6, 0));
                shared += found > 1;
            }
        }
    }
    CHECK(shared > 100);
}

static float *gradients_of(const oracle *o, int threads, int batch_size, size_t *count) {
    spar_network *network = oracle_engine(o, threads, SEED);
    example_batch batch = example_batch_create(o, batch_size, SEED);
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_UPDATE_STATISTICS));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_DATA | SPAR_BACKWARD_WEIGHTS, NULL));
    float *all = NULL;
    *count = 0;
    for (int i = 0; i < spar_network_parameter_count(network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, i, &info));
        spar_parameter_part part = info.trainable ? SPAR_PART_GRADIENT : SPAR_PART_VALUE;
        all = realloc(all, (*count + (size_t)info.count) * sizeof *all);
        CHECK_OK(spar_network_read_parameter(network, i, part, all + *count, info.count));
        *count += (size_t)info.count;
    }
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    return all;
}

static void check_threads(const char *name, example_network describe, int batch_size) {
    oracle *o = describe(batch_size);
    size_t count, own_count;
    float *gradients = gradients_of(o, 1, batch_size, &count);
    for (int threads = 2; threads <= 5; threads++) {
        float *own = gradients_of(o, threads, batch_size, &own_count);
        bool same = own_count == count && memcmp(own, gradients, count * sizeof *own) == 0;
        check_that(same, __FILE__, __LINE__, "%s: %d images on %d threads have other gradients", name, batch_size,
                   threads);
        free(own);
    }
    free(gradients);
    oracle_destroy(o);
}

static void gradients_of_odd_batches_do_not_depend_on_threads(void) {
    static const int batches[] = {3, 65, 100, 131};
    for (int b = 0; b < 4; b++) {
        check_threads("convolutional", example_convolutional, batches[b]);
        check_threads("residual", example_residual, batches[b]);
        check_threads("depthwise", example_depthwise, batches[b]);
        check_threads("plain", example_plain, batches[b]);
    }
}

TEST_MAIN(TEST(chunks_are_aligned_powers_of_two), TEST(chunks_of_a_smaller_batch_end_where_those_of_a_larger_one_do),
          TEST(sums_are_those_of_the_tree), TEST(sums_do_not_depend_on_how_ranks_share_the_batch),
          TEST(gradients_of_odd_batches_do_not_depend_on_threads))
