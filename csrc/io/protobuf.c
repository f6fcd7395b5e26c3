#include "io/protobuf.h"

#include <string.h>

enum { VARINT = 0, COUNTED = 2, FIXED_32 = 5 }; // how a field's bytes end

static void append_varint(spar_buffer *message, uint64_t value) {
    unsigned char bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7) bytes[count++] = (unsigned char)(value | 0x80);
    bytes[count++] = (unsigned char)value;
    spar_buffer_append_bytes(message, bytes, count);
}

static void append_tag(spar_buffer *message, int field, int kind) {
    append_varint(message, (uint64_t)field << 3 | (uint64_t)kind);
}

void spar_protobuf_integer(spar_buffer *message, int field, int64_t value) {
    append_tag(message, field, VARINT);
    append_varint(message, (uint64_t)value);
}

void spar_protobuf_float(spar_buffer *message, int field, float value) {
    append_tag(message, field, FIXED_32);
    spar_buffer_append_bytes(message, &value, sizeof value);
}

void spar_protobuf_head(spar_buffer *message, int field, size_t count) {
    append_tag(message, field, COUNTED);
    append_varint(message, count);
}

void spar_protobuf_string(spar_buffer *message, int field, const char *text) {
    spar_protobuf_head(message, field, strlen(text));
    spar_buffer_append_bytes(message, text, strlen(text));
}

void spar_protobuf_message(spar_buffer *message, int field, spar_buffer *part) {
    spar_protobuf_head(message, field, part->length);
    spar_buffer_append_bytes(message, part->data, part->length);
    message->failed = message->failed || part->failed;
    spar_buffer_free(part);
    *part = (spar_buffer){0};
}

spar_status spar_protobuf_check_size(int64_t bytes) {
    if (bytes <= INT32_MAX) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "it would have %lld bytes; a message of protobuf has at most %d",
                     (long long)bytes, INT32_MAX);
}
