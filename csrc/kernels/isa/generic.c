// The kernels in what every compiler can build for every processor.
#define LANES 4
#define TILE_ROWS 6
#include "kernels/lanes.h"

static inline vf vf_fma(vf a, vf b, vf c) {
    return a * b + c;
}

static inline vf vf_sqrt(vf x) {
    for (int lane = 0; lane < LANES; lane++) x[lane] = sqrtf(x[lane]);
    return x;
}

static inline unsigned vi_bits(vi mask) {
    unsigned bits = 0;
    for (int lane = 0; lane < LANES; lane++) bits |= (unsigned)(mask[lane] & 1) << lane;
    return bits;
}

static inline vw vw_products(vw x, vw y) {
    return (x & 0xffffffffu) * (y & 0xffffffffu);
}

static inline void vf_store_past_caches(float *p, vf x) {
    vf_store(p, x);
}

#define TABLE spar_kernels_generic
#define ISA_NAME "generic"
#include "kernels/all.h"
