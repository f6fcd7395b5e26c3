// Files that earlier versions wrote load, compute the same and train on. samples/NAME-VERSION.safetensors were saved by
// that version after three steps on the images and labels below, with what it then computed in their metadata. Dropout
// has rate 0 there, since 0.1.0 draws others.
#include "support/check.h"
#include "support/examples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 5, MOST_NUMBERS = 64 };

static const double TOLERANCE = 1e-4;

static int expected_numbers(const char *path, const char *key, double *numbers) {
    char text[2000], *at = text, *end;
    size_t needed = 0;
    int count = 0;
    CHECK_OK(spar_file_metadata(path, key, text, sizeof text, &needed));
    CHECK(needed > 1 && needed <= sizeof text);
    for (;; at = end) {
        double number = strtod(at, &end);
        if (end == at || count == MOST_NUMBERS) return count;
        numbers[count++] = number;
    }
}

static void check_outputs(spar_network *network, const char *path, const char *key, const float *images, int classes) {
    double expected[MOST_NUMBERS], actual[MOST_NUMBERS];
    float outputs[MOST_NUMBERS];
    int count = expected_numbers(path, key, expected);
    if (!CHECK_EQUAL(count, BATCH * classes)) return;
    CHECK_OK(spar_forward(network, images, BATCH, 0));
    CHECK_OK(spar_read_output(network, outputs));
    for (int i = 0; i < count; i++) actual[i] = outputs[i];
    CHECK_CLOSE(path, actual, expected, (size_t)count, TOLERANCE, 1);
}

static void check_sample(const char *name, bool trains) {
    char path[1000], note[20];
    size_t needed;
    snprintf(path, sizeof path, "%s/%s", TEST_SAMPLES, name);
    spar_network_options options = spar_network_defaults();
    options.batch_size = BATCH;
    options.threads = 1;
    spar_network *network = NULL;
    spar_network_info info = {.struct_size = sizeof info};
    if (!CHECK_OK(spar_network_load(path, &options, &network))) return;
    CHECK_OK(spar_network_get_info(network, &info));
    CHECK(info.seed == 18446744073709551557u && info.step == (trains ? 3 : 0));
    CHECK_OK(spar_file_metadata(path, "note", note, sizeof note, &needed));
    CHECK(strcmp(note, "α\n\t\"\\/\x7f") == 0);

    int pixels = info.input_shape[0] * info.input_shape[1] * info.input_shape[2];
    float *images = check_allocate((size_t)(BATCH * pixels) * sizeof *images);
    int32_t labels[BATCH];
    uint64_t state = 10;
    for (int i = 0; i < BATCH * pixels; i++) images[i] = (float)example_uniform(&state);
    for (int n = 0; n < BATCH; n++) labels[n] = n % info.classes;
    check_outputs(network, path, "outputs", images, info.classes);
    if (trains) {
        spar_sgd sgd = spar_sgd_defaults();
        sgd.learning_rate = 0.02f;
        spar_loss_result result = {.struct_size = sizeof result};
        double loss;
        CHECK_OK(spar_train_step(network, &sgd, images, labels, BATCH, &result));
        CHECK_EQUAL(expected_numbers(path, "loss of the next step", &loss), 1);
        CHECK_NEAR(result.loss, loss, TOLERANCE);
        check_outputs(network, path, "outputs after it", images, info.classes);
    }
    free(images);
    spar_network_destroy(network);
}

static void files_of_0_1_0_load_and_train_on(void) {
    check_sample("layerwise-0.1.0.safetensors", true); // masks; normalize, batch norm, max pooling
    check_sample("anl-0.1.0.safetensors", true);       // gradients; whiten, dropout, squared error
    check_sample("joint-0.1.0.safetensors", true);     // a clean term, an input point, hidden points up to one, s(h)
    check_sample("plain-0.1.0.safetensors", false);    // shortcut, depthwise, average pools, logistic loss
}

TEST_MAIN(TEST(files_of_0_1_0_load_and_train_on))
