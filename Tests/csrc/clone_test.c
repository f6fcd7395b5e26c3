// A clone goes on as its network does, bit for bit, and neither changes the other.
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <string.h>

enum { SEED = 59 };

static spar_optimizer_kind optimizer_kind = SPAR_OPTIMIZER_SGD;

static void train(spar_network *network, example_network example, int first, int steps) {
    spar_optimizer optimizer = spar_optimizer_defaults(optimizer_kind);
    optimizer.learning_rate = 0.02f;
    model_train(network, example, &optimizer, SEED, first, steps);
}

static void clones_go_on_with_the_same_bits(void) {
    static const example_network examples[] = {example_convolutional, example_residual, example_plain,
                                               example_dropout,       example_whitened, example_large};
    static const struct {
        const char *name;
        float epsilon;
    } methods[] = {{"backprop", 0}, {"fgs-orig", 0.1f}, {"layerwise", 20}, {"anl", 0.1f}, {"gaussian", 0.1f}};
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            spar_network *network = model_create(examples[e], SEED), *clone = NULL, *larger = NULL;
            spar_method method = {.struct_size = sizeof method};
            CHECK_OK(spar_method_preset(methods[m].name, methods[m].epsilon, &method));
            CHECK_OK(spar_network_set_method(network, &method));
            int32_t last = spar_network_parameter_count(network) - 1;
            CHECK_OK(spar_network_set_learning_rate_factor(network, last - 1, 0.5f));
            optimizer_kind = m % 2 == 0 ? SPAR_OPTIMIZER_SGD : SPAR_OPTIMIZER_ADAMW;
            train(network, examples[e], 0, 2);
            CHECK_OK(spar_network_set_learning_rate_factor(network, last, 0));
            spar_network_options options = spar_network_defaults();
            options.batch_size = 20 * EXAMPLE_BATCH;
            options.threads = 3;
            options.seed = SEED + 9;                // neither this
            options.loss = SPAR_LOSS_SQUARED_ERROR; // nor this counts
            CHECK_OK(spar_network_clone(network, NULL, &clone));
            CHECK_OK(spar_network_clone(network, &options, &larger));
            spar_network_info info = {.struct_size = sizeof info};
            CHECK_OK(spar_network_get_info(larger, &info));
            CHECK(info.batch_size == 20 * EXAMPLE_BATCH && info.threads == 3 && info.step == 2 && info.seed == SEED);
            CHECK(model_equal_in_training(network, clone) && model_equal_in_training(network, larger));
            train(clone, examples[e], 2, 3);
            CHECK(!model_equal_in_training(network, clone) && model_equal_in_training(network, larger));
            spar_network_destroy(clone);
            clone = NULL;
            CHECK_OK(spar_network_clone(larger, NULL, &clone));
            train(larger, examples[e], 2, 3);
            train(network, examples[e], 2, 3);
            train(clone, examples[e], 2, 3);
            check_that(model_equal_in_training(network, larger) && model_equal_in_training(network, clone), __FILE__,
                       __LINE__, "example %zu, %s", e, methods[m].name);
            spar_network_destroy(network);
            spar_network_destroy(clone);
            spar_network_destroy(larger);
        }
    }
}

static void a_loaded_network_can_be_cloned(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "model.safetensors");
    spar_network *network = model_create(example_whitened, SEED), *loaded = NULL, *clone = NULL;
    train(network, example_whitened, 0, 1);
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    CHECK_OK(model_load(path, &loaded));
    CHECK_OK(spar_network_clone(loaded, NULL, &clone));
    spar_network_destroy(loaded);
    train(network, example_whitened, 1, 2);
    train(clone, example_whitened, 1, 2);
    CHECK(model_equal_in_training(network, clone));
    spar_network_destroy(network);
    spar_network_destroy(clone);
}

static void what_points_hold_needs_a_batch_as_large(void) {
    spar_network *network = model_create(example_plain, SEED), *clone = network;
    spar_method method = {.struct_size = sizeof method};
    spar_network_options options = spar_network_defaults();
    options.batch_size = EXAMPLE_BATCH - 1;
    CHECK_OK(spar_method_preset("layerwise", 20, &method));
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_network_clone(network, &options, &clone)); // they hold nothing yet
    spar_network_destroy(clone);
    train(network, example_plain, 0, 1);
    CHECK_FAILS(spar_network_clone(network, &options, &clone), SPAR_ERROR_ARGUMENT, "5 samples", "batch size of 4");
    CHECK(clone == NULL);
    options.batch_size = 0;
    CHECK_FAILS(spar_network_clone(network, &options, &clone), SPAR_ERROR_ARGUMENT, "batch size of 0");
    CHECK_FAILS(spar_network_clone(network, NULL, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_network_clone(NULL, NULL, &clone), SPAR_ERROR_ARGUMENT, "NULL");
    spar_network_destroy(network);
}

// 0 and 1 iterations, replays and climbs are the same: what points hold of the batch before stays.
static void a_method_of_the_same_meaning_forgets_nothing(void) {
    spar_network *network = model_create(example_plain, SEED), *clone = NULL;
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("layerwise", 20, &method));
    method.iterations = method.replays = 0;
    method.climb = 0;
    CHECK_OK(spar_network_set_method(network, &method));
    train(network, example_plain, 0, 2);
    CHECK_OK(spar_network_clone(network, NULL, &clone));
    method.iterations = method.replays = 1;
    method.climb = 1;
    CHECK_OK(spar_network_set_method(clone, &method));
    train(network, example_plain, 2, 2);
    train(clone, example_plain, 2, 2);
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK(model_equal_in_training(network, clone));
    spar_network_destroy(clone);
    spar_network_destroy(network);
}

TEST_MAIN(TEST(a_method_of_the_same_meaning_forgets_nothing), TEST(clones_go_on_with_the_same_bits),
          TEST(a_loaded_network_can_be_cloned), TEST(what_points_hold_needs_a_batch_as_large))
