// s(h) of all points: right, and without a trace in the training.
#include "support/compare.h"
#include "support/model_files.h"
#include "support/perturbation.h"
#include "support/temporary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 2, SEED = 71, MOST_POINTS = 16 };

static void every_point_is_measured_whatever_the_method(void) {
    static const char *const methods[] = {"backprop", "anl", "gaussian", "adversarial-backprop"};
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        oracle *o = example_residual(EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, THREADS, SEED);
        oracle_randomize(o, network, SEED);
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH - 1, SEED);
        spar_method method = {.struct_size = sizeof method};
        float deviations[MOST_POINTS];
        CHECK_OK(spar_method_preset(methods[m], 0.1f, &method));
        CHECK_OK(spar_network_set_method(network, &method));
        CHECK_OK(spar_measure_points(network, batch.images, batch.count, deviations));
        oracle_forward(o, batch.doubles, batch.count, true, false);
        int number = 0;
        for (int i = perturbation_next_point(o, 0); i >= 0; i = perturbation_next_point(o, i + 1), number++) {
            double expected = perturbation_deviation(o, i);
            CHECK_NEAR(deviations[number], expected, 1e-4 * expected);
        }
        CHECK_EQUAL(spar_network_point_count(network), number);
        example_batch_destroy(&batch);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

// Rows of images without padding, and of hidden values with it.
static oracle *around_a_point(int channels, bool hidden) {
    oracle *o = oracle_create(channels, 9, 7, 70, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_point(o, hidden ? oracle_unary(o, 0, ORACLE_RELU) : 0, "point");
    oracle_dense(o, oracle_unary(o, x, ORACLE_FLATTEN), example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

// One value far from all others, first, where a sum might begin.
static void deviations_are_right_far_from_zero(void) {
    static const double means[] = {0, 1e3, 1e5, 3e6};
    static const int counts[] = {1, 3, 70}, channels[] = {1, 3, 17, 40};
    for (size_t i = 0; i < 4 * 3 * 4 * 4; i++) {
        double mean = means[i % 4];
        bool hidden = i / 4 % 2, outlier = i / 8 % 2;
        int count = counts[i / 16 % 3];
        oracle *o = around_a_point(channels[i / 48], hidden);
        spar_network *network = oracle_engine(o, THREADS, SEED);
        example_batch batch = example_batch_create(o, count, SEED);
        for (int k = 0; k < count * o->layers[0].size; k++) {
            batch.images[k] = (float)(mean + 4 * batch.doubles[k]);
            if (outlier && k == 0) batch.images[k] = (float)(mean / 2);
            batch.doubles[k] = batch.images[k];
        }
        float deviation;
        CHECK_OK(spar_measure_points(network, batch.images, count, &deviation));
        oracle_forward(o, batch.doubles, count, true, false);
        double expected = perturbation_deviation(o, perturbation_next_point(o, 0));
        check_that(fabs(deviation - expected) <= 1e-5 * expected, __FILE__, __LINE__,
                   "%d images of %d channels, mean %g%s: s(h) is %.9g, expected %.9g", count, o->layers[0].shape[0],
                   mean, outlier ? " with an outlier" : "", deviation, expected);
        example_batch_destroy(&batch);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

// Trains three steps and gives the parameters; measures before every step, or never.
static void train(const spar_method *method, bool measures, float *loss, char *path) {
    oracle *o = example_dropout(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, THREADS, SEED);
    spar_sgd sgd = spar_sgd_defaults();
    CHECK_OK(spar_network_set_method(network, method));
    for (int step = 0; step < 3; step++) {
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED + step);
        example_batch other = example_batch_create(o, 2, SEED + 9);
        float deviations[MOST_POINTS];
        spar_loss_result result = {.struct_size = sizeof result};
        if (measures) CHECK_OK(spar_measure_points(network, other.images, other.count, deviations));
        CHECK_OK(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, &result));
        loss[step] = (float)result.loss;
        example_batch_destroy(&batch);
        example_batch_destroy(&other);
    }
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    spar_network_destroy(network);
    oracle_destroy(o);
}

// The size r·s(h) with the previous batch's direction uses what an earlier step measured.
static void training_goes_on_with_the_same_bits(void) {
    static const spar_method methods[] = {
        {.struct_size = sizeof(spar_method), .direction = SPAR_DIRECTION_NONE},
        {.struct_size = sizeof(spar_method),
         .direction = SPAR_DIRECTION_PREVIOUS_BATCH,
         .shape = SPAR_SHAPE_GRADIENT,
         .size = SPAR_SIZE_RANDOM_DEVIATION,
         .granularity = SPAR_GRANULARITY_SAMPLE,
         .epsilon = 0.5f},
        {.struct_size = sizeof(spar_method),
         .direction = SPAR_DIRECTION_CURRENT_BATCH,
         .shape = SPAR_SHAPE_GRADIENT,
         .size = SPAR_SIZE_RANDOM_DEVIATION,
         .granularity = SPAR_GRANULARITY_SAMPLE,
         .epsilon = 0.5f},
    };
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        float losses[2][3];
        char paths[2][TEMPORARY_PATH];
        temporary_path(paths[0], "plain.safetensors");
        temporary_path(paths[1], "measured.safetensors");
        for (int measures = 0; measures < 2; measures++)
            train(&methods[m], measures, losses[measures], paths[measures]);
        CHECK(memcmp(losses[0], losses[1], sizeof losses[0]) == 0);
        raw_file plain = raw_file_read(paths[0]), measured = raw_file_read(paths[1]);
        CHECK(plain.data_size == measured.data_size && memcmp(plain.data, measured.data, plain.data_size) == 0);
        CHECK(strcmp(plain.header, measured.header) == 0);
        raw_file_free(&plain);
        raw_file_free(&measured);
    }
}

// η of noise r·s(h), s(h) that of the images without noise.
static void draw_measured_noise(oracle *o, uint64_t step, double epsilon, int count) {
    int number = 0;
    for (int i = perturbation_next_point(o, 0); i >= 0; i = perturbation_next_point(o, i + 1), number++) {
        oracle_layer *point = &o->layers[i];
        if (perturbation_at_input(o, i)) continue;
        double deviation = perturbation_deviation(o, i);
        perturbation_draw_noise(point, SEED, step, number, count, point->perturbation);
        for (int k = 0; k < count * point->size; k++) {
            point->perturbation[k] *= deviation * perturbation_draw_r(epsilon, SEED, step, number, k / point->size);
        }
    }
}

static void noise_has_the_size_of_the_batch_it_is_added_to(void) {
    for (int clean = 0; clean < 2; clean++) {
        spar_method method = {.struct_size = sizeof method,
                              .direction = SPAR_DIRECTION_RANDOM,
                              .shape = SPAR_SHAPE_GAUSSIAN,
                              .size = SPAR_SIZE_RANDOM_DEVIATION,
                              .granularity = SPAR_GRANULARITY_SAMPLE,
                              .epsilon = 0.75f,
                              .clean_weight = clean ? 0.25f : 0};
        oracle *o = example_convolutional(EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, THREADS, SEED);
        oracle_randomize(o, network, SEED);
        spar_sgd sgd = spar_sgd_defaults();
        CHECK_OK(spar_network_set_method(network, &method));
        for (int step = 0; step < 3; step++) {
            example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED + step);
            spar_loss_result result = {.struct_size = sizeof result};
            oracle_clear_perturbations(o);
            oracle_forward(o, batch.doubles, batch.count, true, clean);
            oracle_backward(o, batch.labels, method.clean_weight, false);
            draw_measured_noise(o, (uint64_t)step, method.epsilon, batch.count);
            oracle_forward(o, batch.doubles, batch.count, true, !clean);
            oracle_backward(o, batch.labels, 1 - method.clean_weight, true);
            CHECK_OK(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, &result));
            CHECK_NEAR(result.loss, oracle_loss(o, batch.labels), 1e-4 * result.loss);
            oracle_update(o, &sgd);
            compare_parameters("noise of r·s(h)", o, network, 1e-3);
            oracle_copy_parameters(o, network);
            example_batch_destroy(&batch);
        }
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

static void a_pass_to_follow_is_asked_for_again(void) {
    oracle *o = example_plain(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    example_batch batch = example_batch_create(o, 2, SEED);
    float deviations[MOST_POINTS];
    CHECK_OK(spar_forward(network, batch.images, batch.count, 0));
    CHECK_OK(spar_measure_points(network, batch.images, batch.count, deviations));
    CHECK_FAILS(spar_backward(network, batch.labels, 1, 0, NULL), SPAR_ERROR_STATE, "forward");
    CHECK_FAILS(spar_measure_points(network, batch.images, 100, deviations), SPAR_ERROR_ARGUMENT, "100");
    CHECK_FAILS(spar_measure_points(network, NULL, 1, deviations), SPAR_ERROR_ARGUMENT, "images");
    CHECK_FAILS(spar_measure_points(network, batch.images, 1, NULL), SPAR_ERROR_ARGUMENT, "deviations");
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(noise_has_the_size_of_the_batch_it_is_added_to), TEST(every_point_is_measured_whatever_the_method),
          TEST(deviations_are_right_far_from_zero), TEST(training_goes_on_with_the_same_bits),
          TEST(a_pass_to_follow_is_asked_for_again))
