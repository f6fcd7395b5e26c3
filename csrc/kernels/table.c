#include "kernels/kernels.h"

#include "runtime/cpu.h"

const spar_kernels *spar_kernels_for_cpu(void) {
#if defined(__x86_64__)
    switch (spar_used_isa()) {
    case SPAR_ISA_AVX512:
        return &spar_kernels_avx512;
    case SPAR_ISA_AVX2:
        return &spar_kernels_avx2;
    case SPAR_ISA_GENERIC:
        break;
    }
#endif
    return &spar_kernels_generic;
}
