// A network that ranks train together has the bits of one that a process trains alone. Every rank runs all of it, and
// trains the network alone, too, to compare.
#include "sparring_mpi.h"
#include "support/check.h"
#include "support/examples.h"
#include "support/temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 70, STEPS = 4, SEED = 41, THREADS = 2 };

static spar_mpi *mpi;

// 35 chunks, which 2, 3 and 4 ranks do not divide; of smaller batches the last ranks have few images or none.
static const int COUNTS[STEPS] = {BATCH, 37, 3, BATCH};

static oracle *lenet(int batch_size) {
    oracle *o = oracle_create(1, 20, 20, batch_size, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_conv2d(o, oracle_point(o, 0, "input"), example_conv2d("conv1", 6, 5, 1, false));
    x = oracle_unary(o, oracle_point(o, oracle_batch_norm(o, x, "bn1"), "point1"), ORACLE_RELU);
    x = oracle_pool(o, x, ORACLE_MAX_POOL, spar_pool_defaults());
    x = oracle_conv2d(o, x, example_conv2d("conv2", 16, 5, 1, false));
    x = oracle_unary(o, oracle_point(o, oracle_batch_norm(o, x, "bn2"), "point2"), ORACLE_RELU);
    x = oracle_unary(o, oracle_pool(o, x, ORACLE_MAX_POOL, spar_pool_defaults()), ORACLE_FLATTEN);
    x = oracle_dense(o, x, example_dense_params("fc1", 40));
    x = oracle_dropout(o, oracle_unary(o, oracle_point(o, x, "point3"), ORACLE_RELU), 0.4f);
    oracle_dense(o, x, example_dense_params("fc2", 10));
    return o;
}

// The same network twice: of this process, and of the group.
static void create(const oracle *o, const char *preset, float epsilon, spar_network **alone, spar_network **together) {
    spar_method method = {.struct_size = sizeof method};
    spar_network_options options = spar_network_defaults();
    options.batch_size = BATCH;
    options.threads = THREADS;
    options.group = spar_mpi_group(mpi);
    *alone = oracle_engine(o, THREADS, SEED);
    CHECK_OK(spar_method_preset(preset, epsilon, &method));
    if (strcmp(preset, "slat") == 0) method.last_point = "point2"; // its points are maps
    CHECK_OK(spar_network_set_method(*alone, &method));
    CHECK_OK(spar_network_clone(*alone, &options, together));
}

// Trains on this rank's part of every batch, of all of it where it is alone, and adds up what the losses are.
static double train(const oracle *o, spar_network *network) {
    spar_sgd sgd = spar_sgd_defaults();
    sgd.learning_rate = 0.05f;
    sgd.weight_decay = 5e-4f;
    sgd.max_norm = 3;
    sgd.clip_norm = 2;
    double sum = 0;
    for (int step = 0; step < STEPS; step++) {
        spar_loss_result loss = {.struct_size = sizeof loss};
        example_batch batch = example_batch_create(o, COUNTS[step], (uint64_t)(SEED + step));
        int32_t first, own;
        CHECK_OK(spar_network_share(network, batch.count, &first, &own));
        CHECK_OK(spar_train_step(network, &sgd, batch.images + (size_t)first * (size_t)o->layers[0].size,
                                 batch.labels + first, batch.count, &loss));
        sum += loss.loss + loss.correct;
        example_batch_destroy(&batch);
    }
    return sum;
}

// Saves both and compares the files on rank 0, which writes that of the group.
static bool have_same_files(const spar_network *alone, const spar_network *together) {
    char alone_path[TEMPORARY_PATH], together_path[TEMPORARY_PATH];
    temporary_path(alone_path, "alone.safetensors");
    temporary_path(together_path, "together.safetensors");
    CHECK_OK(spar_network_save(alone, alone_path, true, NULL, 0));
    CHECK_OK(spar_network_save(together, together_path, true, NULL, 0));
    if (spar_mpi_group(mpi)->rank > 0) return true;
    size_t alone_bytes = 0, together_bytes = 0;
    unsigned char *alone_file = temporary_read(alone_path, &alone_bytes);
    unsigned char *together_file = temporary_read(together_path, &together_bytes);
    bool same = alone_file != NULL && together_file != NULL && alone_bytes == together_bytes &&
                memcmp(alone_file, together_file, alone_bytes) == 0;
    free(alone_file);
    free(together_file);
    return same;
}

static void check_same(const char *name, example_network example, const char *preset, float epsilon) {
    oracle *o = example(BATCH);
    const spar_group *group = spar_mpi_group(mpi);
    spar_network *alone = NULL, *together = NULL;
    create(o, preset, epsilon, &alone, &together);
    double expected = train(o, alone), loss = train(o, together);
    bool same = have_same_files(alone, together);
    check_that(loss == expected && same, __FILE__, __LINE__,
               "rank %d of %d, %s, %s: loss %.17g, alone %.17g; or another file", group->rank, group->size, name,
               preset, loss, expected);
    spar_network_destroy(alone);
    spar_network_destroy(together);
    oracle_destroy(o);
}

static void every_method_gives_the_bits_of_one_process(void) {
    for (const char *const *name = spar_method_names(); *name != NULL; name++) {
        bool larger = strcmp(*name, "layerwise") == 0 || strcmp(*name, "layerwise-joint") == 0;
        check_same("LeNet", lenet, *name, larger ? 20 : 0.06f);
    }
}

static void residual_networks_have_the_bits_of_one_process(void) {
    static const char *const names[] = {"backprop", "layerwise", "anl", "pgd", "trades"};
    for (int i = 0; i < 5; i++) check_same("residual", example_residual, names[i], i == 1 ? 20 : 0.06f);
    check_same("depthwise", example_depthwise, "anl", 0.06f);
    check_same("dropout", example_dropout, "gaussian", 0.06f);
}

static void a_step_that_fails_on_one_rank_fails_on_all(void) {
    const spar_group *group = spar_mpi_group(mpi);
    oracle *o = example_residual(BATCH);
    spar_network *alone = NULL, *together = NULL;
    create(o, "backprop", 0, &alone, &together);
    example_batch batch = example_batch_create(o, BATCH, SEED);
    spar_sgd sgd = spar_sgd_defaults();
    int32_t first, own;
    char rank[16];
    snprintf(rank, sizeof rank, "rank %d", group->size - 1);
    CHECK_OK(spar_network_share(together, BATCH, &first, &own));
    float *images = batch.images + (size_t)first * o->layers[0].size;
    if (group->rank == group->size - 1) images[5] = NAN;
    CHECK_FAILS(spar_train_step(together, &sgd, images, batch.labels + first, BATCH, NULL), SPAR_ERROR_NON_FINITE,
                group->size > 1 ? rank : "");
    example_batch_destroy(&batch);
    CHECK(train(o, together) == train(o, alone)); // and goes on
    spar_network_destroy(alone);
    spar_network_destroy(together);
    oracle_destroy(o);
}

int main(void) {
    static const check_test tests[] = {TEST(every_method_gives_the_bits_of_one_process),
                                       TEST(residual_networks_have_the_bits_of_one_process),
                                       TEST(a_step_that_fails_on_one_rank_fails_on_all)};
    if (spar_mpi_start(&mpi) != SPAR_OK) return 99;
    int failed = check_run(tests, sizeof tests / sizeof *tests);
    temporary_remove();
    return spar_mpi_finish(mpi, failed > 0 ? "tests failed" : NULL) == SPAR_OK ? failed : 1;
}
