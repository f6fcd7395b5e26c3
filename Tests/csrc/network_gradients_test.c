// Networks of every kind, with every setting of the perturbation points: the engine's outputs and gradients against
// central differences.
#include "support/differences.h"
#include "support/perturbation.h"

#include <stdio.h>

static void check_example(const char *name, example_network network) {
    for (int train = 0; train < 2; train++) {
        for (int count = 1; count <= EXAMPLE_BATCH; count += EXAMPLE_BATCH - 1) {
            oracle *o = network(EXAMPLE_BATCH);
            differences_check_network(name, o, count, train, 16);
            oracle_destroy(o);
        }
    }
}

static void networks_of_every_kind(void) {
    check_example("dense network", example_dense);
    check_example("convolutional network", example_convolutional);
    check_example("residual network", example_residual);
    check_example("depthwise network", example_depthwise);
    check_example("network without batch normalization", example_plain);
    check_example("network with dropout", example_dropout);
    check_example("network of whitened images", example_whitened);
}

// Convolutions on maps of which their kernels reach beyond, and a value that two dense layers read.
static oracle *small_maps(int batch_size) {
    oracle *o = oracle_create(3, 3, 2, batch_size, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_unary(o, oracle_conv2d(o, 0, example_conv2d("conv1", 17, 3, 1, true)), ORACLE_RELU);
    x = oracle_unary(o, oracle_conv2d(o, x, example_conv2d("conv2", 33, 3, 1, false)), ORACLE_RELU);
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    int left = oracle_dense(o, x, example_dense_params("left", 37));
    x = oracle_add(o, left, oracle_dense(o, x, example_dense_params("right", 37)));
    oracle_dense(o, oracle_unary(o, x, ORACLE_TANH), example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

// Register tiles that the samples fill, and the rest.
static void batches_of_many_images(void) {
    static const struct {
        const char *name;
        example_network network;
    } networks[] = {{"dense network", example_dense},
                    {"small maps", small_maps},
                    {"convolutional network", example_convolutional},
                    {"residual network", example_residual}};
    for (size_t n = 0; n < sizeof networks / sizeof *networks; n++) {
        for (int count = 16; count <= 53; count += 37) {
            oracle *o = networks[n].network(count);
            differences_check_network(networks[n].name, o, count, true, 2);
            oracle_destroy(o);
        }
    }
}

static void the_loss_scale_multiplies_and_accumulation_adds(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, DIFFERENCES_THREADS, DIFFERENCES_SEED);
    oracle_randomize(o, network, DIFFERENCES_SEED);
    for (int round = 0; round < 2; round++) {
        example_batch batch = example_batch_create(o, 3 + round, DIFFERENCES_SEED + round);
        double scale = round == 0 ? 0.25 : 0.75;
        uint32_t flags = SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT | (round ? SPAR_BACKWARD_ACCUMULATE : 0);
        oracle_forward(o, batch.doubles, batch.count, true, false);
        oracle_backward(o, batch.labels, scale, round > 0);
        CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN));
        CHECK_OK(spar_backward(network, batch.labels, (float)scale, flags, NULL));
        compare_gradients("scaled and accumulated", o, network, 1e-3);
        compare_image_gradients("scaled", o, network, 1e-3);
        example_batch_destroy(&batch);
    }
    spar_network_destroy(network);
    oracle_destroy(o);
}

// ---------------------------------------------------------------------------------------------
// Perturbation points

// Sets η of every point of the oracle from its last backward pass, or from noise.
static void perturb_oracle(oracle *o, const spar_method *method, int count) {
    int number = 0;
    for (int i = perturbation_next_point(o, 0); i >= 0; i = perturbation_next_point(o, i + 1), number++) {
        oracle_layer *point = &o->layers[i];
        double epsilon = perturbation_at_input(o, i) ? method->input_epsilon : method->epsilon;
        if (method->shape == SPAR_SHAPE_GAUSSIAN) {
            perturbation_draw_noise(point, DIFFERENCES_SEED, 0, number, count, point->perturbation);
            for (int n = 0; n < count; n++) {
                double magnitude = epsilon;
                if (method->size == SPAR_SIZE_RANDOM) {
                    int sample = method->granularity == SPAR_GRANULARITY_SAMPLE ? n : 0;
                    magnitude = perturbation_draw_r(epsilon, DIFFERENCES_SEED, 0, number, sample);
                }
                for (int k = 0; k < point->size; k++) point->perturbation[n * point->size + k] *= magnitude;
            }
        } else {
            perturbation_from_gradient(method, epsilon, point->gradient, o->count, point->size,
                                       perturbation_deviation(o, i), DIFFERENCES_SEED, 0, number, point->perturbation);
        }
    }
}

static void check_method(example_network example, const spar_method *method) {
    static const char *const directions[] = {"none", "previous batch", "current batch", "random"};
    static const char *const shapes[] = {"sign", "gradient", "gaussian"};
    static const char *const sizes[] = {"constant", "range", "random", "random deviation"};
    char label[120];
    snprintf(label, sizeof label, "%s, %s, %s, %s, ε %g", directions[method->direction], shapes[method->shape],
             sizes[method->size], method->granularity == SPAR_GRANULARITY_SAMPLE ? "sample" : "batch", method->epsilon);
    oracle *o = example(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, DIFFERENCES_THREADS, DIFFERENCES_SEED);
    oracle_randomize(o, network, DIFFERENCES_SEED);
    CHECK_OK(spar_network_set_method(network, method));
    example_batch first = example_batch_create(o, EXAMPLE_BATCH, DIFFERENCES_SEED + 2);
    example_batch second = example_batch_create(o, EXAMPLE_BATCH, DIFFERENCES_SEED + 3);
    example_batch *perturbed = method->direction == SPAR_DIRECTION_PREVIOUS_BATCH ? &second : &first;

    oracle_forward(o, first.doubles, first.count, true, false);
    oracle_backward(o, first.labels, 1, false);
    CHECK_OK(spar_forward(network, first.images, first.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE));
    CHECK_OK(spar_backward(network, first.labels, 1, SPAR_BACKWARD_RECORD, NULL));
    perturb_oracle(o, method, perturbed->count);

    oracle_forward(o, perturbed->doubles, perturbed->count, true, false);
    oracle_backward(o, perturbed->labels, 1, false);
    CHECK_OK(spar_forward(network, perturbed->images, perturbed->count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_PERTURB));
    compare_outputs(label, o, network, 3e-5);
    CHECK_OK(spar_backward(network, perturbed->labels, 1, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT, NULL));
    differences_check(label, o, network, perturbed, true, 2);
    example_batch_destroy(&first);
    example_batch_destroy(&second);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void check_method_on_networks(spar_method method) {
    for (int sign = 1; sign >= -1; sign -= 2) {
        spar_method signed_method = method;
        signed_method.epsilon *= (float)sign;
        signed_method.input_epsilon *= (float)sign;
        check_method(example_convolutional, &signed_method);
        check_method(example_dense, &signed_method);
    }
}

static void perturbed_passes_of_every_gradient_setting(void) {
    static const float epsilons[] = {0.05f, 20, 0.2f, 0.4f}; // by size
    for (int direction = SPAR_DIRECTION_PREVIOUS_BATCH; direction <= SPAR_DIRECTION_CURRENT_BATCH; direction++) {
        for (int shape = SPAR_SHAPE_SIGN; shape <= SPAR_SHAPE_GRADIENT; shape++) {
            for (int size = SPAR_SIZE_CONSTANT; size <= SPAR_SIZE_RANDOM_DEVIATION; size++) {
                for (int granularity = SPAR_GRANULARITY_BATCH; granularity <= SPAR_GRANULARITY_SAMPLE; granularity++) {
                    check_method_on_networks((spar_method){.struct_size = sizeof(spar_method),
                                                           .direction = (spar_direction)direction,
                                                           .shape = (spar_shape)shape,
                                                           .size = (spar_size)size,
                                                           .granularity = (spar_granularity)granularity,
                                                           .epsilon = epsilons[size],
                                                           .input_epsilon = 0.5f * epsilons[size]});
                }
            }
        }
    }
}

static void perturbed_passes_of_every_noise_setting(void) {
    static const spar_size sizes[] = {SPAR_SIZE_CONSTANT, SPAR_SIZE_RANDOM};
    for (int size = 0; size < 2; size++) {
        for (int granularity = SPAR_GRANULARITY_BATCH; granularity <= SPAR_GRANULARITY_SAMPLE; granularity++) {
            check_method_on_networks((spar_method){.struct_size = sizeof(spar_method),
                                                   .direction = SPAR_DIRECTION_RANDOM,
                                                   .shape = SPAR_SHAPE_GAUSSIAN,
                                                   .size = sizes[size],
                                                   .granularity = (spar_granularity)granularity,
                                                   .epsilon = 0.2f,
                                                   .input_epsilon = 0.1f});
        }
    }
}

static void points_are_the_identity_in_passes_that_do_not_perturb(void) {
    oracle *o = example_residual(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, DIFFERENCES_THREADS, DIFFERENCES_SEED);
    oracle_randomize(o, network, DIFFERENCES_SEED);
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("anl", 5, &method));
    CHECK_OK(spar_network_set_method(network, &method));
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, DIFFERENCES_SEED);
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_RECORD, NULL));
    for (int train = 0; train < 2; train++) {
        oracle_forward(o, batch.doubles, batch.count, train, false);
        CHECK_OK(spar_forward(network, batch.images, batch.count, train ? SPAR_FORWARD_TRAIN : 0));
        compare_outputs("unperturbed", o, network, 1e-5);
    }
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(networks_of_every_kind), TEST(batches_of_many_images),
          TEST(the_loss_scale_multiplies_and_accumulation_adds), TEST(perturbed_passes_of_every_gradient_setting),
          TEST(perturbed_passes_of_every_noise_setting), TEST(points_are_the_identity_in_passes_that_do_not_perturb))
