// The auxiliary set of batch norms: what begins it, what trains it, and what leaves it alone.
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <string.h>

enum { SEED = 97, MOST = 64 };

static spar_method advprop(float epsilon) {
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("advprop", epsilon, &method));
    return method;
}

static void train(spar_network *network, const spar_optimizer *optimizer, int first, int steps) {
    model_train(network, example_convolutional, optimizer, SEED, first, steps);
}

static void read(const spar_network *network, const char *name, float *values) {
    int32_t index = -1;
    spar_parameter_info info = {.struct_size = sizeof info};
    memset(values, 0, MOST * sizeof *values);
    CHECK_OK(spar_network_find_parameter(network, name, &index));
    CHECK_OK(spar_network_parameter(network, index, &info));
    CHECK_OK(spar_network_read_parameter(network, index, SPAR_PART_VALUE, values, info.count));
}

static bool equal(const spar_network *network, const char *one, const char *other) {
    float a[MOST], b[MOST];
    read(network, one, a);
    read(network, other, b);
    return memcmp(a, b, sizeof a) == 0;
}

static void steps_that_perturb_nothing_leave_it_alone(void) {
    spar_optimizer optimizer = spar_sgd_defaults();
    optimizer.weight_decay = 0.1f;
    optimizer.clip_norm = 0.5f;
    for (int w = 0; w < 2; w++) {
        spar_network *network = model_create(example_convolutional, SEED), *clone = NULL;
        spar_method method = advprop(0.1f);
        method.weight_radius = w == 0 ? 0 : 0.1f;
        CHECK_OK(spar_network_set_method(network, &method));
        train(network, &optimizer, 0, 1);
        method.input_epsilon = 0;
        method.bounds = SPAR_BOUND_BALL;
        CHECK_OK(spar_network_set_method(network, &method));
        CHECK_OK(spar_network_clone(network, NULL, &clone)); // which has no gradients
        float before[MOST], after[MOST], used[2][MOST];
        read(network, "sparring.auxiliary.bn1.bias", before);
        read(network, "bn1.bias", used[0]);
        train(network, &optimizer, 1, 2);
        train(clone, &optimizer, 1, 2);
        read(network, "sparring.auxiliary.bn1.bias", after);
        read(network, "bn1.bias", used[1]);
        CHECK(memcmp(before, after, sizeof before) == 0 && memcmp(used[0], used[1], sizeof used[0]) != 0);
        CHECK(model_equal_in_training(network, clone));
        spar_network_destroy(network);
        spar_network_destroy(clone);
    }
}

static void a_file_to_begin_with_begins_it_too(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "first.safetensors");
    spar_network *network = model_create(example_convolutional, SEED), *first = model_create(example_convolutional, 5);
    spar_method method = advprop(0.1f);
    CHECK_OK(spar_network_save(first, path, false, NULL, 0));
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_network_initialize(network, path, NULL));
    CHECK(equal(network, "sparring.auxiliary.bn1.running_mean", "bn1.running_mean"));
    CHECK(equal(network, "sparring.auxiliary.bn1.weight", "bn1.weight"));
    spar_network_destroy(network);
    spar_network_destroy(first);
}

static void a_pass_through_it_makes_no_gradients_of_the_others(void) {
    spar_network *network = model_create(example_convolutional, SEED);
    spar_method method = advprop(0.1f), plain = {.struct_size = sizeof plain};
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    spar_sgd sgd = spar_sgd_defaults();
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_AUXILIARY));
    CHECK_OK(spar_method_preset("backprop", 0, &plain));
    CHECK_OK(spar_network_set_method(network, &plain));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
    CHECK_FAILS(spar_update(network, &sgd), SPAR_ERROR_STATE, "bn1.weight has no gradient");
    example_batch_destroy(&batch);
    oracle_destroy(o);
    spar_network_destroy(network);
}

TEST_MAIN(TEST(steps_that_perturb_nothing_leave_it_alone), TEST(a_file_to_begin_with_begins_it_too),
          TEST(a_pass_through_it_makes_no_gradients_of_the_others))
