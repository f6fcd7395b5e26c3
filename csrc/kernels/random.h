// Counter-based random streams: Philox 4x32-10 (Salmon et al. 2011).
#ifndef SPAR_RUNTIME_RANDOM_H
#define SPAR_RUNTIME_RANDOM_H

#include "sparring.h"

enum {
    SPAR_PURPOSE_INITIALIZE = 1,
    SPAR_PURPOSE_DROPOUT = 2,
    SPAR_PURPOSE_MAGNITUDE = 3,
    SPAR_PURPOSE_NOISE = 4,
    SPAR_PURPOSE_PGD = 5,
    SPAR_PURPOSE_SQUARE = 6,
    SPAR_PURPOSE_EMBEDDING = 7,
    SPAR_PURPOSE_APGD = 8,
    SPAR_PURPOSE_START = 9,
};

void spar_fill_bits(const spar_random_stream *stream, uint64_t first, size_t count, uint32_t *bits);
void spar_fill_uniform(const spar_random_stream *stream, uint64_t first, size_t count, float *values);
void spar_fill_normal(const spar_random_stream *stream, uint64_t first, size_t count, float *values);

#endif
