#include "model_files.h"
#include "check.h"
#include "temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

spar_network *model_create(example_network example, uint64_t seed) {
    oracle *o = example(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, seed);
    oracle_randomize(o, network, seed);
    oracle_destroy(o);
    return network;
}

void model_train(spar_network *network, example_network example, const spar_optimizer *optimizer, uint64_t seed,
                 int first, int steps) {
    oracle *o = example(EXAMPLE_BATCH);
    for (int step = first; step < first + steps; step++) {
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH - step % 2, seed + (uint64_t)step);
        CHECK_OK(spar_train_step(network, optimizer, batch.images, batch.labels, batch.count, NULL));
        example_batch_destroy(&batch);
    }
    oracle_destroy(o);
}

spar_status model_load(const char *path, spar_network **network) {
    spar_network_options options = spar_network_defaults();
    options.batch_size = EXAMPLE_BATCH;
    options.threads = 1;
    *network = NULL;
    return spar_network_load(path, &options, network);
}

bool model_equal_in_training(const spar_network *a, const spar_network *b) {
    size_t size = 0, other = 0;
    CHECK_OK(spar_network_save_to_memory(a, true, NULL, 0, NULL, 0, &size));
    CHECK_OK(spar_network_save_to_memory(b, true, NULL, 0, NULL, 0, &other));
    if (size != other) return false;
    unsigned char *x = check_allocate(size), *y = check_allocate(size);
    CHECK_OK(spar_network_save_to_memory(a, true, NULL, 0, x, size, &size));
    CHECK_OK(spar_network_save_to_memory(b, true, NULL, 0, y, size, &size));
    bool same = memcmp(x, y, size) == 0;
    free(x);
    free(y);
    return same;
}

bool model_equal(const spar_network *a, const spar_network *b) {
    bool equal = spar_network_parameter_count(a) == spar_network_parameter_count(b);
    for (int i = 0; equal && i < spar_network_parameter_count(a); i++) {
        spar_parameter_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        CHECK_OK(spar_network_parameter(a, i, &x));
        CHECK_OK(spar_network_parameter(b, i, &y));
        equal = strcmp(x.name, y.name) == 0 && x.count == y.count && memcmp(x.shape, y.shape, sizeof x.shape) == 0;
        if (!equal) break;
        float *p = check_allocate(x.count * sizeof *p), *q = check_allocate(x.count * sizeof *q);
        CHECK_OK(spar_network_read_parameter(a, i, SPAR_PART_VALUE, p, x.count));
        CHECK_OK(spar_network_read_parameter(b, i, SPAR_PART_VALUE, q, x.count));
        equal = memcmp(p, q, x.count * sizeof *p) == 0;
        free(p);
        free(q);
    }
    return equal;
}

char *model_header(const char *graph, int output, const char *rest) {
    static const char format[] = "{\"__metadata__\":{\"sparring.output\":\"%d\",\"sparring.loss\":\"0\","
                                 "\"sparring.seed\":\"1\",\"sparring.graph\":\"";
    char *header = check_allocate(sizeof format + 20 + 2 * strlen(graph) + strlen(rest) + 10);
    char *to = header + sprintf(header, format, output);
    for (; *graph != 0; graph++) {
        if (*graph == '"' || *graph == '\\') *to++ = '\\';
        *to++ = *graph;
    }
    sprintf(to, "\"}%s}", rest);
    return header;
}

raw_file raw_file_read(const char *path) {
    size_t size = 0;
    unsigned char *bytes = temporary_read(path, &size);
    if (!check_that(bytes != NULL && size >= 8, __FILE__, __LINE__, "%s: no model file", path)) exit(99);
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | bytes[i];
    raw_file raw = {.header = check_allocate(length + 1), .data_size = size - 8 - length};
    raw.data = check_allocate(raw.data_size);
    memcpy(raw.header, bytes + 8, length);
    memcpy(raw.data, bytes + 8 + length, raw.data_size);
    free(bytes);
    return raw;
}

void raw_file_write(const char *path, const char *header, const void *data, size_t data_size) {
    size_t length = strlen(header);
    unsigned char *bytes = check_allocate(8 + length + data_size);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, length);
    if (data_size > 0) memcpy(bytes + 8 + length, data, data_size);
    CHECK(temporary_write(path, bytes, 8 + length + data_size));
    free(bytes);
}

void raw_file_free(raw_file *raw) {
    free(raw->header);
    free(raw->data);
}

char *text_replaced(const char *text, const char *from, const char *to) {
    const char *found = strstr(text, from);
    if (!check_that(found != NULL, __FILE__, __LINE__, "the header has no %s: %.200s", from, text)) found = text;
    char *result = check_allocate(strlen(text) + strlen(to) + 1);
    size_t before = (size_t)(found - text);
    memcpy(result, text, before);
    strcpy(result + before, to);
    strcat(result, found + strlen(from));
    return result;
}

spar_network *model_trained(const char *preset, float epsilon, uint64_t seed) {
    spar_network *network = model_create(example_plain, seed);
    spar_method method = {.struct_size = sizeof method};
    spar_sgd sgd = spar_sgd_defaults();
    CHECK_OK(spar_method_preset(preset, epsilon, &method));
    CHECK_OK(spar_network_set_method(network, &method));
    model_train(network, example_plain, &sgd, seed, 0, 1);
    return network;
}

spar_network *model_create_tiny(void) {
    oracle *o = oracle_create(3, 1, 1, 1, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    spar_dense_params params = example_dense_params("fc", 2);
    params.bias = false;
    oracle_dense(o, 0, params);
    spar_network *network = oracle_engine(o, 1, 1);
    oracle_destroy(o);
    return network;
}

const float MODEL_TINY_WEIGHTS[6] = {1, 2, 3, 4, 5, 6};
