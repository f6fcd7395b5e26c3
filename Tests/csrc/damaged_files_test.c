// Damaged and hostile model files are refused, change nothing and crash nothing.
#include "graph/network.h"
#include "runtime/utf8.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 52, FLIPS = 2000 };

static void hostile_headers_are_refused_and_the_network_stays(void) {
    static const struct {
        const char *header, *fragment;
    } cases[] = {
        {"", "header"},
        {"[]", ""},
        {"{", ""},
        {"{\"fc.weight\":", ""},
        {"{\"fc.weight\":{}}", "fc.weight"},
        {"{}", ""},
        {"{\"fc.weight\":{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", "F64"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]}}", "fc.weight"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}", "fc.weight"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[-2,-3],\"data_offsets\":[0,24]}}", ""},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,20]}}", "fc.weight"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,0]}}", "fc.weight"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]}}", "fc.weight"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[-24,0]}}", ""},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[18446744073709551592,"
         "18446744073709551616]}}",
         ""},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,6],\"data_offsets\":[0,24]}}", ""},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,1e400],\"data_offsets\":[0,24]}}", ""},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}", ""},
        {"{\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", "fc.bias"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,12]},"
         "\"extra\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[12,24]}}",
         ""},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"fc.weight\":{\"dtype\":\"F32\","
         "\"shape\":[2,3],\"data_offsets\":[0,24]}}",
         "twice"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"fc\\u002eweight\":{\"dtype\":"
         "\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}",
         "twice"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"shape\":[2,3],\"data_offsets\":[0,24]}}", "shape"},
        {"{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"},\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],"
         "\"data_offsets\":[0,24]}}",
         "twice"},
        {"{\"__metadata__\":{\"a\":1},\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}",
         "metadata"},
        {"{\"__metadata__\":\"a\",\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}",
         "metadata"},
        {"{\"__metadata__\":{\"data_offsets\":[]},\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,"
         "24]}}",
         "metadata"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"n.num_batches_tracked\":{"
         "\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
         "inside"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"n.num_batches_tracked\":{"
         "\"dtype\":\"NEW\",\"shape\":[6],\"data_offsets\":[12,24]}}",
         "inside"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[8,24]}}", "hole"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", "oversized"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24,24]}}", "fc.weight"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0]}}", "fc.weight"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,2.4e1]}}", "fc.weight"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,+3],\"data_offsets\":[0,24]}}", "JSON"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,03],\"data_offsets\":[0,24]}}", "JSON"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3,],\"data_offsets\":[0,24]}}", "JSON"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},}", "JSON"},
        {"{\"fc.weight\":{\"dtype\":\"NEW\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", "NEW"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[0,9223372036854775807,9223372036854775807],\"data_offsets\":[0,"
         "24]}}",
         "fc.weight"},
        {" {\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", "begin"},
        {"{\"fc.weight\\u0000\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", "impossible"},
        {"{\"fc.weight\\ud800\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", "impossible"},
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}} 1", "follows"},
        {"{\"fc.weight\":{\"dtype\":nul", "JSON"},
        {"{\"fc.weight\":{\"dtype\":\"F32\\", "JSON"},
        {"{\"fc.weight\n\":"
         "{}}",
         "control"},
        {"{\"fc.weight\xff\":"
         "{}}",
         "UTF-8"},
        {"{\"\xed\xa0\x80\":0}", "UTF-8"},
    };
    char path[TEMPORARY_PATH];
    temporary_path(path, "hostile.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spar_network *network = model_create_tiny(), *before = model_create_tiny();
        raw_file_write(path, cases[i].header, MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
        if (!CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path, cases[i].fragment)) {
            check_that(false, __FILE__, __LINE__, "that was the header %s", cases[i].header);
        }
        CHECK(model_equal(network, before));
        spar_network_destroy(network);
        spar_network_destroy(before);
    }
    char *deep = check_allocate(400001);
    memset(deep, '[', 400000);
    raw_file_write(path, deep, MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
    spar_network *network = model_create_tiny();
    CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path);
    spar_network_destroy(network);
    free(deep);
}

// A sentence goes to terminals and logs: whatever a file has for names, it is one line of UTF-8.
static void sentences_are_one_line_of_utf8(void) {
    static const char *const names[] = {"\\u001b[31mred\\nline", "\\u007f\\u009b", "plain"};
    char path[TEMPORARY_PATH], header[300], before[] = "two\nlines\x1b\xff.safetensors";
    temporary_path(path, before);
    for (int i = 0; i < 3; i++) {
        spar_network *network = model_create_tiny();
        snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}", names[i]);
        raw_file_write(path, header, MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
        CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, "two?lines??.safetensors: ");
        const char *sentence = spar_last_error();
        CHECK(spar_is_name(sentence));
        spar_network_destroy(network);
    }
}

static const char *const taken_headers[] = {
    "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}        \n\t",
    // any order, also of the tensors' places; types that nobody asks for; no elements; a scalar
    ("{\"b.num_batches_tracked\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[24,26]},"
     "\"a.num_batches_tracked\":{\"data_offsets\":[26,34],\"shape\":[],\"dtype\":\"I64\"},"
     "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
     "\"c.num_batches_tracked\":{\"dtype\":\"BF16\",\"shape\":[4,0,7],\"data_offsets\":[24,24]},"
     "\"d.num_batches_tracked\":{\"dtype\":\"C64\",\"shape\":[0],\"data_offsets\":[0,0],\"more\":{\"x\":[null]}}}"),
    // metadata with the names of other things
    ("{\"__metadata__\":{\"data_offsets\":\"[0,9]\",\"dtype\":\"\",\"shape\":\"\",\"__metadata__\":\"\",\"\":\"\"},"
     "\"fc\\u002Eweight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}"),
};

static void files_as_other_programs_write_them_are_taken(void) {
    unsigned char data[34] = {0};
    char path[TEMPORARY_PATH];
    temporary_path(path, "other.safetensors");
    memcpy(data, MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
    for (int i = 0; i < 3; i++) {
        spar_network *network = model_create_tiny();
        float weights[6];
        size_t needed;
        raw_file_write(path, taken_headers[i], data, i == 1 ? sizeof data : sizeof MODEL_TINY_WEIGHTS);
        CHECK_OK(spar_network_load_parameters(network, path));
        CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, weights, 6));
        CHECK(memcmp(weights, MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS) == 0);
        CHECK_OK(spar_file_metadata(path, "data_offsets", NULL, 0, &needed));
        CHECK_EQUAL(needed, i == 2 ? 6 : 0);
        spar_network_destroy(network);
    }
}

static void missing_extra_and_misshaped_tensors_are_named(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "other.safetensors");
    spar_network *convolutional = model_create(example_convolutional, SEED),
                 *network = model_create(example_plain, SEED);
    spar_network *before = model_create(example_plain, SEED);
    CHECK_OK(spar_network_save(convolutional, path, false, NULL, 0));
    CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path, "bn1.");
    CHECK(model_equal(network, before));

    spar_network *small = model_create_tiny();
    static const float seven[7] = {1, 2, 3, 4, 5, 6, 7};
    raw_file_write(path,
                   "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                   "\"fc.other\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[24,28]}}",
                   seven, sizeof seven);
    CHECK_FAILS(spar_network_load_parameters(small, path), SPAR_ERROR_FORMAT, path, "fc.other");
    spar_network_destroy(small);
    spar_network_destroy(convolutional);
    spar_network_destroy(network);
    spar_network_destroy(before);
}

static void values_that_are_not_finite_are_refused(void) {
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    char path[TEMPORARY_PATH];
    temporary_path(path, "nan.safetensors");
    for (int i = 0; i < 3; i++) {
        spar_network *network = model_create_tiny(), *before = model_create_tiny();
        float weights[6] = {1, 2, 3, 4, bad[i], 6};
        raw_file_write(path, MODEL_TINY_HEADER, weights, sizeof weights);
        CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path, "fc.weight");
        CHECK(model_equal(network, before));
        spar_network_destroy(network);
        spar_network_destroy(before);
    }
}

// `name` in the file's header becomes one that nobody asks for.
static void check_missing(const raw_file *raw, const char *name, const char *path) {
    char key[200];
    spar_network *loaded = NULL;
    snprintf(key, sizeof key, "\"%s\":{\"dtype\"", name);
    char *renamed = text_replaced(raw->header, key, "\"n.num_batches_tracked\":{\"dtype\"");
    raw_file_write(path, renamed, raw->data, raw->data_size);
    CHECK_FAILS(model_load(path, &loaded), SPAR_ERROR_FORMAT, path, "there is no tensor", name);
    free(renamed);
}

static void every_missing_tensor_is_named(void) {
    static const example_network networks[] = {example_convolutional, example_whitened, example_plain};
    char path[TEMPORARY_PATH], name[100];
    temporary_path(path, "missing.safetensors");
    for (int i = 0; i < 3; i++) {
        spar_network *network = model_create(networks[i], SEED);
        CHECK_OK(spar_hold_state(network, SPAR_PART_MOMENTUM));
        CHECK_OK(spar_network_save(network, path, true, NULL, 0));
        raw_file raw = raw_file_read(path);
        for (int p = 0; p < spar_network_parameter_count(network); p++) {
            spar_parameter_info info = {.struct_size = sizeof info};
            CHECK_OK(spar_network_parameter(network, p, &info));
            check_missing(&raw, info.name, path);
            snprintf(name, sizeof name, "sparring.momentum.%s", info.name);
            if (info.trainable) check_missing(&raw, name, path);
        }
        raw_file_free(&raw);
        spar_network_destroy(network);
    }
}

// Variances below 0 and deviations of 0 are as impossible as NaN, in files and from callers.
static void impossible_statistics_are_refused(void) {
    static const struct {
        const char *name;
        float value;
    } cases[] = {{"bn1.running_var", -1e-6f}, {"normalize.deviation", 0}, {"normalize.deviation", -1}};
    char path[TEMPORARY_PATH];
    temporary_path(path, "statistics.safetensors");
    for (int i = 0; i < 3; i++) {
        spar_network *network = model_create(example_convolutional, SEED), *loaded = NULL;
        spar_parameter_info info = {.struct_size = sizeof info};
        int index = oracle_find(network, cases[i].name);
        CHECK_OK(spar_network_parameter(network, index, &info));
        float *values = check_allocate((size_t)info.count * sizeof *values);
        for (int64_t k = 0; k < info.count; k++) values[k] = 0.5f;
        CHECK_OK(spar_network_write_parameter(network, index, SPAR_PART_VALUE, values, info.count));
        CHECK_OK(spar_network_save(network, path, false, NULL, 0));
        raw_file raw = raw_file_read(path);
        values[1] = cases[i].value;
        CHECK_FAILS(spar_network_write_parameter(network, index, SPAR_PART_VALUE, values, info.count),
                    SPAR_ERROR_ARGUMENT, cases[i].name);
        char key[80], *entry;
        snprintf(key, sizeof key, "\"%s\":", cases[i].name);
        long begin = -1;
        if ((entry = strstr(raw.header, key)) != NULL && (entry = strstr(entry, "data_offsets")) != NULL) {
            sscanf(entry, "data_offsets\":[%ld", &begin);
        }
        if (CHECK(begin >= 0)) memcpy(raw.data + begin, values, (size_t)info.count * sizeof *values);
        raw_file_write(path, raw.header, raw.data, raw.data_size);
        CHECK_FAILS(model_load(path, &loaded), SPAR_ERROR_FORMAT, path, cases[i].name);
        free(values);
        raw_file_free(&raw);
        spar_network_destroy(network);
    }
}

static void truncated_files_are_refused_at_every_length(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "whole.safetensors");
    spar_network *network = model_create(example_plain, SEED), *before = model_create(example_plain, SEED);
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    size_t size = 0;
    unsigned char *bytes = temporary_read(path, &size);
    temporary_path(path, "cut.safetensors");
    for (size_t length = 0; length < size; length += length < 16 || length + 16 > size ? 1 : size / 200 + 1) {
        spar_network *loaded = NULL;
        CHECK(temporary_write(path, bytes, length));
        bool refused = CHECK_FAILS(model_load(path, &loaded), SPAR_ERROR_FORMAT, path);
        refused &= CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path);
        check_that(refused && loaded == NULL, __FILE__, __LINE__, "cut to %zu of %zu bytes", length, size);
    }
    CHECK(model_equal(network, before));
    free(bytes);
    spar_network_destroy(network);
    spar_network_destroy(before);
}

static void wrong_header_lengths_and_other_kinds_of_files_are_refused(void) {
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"\x89PNG\r\n\x1a\n and so on, not a model at all", 38},
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10},
        {"\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10},
        {"\x00\x00\x00\x00\x01\x00\x00\x00{}", 10},
        {"\x03\x00\x00\x00\x00\x00\x00\x00{}", 10},
        {"\x00\x00\x00\x00\x00\x00\x00\x00", 8},
    };
    char path[TEMPORARY_PATH];
    temporary_path(path, "wrong.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spar_network *network = NULL;
        char value[10];
        size_t needed;
        CHECK(temporary_write(path, cases[i].bytes, cases[i].size));
        CHECK_FAILS(model_load(path, &network), SPAR_ERROR_FORMAT, path);
        CHECK_FAILS(spar_file_metadata(path, "key", value, sizeof value, &needed), SPAR_ERROR_FORMAT, path);
        CHECK(network == NULL);
    }
}

static void changed_graphs_are_refused(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "graph.safetensors");
    spar_network *network = model_create(example_plain, SEED);
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    raw_file raw = raw_file_read(path);
    char *renamed = text_replaced(raw.header, "fc2", "fc9"); // in the graph or in the tensors: either way they differ
    raw_file_write(path, renamed, raw.data, raw.data_size);
    spar_network *loaded = NULL;
    CHECK_FAILS(model_load(path, &loaded), SPAR_ERROR_FORMAT, path);
    CHECK(loaded == NULL);
    free(renamed);
    raw_file_free(&raw);
    spar_network_destroy(network);
}

// Whatever a byte becomes: a status, never a crash; and what loads works.
static void random_damage_never_crashes(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "model.safetensors");
    spar_network *network = model_trained("layerwise", 20, SEED);
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    size_t size = 0;
    unsigned char *bytes = temporary_read(path, &size);
    raw_file raw = raw_file_read(path);
    size_t head = 8 + strlen(raw.header);
    raw_file_free(&raw);
    temporary_path(path, "damaged.safetensors");
    uint64_t state = SEED;
    int refused = 0;
    for (int i = 0; i < FLIPS; i++) {
        size_t position[3];
        unsigned char kept[3];
        int flips = 1 + i % 3;
        for (int k = 0; k < flips; k++) { // nine in ten in the header
            position[k] = (size_t)(example_uniform(&state) * (double)(i % 10 == 9 ? size : head));
            kept[k] = bytes[position[k]];
            bytes[position[k]] = (unsigned char)(example_uniform(&state) * 256);
        }
        CHECK(temporary_write(path, bytes, size));
        for (int k = flips - 1; k >= 0; k--) bytes[position[k]] = kept[k];
        spar_network *loaded = NULL;
        if (model_load(path, &loaded) != SPAR_OK) {
            refused++;
            CHECK(loaded == NULL && spar_last_error()[0] != 0);
        } else {
            spar_network_info info = {.struct_size = sizeof info};
            CHECK_OK(spar_network_get_info(loaded, &info));
            spar_network_destroy(loaded);
        }
        spar_network_load_parameters(network, path);
    }
    CHECK(refused > FLIPS / 4);
    free(bytes);
    spar_network_destroy(network);
}

TEST_MAIN(TEST(hostile_headers_are_refused_and_the_network_stays), TEST(sentences_are_one_line_of_utf8),
          TEST(files_as_other_programs_write_them_are_taken), TEST(missing_extra_and_misshaped_tensors_are_named),
          TEST(every_missing_tensor_is_named), TEST(values_that_are_not_finite_are_refused),
          TEST(impossible_statistics_are_refused), TEST(truncated_files_are_refused_at_every_length),
          TEST(wrong_header_lengths_and_other_kinds_of_files_are_refused), TEST(changed_graphs_are_refused),
          TEST(random_damage_never_crashes))
