// The little JSON that model files need: a reader that trusts nothing.
//
// A text is checked once as a whole and then read where it stands, so that it costs its own length and eight bytes a
// colon, whatever is in it. A value is the place of its first character; going from one member or element to the next
// costs the length of the one passed over.
#ifndef SPAR_IO_JSON_H
#define SPAR_IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/status.h"

typedef const char *spar_json_value;

typedef struct spar_json {
    spar_json_value root;
    const char **keys; // of the root, where it is an object, in the order of strcmp
    size_t key_count;
} spar_json;

// Parses `length` bytes of UTF-8 that a zero follows. Strings are unescaped in place, so `text` is no JSON afterwards,
// but has to stay as long as values are read. `what` names the text in errors. No object may have a key twice.
spar_status spar_json_parse(char *text, size_t length, const char *what, spar_json *json);
void spar_json_free(spar_json *json);

// The value of a key of the root.
spar_json_value spar_json_value_of(const char *key);

// The members of an object or the elements of an array, one after the other; none where `value` is neither or NULL.
typedef struct spar_json_items {
    const char *key; // NULL in arrays
    spar_json_value value;
    const char *at; // NULL: no more
    bool object;
} spar_json_items;

spar_json_items spar_json_items_of(spar_json_value value);
bool spar_json_next(spar_json_items *items); // false after the last

// NULL when there is none.
spar_json_value spar_json_member(spar_json_value object, const char *key);

// What a value is; all of these take NULL, which is nothing.
bool spar_json_is_array(spar_json_value value);
bool spar_json_is_object(spar_json_value value);
bool spar_json_is_null(spar_json_value value);
const char *spar_json_string(spar_json_value value); // NULL when it is no string
bool spar_json_bool(spar_json_value value, bool *truth);
bool spar_json_integer(spar_json_value value, int64_t lowest, int64_t highest, int64_t *integer);
bool spar_json_float(spar_json_value value, float *number); // finite

#endif
