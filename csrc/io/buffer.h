// A growing text, or bytes. After an allocation failed it stays failed and what is appended is lost.
#ifndef SPAR_IO_BUFFER_H
#define SPAR_IO_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct spar_buffer {
    char *data; // with a final zero
    size_t length, capacity;
    bool failed;
} spar_buffer;

// `format` gets no %g and the like, which follow the locale.
void spar_buffer_append(spar_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void spar_buffer_append_bytes(spar_buffer *buffer, const void *bytes, size_t count);
void spar_buffer_append_float(spar_buffer *buffer, float value);
void spar_buffer_append_string(spar_buffer *buffer, const char *text); // quoted and escaped as JSON
void spar_buffer_cut(spar_buffer *buffer, size_t length);              // takes back what was appended behind
void spar_buffer_free(spar_buffer *buffer);

#endif
