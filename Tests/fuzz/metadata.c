// A file of any bytes has the metadata that it has, or none.
#include "support/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const keys[] = {"note", "sparring.graph", "sparring.version", "data_offsets", ""};
    const char *path = fuzz_file(data, size);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char value[64];
        size_t needed = 0;
        memset(value, 'x', sizeof value);
        if (!fuzz_succeeded(spar_file_metadata(path, keys[i], value, sizeof value, &needed))) continue;
        FUZZ_REQUIRE(needed <= size + 1, "a value of %zu bytes from a file of %zu", needed, size);
        FUZZ_REQUIRE(needed == 0 || memchr(value, 0, sizeof value) != NULL, "a value without its zero");
        FUZZ_REQUIRE(needed > sizeof value || needed == 0 || strlen(value) + 1 == needed,
                     "%zu bytes are needed for a value of %zu", needed, strlen(value));
    }
    return 0;
}
