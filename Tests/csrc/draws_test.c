// Which random draw belongs to which element: by channel, row, column and sample alone, however the value lies in
// memory, whatever else is in the batch.
#include "support/check.h"

#include <stdlib.h>

enum { IMAGES = 5, SEED = 17 };

// The value that is drawn for stands before a flatten or behind it, and its rows are padded where a ReLU is there.
typedef struct draws_case {
    int channels, height, width;
    bool flat, padded;
} draws_case;

static const draws_case cases[] = {
    {1, 9, 9, false, false}, {3, 8, 8, false, false},   {1, 9, 9, false, true},    {6, 14, 14, false, true},
    {16, 7, 7, false, true}, {17, 20, 20, false, true}, {1030, 1, 2, false, true}, {700, 1, 1, false, true},
    {5, 1, 1, false, true},  {3, 11, 11, true, false},  {6, 5, 5, true, true},     {16, 6, 6, true, true},
    {2, 40, 30, true, true}, {1, 8, 8, true, true},     {1100, 1, 1, true, true},
};
enum { CASES = sizeof cases / sizeof *cases };

static int values_of(const draws_case *c) {
    return c->channels * c->height * c->width;
}

// A network whose output is the value, by a dense layer of the identity where the value is flat already.
static spar_network *make_network(const draws_case *c, bool dropout, int threads) {
    spar_graph *graph = NULL;
    spar_network *network = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_value x = spar_input(graph, c->channels, c->height, c->width);
    if (c->padded) x = spar_relu(graph, x);
    if (c->flat) x = spar_flatten(graph, x);
    x = dropout ? spar_dropout(graph, x, 0.5f) : spar_perturb(graph, x, "point");
    spar_dense_params dense = spar_dense_defaults();
    dense.name = "identity";
    dense.units = values_of(c);
    x = c->flat ? spar_dense(graph, x, &dense) : spar_flatten(graph, x);
    spar_network_options options = spar_network_defaults();
    options.batch_size = IMAGES;
    options.threads = threads;
    options.seed = SEED;
    CHECK_OK(spar_network_create(graph, x, &options, &network));
    spar_graph_destroy(graph);
    if (c->flat) {
        size_t n = (size_t)dense.units;
        float *identity = check_allocate(n * n * sizeof *identity);
        for (size_t i = 0; i < n; i++) identity[i * n + i] = 1;
        CHECK_OK(spar_network_write_parameter(network, 0, SPAR_PART_VALUE, identity, n * n));
        free(identity);
    }
    return network;
}

// What the network makes of `count` images of ones or zeros, [count][channel][row][column].
static float *run(const draws_case *c, bool dropout, int threads, int count) {
    size_t values = (size_t)IMAGES * values_of(c);
    float *images = check_allocate(values * sizeof *images), *output = check_allocate(values * sizeof *output);
    for (size_t i = 0; i < values; i++) images[i] = dropout;
    spar_network *network = make_network(c, dropout, threads);
    spar_method method = {
        .struct_size = sizeof method, .direction = SPAR_DIRECTION_RANDOM, .shape = SPAR_SHAPE_GAUSSIAN};
    *(c->padded || c->flat ? &method.epsilon : &method.input_epsilon) = 1;
    if (!dropout) CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_forward(network, images, count, dropout ? SPAR_FORWARD_TRAIN : SPAR_FORWARD_PERTURB));
    CHECK_OK(spar_read_output(network, output));
    spar_network_destroy(network);
    free(images);
    return output;
}

static void check_draws(bool dropout, uint32_t purpose) {
    spar_random_stream stream = {.struct_size = sizeof stream, .seed = SEED, .purpose = purpose};
    for (const draws_case *c = cases; c < cases + CASES; c++) {
        int values = values_of(c), rows = c->flat ? 1 : c->height * c->width, columns = values / rows;
        float *draws = check_allocate((size_t)IMAGES * values * sizeof *draws);
        CHECK_OK((dropout ? spar_random_uniform : spar_random_normal)(&stream, 0, (size_t)IMAGES * values, draws));
        for (int count = IMAGES; count > 0; count -= 3) {
            float *output = run(c, dropout, count, count);
            int wrong = 0;
            for (int i = 0; i < count * values; i++) {
                int n = i / values, row = i % values % rows, column = i % values / rows;
                float drawn = draws[(n * rows + row) * columns + column];
                wrong += output[i] != (dropout ? (drawn >= 0.5f ? 2.0f : 0.0f) : drawn);
            }
            check_that(wrong == 0, __FILE__, __LINE__, "%d×%d×%d%s%s, %d images: %d values have another draw",
                       c->channels, c->height, c->width, c->padded ? ", padded" : "", c->flat ? ", flat" : "", count,
                       wrong);
            free(output);
        }
        free(draws);
    }
}

static void noise_is_numbered_by_sample_row_column_and_channel(void) {
    check_draws(false, 4);
}

static void dropout_is_numbered_by_sample_row_column_and_channel(void) {
    check_draws(true, 2);
}

TEST_MAIN(TEST(noise_is_numbered_by_sample_row_column_and_channel),
          TEST(dropout_is_numbered_by_sample_row_column_and_channel))
