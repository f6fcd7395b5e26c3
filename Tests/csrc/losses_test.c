// The three losses: values, gradients, counts of correct answers, extreme outputs.
#include "support/differences.h"

#include <math.h>

enum { CLASSES = 3, IMAGES = 4 };

static const spar_loss LOSSES[] = {SPAR_LOSS_SOFTMAX_CROSS_ENTROPY, SPAR_LOSS_LOGISTIC_CROSS_ENTROPY,
                                   SPAR_LOSS_SQUARED_ERROR};

static void values_of_known_outputs(void) {
    static const float outputs[IMAGES * CLASSES] = {1, 2, 3, 0.5f, -0.5f, 0, -2, 4, 1, 0, -1, -3};
    static const int32_t labels[IMAGES] = {2, 0, 2, 1};
    // By torch.nn.functional in float64: cross_entropy; binary_cross_entropy_with_logits summed over classes;
    // half the squared distance to the one-hot label; each a mean over the images.
    static const double expected[] = {1.371958404, 2.910853511, 5.3125};
    for (int i = 0; i < 3; i++) {
        spar_network *network = example_identity(CLASSES, IMAGES, LOSSES[i]);
        spar_loss_result result = {.struct_size = sizeof result};
        CHECK_OK(spar_forward(network, outputs, IMAGES, 0));
        CHECK_OK(spar_evaluate_loss(network, labels, &result));
        CHECK_NEAR(result.loss, expected[i], 1e-6);
        CHECK_EQUAL(result.correct, 2);
        CHECK_EQUAL(result.count, IMAGES);
        spar_loss_result again = {.struct_size = sizeof again};
        CHECK_OK(spar_backward(network, labels, 0.5f, SPAR_BACKWARD_DATA, &again));
        CHECK(again.loss == result.loss && again.correct == result.correct && again.count == result.count);
        spar_network_destroy(network);
    }
}

static void gradients_agree_with_central_differences(void) {
    for (int i = 0; i < 3; i++) {
        for (int classes = 2; classes <= 18; classes += 16) {
            for (int count = 1; count <= EXAMPLE_BATCH; count += EXAMPLE_BATCH - 1) {
                oracle *o = oracle_create(3, 2, 2, EXAMPLE_BATCH, LOSSES[i]);
                int x = oracle_unary(o, 0, ORACLE_FLATTEN);
                x = oracle_dense(o, x, example_dense_params("fc1", 7));
                x = oracle_unary(o, x, ORACLE_TANH);
                oracle_dense(o, x, example_dense_params("fc2", classes));
                differences_check_network("loss", o, count, true, 50);
                oracle_destroy(o);
            }
        }
    }
}

// exp would overflow; the loss itself is an ordinary number.
static void large_outputs_do_not_overflow(void) {
    static const float outputs[CLASSES] = {300, -300, 100};
    static const int32_t labels[] = {0, 1};
    static const double expected[][2] = {{0, 600}, {100, 700}};
    for (int i = 0; i < 2; i++) {
        spar_network *network = example_identity(CLASSES, IMAGES, LOSSES[i]);
        for (int label = 0; label < 2; label++) {
            spar_loss_result result = {.struct_size = sizeof result};
            CHECK_OK(spar_forward(network, outputs, 1, 0));
            CHECK_OK(spar_backward(network, &labels[label], 1, SPAR_BACKWARD_INPUT, &result));
            CHECK_NEAR(result.loss, expected[i][label], 1e-4);
            float gradient[CLASSES];
            CHECK_OK(spar_input_gradient(network, gradient));
            for (int k = 0; k < CLASSES; k++) {
                double probability = i == 0 ? (k == 0) : (outputs[k] > 0);
                CHECK_NEAR(gradient[k], probability - (k == labels[label]), 1e-6);
            }
        }
        spar_network_destroy(network);
    }
}

// exp(−margin), which the loss and its gradient come down to, is far below the rounding of 1.
static void confident_outputs_have_a_loss_and_a_gradient(void) {
    static const float margins[] = {17, 34, 38, 95};
    static const int32_t labels[] = {1};
    for (size_t m = 0; m < sizeof margins / sizeof *margins; m++) {
        float z[CLASSES] = {5 - margins[m], 5, 4 - margins[m]};
        double left = exp((double)z[0] - z[1]), right = exp((double)z[2] - z[1]), sum = 1 + left + right;
        double of_each = log1p(exp(z[0])) + log1p(exp(-5)) + log1p(exp(z[2]));
        double losses[] = {log1p(left + right), of_each};
        double gradients[2][CLASSES] = {
            {left / sum, -(left + right) / sum, right / sum},
            {exp(z[0]) / (1 + exp(z[0])), -exp(-5) / (1 + exp(-5)), exp(z[2]) / (1 + exp(z[2]))}};
        for (int i = 0; i < 2; i++) {
            spar_network *network = example_identity(CLASSES, IMAGES, LOSSES[i]);
            spar_loss_result result = {.struct_size = sizeof result};
            float gradient[CLASSES];
            CHECK_OK(spar_forward(network, z, 1, 0));
            CHECK_OK(spar_backward(network, labels, 1, SPAR_BACKWARD_INPUT, &result));
            CHECK_OK(spar_input_gradient(network, gradient));
            CHECK_NEAR(result.loss, losses[i], 1e-12 * losses[i]);
            // Of numbers too small to have all digits the last one is 2^−149.
            for (int k = 0; k < CLASSES; k++) {
                CHECK_NEAR(gradient[k], gradients[i][k], 1e-6 * fabs(gradients[i][k]) + 0x1p-149);
            }
            spar_network_destroy(network);
        }
    }
}

// The label's logistic gradient is e^−x, not logistic(x) − 1.
static void a_confident_label_has_a_logistic_gradient(void) {
    static const float outputs[] = {17, 34, 38, 87};
    static const int32_t label = 2;
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        float z[CLASSES] = {-outputs[i], -outputs[i], outputs[i]}, gradient[CLASSES];
        double expected = exp(-outputs[i]) / (1 + exp(-outputs[i]));
        spar_network *network = example_identity(CLASSES, IMAGES, SPAR_LOSS_LOGISTIC_CROSS_ENTROPY);
        spar_loss_result result = {.struct_size = sizeof result};
        CHECK_OK(spar_forward(network, z, 1, 0));
        CHECK_OK(spar_backward(network, &label, 1, SPAR_BACKWARD_INPUT, &result));
        CHECK_OK(spar_input_gradient(network, gradient));
        CHECK_NEAR(result.loss, 3 * log1p(exp(-outputs[i])), 1e-12 * result.loss);
        for (int k = 0; k < CLASSES; k++) CHECK_NEAR(gradient[k], k == label ? -expected : expected, 1e-6 * expected);
        spar_network_destroy(network);
    }
}

TEST_MAIN(TEST(values_of_known_outputs), TEST(gradients_agree_with_central_differences),
          TEST(large_outputs_do_not_overflow), TEST(confident_outputs_have_a_loss_and_a_gradient),
          TEST(a_confident_label_has_a_logistic_gradient))
