// Long calls ask their caller whether to go on.
#ifndef SPAR_RUNTIME_PROCEED_H
#define SPAR_RUNTIME_PROCEED_H

#include "runtime/status.h"

// `what` begins the sentence where the caller says no: "the attack".
static inline spar_status spar_go_on(spar_proceed proceed, void *context, double done, const char *what) {
    if (proceed == NULL || proceed(context, done)) return SPAR_OK;
    return spar_fail(SPAR_ERROR_CANCELLED, "%s was stopped with %.0f %% of its work done", what, 100 * done);
}

#endif
