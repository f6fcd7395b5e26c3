#include "io/buffer.h"

#include "io/number.h"
#include "runtime/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool make_room(spar_buffer *buffer, size_t bytes) {
    if (buffer->failed) return false;
    if (buffer->length + bytes < buffer->capacity) return true;
    size_t capacity = 2 * (buffer->length + bytes) + 256;
    char *data = spar_allocate(capacity, 1);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    if (buffer->data != NULL) memcpy(data, buffer->data, buffer->length);
    spar_release(buffer->data);
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void spar_buffer_append_bytes(spar_buffer *buffer, const void *bytes, size_t count) {
    if (!make_room(buffer, count + 1)) return;
    if (count > 0) memcpy(buffer->data + buffer->length, bytes, count);
    buffer->length += count;
    buffer->data[buffer->length] = 0;
}

void spar_buffer_append(spar_buffer *buffer, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length >= 0 && make_room(buffer, (size_t)length + 1)) {
        vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void spar_buffer_append_float(spar_buffer *buffer, float value) {
    char text[24];
    spar_write_float(value, text);
    spar_buffer_append_bytes(buffer, text, strlen(text));
}

void spar_buffer_append_string(spar_buffer *buffer, const char *text) {
    spar_buffer_append_bytes(buffer, "\"", 1);
    while (*text != 0) {
        size_t plain = 0;
        while (text[plain] != 0 && text[plain] != '"' && text[plain] != '\\' && (unsigned char)text[plain] >= 0x20)
            plain++;
        spar_buffer_append_bytes(buffer, text, plain);
        text += plain;
        if (*text == 0) break;
        spar_buffer_append(buffer, *text == '"' || *text == '\\' ? "\\%c" : "\\u%04x", (unsigned char)*text);
        text++;
    }
    spar_buffer_append_bytes(buffer, "\"", 1);
}

void spar_buffer_cut(spar_buffer *buffer, size_t length) {
    buffer->length = length;
    buffer->data[length] = 0;
}

void spar_buffer_free(spar_buffer *buffer) {
    spar_release(buffer->data);
}
