// The same seed gives the same bits: on 1, 2 and 3 threads, in every run, and after a stop and a resume.
#include "support/check.h"
#include "support/examples.h"
#include "support/temporary.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 21, STEPS = 4, SEED = 41 };

static const struct {
    const char *name;
    float epsilon;
} METHODS[] = {{"backprop", 0},
               {"layerwise", 20},
               {"layerwise-joint", 20},
               {"anl", 0.5f},
               {"gaussian", 0.4f},
               {"fgs-inter", 20},
               {"adversarial-backprop", 0.08f},
               {"pgd", 0.06f},
               {"fgsm-rs", 0.06f},
               {"n-fgsm", 0.06f},
               {"slat", 0.06f},
               {"free", 0.06f},
               {"trades", 0.06f},
               {"advprop", 0.06f},
               {"sam", 0.05f},
               {"sam-on", 0.5f},
               {"awp", 0.06f}};
enum { METHOD_COUNT = sizeof METHODS / sizeof METHODS[0] };

// What threads do is watched in every method; of stops and evaluations a sanitizer takes some.
enum { EACH = CHECK_SLOWNESS > 1 ? 3 : 1 };

static const spar_sgd SGD = {.struct_size = sizeof SGD,
                             .learning_rate = 0.05f,
                             .momentum = 0.9f,
                             .nesterov = true,
                             .weight_decay = 5e-4f,
                             .max_norm = 3};

// Large enough that loops over pixels, channels and images are all shared out.
static oracle *wide_residual(int batch_size) {
    oracle *o = oracle_create(3, 14, 13, batch_size, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_conv2d(o, oracle_point(o, 0, "input"), example_conv2d("stem", 24, 3, 1, false));
    x = oracle_batch_norm(o, x, "stem_bn");
    int shortcut = oracle_unary(o, oracle_point(o, x, "stem_point"), ORACLE_RELU);
    x = oracle_conv2d(o, shortcut, example_conv2d("conv1", 48, 3, 2, false));
    x = oracle_point(o, oracle_batch_norm(o, x, "bn1"), "point1");
    x = oracle_dropout(o, oracle_unary(o, x, ORACLE_RELU), 0.3f);
    x = oracle_conv2d(o, x, example_conv2d("conv2", 48, 3, 1, false));
    x = oracle_point(o, oracle_batch_norm(o, x, "bn2"), "point2");
    x = oracle_add(o, x, oracle_channel_shortcut(o, shortcut, 48, 2));
    x = oracle_unary(o, oracle_unary(o, x, ORACLE_RELU), ORACLE_GLOBAL_AVERAGE_POOL);
    oracle_dense(o, x, example_dense_params("fc", 10));
    return o;
}

static oracle *wide_dense(int batch_size) {
    oracle *o = oracle_create(1, 20, 20, batch_size, SPAR_LOSS_LOGISTIC_CROSS_ENTROPY);
    int x = oracle_unary(o, oracle_point(o, 0, "input"), ORACLE_FLATTEN);
    x = oracle_dense(o, x, example_dense_params("fc1", 300));
    x = oracle_dropout(o, oracle_unary(o, oracle_point(o, x, "point1"), ORACLE_RELU), 0.5f);
    x = oracle_dense(o, x, example_dense_params("fc2", 130));
    x = oracle_unary(o, oracle_point(o, x, "point2"), ORACLE_TANH);
    oracle_dense(o, x, example_dense_params("fc3", 10));
    return o;
}

// Convolutions on maps of which their kernels reach beyond.
static oracle *wide_small(int batch_size) {
    oracle *o = oracle_create(3, 6, 5, batch_size, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_conv2d(o, oracle_point(o, 0, "input"), example_conv2d("conv1", 40, 3, 2, true));
    x = oracle_unary(o, oracle_point(o, oracle_batch_norm(o, x, "bn1"), "point1"), ORACLE_RELU);
    x = oracle_conv2d(o, x, example_conv2d("conv2", 72, 3, 1, false));
    x = oracle_unary(o, oracle_point(o, oracle_batch_norm(o, x, "bn2"), "point2"), ORACLE_RELU);
    x = oracle_unary(o, oracle_conv2d(o, x, example_conv2d("conv3", 33, 5, 1, true)), ORACLE_FLATTEN);
    oracle_dense(o, x, example_dense_params("fc", 10));
    return o;
}

static spar_network *create(const oracle *o, int threads, int method_index) {
    spar_network *network = oracle_engine(o, threads, SEED);
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset(METHODS[method_index].name, METHODS[method_index].epsilon, &method));
    CHECK_OK(spar_network_set_method(network, &method));
    return network;
}

// Steps `first` to `last` − 1, each on its own batch; the batches' sizes differ.
static void train(const oracle *o, spar_network *network, int first, int last) {
    for (int step = first; step < last; step++) {
        example_batch batch = example_batch_create(o, step % 3 == 1 ? BATCH - 4 : BATCH, SEED + step);
        CHECK_OK(spar_train_step(network, &SGD, batch.images, batch.labels, batch.count, NULL));
        example_batch_destroy(&batch);
    }
}

// All parts of all parameters.
static float *read_all(const spar_network *network, size_t *count) {
    float *all = NULL;
    *count = 0;
    for (int i = 0; i < spar_network_parameter_count(network); i++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, i, &info));
        for (int part = SPAR_PART_VALUE; part <= SPAR_PART_MOMENTUM; part++) {
            if (part != SPAR_PART_VALUE && (!info.trainable || part == SPAR_PART_GRADIENT)) continue;
            all = realloc(all, (*count + (size_t)info.count) * sizeof *all);
            CHECK_OK(spar_network_read_parameter(network, i, (spar_parameter_part)part, all + *count, info.count));
            *count += (size_t)info.count;
        }
    }
    return all;
}

// Channels of one number have no range of their own, logistic outputs no divergence, and without batch normalization
// there are no γ and β, and no statistics to be separate.
static bool fits(int method_index, example_network network) {
    static const char *const unfit[] = {"slat", "trades", "sam-on", "advprop"};
    bool fits = true;
    for (int i = 0; i < 4; i++) fits = fits && strcmp(METHODS[method_index].name, unfit[i]) != 0;
    return fits || network != wide_dense;
}

static void check_same_bits(const char *what, int method_index, const spar_network *a, const spar_network *b) {
    size_t a_count, b_count, different = 0;
    float *a_values = read_all(a, &a_count), *b_values = read_all(b, &b_count);
    CHECK_EQUAL(a_count, b_count);
    for (size_t i = 0; i < a_count && i < b_count; i++) {
        different += memcmp(&a_values[i], &b_values[i], sizeof(float)) != 0;
    }
    check_that(different == 0, __FILE__, __LINE__, "%s, %s: %zu of %zu numbers differ", METHODS[method_index].name,
               what, different, a_count);
    free(a_values);
    free(b_values);
}

static const example_network NETWORKS[] = {wide_residual, wide_dense, wide_small, example_depthwise};
enum { NETWORK_COUNT = sizeof NETWORKS / sizeof NETWORKS[0] };

static void any_number_of_threads_and_any_run_give_the_same_bits(void) {
    for (int n = 0; n < NETWORK_COUNT; n++) {
        oracle *o = NETWORKS[n](BATCH);
        for (int m = 0; m < METHOD_COUNT; m++) {
            if (!fits(m, NETWORKS[n])) continue;
            spar_network *one = create(o, 1, m);
            train(o, one, 0, STEPS);
            for (int threads = 1; threads <= 3; threads++) {
                spar_network *other = create(o, threads, m);
                train(o, other, 0, STEPS);
                check_same_bits(threads == 1 ? "another run" : threads == 2 ? "2 threads" : "3 threads", m, one, other);
                spar_network_destroy(other);
            }
            spar_network_destroy(one);
        }
        oracle_destroy(o);
    }
}

static void other_seeds_give_other_weights(void) {
    oracle *o = wide_dense(BATCH);
    spar_network *a = oracle_engine(o, 1, SEED), *b = oracle_engine(o, 1, SEED + 1);
    size_t count;
    float *a_values = read_all(a, &count), *b_values = read_all(b, &count);
    CHECK(memcmp(a_values, b_values, count * sizeof *a_values) != 0);
    free(a_values);
    free(b_values);
    spar_network_destroy(a);
    spar_network_destroy(b);
    oracle_destroy(o);
}

static void a_stopped_and_resumed_run_ends_with_the_same_bits(void) {
    char path[TEMPORARY_PATH];
    temporary_path(path, "state.safetensors");
    for (int n = 0; n < NETWORK_COUNT; n++) {
        oracle *o = NETWORKS[n](BATCH);
        for (int m = 0; m < METHOD_COUNT; m += EACH) {
            if (!fits(m, NETWORKS[n])) continue;
            spar_network *whole = create(o, 2, m), *stopped = create(o, 2, m), *resumed = NULL;
            train(o, whole, 0, STEPS);
            train(o, stopped, 0, STEPS / 2);
            CHECK_OK(spar_network_save(stopped, path, true, NULL, 0));
            spar_network_destroy(stopped);

            spar_network_options options = spar_network_defaults();
            options.batch_size = BATCH;
            options.threads = 1;
            CHECK_OK(spar_network_load(path, &options, &resumed));
            train(o, resumed, STEPS / 2, STEPS);
            check_same_bits("loaded and resumed", m, whole, resumed);
            spar_network_destroy(resumed);

            resumed = create(o, 3, m); // the same network, made by its description
            CHECK_OK(spar_network_load_parameters(resumed, path));
            train(o, resumed, STEPS / 2, STEPS);
            check_same_bits("taken over and resumed", m, whole, resumed);
            spar_network_destroy(resumed);
            spar_network_destroy(whole);
        }
        oracle_destroy(o);
    }
}

// Evaluating the network between two steps must not move its training.
static void an_evaluation_between_steps_changes_no_bit(void) {
    oracle *o = wide_residual(BATCH);
    for (int m = 0; m < METHOD_COUNT; m += EACH) {
        spar_network *quiet = create(o, 2, m), *evaluated = create(o, 2, m);
        train(o, quiet, 0, STEPS);
        for (int step = 0; step < STEPS; step++) {
            train(o, evaluated, step, step + 1);
            example_batch batch = example_batch_create(o, 7, 1);
            spar_loss_result result = {.struct_size = sizeof result};
            CHECK_OK(spar_forward(evaluated, batch.images, batch.count, 0));
            CHECK_OK(spar_evaluate_loss(evaluated, batch.labels, &result));
            example_batch_destroy(&batch);
        }
        check_same_bits("evaluated in between", m, quiet, evaluated);
        spar_network_destroy(quiet);
        spar_network_destroy(evaluated);
    }
    oracle_destroy(o);
}

TEST_MAIN(TEST(any_number_of_threads_and_any_run_give_the_same_bits), TEST(other_seeds_give_other_weights),
          TEST(a_stopped_and_resumed_run_ends_with_the_same_bits), TEST(an_evaluation_between_steps_changes_no_bit))
