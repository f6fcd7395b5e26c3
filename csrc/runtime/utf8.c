#include "runtime/utf8.h"

#include <stdint.h>
#include <string.h>

size_t spar_utf8_character(const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (length == 0) return 0;
    if (bytes[0] < 0x80) return 1;
    size_t count = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2;
    if (bytes[0] < 0xC2 || bytes[0] > 0xF4 || count > length) return 0;
    uint32_t code = bytes[0] & (0x7Fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | (bytes[i] & 0x3F);
    }
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < lowest[count] || code > 0x10FFFF || surrogate ? 0 : count;
}

bool spar_is_utf8(const char *text, size_t length) {
    while (length > 0) {
        size_t count = spar_utf8_character(text, length);
        if (count == 0) return false;
        text += count;
        length -= count;
    }
    return true;
}

bool spar_is_control(const char *text) {
    const unsigned char *bytes = (const unsigned char *)text;
    return bytes[0] < 0x20 || bytes[0] == 0x7F || (bytes[0] == 0xC2 && bytes[1] < 0xA0);
}

bool spar_is_name(const char *text) {
    if (!spar_is_utf8(text, strlen(text))) return false;
    while (*text != 0 && !spar_is_control(text)) text += spar_utf8_character(text, 4);
    return *text == 0;
}
