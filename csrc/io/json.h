// The little JSON that model files need: a reader that trusts nothing, and escaping for a writer.
#ifndef SPAR_IO_JSON_H
#define SPAR_IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/status.h"

typedef enum spar_json_type {
    SPAR_JSON_NULL,
    SPAR_JSON_BOOL,
    SPAR_JSON_NUMBER,
    SPAR_JSON_STRING,
    SPAR_JSON_ARRAY,
    SPAR_JSON_OBJECT,
} spar_json_type;

typedef struct spar_json {
    spar_json_type type;
    const char *key;    // of a member of an object
    const char *string; // of a string
    double number;      // of a number; 1 or 0 of a bool
    const struct spar_json *child, *next;
    int count; // children
} spar_json;

// Parses `length` bytes of UTF-8. `document` frees everything; `what` names the text in errors.
spar_status spar_json_parse(const char *text, size_t length, const char *what, spar_json **document);
void spar_json_free(spar_json *document);

const spar_json *spar_json_member(const spar_json *object, const char *key); // NULL when there is none
bool spar_json_integer(const spar_json *value, int64_t lowest, int64_t highest, int64_t *integer);

// A growing text. After an allocation failed it stays failed and what is appended is lost.
typedef struct spar_buffer {
    char *data; // with a final zero
    size_t length, capacity;
    bool failed;
} spar_buffer;

void spar_buffer_append(spar_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void spar_buffer_append_string(spar_buffer *buffer, const char *text); // quoted and escaped
void spar_buffer_free(spar_buffer *buffer);

#endif
