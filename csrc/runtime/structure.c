#include "runtime/structure.h"

#include <string.h>

// Sizes beyond are no structures but memory that was never written.
enum { MOST_BYTES = 1 << 12 };

static spar_status check_size(spar_structure structure, uint32_t size) {
    if (size >= structure.first && size <= MOST_BYTES) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: its struct_size is %u; it has %u bytes or more, %u in version %s",
                     structure.type, size, structure.first, structure.known, spar_version());
}

spar_status spar_check_structure(spar_structure structure, const void *given) {
    if (given == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: the pointer is NULL", structure.type);
    return check_size(structure, *(const uint32_t *)given);
}

spar_status spar_take_structure(spar_structure structure, const void *given, void *own) {
    SPAR_TRY(spar_check_structure(structure, given));
    uint32_t size = *(const uint32_t *)given;
    const unsigned char *bytes = given;
    for (uint32_t i = structure.known; i < size; i++) {
        if (bytes[i] == 0) continue;
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "%s: byte %u of %u is set, version %s knows %u: the program needs a "
                         "newer one",
                         structure.type, i, size, spar_version(), structure.known);
    }
    memcpy(own, given, size < structure.known ? size : structure.known);
    memcpy(own, &structure.known, sizeof structure.known);
    return SPAR_OK;
}

void spar_fill_structure(spar_structure structure, const void *own, void *given) {
    uint32_t size = *(const uint32_t *)given, common = size < structure.known ? size : structure.known;
    memcpy((char *)given + sizeof size, (const char *)own + sizeof size, common - sizeof size);
    memset((char *)given + common, 0, size - common);
}

spar_status spar_fill_defaults(spar_structure structure, const void *own, void *given, uint32_t size) {
    if (given == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: the pointer is NULL", structure.type);
    SPAR_TRY(check_size(structure, size));
    memcpy(given, &size, sizeof size);
    spar_fill_structure(structure, own, given);
    return SPAR_OK;
}
