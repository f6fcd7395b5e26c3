// The engine's allocations, counted and made to fail.
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stddef.h>

// Counts allocations and bytes from here on; the allocation of this number, from 1, fails, and 0 lets all succeed.
void allocations_reset(long failing);

// Since the last reset.
long allocations_count(void);
size_t allocations_bytes(void);

// Not yet released; of the engine's and, as they are not released but freed, of the test's own.
long allocations_live(void);

#endif
