// Singular values of the Jacobian, against finite differences of the oracle's network decomposed by Jacobi rotations.
#include "support/differences.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 5 };

// ∂(value of the layer)/∂image as [pixels][outputs], by central differences.
static double *difference_jacobian(oracle *o, int layer, const double *image) {
    int pixels = o->layers[0].size, outputs = o->layers[layer].size;
    double *jacobian = check_allocate((size_t)pixels * outputs * sizeof *jacobian);
    double *moved = check_allocate(pixels * sizeof *moved);
    memcpy(moved, image, pixels * sizeof *moved);
    const double step = 1e-6;
    for (int i = 0; i < pixels; i++) {
        double *row = jacobian + i * outputs;
        moved[i] = image[i] + step;
        oracle_forward(o, moved, 1, false, false);
        memcpy(row, o->layers[layer].value, outputs * sizeof *row);
        moved[i] = image[i] - step;
        oracle_forward(o, moved, 1, false, false);
        for (int k = 0; k < outputs; k++) row[k] = (row[k] - o->layers[layer].value[k]) / (2 * step);
        moved[i] = image[i];
    }
    free(moved);
    return jacobian;
}

static double dot(const double *a, const double *b, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

// Rotates rows of the matrix until they are orthogonal; their norms are then the singular values (Hestenes 1958).
static void orthogonalize_rows(double *matrix, int rows, int columns) {
    bool rotated = true;
    for (int sweep = 0; sweep < 100 && rotated; sweep++) {
        rotated = false;
        for (int i = 0; i < rows; i++) {
            for (int j = i + 1; j < rows; j++) {
                double *a = matrix + i * columns, *b = matrix + j * columns;
                double aa = dot(a, a, columns), bb = dot(b, b, columns), ab = dot(a, b, columns);
                if (fabs(ab) <= 1e-14 * sqrt(aa * bb)) continue;
                rotated = true;
                double zeta = (bb - aa) / (2 * ab), t = copysign(1, zeta) / (fabs(zeta) + sqrt(1 + zeta * zeta));
                double cosine = 1 / sqrt(1 + t * t), sine = cosine * t;
                for (int k = 0; k < columns; k++) {
                    double x = a[k], y = b[k];
                    a[k] = cosine * x - sine * y;
                    b[k] = sine * x + cosine * y;
                }
            }
        }
    }
    CHECK(!rotated);
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void add_singular_values(const double *jacobian, int pixels, int outputs, double *sums) {
    bool wide = pixels < outputs;
    int rows = wide ? pixels : outputs, columns = wide ? outputs : pixels;
    double *matrix = check_allocate((size_t)rows * columns * sizeof *matrix);
    double *values = check_allocate(rows * sizeof *values);
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
            matrix[r * columns + c] = wide ? jacobian[r * outputs + c] : jacobian[c * outputs + r];
        }
    }
    orthogonalize_rows(matrix, rows, columns);
    for (int r = 0; r < rows; r++) values[r] = sqrt(dot(matrix + r * columns, matrix + r * columns, columns));
    qsort(values, rows, sizeof *values, descending);
    for (int r = 0; r < rows; r++) sums[r] += values[r] / IMAGES;
    free(values);
    free(matrix);
}

static void check_network(const char *label, oracle *o, int layer, spar_network *network, const example_batch *batch) {
    int pixels = o->layers[0].size, outputs = o->layers[layer].size, rank = pixels < outputs ? pixels : outputs;
    double *expected = check_allocate(rank * sizeof *expected), *values = check_allocate(rank * sizeof *values);
    memset(expected, 0, rank * sizeof *expected);
    for (int n = 0; n < IMAGES; n++) {
        double *jacobian = difference_jacobian(o, layer, batch->doubles + n * pixels);
        add_singular_values(jacobian, pixels, outputs, expected);
        free(jacobian);
    }
    CHECK_OK(spar_jacobian_singular_values(network, batch->images, IMAGES, NULL, NULL, values));
    CHECK_CLOSE(label, values, expected, rank, 1e-5, 0);
    free(values);
    free(expected);
}

static spar_network *randomized_engine(oracle *o, int threads) {
    spar_network *network = oracle_engine(o, threads, DIFFERENCES_SEED);
    oracle_randomize(o, network, DIFFERENCES_SEED);
    return network;
}

static void values_of_whole_networks(void) {
    static const example_network examples[] = {example_dense, example_convolutional, example_residual};
    for (size_t e = 0; e < sizeof examples / sizeof examples[0]; e++) {
        oracle *o = examples[e](EXAMPLE_BATCH);
        spar_network *network = randomized_engine(o, DIFFERENCES_THREADS);
        example_batch batch = example_batch_create(o, IMAGES, DIFFERENCES_SEED);
        check_network("whole network", o, o->layer_count - 1, network, &batch);
        example_batch_destroy(&batch);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

// Every layer of a network: more outputs than a batch takes, and than there are pixels.
static void values_of_prefixes(void) {
    oracle *o = example_plain(EXAMPLE_BATCH);
    spar_network *network = randomized_engine(o, DIFFERENCES_THREADS), *prefix;
    example_batch batch = example_batch_create(o, IMAGES, DIFFERENCES_SEED);
    for (int layer = 1; layer < o->layer_count; layer++) {
        spar_layer_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_layer(network, layer, &info));
        CHECK_OK(spar_network_prefix(network, info.name, NULL, &prefix));
        check_network(info.name, o, layer, prefix, &batch);
        spar_network_destroy(prefix);
    }
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void any_number_of_threads_gives_the_same_bits(void) {
    double values[3][EXAMPLE_CLASSES];
    for (int threads = 1; threads <= 3; threads++) {
        oracle *o = example_convolutional(EXAMPLE_BATCH);
        spar_network *network = randomized_engine(o, threads);
        example_batch batch = example_batch_create(o, IMAGES, DIFFERENCES_SEED);
        CHECK_OK(spar_jacobian_singular_values(network, batch.images, IMAGES, NULL, NULL, values[threads - 1]));
        CHECK(memcmp(values[threads - 1], values[0], sizeof values[0]) == 0);
        example_batch_destroy(&batch);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

static void what_cannot_be_done_is_refused(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = randomized_engine(o, 1);
    float images[2 * 20] = {0};
    double values[EXAMPLE_CLASSES] = {7, 7, 7, 7};
    CHECK_FAILS(spar_jacobian_singular_values(NULL, images, 1, NULL, NULL, values), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_jacobian_singular_values(network, NULL, 1, NULL, NULL, values), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_jacobian_singular_values(network, images, 1, NULL, NULL, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_jacobian_singular_values(network, images, 0, NULL, NULL, values), SPAR_ERROR_ARGUMENT, "0 images");
    images[21] = NAN;
    CHECK_FAILS(spar_jacobian_singular_values(network, images, 2, NULL, NULL, values), SPAR_ERROR_NON_FINITE, "pixel");
    for (int k = 0; k < EXAMPLE_CLASSES; k++) CHECK(values[k] == 7);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void no_pass_is_left_to_go_on_from(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = randomized_engine(o, 1);
    float images[20] = {0}, gradient[20];
    int32_t label = 0;
    spar_loss_result loss = {.struct_size = sizeof loss};
    double values[EXAMPLE_CLASSES];
    CHECK_OK(spar_forward(network, images, 1, 0));
    CHECK_OK(spar_jacobian_singular_values(network, images, 1, NULL, NULL, values));
    CHECK_FAILS(spar_evaluate_loss(network, &label, &loss), SPAR_ERROR_STATE, "forward");
    CHECK_FAILS(spar_input_gradient(network, gradient), SPAR_ERROR_STATE, "");
    CHECK_OK(spar_forward(network, images, 1, 0));
    CHECK_OK(spar_evaluate_loss(network, &label, &loss));
    spar_network_destroy(network);
    oracle_destroy(o);
}

static bool stop_at_half(void *context, double done) {
    double *last = context;
    CHECK(done >= *last && done < 1);
    *last = done;
    return done < 0.5;
}

static void a_caller_can_stop_it(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = randomized_engine(o, 1);
    float images[4 * 20] = {0};
    double last = 0, values[EXAMPLE_CLASSES] = {7, 7, 7, 7};
    CHECK_FAILS(spar_jacobian_singular_values(network, images, 4, stop_at_half, &last, values), SPAR_ERROR_CANCELLED,
                "50 %");
    CHECK(last == 0.5);
    for (int k = 0; k < EXAMPLE_CLASSES; k++) CHECK(values[k] == 7);
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(values_of_whole_networks), TEST(values_of_prefixes), TEST(any_number_of_threads_gives_the_same_bits),
          TEST(what_cannot_be_done_is_refused), TEST(no_pass_is_left_to_go_on_from), TEST(a_caller_can_stop_it))
