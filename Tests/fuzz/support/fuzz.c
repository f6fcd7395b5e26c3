#define _DEFAULT_SOURCE // mkdtemp
#include "fuzz.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned fuzz_byte(fuzz_bytes *bytes) {
    return bytes->at < bytes->end ? *bytes->at++ : 0;
}

int fuzz_choice(fuzz_bytes *bytes, int count) {
    return (int)(fuzz_byte(bytes) % (unsigned)count);
}

bool fuzz_rarely(fuzz_bytes *bytes, int times) {
    return fuzz_choice(bytes, times) == times - 1;
}

int32_t fuzz_size(fuzz_bytes *bytes, int most) {
    static const int32_t bad[] = {0, -1, 65536, 1 << 20, INT32_MAX, INT32_MIN};
    int byte = (int)fuzz_byte(bytes), first_bad = 256 - (int)(sizeof bad / sizeof *bad);
    return byte >= first_bad ? bad[byte - first_bad] : 1 + byte % most;
}

float fuzz_number(fuzz_bytes *bytes) {
    static const float hard[] = {0,     -0.0f,  1e-45f,   -1e-39f,   1.2e-38f, 1e-20f, 1e20f,
                                 1e30f, -3e38f, INFINITY, -INFINITY, NAN,      1e-7f,  -1e10f};
    int byte = (int)fuzz_byte(bytes), first_hard = 256 - (int)(sizeof hard / sizeof *hard);
    if (byte >= first_hard) return hard[byte - first_hard];
    return (float)(byte - 100) / 64;
}

void fuzz_finding(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "Finding: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

bool fuzz_succeeded(spar_status status) {
    FUZZ_REQUIRE(status >= SPAR_OK && status <= SPAR_ERROR_CANCELLED, "there is no status %d", (int)status);
    if (status == SPAR_OK) return true;
    const char *sentence = spar_last_error();
    FUZZ_REQUIRE(sentence[0] != 0 && strchr(sentence, '\n') == NULL, "no sentence of one line: \"%s\"", sentence);
    return false;
}

void fuzz_require_finite(const float *values, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) FUZZ_REQUIRE(isfinite(values[i]), "%s: value %zu is %g", name, i, values[i]);
}

static char folder[200], path[256], input[256];

static void remove_folder(void) {
    if (input[0] != 0) remove(input);
    rmdir(folder);
}

const char *fuzz_path(const char *name) {
    if (folder[0] == 0) {
        const char *parent = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/sparring-fuzz-XXXXXX", parent != NULL ? parent : "/tmp");
        FUZZ_REQUIRE(mkdtemp(folder) != NULL, "cannot make a folder like %s", folder);
        atexit(remove_folder);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

const char *fuzz_file(const uint8_t *data, size_t size) {
    if (input[0] == 0) strcpy(input, fuzz_path("input"));
    FILE *file = fopen(input, "wb");
    FUZZ_REQUIRE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0, "cannot write %s", input);
    return input;
}

uint64_t fuzz_digest(uint64_t digest, const void *data, size_t size) {
    for (size_t i = 0; i < size; i++) digest = (digest ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    return digest;
}
