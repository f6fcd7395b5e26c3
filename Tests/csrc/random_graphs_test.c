// Small graphs drawn at random, with flattens in odd places: outputs and gradients against the oracle's, with the
// documented draws of dropout and noise.
#include "support/compare.h"
#include "support/perturbation.h"
#include "support/random_graph.h"

#include <stdio.h>

enum { GRAPHS = 2000, IMAGES = 5, THREADS = 2 };

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

static void check_graph(uint64_t seed, bool train) {
    uint64_t state = seed;
    char text[1000], label[1040];
    oracle *o = random_graph(&state, IMAGES);
    random_graph_describe(o, text, sizeof text);
    snprintf(label, sizeof label, "graph %llu (%s)", (unsigned long long)seed, text);
    spar_network *network = oracle_engine(o, THREADS, seed);
    oracle_randomize(o, network, seed);
    add_noise(o, network, seed);
    example_batch batch = example_batch_create(o, IMAGES, seed);
    oracle_draw_dropout(o, seed, 0, IMAGES);
    oracle_forward(o, batch.doubles, IMAGES, train, false);
    oracle_backward(o, batch.labels, 1, false);
    CHECK_OK(spar_forward(network, batch.images, IMAGES, (train ? SPAR_FORWARD_TRAIN : 0) | SPAR_FORWARD_PERTURB));
    compare_outputs(label, o, network, 1e-4);
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT, NULL));
    compare_gradients(label, o, network, 1e-3);
    compare_image_gradients(label, o, network, 1e-3);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void outputs_and_gradients_of_random_graphs(void) {
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) check_graph(seed, seed % 2);
}

TEST_MAIN(TEST(outputs_and_gradients_of_random_graphs))
