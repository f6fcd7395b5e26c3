// Smoothed labels, mixup and the shares it draws, against their formulas in double precision.
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 1 << 16 };

static void smoothed_labels_follow_the_formula(void) {
    static const int32_t labels[] = {2, 0, 4};
    float targets[15];
    for (int s = 0; s <= 4; s++) {
        float smoothing = (float)s / 4;
        CHECK_OK(spar_smooth_labels(labels, 3, 5, smoothing, targets));
        for (int i = 0; i < 15; i++) {
            double expected = (i % 5 == labels[i / 5] ? 1 - (double)smoothing : 0) + (double)smoothing / 5;
            CHECK_NEAR(targets[i], expected, 1e-7);
        }
    }
    CHECK_OK(spar_smooth_labels(labels, 3, 5, 0, targets));
    for (int i = 0; i < 15; i++) CHECK(targets[i] == (i % 5 == labels[i / 5]));
}

static void rows_are_mixed_with_those_from_the_end(void) {
    static const float shares[] = {0.25f, 1, 0.7f, 0, 0.9f};
    for (int count = 1; count <= 5; count++) {
        float rows[5 * 7], before[5 * 7];
        for (int i = 0; i < count * 7; i++) rows[i] = (float)(i * i % 23) / 8 - 1;
        memcpy(before, rows, sizeof rows);
        CHECK_OK(spar_mix_rows(rows, count, 7, shares));
        for (int n = 0; n < count; n++) {
            for (int i = 0; i < 7; i++) {
                double share = shares[n], other = before[(count - 1 - n) * 7 + i];
                CHECK_NEAR(rows[n * 7 + i], share * before[n * 7 + i] + (1 - share) * other, 1e-6);
            }
        }
    }
}

static void betas_follow_the_formula_and_have_their_moments(void) {
    static const double alphas[] = {0x1p-10, 0.2, 0.5, 1, 4, 0x1p20};
    const spar_random_stream stream = {.struct_size = sizeof stream, .seed = 17, .purpose = 0x1234, .step = 3};
    float *values = check_allocate(COUNT * sizeof *values), *uniform = check_allocate(2 * COUNT * sizeof *uniform);
    CHECK_OK(spar_random_uniform(&stream, 0, 2 * COUNT, uniform));
    for (size_t a = 0; a < sizeof alphas / sizeof *alphas; a++) {
        double alpha = alphas[a], mean = 0, square = 0;
        CHECK_OK(spar_random_beta(&stream, 0, COUNT, alpha, values));
        for (int i = 0; i < COUNT; i++) {
            double c = cos(8 * atan(1) * uniform[2 * i + 1]), t = pow(1 - (double)uniform[2 * i], -1 / alpha) - 1;
            if (i < 1000) CHECK_NEAR(values[i], 0.5 + 0.5 * c / sqrt(1 / t + c * c), 1e-6);
            CHECK(values[i] >= 0 && values[i] <= 1);
            mean += values[i] / COUNT;
            square += ((double)values[i] - 0.5) * ((double)values[i] - 0.5) / COUNT;
        }
        double variance = 1 / (4 * (2 * alpha + 1)), error = 5 * sqrt(variance / COUNT);
        CHECK_NEAR(mean, 0.5, error + 1e-7);
        CHECK_NEAR(square, variance, 0.05 * variance);
        float alone;
        CHECK_OK(spar_random_beta(&stream, 77, 1, alpha, &alone));
        CHECK(alone == values[77]);
    }
    free(values);
    free(uniform);
}

static void bad_arguments_are_refused(void) {
    const spar_random_stream stream = {.struct_size = sizeof stream, .purpose = 0x1000};
    int32_t labels[] = {0, 5};
    float values[10] = {0}, bad = NAN;
    CHECK_FAILS(spar_smooth_labels(labels, 2, 5, 0.1f, values), SPAR_ERROR_ARGUMENT, "label 5 of image 1");
    CHECK_FAILS(spar_smooth_labels(labels, 1, 5, 1.5f, values), SPAR_ERROR_ARGUMENT, "1.5");
    CHECK_FAILS(spar_smooth_labels(labels, 0, 5, 0, values), SPAR_ERROR_ARGUMENT, "0 labels");
    CHECK_FAILS(spar_mix_rows(values, 1, 5, &bad), SPAR_ERROR_ARGUMENT, "nan");
    CHECK_FAILS(spar_mix_rows(values, 2, 0, values), SPAR_ERROR_ARGUMENT, "2 rows of 0");
    CHECK_FAILS(spar_mix_rows(NULL, 2, 5, values), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_random_beta(&stream, 0, 1, 0, values), SPAR_ERROR_ARGUMENT, "alpha is 0");
    CHECK_FAILS(spar_random_beta(&stream, 0, 1, NAN, values), SPAR_ERROR_ARGUMENT, "nan");
    CHECK_FAILS(spar_random_beta(&stream, UINT64_MAX / 2, 1, 1, values), SPAR_ERROR_ARGUMENT, "two of its elements");
}

TEST_MAIN(TEST(smoothed_labels_follow_the_formula), TEST(rows_are_mixed_with_those_from_the_end),
          TEST(betas_follow_the_formula_and_have_their_moments), TEST(bad_arguments_are_refused))
