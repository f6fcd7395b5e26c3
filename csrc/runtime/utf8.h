// UTF-8, which names, metadata and sentences are in.
#ifndef SPAR_RUNTIME_UTF8_H
#define SPAR_RUNTIME_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Bytes of the character that these `length` bytes begin with; 0 where no character of UTF-8 begins.
size_t spar_utf8_character(const char *text, size_t length);

bool spar_is_utf8(const char *text, size_t length);

// Is the character at `text`, one of UTF-8, a control character?
bool spar_is_control(const char *text);

// UTF-8 without control characters: what a name may be.
bool spar_is_name(const char *text);

#endif
