// Winograd's convolutions against the exact ones, for every way they cut their work.
#include "sparring.h"
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct shape {
    int in, out, height, width, padding, batch;
} shape;

enum { MOST_IMAGES = 4 };

static spar_network *network_of(const shape *s, bool exact) {
    spar_graph *graph = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_value x = spar_input(graph, 3, s->height, s->width);
    spar_conv2d_params widen = spar_conv2d_defaults();
    widen.channels = s->in;
    widen.kernel_height = widen.kernel_width = 1;
    widen.padding_height = widen.padding_width = 0;
    spar_conv2d_params params = spar_conv2d_defaults();
    params.channels = s->out;
    params.padding_height = params.padding_width = s->padding;
    params.bias = true;
    x = spar_conv2d(graph, spar_conv2d(graph, x, &widen), &params);
    spar_dense_params dense = spar_dense_defaults();
    dense.units = 3;
    x = spar_dense(graph, spar_flatten(graph, spar_relu(graph, x)), &dense);
    spar_network_options options = spar_network_defaults();
    options.batch_size = MOST_IMAGES;
    options.threads = 2;
    options.exact_convolutions = exact;
    spar_network *network = NULL;
    CHECK_OK(spar_network_create(graph, x, &options, &network));
    spar_graph_destroy(graph);
    return network;
}

static void run(spar_network *network, const shape *s, float *image_gradient) {
    int floats = 3 * s->height * s->width * s->batch;
    float *images = check_allocate((size_t)floats * sizeof *images);
    int32_t labels[MOST_IMAGES];
    spar_random_stream stream = {.struct_size = sizeof stream, .seed = 7, .purpose = 0x1000, .layer = 0, .step = 0};
    CHECK_OK(spar_random_uniform(&stream, 0, (size_t)floats, images));
    for (int n = 0; n < s->batch; n++) labels[n] = n % 3;
    CHECK_OK(spar_forward(network, images, s->batch, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward(network, labels, 1, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT, NULL));
    CHECK_OK(spar_input_gradient(network, image_gradient));
    free(images);
}

static void compare(const char *what, const shape *s, const float *exact, const float *fast, int64_t count) {
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(exact[i]));
        worst = fmax(worst, fabs((double)exact[i] - fast[i]));
    }
    check_that(worst <= 1e-4 * largest && largest > 0, __FILE__, __LINE__,
               "%s of %d to %d channels, %d×%d, padding %d, batch %d: off by %.2e of %.2e", what, s->in, s->out,
               s->height, s->width, s->padding, s->batch, worst, largest);
}

static bool uses_winograd(const spar_network *network) {
    for (int i = 0; i < spar_network_operation_count(network); i++) {
        spar_operation_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_operation(network, i, &info));
        if (strncmp(info.kernel, "winograd", 8) == 0) return true;
    }
    return false;
}

static void check_shape(const shape *s) {
    spar_network *networks[2] = {network_of(s, true), network_of(s, false)};
    check_that(uses_winograd(networks[1]) && !uses_winograd(networks[0]), __FILE__, __LINE__,
               "%d to %d channels, %d×%d: the wrong kernel", s->in, s->out, s->height, s->width);
    int images = 3 * s->height * s->width * s->batch;
    float *gradients = check_allocate(2 * (size_t)images * sizeof *gradients);
    for (int i = 0; i < 2; i++) run(networks[i], s, gradients + i * images);
    compare("gradient of the images", s, gradients, gradients + images, images);
    for (int p = 0; p < spar_network_parameter_count(networks[0]); p++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(networks[0], p, &info));
        float *values = check_allocate(2 * (size_t)info.count * sizeof *values);
        for (int i = 0; i < 2; i++) {
            CHECK_OK(
                spar_network_read_parameter(networks[i], p, SPAR_PART_GRADIENT, values + i * info.count, info.count));
        }
        compare(info.name, s, values, values + info.count, info.count);
        free(values);
    }
    free(gradients);
    for (int i = 0; i < 2; i++) spar_network_destroy(networks[i]);
}

static void maps_that_tiles_do_not_fill(void) {
    static const shape shapes[] = {{16, 16, 4, 4, 1, 1},  {17, 33, 7, 5, 1, 3}, {64, 48, 9, 13, 0, 2},
                                   {32, 16, 6, 6, 2, 4},  {16, 32, 4, 4, 0, 4}, {48, 17, 5, 3, 1, 3},
                                   {16, 16, 33, 34, 1, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_shape(&shapes[i]);
}

static void weights_beyond_the_caches(void) {
    static const shape shapes[] = {{352, 352, 8, 8, 1, 4}, {352, 368, 5, 4, 1, 3}, {528, 512, 4, 4, 0, 4}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_shape(&shapes[i]);
}

TEST_MAIN(TEST(maps_that_tiles_do_not_fill), TEST(weights_beyond_the_caches))
