// Public structures begin with their size, by which callers that were compiled with another header are understood:
// sparring.h says how under "Conventions".
#ifndef SPAR_RUNTIME_STRUCTURE_H
#define SPAR_RUNTIME_STRUCTURE_H

#include "runtime/status.h"

typedef struct spar_structure {
    const char *type;
    uint32_t first; // bytes that even the oldest callers have
    uint32_t known; // of it as it is now
} spar_structure;

// `last` is the last field that the structure had when it was first released. It stays when fields are added.
#define SPAR_STRUCTURE(type, last)                                                                                     \
    ((spar_structure){#type, (uint32_t)(offsetof(type, last) + sizeof((type *)0)->last), (uint32_t)sizeof(type)})

// Is this a structure of a size that callers may have? For what will be filled: before anything else is done.
spar_status spar_check_structure(spar_structure structure, const void *given);

// Copies a checked structure of a caller over `own`, which holds the defaults; its size becomes the one known here.
spar_status spar_take_structure(spar_structure structure, const void *given, void *own);

// Copies as much of `own` as the caller knows, and zeros beyond what is known here. `given` has been checked.
void spar_fill_structure(spar_structure structure, const void *own, void *given);

// What the functions of defaults do; all zeros where it fails.
spar_status spar_fill_defaults(spar_structure structure, const void *own, void *given, uint32_t size);

// Element i of a caller's array, whose first element is checked.
static inline const void *spar_structure_at(const void *array, size_t i) {
    return (const char *)array + i * *(const uint32_t *)array;
}

#endif
