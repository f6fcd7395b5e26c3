// Statuses and this thread's last error sentence.
#ifndef SPAR_RUNTIME_STATUS_H
#define SPAR_RUNTIME_STATUS_H

#include "sparring.h"

enum { SPAR_MOST_SENTENCE = 1024 };

// Records the sentence and returns `status`.
spar_status spar_fail(spar_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Puts "what: " in front of this thread's sentence and returns `status`.
spar_status spar_fail_in(const char *what, spar_status status);

#define SPAR_TRY(call)                                                                                                 \
    do {                                                                                                               \
        spar_status status_of_call = (call);                                                                           \
        if (status_of_call != SPAR_OK) return status_of_call;                                                          \
    } while (0)

#define SPAR_REQUIRE_POINTER(pointer)                                                                                  \
    do {                                                                                                               \
        if ((pointer) == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: %s is NULL", __func__, #pointer);            \
    } while (0)

#endif
