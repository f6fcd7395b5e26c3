#include "runtime/status.h"

#include "runtime/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[SPAR_MOST_SENTENCE] = "no error";

// Names and paths come from outside: whatever is in them, a sentence is one line of UTF-8.
static void record(const char *sentence, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t count = spar_utf8_character(sentence + i, length - i);
        bool readable = count > 0 && !spar_is_control(sentence + i);
        if (count == 0) count = 1;
        if (readable) memcpy(last_error + i, sentence + i, count);
        if (!readable) memset(last_error + i, '?', count);
        i += count;
    }
    last_error[length] = 0;
}

spar_status spar_fail(spar_status status, const char *format, ...) {
    char sentence[sizeof last_error];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    record(sentence, strlen(sentence));
    return status;
}

spar_status spar_fail_in(const char *what, spar_status status) {
    return spar_fail(status, "%.500s: %s", what, last_error);
}

const char *spar_last_error(void) {
    return last_error;
}

const char *spar_version(void) {
    return SPAR_VERSION;
}
