// Small graphs of all layers drawn at random, of odd shapes and with flattens in odd places: outputs and gradients
// against the oracle's, with the documented draws of dropout and noise; the same of networks that end at one of their
// layers, and the bits of copies loaded from a file.
#include "support/compare.h"
#include "support/perturbation.h"
#include "support/random_graph.h"
#include "support/temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRAPHS = 2000, IMAGES = 5, MOST_THREADS = 3, COPY_EVERY = 5 };

// Noise at every point, of both in the same draws.
static void add_noise(oracle *o, spar_network *network, uint64_t seed) {
    spar_method method = {
        .struct_size = sizeof method, .direction = SPAR_DIRECTION_RANDOM, .shape = SPAR_SHAPE_GAUSSIAN};
    int number = 0;
    for (int i = perturbation_next_point(o, 0); i >= 0; i = perturbation_next_point(o, i + 1), number++) {
        *(perturbation_at_input(o, i) ? &method.input_epsilon : &method.epsilon) = 0.125f;
        oracle_layer *point = &o->layers[i];
        perturbation_draw_noise(point, seed, 0, number, IMAGES, point->perturbation);
        for (int k = 0; k < IMAGES * point->size; k++) point->perturbation[k] *= 0.125;
    }
    CHECK_OK(spar_network_set_method(network, &method));
}

static uint32_t forward_flags(bool train) {
    return (train ? SPAR_FORWARD_TRAIN : 0) | SPAR_FORWARD_PERTURB;
}

enum { BACKWARD = SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT };

static void check_bytes(const char *label, const char *what, const void *a, const void *b, size_t bytes) {
    check_that(memcmp(a, b, bytes) == 0, __FILE__, __LINE__, "%s: a loaded copy has other bits in %s", label, what);
}

// A copy from a file computes, on any number of threads, what the network has just computed.
static void check_copy(const char *label, oracle *o, spar_network *network, const example_batch *batch, bool train,
                       int threads) {
    char path[TEMPORARY_PATH];
    spar_network *copy = NULL;
    spar_network_options options = spar_network_defaults();
    options.batch_size = IMAGES;
    options.threads = threads;
    temporary_path(path, "copy.safetensors");
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    if (!CHECK_OK(spar_network_load(path, &options, &copy))) return;
    CHECK_OK(spar_forward(copy, batch->images, IMAGES, forward_flags(train)));
    CHECK_OK(spar_backward(copy, batch->labels, 1, BACKWARD, NULL));
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable) continue;
        double *own = oracle_read(network, parameter, SPAR_PART_GRADIENT);
        double *others = oracle_read(copy, parameter, SPAR_PART_GRADIENT);
        check_bytes(label, parameter->name, own, others, parameter->count * sizeof *own);
        free(own);
        free(others);
    }
    size_t outputs = (size_t)IMAGES * o->layers[o->layer_count - 1].size, pixels = (size_t)IMAGES * o->layers[0].size;
    float *values = check_allocate(2 * (outputs > pixels ? outputs : pixels) * sizeof *values);
    CHECK_OK(spar_input_gradient(network, values));
    CHECK_OK(spar_input_gradient(copy, values + pixels));
    check_bytes(label, "the gradient of the images", values, values + pixels, pixels * sizeof *values);
    CHECK_OK(spar_read_output(network, values));
    CHECK_OK(spar_read_output(copy, values + outputs));
    check_bytes(label, "the outputs", values, values + outputs, outputs * sizeof *values);
    free(values);
    spar_network_destroy(copy);
}

// The network that ends at a layer drawn at random, which has two values or more.
static void check_prefix(const char *label, oracle *o, const spar_network *network, const example_batch *batch,
                         bool train, uint64_t seed) {
    int layer = (int)(seed % (uint64_t)o->layer_count);
    while (o->layers[layer].size < 2) layer = (layer + 1) % o->layer_count;
    spar_layer_info info = {.struct_size = sizeof info};
    spar_network *prefix = NULL;
    char name[1100];
    CHECK_OK(spar_network_layer(network, layer, &info));
    if (!CHECK_OK(spar_network_prefix(network, info.name, NULL, &prefix))) return;
    snprintf(name, sizeof name, "up to layer %d of %s", layer, label);
    oracle_clear_perturbations(o);
    compare_prefix(name, o, prefix, layer, batch, train, 1e-4);
    spar_network_destroy(prefix);
}

static void check_graph(uint64_t seed, bool train) {
    uint64_t state = seed;
    char text[1000], label[1040];
    oracle *o = random_graph(&state, IMAGES);
    random_graph_describe(o, text, sizeof text);
    snprintf(label, sizeof label, "graph %llu (%s)", (unsigned long long)seed, text);
    spar_network *network = oracle_engine(o, 1 + (int)(seed % MOST_THREADS), seed);
    oracle_randomize(o, network, seed);
    add_noise(o, network, seed);
    example_batch batch = example_batch_create(o, IMAGES, seed);
    oracle_draw_dropout(o, seed, 0, IMAGES);
    oracle_forward(o, batch.doubles, IMAGES, train, false);
    oracle_backward(o, batch.labels, 1, false);
    CHECK_OK(spar_forward(network, batch.images, IMAGES, forward_flags(train)));
    compare_outputs(label, o, network, 1e-4);
    CHECK_OK(spar_backward(network, batch.labels, 1, BACKWARD, NULL));
    compare_gradients(label, o, network, 1e-3);
    compare_image_gradients(label, o, network, 1e-3);
    if (seed % COPY_EVERY == 0) check_copy(label, o, network, &batch, train, 1 + (int)((seed + 1) % MOST_THREADS));
    check_prefix(label, o, network, &batch, train, seed);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void random_graphs_their_prefixes_and_copies_compute_what_the_oracle_does(void) {
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) check_graph(seed, seed / 2 % 2);
    temporary_remove();
}

TEST_MAIN(TEST(random_graphs_their_prefixes_and_copies_compute_what_the_oracle_does))
