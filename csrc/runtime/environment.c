#include "runtime/environment.h"

#include "runtime/cpu.h"
#include "runtime/parallel.h"
#include "runtime/status.h"

#include <stdlib.h>
#include <string.h>

static spar_status check_isa(const char *name) {
    if (name == NULL || *name == 0) return SPAR_OK;
    for (int isa = SPAR_ISA_GENERIC; isa <= SPAR_ISA_AVX512; isa++) {
        if (strcmp(name, spar_isa_name((spar_isa)isa)) == 0) return SPAR_OK;
    }
    return spar_fail(SPAR_ERROR_ARGUMENT, "SPARRING_ISA is \"%.64s\"; the instruction sets are %s, %s and %s", name,
                     spar_isa_name(SPAR_ISA_GENERIC), spar_isa_name(SPAR_ISA_AVX2), spar_isa_name(SPAR_ISA_AVX512));
}

// Whole numbers with commas between them, one a level of nested loops.
static bool are_threads(const char *text) {
    for (;; text++) {
        int number = 0;
        text += strspn(text, " \t");
        for (; *text >= '0' && *text <= '9' && number <= SPAR_MOST_THREADS; text++) number = 10 * number + *text - '0';
        text += strspn(text, " \t");
        if (number < 1 || number > SPAR_MOST_THREADS) return false;
        if (*text != ',') return *text == 0;
    }
}

spar_status spar_check_environment(void) {
    const char *threads = getenv("OMP_NUM_THREADS");
    if (threads != NULL && !are_threads(threads)) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "OMP_NUM_THREADS is \"%.64s\"; it has to be a whole number from 1 to %d, or several with "
                         "commas between them",
                         threads, SPAR_MOST_THREADS);
    }
    return check_isa(getenv("SPARRING_ISA"));
}
