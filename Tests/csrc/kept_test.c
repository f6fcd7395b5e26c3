// Values and gradients of layers that the options name are those of the oracle, and naming them changes no bit.
#include "support/compare.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 43, MOST = ORACLE_MAX_LAYERS, PART = EXAMPLE_BATCH - 1 };

static spar_network *keeping(const spar_network *network, const char *const *names, int32_t count) {
    spar_network *made = NULL;
    spar_layer_info last = {.struct_size = sizeof last};
    spar_network_options options = {.struct_size = sizeof options};
    CHECK_OK(spar_network_get_options(network, &options));
    CHECK_EQUAL(options.kept_count, 0);
    options.kept_layers = names;
    options.kept_count = count;
    CHECK_OK(spar_network_layer(network, spar_network_layer_count(network) - 1, &last));
    CHECK_OK(spar_network_prefix(network, last.name, &options, &made)); // the whole of it
    return made;
}

static void run(spar_network *network, const example_batch *batch, float *outputs) {
    CHECK_OK(spar_forward(network, batch->images, EXAMPLE_BATCH, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward(network, batch->labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
    CHECK_OK(spar_read_output(network, outputs));
}

static void check_layer(const spar_network *network, const char *name, const oracle_layer *layer) {
    int32_t index;
    CHECK_OK(spar_network_find_layer(network, name, &index));
    size_t floats = (size_t)PART * (size_t)layer->size;
    float *read = check_allocate(floats * sizeof *read);
    double *wide = check_allocate(floats * sizeof *wide);
    CHECK_OK(spar_read_layer(network, index, 1, PART, read));
    for (size_t k = 0; k < floats; k++) wide[k] = read[k];
    CHECK_CLOSE(name, wide, layer->value + layer->size, floats, 2e-4, 1e-3);
    CHECK_OK(spar_read_layer_gradient(network, index, 1, PART, read));
    for (size_t k = 0; k < floats; k++) wide[k] = read[k];
    CHECK_CLOSE(name, wide, layer->gradient + layer->size, floats, 2e-3, 1e-4);
    free(read);
    free(wide);
}

// All layers, then every third one from each of the first three.
static void check_network(example_network example) {
    oracle *o = example(EXAMPLE_BATCH);
    spar_network *plain = oracle_engine(o, 2, SEED);
    oracle_randomize(o, plain, SEED);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    float expected[EXAMPLE_BATCH * EXAMPLE_CLASSES], outputs[EXAMPLE_BATCH * EXAMPLE_CLASSES];
    run(plain, &batch, expected);
    oracle_draw_dropout(o, SEED, 0, EXAMPLE_BATCH);
    oracle_forward(o, batch.doubles, EXAMPLE_BATCH, true, false);
    oracle_backward(o, batch.labels, 1, false);
    for (int first = -1; first < 3; first++) {
        const char *names[MOST];
        int32_t count = 0, layers[MOST];
        for (int32_t i = first < 0 ? 0 : first; i < spar_network_layer_count(plain); i += first < 0 ? 1 : 3) {
            spar_layer_info info = {.struct_size = sizeof info};
            CHECK_OK(spar_network_layer(plain, i, &info));
            CHECK(!info.kept);
            layers[count] = i;
            names[count++] = info.name;
        }
        spar_network *network = keeping(plain, names, count);
        run(network, &batch, outputs);
        CHECK(memcmp(outputs, expected, sizeof outputs) == 0);
        for (int32_t k = 0; k < count; k++) check_layer(network, names[k], &o->layers[layers[k]]);
        spar_network_destroy(network);
    }
    example_batch_destroy(&batch);
    spar_network_destroy(plain);
    oracle_destroy(o);
}

static void kept_layers_are_the_oracles(void) {
    check_network(example_dense);
    check_network(example_convolutional);
    check_network(example_residual);
    check_network(example_depthwise);
    check_network(example_plain);
    check_network(example_dropout);
    check_network(example_whitened);
}

static void what_is_not_kept_is_told(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *plain = oracle_engine(o, 1, SEED), *none = NULL;
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    spar_layer_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_layer(plain, 1, &info));
    spar_network *network = keeping(plain, &info.name, 1);
    CHECK_OK(spar_network_layer(network, 1, &info));
    CHECK(info.kept);
    spar_network_options told = {.struct_size = sizeof told};
    CHECK_OK(spar_network_get_options(network, &told));
    CHECK(told.kept_layers == NULL && told.kept_count == 0 && told.group == NULL);
    spar_network *clone = NULL;
    CHECK_OK(spar_network_clone(network, NULL, &clone));
    spar_layer_info cloned = {.struct_size = sizeof cloned};
    CHECK_OK(spar_network_layer(clone, 1, &cloned));
    CHECK(!cloned.kept);
    spar_network_destroy(clone);
    float *values = check_allocate(sizeof *values * EXAMPLE_BATCH * 1 << 14);
    CHECK_FAILS(spar_read_layer(network, 1, 0, 1, values), SPAR_ERROR_STATE, "forward", info.name);
    CHECK_OK(spar_forward(network, batch.images, 3, 0));
    CHECK_OK(spar_read_layer(network, 1, 0, 3, values));
    CHECK_FAILS(spar_read_layer_gradient(network, 1, 0, 1, values), SPAR_ERROR_STATE, "backward", info.name);
    CHECK_FAILS(spar_read_layer(network, 1, 1, 3, values), SPAR_ERROR_ARGUMENT, "3 images from 1");
    CHECK_FAILS(spar_read_layer(network, 1, -1, 1, values), SPAR_ERROR_ARGUMENT, "-1");
    CHECK_FAILS(spar_read_layer(network, 2, 0, 1, values), SPAR_ERROR_STATE, "kept_layers", "prefix");
    CHECK_FAILS(spar_read_layer(network, 99, 0, 1, values), SPAR_ERROR_ARGUMENT, "99");
    spar_network_options options = spar_network_defaults();
    const char *unknown = "unheard-of", *null = NULL;
    options.kept_layers = &unknown;
    options.kept_count = 1;
    CHECK_FAILS(spar_network_prefix(plain, NULL, &options, &none), SPAR_ERROR_ARGUMENT, "unheard-of");
    options.kept_layers = &null;
    CHECK_FAILS(spar_network_prefix(plain, NULL, &options, &none), SPAR_ERROR_ARGUMENT, "NULL");
    options.kept_count = -1;
    CHECK_FAILS(spar_network_prefix(plain, NULL, &options, &none), SPAR_ERROR_ARGUMENT, "-1");
    free(values);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    spar_network_destroy(plain);
    oracle_destroy(o);
}

TEST_MAIN(TEST(kept_layers_are_the_oracles), TEST(what_is_not_kept_is_told))
