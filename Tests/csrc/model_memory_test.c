// Models in memory have the bytes of files, and are checked as files are.
#include "graph/network.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 58, FLIPS = 400 };

static unsigned char *save(const spar_network *network, bool training_state, const spar_metadata *entries, size_t count,
                           size_t *size) {
    CHECK_OK(spar_network_save_to_memory(network, training_state, entries, count, NULL, 0, size));
    unsigned char *bytes = check_allocate(*size);
    CHECK_OK(spar_network_save_to_memory(network, training_state, entries, count, bytes, *size, size));
    return bytes;
}

static spar_status load(const void *bytes, size_t size, spar_network **network) {
    spar_network_options options = spar_network_defaults();
    options.batch_size = EXAMPLE_BATCH;
    options.threads = 1;
    return spar_network_load_from_memory(bytes, size, &options, network);
}

static void memory_has_what_files_have(void) {
    static const spar_metadata entries[] = {{sizeof(spar_metadata), "dataset", "digits"}};
    char path[TEMPORARY_PATH], value[10];
    temporary_path(path, "model.safetensors");
    for (int with_state = 0; with_state < 2; with_state++) {
        spar_network *network = model_trained("anl", 0.1f, SEED), *loaded = NULL,
                     *other = model_create(example_plain, SEED + 1);
        size_t size = 0, file_size = 0, needed = 0;
        CHECK_OK(spar_network_save(network, path, with_state, entries, 1));
        unsigned char *bytes = save(network, with_state, entries, 1, &size), *file = temporary_read(path, &file_size);
        CHECK(size == file_size && memcmp(bytes, file, size) == 0);
        CHECK_OK(load(bytes, size, &loaded));
        CHECK_OK(spar_network_load_parameters_from_memory(other, bytes, size));
        CHECK(model_equal(network, loaded) && model_equal(network, other));
        spar_network_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_get_info(loaded, &info));
        CHECK_EQUAL(info.step, with_state);
        CHECK_OK(spar_memory_metadata(bytes, size, "dataset", value, sizeof value, &needed));
        CHECK(needed == 7 && strcmp(value, "digits") == 0);
        CHECK_OK(spar_memory_metadata(bytes, size, "absent", NULL, 0, &needed));
        CHECK_EQUAL(needed, 0);
        free(bytes);
        free(file);
        spar_network_destroy(network);
        spar_network_destroy(loaded);
        spar_network_destroy(other);
    }
}

static void too_little_room_and_missing_pointers_are_refused(void) {
    static const spar_metadata reserved[] = {{sizeof(spar_metadata), "sparring.graph", "mine"}};
    static const char *const memory = "the model in memory: ";
    spar_network *network = model_trained("anl", 0.1f, SEED), *loaded = network;
    size_t size = 0, needed = 0;
    unsigned char *bytes = save(network, true, NULL, 0, &size);
    memset(bytes, 7, size);
    CHECK_FAILS(spar_network_save_to_memory(network, true, NULL, 0, bytes, size - 1, &needed), SPAR_ERROR_ARGUMENT,
                memory, "bytes are needed");
    CHECK_EQUAL(needed, size);
    for (size_t i = 0; i < size; i++) {
        if (!CHECK_EQUAL(bytes[i], 7)) break;
    }
    CHECK_FAILS(spar_network_save_to_memory(network, true, reserved, 1, bytes, size, &needed), SPAR_ERROR_ARGUMENT,
                memory, "sparring.graph");
    CHECK_FAILS(spar_network_save_to_memory(NULL, true, NULL, 0, bytes, size, &needed), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_network_save_to_memory(network, true, NULL, 0, NULL, size, &needed), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_network_save_to_memory(network, true, NULL, 0, bytes, size, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(load(NULL, size, &loaded), SPAR_ERROR_ARGUMENT, "bytes is NULL");
    CHECK_FAILS(load(bytes, size, NULL), SPAR_ERROR_ARGUMENT, "network is NULL");
    CHECK_FAILS(load(bytes, size, &loaded), SPAR_ERROR_FORMAT, memory, "not a model file");
    CHECK(loaded == NULL);
    CHECK_FAILS(spar_network_load_parameters_from_memory(network, bytes, 7), SPAR_ERROR_FORMAT, memory, "7 bytes");
    CHECK_FAILS(spar_memory_metadata(NULL, 0, "key", NULL, 0, &needed), SPAR_ERROR_FORMAT, memory, "0 bytes");
    CHECK_FAILS(spar_memory_metadata(bytes, size, NULL, NULL, 0, &needed), SPAR_ERROR_ARGUMENT, "key is NULL");
    free(bytes);
    spar_network_destroy(network);
}

static void a_diverged_network_is_not_saved_to_memory(void) {
    spar_network *network = model_trained("anl", 0.1f, SEED);
    float huge[2000];
    for (int i = 0; i < 2000; i++) huge[i] = 3e38f;
    spar_parameter_info info = {.struct_size = sizeof info};
    int32_t first = -1;
    while (!info.trainable) CHECK_OK(spar_network_parameter(network, ++first, &info));
    spar_mark_gradients(network, true);
    CHECK_OK(spar_network_write_parameter(network, first, SPAR_PART_GRADIENT, huge, info.count));
    spar_sgd sgd = spar_sgd_defaults();
    sgd.learning_rate = 1e30f;
    CHECK_OK(spar_update(network, &sgd));
    size_t size = 0;
    CHECK_OK(spar_network_save_to_memory(network, false, NULL, 0, NULL, 0, &size));
    unsigned char *bytes = check_allocate(size);
    CHECK_FAILS(spar_network_save_to_memory(network, false, NULL, 0, bytes, size, &size), SPAR_ERROR_NON_FINITE,
                "diverged", info.name);
    free(bytes);
    spar_network_destroy(network);
}

// A copy of exactly so many bytes: what is read behind them, sanitizers see.
static spar_status load_part(const unsigned char *bytes, size_t size) {
    unsigned char *part = check_allocate(size + (size == 0));
    memcpy(part, bytes, size);
    spar_network *loaded = NULL;
    spar_status status = load(part, size, &loaded);
    CHECK((loaded != NULL) == (status == SPAR_OK));
    spar_network_destroy(loaded);
    free(part);
    return status;
}

static void damaged_memory_is_refused_as_files_are(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "damaged.safetensors");
    spar_network *network = model_trained("anl", 0.1f, SEED);
    size_t size = 0;
    unsigned char *bytes = save(network, true, NULL, 0, &size);
    for (size_t part = 0; part < size; part += part < 4096 ? 1 : 97) {
        spar_status status = load_part(bytes, part);
        if (!CHECK_EQUAL(status, SPAR_ERROR_FORMAT)) break;
    }
    uint64_t state = SEED;
    size_t header = 8 + bytes[0] + 256u * bytes[1];
    int refused = 0;
    for (int i = 0; i < FLIPS; i++) {
        size_t at =
            (size_t)(example_uniform(&state) * (double)(i % 10 == 9 ? size : header)); // nine in ten in the header
        unsigned char kept = bytes[at];
        bytes[at] = (unsigned char)(example_uniform(&state) * 256);
        CHECK(temporary_write(path, bytes, size));
        spar_network *loaded = NULL;
        spar_status status = load_part(bytes, size), of_file = model_load(path, &loaded);
        CHECK_EQUAL(of_file, status);
        refused += status != SPAR_OK;
        bytes[at] = kept;
        spar_network_destroy(loaded);
    }
    CHECK(refused > FLIPS / 10 && refused < FLIPS);
    free(bytes);
    spar_network_destroy(network);
}

TEST_MAIN(TEST(memory_has_what_files_have), TEST(too_little_room_and_missing_pointers_are_refused),
          TEST(a_diverged_network_is_not_saved_to_memory), TEST(damaged_memory_is_refused_as_files_are))
