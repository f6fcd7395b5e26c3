#include "runtime/random.h"

#include "runtime/status.h"

#include <math.h>

static void philox_block(const spar_random_stream *stream, uint64_t block, uint32_t out[4]) {
    uint32_t key0 = (uint32_t)stream->seed, key1 = (uint32_t)(stream->seed >> 32);
    uint32_t c0 = (uint32_t)block, c1 = stream->purpose << 16 | stream->layer;
    uint32_t c2 = (uint32_t)stream->step, c3 = (uint32_t)(stream->step >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t product0 = (uint64_t)0xD2511F53u * c0, product1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)product0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void spar_fill_bits(const spar_random_stream *stream, uint64_t first, size_t count, uint32_t *bits) {
    uint32_t words[4];
    for (uint64_t i = first; i < first + count; i++) {
        if (i == first || i % 4 == 0) philox_block(stream, i / 4, words);
        bits[i - first] = words[i % 4];
    }
}

static float uniform_of(uint32_t bits) {
    return (float)(bits >> 8) * 0x1p-24f;
}

void spar_fill_uniform(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    uint32_t words[4];
    for (uint64_t i = first; i < first + count; i++) {
        if (i == first || i % 4 == 0) philox_block(stream, i / 4, words);
        values[i - first] = uniform_of(words[i % 4]);
    }
}

// Box–Muller; 1 − u keeps the logarithm's argument above zero.
void spar_fill_normal(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    uint32_t words[4];
    float normals[4];
    for (uint64_t i = first; i < first + count; i++) {
        if (i == first || i % 4 == 0) {
            philox_block(stream, i / 4, words);
            for (int pair = 0; pair < 4; pair += 2) {
                float radius = sqrtf(-2.0f * logf(1.0f - uniform_of(words[pair])));
                float angle = 6.2831853071795865f * uniform_of(words[pair + 1]);
                normals[pair] = radius * cosf(angle);
                normals[pair + 1] = radius * sinf(angle);
            }
        }
        values[i - first] = normals[i % 4];
    }
}

static spar_status check_stream(const spar_random_stream *stream, const void *out) {
    if (stream == NULL || out == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "random stream: a pointer is NULL");
    if (stream->purpose >= 1u << 16 || stream->layer >= 1u << 16) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "random stream: purpose %u and layer %u must be below 65536",
                         stream->purpose, stream->layer);
    }
    return SPAR_OK;
}

spar_status spar_random_bits(const spar_random_stream *stream, uint64_t first, size_t count, uint32_t *bits) {
    SPAR_TRY(check_stream(stream, bits));
    spar_fill_bits(stream, first, count, bits);
    return SPAR_OK;
}

spar_status spar_random_uniform(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    SPAR_TRY(check_stream(stream, values));
    spar_fill_uniform(stream, first, count, values);
    return SPAR_OK;
}

spar_status spar_random_normal(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    SPAR_TRY(check_stream(stream, values));
    spar_fill_normal(stream, first, count, values);
    return SPAR_OK;
}
