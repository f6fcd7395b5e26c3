// The parameters of a file of any bytes are taken into a network as a whole, or the network stays as it was.
#include "support/model_files.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT = 2, CHANNELS = 3, SIDE = 4, CLASSES = 3 };

// Normalized, a convolution, a batch norm, a point, a dense layer: a few hundred parameters.
static spar_network *create(void) {
    static const float mean[CHANNELS] = {0.5f, 0.4f, 0.3f}, deviation[CHANNELS] = {0.2f, 0.3f, 0.25f};
    spar_graph *graph = NULL;
    spar_network *network = NULL;
    spar_graph_create(&graph);
    spar_value x = spar_normalize(graph, spar_input(graph, CHANNELS, SIDE, SIDE), "norm", mean, deviation);
    spar_conv2d_params convolution = spar_conv2d_defaults();
    convolution.name = "conv";
    convolution.channels = 4;
    x = spar_conv2d(graph, x, &convolution);
    spar_batch_norm_params batch_norm = spar_batch_norm_defaults();
    batch_norm.name = "bn";
    x = spar_relu(graph, spar_perturb(graph, spar_batch_norm(graph, x, &batch_norm), "point"));
    spar_dense_params dense = spar_dense_defaults();
    dense.name = "fc";
    dense.units = CLASSES;
    x = spar_dense(graph, spar_flatten(graph, x), &dense);
    spar_network_options options = spar_network_defaults();
    options.batch_size = COUNT;
    options.threads = 1;
    spar_status status = spar_network_create(graph, x, &options, &network);
    spar_graph_destroy(graph);
    FUZZ_REQUIRE(fuzz_succeeded(status), "%s", spar_last_error());
    return network;
}

static uint64_t digest_of(const spar_network *network) {
    spar_network_info info = {.struct_size = sizeof info};
    FUZZ_REQUIRE(fuzz_succeeded(spar_network_get_info(network, &info)), "no information");
    uint64_t digest = fuzz_digest(info.seed, &info.step, sizeof info.step);
    float values[512];
    for (int p = 0; p < spar_network_parameter_count(network); p++) {
        spar_parameter_info parameter = {.struct_size = sizeof parameter};
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_parameter(network, p, &parameter)), "no information");
        for (int part = SPAR_PART_VALUE; part <= SPAR_PART_MOMENTUM; part++) {
            if (part != SPAR_PART_VALUE && !parameter.trainable) continue;
            FUZZ_REQUIRE(fuzz_succeeded(spar_network_read_parameter(network, p, (spar_parameter_part)part, values,
                                                                    parameter.count)),
                         "%s", spar_last_error());
            fuzz_require_finite(values, (size_t)parameter.count, parameter.name);
            digest = fuzz_digest(digest, values, (size_t)parameter.count * sizeof *values);
        }
    }
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static spar_network *network;
    static uint64_t before;
    if (network == NULL) {
        network = create();
        before = digest_of(network);
    }
    bool taken = fuzz_succeeded(spar_network_load_parameters(network, fuzz_file(data, size)));
    FUZZ_REQUIRE(taken || digest_of(network) == before, "a file that was refused changed the network: %s",
                 spar_last_error());
    if (!taken) return 0;
    digest_of(network);
    float images[COUNT * CHANNELS * SIDE * SIDE] = {0.5f};
    static const int32_t labels[COUNT] = {0, CLASSES - 1};
    spar_sgd sgd = spar_sgd_defaults();
    spar_loss_result result = {.struct_size = sizeof result};
    spar_status status = spar_train_step(network, &sgd, images, labels, COUNT, &result);
    FUZZ_REQUIRE(fuzz_succeeded(status) || status == SPAR_ERROR_NON_FINITE, "%s", spar_last_error());
    spar_network_destroy(network);
    network = NULL;
    return 0;
}
