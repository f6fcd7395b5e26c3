#include "io/element.h"

#include <stddef.h>
#include <string.h>

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void doubles_to_floats(const void *numbers, int64_t count, float *floats) {
    const double *doubles = numbers;
    for (int64_t i = 0; i < count; i++) floats[i] = (float)doubles[i];
}

// IEEE 754 binary16: a sign, 5 bits of exponent, 10 of the fraction. Every one is a float.
static float float_of_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 0) return (sign != 0 ? -0x1p-24f : 0x1p-24f) * (float)fraction;
    if (exponent == 31) return float_of_bits(sign | 0xffu << 23 | fraction << 13);
    return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

static void halves_to_floats(const void *numbers, int64_t count, float *floats) {
    const uint16_t *halves = numbers;
    for (int64_t i = 0; i < count; i++) floats[i] = float_of_half(halves[i]);
}

// bfloat16: the upper half of a float.
static void bfloats_to_floats(const void *numbers, int64_t count, float *floats) {
    const uint16_t *bfloats = numbers;
    for (int64_t i = 0; i < count; i++) floats[i] = float_of_bits((uint32_t)bfloats[i] << 16);
}

const spar_element *spar_element_named(const char *name) {
    static const spar_element elements[] = {
        {"F32", 4, NULL},     {"F64", 8, doubles_to_floats},
        {"U16", 2, NULL},     {"F16", 2, halves_to_floats},
        {"I16", 2, NULL},     {"BF16", 2, bfloats_to_floats},
        {"BOOL", 1, NULL},    {"U8", 1, NULL},
        {"I8", 1, NULL},      {"F8_E5M2", 1, NULL},
        {"F8_E4M3", 1, NULL}, {"U32", 4, NULL},
        {"I32", 4, NULL},     {"U64", 8, NULL},
        {"I64", 8, NULL},
    };
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        if (strcmp(elements[i].name, name) == 0) return &elements[i];
    }
    return NULL;
}
