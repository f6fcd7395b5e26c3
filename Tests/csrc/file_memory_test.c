// Model files and memory: a failed allocation is told as one and changes nothing, and a small file takes little.
#include "support/allocations.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEED = 53 };

// An example in training, whose points hold something.
static spar_network *trained(const char *method_name) {
    spar_network *network = model_create(example_plain, SEED);
    oracle *o = example_plain(EXAMPLE_BATCH);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    spar_method method = {.struct_size = sizeof method};
    spar_sgd sgd = spar_sgd_defaults();
    CHECK_OK(spar_method_preset(method_name, 0.1f, &method));
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, NULL));
    example_batch_destroy(&batch);
    oracle_destroy(o);
    return network;
}

typedef struct attempt {
    spar_network *network;
    const char *path;
} attempt;

static spar_status save(attempt *attempt) {
    static const spar_metadata entries[] = {{sizeof(spar_metadata), "dataset", "digits"}};
    return spar_network_save(attempt->network, attempt->path, true, entries, 1);
}

static spar_status load(attempt *attempt) {
    spar_network *loaded = NULL;
    spar_status status = model_load(attempt->path, &loaded);
    CHECK((loaded != NULL) == (status == SPAR_OK));
    spar_network_destroy(loaded);
    return status;
}

static spar_status load_parameters(attempt *attempt) {
    return spar_network_load_parameters(attempt->network, attempt->path);
}

static spar_status read_metadata(attempt *attempt) {
    char value[100];
    size_t needed;
    return spar_file_metadata(attempt->path, "dataset", value, sizeof value, &needed);
}

// Fails the first, second, … allocation of the call until it needs no more.
static void fail_each(spar_status (*call)(attempt *), attempt *attempt, const spar_network *before) {
    spar_status status = SPAR_ERROR_MEMORY;
    long failing = 0;
    while (status != SPAR_OK && failing < 10000) {
        int files = temporary_count();
        allocations_reset(++failing);
        status = call(attempt);
        allocations_reset(0);
        if (status == SPAR_OK) break;
        check_that(status == SPAR_ERROR_MEMORY && strstr(spar_last_error(), attempt->path) != NULL, __FILE__, __LINE__,
                   "allocation %ld: status %d, %s", failing, (int)status, spar_last_error());
        CHECK(model_equal(attempt->network, before));
        CHECK_EQUAL(temporary_count(), files);
    }
    check_that(status == SPAR_OK && failing > 2, __FILE__, __LINE__, "status %d after %ld allocations", (int)status,
               failing);
}

static void every_failed_allocation_is_told_as_one_and_changes_nothing(void) {
    static const char *const methods[] = {"layerwise", "anl"};
    for (int i = 0; i < 2; i++) {
        char path[TEMPORARY_PATH];
        temporary_path(path, "memory.safetensors");
        spar_network *network = trained(methods[i]), *before = trained(methods[i]);
        attempt attempt = {network, path};
        fail_each(save, &attempt, before);
        fail_each(load, &attempt, before);
        fail_each(load_parameters, &attempt, before);
        fail_each(read_metadata, &attempt, before);
        spar_network_destroy(network);
        spar_network_destroy(before);
    }
}

// `prefix`, then `piece` again and again up to `length`, then `suffix`.
static char *repeated(const char *prefix, const char *piece, const char *suffix, size_t length) {
    char *text = check_allocate(length + strlen(prefix) + strlen(piece) + strlen(suffix) + 1);
    size_t used = strlen(strcpy(text, prefix));
    while (used < length) {
        strcpy(text + used, piece);
        used += strlen(piece);
    }
    strcpy(text + used, suffix);
    return text;
}

static void a_header_takes_a_small_multiple_of_its_length(void) {
    static const struct {
        const char *prefix, *piece, *suffix;
    } shapes[] = {
        {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[0", ",0", "],\"data_offsets\":[0,24]}}"},
        {"{\"x\":[", "[[[]]],", "0]}"},
        {"{\"x\":[{}", ",{}", "]}"},
        {"{\"__metadata__\":{\"a\":\"", ":", "\"}}"},
        {"{\"__metadata__\":{\"a\":\"", "{,[", "\"}}"},
        {"{\"__metadata__\":{\"a\":\"", "\\\"", "\"}}"},
        {"{\"x\":{\"a\":0", ",\"a\":0", "}}"},
        {"{", "\"a\":{\"dtype\":\"\",\"shape\":[],\"data_offsets\":[0,0]},", "\"b\":0}"},
    };
    enum { LENGTH = 1 << 20 };
    char path[TEMPORARY_PATH];
    temporary_path(path, "large.safetensors");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        char *header = repeated(shapes[i].prefix, shapes[i].piece, shapes[i].suffix, LENGTH);
        raw_file_write(path, header, MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
        char value[10];
        size_t needed;
        allocations_reset(0);
        spar_file_metadata(path, "b", value, sizeof value, &needed);
        size_t bytes = allocations_bytes();
        check_that(bytes > LENGTH && bytes < 10 * (size_t)LENGTH, __FILE__, __LINE__,
                   "%s: %zu bytes for a header of %d", shapes[i].piece, bytes, LENGTH);
        free(header);
    }
}

static void headers_beyond_16_megabytes_are_refused_unread(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "huge.safetensors");
    char *header = repeated("{", " ", "}", (16u << 20) + 1);
    raw_file_write(path, header, NULL, 0);
    size_t needed;
    allocations_reset(0);
    CHECK_FAILS(spar_file_metadata(path, "b", NULL, 0, &needed), SPAR_ERROR_FORMAT, path, "16777216");
    CHECK(allocations_bytes() < 1000);
    free(header);
}

enum { DATA_BYTES = 4096 };

static void check_too_large(const char *graph, int output, const char *rest) {
    static const unsigned char data[DATA_BYTES];
    char path[TEMPORARY_PATH];
    temporary_path(path, "small.safetensors");
    char *header = model_header(graph, output, rest);
    spar_network *network = NULL;
    raw_file_write(path, header, data, sizeof data);
    allocations_reset(0);
    CHECK_FAILS(model_load(path, &network), SPAR_ERROR_FORMAT, path);
    check_that(allocations_bytes() < 200000, __FILE__, __LINE__, "%zu bytes for a file of %zu", allocations_bytes(),
               strlen(header) + sizeof data);
    free(header);
}

// What a file tells of is not taken for what it has: a layer of 1 MB for 4 kB of data.
static void a_graph_takes_no_more_parameters_than_the_file_has(void) {
    static const char graph[] =
        "[{\"kind\":\"input\",\"name\":\"i\",\"inputs\":[],\"channels\":1024,\"height\":1,\"width\":1},"
        "{\"kind\":\"dense\",\"name\":\"fc\",\"inputs\":[0],\"units\":256,\"bias\":false,\"initializer\":0,"
        "\"initializer_deviation\":0}]";
    char overlapping[20000] = "", *to = overlapping;
    for (int i = 0; i < 260; i++) {
        to += sprintf(to, ",\"%d\":{\"dtype\":\"U8\",\"shape\":[4096],\"data_offsets\":[0,4096]}", i);
    }
    check_too_large(graph, 1, "");
    check_too_large(graph, 1, ",\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[1024],\"data_offsets\":[0,4096]}");
    check_too_large(graph, 1, ",\"a\":{\"dtype\":\"?\",\"shape\":[],\"data_offsets\":[0,562949953421312]}");
    check_too_large(graph, 1, overlapping);
}

static void metadata_named_as_a_tensors_place_gives_nothing(void) {
    static const char graph[] =
        "[{\"kind\":\"input\",\"name\":\"i\",\"inputs\":[],\"channels\":2,\"height\":1,\"width\":1}]";
    static const char start[] = "{\"__metadata__\":{";
    static const char *const places[] = {"\"data_offsets\":[0,562949953421312],", "\"data_offsets\":7,",
                                         "\"data_offsets\":[],"};
    char path[TEMPORARY_PATH], text[1000];
    temporary_path(path, "metadata.safetensors");
    char *header = model_header(graph, 0, "");
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%s%s%s", start, places[i], header + strlen(start));
        raw_file_write(path, text, NULL, 0);
        spar_network *network = NULL;
        CHECK_FAILS(model_load(path, &network), SPAR_ERROR_FORMAT, path, "\"data_offsets\" is no string");
    }
    free(header);
}

// Four layers of 2⁶⁰ weights, whose bytes add up to 2⁶⁴.
static void sizes_that_wrap_to_nothing_are_refused(void) {
    static const char convolution[] =
        ",{\"kind\":\"conv2d\",\"name\":\"%d\",\"inputs\":[%d],\"channels\":1048576,\"kernel_height\":1024,"
        "\"kernel_width\":1024,\"stride_height\":1024,\"stride_width\":1024,\"padding_height\":1024,"
        "\"padding_width\":1024,\"groups\":1,\"bias\":false,\"initializer\":0,\"initializer_deviation\":0}";
    char graph[4000], *to = graph;
    to +=
        sprintf(to, "[{\"kind\":\"input\",\"name\":\"i\",\"inputs\":[],\"channels\":1048576,\"height\":1,\"width\":1}");
    for (int i = 0; i < 4; i++) to += sprintf(to, convolution, i, i);
    strcpy(to, ",{\"kind\":\"global_average_pool\",\"name\":\"p\",\"inputs\":[4]}]");
    check_too_large(graph, 5, ",\"a\":{\"dtype\":\"U8\",\"shape\":[4096],\"data_offsets\":[0,4096]}");
}

// A graph of `count` layers, with names in falling order, every third value an operand once more.
static char *long_header(int count) {
    char *graph = check_allocate((size_t)count * 80 + 1000), *to = graph;
    to += sprintf(to, "[{\"kind\":\"input\",\"name\":\"i\",\"inputs\":[],\"channels\":2,\"height\":1,\"width\":1}");
    for (int v = 1; v < count; v++) {
        const char *kind = v % 3 == 0 ? "add" : v % 3 == 1 ? "tanh" : "perturb";
        to += sprintf(to, ",{\"kind\":\"%s\",\"name\":\"%06d\",\"inputs\":[%d", kind, count - v, v - 1);
        to += v % 3 == 0 ? sprintf(to, ",%d]}", v - 3) : sprintf(to, "]}");
    }
    strcpy(to, "]");
    char *header = model_header(graph, count - 1, "");
    free(graph);
    return header;
}

static void as_many_layers_as_there_may_be_load_in_seconds_and_more_are_refused(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "long.safetensors");
    for (int i = 0; i < 2; i++) {
        spar_network *network = NULL;
        char *header = long_header(65536 + i);
        raw_file_write(path, header, NULL, 0);
        clock_t start = clock();
        if (i == 0) CHECK_OK(model_load(path, &network));
        if (i == 1) CHECK_FAILS(model_load(path, &network), SPAR_ERROR_FORMAT, path, "65536 layers");
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        check_that(seconds < 5 * CHECK_SLOWNESS, __FILE__, __LINE__, "%d layers took %.1f seconds", 65536 + i, seconds);
        spar_network_destroy(network);
        free(header);
    }
}

TEST_MAIN(TEST(every_failed_allocation_is_told_as_one_and_changes_nothing),
          TEST(a_header_takes_a_small_multiple_of_its_length), TEST(headers_beyond_16_megabytes_are_refused_unread),
          TEST(a_graph_takes_no_more_parameters_than_the_file_has),
          TEST(metadata_named_as_a_tensors_place_gives_nothing), TEST(sizes_that_wrap_to_nothing_are_refused),
          TEST(as_many_layers_as_there_may_be_load_in_seconds_and_more_are_refused))
