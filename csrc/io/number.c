#include "io/number.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

void spar_write_float(float value, char *text) {
    char local[48];
    snprintf(local, sizeof local, "%.9g", (double)value);
    // What is neither digit, sign nor exponent is the locale's decimal point, of one byte or more.
    bool in_point = false;
    for (const char *c = local; *c != 0; c++) {
        bool point = strchr("+-e0123456789", *c) == NULL;
        if (!point || !in_point) *text++ = point ? '.' : *c;
        in_point = point;
    }
    *text = 0;
}

static const char *skip_digits(const char *text, const char *end) {
    while (text < end && is_digit(*text)) text++;
    return text;
}

const char *spar_number_end(const char *text, const char *end) {
    if (text < end && *text == '-') text++;
    const char *whole = text;
    text = skip_digits(text, end);
    if (text == whole || (*whole == '0' && text - whole > 1)) return NULL;
    if (text < end && *text == '.') {
        const char *fraction = ++text;
        text = skip_digits(text, end);
        if (text == fraction) return NULL;
    }
    if (text < end && (*text == 'e' || *text == 'E')) {
        text++;
        if (text < end && (*text == '+' || *text == '-')) text++;
        const char *exponent = text;
        text = skip_digits(text, end);
        if (text == exponent) return NULL;
    }
    return text;
}

static double scale(double value, int64_t exponent) {
    static const double powers[] = {1e1, 1e2, 1e4, 1e8, 1e16, 1e32, 1e64, 1e128, 1e256};
    if (exponent < -511) return 0;
    if (exponent > 511) exponent = 511; // infinite all the same
    int64_t steps = exponent < 0 ? -exponent : exponent;
    for (int i = 0; i < 9; i++) {
        if ((steps >> i & 1) != 0) value = exponent < 0 ? value / powers[i] : value * powers[i];
    }
    return value;
}

double spar_read_number(const char *text, const char *end) {
    bool negative = *text == '-', fraction = false;
    uint64_t digits = 0;
    int64_t exponent = 0, written = 0;
    for (text += negative; text < end && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            fraction = true;
        } else if (digits < UINT64_MAX / 10 - 1) {
            digits = digits * 10 + (uint64_t)(*text - '0');
            exponent -= fraction;
        } else { // beyond what a double tells apart
            exponent += !fraction;
        }
    }
    if (text < end) {
        bool below = *++text == '-';
        for (text += below || *text == '+'; text < end; text++) {
            if (written < INT32_MAX) written = written * 10 + (*text - '0');
        }
        exponent += below ? -written : written;
    }
    double value = digits == 0 ? 0 : scale((double)digits, exponent);
    return negative ? -value : value;
}

static bool add_digit(uint64_t *value, char digit) {
    uint64_t next = (uint64_t)(digit - '0');
    if (!is_digit(digit) || *value > (UINT64_MAX - next) / 10) return false;
    *value = *value * 10 + next;
    return true;
}

bool spar_read_integer(const char *text, const char *end, int64_t *value) {
    bool negative = *text == '-';
    uint64_t digits = 0;
    for (text += negative; text < end; text++) {
        if (!add_digit(&digits, *text)) return false;
    }
    if (digits > INT64_MAX) return false;
    *value = negative ? -(int64_t)digits : (int64_t)digits;
    return true;
}

bool spar_read_unsigned(const char *text, uint64_t *value) {
    *value = 0;
    if (text == NULL || *text == 0) return false;
    while (*text != 0) {
        if (!add_digit(value, *text++)) return false;
    }
    return true;
}
