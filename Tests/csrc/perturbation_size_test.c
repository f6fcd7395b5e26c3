// Perturbations along gradients of any size, down to the smallest floats and up to the largest.
#include "support/compare.h"

#include <math.h>

enum { PIXELS = 20, IMAGES = 3, SEED = 13 };

// Outputs Σ k·x_k and Σ −x_k of pixels x that a point perturbs.
static spar_network *sums(const spar_method *method) {
    oracle *o = oracle_create(PIXELS, 1, 1, IMAGES, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    spar_dense_params params = example_dense_params("fc", 2);
    params.bias = false;
    oracle_dense(o, oracle_point(o, 0, "point"), params);
    spar_network *network = oracle_engine(o, 1, SEED);
    float weights[2 * PIXELS];
    for (int k = 0; k < PIXELS; k++) weights[k] = (float)k, weights[PIXELS + k] = -1;
    CHECK_OK(spar_network_write_parameter(network, 0, SPAR_PART_VALUE, weights, 2 * PIXELS));
    CHECK_OK(spar_network_set_method(network, method));
    oracle_destroy(o);
    return network;
}

// ε·g / ‖g‖∞ for g = size·(2k − 3): images of zeros, so that the outputs are those of η.
static void check_direction(float size, float epsilon, spar_granularity granularity) {
    spar_method method = {.struct_size = sizeof method,
                          .direction = SPAR_DIRECTION_CURRENT_BATCH,
                          .shape = SPAR_SHAPE_GRADIENT,
                          .granularity = granularity,
                          .input_epsilon = epsilon};
    static const float images[IMAGES * PIXELS];
    spar_network *network = sums(&method);
    float gradient[2 * IMAGES], output[2 * IMAGES];
    for (int n = 0; n < IMAGES; n++) gradient[2 * n] = 2 * size, gradient[2 * n + 1] = 3 * size;
    CHECK_OK(spar_forward(network, images, IMAGES, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward_output(network, gradient, 1, SPAR_BACKWARD_RECORD));
    CHECK_OK(spar_forward(network, images, IMAGES, SPAR_FORWARD_TRAIN | SPAR_FORWARD_PERTURB));
    CHECK_OK(spar_read_output(network, output));
    double first = 0, second = 0, norm = 2 * (PIXELS - 1) - 3;
    for (int k = 0; k < PIXELS; k++) {
        first += k * epsilon * (2 * k - 3) / norm;
        second -= epsilon * (2 * k - 3) / norm;
    }
    for (int n = 0; n < IMAGES; n++) {
        check_that(fabs(output[2 * n] - first) <= 1e-6 * fabs(first) + 100 * 0x1p-149 &&
                       fabs(output[2 * n + 1] - second) <= 1e-6 * fabs(second) + 100 * 0x1p-149,
                   __FILE__, __LINE__, "gradients of %g, epsilon %g: outputs %g and %g, expected %g and %g",
                   (double)size, (double)epsilon, (double)output[2 * n], (double)output[2 * n + 1], first, second);
    }
    spar_network_destroy(network);
}

static void directions_do_not_depend_on_the_size_of_the_gradient(void) {
    static const int exponents[] = {-149, -146, -130, -127, -126, -100, -1, 0, 40, 120};
    for (size_t e = 0; e < sizeof exponents / sizeof *exponents; e++) {
        for (int granularity = SPAR_GRANULARITY_BATCH; granularity <= SPAR_GRANULARITY_SAMPLE; granularity++) {
            check_direction(ldexpf(1, exponents[e]), 0.25f, (spar_granularity)granularity);
            check_direction(ldexpf(1, exponents[e]), 0x1p-140f, (spar_granularity)granularity);
            check_direction(ldexpf(1, exponents[e]), -3e4f, (spar_granularity)granularity);
        }
    }
}

// Gradients of e^−margin, which are below the smallest normal float from 88 on.
static void adversarial_noise_trains_on_confident_images(void) {
    static const float margins[] = {17, 60, 95, 99, 103, 200};
    for (size_t m = 0; m < sizeof margins / sizeof *margins; m++) {
        oracle *o = oracle_create(PIXELS, 1, 1, IMAGES, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
        int x = oracle_dense(o, 0, example_dense_params("fc1", 30));
        x = oracle_unary(o, oracle_point(o, x, "point"), ORACLE_RELU);
        oracle_dense(o, x, example_dense_params("fc2", 2));
        spar_network *network = oracle_engine(o, 1, SEED);
        float bias[2] = {margins[m], 0};
        spar_method method = {.struct_size = sizeof method};
        spar_sgd sgd = spar_sgd_defaults();
        spar_loss_result result = {.struct_size = sizeof result};
        static const int32_t labels[IMAGES];
        example_batch batch = example_batch_create(o, IMAGES, SEED);
        CHECK_OK(spar_network_write_parameter(network, oracle_find(network, "fc2.bias"), SPAR_PART_VALUE, bias, 2));
        CHECK_OK(spar_method_preset("anl", 0.1f, &method));
        CHECK_OK(spar_network_set_method(network, &method));
        CHECK_OK(spar_train_step(network, &sgd, batch.images, labels, IMAGES, &result));
        CHECK(isfinite(result.loss) && result.loss >= 0 && result.loss < 1e-4);
        example_batch_destroy(&batch);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

TEST_MAIN(TEST(directions_do_not_depend_on_the_size_of_the_gradient),
          TEST(adversarial_noise_trains_on_confident_images))
