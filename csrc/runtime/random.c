#include "runtime/random.h"

#include "runtime/status.h"

#include <math.h>
#include <string.h>

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

// ln x for 0 < x ≤ 1, to about 1e-7 (Cephes). Like the next function without branches, so that compilers vectorize it.
static inline float log_of(float x) {
    union {
        float f;
        int32_t i;
    } mantissa = {x};
    int32_t below = (mantissa.i & 0x7fffff) < 0x3504f3; // mantissa below √2
    float exponent = (float)((mantissa.i >> 23) - 126 - below);
    mantissa.i = (mantissa.i & 0x7fffff) | (0x3f000000 + (below << 23));
    float t = mantissa.f - 1, square = t * t, p = 7.0376836292e-2f;
    p = p * t - 1.1514610310e-1f;
    p = p * t + 1.1676998740e-1f;
    p = p * t - 1.2420140846e-1f;
    p = p * t + 1.4249322787e-1f;
    p = p * t - 1.6668057665e-1f;
    p = p * t + 2.0000714765e-1f;
    p = p * t - 2.4999993993e-1f;
    p = p * t + 3.3333331174e-1f;
    p = p * t * square + exponent * -2.12194440e-4f - 0.5f * square;
    return t + p + exponent * 0.693359375f;
}

// cos 2πu and sin 2πu for 0 ≤ u < 1: the series around the nearest quarter of a turn.
static inline void turn(float u, float *cosine, float *sine) {
    int32_t quarter = (int32_t)(4 * u + 0.5f);
    float r = (4 * u - (float)quarter) * 1.57079632679f, square = r * r;
    float s = ((-1.9515295891e-4f * square + 8.3321608736e-3f) * square - 1.6666654611e-1f) * square * r + r;
    float c =
        ((2.443315711809948e-5f * square - 1.388731625493765e-3f) * square + 4.166664568298827e-2f) * square * square -
        0.5f * square + 1;
    float across = quarter & 1 ? s : c, along = quarter & 1 ? c : s;
    *cosine = (quarter + 1) & 2 ? -across : across;
    *sine = quarter & 2 ? -along : along;
}

enum { BLOCKS = 8 }; // of the generator, whose normal values are made at once

// Box–Muller; 1 − u keeps the logarithm's argument above zero.
static void normal_blocks(const spar_random_stream *stream, uint64_t block, float *values) {
    uint32_t words[4 * BLOCKS];
    float radius[2 * BLOCKS], cosine[2 * BLOCKS], sine[2 * BLOCKS];
    for (int b = 0; b < BLOCKS; b++) philox_block(stream, block + (uint64_t)b, words + 4 * b);
    for (int i = 0; i < 2 * BLOCKS; i++) {
        radius[i] = -2.0f * log_of(1.0f - uniform_of(words[2 * i]));
        turn(uniform_of(words[2 * i + 1]), &cosine[i], &sine[i]);
    }
    for (int i = 0; i < 2 * BLOCKS; i++) {
        float r = sqrtf(radius[i]);
        values[2 * i] = r * cosine[i];
        values[2 * i + 1] = r * sine[i];
    }
}

void spar_fill_normal(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    float normals[4 * BLOCKS];
    for (uint64_t i = first; i < first + count;) {
        uint64_t group = i / (4 * BLOCKS), offset = i % (4 * BLOCKS), part = 4 * BLOCKS - offset;
        if (part > first + count - i) part = first + count - i;
        normal_blocks(stream, group * BLOCKS, normals);
        memcpy(values + (i - first), normals + offset, part * sizeof *values);
        i += part;
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
