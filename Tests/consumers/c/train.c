// Trains a network of two dense layers on points of two rings, which no single layer separates.
#include <math.h>
#include <sparring.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTS = 256, STEPS = 400 };

static void check(spar_status status) {
    if (status != SPAR_OK) {
        fprintf(stderr, "train: %s\n", spar_last_error());
        exit(1);
    }
}

static void make_rings(float *points, int32_t *labels) {
    const spar_random_stream stream = {.struct_size = sizeof stream, .seed = 1, .purpose = 0x1000};
    float turns[POINTS];
    check(spar_random_uniform(&stream, 0, POINTS, turns));
    for (int32_t i = 0; i < POINTS; i++) {
        const float angle = 6.2831853F * turns[i];
        labels[i] = i % 2;
        const float radius = labels[i] ? 0.45F : 0.2F;
        points[2 * i] = 0.5F + radius * cosf(angle);
        points[2 * i + 1] = 0.5F + radius * sinf(angle);
    }
}

static spar_network *make_network(void) {
    spar_graph *graph = NULL;
    check(spar_graph_create(&graph));
    spar_dense_params hidden = spar_dense_defaults(), output = spar_dense_defaults();
    hidden.units = 32;
    output.units = 2;
    spar_value x = spar_input(graph, 2, 1, 1);
    x = spar_perturb(graph, spar_normalize(graph, x, "normalize", (float[]){0.5F, 0.5F}, (float[]){0.25F, 0.25F}),
                     "input");
    x = spar_relu(graph, spar_dense(graph, spar_flatten(graph, x), &hidden));
    x = spar_dense(graph, x, &output);

    spar_network_options options = spar_network_defaults();
    options.batch_size = POINTS;
    spar_network *network = NULL;
    check(spar_network_create(graph, x, &options, &network));
    spar_graph_destroy(graph);
    return network;
}

int main(void) {
    float points[2 * POINTS];
    int32_t labels[POINTS];
    make_rings(points, labels);
    spar_network *network = make_network();

    spar_method method = {.struct_size = sizeof method};
    check(spar_method_preset("adversarial-backprop", 0.02F, &method));
    check(spar_network_set_method(network, &method));
    const spar_sgd sgd = spar_sgd_defaults();
    for (int step = 0; step < STEPS; step++) {
        check(spar_train_step(network, &sgd, points, labels, POINTS, NULL));
    }

    spar_loss_result result = {.struct_size = sizeof result};
    check(spar_forward(network, points, POINTS, 0));
    check(spar_evaluate_loss(network, labels, &result));
    spar_network_destroy(network);
    printf("sparring %s: loss %.4f, %d of %d right\n", spar_version(), result.loss, result.correct, result.count);
    return result.correct > 0.95 * POINTS ? 0 : 1;
}
