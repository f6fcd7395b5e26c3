// Decimal numbers as files have them, whatever the locale: with a point, and digits as in C.
#ifndef SPAR_IO_NUMBER_H
#define SPAR_IO_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

// Nine digits, which name a float exactly. `value` is finite; `text` has room for 24 characters.
void spar_write_float(float value, char *text);

// The end of the JSON number that `text` begins with; NULL where there is none.
const char *spar_number_end(const char *text, const char *end);

// The value of a JSON number, to a few units in a double's last place; a float written with nine digits comes back
// exactly. Numbers too large for a double are infinite.
double spar_read_number(const char *text, const char *end);

// False where the JSON number is not whole, has a fraction or an exponent, or is beyond 64 bits.
bool spar_read_integer(const char *text, const char *end, int64_t *value);

// A whole decimal text; false where it is anything else or beyond 64 bits.
bool spar_read_unsigned(const char *text, uint64_t *value);

#endif
