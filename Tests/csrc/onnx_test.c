// ONNX models: read back by a reader of protobuf of the test's own, networks of every layer are sorted graphs of unique
// names with the parameters' bits; what no reader would take is not written. Tests/peers runs them in onnxruntime.
#include "graph/network.h"
#include "io/protobuf.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/random_graph.h"
#include "support/temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 91, GRAPHS = 100 };

// Bytes of a message, and what is left of them.
typedef struct message {
    const unsigned char *at, *end;
} message;

typedef struct field {
    int number;
    uint64_t integer;
    message bytes;
} field;

static uint64_t read_varint(message *from) {
    uint64_t value = 0;
    for (int shift = 0; from->at < from->end; shift += 7) {
        unsigned char byte = *from->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return value;
}

// False at the end of the message, and, which fails the test, where none of these fields begins.
static bool next_field(message *from, field *next) {
    if (from->at == from->end) return false;
    uint64_t tag = read_varint(from);
    *next = (field){.number = (int)(tag >> 3)};
    if ((tag & 7) == 0) {
        next->integer = read_varint(from);
        return true;
    }
    uint64_t count = (tag & 7) == 2 ? read_varint(from) : (tag & 7) == 5 ? 4 : UINT64_MAX;
    if (!CHECK(count <= (uint64_t)(from->end - from->at))) return false;
    next->bytes = (message){from->at, from->at + count};
    from->at += count;
    return true;
}

// The first field of this number.
static bool find_field(message from, int number, field *found) {
    while (next_field(&from, found)) {
        if (found->number == number) return true;
    }
    return false;
}

static message part(message from, int number) {
    field found;
    return find_field(from, number, &found) ? found.bytes : (message){NULL, NULL};
}

static int64_t integer(message from, int number) {
    field found;
    return find_field(from, number, &found) ? (int64_t)found.integer : -1;
}

static bool same(message a, message b) {
    return a.end - a.at == b.end - b.at && memcmp(a.at, b.at, (size_t)(a.end - a.at)) == 0;
}

static bool is_text(message a, const char *text) {
    return same(a, (message){(const unsigned char *)text, (const unsigned char *)text + strlen(text)});
}

// The names that a graph has defined so far.
typedef struct names {
    message list[4000];
    bool used[4000];
    int count;
} names;

static void define(names *defined, message name) {
    CHECK(name.at < name.end);
    for (int i = 0; i < defined->count; i++) CHECK(!same(defined->list[i], name));
    if (CHECK(defined->count < 4000)) defined->list[defined->count++] = name;
}

static void use(names *defined, message name) {
    int i = 0;
    while (i < defined->count && !same(defined->list[i], name)) i++;
    if (CHECK(i < defined->count)) defined->used[i] = true;
}

static void check_node(message node, names *defined) {
    field next;
    for (message rest = node; next_field(&rest, &next);) {
        if (next.number == 1) use(defined, next.bytes);
        if (next.number == 5) CHECK(integer(next.bytes, 20) > 0 && part(next.bytes, 1).at != NULL);
    }
    CHECK(part(node, 3).at != NULL && part(node, 4).at != NULL);
    define(defined, part(node, 2));
}

// Inputs and initializers come first, then every node after what it reads; nothing is left over.
static void check_graph(message graph) {
    names *defined = check_allocate(sizeof *defined);
    field next;
    memset(defined, 0, sizeof *defined);
    for (message rest = graph; next_field(&rest, &next);) {
        if (next.number == 5) define(defined, part(next.bytes, 8));
        if (next.number == 11) define(defined, part(next.bytes, 1));
    }
    for (message rest = graph; next_field(&rest, &next);) {
        if (next.number == 1) check_node(next.bytes, defined);
    }
    CHECK(is_text(defined->list[defined->count - 1], "logits"));
    use(defined, part(part(graph, 12), 1));
    for (int i = 0; i < defined->count; i++) CHECK(defined->used[i]);
    free(defined);
}

static message find_initializer(message graph, const char *name) {
    field next;
    for (message rest = graph; next_field(&rest, &next);) {
        if (next.number == 5 && is_text(part(next.bytes, 8), name)) return next.bytes;
    }
    check_that(false, __FILE__, __LINE__, "the model has no %s", name);
    return (message){NULL, NULL};
}

static void check_parameters(const spar_network *network, message graph) {
    for (int p = 0; p < spar_network_parameter_count(network); p++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, p, &info));
        message tensor = find_initializer(graph, info.name), data = part(tensor, 9);
        size_t bytes = (size_t)info.count * sizeof(float);
        float *values = check_allocate(bytes);
        CHECK_OK(spar_network_read_parameter(network, p, SPAR_PART_VALUE, values, info.count));
        CHECK(same(data, (message){(unsigned char *)values, (unsigned char *)values + bytes}));
        CHECK_EQUAL(integer(tensor, 2), 1);
        field next;
        int rank = 0;
        bool planes = false; // [channels][1][1]
        for (message rest = tensor; next_field(&rest, &next);) {
            if (next.number != 1) continue;
            planes = planes || rank >= info.rank;
            CHECK_EQUAL(next.integer, rank < info.rank ? info.shape[rank] : 1);
            rank++;
        }
        CHECK_EQUAL(rank, planes ? 3 : info.rank);
        free(values);
    }
}

static void check_shape(message info, const char *name, const int *shape, int rank) {
    field next;
    message tensor = part(part(info, 2), 1), dimensions = part(tensor, 2);
    CHECK(is_text(part(info, 1), name));
    CHECK_EQUAL(integer(tensor, 1), 1);
    for (int i = -1; next_field(&dimensions, &next); i++) {
        if (!CHECK(i < rank)) break;
        if (i < 0) CHECK(is_text(part(next.bytes, 2), "batch"));
        if (i >= 0) CHECK_EQUAL(integer(next.bytes, 1), shape[i]);
        if (i == rank - 1) rank = -1;
    }
    CHECK_EQUAL(rank, -1);
}

static void check_model(const spar_network *network) {
    char path[TEMPORARY_PATH];
    size_t size = 0;
    temporary_path(path, "model.onnx");
    CHECK_OK(spar_network_save_onnx(network, path));
    unsigned char *bytes = temporary_read(path, &size);
    if (!CHECK(bytes != NULL)) return;
    message model = {bytes, bytes + size}, graph = part(model, 7);
    CHECK_EQUAL(integer(model, 1), 7);
    CHECK_EQUAL(integer(part(model, 8), 2), 13);
    CHECK(is_text(part(model, 3), spar_version()));
    check_graph(graph);
    check_parameters(network, graph);
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &info));
    check_shape(part(graph, 11), "pixels", info.input_shape, 3);
    check_shape(part(graph, 12), "logits", &info.classes, 1);
    free(bytes);
}

static void networks_are_sorted_graphs_of_unique_names_with_their_parameters(void) {
    static const example_network networks[] = {example_dense,     example_convolutional, example_residual,
                                               example_depthwise, example_plain,         example_dropout,
                                               example_whitened};
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        spar_network *network = model_create(networks[i], SEED);
        check_model(network);
        spar_network_destroy(network);
    }
    uint64_t state = SEED;
    for (int i = 0; i < GRAPHS; i++) {
        oracle *o = random_graph(&state, 1);
        spar_network *network = oracle_engine(o, 1, SEED);
        check_model(network);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

static void every_layer_says_what_it_is_in_onnx(void) {
    for (const spar_layer *const *layer = spar_layers; *layer != NULL; layer++) {
        check_that((*layer)->onnx != NULL, __FILE__, __LINE__, "%s does not", (*layer)->kind);
    }
}

// Of a layer that has the name of another one's result, of the input and of the output.
static void names_of_layers_do_not_meet_those_of_results(void) {
    spar_graph *graph;
    CHECK_OK(spar_graph_create(&graph));
    static const char *const layers[] = {"pixels", "logits", "pixels/Gemm0", "logits/Gemm0.1", "pixels.weight"};
    spar_value x = spar_input(graph, 3, 1, 1);
    for (int i = 0; i < 5; i++) {
        spar_dense_params params = spar_dense_defaults();
        params.name = layers[i];
        params.units = 2 + i;
        x = spar_relu6(graph, spar_dense(graph, x, &params));
    }
    spar_network_options options = spar_network_defaults();
    options.batch_size = options.threads = 1;
    spar_network *network = NULL;
    if (CHECK_OK(spar_network_create(graph, x, &options, &network))) check_model(network);
    spar_network_destroy(network);
    spar_graph_destroy(graph);
}

static void what_fails_leaves_the_old_file(void) {
    char path[TEMPORARY_PATH];
    size_t size = 0;
    temporary_path(path, "old.onnx");
    CHECK(temporary_write(path, "old", 3));
    int files = temporary_count();
    spar_network *network = model_create_tiny();
    network->parameters[0].value[0] = NAN;
    CHECK_FAILS(spar_network_save_onnx(network, path), SPAR_ERROR_NON_FINITE, "old.onnx: ", "fc.weight", "nan");
    unsigned char *bytes = temporary_read(path, &size);
    CHECK(bytes != NULL && size == 3 && memcmp(bytes, "old", 3) == 0);
    CHECK_EQUAL(temporary_count(), files);
    free(bytes);
    CHECK_FAILS(spar_network_save_onnx(NULL, path), SPAR_ERROR_ARGUMENT, "network");
    CHECK_FAILS(spar_network_save_onnx(network, NULL), SPAR_ERROR_ARGUMENT, "path");
    CHECK_FAILS(spar_network_save_onnx(network, "/nowhere/model.onnx"), SPAR_ERROR_IO, "/nowhere/model.onnx");
    spar_network_destroy(network);
}

static void messages_have_less_than_2_gb(void) {
    CHECK_OK(spar_protobuf_check_size(INT32_MAX));
    CHECK_FAILS(spar_protobuf_check_size(INT64_C(1) << 31), SPAR_ERROR_ARGUMENT, "2147483648", "2147483647");
}

static void integers_of_every_size_come_back(void) {
    spar_buffer bytes = {0};
    for (int i = 0; i < 64; i++) spar_protobuf_integer(&bytes, 1 + i, (int64_t)((UINT64_C(1) << i) - 1));
    message from = {(unsigned char *)bytes.data, (unsigned char *)bytes.data + bytes.length};
    field next;
    int count = 0;
    for (; next_field(&from, &next); count++) {
        CHECK(next.number == 1 + count && next.integer == (UINT64_C(1) << count) - 1);
    }
    CHECK_EQUAL(count, 64);
    spar_buffer_free(&bytes);
}

TEST_MAIN(TEST(networks_are_sorted_graphs_of_unique_names_with_their_parameters),
          TEST(every_layer_says_what_it_is_in_onnx), TEST(names_of_layers_do_not_meet_those_of_results),
          TEST(what_fails_leaves_the_old_file), TEST(messages_have_less_than_2_gb),
          TEST(integers_of_every_size_come_back))
