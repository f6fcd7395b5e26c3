#include "runtime/random.h"

#include "runtime/structure.h"

#include <math.h>
#include <string.h>

typedef struct philox_key {
    uint32_t words[2];
} philox_key;

static inline void philox(uint32_t c[4], philox_key key) {
    for (int round = 0; round < 10; round++) {
        uint64_t product0 = (uint64_t)0xD2511F53u * c[0], product1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t high0 = (uint32_t)(product0 >> 32), high1 = (uint32_t)(product1 >> 32);
        uint32_t next0 = high1 ^ c[1] ^ key.words[0], next2 = high0 ^ c[3] ^ key.words[1];
        c[0] = next0, c[1] = (uint32_t)product1, c[2] = next2, c[3] = (uint32_t)product0;
        key.words[0] += 0x9E3779B9u;
        key.words[1] += 0xBB67AE85u;
    }
}

// The other words of the counter are taken, so that only 32 bits are left for the block. The first 2^32 blocks have the
// seed for a key, every 2^32 that follow a key drawn from it.
static philox_key key_of(const spar_random_stream *stream, uint64_t block) {
    philox_key key = {{(uint32_t)stream->seed, (uint32_t)(stream->seed >> 32)}};
    uint32_t high = (uint32_t)(block >> 32), drawn[4] = {high, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    if (high == 0) return key;
    philox(drawn, key);
    return (philox_key){{drawn[0], drawn[1]}};
}

static inline void philox_block(const spar_random_stream *stream, philox_key key, uint64_t block, uint32_t out[4]) {
    out[0] = (uint32_t)block, out[1] = stream->purpose << 16 | stream->layer;
    out[2] = (uint32_t)stream->step, out[3] = (uint32_t)(stream->step >> 32);
    philox(out, key);
}

// Element `first + i` counts up to 2^64 − 1; the number behind it would be 0.
void spar_fill_bits(const spar_random_stream *stream, uint64_t first, size_t count, uint32_t *bits) {
    uint32_t words[4];
    for (size_t i = 0; i < count;) {
        uint64_t block = (first + i) / 4, offset = (first + i) % 4;
        philox_block(stream, key_of(stream, block), block, words);
        for (; offset < 4 && i < count; offset++, i++) bits[i] = words[offset];
    }
}

static float uniform_of(uint32_t bits) {
    return (float)(bits >> 8) * 0x1p-24f;
}

void spar_fill_uniform(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    uint32_t bits[64];
    for (size_t i = 0, part; i < count; i += part) {
        part = count - i < 64 ? count - i : 64;
        spar_fill_bits(stream, first + i, part, bits);
        for (size_t j = 0; j < part; j++) values[i + j] = uniform_of(bits[j]);
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
    philox_key key = key_of(stream, block);
    for (int b = 0; b < BLOCKS; b++) philox_block(stream, key, block + (uint64_t)b, words + 4 * b);
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
    for (size_t i = 0, part; i < count; i += part) {
        uint64_t group = (first + i) / (4 * BLOCKS), offset = (first + i) % (4 * BLOCKS);
        part = 4 * BLOCKS - offset < count - i ? 4 * BLOCKS - offset : count - i;
        normal_blocks(stream, group * BLOCKS, normals);
        memcpy(values + i, normals + offset, part * sizeof *values);
    }
}

static spar_status take_range(const spar_random_stream *given, uint64_t first, size_t count, const void *out,
                              spar_random_stream *stream) {
    SPAR_TRY(spar_take_structure(SPAR_STRUCTURE(spar_random_stream, step), given, stream));
    if (out == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "random stream: a pointer is NULL");
    if (stream->purpose >= 1u << 16 || stream->layer >= 1u << 16) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "random stream: purpose %u and layer %u must be below 65536",
                         stream->purpose, stream->layer);
    }
    if (count > 0 && count - 1 > UINT64_MAX - first) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "random stream: %zu elements from %llu on; a stream ends with %llu",
                         count, (unsigned long long)first, (unsigned long long)UINT64_MAX);
    }
    return SPAR_OK;
}

spar_status spar_random_bits(const spar_random_stream *stream, uint64_t first, size_t count, uint32_t *bits) {
    spar_random_stream taken;
    SPAR_TRY(take_range(stream, first, count, bits, &taken));
    spar_fill_bits(&taken, first, count, bits);
    return SPAR_OK;
}

spar_status spar_random_uniform(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    spar_random_stream taken;
    SPAR_TRY(take_range(stream, first, count, values, &taken));
    spar_fill_uniform(&taken, first, count, values);
    return SPAR_OK;
}

spar_status spar_random_normal(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    spar_random_stream taken;
    SPAR_TRY(take_range(stream, first, count, values, &taken));
    spar_fill_normal(&taken, first, count, values);
    return SPAR_OK;
}

// Bailey's polar method in double precision, whose rounding to float hides differences between mathematical libraries.
static float beta_of(float u, float v, double alpha) {
    double c = cos(6.283185307179586 * (double)v), ratio = expm1(-log1p(-(double)u) / alpha);
    return (float)(0.5 + 0.5 * c / sqrt(1 / ratio + c * c));
}

spar_status spar_random_beta(const spar_random_stream *stream, uint64_t first, size_t count, double alpha,
                             float *values) {
    spar_random_stream taken;
    SPAR_TRY(take_range(stream, first, count, values, &taken));
    if (first > UINT64_MAX / 2 || count > UINT64_MAX / 2 - first) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "random stream: each beta takes two of its elements; %zu from %llu on are "
                         "too many",
                         count, (unsigned long long)first);
    }
    if (!(alpha >= 0x1p-10 && alpha <= 0x1p20)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "random stream: alpha is %g; it must be at least 2^-10 and at most 2^20",
                         alpha);
    }
    for (size_t i = 0; i < count; i++) {
        float pair[2];
        spar_fill_uniform(&taken, 2 * (first + i), 2, pair);
        values[i] = beta_of(pair[0], pair[1], alpha);
    }
    return SPAR_OK;
}
