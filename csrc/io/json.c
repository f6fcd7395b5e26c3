#include "io/json.h"

#include "runtime/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 32 };

typedef struct reader {
    const char *text, *end, *at;
    const char *what;
    spar_json *values; // all of the document, in one block; the first is its root
    size_t count, capacity;
    char *strings; // unescaped; never longer than the text
    size_t string_length;
} reader;

static spar_status fail(const reader *reader, const char *problem) {
    return spar_fail(SPAR_ERROR_FORMAT, "%s: the header is not JSON: %s at byte %zu of %zu", reader->what, problem,
                     (size_t)(reader->at - reader->text), (size_t)(reader->end - reader->text));
}

static void skip_space(reader *reader) {
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL && *reader->at != 0) reader->at++;
}

static bool take(reader *reader, char expected) {
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != expected) return false;
    reader->at++;
    return true;
}

static void put(reader *reader, unsigned byte) {
    reader->strings[reader->string_length++] = (char)byte;
}

static void put_code_point(reader *reader, uint32_t code) {
    if (code < 0x80) {
        put(reader, code);
    } else if (code < 0x800) {
        put(reader, 0xC0 | code >> 6);
        put(reader, 0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(reader, 0xE0 | code >> 12);
        put(reader, 0x80 | (code >> 6 & 0x3F));
        put(reader, 0x80 | (code & 0x3F));
    } else {
        put(reader, 0xF0 | code >> 18);
        put(reader, 0x80 | (code >> 12 & 0x3F));
        put(reader, 0x80 | (code >> 6 & 0x3F));
        put(reader, 0x80 | (code & 0x3F));
    }
}

static bool read_hex(reader *reader, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        if (reader->at == reader->end) return false;
        char c = *reader->at;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return false;
        *code = *code << 4 | (uint32_t)digit;
    }
    return true;
}

static spar_status read_escape(reader *reader) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end) return fail(reader, "an unfinished escape");
    char c = *reader->at++;
    const char *name = c == 0 ? NULL : strchr(names, c);
    if (name != NULL) {
        put(reader, (unsigned char)values[name - names]);
        return SPAR_OK;
    }
    uint32_t code, low;
    if (c != 'u' || !read_hex(reader, &code)) return fail(reader, "an unknown escape");
    if (code >= 0xD800 && code < 0xDC00 && reader->end - reader->at >= 6 && reader->at[0] == '\\' &&
        reader->at[1] == 'u') {
        reader->at += 2;
        if (!read_hex(reader, &low) || low < 0xDC00 || low > 0xDFFF) return fail(reader, "half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code == 0 || (code >= 0xD800 && code <= 0xDFFF)) return fail(reader, "an impossible character");
    put_code_point(reader, code);
    return SPAR_OK;
}

static spar_status read_string(reader *reader, const char **string) {
    if (!take(reader, '"')) return fail(reader, "a string is missing");
    *string = reader->strings + reader->string_length;
    while (reader->at < reader->end && *reader->at != '"') {
        unsigned char c = (unsigned char)*reader->at++;
        if (c < 0x20) return fail(reader, "a control character in a string");
        if (c == '\\') {
            SPAR_TRY(read_escape(reader));
        } else {
            put(reader, c);
        }
    }
    if (reader->at == reader->end) return fail(reader, "an unfinished string");
    reader->at++;
    put(reader, 0);
    return SPAR_OK;
}

static spar_status read_number(reader *reader, spar_json *value) {
    char digits[64];
    size_t length = 0;
    while (reader->at + length < reader->end && length + 1 < sizeof digits &&
           strchr("+-.eE0123456789", reader->at[length]) != NULL && reader->at[length] != 0) {
        length++;
    }
    memcpy(digits, reader->at, length);
    digits[length] = 0;
    char *end;
    value->type = SPAR_JSON_NUMBER;
    value->number = strtod(digits, &end);
    if (length == 0 || *end != 0 || !isfinite(value->number)) return fail(reader, "an unknown value");
    reader->at += length;
    return SPAR_OK;
}

static spar_json *new_value(reader *reader) {
    return reader->count < reader->capacity ? &reader->values[reader->count++] : NULL;
}

static spar_status read_value(reader *reader, spar_json *value, int depth);

static spar_status read_members(reader *reader, spar_json *value, int depth) {
    bool object = value->type == SPAR_JSON_OBJECT;
    char close = object ? '}' : ']';
    const spar_json **link = &value->child;
    if (take(reader, close)) return SPAR_OK;
    do {
        spar_json *member = new_value(reader);
        if (member == NULL) return fail(reader, "too many values");
        if (object) {
            SPAR_TRY(read_string(reader, &member->key));
            if (!take(reader, ':')) return fail(reader, "a colon is missing");
        }
        SPAR_TRY(read_value(reader, member, depth + 1));
        *link = member;
        link = &member->next;
        value->count++;
    } while (take(reader, ','));
    return take(reader, close) ? SPAR_OK : fail(reader, object ? "a } is missing" : "a ] is missing");
}

static bool take_word(reader *reader, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0) return false;
    reader->at += length;
    return true;
}

static spar_status read_value(reader *reader, spar_json *value, int depth) {
    if (depth > MOST_DEPTH) return fail(reader, "too many levels");
    skip_space(reader);
    if (reader->at == reader->end) return fail(reader, "a value is missing");
    if (*reader->at == '"') {
        value->type = SPAR_JSON_STRING;
        return read_string(reader, &value->string);
    }
    if (*reader->at == '{' || *reader->at == '[') {
        value->type = *reader->at++ == '{' ? SPAR_JSON_OBJECT : SPAR_JSON_ARRAY;
        return read_members(reader, value, depth);
    }
    value->type = SPAR_JSON_BOOL;
    if (take_word(reader, "false")) return SPAR_OK;
    value->number = 1;
    if (take_word(reader, "true")) return SPAR_OK;
    value->type = SPAR_JSON_NULL;
    if (take_word(reader, "null")) return SPAR_OK;
    return read_number(reader, value);
}

spar_status spar_json_parse(const char *text, size_t length, const char *what, spar_json **document) {
    reader reader = {.text = text, .end = text + length, .at = text, .what = what};
    // Every value but the root stands behind a comma or an opening bracket.
    reader.capacity = 2;
    for (size_t i = 0; i < length; i++) reader.capacity += text[i] == ',' || text[i] == '[' || text[i] == '{';
    reader.values = spar_allocate(reader.capacity * sizeof *reader.values + length + 1, 1);
    if (reader.values == NULL) return SPAR_ERROR_MEMORY;
    reader.strings = (char *)(reader.values + reader.capacity);
    spar_json *root = new_value(&reader);
    spar_status status = read_value(&reader, root, 0);
    skip_space(&reader);
    if (status == SPAR_OK && reader.at != reader.end) status = fail(&reader, "something follows the value");
    if (status != SPAR_OK) {
        spar_release(root);
        return status;
    }
    *document = root;
    return SPAR_OK;
}

void spar_json_free(spar_json *document) {
    spar_release(document);
}

const spar_json *spar_json_member(const spar_json *object, const char *key) {
    if (object == NULL || object->type != SPAR_JSON_OBJECT) return NULL;
    for (const spar_json *member = object->child; member != NULL; member = member->next) {
        if (strcmp(member->key, key) == 0) return member;
    }
    return NULL;
}

bool spar_json_integer(const spar_json *value, int64_t lowest, int64_t highest, int64_t *integer) {
    if (value == NULL || value->type != SPAR_JSON_NUMBER || value->number != floor(value->number)) return false;
    if (value->number < (double)lowest || value->number > (double)highest) return false;
    *integer = (int64_t)value->number;
    return true;
}

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

void spar_buffer_append_string(spar_buffer *buffer, const char *text) {
    spar_buffer_append(buffer, "\"");
    while (*text != 0) {
        size_t plain = 0;
        while (text[plain] != 0 && text[plain] != '"' && text[plain] != '\\' && (unsigned char)text[plain] >= 0x20)
            plain++;
        spar_buffer_append(buffer, "%.*s", (int)plain, text);
        text += plain;
        if (*text == 0) break;
        spar_buffer_append(buffer, *text == '"' || *text == '\\' ? "\\%c" : "\\u%04x", (unsigned char)*text);
        text++;
    }
    spar_buffer_append(buffer, "\"");
}

void spar_buffer_free(spar_buffer *buffer) {
    spar_release(buffer->data);
}
