#define _DEFAULT_SOURCE

#include "runtime/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 64, LEAST_HUGE = 4 << 20 };

// Stands right before the memory that is given out.
typedef struct block {
    char *raw;
    size_t bytes;
} block;

static atomic_size_t held; // by the whole process

static size_t machine_bytes(void) {
    static atomic_size_t cached;
    size_t bytes = cached;
    if (bytes > 0) return bytes;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    bytes = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : SIZE_MAX;
    cached = bytes;
    return bytes;
}

static void *refuse(size_t count, size_t size) {
    spar_fail(SPAR_ERROR_MEMORY, "out of memory: %.0f bytes could not be had besides %zu; the machine has %zu",
              (double)count * (double)size, (size_t)held, machine_bytes());
    return NULL;
}

// A step reads and writes hundreds of megabytes, more than the processor remembers the addresses of in pages of 4 KB.
static void ask_for_huge_pages(char *memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)memory + page - 1) / page * page;
    if (bytes >= LEAST_HUGE) (void)madvise((void *)first, (uintptr_t)memory + bytes - first, MADV_HUGEPAGE);
#else
    (void)memory;
    (void)bytes;
#endif
}

// calloc leaves the pages of a large block untouched until they are used; aligned_alloc and memset would not.
void *spar_allocate(size_t count, size_t size) {
    if (size > 0 && count > (machine_bytes() - 2 * ALIGNMENT) / size) return refuse(count, size);
    size_t bytes = count * size + 2 * ALIGNMENT;
    char *raw = atomic_fetch_add(&held, bytes) <= machine_bytes() - bytes ? calloc(1, bytes) : NULL;
    if (raw == NULL) {
        atomic_fetch_sub(&held, bytes);
        return refuse(count, size);
    }
    ask_for_huge_pages(raw, bytes);
    char *aligned = (char *)(((uintptr_t)raw + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    block block = {raw, bytes};
    memcpy(aligned - sizeof block, &block, sizeof block);
    return aligned;
}

void spar_release(void *memory) {
    if (memory == NULL) return;
    block block;
    memcpy(&block, (char *)memory - sizeof block, sizeof block);
    atomic_fetch_sub(&held, block.bytes);
    free(block.raw);
}

char *spar_copy_string(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = spar_allocate(bytes, 1);
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}
