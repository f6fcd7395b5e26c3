// The kernels for processors with AVX-512 F, DQ, BW and VL.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/isa/target.h"
SPAR_TARGET_BEGIN("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")

#define LANES 16
#define TILE_ROWS 14
#include "kernels/lanes.h"

static inline vf vf_fma(vf a, vf b, vf c) {
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

static inline vf vf_sqrt(vf x) {
    return (vf)_mm512_sqrt_ps((__m512)x);
}

static inline unsigned vi_bits(vi mask) {
    return _mm512_movepi32_mask((__m512i)mask);
}

static inline vw vw_products(vw x, vw y) {
    return (vw)_mm512_mul_epu32((__m512i)x, (__m512i)y);
}

static inline void vf_store_past_caches(float *p, vf x) {
    _mm512_stream_ps(p, (__m512)x);
}

#define TABLE spar_kernels_avx512
#define ISA_NAME "avx512"
#include "kernels/all.h"

SPAR_TARGET_END
#else
typedef int spar_no_avx512;
#endif
