#include "runtime/memory.h"

#include <stdlib.h>
#include <string.h>

enum { alignment = 64 };

// calloc leaves the pages of a large block untouched until they are used; aligned_alloc and memset would not.
void *spar_allocate(size_t bytes) {
    char *raw = bytes <= SIZE_MAX - 2 * alignment ? calloc(1, bytes + 2 * alignment) : NULL;
    if (raw == NULL) {
        spar_fail(SPAR_ERROR_MEMORY, "out of memory: %zu bytes could not be had", bytes);
        return NULL;
    }
    char *aligned = (char *)(((uintptr_t)raw + 2 * alignment - 1) / alignment * alignment);
    memcpy(aligned - sizeof raw, &raw, sizeof raw);
    return aligned;
}

void spar_release(void *memory) {
    if (memory == NULL) return;
    void *raw;
    memcpy(&raw, (char *)memory - sizeof raw, sizeof raw);
    free(raw);
}

char *spar_copy_string(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = spar_allocate(bytes);
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}
