// Perturbations that climb: what points add and hold, what lives on, and what cannot be asked for. That steps agree
// with the algorithms is in methods_test.c.
#include "support/compare.h"
#include "support/methods.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 47, STEPS = 3 };

static const spar_sgd SGD = {.struct_size = sizeof SGD, .learning_rate = 0.05f, .momentum = 0.9f};

static const struct {
    const char *name;
    method_step step;
} METHODS[] = {{"pgd", method_pgd},   {"fgsm-rs", method_fgsm_rs}, {"n-fgsm", method_n_fgsm},  {"slat", method_slat},
               {"free", method_free}, {"trades", method_trades},   {"advprop", method_advprop}};
enum { METHOD_COUNT = sizeof METHODS / sizeof *METHODS, SLAT = 3 };

static const float EPSILON = 0.06f;

static spar_method method_of(const char *name) {
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset(name, EPSILON, &method));
    return method;
}

// A network of the same parameters that keeps the values at all points.
static spar_network *keeping(const oracle *o, const spar_network *network) {
    const char *names[ORACLE_MAX_LAYERS];
    spar_network *made = NULL;
    spar_network_options options = {.struct_size = sizeof options};
    CHECK_OK(spar_network_get_options(network, &options));
    for (int i = 0; i < o->layer_count; i++) {
        if (o->layers[i].kind == ORACLE_POINT) names[options.kept_count++] = o->layers[i].name;
    }
    options.kept_layers = names;
    spar_layer_info last = {.struct_size = sizeof last};
    CHECK_OK(spar_network_layer(network, spar_network_layer_count(network) - 1, &last));
    CHECK_OK(spar_network_prefix(network, last.name, &options, &made));
    return made;
}

// What the last pass of a step had at a point; at the input only δ, to a ten-thousandth of its own size.
static void check_point(const char *label, const spar_network *network, const oracle_layer *layer,
                        const example_batch *batch) {
    int32_t index;
    CHECK_OK(spar_network_find_layer(network, layer->name, &index));
    size_t floats = (size_t)batch->count * (size_t)layer->size;
    float *read = check_allocate(floats * sizeof *read);
    double *got = check_allocate(floats * sizeof *got), *expected = check_allocate(floats * sizeof *expected);
    bool input = layer->inputs[0] == 0;
    CHECK_OK(spar_read_layer(network, index, 0, batch->count, read));
    for (size_t i = 0; i < floats; i++) {
        got[i] = read[i] - (input ? batch->doubles[i] : 0);
        expected[i] = input ? layer->perturbation[i] : layer->value[i];
    }
    CHECK_CLOSE(label, got, expected, floats, 1e-4, 0);
    free(read);
    free(got);
    free(expected);
}

static void check_perturbations(int m, example_network example, int steps, uint64_t seed) {
    oracle *o = example(EXAMPLE_BATCH);
    spar_network *plain = oracle_engine(o, 2, seed);
    oracle_randomize(o, plain, seed);
    spar_network *network = keeping(o, plain);
    spar_method method = method_of(METHODS[m].name);
    method_program *program = method_program_create(o, seed, &method, &SGD);
    CHECK_OK(spar_network_set_method(network, &method));
    for (int step = 0; step < steps; step++) {
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH, seed + 10 + (uint64_t)step);
        METHODS[m].step(program, &batch);
        CHECK_OK(spar_train_step(network, &SGD, batch.images, batch.labels, batch.count, NULL));
        // The step's last pass is of the images as they are; δ of the input is still held.
        bool clean = method.divergence_weight > 0;
        if (clean)
            CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_PERTURB));
        for (int i = 0; i < o->layer_count; i++) {
            if (o->layers[i].kind != ORACLE_POINT || (clean && o->layers[i].inputs[0] != 0)) continue;
            check_point(METHODS[m].name, network, &o->layers[i], &batch);
        }
        example_batch_destroy(&batch);
    }
    spar_network_destroy(network);
    spar_network_destroy(plain);
    method_program_destroy(program);
}

static void what_points_add_is_the_algorithms(void) {
    for (int m = 0; m < METHOD_COUNT; m++) {
        check_perturbations(m, example_convolutional, STEPS, 3);
        check_perturbations(m, example_residual, STEPS, 4);
    }
}

static void channels_have_the_range_of_a_whole_sample_of_many_blocks(void) {
    check_perturbations(SLAT, example_large, 1, 11);
}

// Rows that a smaller batch does not have climb by their gradient and wait.
static void a_perturbation_that_lives_on_keeps_its_rows(void) {
    static const int counts[][STEPS] = {{5, 3, 5}, {2, 5, 1}, {5, 1, 4}};
    for (int i = 0; i < 3; i++) {
        oracle *o = example_convolutional(EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, 2, SEED);
        oracle_randomize(o, network, SEED);
        spar_method method = method_of("free");
        method.replays = 2;
        method_program *program = method_program_create(o, SEED, &method, &SGD);
        CHECK_OK(spar_network_set_method(network, &method));
        for (int step = 0; step < STEPS; step++) {
            example_batch batch = example_batch_create(o, counts[i][step], SEED + (uint64_t)step);
            method_free(program, &batch);
            CHECK_OK(spar_train_step(network, &SGD, batch.images, batch.labels, batch.count, NULL));
            example_batch_destroy(&batch);
        }
        compare_parameters("batches of other sizes", o, network, 1e-4);
        spar_network_destroy(network);
        method_program_destroy(program);
    }
}

static void *saved(const spar_network *network, size_t *bytes) {
    CHECK_OK(spar_network_save_to_memory(network, true, NULL, 0, NULL, 0, bytes));
    void *data = check_allocate(*bytes);
    CHECK_OK(spar_network_save_to_memory(network, true, NULL, 0, data, *bytes, bytes));
    return data;
}

static void check_same(const char *what, const spar_network *a, const spar_network *b) {
    size_t a_bytes, b_bytes;
    void *a_data = saved(a, &a_bytes), *b_data = saved(b, &b_bytes);
    check_that(a_bytes == b_bytes && memcmp(a_data, b_data, a_bytes) == 0, __FILE__, __LINE__,
               "%s: %zu and %zu bytes that differ", what, a_bytes, b_bytes);
    free(a_data);
    free(b_data);
}

static bool gives_up(void *context, const float *output, int32_t count, int32_t classes, double *losses,
                     float *gradient) {
    (void)output, (void)count, (void)classes, (void)losses, (void)gradient;
    return --*(int *)context > 0;
}

// A step that is stopped, in whichever round, and a clone in between.
static void training_goes_on_as_if_a_stopped_step_had_not_been(void) {
    for (int m = 0; m < METHOD_COUNT; m++) {
        oracle *o = example_convolutional(EXAMPLE_BATCH);
        spar_network *quiet = oracle_engine(o, 2, SEED), *stopped = oracle_engine(o, 2, SEED);
        spar_method method = method_of(METHODS[m].name);
        CHECK_OK(spar_network_set_method(quiet, &method));
        CHECK_OK(spar_network_set_method(stopped, &method));
        for (int step = 0; step < STEPS; step++) {
            example_batch batch = example_batch_create(o, EXAMPLE_BATCH - step % 2, SEED + (uint64_t)step);
            int calls = 1;
            spar_criterion criterion = {.struct_size = sizeof criterion, .function = gives_up, .context = &calls};
            CHECK_FAILS(spar_train_step_criterion(stopped, &SGD, batch.images, &criterion, batch.count, NULL),
                        SPAR_ERROR_CANCELLED, "");
            CHECK_OK(spar_train_step(quiet, &SGD, batch.images, batch.labels, batch.count, NULL));
            CHECK_OK(spar_train_step(stopped, &SGD, batch.images, batch.labels, batch.count, NULL));
            spar_network *clone = NULL;
            CHECK_OK(spar_network_clone(stopped, NULL, &clone));
            spar_network_destroy(stopped);
            stopped = clone;
            example_batch_destroy(&batch);
        }
        check_same(METHODS[m].name, quiet, stopped);
        spar_network_destroy(quiet);
        spar_network_destroy(stopped);
        oracle_destroy(o);
    }
}

// Running statistics learn once a step, and a round that only climbs makes no gradients of weights: with a learning
// rate of 0 a step moves nothing but the statistics, and these by one pass.
static void rounds_that_climb_leave_statistics_and_weights_alone(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    oracle_randomize(o, network, SEED);
    spar_method method = method_of("pgd");
    CHECK_OK(spar_network_set_method(network, &method));
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    spar_sgd still = {.struct_size = sizeof still, .learning_rate = 1e-30f};
    CHECK_OK(spar_train_step(network, &still, batch.images, batch.labels, batch.count, NULL));
    method_program *program = method_program_create(o, SEED, &method, &still);
    method_pgd(program, &batch);
    compare_parameters("no learning", o, network, 1e-5);
    compare_gradients("of the last pass alone", o, network, 2e-4);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    method_program_destroy(program);
}

// A climb in evaluation mode is a pass of its own, also beside a clean loss.
static void a_climb_in_evaluation_mode_is_made_of_its_passes(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *step = oracle_engine(o, 2, SEED), *passes = oracle_engine(o, 2, SEED);
    spar_method method = method_of("fgs-orig");
    method.evaluation_mode = true;
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    CHECK_OK(spar_network_set_method(step, &method));
    CHECK_OK(spar_network_set_method(passes, &method));
    CHECK_OK(spar_train_step(step, &SGD, batch.images, batch.labels, batch.count, NULL));
    const uint32_t learn = SPAR_FORWARD_TRAIN | SPAR_FORWARD_UPDATE_STATISTICS;
    CHECK_OK(spar_forward(passes, batch.images, batch.count, 0));
    CHECK_OK(spar_backward(passes, batch.labels, 1, SPAR_BACKWARD_RECORD, NULL));
    CHECK_OK(spar_forward(passes, batch.images, batch.count, learn));
    CHECK_OK(spar_backward(passes, batch.labels, 0.5f, SPAR_BACKWARD_WEIGHTS, NULL));
    CHECK_OK(spar_forward(passes, batch.images, batch.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_PERTURB));
    CHECK_OK(spar_backward(passes, batch.labels, 0.5f, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_ACCUMULATE, NULL));
    CHECK_OK(spar_update(passes, &SGD));
    check_same("fgs-orig in evaluation mode", step, passes);
    example_batch_destroy(&batch);
    spar_network_destroy(step);
    spar_network_destroy(passes);
    oracle_destroy(o);
}

// In the header, behind its length.
static bool has_tensor(const char *file, const char *name) {
    uint64_t length;
    memcpy(&length, file, sizeof length);
    char *header = check_allocate((size_t)length + 1);
    memcpy(header, file + sizeof length, (size_t)length);
    bool found = strstr(header, name) != NULL;
    free(header);
    return found;
}

// The auxiliary set is a training's: it goes with its state, by names that readers of models pass over, and is there
// while a method asks for it.
static void the_auxiliary_set_stays_with_the_training(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED), *plain = oracle_engine(o, 2, SEED), *resumed = NULL;
    int32_t count = spar_network_parameter_count(network);
    spar_method method = method_of("advprop"), none = method_of("backprop");
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    CHECK_FAILS(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_AUXILIARY), SPAR_ERROR_STATE,
                "separate statistics");
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK(spar_network_parameter_count(network) > count);
    CHECK(oracle_find(network, "sparring.auxiliary.bn1.weight") >= count);
    CHECK_OK(spar_train_step(network, &SGD, batch.images, batch.labels, batch.count, NULL));
    size_t bytes, model_bytes;
    char *state = saved(network, &bytes);
    CHECK_OK(spar_network_save_to_memory(network, false, NULL, 0, NULL, 0, &model_bytes));
    char *model = check_allocate(model_bytes);
    CHECK_OK(spar_network_save_to_memory(network, false, NULL, 0, model, model_bytes, &model_bytes));
    CHECK(has_tensor(state, "sparring.auxiliary.bn1.running_var"));
    CHECK(!has_tensor(model, "auxiliary"));
    // A model is used by the main set alone, and a training goes on with both.
    CHECK_OK(spar_network_load_parameters_from_memory(plain, model, model_bytes));
    float *a = check_allocate(EXAMPLE_BATCH * EXAMPLE_CLASSES * sizeof *a),
          *b = check_allocate(EXAMPLE_BATCH * EXAMPLE_CLASSES * sizeof *b);
    CHECK_OK(spar_forward(network, batch.images, batch.count, 0));
    CHECK_OK(spar_read_output(network, a));
    CHECK_OK(spar_forward(plain, batch.images, batch.count, 0));
    CHECK_OK(spar_read_output(plain, b));
    CHECK(memcmp(a, b, EXAMPLE_BATCH * EXAMPLE_CLASSES * sizeof *a) == 0);
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_AUXILIARY));
    CHECK_OK(spar_read_output(network, b));
    CHECK(memcmp(a, b, EXAMPLE_BATCH * EXAMPLE_CLASSES * sizeof *a) != 0);
    CHECK_OK(spar_network_load_parameters_from_memory(plain, state, bytes));
    CHECK_OK(spar_network_load_from_memory(state, bytes, NULL, &resumed));
    check_same("loaded into a network", network, plain);
    check_same("loaded", network, resumed);
    CHECK_OK(spar_network_set_method(network, &none));
    CHECK_EQUAL(spar_network_parameter_count(network), count);
    free(a);
    free(b);
    free(state);
    free(model);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    spar_network_destroy(plain);
    spar_network_destroy(resumed);
    oracle_destroy(o);
}

// Each pass makes the gradients of the set that it takes.
static void an_update_needs_gradients_of_both_sets(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *step = oracle_engine(o, 2, SEED), *passes = oracle_engine(o, 2, SEED);
    spar_method method = {.struct_size = sizeof method,
                          .direction = SPAR_DIRECTION_CURRENT_BATCH,
                          .input_epsilon = EPSILON,
                          .clean_weight = 0.5f,
                          .separate_statistics = true};
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    const uint32_t learn = SPAR_FORWARD_TRAIN | SPAR_FORWARD_UPDATE_STATISTICS;
    CHECK_OK(spar_network_set_method(step, &method));
    CHECK_OK(spar_network_set_method(passes, &method));
    CHECK_OK(spar_train_step(step, &SGD, batch.images, batch.labels, batch.count, NULL));
    CHECK_OK(spar_forward(passes, batch.images, batch.count, learn));
    CHECK_OK(spar_backward(passes, batch.labels, 0.5f, SPAR_BACKWARD_WEIGHTS, NULL));
    CHECK_FAILS(spar_update(passes, &SGD), SPAR_ERROR_STATE, "sparring.auxiliary.bn1.weight");
    CHECK_OK(spar_forward(passes, batch.images, batch.count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_AUXILIARY));
    CHECK_OK(spar_backward(passes, batch.labels, 1, SPAR_BACKWARD_RECORD, NULL));
    CHECK_OK(spar_forward(passes, batch.images, batch.count, learn | SPAR_FORWARD_PERTURB | SPAR_FORWARD_AUXILIARY));
    CHECK_OK(spar_backward(passes, batch.labels, 0.5f, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_ACCUMULATE, NULL));
    CHECK_OK(spar_update(passes, &SGD));
    check_same("a step of two sets", step, passes);
    example_batch_destroy(&batch);
    spar_network_destroy(step);
    spar_network_destroy(passes);
    oracle_destroy(o);
}

static void check_refused(const spar_network *network, spar_method method, const char *reason) {
    CHECK_FAILS(spar_network_set_method((spar_network *)network, &method), SPAR_ERROR_ARGUMENT, "method", reason);
}

static void combinations_without_sense_are_refused_with_the_reason(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH), *flat = example_dense(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED), *dense = oracle_engine(flat, 1, SEED);
    spar_method method = method_of("pgd");
#define REFUSED(NAME, CHANGE, REASON)                                                                                  \
    do {                                                                                                               \
        method = method_of(NAME);                                                                                      \
        CHANGE;                                                                                                        \
        check_refused(network, method, REASON);                                                                        \
    } while (0)
    REFUSED("pgd", method.iterations = -1, "-1 iterations");
    REFUSED("free", method.replays = (1 << 20) + 1, "1048577 replays");
    REFUSED("pgd", method.climb = -1, "climbs by -1");
    REFUSED("pgd", method.climb = NAN, "climbs by nan");
    REFUSED("pgd", method.start = INFINITY, "start of inf");
    REFUSED("pgd", method.bounds |= 8, "0x8");
    REFUSED("random", method.iterations = 2, "climb a gradient");
    REFUSED("backprop", method.start = 1, "climb a gradient");
    REFUSED("layerwise", method.iterations = 2, "one gradient");
    REFUSED("layerwise", method.start = 1, "constant size");
    REFUSED("anl", method.bounds = SPAR_BOUND_BALL, "constant size");
    REFUSED("free", method.bounds = 0, "unless a ball");
    REFUSED("trades", method.ascent = (spar_ascent)2, "ascent 2");
    REFUSED("trades", method.start_distribution = (spar_start_distribution)2, "start 2");
    REFUSED("trades", method.divergence_weight = -1, "weight is -1");
    REFUSED("trades", method.divergence_weight = NAN, "weight is nan");
    REFUSED("trades", method.start = 0, "needs a start");
    REFUSED("pgd", method.start_distribution = SPAR_START_NORMAL; method.start = 0, "no distribution");
    REFUSED("backprop", method.divergence_weight = 1, "without perturbations");
    REFUSED("random", method.ascent = SPAR_ASCENT_DIVERGENCE, "by a gradient");
    REFUSED("free", method.evaluation_mode = true, "evaluation mode");
    REFUSED("free", method.start = 1; method.ascent = SPAR_ASCENT_DIVERGENCE, "has no divergence");
    REFUSED("free", method.divergence_weight = 1, "clean weight of 1");
    method = (spar_method){.struct_size = sizeof method, .separate_statistics = true};
    check_refused(network, method, "nothing would train separate");
    REFUSED("advprop", method.clean_weight = 0, "need a clean term");
    REFUSED("advprop", method.clean_weight = 1, "no divergence");
    REFUSED("slat", method.input_epsilon = 0, "input epsilon of 0");
    REFUSED("slat", method.epsilon = 0, "epsilon of 0");
    method = method_of("slat");
    check_refused(dense, method, "one number");
    check_refused(dense, method_of("advprop"), "no batch normalization");
    oracle *logistic = example_convolutional(EXAMPLE_BATCH);
    logistic->loss = SPAR_LOSS_LOGISTIC_CROSS_ENTROPY;
    spar_network *without_softmax = oracle_engine(logistic, 1, SEED);
    check_refused(without_softmax, method_of("trades"), "softmax");
    spar_network_destroy(without_softmax);
    oracle_destroy(logistic);
    oracle *late = oracle_create(3, 6, 6, EXAMPLE_BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    float mean[3] = {0.5f, 0.5f, 0.5f}, deviation[3] = {0.2f, 0.2f, 0.2f};
    int x = oracle_point(late, oracle_normalize(late, 0, "normalize", mean, deviation), "input");
    oracle_dense(late, oracle_unary(late, x, ORACLE_FLATTEN), example_dense_params("fc", EXAMPLE_CLASSES));
    spar_network *behind = oracle_engine(late, 1, SEED);
    check_refused(behind, method_of("pgd"), "behind normalize");
    method = method_of("fgsm-rs"); // its ball is of normalized values
    CHECK_OK(spar_network_set_method(behind, &method));
    spar_network_destroy(behind);
    spar_network_destroy(dense);
    spar_network_destroy(network);
    oracle_destroy(late);
    oracle_destroy(flat);
    oracle_destroy(o);
}

TEST_MAIN(TEST(what_points_add_is_the_algorithms), TEST(channels_have_the_range_of_a_whole_sample_of_many_blocks),
          TEST(a_perturbation_that_lives_on_keeps_its_rows), TEST(training_goes_on_as_if_a_stopped_step_had_not_been),
          TEST(rounds_that_climb_leave_statistics_and_weights_alone),
          TEST(a_climb_in_evaluation_mode_is_made_of_its_passes), TEST(the_auxiliary_set_stays_with_the_training),
          TEST(an_update_needs_gradients_of_both_sets), TEST(combinations_without_sense_are_refused_with_the_reason))
