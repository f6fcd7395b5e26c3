// Learning-rate factors of parameters, against the formulas in double precision; frozen ones stay, bit for bit.
#include "graph/network.h"
#include "support/compare.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 61, STEPS = 3 };

static const double TOLERANCE = 1e-4;

static const example_network NETWORKS[] = {example_convolutional, example_residual, example_depthwise, example_dense};
enum { NETWORK_COUNT = sizeof NETWORKS / sizeof NETWORKS[0] };

static spar_optimizer all_settings(void) {
    spar_optimizer optimizer = spar_sgd_defaults();
    optimizer.learning_rate = 0.05f, optimizer.weight_decay = 0.1f, optimizer.max_norm = 1;
    optimizer.clip_norm = 0.5f;
    return optimizer;
}

static void set_factor(spar_network *network, oracle *o, int index, float factor) {
    spar_parameter_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_set_learning_rate_factor(network, index, factor));
    CHECK_OK(spar_network_parameter(network, index, &info));
    CHECK(info.learning_rate_factor == factor);
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (strcmp(parameter->name, info.name) == 0) parameter->learning_rate_factor = factor;
    }
}

static void step(spar_network *network, oracle *o, const spar_optimizer *optimizer, uint64_t seed) {
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, seed);
    CHECK_OK(spar_train_step(network, optimizer, batch.images, batch.labels, EXAMPLE_BATCH, NULL));
    oracle_forward(o, batch.doubles, EXAMPLE_BATCH, true, true);
    oracle_backward(o, batch.labels, 1, false);
    oracle_update(o, optimizer);
    example_batch_destroy(&batch);
}

// Every third parameter is frozen, with decay, max-norm and clipping on; the others have factors of their own.
static void steps_with_factors_follow_the_formulas(void) {
    for (int n = 0; n < NETWORK_COUNT; n++) {
        for (int first = 0; first < 3; first++) {
            oracle *o = NETWORKS[n](EXAMPLE_BATCH);
            spar_network *network = oracle_engine(o, 2, SEED);
            oracle_randomize(o, network, SEED);
            spar_optimizer optimizer = all_settings();
            for (int p = 0; p < network->parameter_count; p++) {
                if (network->parameters[p].spec.trainable) set_factor(network, o, p, (float)((p + first) % 3) / 2);
            }
            for (int s = 0; s < STEPS; s++) step(network, o, &optimizer, SEED + s);
            compare_parameters("with factors", o, network, TOLERANCE);
            spar_network_destroy(network);
            oracle_destroy(o);
        }
    }
}

// The first half frozen: nothing in it moves, and the backward pass makes no gradient there.
static void frozen_parameters_stay_and_need_no_gradient(void) {
    for (int n = 0; n < NETWORK_COUNT; n++) {
        oracle *o = NETWORKS[n](EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, 2, SEED);
        spar_optimizer optimizer = all_settings();
        step(network, o, &optimizer, SEED);                             // momentum and gradients are there
        int half = network->first_parameter[network->graph->count / 2]; // those of whole layers
        size_t bytes = (size_t)network->trainable_floats * sizeof(float);
        float *before[SPAR_PARTS];
        for (int p = 0; p < half; p++) {
            if (network->parameters[p].spec.trainable) set_factor(network, o, p, 0);
        }
        for (int part = 0; part < SPAR_PARTS; part++) {
            before[part] = check_allocate(bytes);
            if (network->slots[part] != NULL) memcpy(before[part], network->slots[part], bytes);
        }
        step(network, o, &optimizer, SEED + 1);
        for (int p = 0; p < network->parameter_count; p++) {
            const spar_parameter *parameter = &network->parameters[p];
            if (!parameter->spec.trainable) continue;
            size_t own = (size_t)(parameter->spec.rows * parameter->spec.stride) * sizeof(float);
            int64_t at = spar_place_of(network, parameter);
            for (int part = 0; part < SPAR_PARTS; part++) {
                if (network->slots[part] == NULL) continue;
                bool sweep = network->parameters[p].spec.order == SPAR_ORDER_VECTOR; // made with the data
                bool same = memcmp(before[part] + at, network->slots[part] + at, own) == 0;
                bool expected = p < half && !(part == SPAR_PART_GRADIENT && sweep);
                check_that(same || !expected, __FILE__, __LINE__, "%s, part %d changed", parameter->name, part);
                if (p >= half && part == SPAR_PART_VALUE) CHECK(!same);
            }
        }
        for (int part = 0; part < SPAR_PARTS; part++) free(before[part]);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

static void a_thawed_parameter_needs_a_new_gradient(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    spar_optimizer optimizer = spar_sgd_defaults();
    int weight = oracle_find(network, "fc1.weight");
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    set_factor(network, o, weight, 0);
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
    set_factor(network, o, weight, 1);
    CHECK_FAILS(spar_update(network, &optimizer), SPAR_ERROR_STATE, "fc1.weight");
    set_factor(network, o, weight, 0);
    CHECK_OK(spar_update(network, &optimizer));
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void bad_factors_are_refused(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    static const float bad[] = {-1, NAN, INFINITY};
    int weight = oracle_find(network, "conv1.weight"), mean = oracle_find(network, "bn1.running_mean");
    for (int i = 0; i < 3; i++) {
        CHECK_FAILS(spar_network_set_learning_rate_factor(network, weight, bad[i]), SPAR_ERROR_ARGUMENT,
                    "conv1.weight");
    }
    CHECK_FAILS(spar_network_set_learning_rate_factor(network, mean, 1), SPAR_ERROR_ARGUMENT, "not trained");
    CHECK_FAILS(spar_network_set_learning_rate_factor(network, -1, 1), SPAR_ERROR_ARGUMENT, "parameter -1");
    CHECK_FAILS(spar_network_set_updates(network, mean, 1), SPAR_ERROR_ARGUMENT, "not trained");
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void files_keep_factors_and_updates(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "factors.safetensors");
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = model_create(example_convolutional, SEED), *loaded = NULL;
    spar_optimizer optimizer = spar_sgd_defaults();
    set_factor(network, o, oracle_find(network, "conv1.weight"), 0.3f);
    set_factor(network, o, oracle_find(network, "bn1.weight"), 0);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    for (int s = 0; s < STEPS; s++) {
        CHECK_OK(spar_train_step(network, &optimizer, batch.images, batch.labels, EXAMPLE_BATCH, NULL));
    }
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    CHECK_OK(model_load(path, &loaded));
    for (int p = 0; p < network->parameter_count && loaded != NULL; p++) {
        spar_parameter *a = &network->parameters[p], *b = &loaded->parameters[p];
        CHECK(a->learning_rate_factor == b->learning_rate_factor && a->updates == b->updates);
        CHECK_EQUAL(a->updates, spar_learns(a) ? STEPS : 0);
    }
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    spar_network_destroy(loaded);
    oracle_destroy(o);
}

TEST_MAIN(TEST(steps_with_factors_follow_the_formulas), TEST(frozen_parameters_stay_and_need_no_gradient),
          TEST(a_thawed_parameter_needs_a_new_gradient), TEST(bad_factors_are_refused),
          TEST(files_keep_factors_and_updates))
