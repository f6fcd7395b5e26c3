// Vectors of LANES floats, in the compilers' own vector types. The including file adds vf_fma, vf_sqrt, vi_bits,
// vw_products, of the lower halves of lanes of 64 bits, and vf_store_past_caches, to the place of a whole vector: other
// threads see that after a fence.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));
typedef uint64_t vw __attribute__((vector_size(LANES * 4)));
typedef double vd __attribute__((vector_size(LANES * 8)));
typedef float vf_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint32_t vu_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE vf vf_load(const float *p) {
    return *(const vf_unaligned *)p;
}

INLINE void vf_store(float *p, vf x) {
    *(vf_unaligned *)p = x;
}

// A sweep does its stages block by block, and the hardware's prefetchers stop where blocks do. So the kernel that comes
// to a tensor first asks for the same place in the next block.
INLINE void fetch_to_read(const float *p) {
    __builtin_prefetch(p, 0, 2);
}

INLINE void fetch_to_write(const float *p) {
    __builtin_prefetch(p, 1, 2);
}

INLINE vf vf_load_first(const float *p) {
    fetch_to_read(p + SPAR_BLOCK_FLOATS);
    return vf_load(p);
}

INLINE vf vf_set1(float x) {
    return x - (vf){0};
}

INLINE vi vi_set1(int32_t x) {
    return x - (vi){0};
}

// All ones in the first `count` lanes.
INLINE vi vi_first(int64_t count) {
    vi lane;
    for (int i = 0; i < LANES; i++) lane[i] = i;
    return lane < (int32_t)(count < LANES ? count : LANES);
}

// Lanes of x where the mask is all ones, of y where it is zero.
INLINE vf vf_select(vi mask, vf x, vf y) {
    return (vf)((mask & (vi)x) | (~mask & (vi)y));
}

// Where one of them is NaN, y.
INLINE vf vf_max(vf x, vf y) {
    return vf_select(x > y, x, y);
}

INLINE vf vf_min(vf x, vf y) {
    return vf_select(x < y, x, y);
}

INLINE vi vf_is_nan(vf x) {
    return x != x;
}

INLINE float vf_sum(vf x) {
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += x[lane];
    return sum;
}

// The lanes of the lower halves of x and y in turns, and those of the upper halves.
#if LANES == 16
#define vw_low(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11)
#define vw_high(x, y) __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15)
#elif LANES == 8
#define vw_low(x, y) __builtin_shufflevector(x, y, 0, 4, 1, 5)
#define vw_high(x, y) __builtin_shufflevector(x, y, 2, 6, 3, 7)
#else
#define vw_low(x, y) __builtin_shufflevector(x, y, 0, 2)
#define vw_high(x, y) __builtin_shufflevector(x, y, 1, 3)
#endif

// The mask whose lane i is all ones where bit i is set.
INLINE vi vi_from_bits(unsigned bits) {
    vi weight;
    for (int lane = 0; lane < LANES; lane++) weight[lane] = 1 << lane;
    return (vi_set1((int32_t)bits) & weight) != 0;
}
