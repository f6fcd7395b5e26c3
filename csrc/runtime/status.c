#include "runtime/status.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last_error[1024] = "no error";

spar_status spar_fail(spar_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

const char *spar_last_error(void) {
    return last_error;
}

const char *spar_version(void) {
    return "0.1.0";
}
