// The update against PyTorch's SGD: its own numbers, and its formulas in double precision on whole networks.
#include "support/compare.h"

#include <math.h>
#include <stdlib.h>

enum { WEIGHTS = 8, STEPS = 3, SEED = 21 };

static const double TOLERANCE = 1e-6;

static const float INITIAL[WEIGHTS] = {0.5f, -1.25f, 0.75f, 2.0f, -0.375f, 1.5f, 0.25f, -0.625f};
static const float GRADIENTS[STEPS][WEIGHTS] = {{0.1f, -0.2f, 0.3f, -0.4f, 0.5f, -0.6f, 0.7f, -0.8f},
                                                {-0.05f, 0.15f, 0.25f, 0.35f, -0.45f, 0.55f, 0.65f, -0.75f},
                                                {0.9f, 0.8f, -0.7f, 0.6f, 0.5f, 0.4f, -0.3f, 0.2f}};

// A dense layer of 4 inputs and 2 units without bias: its weight is the only parameter.
static spar_network *one_weight(void) {
    oracle *o = oracle_create(4, 1, 1, 1, SPAR_LOSS_SQUARED_ERROR);
    spar_dense_params params = example_dense_params("fc", WEIGHTS / 4);
    params.bias = false;
    oracle_dense(o, 0, params);
    spar_network *network = oracle_engine(o, 1, SEED);
    oracle_destroy(o);
    CHECK_OK(spar_network_write_parameter(network, 0, SPAR_PART_VALUE, INITIAL, WEIGHTS));
    return network;
}

static void three_steps_give_the_numbers_of_torch_optim_sgd(void) {
    static const struct {
        spar_sgd sgd;
        double expected[WEIGHTS]; // printed by torch.optim.SGD in float64 from the same weights and gradients
    } cases[] = {
        {{.struct_size = sizeof(spar_sgd), .learning_rate = 0.1f},
         {0.405, -1.325, 0.765, 1.945, -0.43, 1.465, 0.145, -0.49}},
        {{.struct_size = sizeof(spar_sgd), .learning_rate = 0.1f, .momentum = 0.9f},
         {0.3924, -1.3043, 0.6912, 1.9819, -0.475, 1.5181, -0.0332, -0.2857}},
        {{.struct_size = sizeof(spar_sgd), .learning_rate = 0.05f, .momentum = 0.9f, .nesterov = true},
         {0.40408, -1.311935, 0.73104, 1.964355, -0.4475, 1.490645, 0.07006, -0.404815}},
        {{.struct_size = sizeof(spar_sgd), .learning_rate = 0.1f, .weight_decay = 0.01f},
         {0.4035164895, -1.32127872875, 0.76283721925, 1.938961038, -0.428821174625, 1.4604395585, 0.14445567975,
          -0.488361794375}},
        {{.struct_size = sizeof(spar_sgd),
          .learning_rate = 0.1f,
          .momentum = 0.8f,
          .nesterov = true,
          .weight_decay = 0.02f},
         {0.313655071392, -1.35389375512, 0.716376377168, 1.89553311181, -0.496838384904, 1.4487197937, -0.063174660624,
          -0.2347696046}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spar_network *network = one_weight();
        for (int step = 0; step < STEPS; step++) {
            CHECK_OK(spar_network_write_parameter(network, 0, SPAR_PART_GRADIENT, GRADIENTS[step], WEIGHTS));
            CHECK_OK(spar_update(network, &cases[i].sgd));
        }
        float weights[WEIGHTS];
        CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, weights, WEIGHTS));
        for (int k = 0; k < WEIGHTS; k++) CHECK_NEAR(weights[k], cases[i].expected[k], TOLERANCE);
        spar_network_destroy(network);
    }
}

static void max_norm_scales_each_unit_back_and_leaves_short_ones(void) {
    spar_network *network = one_weight();
    float zeros[WEIGHTS] = {0}, weights[WEIGHTS];
    spar_sgd sgd = {.struct_size = sizeof sgd, .learning_rate = 0.1f, .max_norm = 2};
    CHECK_OK(spar_network_write_parameter(network, 0, SPAR_PART_GRADIENT, zeros, WEIGHTS));
    CHECK_OK(spar_update(network, &sgd));
    CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, weights, WEIGHTS));
    double norm = sqrt(0.5 * 0.5 + 1.25 * 1.25 + 0.75 * 0.75 + 2 * 2); // of the first unit; the second's is 1.7
    for (int k = 0; k < WEIGHTS; k++) CHECK_NEAR(weights[k], INITIAL[k] * (k < 4 ? 2 / norm : 1), TOLERANCE);
    spar_network_destroy(network);
}

// Every parameter and momentum of a network with convolutions, batch normalization and biases.
static void check_network(example_network example, const spar_sgd *sgd) {
    oracle *o = example(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    oracle_randomize(o, network, SEED);
    uint64_t seed = SEED;
    for (int step = 0; step < STEPS; step++) {
        ORACLE_FOR_EACH_PARAMETER(o, parameter) {
            if (!parameter->trainable) continue;
            float *gradient = check_allocate(parameter->count * sizeof *gradient);
            for (int i = 0; i < parameter->count; i++) {
                gradient[i] = (float)example_uniform(&seed) - 0.5f;
                parameter->gradient[i] = gradient[i];
            }
            int index = oracle_find(network, parameter->name);
            CHECK_OK(spar_network_write_parameter(network, index, SPAR_PART_GRADIENT, gradient, parameter->count));
            free(gradient);
        }
        CHECK_OK(spar_update(network, sgd));
        oracle_update(o, sgd);
    }
    compare_parameters("updated", o, network, TOLERANCE);
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable || sgd->momentum == 0) continue;
        double *momentum = oracle_read(network, parameter, SPAR_PART_MOMENTUM);
        CHECK_CLOSE(parameter->name, momentum, parameter->velocity, parameter->count, TOLERANCE, 0);
        free(momentum);
    }
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &info));
    CHECK_EQUAL(info.step, STEPS);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void whole_networks_follow_the_formulas(void) {
    static const spar_sgd settings[] = {
        {.struct_size = sizeof(spar_sgd), .learning_rate = 0.1f, .momentum = 0.9f},
        {.struct_size = sizeof(spar_sgd),
         .learning_rate = 0.1f,
         .momentum = 0.9f,
         .nesterov = true,
         .weight_decay = 0.1f},
        {.struct_size = sizeof(spar_sgd),
         .learning_rate = 0.1f,
         .weight_decay = 0.1f,
         .decay_scope = SPAR_DECAY_WEIGHTS},
        {.struct_size = sizeof(spar_sgd),
         .learning_rate = 0.2f,
         .momentum = 0.5f,
         .weight_decay = 0.1f,
         .max_norm = 1.5f},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        check_network(example_convolutional, &settings[i]);
        check_network(example_depthwise, &settings[i]);
        check_network(example_plain, &settings[i]);
    }
}

// Gradients count once.
static void an_update_without_gradients_of_its_own_is_refused(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    spar_sgd sgd = spar_sgd_defaults();
    CHECK_FAILS(spar_update(network, &sgd), SPAR_ERROR_STATE, "no gradient");
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_DATA, NULL));
    CHECK_FAILS(spar_update(network, &sgd), SPAR_ERROR_STATE, "SPAR_BACKWARD_WEIGHTS");
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
    CHECK_OK(spar_update(network, &sgd));
    CHECK_FAILS(spar_update(network, &sgd), SPAR_ERROR_STATE, "since update 1");
    CHECK_OK(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, NULL));
    CHECK_FAILS(spar_update(network, &sgd), SPAR_ERROR_STATE, "since update 2");
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void defaults_are_the_documented_ones(void) {
    spar_sgd sgd = spar_sgd_defaults();
    CHECK_NEAR(sgd.learning_rate, 0.1, 1e-7);
    CHECK_NEAR(sgd.momentum, 0.9, 1e-7);
    CHECK(!sgd.nesterov && sgd.weight_decay == 0 && sgd.max_norm == 0);
}

TEST_MAIN(TEST(three_steps_give_the_numbers_of_torch_optim_sgd),
          TEST(max_norm_scales_each_unit_back_and_leaves_short_ones), TEST(whole_networks_follow_the_formulas),
          TEST(an_update_without_gradients_of_its_own_is_refused), TEST(defaults_are_the_documented_ones))
