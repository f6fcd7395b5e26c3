// Parts of images of any size and distance of rows: nothing outside them is read, no result lies outside of their
// values, and a part gives what it gives alone.
#include "support/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 22 };

static int32_t side(fuzz_bytes *bytes) {
    int32_t low = fuzz_size(bytes, 40);
    return fuzz_rarely(bytes, 16) && low > 0 && low <= 40 ? low * 50 : low;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, data + size};
    int32_t channels = fuzz_size(&bytes, 4);
    int32_t height = side(&bytes), width = side(&bytes), target_height = side(&bytes), target_width = side(&bytes);
    int64_t gap = fuzz_choice(&bytes, 5) - 1;
    int64_t row = (int64_t)width * channels, row_bytes = row + gap;
    bool possible = height > 0 && row > 0 && row_bytes > 0;
    if (possible && (row > MOST_BYTES || height > MOST_BYTES)) return 0;
    int64_t source_bytes = possible ? (height - 1) * row_bytes + row : 1;
    int64_t pixels = target_height > 0 && target_width > 0 ? (int64_t)target_height * target_width : 1;
    int64_t middle = height > 0 && target_width > 0 ? (int64_t)height * target_width : 1;
    if (middle > MOST_BYTES) return 0; // the time and memory of it are known
    if (source_bytes > MOST_BYTES || pixels > MOST_BYTES / (channels > 0 ? channels : 1)) return 0;
    size_t target_bytes = (size_t)(pixels * (channels > 0 ? channels : 1));

    uint8_t *source = malloc((size_t)source_bytes), *target = malloc(target_bytes);
    uint8_t lowest = 255, highest = 0;
    for (int64_t i = 0; i < source_bytes; i++) {
        source[i] = (uint8_t)(fuzz_byte(&bytes) + (unsigned)i % 7);
        if (!possible || i % row_bytes < row) {
            lowest = source[i] < lowest ? source[i] : lowest;
            highest = source[i] > highest ? source[i] : highest;
        }
    }
    memset(target, 0xA5, target_bytes);
    spar_status status =
        spar_resize_image(source, (size_t)row_bytes, channels, height, width, target_height, target_width, target);
    if (fuzz_succeeded(status)) {
        for (size_t i = 0; i < target_bytes; i++) {
            FUZZ_REQUIRE(target[i] >= lowest && target[i] <= highest, "%d is not in [%d, %d]", target[i], lowest,
                         highest);
        }
    }
    free(source);
    free(target);
    return 0;
}
