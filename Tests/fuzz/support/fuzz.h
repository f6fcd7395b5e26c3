// What the fuzzers share: bytes of an input taken one after the other, and what is a finding besides a crash.
#ifndef FUZZ_H
#define FUZZ_H

#include "sparring.h"

// Called by libFuzzer for every input.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_bytes {
    const uint8_t *at, *end;
} fuzz_bytes;

// The next byte; 0 when there are no more.
unsigned fuzz_byte(fuzz_bytes *bytes);

// 0 to count − 1, of at most 256.
int fuzz_choice(fuzz_bytes *bytes, int count);

// True once in `times`.
bool fuzz_rarely(fuzz_bytes *bytes, int times);

// Mostly 1 to `most`, seldom a number that no size may be.
int32_t fuzz_size(fuzz_bytes *bytes, int most);

// Mostly of moderate size, seldom one that is hard to calculate with: subnormal, huge, infinite, NaN.
float fuzz_number(fuzz_bytes *bytes);

// Ends the program with the sentence where what must hold does not.
#define FUZZ_REQUIRE(condition, ...)                                                                                   \
    do {                                                                                                               \
        if (!(condition)) fuzz_finding(__VA_ARGS__);                                                                   \
    } while (0)
__attribute__((format(printf, 1, 2))) _Noreturn void fuzz_finding(const char *format, ...);

// A call that fails says why. Returns whether `status` is SPAR_OK.
bool fuzz_succeeded(spar_status status);

// All values of what `name` tells are finite.
void fuzz_require_finite(const float *values, size_t count, const char *name);

// Path of a file of the fuzzer's own, in a folder that is removed at the end; valid until the next call.
const char *fuzz_path(const char *name);

// Writes the input there and returns its path.
const char *fuzz_file(const uint8_t *data, size_t size);

// FNV-1a, which goes on from `digest`.
uint64_t fuzz_digest(uint64_t digest, const void *data, size_t size);

#endif
