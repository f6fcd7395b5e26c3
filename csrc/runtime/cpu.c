#include "runtime/cpu.h"

#include "runtime/environment.h"
#include "runtime/parallel.h"
#include "runtime/structure.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

const char *spar_isa_name(spar_isa isa) {
    static const char *const names[] = {"generic", "avx2", "avx512"};
    return names[isa];
}

spar_isa spar_cpu_isa(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
        return SPAR_ISA_AVX512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return SPAR_ISA_AVX2;
#endif
    return SPAR_ISA_GENERIC;
}

spar_isa spar_used_isa(void) {
    static _Atomic int cached = -1;
    int used = cached;
    if (used >= 0) return (spar_isa)used;
    used = spar_cpu_isa();
    const char *cap = getenv("SPARRING_ISA");
    for (int isa = SPAR_ISA_GENERIC; cap != NULL && isa < used; isa++) {
        if (strcmp(cap, spar_isa_name((spar_isa)isa)) == 0) used = isa;
    }
    cached = used;
    return (spar_isa)used;
}

static char cpu_name[49] = "unknown";

static void read_cpu_name(void) {
#if defined(__x86_64__)
    unsigned words[12];
    for (unsigned leaf = 0; leaf < 3; leaf++) {
        unsigned *w = words + 4 * leaf;
        if (!__get_cpuid(0x80000002u + leaf, w, w + 1, w + 2, w + 3)) return;
    }
    memcpy(cpu_name, words, 48);
    for (size_t end = strlen(cpu_name); end > 0 && cpu_name[end - 1] == ' '; end--) cpu_name[end - 1] = 0;
#endif
}

const char *spar_cpu_name(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_cpu_name);
    return cpu_name;
}

// OpenBLAS has AVX-512 kernels under these names and AVX2 kernels under those.
static spar_isa isa_of_core(const char *core) {
    static const char *const avx512_cores[] = {"SkylakeX", "Cooperlake", "Sapphirerapids", "COOPERLAKE",
                                               "SAPPHIRERAPIDS"};
    static const char *const avx2_cores[] = {"Haswell", "Zen", "Excavator"};
    for (size_t i = 0; i < sizeof avx512_cores / sizeof *avx512_cores; i++) {
        if (strcmp(core, avx512_cores[i]) == 0) return SPAR_ISA_AVX512;
    }
    for (size_t i = 0; i < sizeof avx2_cores / sizeof *avx2_cores; i++) {
        if (strcmp(core, avx2_cores[i]) == 0) return SPAR_ISA_AVX2;
    }
    return SPAR_ISA_GENERIC;
}

#define INFO SPAR_STRUCTURE(spar_system_info, threads)

spar_status spar_system(spar_system_info *info) {
    SPAR_TRY(spar_check_structure(INFO, info));
    SPAR_TRY(spar_check_environment());
    spar_system_info own = {
        .isa = spar_isa_name(spar_used_isa()),
        .cpu_isa = spar_isa_name(spar_cpu_isa()),
        .cpu_name = spar_cpu_name(),
        .openblas_core = openblas_get_corename(),
        .threads = spar_available_threads(),
    };
    own.openblas_below_cpu = isa_of_core(own.openblas_core) < spar_cpu_isa();
    spar_fill_structure(INFO, &own, info);
    return SPAR_OK;
}
