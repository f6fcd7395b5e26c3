// Average pooling of windows of every size, as in double precision.
#include "support/check.h"
#include "support/examples.h"

#include <math.h>
#include <stdlib.h>

enum { CHANNELS = 2 };

// The mean of equal pixels is that pixel, however many there are.
static void means_of_many_pixels_are_exact(void) {
    static const int sides[][2] = {{2, 2}, {8, 8}, {63, 65}, {1, 16384}, {16384, 1}, {700, 900}, {2048, 2048}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        spar_graph *graph = NULL;
        spar_network *network = NULL;
        size_t floats = (size_t)sides[i][0] * (size_t)sides[i][1] * CHANNELS;
        float *image = malloc(floats * sizeof *image), means[CHANNELS] = {0};
        CHECK_OK(spar_graph_create(&graph));
        spar_value x = spar_global_average_pool(graph, spar_input(graph, CHANNELS, sides[i][0], sides[i][1]));
        spar_network_options options = spar_network_defaults();
        options.batch_size = 1, options.threads = 1;
        CHECK_OK(spar_network_create(graph, x, &options, &network));
        for (size_t p = 0; p < floats; p++) image[p] = 0.1f;
        CHECK_OK(spar_forward(network, image, 1, 0));
        CHECK_OK(spar_read_output(network, means));
        for (int c = 0; c < CHANNELS; c++) CHECK_NEAR(means[c], 0.1f, 1e-6);
        free(image);
        spar_network_destroy(network);
        spar_graph_destroy(graph);
    }
}

// Of one channel, whose `extent` is rows and columns. What lies outside counts as zeros.
static double mean_of_window(const float *image, const int *extent, const spar_pool_params *p, int y, int x) {
    double sum = 0;
    for (int i = 0; i < p->kernel_height; i++) {
        for (int k = 0; k < p->kernel_width; k++) {
            int row = y * p->stride_height - p->padding_height + i, column = x * p->stride_width - p->padding_width + k;
            bool inside = row >= 0 && row < extent[0] && column >= 0 && column < extent[1];
            if (inside) sum += (double)image[row * extent[1] + column];
        }
    }
    return sum / (p->kernel_height * p->kernel_width);
}

static void windows_of_every_size_have_their_means(void) {
    // Rows and columns of the image, and kernel, stride and padding of each: sums of one piece, of several, of some
    // that the border cuts.
    static const int cases[][8] = {{9, 8, 2, 2, 2, 2, 0, 0},          {9, 11, 3, 3, 1, 2, 1, 1},
                                   {16, 16, 8, 8, 4, 3, 4, 3},        {20, 18, 8, 9, 3, 3, 4, 4},
                                   {40, 200, 3, 130, 2, 31, 1, 65},   {200, 40, 130, 3, 31, 2, 65, 1},
                                   {150, 170, 97, 99, 40, 50, 48, 49}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int *c = cases[i];
        spar_pool_params pool = spar_pool_defaults();
        pool.kernel_height = c[2], pool.kernel_width = c[3], pool.stride_height = c[4], pool.stride_width = c[5];
        pool.padding_height = c[6], pool.padding_width = c[7];
        spar_graph *graph = NULL;
        spar_network *network = NULL;
        CHECK_OK(spar_graph_create(&graph));
        spar_value x = spar_flatten(graph, spar_average_pool2d(graph, spar_input(graph, CHANNELS, c[0], c[1]), &pool));
        spar_network_options options = spar_network_defaults();
        options.batch_size = 1, options.threads = 1;
        CHECK_OK(spar_network_create(graph, x, &options, &network));
        int pixels = c[0] * c[1], height = (c[0] + 2 * c[6] - c[2]) / c[4] + 1;
        int width = (c[1] + 2 * c[7] - c[3]) / c[5] + 1;
        float *image = check_allocate((size_t)(pixels * CHANNELS) * sizeof *image);
        float *means = check_allocate((size_t)(height * width * CHANNELS) * sizeof *means);
        uint64_t state = i;
        for (int p = 0; p < pixels * CHANNELS; p++) image[p] = (float)example_uniform(&state);
        CHECK_OK(spar_forward(network, image, 1, 0));
        CHECK_OK(spar_read_output(network, means));
        for (int o = 0; o < height * width * CHANNELS; o++) {
            int channel = o / (height * width), y = o / width % height;
            CHECK_NEAR(means[o], mean_of_window(image + channel * pixels, c, &pool, y, o % width), 3e-7);
        }
        free(means);
        free(image);
        spar_network_destroy(network);
        spar_graph_destroy(graph);
    }
}

TEST_MAIN(TEST(means_of_many_pixels_are_exact), TEST(windows_of_every_size_have_their_means))
