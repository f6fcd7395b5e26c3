// The types that numbers have in tensor files.
#ifndef SPAR_IO_ELEMENT_H
#define SPAR_IO_ELEMENT_H

#include <stdint.h>

typedef struct spar_element {
    const char *name; // "F32" and so on
    int64_t bytes;
    // Where numbers are read that are to be F32: makes floats of `count` numbers, aligned. NULL where none are made.
    void (*to_floats)(const void *numbers, int64_t count, float *floats);
} spar_element;

// NULL for a type that is not known.
const spar_element *spar_element_named(const char *name);

#endif
