#include "io/json.h"

#include "io/number.h"
#include "runtime/memory.h"
#include "runtime/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 32 };

// Checks a text and unescapes its strings: each becomes its characters, a zero, and zeros up to where it ended.
typedef struct reader {
    char *text, *end, *at;
    const char *what;
    const char **keys; // of the objects that are open, outermost first
    size_t key_count;
} reader;

static spar_status fail(const reader *reader, const char *problem) {
    return spar_fail(SPAR_ERROR_FORMAT, "%s is not JSON: %s at byte %zu of %zu", reader->what, problem,
                     (size_t)(reader->at - reader->text), (size_t)(reader->end - reader->text));
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool take(reader *reader, char expected) {
    while (is_space(*reader->at)) reader->at++;
    if (*reader->at != expected || reader->at == reader->end) return false;
    reader->at++;
    return true;
}

static char *put_code_point(char *to, uint32_t code) {
    static const uint32_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *to++ = (char)(lead[more] | code >> 6 * more);
    while (more-- > 0) *to++ = (char)(0x80 | (code >> 6 * more & 0x3F));
    return to;
}

static bool read_hex(reader *reader, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
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

// An escape is longer than its character, so `to` stays behind what is read.
static spar_status read_escape(reader *reader, char **to) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = *reader->at++;
    const char *name = c == 0 ? NULL : strchr(names, c);
    if (name != NULL) {
        *(*to)++ = values[name - names];
        return SPAR_OK;
    }
    uint32_t code, low;
    if (c != 'u' || !read_hex(reader, &code)) return fail(reader, "an unknown escape");
    if (code >= 0xD800 && code < 0xDC00 && reader->at[0] == '\\' && reader->at[1] == 'u') {
        reader->at += 2;
        if (!read_hex(reader, &low) || low < 0xDC00 || low > 0xDFFF) return fail(reader, "half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code == 0 || (code >= 0xD800 && code <= 0xDFFF)) return fail(reader, "an impossible character");
    *to = put_code_point(*to, code);
    return SPAR_OK;
}

static spar_status read_string(reader *reader, const char **string) {
    if (!take(reader, '"')) return fail(reader, "a string is missing");
    char *to = reader->at;
    *string = to;
    while (*reader->at != '"') {
        if ((unsigned char)*reader->at < 0x20) {
            return fail(reader, reader->at == reader->end ? "an unfinished string" : "a control character in a string");
        }
        if (*reader->at == '\\') {
            reader->at++;
            SPAR_TRY(read_escape(reader, &to));
        } else {
            *to++ = *reader->at++;
        }
    }
    reader->at++;
    memset(to, 0, (size_t)(reader->at - to));
    return SPAR_OK;
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Sorts the keys of the object that began when there were `outer` of them; those of inner objects are forgotten.
static spar_status close_object(reader *reader, size_t outer, int depth) {
    const char **keys = reader->keys + outer;
    size_t count = reader->key_count - outer;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(keys[i - 1], keys[i]) == 0) {
            return spar_fail(SPAR_ERROR_FORMAT, "%s has the key \"%.100s\" twice", reader->what, keys[i]);
        }
    }
    if (depth > 0) reader->key_count = outer;
    return SPAR_OK;
}

static spar_status read_value(reader *reader, int depth);

static spar_status read_members(reader *reader, bool object, int depth) {
    char close = object ? '}' : ']';
    size_t outer = reader->key_count;
    if (take(reader, close)) return SPAR_OK;
    do {
        if (object) {
            SPAR_TRY(read_string(reader, &reader->keys[reader->key_count++]));
            if (!take(reader, ':')) return fail(reader, "a colon is missing");
        }
        SPAR_TRY(read_value(reader, depth + 1));
    } while (take(reader, ','));
    if (!take(reader, close)) return fail(reader, object ? "a } is missing" : "a ] is missing");
    return object ? close_object(reader, outer, depth) : SPAR_OK;
}

static bool take_word(reader *reader, const char *word) {
    size_t length = strlen(word);
    if (strncmp(reader->at, word, length) != 0) return false;
    reader->at += length;
    return true;
}

static spar_status read_value(reader *reader, int depth) {
    if (depth > MOST_DEPTH) return fail(reader, "too many levels");
    const char *string;
    if (take(reader, '{')) return read_members(reader, true, depth);
    if (take(reader, '[')) return read_members(reader, false, depth);
    if (*reader->at == '"') return read_string(reader, &string);
    if (take_word(reader, "true") || take_word(reader, "false") || take_word(reader, "null")) return SPAR_OK;
    const char *end = spar_number_end(reader->at, reader->end);
    if (end == NULL) return fail(reader, reader->at == reader->end ? "a value is missing" : "an unknown value");
    reader->at += end - reader->at;
    return SPAR_OK;
}

static spar_status read_text(reader *reader) {
    SPAR_TRY(read_value(reader, 0));
    while (is_space(*reader->at)) reader->at++;
    return reader->at == reader->end ? SPAR_OK : fail(reader, "something follows the value");
}

spar_status spar_json_parse(char *text, size_t length, const char *what, spar_json *json) {
    *json = (spar_json){0};
    if (!spar_is_utf8(text, length)) return spar_fail(SPAR_ERROR_FORMAT, "%s is not UTF-8", what);
    size_t most_keys = 1; // a key stands behind its quotation mark and before its colon
    for (size_t i = 0; i < length; i++) most_keys += text[i] == ':';
    reader reader = {.text = text, .end = text + length, .at = text, .what = what};
    reader.keys = spar_allocate(most_keys, sizeof *reader.keys);
    if (reader.keys == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = read_text(&reader);
    if (status != SPAR_OK) {
        spar_release(reader.keys);
        return status;
    }
    while (is_space(*text)) text++;
    *json = (spar_json){.root = text, .keys = reader.keys, .key_count = reader.key_count};
    return SPAR_OK;
}

void spar_json_free(spar_json *json) {
    spar_release(json->keys);
    *json = (spar_json){0};
}

// From here on texts are checked and strings end with zeros.

static const char *skip_space(const char *at) {
    while (is_space(*at) || *at == 0) at++;
    return at;
}

static const char *skip_string(const char *at) {
    return at + strlen(at) + 1;
}

static const char *scalar_end(const char *at) {
    while (*at != 0 && !is_space(*at) && *at != ',' && *at != ']' && *at != '}') at++;
    return at;
}

static const char *skip_value(const char *at) {
    int depth = 0;
    do {
        at = skip_space(at);
        if (*at == '"') {
            at = skip_string(at + 1);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (*at == ',' || *at == ':') {
            at++;
        } else {
            at = scalar_end(at);
        }
    } while (depth > 0);
    return at;
}

spar_json_value spar_json_value_of(const char *key) {
    const char *colon = skip_space(skip_string(key));
    return skip_space(colon + 1);
}

spar_json_items spar_json_items_of(spar_json_value value) {
    bool object = spar_json_is_object(value);
    return (spar_json_items){.object = object, .at = object || spar_json_is_array(value) ? value + 1 : NULL};
}

bool spar_json_next(spar_json_items *items) {
    if (items->at == NULL) return false;
    const char *at = skip_space(items->value == NULL ? items->at : skip_value(items->value));
    if (*at == ',') at = skip_space(at + 1);
    bool more = *at != '}' && *at != ']';
    items->at = more ? at : NULL;
    items->key = more && items->object ? at + 1 : NULL;
    items->value = !more ? NULL : items->object ? spar_json_value_of(at + 1) : at;
    return more;
}

spar_json_value spar_json_member(spar_json_value object, const char *key) {
    if (!spar_json_is_object(object)) return NULL;
    for (spar_json_items items = spar_json_items_of(object); spar_json_next(&items);) {
        if (strcmp(items.key, key) == 0) return items.value;
    }
    return NULL;
}

bool spar_json_is_array(spar_json_value value) {
    return value != NULL && *value == '[';
}

bool spar_json_is_object(spar_json_value value) {
    return value != NULL && *value == '{';
}

bool spar_json_is_null(spar_json_value value) {
    return value != NULL && *value == 'n';
}

const char *spar_json_string(spar_json_value value) {
    return value != NULL && *value == '"' ? value + 1 : NULL;
}

bool spar_json_bool(spar_json_value value, bool *truth) {
    if (value == NULL || (*value != 't' && *value != 'f')) return false;
    *truth = *value == 't';
    return true;
}

static bool is_number(spar_json_value value) {
    return value != NULL && (*value == '-' || (*value >= '0' && *value <= '9'));
}

bool spar_json_integer(spar_json_value value, int64_t lowest, int64_t highest, int64_t *integer) {
    return is_number(value) && spar_read_integer(value, scalar_end(value), integer) && *integer >= lowest &&
           *integer <= highest;
}

bool spar_json_float(spar_json_value value, float *number) {
    if (!is_number(value)) return false;
    *number = (float)spar_read_number(value, scalar_end(value));
    return isfinite(*number);
}
