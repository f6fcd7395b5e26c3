// Model files: what is saved comes back, weights travel from PyTorch, bad paths are named.
#include "graph/network.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 51 };

static void saved_networks_come_back(void) {
    static const example_network networks[] = {example_dense,     example_convolutional, example_residual,
                                               example_depthwise, example_plain,         example_dropout,
                                               example_whitened};
    char path[TEMPORARY_PATH];
    temporary_path(path, "model.safetensors");
    for (int i = 0; i < 7; i++) {
        spar_network *network = model_create(networks[i], SEED), *loaded = NULL;
        CHECK_OK(spar_network_save(network, path, false, NULL, 0));
        CHECK_OK(model_load(path, &loaded));
        CHECK(model_equal(network, loaded));
        spar_network_info a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        CHECK_OK(spar_network_get_info(network, &a));
        CHECK_OK(spar_network_get_info(loaded, &b));
        CHECK(memcmp(a.input_shape, b.input_shape, sizeof a.input_shape) == 0);
        CHECK(a.classes == b.classes && a.loss == b.loss && a.seed == b.seed && a.multiply_adds == b.multiply_adds);
        CHECK_EQUAL(b.batch_size, EXAMPLE_BATCH);

        oracle *o = networks[i](EXAMPLE_BATCH);
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
        float x[EXAMPLE_BATCH * EXAMPLE_CLASSES], y[EXAMPLE_BATCH * EXAMPLE_CLASSES];
        CHECK_OK(spar_forward(network, batch.images, batch.count, 0));
        CHECK_OK(spar_forward(loaded, batch.images, batch.count, 0));
        CHECK_OK(spar_read_output(network, x));
        CHECK_OK(spar_read_output(loaded, y));
        CHECK(memcmp(x, y, sizeof x) == 0);
        example_batch_destroy(&batch);
        oracle_destroy(o);
        spar_network_destroy(network);
        spar_network_destroy(loaded);
    }
}

static void metadata_comes_back_and_reserved_keys_are_refused(void) {
    static const spar_metadata entries[] = {{sizeof(spar_metadata), "dataset", "Fashion-MNIST"},
                                            {sizeof(spar_metadata), "note", "δ = 16, \"quoted\" \\ and\na new line\t"},
                                            {sizeof(spar_metadata), "empty", ""}};
    char path[TEMPORARY_PATH], value[100];
    size_t needed = 0;
    temporary_path(path, "metadata.safetensors");
    spar_network *network = model_create(example_plain, SEED);
    CHECK_OK(spar_network_save(network, path, false, entries, 3));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(spar_file_metadata(path, entries[i].key, NULL, 0, &needed));
        CHECK_EQUAL(needed, strlen(entries[i].value) + 1);
        CHECK_OK(spar_file_metadata(path, entries[i].key, value, sizeof value, &needed));
        check_that(strcmp(value, entries[i].value) == 0, __FILE__, __LINE__, "%s came back as \"%s\"", entries[i].key,
                   value);
    }
    CHECK_OK(spar_file_metadata(path, "dataset", value, 8, &needed));
    CHECK(strcmp(value, "Fashion") == 0 && needed == 14);
    CHECK_OK(spar_file_metadata(path, "absent", value, sizeof value, &needed));
    CHECK_EQUAL(needed, 0);
    static const spar_metadata reserved[] = {{sizeof(spar_metadata), "sparring.graph", "mine"}};
    static const spar_metadata without_key[] = {{sizeof(spar_metadata), NULL, "value"}};
    CHECK_FAILS(spar_network_save(network, path, false, reserved, 1), SPAR_ERROR_ARGUMENT, "sparring.graph");
    CHECK_FAILS(spar_network_save(network, path, false, without_key, 1), SPAR_ERROR_ARGUMENT, "NULL");
    spar_network_destroy(network);
}

static void weights_travel_from_files_without_our_metadata(void) {
    static const char *const headers[] = {
        MODEL_TINY_HEADER,
        ("{\"__metadata__\":{\"format\":\"pt\"},"
         "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}"),
        "{ \"fc.weight\" : { \"shape\" : [ 2 , 3 ] , \"data_offsets\" : [ 0 , 24 ] , \"dtype\" : \"F32\" } }     ",
    };
    char path[TEMPORARY_PATH];
    temporary_path(path, "torch.safetensors");
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        spar_network *network = model_create_tiny(), *loaded = NULL;
        float weights[6];
        raw_file_write(path, headers[i], MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS);
        CHECK_OK(spar_network_load_parameters(network, path));
        CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, weights, 6));
        CHECK(memcmp(weights, MODEL_TINY_WEIGHTS, sizeof MODEL_TINY_WEIGHTS) == 0);
        CHECK_FAILS(model_load(path, &loaded), SPAR_ERROR_FORMAT, path); // it does not say what the network is
        CHECK(loaded == NULL);
        spar_network_destroy(network);
    }
}

static void doubles_are_converted(void) {
    enum { UNITS = 700 }; // more than are converted at a time
    static double doubles[UNITS];
    char path[TEMPORARY_PATH], header[200];
    float weights[UNITS];
    temporary_path(path, "doubles.safetensors");
    for (int i = 0; i < UNITS; i++) doubles[i] = i + 1.0 / 3;
    spar_graph *graph;
    spar_network *network = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_dense_params params = example_dense_params("fc", UNITS);
    params.bias = false;
    CHECK_OK(spar_network_create(graph, spar_dense(graph, spar_input(graph, 1, 1, 1), &params), NULL, &network));
    snprintf(header, sizeof header, "{\"fc.weight\":{\"dtype\":\"F64\",\"shape\":[%d,1],\"data_offsets\":[0,%d]}}",
             UNITS, 8 * UNITS);
    raw_file_write(path, header, doubles, sizeof doubles);
    CHECK_OK(spar_network_load_parameters(network, path));
    CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, weights, UNITS));
    for (int i = 0; i < UNITS; i++) CHECK(weights[i] == (float)doubles[i]);
    doubles[UNITS - 1] = 1e39; // no float
    raw_file_write(path, header, doubles, sizeof doubles);
    CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_FORMAT, path, "fc.weight", "699");
    spar_graph_destroy(graph);
    spar_network_destroy(network);
}

// Convolution and dense weights have PyTorch's order: output, input, rows, columns; a flatten counts channel,
// row, column.
static void weights_keep_their_order_in_the_file(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "order.safetensors");
    spar_network *network = model_create(example_convolutional, SEED);
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    raw_file raw = raw_file_read(path);
    for (int i = 0; i < spar_network_parameter_count(network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, i, &info));
        float *values = check_allocate(info.count * sizeof *values);
        CHECK_OK(spar_network_read_parameter(network, i, SPAR_PART_VALUE, values, info.count));
        char key[80];
        snprintf(key, sizeof key, "\"%s\"", info.name);
        const char *entry = strstr(raw.header, key), *offsets = entry ? strstr(entry, "\"data_offsets\"") : NULL;
        long begin = -1, end = -1;
        if (offsets != NULL) sscanf(offsets, "\"data_offsets\":[%ld,%ld]", &begin, &end);
        bool fits = begin >= 0 && end - begin == info.count * 4 && (size_t)end <= raw.data_size;
        check_that(fits && memcmp(raw.data + begin, values, info.count * sizeof *values) == 0, __FILE__, __LINE__,
                   "%s is not at its offsets %ld to %ld", info.name, begin, end);
        free(values);
    }
    raw_file_free(&raw);
    spar_network_destroy(network);
}

// A network whose constants are its own, and a file without them and without a graph, as PyTorch writes.
static void constants_stay_where_files_of_other_programs_lack_them(void) {
    static const float mean[1] = {0.25f}, deviation[1] = {0.5f}, weights[2] = {1, 2};
    char path[TEMPORARY_PATH];
    temporary_path(path, "torch.safetensors");
    spar_graph *graph;
    spar_network *network = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_value x = spar_normalize(graph, spar_input(graph, 1, 1, 1), "norm", mean, deviation);
    spar_dense_params params = example_dense_params("fc", 2);
    params.bias = false;
    CHECK_OK(spar_network_create(graph, spar_dense(graph, x, &params), NULL, &network));
    raw_file_write(path, "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}", weights,
                   sizeof weights);
    CHECK_OK(spar_network_load_parameters(network, path));
    static const float image = 0.75f;
    float outputs[2];
    CHECK_OK(spar_forward(network, &image, 1, 0));
    CHECK_OK(spar_read_output(network, outputs));
    CHECK(outputs[0] == 1 && outputs[1] == 2);
    spar_graph_destroy(graph);
    spar_network_destroy(network);
}

// A network of this graph, which is destroyed, saved with its state and loaded again.
static void check_comes_back(spar_graph *graph, spar_value output, const char *name) {
    char path[TEMPORARY_PATH];
    spar_network *network = NULL, *loaded = NULL;
    temporary_path(path, name);
    CHECK_OK(spar_network_create(graph, output, NULL, &network));
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    CHECK_OK(model_load(path, &loaded));
    CHECK(loaded != NULL && model_equal(network, loaded));
    spar_graph_destroy(graph);
    spar_network_destroy(network);
    spar_network_destroy(loaded);
}

static void every_activation_comes_back(void) {
    char path[TEMPORARY_PATH];
    spar_network *network = NULL, *loaded = NULL;
    spar_graph *graph;
    CHECK_OK(spar_graph_create(&graph));
    spar_value x = spar_input(graph, 2, 1, 1);
#define ACTIVATION(NAME, READS_INPUT) x = spar_##NAME(graph, x);
    SPAR_ACTIVATIONS(ACTIVATION)
    spar_dense_params params = example_dense_params("fc", 2);
    CHECK_OK(spar_network_create(graph, spar_dense(graph, x, &params), NULL, &network));
    temporary_path(path, "activations.safetensors");
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    CHECK_OK(model_load(path, &loaded));
    for (int v = 0; v < network->graph->count; v++) {
        CHECK(network->graph->nodes[v].layer == loaded->graph->nodes[v].layer);
    }
    static const float image[2] = {-1, 1};
    float outputs[2][2];
    CHECK_OK(spar_forward(network, image, 1, 0));
    CHECK_OK(spar_forward(loaded, image, 1, 0));
    CHECK_OK(spar_read_output(network, outputs[0]));
    CHECK_OK(spar_read_output(loaded, outputs[1]));
    CHECK(memcmp(outputs[0], outputs[1], sizeof outputs[0]) == 0);
    spar_graph_destroy(graph);
    spar_network_destroy(network);
    spar_network_destroy(loaded);
}

// Layers beside the way to the output are described in the file, without parameters.
static void layers_that_the_output_does_not_need_are_no_hindrance(void) {
    static const float mean[1] = {0}, deviation[1] = {1};
    spar_graph *graph;
    CHECK_OK(spar_graph_create(&graph));
    spar_value x = spar_input(graph, 1, 1, 1);
    spar_dense_params params = example_dense_params("unneeded", 16384);
    spar_dense(graph, x, &params);
    spar_normalize(graph, x, "unneeded constants", mean, deviation);
    params = example_dense_params("fc", 2);
    check_comes_back(graph, spar_dense(graph, x, &params), "unneeded.safetensors");
}

static void settings_that_nothing_reads_are_no_hindrance(void) {
    static const float unread[] = {NAN, INFINITY, -1};
    for (int i = 0; i < 3; i++) {
        spar_graph *graph;
        CHECK_OK(spar_graph_create(&graph));
        spar_conv2d_params convolution = example_conv2d("conv", 2, 1, 1, false);
        spar_dense_params dense = example_dense_params("fc", 2);
        convolution.initializer_deviation = dense.initializer_deviation = unread[i];
        spar_value x = spar_conv2d(graph, spar_input(graph, 1, 1, 1), &convolution);
        check_comes_back(graph, spar_dense(graph, x, &dense), "unread.safetensors");
    }
}

static void names_that_no_file_can_keep_are_refused_by_the_graph(void) {
    static const char *const bad[] = {
        "a\nb", "\x1b[31m", "\x7f", "\xc2\x9b", "\xff", "\xed\xa0\x80", "\xc0\xaf", "sparring.momentum.fc", ""};
    static const char *const good[] = {"schluß",           "層.1",      "a \"b\" \\", "__metadata__",
                                       "\xf0\x9f\xa5\x8a", "a\xc2\xa0", "x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        spar_graph *graph;
        spar_network *network = NULL;
        CHECK_OK(spar_graph_create(&graph));
        spar_value x = spar_perturb(graph, spar_input(graph, 2, 1, 1), bad[i]);
        CHECK_EQUAL(x, SPAR_NO_VALUE);
        CHECK_FAILS(spar_network_create(graph, x, NULL, &network), SPAR_ERROR_ARGUMENT, "name");
        spar_graph_destroy(graph);
    }
    spar_graph *graph;
    CHECK_OK(spar_graph_create(&graph));
    spar_value x = spar_input(graph, 2, 1, 1);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        spar_dense_params params = example_dense_params(good[i], 2);
        x = spar_dense(graph, x, &params);
    }
    check_comes_back(graph, x, "names.safetensors");
}

static void missing_files_and_bad_paths_are_named(void) {
    char path[TEMPORARY_PATH];
    spar_network *network = model_create_tiny(), *loaded = NULL;
    size_t needed;
    temporary_path(path, "absent.safetensors");
    CHECK_FAILS(model_load(path, &loaded), SPAR_ERROR_IO, path);
    CHECK_FAILS(spar_network_load_parameters(network, path), SPAR_ERROR_IO, path);
    CHECK_FAILS(spar_file_metadata(path, "key", NULL, 0, &needed), SPAR_ERROR_IO, path);
    temporary_path(path, "no/such/folder/model.safetensors");
    CHECK_FAILS(spar_network_save(network, path, false, NULL, 0), SPAR_ERROR_IO, path);
    temporary_path(path, "file");
    CHECK(temporary_write(path, "x", 1));
    temporary_path(path, "file/model.safetensors"); // below a file there can be no file
    CHECK_FAILS(spar_network_save(network, path, false, NULL, 0), SPAR_ERROR_IO, path);
    temporary_path(path, "");
    CHECK_FAILS(spar_network_save(network, path, false, NULL, 0), SPAR_ERROR_IO, path);
    spar_status status = model_load(path, &loaded);
    check_that((status == SPAR_ERROR_IO || status == SPAR_ERROR_FORMAT) && loaded == NULL, __FILE__, __LINE__,
               "loading a folder returned %d", (int)status);
    spar_network_destroy(network);
}

static void saving_leaves_one_whole_file_and_nothing_beside_it(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "once.safetensors");
    spar_network *first = model_create(example_plain, SEED), *second = model_create(example_plain, SEED + 1),
                 *loaded = NULL;
    CHECK_OK(spar_network_save(first, path, false, NULL, 0));
    int files = temporary_count();
    CHECK_OK(spar_network_save(second, path, false, NULL, 0));
    CHECK_EQUAL(temporary_count(), files);
    CHECK_OK(model_load(path, &loaded));
    CHECK(model_equal(loaded, second));

    size_t before_size = 0, after_size = 0;
    unsigned char *before = temporary_read(path, &before_size);
    static const spar_metadata reserved[] = {{sizeof(spar_metadata), "sparring.version", "9"}};
    CHECK_FAILS(spar_network_save(first, path, false, reserved, 1), SPAR_ERROR_ARGUMENT, "sparring.version");
    unsigned char *after = temporary_read(path, &after_size);
    CHECK(before_size == after_size && memcmp(before, after, after_size) == 0);
    CHECK_EQUAL(temporary_count(), files);
    free(before);
    free(after);
    spar_network_destroy(first);
    spar_network_destroy(second);
    spar_network_destroy(loaded);
}

// What no reader would take is not written: the file that was there stays, with nothing beside it.
static void check_not_saved(const spar_network *network, const char *path, spar_status status, const char *fragment,
                            const spar_metadata *entries, size_t count) {
    size_t before_size = 0, after_size = 0;
    int files = temporary_count();
    unsigned char *before = temporary_read(path, &before_size);
    CHECK_FAILS(spar_network_save(network, path, true, entries, count), status, fragment);
    unsigned char *after = temporary_read(path, &after_size);
    CHECK(before_size == after_size && memcmp(before, after, after_size) == 0);
    CHECK_EQUAL(temporary_count(), files);
    free(before);
    free(after);
}

static void metadata_that_no_reader_takes_is_not_saved(void) {
    static const struct {
        spar_metadata entries[2];
        const char *fragment;
    } cases[] = {
        {{{sizeof(spar_metadata), "a", "\xff"}, {sizeof(spar_metadata), "b", ""}}, "not UTF-8"},
        {{{sizeof(spar_metadata), "a\xc3", "1"}, {sizeof(spar_metadata), "b", ""}}, "not UTF-8"},
        {{{sizeof(spar_metadata), "a", "1"}, {sizeof(spar_metadata), "a", "2"}}, "twice"},
        {{{sizeof(spar_metadata), "a", "\xed\xb0\x80"}, {sizeof(spar_metadata), "b", ""}}, "not UTF-8"},
        {{{sizeof(spar_metadata), "sparring.", "1"}, {sizeof(spar_metadata), "b", ""}}, "reserved"},
    };
    char path[TEMPORARY_PATH];
    temporary_path(path, "kept.safetensors");
    spar_network *network = model_create(example_plain, SEED);
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_not_saved(network, path, SPAR_ERROR_ARGUMENT, cases[i].fragment, cases[i].entries, 2);
    }
    char *large = check_allocate((16 << 20) + 1);
    memset(large, 'a', 16 << 20);
    check_not_saved(network, path, SPAR_ERROR_ARGUMENT, "16777216", &(spar_metadata){sizeof(spar_metadata), "a", large},
                    1);
    free(large);
    static const spar_metadata names[] = {{sizeof(spar_metadata), "data_offsets", "1"},
                                          {sizeof(spar_metadata), "dtype", "2"},
                                          {sizeof(spar_metadata), "shape", ""},
                                          {sizeof(spar_metadata), "__metadata__", "\x01"},
                                          {sizeof(spar_metadata), "", "5"}};
    char value[10];
    size_t needed;
    spar_network *loaded = NULL;
    CHECK_OK(spar_network_save(network, path, true, names, 5));
    CHECK_OK(model_load(path, &loaded));
    for (int i = 0; i < 5; i++) {
        CHECK_OK(spar_file_metadata(path, names[i].key, value, sizeof value, &needed));
        CHECK(strcmp(value, names[i].value) == 0);
    }
    spar_network_destroy(network);
    spar_network_destroy(loaded);
}

static void points_that_are_not_finite_are_not_saved(void) {
    static const char *const methods[] = {"layerwise", "anl"};
    for (int i = 0; i < 2; i++) {
        char path[TEMPORARY_PATH];
        temporary_path(path, "points.safetensors");
        spar_network *network = model_create(example_plain, SEED), *loaded = NULL;
        oracle *o = example_plain(EXAMPLE_BATCH);
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
        spar_method method = {.struct_size = sizeof method};
        spar_sgd sgd = spar_sgd_defaults();
        CHECK_OK(spar_method_preset(methods[i], 0.1f, &method));
        CHECK_OK(spar_network_set_method(network, &method));
        CHECK_OK(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, NULL));
        CHECK_OK(spar_network_save(network, path, true, NULL, 0));
        spar_point *point = &network->points[network->point_count - 1];
        CHECK(point->recorded > 0);
        float *const places[] = {&point->deviation, &point->lowest[0], &point->highest[0], point->gradient};
        for (int k = 0; k < 4; k++) {
            if (places[k] == NULL) continue;
            float kept = *places[k];
            *places[k] = k % 2 == 0 ? INFINITY : NAN;
            check_not_saved(network, path, SPAR_ERROR_NON_FINITE, point->node->name, NULL, 0);
            *places[k] = kept;
        }
        CHECK_OK(spar_network_save(network, path, true, NULL, 0));
        CHECK_OK(model_load(path, &loaded));
        example_batch_destroy(&batch);
        oracle_destroy(o);
        spar_network_destroy(network);
        spar_network_destroy(loaded);
    }
}

static void a_diverged_network_leaves_the_file_of_the_sound_one(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "sound.safetensors");
    spar_network *network = model_create(example_plain, SEED), *sound = NULL;
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    spar_parameter_info info = {.struct_size = sizeof info};
    int32_t first = -1;
    while (!info.trainable) CHECK_OK(spar_network_parameter(network, ++first, &info));
    float *gradient = calloc((size_t)info.count, sizeof *gradient);
    for (int64_t i = 0; i < info.count; i++) gradient[i] = 1e30f;
    spar_mark_gradients(network, true); // zeros
    CHECK_OK(spar_network_write_parameter(network, first, SPAR_PART_GRADIENT, gradient, info.count));
    spar_sgd sgd = spar_sgd_defaults();
    sgd.learning_rate = 1e30f;
    CHECK_OK(spar_update(network, &sgd));
    CHECK_FAILS(spar_network_save(network, path, true, NULL, 0), SPAR_ERROR_NON_FINITE, info.name);
    CHECK_OK(model_load(path, &sound));
    free(gradient);
    spar_network_destroy(network);
    spar_network_destroy(sound);
}

TEST_MAIN(TEST(saved_networks_come_back), TEST(every_activation_comes_back),
          TEST(metadata_comes_back_and_reserved_keys_are_refused), TEST(weights_travel_from_files_without_our_metadata),
          TEST(doubles_are_converted), TEST(weights_keep_their_order_in_the_file),
          TEST(constants_stay_where_files_of_other_programs_lack_them),
          TEST(layers_that_the_output_does_not_need_are_no_hindrance),
          TEST(settings_that_nothing_reads_are_no_hindrance),
          TEST(names_that_no_file_can_keep_are_refused_by_the_graph), TEST(metadata_that_no_reader_takes_is_not_saved),
          TEST(points_that_are_not_finite_are_not_saved), TEST(missing_files_and_bad_paths_are_named),
          TEST(saving_leaves_one_whole_file_and_nothing_beside_it),
          TEST(a_diverged_network_leaves_the_file_of_the_sound_one))
