// The search for a NaN or an infinity among numbers from outside or on their way there.
#ifndef SPAR_RUNTIME_FINITE_H
#define SPAR_RUNTIME_FINITE_H

#include <math.h>
#include <stdint.h>

// The index of the first value that is not finite; `count` where all are.
static inline int64_t spar_first_non_finite(const float *values, int64_t count) {
    int64_t i = 0;
    while (i < count && isfinite(values[i])) i++;
    return i;
}

#endif
