// What a caller asks of the network in a file: what cannot be is the caller's mistake, not called a damaged file.
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEED = 57 };

static spar_network_options options_for(int32_t batch_size) {
    spar_network_options options = spar_network_defaults();
    options.batch_size = batch_size;
    options.threads = 1;
    return options;
}

static void a_batch_size_below_what_points_hold_is_a_wrong_argument(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "layerwise.safetensors");
    spar_network *network = model_trained("layerwise", 20, SEED), *loaded = NULL;
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    spar_network_options small = options_for(EXAMPLE_BATCH - 1), enough = options_for(EXAMPLE_BATCH);
    const char *const said = "5 samples, the network's batch size is 4";
    CHECK_FAILS(spar_network_load(path, &small, &loaded), SPAR_ERROR_ARGUMENT, path, said);
    CHECK(loaded == NULL);
    CHECK_OK(spar_network_load(path, &enough, &loaded));
    spar_network_destroy(loaded);
    size_t size = 0;
    unsigned char *bytes = temporary_read(path, &size);
    CHECK_FAILS(spar_network_load_from_memory(bytes, size, &small, &loaded), SPAR_ERROR_ARGUMENT, "in memory", said);
    free(bytes);

    // Into a network that is there, which stays as it was.
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    CHECK_OK(spar_network_load(path, &small, &loaded));
    CHECK(model_equal(network, loaded));
    spar_network *other = model_trained("layerwise", 20, SEED + 1);
    CHECK_OK(spar_network_save(other, path, true, NULL, 0));
    CHECK_FAILS(spar_network_load_parameters(loaded, path), SPAR_ERROR_ARGUMENT, path, said);
    CHECK(model_equal(network, loaded));
    unlink(path);
    spar_network_destroy(other);
    spar_network_destroy(loaded);
    spar_network_destroy(network);
}

static void points_with_more_samples_than_any_batch_are_damage(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "points.safetensors");
    spar_network *network = model_trained("layerwise", 20, SEED), *loaded = NULL;
    CHECK_OK(spar_network_save(network, path, true, NULL, 0));
    raw_file raw = raw_file_read(path);
    char *header = text_replaced(raw.header, "],[5,", "],[2147483647,");
    raw_file_write(path, header, raw.data, raw.data_size);
    CHECK_FAILS(model_load(path, &loaded), SPAR_ERROR_FORMAT, path, "2147483647 samples");
    unlink(path);
    free(header);
    raw_file_free(&raw);
    spar_network_destroy(network);
}

static void a_loaded_network_keeps_the_layers_that_are_named(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "kept.safetensors");
    spar_network *network = model_create(example_convolutional, SEED), *loaded = NULL;
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    spar_layer_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_layer(network, 1, &info));
    const char *names[] = {info.name, "unheard-of", NULL};
    spar_network_options options = options_for(EXAMPLE_BATCH);
    options.kept_layers = names, options.kept_count = 1;
    CHECK_OK(spar_network_load(path, &options, &loaded));
    CHECK_OK(spar_network_layer(loaded, 1, &info));
    CHECK(info.kept);
    spar_network_destroy(loaded);
    options.kept_count = 2;
    CHECK_FAILS(spar_network_load(path, &options, &loaded), SPAR_ERROR_ARGUMENT, path, "unheard-of");
    CHECK(loaded == NULL);
    options.kept_layers = names + 2, options.kept_count = 1;
    CHECK_FAILS(spar_network_load(path, &options, &loaded), SPAR_ERROR_ARGUMENT, "NULL");
    options.kept_count = -1;
    CHECK_FAILS(spar_network_load(path, &options, &loaded), SPAR_ERROR_ARGUMENT, "-1");
    unlink(path);
    spar_network_destroy(network);
}

static void groups_that_are_none_are_wrong_arguments(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "group.safetensors");
    spar_network *network = model_create_tiny(), *loaded = NULL;
    CHECK_OK(spar_network_save(network, path, false, NULL, 0));
    spar_group group = {.struct_size = sizeof group, .rank = 3, .size = 2};
    spar_network_options options = options_for(EXAMPLE_BATCH);
    options.group = &group;
    CHECK_FAILS(spar_network_load(path, &options, &loaded), SPAR_ERROR_ARGUMENT, "rank 3 of a group of 2");
    group.rank = 1;
    CHECK_FAILS(spar_network_load(path, &options, &loaded), SPAR_ERROR_ARGUMENT, "cannot begin or wait");
    group.rank = 0, group.size = 1;
    CHECK_OK(spar_network_load(path, &options, &loaded));
    unlink(path);
    spar_network_destroy(loaded);
    spar_network_destroy(network);
}

TEST_MAIN(TEST(a_batch_size_below_what_points_hold_is_a_wrong_argument),
          TEST(points_with_more_samples_than_any_batch_are_damage),
          TEST(a_loaded_network_keeps_the_layers_that_are_named), TEST(groups_that_are_none_are_wrong_arguments))
