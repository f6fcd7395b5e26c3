// Sums and products of sizes, which end at INT64_MAX where they would overflow: beyond every limit.
#ifndef SPAR_RUNTIME_SIZES_H
#define SPAR_RUNTIME_SIZES_H

#include <stdint.h>

static inline int64_t spar_plus(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static inline int64_t spar_times(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

#endif
