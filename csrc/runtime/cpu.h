// What this processor can do.
#ifndef SPAR_RUNTIME_CPU_H
#define SPAR_RUNTIME_CPU_H

typedef enum spar_isa { SPAR_ISA_GENERIC = 0, SPAR_ISA_AVX2 = 1, SPAR_ISA_AVX512 = 2 } spar_isa;

spar_isa spar_cpu_isa(void);  // the best one this processor has
spar_isa spar_used_isa(void); // capped by SPARRING_ISA, read once
const char *spar_isa_name(spar_isa isa);
const char *spar_cpu_name(void);

#endif
