// The variables of the environment that the engine depends on.
#ifndef SPAR_RUNTIME_ENVIRONMENT_H
#define SPAR_RUNTIME_ENVIRONMENT_H

#include "sparring.h"

// Fails when SPARRING_ISA names no instruction set, or when OMP_NUM_THREADS is one that LLVM's OpenMP would end the
// program for, which reads it where its first parallel loop begins. Asked before objects are made that need either.
spar_status spar_check_environment(void);

#endif
