// Changes model files so that their headers keep the length that stands before them.
#include "model_files.h"

#include <string.h>

enum { LENGTH_BYTES = 8 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);

static uint64_t header_length(const uint8_t *data) {
    uint64_t length = 0;
    for (int i = LENGTH_BYTES; i-- > 0;) length = length << 8 | data[i];
    return length;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
    static uint8_t tail[FUZZ_MOST_FILE];
    size_t rest = size < LENGTH_BYTES ? 0 : size - LENGTH_BYTES;
    bool whole = seed % 8 == 0 || rest == 0 || header_length(data) > rest || capacity > sizeof tail;
    if (whole) return LLVMFuzzerMutate(data, size, capacity);

    uint8_t *header = data + LENGTH_BYTES;
    size_t length = (size_t)header_length(data), tail_length = rest - length;
    if (seed % 8 == 1 && tail_length > 0)
        return size - tail_length + LLVMFuzzerMutate(header + length, tail_length, capacity - (size - tail_length));
    memcpy(tail, header + length, tail_length);
    length = LLVMFuzzerMutate(header, length, capacity - LENGTH_BYTES - tail_length);
    memcpy(header + length, tail, tail_length);
    for (int i = 0; i < LENGTH_BYTES; i++) data[i] = (uint8_t)((uint64_t)length >> (8 * i));
    return LENGTH_BYTES + length + tail_length;
}
