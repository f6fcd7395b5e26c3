// Every allocation of every public call fails in turn: the call says so, gives nothing, keeps nothing, and the network
// it was made on computes and trains as before.
#include "support/allocations.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 7, POINTS = 60, DIMENSIONS = 8, LARGE_BATCH = 40 };

static spar_network *network; // what the calls are made on
static example_batch batch;
static float *results;
static char path[TEMPORARY_PATH];

static spar_status describe_and_create(void) {
    static const float mean[] = {0.5f, 0.5f}, deviation[] = {0.25f, 0.25f}, matrix[64 * 64] = {0};
    spar_graph *graph = NULL;
    spar_network *made = NULL;
    if (spar_graph_create(&graph) != SPAR_OK) return SPAR_ERROR_MEMORY;
    spar_conv2d_params conv = example_conv2d("conv", 32, 3, 1, true), depthwise = example_conv2d(NULL, 32, 5, 2, false);
    spar_batch_norm_params norm = spar_batch_norm_defaults();
    spar_pool_params pool = spar_pool_defaults();
    spar_dense_params dense = example_dense_params(NULL, 4);
    depthwise.groups = 32;
    spar_value x = spar_normalize(graph, spar_input(graph, 2, 4, 8), "norm", mean, deviation);
    x = spar_perturb(graph, spar_whiten(graph, x, NULL, matrix, matrix), "first");
    x = spar_relu(graph, spar_perturb(graph, spar_batch_norm(graph, spar_conv2d(graph, x, &conv), &norm), NULL));
    depthwise.padding_height = depthwise.padding_width = 2;
    x = spar_add(graph, spar_conv2d(graph, x, &depthwise), spar_channel_shortcut(graph, x, 32, 2));
    x = spar_dropout(graph, spar_max_pool2d(graph, x, &pool), 0.5f);
    for (int i = 0; i < 40; i++) x = spar_tanh(graph, x); // the graph grows
    x = spar_dense(graph, spar_flatten(graph, x), &dense);
    spar_network_options options = spar_network_defaults();
    options.batch_size = LARGE_BATCH;
    options.threads = 2;
    spar_status status = spar_network_create(graph, x, &options, &made);
    CHECK((made != NULL) == (status == SPAR_OK));
    spar_network_destroy(made);
    spar_graph_destroy(graph);
    return status;
}

static spar_status prefix(void) {
    spar_network *made = NULL;
    spar_status status = spar_network_prefix(network, NULL, NULL, &made);
    CHECK((made != NULL) == (status == SPAR_OK));
    spar_network_destroy(made);
    return status;
}

static spar_status clone(void) {
    spar_network *made = NULL;
    spar_status status = spar_network_clone(network, NULL, &made);
    CHECK((made != NULL) == (status == SPAR_OK));
    spar_network_destroy(made);
    return status;
}

static spar_status change_method(void) {
    spar_method method = {.struct_size = sizeof method};
    spar_point_info point = {.struct_size = sizeof point};
    CHECK_OK(spar_method_preset("layerwise", 0.1f, &method));
    CHECK_OK(spar_network_point(network, 1, &point));
    method.hidden_points = point.name;
    return spar_network_set_method(network, &method);
}

static spar_status attack_by(spar_attack_kind kind) {
    spar_attack attack = spar_attack_defaults(kind);
    attack.iterations = 2;
    attack.queries = 3;
    return spar_attack_images(network, &attack, batch.images, batch.labels, batch.count, results);
}

static spar_status fgsm(void) {
    return attack_by(SPAR_ATTACK_FGSM);
}

static spar_status pgd(void) {
    return attack_by(SPAR_ATTACK_PGD);
}

static spar_status square(void) {
    return attack_by(SPAR_ATTACK_SQUARE);
}

static spar_status lbfgs(void) {
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    attack.iterations = attack.searches = 2;
    return spar_lbfgs_attack_images(network, &attack, batch.images, batch.labels, NULL, batch.count, results, NULL);
}

static spar_status jacobian(void) {
    double values[EXAMPLE_CLASSES];
    return spar_jacobian_singular_values(network, batch.images, 2, NULL, NULL, values);
}

static spar_status tsne(void) {
    float points[POINTS * DIMENSIONS];
    uint64_t state = SEED;
    for (int i = 0; i < POINTS * DIMENSIONS; i++) points[i] = (float)example_uniform(&state);
    spar_tsne_options options = spar_tsne_defaults();
    options.perplexity = 5;
    spar_tsne *made = NULL;
    spar_status status = spar_tsne_create(points, POINTS, DIMENSIONS, &options, &made);
    CHECK((made != NULL) == (status == SPAR_OK));
    if (status == SPAR_OK) status = spar_tsne_iterate(made, 2, NULL);
    spar_tsne_destroy(made);
    return status;
}

static spar_status zca(void) {
    float images[POINTS * DIMENSIONS], mean[DIMENSIONS], matrix[DIMENSIONS * DIMENSIONS];
    uint64_t state = SEED;
    for (int i = 0; i < POINTS * DIMENSIONS; i++) images[i] = (float)example_uniform(&state);
    spar_zca *made = NULL;
    spar_status status = spar_zca_create(DIMENSIONS, &made);
    CHECK((made != NULL) == (status == SPAR_OK));
    if (status == SPAR_OK) status = spar_zca_add(made, images, POINTS);
    if (status == SPAR_OK) status = spar_zca_finish(made, 0.1f, mean, matrix);
    spar_zca_destroy(made);
    return status;
}

static spar_status resize(void) {
    static const uint8_t source[3 * 8 * 8] = {1};
    uint8_t target[3 * 5 * 5];
    return spar_resize_image(source, 3 * 8, 3, 8, 8, 5, 5, target);
}

static spar_status save(void) {
    static const spar_metadata entries[] = {{sizeof(spar_metadata), "dataset", "digits"}};
    return spar_network_save(network, path, true, entries, 1);
}

static spar_status save_onnx(void) {
    return spar_network_save_onnx(network, path);
}

static spar_status save_to_memory(void) {
    size_t needed;
    return spar_network_save_to_memory(network, true, NULL, 0, results, 1 << 20, &needed);
}

static spar_status replace_file(void) {
    return spar_replace_file(path, "", 0);
}

static spar_status load(void) {
    spar_network *loaded = NULL;
    spar_status status = model_load(path, &loaded);
    CHECK((loaded != NULL) == (status == SPAR_OK));
    spar_network_destroy(loaded);
    return status;
}

static spar_status load_parameters(void) {
    return spar_network_load_parameters(network, path);
}

static const char *const *own_names(void) {
    static const char *names[64];
    for (int i = 0; i < spar_network_parameter_count(network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, i, &info));
        names[i] = info.name;
    }
    return names;
}

static spar_status save_tensors(void) {
    return spar_network_save_tensors(network, path, own_names());
}

static spar_status load_tensors(void) {
    return spar_network_load_tensors(network, path, own_names());
}

static void pass_over(void *context, const spar_tensor_info *tensor) {
    (void)context, (void)tensor;
}

static spar_status file_tensors(void) {
    return spar_file_tensors(path, pass_over, NULL);
}

static spar_status file_metadata(void) {
    char value[100];
    size_t needed;
    return spar_file_metadata(path, "dataset", value, sizeof value, &needed);
}

static spar_status train(spar_network *trained) {
    spar_sgd sgd = spar_sgd_defaults();
    return spar_train_step(trained, &sgd, batch.images, batch.labels, batch.count, NULL);
}

// ANL's points hold gradients, as does what a file of it has.
static spar_network *make_network(void) {
    spar_network *made = model_create(example_convolutional, SEED);
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("anl", 0.2f, &method));
    CHECK_OK(spar_network_set_method(made, &method));
    CHECK_OK(train(made));
    return made;
}

static void fail_each_allocation(spar_status (*call)(void), const char *name) {
    spar_network *twin = make_network();
    network = make_network();
    spar_status status = SPAR_ERROR_MEMORY;
    long failing = 0;
    while (status != SPAR_OK && failing < 10000) {
        long live = allocations_live();
        allocations_reset(++failing);
        status = call();
        allocations_reset(0);
        check_that(status == SPAR_OK || (status == SPAR_ERROR_MEMORY && strstr(spar_last_error(), "out of memory")),
                   __FILE__, __LINE__, "%s, allocation %ld: %d, %s", name, failing, (int)status, spar_last_error());
        bool keeps = call == change_method && status == SPAR_OK;
        check_that(keeps || allocations_live() == live, __FILE__, __LINE__, "%s, allocation %ld: %ld are left", name,
                   failing, allocations_live() - live);
        if (status == SPAR_OK || failing % 16 != 1) continue;
        CHECK_OK(train(network));
        CHECK_OK(train(twin));
        check_that(model_equal(network, twin), __FILE__, __LINE__, "%s, allocation %ld: another network", name,
                   failing);
    }
    check_that(status == SPAR_OK && failing > 1, __FILE__, __LINE__, "%s: %ld allocations", name, failing);
    spar_network_destroy(network);
    spar_network_destroy(twin);
}

#define CALL(FUNCTION)                                                                                                 \
    { FUNCTION, #FUNCTION }

static void every_call_survives_the_failure_of_each_of_its_allocations(void) {
    static const struct {
        spar_status (*call)(void);
        const char *name;
    } calls[] = {CALL(describe_and_create),
                 CALL(prefix),
                 CALL(clone),
                 CALL(change_method),
                 CALL(fgsm),
                 CALL(pgd),
                 CALL(square),
                 CALL(lbfgs),
                 CALL(jacobian),
                 CALL(tsne),
                 CALL(zca),
                 CALL(resize),
                 CALL(save),
                 CALL(load),
                 CALL(load_parameters),
                 CALL(file_metadata),
                 CALL(save_tensors),
                 CALL(load_tensors),
                 CALL(file_tensors),
                 CALL(save_onnx),
                 CALL(save_to_memory),
                 CALL(replace_file)};
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    results = check_allocate(1 << 20);
    temporary_path(path, "allocations.safetensors");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        fail_each_allocation(calls[i].call, calls[i].name);
    }
    free(results);
    example_batch_destroy(&batch);
    oracle_destroy(o);
}

// A method that finds no memory leaves the one in force, with what its points hold.
static void a_method_without_memory_leaves_the_one_in_force(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    spar_network *twin = model_create(example_convolutional, SEED);
    network = model_create(example_convolutional, SEED);
    spar_method layerwise = {.struct_size = sizeof layerwise}, anl = {.struct_size = sizeof anl};
    CHECK_OK(spar_method_preset("layerwise", 0.5f, &layerwise));
    CHECK_OK(spar_method_preset("anl", 0.5f, &anl));
    CHECK_OK(spar_network_set_method(network, &layerwise));
    CHECK_OK(spar_network_set_method(twin, &layerwise));
    CHECK_OK(train(network)); // the points hold this batch's signs
    CHECK_OK(train(twin));
    spar_status status = SPAR_ERROR_MEMORY;
    for (long failing = 1; failing < 5; failing++) {
        allocations_reset(failing);
        status = spar_network_set_method(network, &anl);
        allocations_reset(0);
        CHECK_EQUAL(status, SPAR_ERROR_MEMORY);
        CHECK_OK(train(network));
        CHECK_OK(train(twin));
        CHECK(model_equal(network, twin));
    }
    spar_network_destroy(network);
    spar_network_destroy(twin);
    example_batch_destroy(&batch);
    oracle_destroy(o);
}

TEST_MAIN(TEST(every_call_survives_the_failure_of_each_of_its_allocations),
          TEST(a_method_without_memory_leaves_the_one_in_force))
