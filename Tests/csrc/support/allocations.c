#include "allocations.h"

#include <stdatomic.h>

static atomic_long count, failing_number, live;
static atomic_size_t bytes;

void *__real_calloc(size_t elements, size_t size);
void *__wrap_calloc(size_t elements, size_t size);

// The linker takes calls of calloc here (--wrap); all memory of the engine comes from it.
void *__wrap_calloc(size_t elements, size_t size) {
    if (++count == failing_number) return NULL;
    bytes += elements * size;
    live++;
    return __real_calloc(elements, size);
}

void __real_spar_release(void *memory);
void __wrap_spar_release(void *memory);

void __wrap_spar_release(void *memory) {
    if (memory != NULL) live--;
    __real_spar_release(memory);
}

long allocations_live(void) {
    return live;
}

void allocations_reset(long failing) {
    count = 0;
    bytes = 0;
    failing_number = failing;
}

long allocations_count(void) {
    return count;
}

size_t allocations_bytes(void) {
    return bytes;
}
