// A file of any bytes is refused with a sentence or gives a network that works, and that is the same when it is saved
// and loaded again.
#include "support/model_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COUNT = 2 };
static const int64_t MOST_MEMORY = 64 << 20, MOST_MULTIPLY_ADDS = 20 << 20;

static spar_network *load(const char *path) {
    spar_network_options options = spar_network_defaults();
    options.batch_size = MOST_COUNT;
    options.threads = 1;
    spar_network *network = NULL;
    bool loaded = fuzz_succeeded(spar_network_load(path, &options, &network));
    FUZZ_REQUIRE(loaded == (network != NULL), "a network and an error, or neither");
    return network;
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
    spar_network *network = load(fuzz_file(data, size));
    if (network == NULL) return 0;
    spar_network_info info = {.struct_size = sizeof info}, again_info = {.struct_size = sizeof again_info};
    FUZZ_REQUIRE(fuzz_succeeded(spar_network_get_info(network, &info)), "no information");
    const char *path = fuzz_path("again");
    if (info.memory_bytes <= MOST_MEMORY && info.multiply_adds <= MOST_MULTIPLY_ADDS) {
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_save(network, path, size % 2 == 0, NULL, 0)),
                     "what was loaded cannot be saved: %s", spar_last_error());
        spar_network *again = load(path);
        FUZZ_REQUIRE(again != NULL, "what was saved cannot be loaded: %s", spar_last_error());
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_get_info(again, &again_info)), "no information");
        FUZZ_REQUIRE(info.step == again_info.step || size % 2 != 0, "the step is lost");
        float *output = output_of(network, &info), *again_output = output_of(again, &again_info);
        FUZZ_REQUIRE((output == NULL) == (again_output == NULL), "one of both is finite");
        FUZZ_REQUIRE(output == NULL || memcmp(output, again_output, MOST_COUNT * (size_t)info.classes * 4) == 0,
                     "the output is another after saving and loading");
        free(output);
        free(again_output);
        spar_network_destroy(again);
        remove(path);
    }
    spar_network_destroy(network);
    return 0;
}
