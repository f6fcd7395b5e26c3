// Descriptions that make no network: a status and a sentence with the layer's name and its numbers.
#include "support/check.h"
#include "support/examples.h"

#include <math.h>
#include <string.h>

// What `spar_network_create` says about the graph whose last value is `output`.
static spar_status verdict(spar_graph *graph, spar_value output) {
    spar_network *network = NULL;
    spar_status status = spar_network_create(graph, output, NULL, &network);
    spar_network_destroy(network);
    spar_graph_destroy(graph);
    return status;
}

static spar_graph *graph_of(int channels, int height, int width, spar_value *x) {
    spar_graph *graph = NULL;
    CHECK_OK(spar_graph_create(&graph));
    *x = spar_input(graph, channels, height, width);
    return graph;
}

static void the_first_mistake_is_reported_however_much_follows(void) {
    spar_value x;
    spar_graph *graph = graph_of(8, 6, 6, &x);
    spar_conv2d_params bad = example_conv2d("conv3", 10, 3, 1, false);
    bad.groups = 3;
    x = spar_conv2d(graph, x, &bad);
    CHECK_EQUAL(x, SPAR_NO_VALUE);
    x = spar_relu(graph, x);
    CHECK_EQUAL(x, SPAR_NO_VALUE);
    bad.groups = -4;
    bad.name = "conv4";
    x = spar_conv2d(graph, x, &bad);
    x = spar_flatten(graph, x);
    spar_dense_params dense = example_dense_params("fc", 3);
    x = spar_dense(graph, x, &dense);
    CHECK_EQUAL(x, SPAR_NO_VALUE);
    CHECK_FAILS(verdict(graph, x), SPAR_ERROR_SHAPE, "conv3", "8", "3");
}

static void bad_convolutions_name_the_layer_and_its_numbers(void) {
    static const struct {
        int channels, kernel, stride, padding, groups;
        float deviation;
        const char *fragment;
    } cases[] = {
        {0, 3, 1, 1, 1, 0, "0"}, {-5, 3, 1, 1, 1, 0, "-5"}, {4, 0, 1, 1, 1, 0, "0"},
        {4, 3, 0, 1, 1, 0, "0"}, {4, 3, 1, -1, 1, 0, "-1"}, {4, 3, 1, 1, 0, 0, "0"},
        {4, 9, 1, 0, 1, 0, "9"}, {5, 3, 1, 1, 2, 0, "5"},   {4, 3, 1, 1, 1, NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spar_value x;
        spar_graph *graph = graph_of(4, 6, 6, &x);
        spar_conv2d_params params =
            example_conv2d("features.7", cases[i].channels, cases[i].kernel, cases[i].stride, false);
        params.padding_height = params.padding_width = cases[i].padding;
        params.groups = cases[i].groups;
        params.initializer = isnan(cases[i].deviation) ? SPAR_INITIALIZER_NORMAL : SPAR_INITIALIZER_HE_FAN_IN;
        params.initializer_deviation = cases[i].deviation;
        x = spar_conv2d(graph, x, &params);
        CHECK_EQUAL(x, SPAR_NO_VALUE);
        spar_network *network = NULL;
        spar_status status = spar_network_create(graph, x, NULL, &network);
        check_that(status == SPAR_ERROR_ARGUMENT || status == SPAR_ERROR_SHAPE, __FILE__, __LINE__,
                   "case %zu returned %d", i, (int)status);
        check_that(strstr(spar_last_error(), "features.7") && strstr(spar_last_error(), cases[i].fragment), __FILE__,
                   __LINE__, "case %zu says: %s", i, spar_last_error());
        CHECK(network == NULL);
        spar_graph_destroy(graph);
    }
}

typedef spar_value (*mistake)(spar_graph *graph, spar_value x);

static spar_value two_inputs(spar_graph *graph, spar_value x) {
    (void)x;
    return spar_input(graph, 1, 2, 2);
}
static spar_value dense_on_a_map(spar_graph *graph, spar_value x) {
    spar_dense_params params = example_dense_params("fc", 10);
    return spar_dense(graph, x, &params);
}
static spar_value dense_without_units(spar_graph *graph, spar_value x) {
    spar_dense_params params = example_dense_params("fc", 0);
    return spar_dense(graph, spar_flatten(graph, x), &params);
}
static spar_value add_of_other_shapes(spar_graph *graph, spar_value x) {
    spar_conv2d_params params = example_conv2d("conv", 9, 3, 1, false);
    return spar_add(graph, x, spar_conv2d(graph, x, &params));
}
static spar_value shortcut_to_fewer_channels(spar_graph *graph, spar_value x) {
    return spar_channel_shortcut(graph, x, 2, 1);
}
static spar_value dropout_of_everything(spar_graph *graph, spar_value x) {
    return spar_dropout(graph, x, 1);
}
static spar_value dropout_of_nan(spar_graph *graph, spar_value x) {
    return spar_dropout(graph, x, NAN);
}
static spar_value batch_norm_without_epsilon(spar_graph *graph, spar_value x) {
    spar_batch_norm_params params = {.struct_size = sizeof params, .name = "bn", .momentum = 0.1f, .epsilon = -1};
    return spar_batch_norm(graph, x, &params);
}
static spar_value deviation_of_zero(spar_graph *graph, spar_value x) {
    static const float mean[4] = {0}, deviation[4] = {1, 1, 0, 1};
    return spar_normalize(graph, x, "pixels", mean, deviation);
}
static spar_value mean_of_nothing(spar_graph *graph, spar_value x) {
    static const float deviation[4] = {1, 1, 1, 1};
    return spar_normalize(graph, x, "pixels", NULL, deviation);
}
static spar_value whitening_by_nan(spar_graph *graph, spar_value x) {
    static float mean[144], matrix[144 * 144];
    matrix[2 * 144 + 5] = NAN;
    return spar_whiten(graph, x, "zca", mean, matrix);
}
static spar_value whitening_without_a_matrix(spar_graph *graph, spar_value x) {
    static float mean[144];
    return spar_whiten(graph, x, "zca", mean, NULL);
}
static spar_value whitening_of_too_many_values(spar_graph *graph, spar_value x) {
    static float one;
    spar_conv2d_params params = example_conv2d("conv", 500, 3, 1, false);
    return spar_whiten(graph, spar_conv2d(graph, x, &params), "zca", &one, &one);
}
static spar_value pool_larger_than_the_map(spar_graph *graph, spar_value x) {
    spar_pool_params params = spar_pool_defaults();
    params.kernel_height = 7;
    return spar_max_pool2d(graph, x, &params);
}
static spar_value pool_of_mostly_padding(spar_graph *graph, spar_value x) {
    spar_pool_params params = spar_pool_defaults();
    params.padding_height = 2;
    return spar_average_pool2d(graph, x, &params);
}
static spar_value one_name_twice(spar_graph *graph, spar_value x) {
    return spar_perturb(graph, spar_perturb(graph, x, "twice"), "twice");
}
static spar_value a_value_from_nowhere(spar_graph *graph, spar_value x) {
    (void)x;
    return spar_relu(graph, 77);
}
static spar_value no_parameters(spar_graph *graph, spar_value x) {
    return spar_conv2d(graph, x, NULL);
}
static spar_value output_that_is_a_map(spar_graph *graph, spar_value x) {
    return spar_relu(graph, x);
}

static void other_layers_name_what_does_not_fit(void) {
    static const struct {
        mistake make;
        spar_status status;
        const char *fragments[3];
    } cases[] = {
        {two_inputs, SPAR_ERROR_ARGUMENT, {"input", "", ""}},
        {dense_on_a_map, SPAR_ERROR_SHAPE, {"fc", "4", "6"}},
        {dense_without_units, SPAR_ERROR_ARGUMENT, {"fc", "0", ""}},
        {add_of_other_shapes, SPAR_ERROR_SHAPE, {"4", "9", "add"}},
        {shortcut_to_fewer_channels, SPAR_ERROR_SHAPE, {"4", "2", ""}},
        {dropout_of_everything, SPAR_ERROR_ARGUMENT, {"rate", "1", ""}},
        {dropout_of_nan, SPAR_ERROR_ARGUMENT, {"rate", "nan", ""}},
        {batch_norm_without_epsilon, SPAR_ERROR_ARGUMENT, {"bn", "epsilon", "-1"}},
        {deviation_of_zero, SPAR_ERROR_ARGUMENT, {"pixels", "deviation", "2"}},
        {mean_of_nothing, SPAR_ERROR_ARGUMENT, {"pixels", "mean", "NULL"}},
        {whitening_by_nan, SPAR_ERROR_ARGUMENT, {"zca", "nan", "row 2, column 5"}},
        {whitening_without_a_matrix, SPAR_ERROR_ARGUMENT, {"zca", "matrix", "NULL"}},
        {whitening_of_too_many_values, SPAR_ERROR_SHAPE, {"zca", "500", "16384"}},
        {pool_larger_than_the_map, SPAR_ERROR_SHAPE, {"7", "6", ""}},
        {pool_of_mostly_padding, SPAR_ERROR_ARGUMENT, {"padding", "2", ""}},
        {one_name_twice, SPAR_ERROR_ARGUMENT, {"twice", "", ""}},
        {a_value_from_nowhere, SPAR_ERROR_ARGUMENT, {"77", "", ""}},
        {no_parameters, SPAR_ERROR_ARGUMENT, {"NULL", "", ""}},
        {output_that_is_a_map, SPAR_ERROR_SHAPE, {"4", "6", ""}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spar_value x;
        spar_graph *graph = graph_of(4, 6, 6, &x);
        x = cases[i].make(graph, x);
        const char *const *f = cases[i].fragments;
        if (!CHECK_FAILS(verdict(graph, x), cases[i].status, f[0], f[1], f[2])) {
            check_that(false, __FILE__, __LINE__, "that was case %zu", i);
        }
    }
}

static void graphs_and_network_options_check_their_arguments(void) {
    spar_value x;
    spar_network *network = NULL;
    spar_graph *graph = graph_of(3, 2, 2, &x);
    x = spar_flatten(graph, x);
    CHECK_FAILS(spar_graph_create(NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_network_create(NULL, x, NULL, &network), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_network_create(graph, x, NULL, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_network_create(graph, 99, NULL, &network), SPAR_ERROR_ARGUMENT, "99");
    CHECK_EQUAL(spar_relu(NULL, 0), SPAR_NO_VALUE);
    int32_t shape[3];
    CHECK_OK(spar_value_shape(graph, x, shape));
    CHECK(shape[0] == 12 && shape[1] == 1 && shape[2] == 1);
    CHECK_FAILS(spar_value_shape(graph, 99, shape), SPAR_ERROR_ARGUMENT, "99");
    CHECK_FAILS(spar_value_shape(graph, x, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    spar_network_options options = spar_network_defaults();
    CHECK_EQUAL(options.batch_size, 128);
    options.batch_size = 0;
    CHECK_FAILS(spar_network_create(graph, x, &options, &network), SPAR_ERROR_ARGUMENT, "batch", "0");
    options = spar_network_defaults();
    options.threads = -3;
    CHECK_FAILS(spar_network_create(graph, x, &options, &network), SPAR_ERROR_ARGUMENT, "threads", "-3");
    options = spar_network_defaults();
    options.loss = (spar_loss)17;
    CHECK_FAILS(spar_network_create(graph, x, &options, &network), SPAR_ERROR_ARGUMENT, "loss", "17");
    CHECK(network == NULL);
    spar_graph_destroy(graph);
    spar_graph_destroy(NULL);
    spar_network_destroy(NULL);

    graph = NULL;
    CHECK_OK(spar_graph_create(&graph));
    CHECK_EQUAL(spar_input(graph, 0, 5, 5), SPAR_NO_VALUE);
    CHECK_FAILS(verdict(graph, SPAR_NO_VALUE), SPAR_ERROR_SHAPE, "0");
}

static void a_network_too_large_for_memory_is_refused(void) {
    spar_value x;
    spar_graph *graph = graph_of(3, 30000, 30000, &x);
    spar_conv2d_params params = example_conv2d("huge", 30000, 3, 1, false);
    x = spar_conv2d(graph, x, &params);
    x = spar_global_average_pool(graph, x);
    spar_network *network = NULL;
    spar_status status = spar_network_create(graph, x, NULL, &network);
    check_that(status == SPAR_ERROR_MEMORY || status == SPAR_ERROR_SHAPE, __FILE__, __LINE__, "returned %d: %s",
               (int)status, spar_last_error());
    CHECK(network == NULL);
    spar_graph_destroy(graph);
}

TEST_MAIN(TEST(the_first_mistake_is_reported_however_much_follows),
          TEST(bad_convolutions_name_the_layer_and_its_numbers), TEST(other_layers_name_what_does_not_fit),
          TEST(graphs_and_network_options_check_their_arguments), TEST(a_network_too_large_for_memory_is_refused))
