// ZCA whitening: what it is by definition, and what it refuses.
#include "support/check.h"
#include "support/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 12, COUNT = 700, SEED = 61 };

// Images of correlated values: a random mixture of independent ones, moved off zero.
static void draw_images(float *images) {
    uint64_t seed = SEED;
    double mixture[SIZE][SIZE];
    for (int i = 0; i < SIZE * SIZE; i++) mixture[i / SIZE][i % SIZE] = 2 * example_uniform(&seed) - 1;
    for (int n = 0; n < COUNT; n++) {
        double source[SIZE];
        for (int j = 0; j < SIZE; j++) source[j] = example_uniform(&seed);
        for (int i = 0; i < SIZE; i++) {
            double sum = 0.1 * i;
            for (int j = 0; j < SIZE; j++) sum += mixture[i][j] * source[j];
            images[n * SIZE + i] = (float)sum;
        }
    }
}

static void covariance_of(const float *images, double *mean, double *covariance) {
    memset(mean, 0, SIZE * sizeof *mean);
    memset(covariance, 0, SIZE * SIZE * sizeof *covariance);
    for (int n = 0; n < COUNT; n++) {
        for (int i = 0; i < SIZE; i++) mean[i] += images[n * SIZE + i] / (double)COUNT;
    }
    for (int n = 0; n < COUNT; n++) {
        const float *x = images + n * SIZE;
        for (int i = 0; i < SIZE * SIZE; i++) {
            covariance[i] += (x[i / SIZE] - mean[i / SIZE]) * (x[i % SIZE] - mean[i % SIZE]) / COUNT;
        }
    }
}

static void fit(const float *images, int chunk, float epsilon, float *mean, float *matrix) {
    spar_zca *zca = NULL;
    CHECK_OK(spar_zca_create(SIZE, &zca));
    for (int n = 0; n < COUNT; n += chunk) {
        CHECK_OK(spar_zca_add(zca, images + n * SIZE, chunk < COUNT - n ? chunk : COUNT - n));
    }
    CHECK_OK(spar_zca_finish(zca, epsilon, mean, matrix));
    spar_zca_destroy(zca);
}

// The images as the layer whitens them, one value a row.
static void whiten(const float *images, const float *mean, const float *matrix, float *whitened) {
    spar_graph *graph = NULL;
    spar_network *network = NULL;
    spar_network_options options = spar_network_defaults();
    options.batch_size = COUNT;
    CHECK_OK(spar_graph_create(&graph));
    spar_value x = spar_whiten(graph, spar_input(graph, 3, 2, SIZE / 6), "whiten", mean, matrix);
    CHECK_OK(spar_network_create(graph, spar_flatten(graph, x), &options, &network));
    CHECK_OK(spar_forward(network, images, COUNT, 0));
    CHECK_OK(spar_read_output(network, whitened));
    spar_network_destroy(network);
    spar_graph_destroy(graph);
}

static void whitened_images_have_identity_covariance(void) {
    float images[COUNT * SIZE], whitened[COUNT * SIZE], mean[SIZE], matrix[SIZE * SIZE];
    double means[SIZE], covariance[SIZE * SIZE], identity[SIZE * SIZE] = {0}, zero[SIZE] = {0};
    for (int i = 0; i < SIZE; i++) identity[i * SIZE + i] = 1;
    draw_images(images);
    fit(images, COUNT, 0, mean, matrix);
    whiten(images, mean, matrix, whitened);
    covariance_of(whitened, means, covariance);
    CHECK_CLOSE("mean", means, zero, SIZE, 1e-4, 1);
    CHECK_CLOSE("covariance", covariance, identity, SIZE * SIZE, 1e-4, 1);
    for (int i = 0; i < SIZE * SIZE; i++) CHECK(matrix[i] == matrix[i % SIZE * SIZE + i / SIZE]);
}

// W is the positive inverse root: W·(C + εI)·W = I, and no step along an image's value turns it around.
static void epsilon_is_added_to_every_variance(void) {
    const float epsilon = 0.25f;
    float images[COUNT * SIZE], mean[SIZE], matrix[SIZE * SIZE];
    double means[SIZE], covariance[SIZE * SIZE], product[SIZE * SIZE] = {0}, identity[SIZE * SIZE] = {0};
    draw_images(images);
    fit(images, COUNT, epsilon, mean, matrix);
    covariance_of(images, means, covariance);
    for (int i = 0; i < SIZE; i++) {
        identity[i * SIZE + i] = 1;
        covariance[i * SIZE + i] += epsilon;
        CHECK_NEAR(mean[i], means[i], 1e-5);
        CHECK(matrix[i * SIZE + i] > 0);
    }
    for (int i = 0; i < SIZE * SIZE; i++) {
        for (int j = 0; j < SIZE * SIZE; j++) {
            product[i] +=
                (double)matrix[i / SIZE * SIZE + j / SIZE] * covariance[j] * (double)matrix[j % SIZE * SIZE + i % SIZE];
        }
    }
    CHECK_CLOSE("W·(C + εI)·W", product, identity, SIZE * SIZE, 1e-5, 1);
}

static void chunks_do_not_change_a_bit(void) {
    float images[COUNT * SIZE], mean[2][SIZE], matrix[2][SIZE * SIZE];
    draw_images(images);
    fit(images, COUNT, 0.1f, mean[0], matrix[0]);
    fit(images, 33, 0.1f, mean[1], matrix[1]);
    CHECK(memcmp(mean[0], mean[1], sizeof mean[0]) == 0);
    CHECK(memcmp(matrix[0], matrix[1], sizeof matrix[0]) == 0);
}

static void points_on_both_sides_of_whitening_are_input_points(void) {
    oracle *o = oracle_create(1, 3, 3, 2, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_point(o, example_whiten(o, oracle_point(o, 0, "pixels")), "whitened");
    x = oracle_conv2d(o, x, example_conv2d("conv", 2, 3, 1, true));
    oracle_unary(o, oracle_point(o, x, "hidden"), ORACLE_FLATTEN);
    spar_network *network = oracle_engine(o, 1, SEED);
    CHECK_EQUAL(spar_network_point_count(network), 3);
    for (int i = 0; i < 3; i++) {
        spar_point_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_point(network, i, &info));
        CHECK(info.input == (strcmp(info.name, "hidden") != 0));
    }
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void impossible_fits_are_refused(void) {
    spar_zca *zca = NULL;
    float images[4 * SIZE] = {0}, mean[SIZE], matrix[SIZE * SIZE];
    CHECK_FAILS(spar_zca_create(0, &zca), SPAR_ERROR_ARGUMENT, "0", "16384");
    CHECK_FAILS(spar_zca_create(20000, &zca), SPAR_ERROR_ARGUMENT, "20000", "16384");
    CHECK(zca == NULL);
    CHECK_OK(spar_zca_create(SIZE, &zca));
    CHECK_FAILS(spar_zca_add(zca, NULL, 1), SPAR_ERROR_ARGUMENT, "images");
    CHECK_FAILS(spar_zca_add(zca, images, 0), SPAR_ERROR_ARGUMENT, "0");
    images[SIZE + 3] = NAN;
    CHECK_FAILS(spar_zca_add(zca, images, 2), SPAR_ERROR_NON_FINITE, "value 3", "image 1");
    images[SIZE + 3] = 0.5f;
    CHECK_FAILS(spar_zca_finish(zca, 0, mean, matrix), SPAR_ERROR_STATE, "0 images");
    CHECK_OK(spar_zca_add(zca, images, 4));
    CHECK_FAILS(spar_zca_finish(zca, NAN, mean, matrix), SPAR_ERROR_ARGUMENT, "epsilon", "nan");
    CHECK_FAILS(spar_zca_finish(zca, 0, mean, matrix), SPAR_ERROR_ARGUMENT, "4 images", "11 of 12", "epsilon");
    CHECK_OK(spar_zca_finish(zca, 0.1f, mean, matrix));
    spar_zca_destroy(zca);
    spar_zca_destroy(NULL);
}

// Their matrix would be infinite.
static void pixels_that_hardly_vary_are_refused(void) {
    spar_zca *zca = NULL;
    float images[5 * 3] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 1, 1, 5, 2, 0}, mean[3], matrix[9];
    for (int i = 0; i < 15; i++) images[i] *= 0x1p-149f;
    CHECK_OK(spar_zca_create(3, &zca));
    CHECK_OK(spar_zca_add(zca, images, 5));
    CHECK_FAILS(spar_zca_finish(zca, 0, mean, matrix), SPAR_ERROR_NON_FINITE, "5 images", "epsilon");
    CHECK_OK(spar_zca_finish(zca, 0.1f, mean, matrix));
    spar_zca_destroy(zca);
}

TEST_MAIN(TEST(whitened_images_have_identity_covariance), TEST(epsilon_is_added_to_every_variance),
          TEST(chunks_do_not_change_a_bit), TEST(points_on_both_sides_of_whitening_are_input_points),
          TEST(impossible_fits_are_refused), TEST(pixels_that_hardly_vary_are_refused))
