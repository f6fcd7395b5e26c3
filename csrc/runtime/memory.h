// Zeroed memory aligned to cache lines.
#ifndef SPAR_RUNTIME_MEMORY_H
#define SPAR_RUNTIME_MEMORY_H

#include "runtime/status.h"

// Floats a row of `count` columns occupies: a multiple of 16, a cache line.
static inline int64_t spar_round_up16(int64_t count) {
    return (count + 15) / 16 * 16;
}

// Memory for `count` elements of `size` bytes; either may be 0. NULL, with the error recorded, when it cannot be had,
// or when all that is held would be more than the machine's memory, which systems promise and then kill for.
void *spar_allocate(size_t count, size_t size);
void spar_release(void *memory);
char *spar_copy_string(const char *text);

#endif
