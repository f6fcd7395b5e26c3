// A model of any bytes, in memory or in a file, is refused with a sentence or gives a network that works, and that is
// the same when it is saved and loaded again, and when it is cloned.
#include "support/model_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COUNT = 2 };
static const int64_t MOST_MEMORY = 64 << 20, MOST_MULTIPLY_ADDS = 20 << 20;

// Of a file, or of memory where `path` is NULL.
static spar_network *load(const char *path, const void *bytes, size_t size) {
    spar_network_options options = spar_network_defaults();
    options.batch_size = MOST_COUNT;
    options.threads = 1;
    spar_network *network = NULL;
    bool loaded = fuzz_succeeded(path != NULL ? spar_network_load(path, &options, &network)
                                              : spar_network_load_from_memory(bytes, size, &options, &network));
    FUZZ_REQUIRE(loaded == (network != NULL), "a network and an error, or neither");
    return network;
}

static spar_network *save_and_load(const spar_network *network, bool training_state, bool in_memory) {
    if (!in_memory) {
        const char *path = fuzz_path("again");
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_save(network, path, training_state, NULL, 0)),
                     "what was loaded cannot be saved: %s", spar_last_error());
        spar_network *again = load(path, NULL, 0);
        remove(path);
        return again;
    }
    size_t size = 0;
    fuzz_succeeded(spar_network_save_to_memory(network, training_state, NULL, 0, NULL, 0, &size));
    void *bytes = malloc(size);
    FUZZ_REQUIRE(fuzz_succeeded(spar_network_save_to_memory(network, training_state, NULL, 0, bytes, size, &size)),
                 "what was loaded cannot be saved: %s", spar_last_error());
    spar_network *again = load(NULL, bytes, size);
    free(bytes);
    return again;
}

// The output on images of grey values, to be freed; NULL where a number on the way is not finite.
static float *output_of(spar_network *network, const spar_network_info *info) {
    size_t pixels = (size_t)info->input_shape[0] * (size_t)info->input_shape[1] * (size_t)info->input_shape[2];
    float *images = malloc(MOST_COUNT * pixels * sizeof *images);
    float *output = malloc(MOST_COUNT * (size_t)info->classes * sizeof *output);
    for (size_t i = 0; i < MOST_COUNT * pixels; i++) images[i] = (float)(i % 17) / 16;
    spar_status status = spar_forward(network, images, MOST_COUNT, 0);
    free(images);
    FUZZ_REQUIRE(fuzz_succeeded(status) || status == SPAR_ERROR_NON_FINITE, "a loaded network does not work: %s",
                 spar_last_error());
    if (status == SPAR_OK) {
        FUZZ_REQUIRE(fuzz_succeeded(spar_read_output(network, output)), "no output: %s", spar_last_error());
        fuzz_require_finite(output, MOST_COUNT * (size_t)info->classes, "output");
        return output;
    }
    free(output);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool in_memory = size % 4 < 2, training_state = size % 2 == 0;
    spar_network *network = load(in_memory ? NULL : fuzz_file(data, size), data, size);
    if (network == NULL) return 0;
    spar_network_info info = {.struct_size = sizeof info}, again_info = {.struct_size = sizeof again_info};
    FUZZ_REQUIRE(fuzz_succeeded(spar_network_get_info(network, &info)), "no information");
    if (info.memory_bytes <= MOST_MEMORY && info.multiply_adds <= MOST_MULTIPLY_ADDS) {
        spar_network *again = save_and_load(network, training_state, in_memory), *clone = NULL;
        FUZZ_REQUIRE(again != NULL, "what was saved cannot be loaded: %s", spar_last_error());
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_clone(network, NULL, &clone)), "no clone: %s", spar_last_error());
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_get_info(again, &again_info)), "no information");
        FUZZ_REQUIRE(info.step == again_info.step || !training_state, "the step is lost");
        float *output = output_of(network, &info);
        spar_network *const others[] = {again, clone};
        for (int i = 0; i < 2; i++) {
            float *other = output_of(others[i], &info);
            FUZZ_REQUIRE((output == NULL) == (other == NULL), "one of both is finite");
            FUZZ_REQUIRE(output == NULL || memcmp(output, other, MOST_COUNT * (size_t)info.classes * 4) == 0,
                         "another output");
            free(other);
        }
        free(output);
        spar_network_destroy(again);
        spar_network_destroy(clone);
    }
    spar_network_destroy(network);
    return 0;
}
