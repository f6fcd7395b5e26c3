// The three losses: values, gradients, counts of correct answers, extreme outputs.
#include "support/differences.h"

#include <math.h>

enum { CLASSES = 3, IMAGES = 4 };

static const spar_loss LOSSES[] = {SPAR_LOSS_SOFTMAX_CROSS_ENTROPY, SPAR_LOSS_LOGISTIC_CROSS_ENTROPY,
                                   SPAR_LOSS_SQUARED_ERROR};

// A network whose outputs are its pixels.
static spar_network *identity(spar_loss loss) {
    static const float eye[CLASSES * CLASSES] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    oracle *o = oracle_create(CLASSES, 1, 1, IMAGES, loss);
    spar_dense_params params = example_dense_params("fc", CLASSES);
    params.bias = false;
    oracle_dense(o, 0, params);
    spar_network *network = oracle_engine(o, 1, 1);
    oracle_destroy(o);
    CHECK_OK(spar_network_write_parameter(network, 0, SPAR_PART_VALUE, eye, CLASSES * CLASSES));
    return network;
}

static void values_of_known_outputs(void) {
    static const float outputs[IMAGES * CLASSES] = {1, 2, 3, 0.5f, -0.5f, 0, -2, 4, 1, 0, -1, -3};
    static const int32_t labels[IMAGES] = {2, 0, 2, 1};
    // By torch.nn.functional in float64: cross_entropy; binary_cross_entropy_with_logits summed over classes;
    // half the squared distance to the one-hot label; each a mean over the images.
    static const double expected[] = {1.371958404, 2.910853511, 5.3125};
    for (int i = 0; i < 3; i++) {
        spar_network *network = identity(LOSSES[i]);
        spar_loss_result result = {0};
        CHECK_OK(spar_forward(network, outputs, IMAGES, 0));
        CHECK_OK(spar_evaluate_loss(network, labels, &result));
        CHECK_NEAR(result.loss, expected[i], 1e-6);
        CHECK_EQUAL(result.correct, 2);
        CHECK_EQUAL(result.count, IMAGES);
        spar_loss_result again = {0};
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
        spar_network *network = identity(LOSSES[i]);
        for (int label = 0; label < 2; label++) {
            spar_loss_result result = {0};
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

TEST_MAIN(TEST(values_of_known_outputs), TEST(gradients_agree_with_central_differences),
          TEST(large_outputs_do_not_overflow))
