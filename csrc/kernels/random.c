#include "kernels/random.h"

#include "kernels/kernels.h"
#include "runtime/structure.h"

#include <math.h>
#include <string.h>

// Pieces that begin at their multiples do not reach over the end of a key's 2^32 blocks.
enum { PIECE = 4096, GROUP = 4 * SPAR_DRAWN_BLOCKS, WORD = 4 };

// The other words of the counter are taken, so that only 32 bits are left for the block. The first 2^32 blocks have the
// seed for a key, every 2^32 that follow a key drawn from it.
static spar_counter counter_of(const spar_kernels *kernels, const spar_random_stream *stream, uint32_t high) {
    spar_counter counter = {{UINT32_MAX, UINT32_MAX, UINT32_MAX},
                            {(uint32_t)stream->seed, (uint32_t)(stream->seed >> 32)}};
    if (high != 0) {
        uint32_t drawn[GROUP];
        kernels->draw_bits(&counter, high / SPAR_DRAWN_BLOCKS * SPAR_DRAWN_BLOCKS, SPAR_DRAWN_BLOCKS, drawn);
        memcpy(counter.key, drawn + high % SPAR_DRAWN_BLOCKS * 4, sizeof counter.key);
    }
    counter.words[0] = stream->purpose << 16 | stream->layer;
    counter.words[1] = (uint32_t)stream->step;
    counter.words[2] = (uint32_t)(stream->step >> 32);
    return counter;
}

// Elements that do not fill a group of blocks are drawn beside and copied. Element `first + i` counts up to 2^64 − 1;
// the number behind it would be 0.
static void fill(const spar_kernels *kernels, spar_draw draw, const spar_random_stream *stream, uint64_t first,
                 size_t count, void *values) {
    char beside[GROUP * WORD];
    for (size_t i = 0, part; i < count; i += part) {
        uint64_t element = first + i, group = element / GROUP;
        size_t inside = element % GROUP, left = count - i;
        spar_counter counter = counter_of(kernels, stream, (uint32_t)(element / 4 >> 32));
        if (inside == 0 && left >= GROUP) {
            part = PIECE - element % PIECE;
            if (part > left) part = left / GROUP * GROUP;
            draw(&counter, (uint32_t)(element / 4), (int64_t)part / 4, (char *)values + i * WORD);
            continue;
        }
        part = GROUP - inside < left ? GROUP - inside : left;
        draw(&counter, (uint32_t)(group * SPAR_DRAWN_BLOCKS), SPAR_DRAWN_BLOCKS, beside);
        memcpy((char *)values + i * WORD, beside + inside * WORD, part * WORD);
    }
}

void spar_fill_bits(const spar_random_stream *stream, uint64_t first, size_t count, uint32_t *bits) {
    const spar_kernels *kernels = spar_kernels_for_cpu();
    fill(kernels, kernels->draw_bits, stream, first, count, bits);
}

void spar_fill_uniform(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    const spar_kernels *kernels = spar_kernels_for_cpu();
    fill(kernels, kernels->draw_uniforms, stream, first, count, values);
}

void spar_fill_normal(const spar_random_stream *stream, uint64_t first, size_t count, float *values) {
    const spar_kernels *kernels = spar_kernels_for_cpu();
    fill(kernels, kernels->draw_normals, stream, first, count, values);
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
