// Resizing against the filter's formula in double precision, and what must not change: images of equal size, flat ones.
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 1 << 16 };

static void fill(uint8_t *bytes, size_t count) {
    static const spar_random_stream stream = {.struct_size = sizeof stream, .seed = 3, .purpose = 0x1000};
    uint32_t bits[4096];
    CHECK_OK(spar_random_bits(&stream, 0, count, bits));
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)bits[i];
}

// Weight of source value `i` in result `o`, before the sum is scaled to one.
static double weight(int i, int o, int size, int target) {
    double ratio = (double)size / target, scale = fmax(ratio, 1);
    return fmax(0, 1 - fabs(i + 0.5 - (o + 0.5) * ratio) / scale);
}

static double expected(const uint8_t *source, int row_bytes, int channels, int height, int width, int target_height,
                       int target_width, int c, int y, int x) {
    double sum = 0, weights = 0;
    for (int i = 0; i < height; i++) {
        for (int j = 0; j < width; j++) {
            double w = weight(i, y, height, target_height) * weight(j, x, width, target_width);
            sum += w * source[i * row_bytes + j * channels + c];
            weights += w;
        }
    }
    return sum / weights;
}

static void results_are_the_filters(void) {
    static const int sizes[][5] = {
        {3, 17, 23, 9, 7}, {1, 5, 4, 13, 21}, {3, 30, 20, 30, 5}, {4, 1, 1, 3, 2}, {2, 12, 40, 1, 1}, {3, 8, 8, 20, 3},
    };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        int channels = sizes[s][0], height = sizes[s][1], width = sizes[s][2];
        int target_height = sizes[s][3], target_width = sizes[s][4], row_bytes = channels * width + 5;
        uint8_t source[4096], target[4096];
        fill(source, (size_t)(row_bytes * height));
        CHECK_OK(
            spar_resize_image(source, (size_t)row_bytes, channels, height, width, target_height, target_width, target));
        for (int i = 0; i < channels * target_height * target_width; i++) {
            int x = i % target_width, y = i / target_width % target_height, c = i / target_width / target_height;
            // Both passes round, each by half a level.
            CHECK_NEAR(target[i],
                       expected(source, row_bytes, channels, height, width, target_height, target_width, c, y, x),
                       1.01);
        }
    }
}

static void equal_sizes_only_split_the_channels(void) {
    uint8_t source[6 * 7 * 3], target[6 * 7 * 3];
    fill(source, sizeof source);
    CHECK_OK(spar_resize_image(source, 21, 3, 6, 7, 6, 7, target));
    for (int i = 0; i < 42; i++) {
        for (int c = 0; c < 3; c++) CHECK_EQUAL(target[c * 42 + i], source[i * 3 + c]);
    }
}

static void flat_images_stay_flat(void) {
    for (int level = 0; level < 256; level += 51) {
        uint8_t source[40 * 30], target[33 * 44];
        memset(source, level, sizeof source);
        CHECK_OK(spar_resize_image(source, 30, 1, 40, 30, 33, 44, target));
        for (size_t i = 0; i < sizeof target; i++) CHECK_EQUAL(target[i], level);
        CHECK_OK(spar_resize_image(source, 30, 1, 40, 30, 3, 1, target));
        for (int i = 0; i < 3; i++) CHECK_EQUAL(target[i], level);
    }
}

static void bad_sizes_are_refused(void) {
    uint8_t bytes[64] = {0}, target[64] = {7};
    CHECK_FAILS(spar_resize_image(NULL, 4, 1, 4, 4, 2, 2, target), SPAR_ERROR_ARGUMENT, "source");
    CHECK_FAILS(spar_resize_image(bytes, 4, 1, 4, 4, 2, 2, NULL), SPAR_ERROR_ARGUMENT, "target");
    CHECK_FAILS(spar_resize_image(bytes, 4, 5, 4, 4, 2, 2, target), SPAR_ERROR_ARGUMENT, "5 channels");
    CHECK_FAILS(spar_resize_image(bytes, 4, 1, 0, 4, 2, 2, target), SPAR_ERROR_ARGUMENT, "0x4");
    CHECK_FAILS(spar_resize_image(bytes, 4, 1, 4, 4, 2, LIMIT + 1, target), SPAR_ERROR_ARGUMENT, "2x65537");
    CHECK_FAILS(spar_resize_image(bytes, 11, 3, 4, 4, 2, 2, target), SPAR_ERROR_ARGUMENT, "11 bytes", "4 pixels");
    CHECK_EQUAL(target[0], 7);
}

TEST_MAIN(TEST(results_are_the_filters), TEST(equal_sizes_only_split_the_channels), TEST(flat_images_stay_flat),
          TEST(bad_sizes_are_refused))
