// Methods and optimizers from an input's bytes: those by name, and any choices, sensible or not.
#ifndef RANDOM_SETTINGS_H
#define RANDOM_SETTINGS_H

#include "fuzz.h"

spar_method fuzz_method(fuzz_bytes *bytes);
spar_optimizer fuzz_optimizer(fuzz_bytes *bytes);

#endif
