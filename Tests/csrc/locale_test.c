// Numbers in model files do not follow the locale: neither what is written nor what is read.
#define _GNU_SOURCE // duplocale, nftw
#include "io/buffer.h"
#include "io/number.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <float.h>
#include <ftw.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 54 };

static char locales[TEMPORARY_PATH];

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *place) {
    (void)about, (void)type, (void)place;
    return remove(path);
}

static void remove_locales(void) {
    nftw(locales, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

// Makes a German locale, whose numbers have commas, in a folder of this test.
static bool make_german_locale(void) {
    char command[3 * TEMPORARY_PATH];
    temporary_path(locales, "locales");
    snprintf(command, sizeof command, "mkdir '%s' && localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' 2>&1", locales,
             locales);
    bool made = check_that(system(command) == 0, __FILE__, __LINE__, "localedef failed; Debian's package is `locales`");
    setenv("LOCPATH", locales, 1);
    return made;
}

static bool prints_commas(void) {
    char text[20];
    snprintf(text, sizeof text, "%g", 0.5);
    return check_that(strcmp(text, "0,5") == 0, __FILE__, __LINE__, "the locale prints %s, no comma", text);
}

static spar_network *make(void) {
    spar_network *network = model_create(example_dropout, SEED);
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("anl", 0.0123f, &method));
    method.input_epsilon = 1e-7f;
    CHECK_OK(spar_network_set_method(network, &method));
    oracle *o = example_dropout(EXAMPLE_BATCH);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    spar_sgd sgd = spar_sgd_defaults();
    CHECK_OK(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, NULL));
    example_batch_destroy(&batch);
    oracle_destroy(o);
    return network;
}

// Saves a network and loads it; the file is that of the C locale.
static void check_round_trip(const unsigned char *expected, size_t expected_size) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "german.safetensors");
    spar_network *network = make(), *loaded = NULL;
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    size_t size = 0;
    unsigned char *bytes = temporary_read(path, &size);
    CHECK(size == expected_size && memcmp(bytes, expected, size) == 0);
    CHECK_OK(model_load(path, &loaded));
    CHECK(loaded != NULL && model_equal(network, loaded));
    CHECK_OK(spar_network_save(loaded, path, true, NULL, 0)); // the method and s(h) came back too
    free(bytes);
    bytes = temporary_read(path, &size);
    CHECK(size == expected_size && memcmp(bytes, expected, size) == 0);
    free(bytes);
    spar_network_destroy(network);
    spar_network_destroy(loaded);
}

static void files_are_the_same_in_a_locale_with_commas(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "plain.safetensors");
    spar_network *network = make();
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    spar_network_destroy(network);
    size_t size = 0;
    unsigned char *bytes = temporary_read(path, &size);
    if (make_german_locale()) {
        CHECK(setlocale(LC_ALL, "de_DE.UTF-8") != NULL && prints_commas());
        check_round_trip(bytes, size);
        locale_t german = duplocale(LC_GLOBAL_LOCALE), before; // newlocale leaks where LOCPATH is set
        setlocale(LC_ALL, "C");
        CHECK(german != (locale_t)0);
        before = uselocale(german); // of this thread alone
        CHECK(prints_commas());
        check_round_trip(bytes, size);
        uselocale(before);
        freelocale(german);
    }
    free(bytes);
    remove_locales();
}

static void floats_come_back_from_nine_digits(void) {
    static const float edges[] = {0, -0.0f, 1, -1, 0.1f, FLT_MAX, -FLT_MAX, FLT_MIN, FLT_TRUE_MIN, 1e-40f, 16777217.0f};
    uint64_t state = SEED;
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)(example_uniform(&state) * 4294967296.0);
        float value, back;
        memcpy(&value, &bits, sizeof value);
        if (i < (int)(sizeof edges / sizeof *edges)) value = edges[i];
        if (!isfinite(value)) continue;
        char text[24];
        spar_write_float(value, text);
        const char *end = text + strlen(text);
        CHECK(spar_number_end(text, end) == end);
        back = (float)spar_read_number(text, end);
        check_that(memcmp(&value, &back, sizeof value) == 0, __FILE__, __LINE__, "%s came back as %.9g", text,
                   (double)back);
    }
}

static void numbers_are_those_of_json(void) {
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"12", 12},
                {"0.5", 0.5},
                {"1e3", 1000},
                {"1E+3", 1000},
                {"-2.5e-1", -0.25},
                {"1e400", INFINITY},
                {"1e-400", 0},
                {"0e999999999999999999999", 0},
                {"1e-99999999999999999999", 0},
                {"123456789012345678901234567890", 1.2345678901234568e29},
                {"0.00000000000000000000000000000000000000000000000001e50", 1}};
    static const char *const bad[] = {"", "-", "+1", ".5", "1.", "01", "1e", "1e+", "nan", "inf", "0x10", "0,5", "1 2"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const char *end = good[i].text + strlen(good[i].text);
        CHECK(spar_number_end(good[i].text, end) == end);
        double value = spar_read_number(good[i].text, end);
        check_that(value == good[i].value || fabs(value / good[i].value - 1) < 1e-14, __FILE__, __LINE__,
                   "%s is read as %g", good[i].text, value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *end = bad[i] + strlen(bad[i]);
        check_that(spar_number_end(bad[i], end) != end || end == bad[i], __FILE__, __LINE__, "%s is taken", bad[i]);
    }
}

static void whole_numbers_are_exact_and_bounded(void) {
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } cases[] = {{"9223372036854775807", true, INT64_MAX},
                 {"9223372036854775808", false, 0},
                 {"-1", true, -1},
                 {"18446744073709551617", false, 0},
                 {"1.0", false, 0},
                 {"1e2", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 0;
        CHECK(spar_read_integer(cases[i].text, cases[i].text + strlen(cases[i].text), &value) == cases[i].fits);
        if (cases[i].fits) CHECK(value == cases[i].value);
    }
    uint64_t seed = 0;
    CHECK(spar_read_unsigned("18446744073709551615", &seed) && seed == UINT64_MAX);
    CHECK(!spar_read_unsigned("18446744073709551616", &seed) && !spar_read_unsigned("", &seed));
    CHECK(!spar_read_unsigned("1 ", &seed) && !spar_read_unsigned("-1", &seed) && !spar_read_unsigned(NULL, &seed));
}

TEST_MAIN(TEST(files_are_the_same_in_a_locale_with_commas), TEST(floats_come_back_from_nine_digits),
          TEST(numbers_are_those_of_json), TEST(whole_numbers_are_exact_and_bounded))
