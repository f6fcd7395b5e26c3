// Messages in protobuf's wire format, appended to buffers field by field.
#ifndef SPAR_IO_PROTOBUF_H
#define SPAR_IO_PROTOBUF_H

#include "io/buffer.h"
#include "runtime/status.h"

void spar_protobuf_integer(spar_buffer *message, int field, int64_t value);
void spar_protobuf_float(spar_buffer *message, int field, float value);
void spar_protobuf_string(spar_buffer *message, int field, const char *text);

// The head of a field of `count` bytes, which have to follow.
void spar_protobuf_head(spar_buffer *message, int field, size_t count);

// Appends `part` as a field and frees it.
void spar_protobuf_message(spar_buffer *message, int field, spar_buffer *part);

// Can a message have so many bytes? Readers count them by int32_t.
spar_status spar_protobuf_check_size(int64_t bytes);

#endif
