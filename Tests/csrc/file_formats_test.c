// Model files of other versions: what older ones lack has a default, what newer ones add is refused with its name where
// it has to be understood, and ignored elsewhere.
#include "io/fields.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 57 };

static char path[TEMPORARY_PATH];

// The header of a file with the training state of an example in training; the file's data.
static raw_file saved(void) {
    temporary_path(path, "version.safetensors");
    spar_network *network = model_trained("layerwise", 20, SEED);
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    spar_network_destroy(network);
    return raw_file_read(path);
}

// The file becomes one with `from` replaced in its header; its network, or NULL and the sentence.
static spar_status load_changed(const raw_file *raw, const char *from, const char *to, spar_network **loaded) {
    char *header = text_replaced(raw->header, from, to);
    raw_file_write(path, header, raw->data, raw->data_size);
    free(header);
    return model_load(path, loaded);
}

static void newer_formats_and_features_are_refused_by_every_reader_but_that_of_metadata(void) {
    static const struct {
        const char *to, *fragment;
    } cases[] = {
        {"\"sparring.format\":\"2\"", "a file of format \"2\"; version " SPAR_VERSION " reads format 1"},
        {"\"sparring.format\":\"1.1\"", "format \"1.1\""},
        {"\"sparring.format\":\"\"", "format \"\""},
        {"\"sparring.requires\":\"attention\"", "requires \"attention\", which version " SPAR_VERSION " does not know"},
        {"\"sparring.requires\":\"  routing attention\"", "requires \"routing\""},
    };
    raw_file raw = saved();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spar_network *loaded = NULL, *network = model_create(example_plain, SEED),
                     *before = model_create(example_plain, SEED);
        char value[10];
        size_t needed;
        CHECK_FAILS(load_changed(&raw, "\"sparring.format\":\"1\"", cases[i].to, &loaded), SPAR_ERROR_FORMAT, path,
                    cases[i].fragment);
        CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path, cases[i].fragment);
        CHECK(loaded == NULL && model_equal(network, before));
        CHECK_OK(spar_file_metadata(path, "sparring.loss", value, sizeof value, &needed));
        CHECK_EQUAL(needed, 2);
        spar_network_destroy(network);
        spar_network_destroy(before);
    }
    raw_file_free(&raw);
}

static void what_need_not_be_understood_is_ignored(void) {
    static const char *const cases[] = {
        "\"note\":\"\"", // without a number the format is the first
        "\"sparring.requires\":\"\",\"sparring.format\":\"1\"",
        "\"sparring.machine\":\"a later version's\",\"sparring.format\":\"1\"",
    };
    raw_file raw = saved();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spar_network *loaded = NULL;
        CHECK_OK(load_changed(&raw, "\"sparring.format\":\"1\"", cases[i], &loaded));
        spar_network_destroy(loaded);
    }
    raw_file_free(&raw);
}

static void what_a_graph_or_a_state_has_besides_is_named(void) {
    static const struct {
        const char *from, *to, *fragment;
    } cases[] = {
        {"\\\"kind\\\":\\\"relu\\\"", "\\\"kind\\\":\\\"swish\\\"",
         "\": the kind \"swish\" is nothing that version " SPAR_VERSION " knows"},
        {"\\\"groups\\\":1", "\\\"dilation\\\":2,\\\"groups\\\":1",
         "\": \"dilation\" is nothing that version " SPAR_VERSION " knows"},
        {"\\\"kind\\\":\\\"flatten\\\"", "\\\"kind\\\":\\\"flatten\\\",\\\"from\\\":1", "\": \"from\" is nothing"},
        {"\\\"groups\\\":1,", "", "\": \"groups\" is missing"},
        {"\\\"groups\\\":1,", "\\\"groups\\\":\\\"1\\\",", "\"groups\" is not a whole number"},
        {"\\\"groups\\\":1,", "\\\"groups\\\":2147483648,", "\"groups\" is not a whole number below 2^31"},
        {"\\\"bias\\\":true", "\\\"bias\\\":1", "\"bias\" is not true or false"},
        {"\\\"inputs\\\":[0]", "\\\"inputs\\\":[0,0]", "\": a layer of kind perturb has not 1 inputs"},
        {"\\\"epsilon\\\":20", "\\\"epsilon\\\":20,\\\"norm\\\":2",
         "the training state: \"norm\" is nothing that version " SPAR_VERSION " knows"},
        {"\\\"epsilon\\\":20", "\\\"epsilon\\\":null", "the training state: \"epsilon\" is not a number"},
        {"\\\"step\\\":\\\"1\\\"", "\\\"step\\\":1", "the training state: \"step\" is not a whole number in quotes"},
        {"\\\"points\\\"", "\\\"places\\\"", "the training state: \"places\" is nothing"},
        {"\\\"last_point\\\":null", "\\\"last_point\\\":7", "\"last_point\" is not a string or null"},
        {"\\\"last_point\\\":null", "\\\"last_point\\\":null,\\\"hidden_points\\\":7",
         "\"hidden_points\" is not a string or null"},
        {"\"sparring.loss\":\"0\"", "\"sparring.loss\":\"9\"", "there is no loss 9"},
        {"\"sparring.seed\"", "\"sparring.seat\"", "seed is missing"},
    };
    raw_file raw = saved();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spar_network *loaded = NULL;
        CHECK_FAILS(load_changed(&raw, cases[i].from, cases[i].to, &loaded), SPAR_ERROR_FORMAT, path,
                    cases[i].fragment);
        CHECK(loaded == NULL);
    }
    raw_file_free(&raw);
}

static void which_version_wrote_a_file_that_is_refused_is_told(void) {
    raw_file raw = saved();
    spar_network *loaded = NULL;
    char *later =
        text_replaced(raw.header, "\"sparring.version\":\"" SPAR_VERSION "\"", "\"sparring.version\":\"9.8.7\"");
    free(raw.header);
    raw.header = later;
    CHECK_OK(load_changed(&raw, "{", "{", &loaded));
    spar_network_destroy(loaded);
    CHECK_FAILS(load_changed(&raw, "\\\"groups\\\":1", "\\\"groups\\\":1,\\\"dilation\\\":2", &loaded),
                SPAR_ERROR_FORMAT, path, ": written by version 9.8.7: ", "dilation");
    raw_file_free(&raw);
}

typedef struct settings {
    int32_t old, added;
    float share;
    bool on;
    uint64_t count;
    const char *name;
} settings;

static const spar_field fields[] = {{"old", SPAR_FIELD_INT, offsetof(settings, old), NULL},
                                    {"added", SPAR_FIELD_INT, offsetof(settings, added), "7"},
                                    {"share", SPAR_FIELD_FLOAT, offsetof(settings, share), "0.5"},
                                    {"on", SPAR_FIELD_BOOL, offsetof(settings, on), "true"},
                                    {"count", SPAR_FIELD_COUNT, offsetof(settings, count), NULL},
                                    {"name", SPAR_FIELD_NAME, offsetof(settings, name), "null"},
                                    {0}};

static bool same(const settings *a, const settings *b) {
    bool names = a->name == NULL || b->name == NULL ? a->name == b->name : strcmp(a->name, b->name) == 0;
    return a->old == b->old && a->added == b->added && a->share == b->share && a->on == b->on && a->count == b->count &&
           names;
}

static void fields_that_earlier_versions_had_not_are_written_where_they_differ(void) {
    static const struct {
        settings settings;
        const char *text;
    } cases[] = {
        {{3, 7, 0.5f, true, 0, NULL}, ",\"old\":3,\"count\":\"0\""},
        {{-7, 8, 0.5f, true, UINT64_MAX, NULL}, ",\"old\":-7,\"added\":8,\"count\":\"18446744073709551615\""},
        {{0, 7, 0.25f, false, 1, "a\"b"}, ",\"old\":0,\"share\":0.25,\"on\":false,\"count\":\"1\",\"name\":\"a\\\"b\""},
    };
    static const char *const others[] = {"kind", NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spar_buffer text = {0};
        spar_json json;
        settings read;
        spar_buffer_append(&text, "{\"kind\":\"\"");
        spar_fields_write(fields, &cases[i].settings, &text);
        check_that(strcmp(text.data + strlen("{\"kind\":\"\""), cases[i].text) == 0, __FILE__, __LINE__, "%s",
                   text.data);
        spar_buffer_append(&text, "}");
        CHECK_OK(spar_json_parse(text.data, text.length, "the text", &json));
        CHECK_OK(spar_fields_read(fields, others, json.root, &read));
        CHECK(same(&read, &cases[i].settings));
        spar_json_free(&json);
        spar_buffer_free(&text);
    }
}

TEST_MAIN(TEST(newer_formats_and_features_are_refused_by_every_reader_but_that_of_metadata),
          TEST(what_need_not_be_understood_is_ignored), TEST(what_a_graph_or_a_state_has_besides_is_named),
          TEST(which_version_wrote_a_file_that_is_refused_is_told),
          TEST(fields_that_earlier_versions_had_not_are_written_where_they_differ))
