// Model files as inputs of fuzzers.
#ifndef FUZZ_MODEL_FILES_H
#define FUZZ_MODEL_FILES_H

#include "fuzz.h"

enum { FUZZ_MOST_FILE = 1 << 16 };

#endif
