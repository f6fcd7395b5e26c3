// What optimizers keep of a parameter, where another optimizer, or a file of one, comes in between.
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <string.h>

enum { SEED = 83, WEIGHT = 2, WEIGHTS = 17 * 20 }; // of "fc1", behind those of the normalization

static void train(spar_network *network, const spar_optimizer *optimizer, int steps) {
    model_train(network, example_dense, optimizer, SEED, 0, steps);
}

static uint64_t updates_of(const spar_network *network) {
    spar_parameter_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_parameter(network, WEIGHT, &info));
    return info.updates;
}

static size_t bytes_of(const spar_network *network) {
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &info));
    return info.memory_bytes;
}

// A file whose method the network refuses, with momentum.
static void load_what_is_refused(spar_network *network, const char *path) {
    spar_sgd sgd = spar_sgd_defaults();
    spar_network *other = model_create(example_dense, SEED);
    spar_method trades = {.struct_size = sizeof trades};
    CHECK_OK(spar_method_preset("trades", 0.1f, &trades));
    trades.epsilon = 0.1f;
    CHECK_OK(spar_network_set_method(other, &trades));
    train(other, &sgd, 1);
    CHECK_OK(spar_network_save(other, path, true, NULL, 0));
    CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, "of distributions");
    spar_network_destroy(other);
}

static spar_network *make_network(spar_loss loss) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    o->loss = loss;
    spar_network *network = oracle_engine(o, 1, SEED);
    oracle_randomize(o, network, SEED);
    oracle_destroy(o);
    return network;
}

static void a_failure_with_another_optimizer_leaves_what_this_one_keeps(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "refused.safetensors");
    spar_sgd sgd = spar_sgd_defaults();
    spar_optimizer adamw = spar_adamw_defaults();
    spar_network *network = make_network(SPAR_LOSS_SQUARED_ERROR), *other = make_network(SPAR_LOSS_SQUARED_ERROR);
    train(network, &adamw, 3);
    train(other, &adamw, 3);
    size_t bytes = bytes_of(network);
    float images[EXAMPLE_BATCH * 20] = {0};
    int32_t labels[EXAMPLE_BATCH] = {0, 1, 99};
    CHECK_FAILS(spar_update(network, &sgd), SPAR_ERROR_STATE, "no gradient");
    CHECK_FAILS(spar_train_step(network, &sgd, images, labels, EXAMPLE_BATCH, NULL), SPAR_ERROR_ARGUMENT, "99");
    load_what_is_refused(network, path);
    CHECK(bytes_of(network) == bytes);
    CHECK(model_equal_in_training(network, other));
    train(network, &adamw, 1);
    train(other, &adamw, 1);
    CHECK(updates_of(network) == 4);
    CHECK(model_equal_in_training(network, other));
    spar_network_destroy(network);
    spar_network_destroy(other);
}

static void moments_of_another_program_are_as_old_as_it_says(void) {
    spar_sgd sgd = spar_sgd_defaults();
    spar_optimizer adamw = spar_adamw_defaults();
    spar_network *network = model_create(example_dense, SEED);
    train(network, &sgd, 1);
    float moments[WEIGHTS] = {0};
    for (int i = 0; i < WEIGHTS; i++) moments[i] = 0.01f * (float)i;
    CHECK_OK(spar_network_write_parameter(network, WEIGHT, SPAR_PART_FIRST_MOMENT, moments, WEIGHTS));
    CHECK_OK(spar_network_write_parameter(network, WEIGHT, SPAR_PART_SECOND_MOMENT, moments, WEIGHTS));
    CHECK_OK(spar_network_set_updates(network, WEIGHT, 100));
    train(network, &adamw, 1);
    CHECK(updates_of(network) == 101);
    train(network, &sgd, 1);
    CHECK(updates_of(network) == 1);
    spar_network_destroy(network);
}

static void the_count_of_updates_has_an_end_and_can_be_loaded(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "many.safetensors");
    spar_optimizer adamw = spar_adamw_defaults();
    spar_network *network = model_create(example_dense, SEED), *loaded = NULL;
    train(network, &adamw, 1);
    CHECK_OK(spar_network_set_updates(network, WEIGHT, INT64_MAX));
    train(network, &adamw, 1);
    CHECK(updates_of(network) == INT64_MAX);
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    CHECK_OK(model_load(path, &loaded));
    spar_network_destroy(network);
    spar_network_destroy(loaded);
}

TEST_MAIN(TEST(a_failure_with_another_optimizer_leaves_what_this_one_keeps),
          TEST(moments_of_another_program_are_as_old_as_it_says),
          TEST(the_count_of_updates_has_an_end_and_can_be_loaded))
