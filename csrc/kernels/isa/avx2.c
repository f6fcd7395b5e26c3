// The kernels for processors with AVX2 and FMA.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/isa/target.h"
SPAR_TARGET_BEGIN("avx2,fma")

#define LANES 8
#define TILE_ROWS 6
#include "kernels/lanes.h"

static inline vf vf_fma(vf a, vf b, vf c) {
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

static inline vf vf_sqrt(vf x) {
    return (vf)_mm256_sqrt_ps((__m256)x);
}

static inline unsigned vi_bits(vi mask) {
    return (unsigned)_mm256_movemask_ps((__m256)mask);
}

static inline vw vw_products(vw x, vw y) {
    return (vw)_mm256_mul_epu32((__m256i)x, (__m256i)y);
}

static inline void vf_store_past_caches(float *p, vf x) {
    _mm256_stream_ps(p, (__m256)x);
}

#define TABLE spar_kernels_avx2
#define ISA_NAME "avx2"
#include "kernels/all.h"

SPAR_TARGET_END
#else
typedef int spar_no_avx2;
#endif
