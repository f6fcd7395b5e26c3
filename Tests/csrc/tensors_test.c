// Weights of other programs: half and brain floats are read to the bit, and tensors of other names are taken and
// written.
#include "io/safetensors.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 61, HALVES = 65536 };

// What 16 bits mean with so many bits of exponent and of fraction, by the definition.
static double meaning(unsigned bits, int exponent_bits, int fraction_bits) {
    int exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1), bias = (1 << (exponent_bits - 1)) - 1;
    double fraction = ldexp(bits & ((1u << fraction_bits) - 1), -fraction_bits), value;
    if (exponent == (1 << exponent_bits) - 1) {
        value = fraction == 0 ? INFINITY : NAN;
    } else {
        value = exponent == 0 ? ldexp(fraction, 1 - bias) : ldexp(1 + fraction, exponent - bias);
    }
    return bits >> 15 != 0 ? -value : value;
}

// A file of one tensor of every bit pattern, behind one byte, so that it stands at an odd place.
static unsigned char *file_of_halves(const char *type, size_t *size) {
    char header[200];
    int length = snprintf(header, sizeof header,
                          "{\"byte\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"all\":{\"dtype\":\"%s\","
                          "\"shape\":[%d],\"data_offsets\":[1,%d]}}",
                          type, HALVES, 1 + 2 * HALVES);
    *size = 8 + (size_t)length + 1 + 2 * HALVES;
    unsigned char *bytes = check_allocate(*size), *to = bytes + 8;
    memset(bytes, 0, 9);
    bytes[0] = (unsigned char)length;
    memcpy(to, header, (size_t)length);
    to += length;
    *to++ = 7;
    for (int i = 0; i < HALVES; i++) {
        *to++ = (unsigned char)i;
        *to++ = (unsigned char)(i >> 8);
    }
    return bytes;
}

static void every_half_is_the_float_that_it_means(void) {
    static const struct {
        const char *type;
        int exponent_bits, fraction_bits;
    } kinds[] = {{"F16", 5, 10}, {"BF16", 8, 7}};
    static const int64_t shape[] = {HALVES};
    float *values = check_allocate(HALVES * sizeof *values);
    for (int k = 0; k < 2; k++) {
        size_t size;
        unsigned char *bytes = file_of_halves(kinds[k].type, &size);
        spar_tensor_file file;
        const spar_stored_tensor *tensor;
        if (!CHECK_OK(spar_tensor_file_open(NULL, bytes, size, &file))) continue;
        CHECK_OK(spar_tensor_file_choose(&file, "all", "F32", 1, shape, &tensor));
        CHECK_OK(spar_tensor_file_read(&file, tensor, values));
        int wrong = 0;
        for (unsigned i = 0; i < HALVES; i++) {
            double expected = meaning(i, kinds[k].exponent_bits, kinds[k].fraction_bits);
            bool same =
                isnan(expected) ? isnan(values[i]) : values[i] == expected && !signbit(values[i]) == !signbit(expected);
            if (!same && wrong++ == 0) {
                check_that(false, __FILE__, __LINE__, "%s %04x is %g, not %g", kinds[k].type, i, (double)values[i],
                           expected);
            }
        }
        CHECK_EQUAL(wrong, 0);
        spar_tensor_file_close(&file);
        free(bytes);
    }
    free(values);
}

#define HALF_HEADER(type, end) "{\"fc.weight\":{\"dtype\":\"" type "\",\"shape\":[2,3],\"data_offsets\":[0," #end "]}}"

static void halves_are_parameters_and_what_is_no_number_is_refused(void) {
    static const uint16_t halves[] = {0x3c00, 0xbc00, 0x0001, 0x8000, 0x7bff, 0x3555};
    static const float expected[] = {1, -1, 0x1p-24f, -0.0f, 65504, 0x1.554p-2f};
    char path[TEMPORARY_PATH];
    temporary_path(path, "halves.safetensors");
    spar_network *network = model_create_tiny();
    float weights[6];
    raw_file_write(path, HALF_HEADER("F16", 12), halves, sizeof halves);
    CHECK_OK(spar_network_load_parameters(network, path));
    CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, weights, 6));
    CHECK(memcmp(weights, expected, sizeof weights) == 0);

    uint16_t wrong[6] = {0};
    wrong[4] = 0x7c00;
    raw_file_write(path, HALF_HEADER("F16", 12), wrong, sizeof wrong);
    CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path, "fc.weight", "inf", "4");
    wrong[4] = 0x7fc0;
    raw_file_write(path, HALF_HEADER("BF16", 12), wrong, sizeof wrong);
    CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path, "fc.weight", "nan");
    static const char *const headers[] = {HALF_HEADER("F16", 24), HALF_HEADER("BF16", 11), HALF_HEADER("I16", 12),
                                          HALF_HEADER("F8_E4M3", 6)};
    static const char *const fragments[] = {"6 elements of type F16", "6 elements of type BF16", "of type I16",
                                            "of type F8_E4M3"};
    static const size_t sizes[] = {24, 11, 12, 6};
    for (int i = 0; i < 4; i++) {
        raw_file_write(path, headers[i], MODEL_TINY_WEIGHTS, sizes[i]);
        CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path, "fc.weight", fragments[i]);
    }
    CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, weights, 6));
    CHECK(memcmp(weights, expected, sizeof weights) == 0);
    spar_network_destroy(network);
}

enum { MOST = 40 };

typedef struct listing {
    int count;
    char names[MOST][80], types[MOST][8];
    int rank[MOST];
    int64_t shapes[MOST][4];
} listing;

static void list(void *context, const spar_tensor_info *tensor) {
    listing *listing = context;
    int at = listing->count++;
    if (!CHECK(at < MOST)) exit(99);
    snprintf(listing->names[at], sizeof *listing->names, "%s", tensor->name);
    snprintf(listing->types[at], sizeof *listing->types, "%s", tensor->type);
    listing->rank[at] = tensor->rank;
    memcpy(listing->shapes[at], tensor->shape, sizeof *listing->shapes);
}

// Other names for all parameters of a network, but none for constants.
typedef struct renamed {
    char storage[MOST][80];
    const char *names[MOST];
    int count;
} renamed;

static void rename_all(const spar_network *network, renamed *renamed) {
    renamed->count = spar_network_parameter_count(network);
    if (!CHECK(renamed->count <= MOST)) exit(99);
    for (int i = 0; i < renamed->count; i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, i, &info));
        snprintf(renamed->storage[i], sizeof *renamed->storage, "other %02d “%s”", i, info.name);
        renamed->names[i] = strncmp(info.name, "normalize", 9) == 0 ? NULL : renamed->storage[i];
    }
}

static void tensors_of_other_names_go_out_and_come_back(void) {
    char path[TEMPORARY_PATH], value[10];
    temporary_path(path, "renamed.safetensors");
    spar_network *network = model_create(example_convolutional, SEED), *other = model_create(example_convolutional, 1);
    static renamed renamed;
    static listing listing;
    rename_all(network, &renamed);
    CHECK_OK(spar_network_save_tensors(network, path, renamed.names));
    CHECK_OK(spar_file_tensors(path, list, &listing));
    int written = 0;
    for (int i = 0; i < renamed.count; i++) {
        if (renamed.names[i] == NULL) continue;
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, i, &info));
        CHECK(strcmp(listing.names[written], renamed.names[i]) == 0 && strcmp(listing.types[written], "F32") == 0);
        CHECK_EQUAL(listing.rank[written], info.rank);
        for (int d = 0; d < info.rank; d++) CHECK_EQUAL(listing.shapes[written][d], info.shape[d]);
        written++;
    }
    CHECK_EQUAL(listing.count, written);
    size_t needed;
    CHECK_OK(spar_file_metadata(path, "format", value, sizeof value, &needed));
    CHECK(strcmp(value, "pt") == 0);
    CHECK_OK(spar_file_metadata(path, "sparring.graph", NULL, 0, &needed));
    CHECK_EQUAL(needed, 0);

    CHECK_OK(spar_network_load_tensors(other, path, renamed.names));
    for (int i = 0; i < renamed.count; i++) { // the constants stay each network's own
        if (renamed.names[i] != NULL) continue;
        spar_parameter_info info = {.struct_size = sizeof info};
        float kept[16];
        CHECK_OK(spar_network_parameter(network, i, &info));
        CHECK_OK(spar_network_read_parameter(other, i, SPAR_PART_VALUE, kept, info.count));
        CHECK_OK(spar_network_write_parameter(network, i, SPAR_PART_VALUE, kept, info.count));
    }
    CHECK(model_equal(network, other));
    spar_network_destroy(network);
    spar_network_destroy(other);
}

static void tensors_that_are_missing_left_over_misshaped_or_twice_are_named(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "wrong.safetensors");
    spar_network *tiny = model_create_tiny(), *before = model_create_tiny();
    static const char *const names[] = {"linear.weight"}, *const no_names[] = {NULL}, *const latin[] = {"\xe9"};
    raw_file_write(path, MODEL_TINY_HEADER, MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
    CHECK_FAILS(spar_network_load_tensors(tiny, path, names), SPAR_ERROR_FORMAT, path, "fc.weight");
    CHECK_FAILS(spar_network_load_tensors(tiny, path, no_names), SPAR_ERROR_FORMAT, path, "fc.weight");
    raw_file_write(path, "{}", NULL, 0);
    CHECK_FAILS(spar_network_load_tensors(tiny, path, names), SPAR_ERROR_FORMAT, path, "linear.weight");
    raw_file_write(path, "{\"linear.weight\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]}}",
                   MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
    CHECK_FAILS(spar_network_load_tensors(tiny, path, names), SPAR_ERROR_FORMAT, path, "linear.weight", "[3,2]",
                "[2,3]");
    CHECK(model_equal(tiny, before));
    CHECK_FAILS(spar_network_save_tensors(tiny, path, latin), SPAR_ERROR_ARGUMENT, path, "UTF-8");
    spar_network *network = model_create(example_convolutional, SEED);
    static renamed renamed;
    rename_all(network, &renamed);
    renamed.names[renamed.count - 1] = renamed.names[renamed.count - 2];
    CHECK_FAILS(spar_network_save_tensors(network, path, renamed.names), SPAR_ERROR_ARGUMENT, path, "twice");
    spar_network_destroy(network);
    spar_network_destroy(before);
    spar_network_destroy(tiny);
}

TEST_MAIN(TEST(every_half_is_the_float_that_it_means), TEST(halves_are_parameters_and_what_is_no_number_is_refused),
          TEST(tensors_of_other_names_go_out_and_come_back),
          TEST(tensors_that_are_missing_left_over_misshaped_or_twice_are_named))
