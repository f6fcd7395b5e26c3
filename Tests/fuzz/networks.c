// Random graphs, trained, attacked, saved and measured by random calls: no result that is reported as one is wrong in
// itself, and one thread gives the same bits as three.
#include "support/random_calls.h"
#include "support/random_graph.h"

enum { MOST_BATCH = 9 };
static const double LARGE_WEIGHTS = 1e6, LARGE_ACTIVATIONS = 2e5, IMPOSSIBLE = 1e13;
static const int64_t MOST_MULTIPLY_ADDS = 4 << 20;

static spar_network *create(const fuzz_graph *graph, const spar_network_options *options) {
    spar_network *network = NULL;
    bool created = fuzz_succeeded(spar_network_create(graph->graph, graph->output, options, &network));
    FUZZ_REQUIRE(created == (network != NULL), "a network and an error, or neither");
    FUZZ_REQUIRE(!created || graph->output != SPAR_NO_VALUE, "a network without output");
    return network;
}

static spar_network_options choose_options(fuzz_bytes *bytes) {
    spar_network_options options = spar_network_defaults();
    options.batch_size = fuzz_size(bytes, MOST_BATCH);
    options.seed = fuzz_byte(bytes);
    options.loss = (spar_loss)fuzz_choice(bytes, fuzz_rarely(bytes, 32) ? 5 : 3);
    options.exact_convolutions = fuzz_rarely(bytes, 4);
    options.threads = 1;
    return options;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, data + size};
    spar_network_options options = choose_options(&bytes);
    fuzz_graph graph = fuzz_graph_create(&bytes);
    double batch = options.batch_size > 0 ? options.batch_size : 1, activations = batch * graph.activations;
    bool large = graph.weights > LARGE_WEIGHTS || activations > LARGE_ACTIVATIONS;
    bool impossible = graph.weights > IMPOSSIBLE || activations > IMPOSSIBLE;
    spar_network *network = large && !impossible ? NULL : create(&graph, &options);
    spar_network_info info = {.struct_size = sizeof info};
    FUZZ_REQUIRE(network == NULL || !impossible, "a network of %g weights and %g values", graph.weights, activations);
    if (network != NULL && fuzz_succeeded(spar_network_get_info(network, &info)) &&
        info.multiply_adds * info.batch_size <= MOST_MULTIPLY_ADDS) {
        options.threads = 3;
        spar_network *other = create(&graph, &options);
        uint64_t digest = fuzz_calls(bytes, &network), other_digest = fuzz_calls(bytes, &other);
        FUZZ_REQUIRE(digest == other_digest, "three threads give other bits than one");
        spar_network_destroy(other);
    }
    spar_network_destroy(network);
    spar_graph_destroy(graph.graph);
    return 0;
}
