// Callers that were compiled with another header: structures that end before the engine's, and that go on behind them;
// and values that no enumeration has.
#include "support/compare.h"

#include <stdio.h>
#include <string.h>

enum { SEED = 3, BEYOND = 24, LAST_PART = SPAR_PART_AVERAGE, LAST_OPTIMIZER = SPAR_OPTIMIZER_ADAMW };

// A structure of a newer caller: what is known here, then fields that are not.
#define NEWER(type)                                                                                                    \
    struct {                                                                                                           \
        type known;                                                                                                    \
        unsigned char more[BEYOND];                                                                                    \
    }

static void what_a_newer_caller_gives_has_to_be_zero_beyond(void) {
    spar_graph *graph;
    spar_network *network;
    CHECK_OK(spar_graph_create(&graph));
    spar_value x = spar_input(graph, 1, 2, 2);
    NEWER(spar_dense_params) dense;
    memset(&dense, 0xff, sizeof dense);
    CHECK_OK(spar_dense_set_defaults(&dense.known, sizeof dense));
    CHECK_EQUAL(dense.known.struct_size, sizeof dense);
    CHECK(dense.known.bias && dense.known.units == 0 && dense.known.name == NULL);
    for (int i = 0; i < BEYOND; i++) CHECK_EQUAL(dense.more[i], 0);
    dense.known.units = 3;
    spar_value y = spar_dense(graph, spar_flatten(graph, x), &dense.known);
    CHECK(y != SPAR_NO_VALUE);

    NEWER(spar_network_options) options;
    CHECK_OK(spar_network_set_defaults(&options.known, sizeof options));
    CHECK_OK(spar_network_create(graph, y, &options.known, &network));
    spar_network_destroy(network);
    options.more[BEYOND - 1] = 1;
    CHECK_FAILS(spar_network_create(graph, y, &options.known, &network), SPAR_ERROR_ARGUMENT, "spar_network_options",
                "is set");
    dense.more[0] = 1;
    CHECK_EQUAL(spar_dense(graph, y, &dense.known), SPAR_NO_VALUE);
    CHECK_FAILS(spar_network_create(graph, y, NULL, &network), SPAR_ERROR_ARGUMENT, "spar_dense_params");
    spar_graph_destroy(graph);
}

static void what_an_older_caller_lacks_has_its_default(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    // As a caller would be that knows nothing behind the first version: here the end of the last field, without the
    // padding behind it, which is not read.
    unsigned char older[sizeof(spar_attack)];
    uint32_t size = offsetof(spar_attack, context) + sizeof(void *);
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    attack.struct_size = size;
    memcpy(older, &attack, size);
    memset(older + size, 0xff, sizeof older - size);
    example_batch batch = example_batch_create(o, 2, SEED);
    CHECK_OK(spar_attack_images(network, (const spar_attack *)older, batch.images, batch.labels, 2, batch.images));

    // What is filled ends where the caller's structure ends.
    unsigned char info[sizeof(spar_network_info) + 1];
    memset(info, 0xaa, sizeof info);
    size = sizeof(spar_network_info);
    memcpy(info, &size, sizeof size);
    CHECK_OK(spar_network_get_info(network, (spar_network_info *)info));
    CHECK_EQUAL(info[size], 0xaa);
    size = offsetof(spar_method, clean_weight) + sizeof(float);
    memset(older, 0xaa, sizeof older);
    memcpy(older, &size, sizeof size);
    CHECK_OK(spar_method_preset("fgs-orig", 1, (spar_method *)older));
    CHECK_EQUAL(older[size], 0xaa);
    CHECK(((spar_method *)older)->clean_weight == 0.5f);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void what_a_newer_caller_gets_is_zero_beyond(void) {
    NEWER(spar_system_info) info;
    memset(&info, 0xff, sizeof info);
    info.known.struct_size = sizeof info;
    CHECK_OK(spar_system(&info.known));
    CHECK_EQUAL(info.known.struct_size, sizeof info);
    CHECK(info.known.threads > 0);
    for (int i = 0; i < BEYOND; i++) CHECK_EQUAL(info.more[i], 0);
}

// Elements of an array lie as far apart as the caller's structure is large.
static void arrays_of_larger_structures_are_understood(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    example_batch batch = example_batch_create(o, 3, SEED);
    NEWER(spar_lbfgs_example) examples[3];
    memset(examples, 0xff, sizeof examples);
    examples[0].known.struct_size = sizeof *examples;
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    CHECK_OK(spar_lbfgs_attack_images(network, &attack, batch.images, batch.labels, NULL, 3, batch.images,
                                      &examples[0].known));
    for (int n = 0; n < 3; n++) {
        CHECK_EQUAL(examples[n].known.struct_size, sizeof *examples);
        CHECK(examples[n].known.target >= 0 && examples[n].known.target < EXAMPLE_CLASSES);
        for (int i = 0; i < BEYOND; i++) CHECK_EQUAL(examples[n].more[i], 0);
    }
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

typedef spar_status (*taker)(void *structure);

static spar_network *shared;

static spar_status take_stream(void *s) {
    float value;
    return spar_random_uniform(s, 0, 1, &value);
}

static spar_status take_method(void *s) {
    return spar_network_set_method(shared, s);
}

static spar_status take_optimizer(void *s) {
    return spar_update(shared, s);
}

static spar_status take_attack(void *s) {
    static float image;
    static const int32_t label;
    return spar_attack_images(shared, s, &image, &label, 1, &image);
}

static spar_status take_lbfgs(void *s) {
    static float image;
    static const int32_t label;
    return spar_lbfgs_attack_images(shared, s, &image, &label, NULL, 1, &image, NULL);
}

static spar_status take_tsne(void *s) {
    static const float points[8] = {1, 2, 3, 4, 5, 6, 7, 9};
    spar_tsne *tsne;
    return spar_tsne_create(points, 8, 1, s, &tsne);
}

static spar_status take_criterion(void *s) {
    return spar_evaluate_criterion(shared, s, NULL, NULL);
}

static spar_status take_prefix_options(void *s) {
    spar_network *prefix;
    return spar_network_prefix(shared, NULL, s, &prefix);
}

static spar_status take_load_options(void *s) {
    spar_network *network;
    return spar_network_load("/nowhere", s, &network);
}

static spar_status take_metadata(void *s) {
    return spar_network_save(shared, "/nowhere/at/all", false, s, 1);
}

static spar_status end_graph(spar_graph *graph) {
    int32_t shape[3];
    spar_status status = spar_value_shape(graph, 0, shape);
    spar_graph_destroy(graph);
    return status;
}

static spar_status take_conv2d(void *s) {
    spar_graph *graph;
    CHECK_OK(spar_graph_create(&graph));
    spar_conv2d(graph, spar_input(graph, 1, 4, 4), s);
    return end_graph(graph);
}

static spar_status take_batch_norm(void *s) {
    spar_graph *graph;
    CHECK_OK(spar_graph_create(&graph));
    spar_batch_norm(graph, spar_input(graph, 1, 4, 4), s);
    return end_graph(graph);
}

static spar_status take_pool(void *s) {
    spar_graph *graph;
    CHECK_OK(spar_graph_create(&graph));
    spar_max_pool2d(graph, spar_input(graph, 1, 4, 4), s);
    return end_graph(graph);
}

static spar_status fill_info(void *s) {
    return spar_network_get_info(shared, s);
}

static spar_status fill_layer(void *s) {
    return spar_network_layer(shared, 0, s);
}

static spar_status fill_operation(void *s) {
    return spar_network_operation(shared, 0, s);
}

static spar_status fill_parameter(void *s) {
    return spar_network_parameter(shared, 0, s);
}

static spar_status fill_point(void *s) {
    return spar_network_point(shared, 0, s);
}

static spar_status fill_system(void *s) {
    return spar_system(s);
}

static spar_status fill_machine(void *s) {
    return spar_measure_machine(1, s);
}

static spar_status fill_preset(void *s) {
    return spar_method_preset("anl", 1, s);
}

static spar_status fill_method(void *s) {
    return spar_network_get_method(shared, s);
}

static spar_status fill_options(void *s) {
    return spar_network_get_options(shared, s);
}

static spar_status fill_loss(void *s) {
    static const int32_t labels[EXAMPLE_BATCH];
    return spar_evaluate_loss(shared, labels, s);
}

static spar_status fill_inspection(void *s) {
    static const int32_t label;
    static const float pixels[1 << 12];
    return spar_inspect(shared, pixels, &label, 1, s);
}

// Sizes that no caller has, and a NULL, at every door.
static void sizes_that_cannot_be_are_refused_everywhere(void) {
    static const struct {
        const char *type;
        taker take;
    } doors[] = {
        {"spar_random_stream", take_stream},
        {"spar_method", take_method},
        {"spar_optimizer", take_optimizer},
        {"spar_attack", take_attack},
        {"spar_lbfgs_attack", take_lbfgs},
        {"spar_tsne_options", take_tsne},
        {"spar_criterion", take_criterion},
        {"spar_network_options", take_prefix_options},
        {"spar_conv2d_params", take_conv2d},
        {"spar_network_options", take_load_options},
        {"spar_pool_params", take_pool},
        {"spar_batch_norm_params", take_batch_norm},
        {"spar_metadata", take_metadata},
        {"spar_network_info", fill_info},
        {"spar_layer_info", fill_layer},
        {"spar_operation_info", fill_operation},
        {"spar_parameter_info", fill_parameter},
        {"spar_point_info", fill_point},
        {"spar_system_info", fill_system},
        {"spar_machine", fill_machine},
        {"spar_method", fill_preset},
        {"spar_method", fill_method},
        {"spar_network_options", fill_options},
        {"spar_loss_result", fill_loss},
        {"spar_inspection", fill_inspection},
    };
    static const uint32_t sizes[] = {0, 3, 4, 8, 5000, UINT32_MAX};
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    shared = oracle_engine(o, 1, SEED);
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            union {
                uint32_t size;
                unsigned char bytes[5000];
                double aligned;
            } structure = {.size = sizes[s]};
            char number[16];
            snprintf(number, sizeof number, "%u", sizes[s]);
            CHECK_FAILS(doors[i].take(&structure), SPAR_ERROR_ARGUMENT, doors[i].type, "struct_size", number);
        }
    }
    spar_network_destroy(shared);
    oracle_destroy(o);
}

typedef spar_status (*chooser)(int value);

static spar_status choose_conv2d_initializer(int value) {
    spar_graph *graph;
    spar_conv2d_params params = spar_conv2d_defaults();
    params.channels = 2, params.initializer = (spar_initializer)value;
    CHECK_OK(spar_graph_create(&graph));
    spar_conv2d(graph, spar_input(graph, 1, 4, 4), &params);
    return end_graph(graph);
}

static spar_status choose_dense_initializer(int value) {
    spar_graph *graph;
    spar_dense_params params = spar_dense_defaults();
    params.units = 2, params.initializer = (spar_initializer)value;
    CHECK_OK(spar_graph_create(&graph));
    spar_dense(graph, spar_input(graph, 4, 1, 1), &params);
    return end_graph(graph);
}

static spar_status choose_loss(int value) {
    spar_network *network = NULL;
    spar_network_options options = spar_network_defaults();
    options.loss = (spar_loss)value;
    spar_status status = spar_network_prefix(shared, NULL, &options, &network);
    spar_network_destroy(network);
    return status;
}

static spar_status choose_part(int value) {
    float weight;
    return spar_network_read_elements(shared, 0, (spar_parameter_part)value, 0, 1, &weight);
}

static spar_status choose_method(int value, size_t offset) {
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("layerwise", 1, &method));
    memcpy((char *)&method + offset, &value, sizeof value);
    return spar_network_set_method(shared, &method);
}

static spar_status choose_direction(int value) {
    return choose_method(value, offsetof(spar_method, direction));
}

static spar_status choose_shape(int value) {
    return choose_method(value, offsetof(spar_method, shape));
}

static spar_status choose_size(int value) {
    return choose_method(value, offsetof(spar_method, size));
}

static spar_status choose_granularity(int value) {
    return choose_method(value, offsetof(spar_method, granularity));
}

static spar_status choose_optimizer_defaults(int value) {
    spar_optimizer optimizer;
    return spar_optimizer_set_defaults(&optimizer, sizeof optimizer, (spar_optimizer_kind)value);
}

static float image[3 * 16 * 16];

static spar_status train(const spar_optimizer *optimizer) {
    static const int32_t label;
    return spar_train_step(shared, optimizer, image, &label, 1, NULL);
}

static spar_status choose_optimizer(int value) {
    spar_optimizer optimizer = spar_optimizer_defaults((spar_optimizer_kind)value);
    return train(&optimizer);
}

static spar_status choose_decay_scope(int value) {
    spar_optimizer optimizer = spar_optimizer_defaults(SPAR_OPTIMIZER_ADAMW);
    optimizer.decay_scope = (spar_decay_scope)value;
    return train(&optimizer);
}

static spar_status choose_attack(int value) {
    static const int32_t label;
    spar_attack attack = spar_attack_defaults((spar_attack_kind)value);
    attack.queries = 2;
    return spar_attack_images(shared, &attack, image, &label, 1, image);
}

static spar_status choose_ball(int value) {
    static const int32_t label;
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    attack.ball = (spar_ball)value;
    return spar_attack_images(shared, &attack, image, &label, 1, image);
}

static spar_status choose_attack_defaults(int value) {
    spar_attack attack;
    return spar_attack_set_defaults(&attack, sizeof attack, (spar_attack_kind)value);
}

static spar_status choose_unit(int value) {
    static const int32_t label;
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    attack.unit = (spar_pixel_unit)value;
    attack.delta = 1;
    return spar_attack_images(shared, &attack, image, &label, 1, image);
}

static spar_status choose_tsne_start(int value) {
    static const float points[8] = {1, 2, 3, 4, 5, 6, 7, 9};
    spar_tsne *tsne = NULL;
    spar_tsne_options options = spar_tsne_defaults();
    options.perplexity = 2, options.start = (spar_tsne_start)value;
    spar_status status = spar_tsne_create(points, 8, 1, &options, &tsne);
    spar_tsne_destroy(tsne);
    return status;
}

// Every enumeration that a call takes, at each of its doors; `last` is its last value.
static void values_that_no_enumeration_has_are_refused_everywhere(void) {
    static const struct {
        const char *name;
        int last;
        chooser choose;
    } doors[] = {
        {"spar_initializer, conv2d", SPAR_INITIALIZER_NORMAL, choose_conv2d_initializer},
        {"spar_initializer, dense", SPAR_INITIALIZER_NORMAL, choose_dense_initializer},
        {"spar_loss", SPAR_LOSS_SQUARED_ERROR, choose_loss},
        {"spar_parameter_part", LAST_PART, choose_part},
        {"spar_direction", SPAR_DIRECTION_RANDOM, choose_direction},
        {"spar_shape", SPAR_SHAPE_GAUSSIAN, choose_shape},
        {"spar_size", SPAR_SIZE_RANDOM_DEVIATION, choose_size},
        {"spar_granularity", SPAR_GRANULARITY_SAMPLE, choose_granularity},
        {"spar_optimizer_kind", LAST_OPTIMIZER, choose_optimizer},
        {"spar_optimizer_kind, defaults", LAST_OPTIMIZER, choose_optimizer_defaults},
        {"spar_decay_scope", SPAR_DECAY_WEIGHTS, choose_decay_scope},
        {"spar_pixel_unit", SPAR_UNIT_ONE, choose_unit},
        {"spar_attack_kind", SPAR_ATTACK_RAYS, choose_attack},
        {"spar_attack_kind, defaults", SPAR_ATTACK_RAYS, choose_attack_defaults},
        {"spar_ball", SPAR_BALL_EUCLIDEAN, choose_ball},
        {"spar_tsne_start", SPAR_TSNE_START_RANDOM, choose_tsne_start},
    };
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    shared = oracle_engine(o, 1, SEED);
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        const int unknown[] = {-1, doors[i].last + 1, 100, INT32_MAX};
        for (size_t k = 0; k < sizeof unknown / sizeof *unknown; k++) {
            char number[16];
            snprintf(number, sizeof number, "%d", unknown[k]);
            spar_status status = doors[i].choose(unknown[k]);
            check_that(status == SPAR_ERROR_ARGUMENT && strstr(spar_last_error(), number) != NULL, __FILE__, __LINE__,
                       "%s: of %d came %d, \"%s\"", doors[i].name, unknown[k], (int)status, spar_last_error());
        }
        bool taken = false; // some value, so that it is the value that is refused
        for (int value = 0; value <= doors[i].last; value++) taken = doors[i].choose(value) == SPAR_OK || taken;
        check_that(taken, __FILE__, __LINE__, "%s: no value is taken: %s", doors[i].name, spar_last_error());
    }
    spar_network_destroy(shared);
    oracle_destroy(o);
}

static void flags_that_no_pass_has_are_refused(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    static const int32_t label;
    for (int bit = 0; bit < 32; bit++) {
        uint32_t flag = 1u << bit;
        bool forward = flag <= SPAR_FORWARD_AUXILIARY, backward = flag <= SPAR_BACKWARD_ACCUMULATE;
        if (!forward) CHECK_FAILS(spar_forward(network, image, 1, flag), SPAR_ERROR_ARGUMENT, "flags");
        CHECK_OK(spar_forward(network, image, 1, 0));
        if (!backward) CHECK_FAILS(spar_backward(network, &label, 1, flag, NULL), SPAR_ERROR_ARGUMENT, "flags");
    }
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(what_a_newer_caller_gives_has_to_be_zero_beyond), TEST(what_an_older_caller_lacks_has_its_default),
          TEST(what_a_newer_caller_gets_is_zero_beyond), TEST(arrays_of_larger_structures_are_understood),
          TEST(sizes_that_cannot_be_are_refused_everywhere),
          TEST(values_that_no_enumeration_has_are_refused_everywhere), TEST(flags_that_no_pass_has_are_refused))
