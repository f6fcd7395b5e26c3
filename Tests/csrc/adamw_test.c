// AdamW against PyTorch's: its own numbers, its formulas in double precision on whole networks and on special values;
// the same bits on any number of threads and after a stop.
#include "graph/network.h"
#include "support/compare.h"
#include "support/model_files.h"
#include "support/temporary.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHTS = 8, STEPS = 3, SEED = 71, MOST = 272 };

static const double TOLERANCE = 2e-5;

static const float INITIAL[WEIGHTS] = {0.5f, -1.25f, 0.75f, 2.0f, -0.375f, 1.5f, 0.25f, -0.625f};
static const float GRADIENTS[STEPS][WEIGHTS] = {{0.1f, -0.2f, 0.3f, -0.4f, 0.5f, -0.6f, 0.7f, -0.8f},
                                                {-0.05f, 0.15f, 0.25f, 0.35f, -0.45f, 0.55f, 0.65f, -0.75f},
                                                {0.9f, 0.8f, -0.7f, 0.6f, 0.5f, 0.4f, -0.3f, 0.2f}};

static spar_optimizer settings_of(float learning_rate, float beta1, float beta2, float epsilon, float decay) {
    spar_optimizer adamw = spar_adamw_defaults();
    adamw.learning_rate = learning_rate, adamw.beta1 = beta1, adamw.beta2 = beta2, adamw.epsilon = epsilon;
    adamw.weight_decay = decay;
    return adamw;
}

static void three_steps_give_the_numbers_of_torch_optim_adamw(void) {
    // Printed by torch.optim.AdamW in float64.
    static const double expected[2][WEIGHTS] = {{0.307435565216, -1.19998742457, 0.569375725265, 2.054283772024,
                                                 -0.513127483331, 1.570258505763, -0.004135589883, -0.36081384966},
                                                {0.397870334522, -1.213283256675, 0.653883188888, 1.989971991384,
                                                 -0.435341030752, 1.505747609589, 0.123467778659, -0.487347511883}};
    for (int i = 0; i < 2; i++) {
        spar_optimizer adamw =
            i == 0 ? settings_of(0.1f, 0.9f, 0.999f, 1e-8f, 0) : settings_of(0.05f, 0.8f, 0.95f, 1e-3f, 0.1f);
        oracle *o = oracle_create(4, 1, 1, 1, SPAR_LOSS_SQUARED_ERROR);
        spar_dense_params params = example_dense_params("fc", WEIGHTS / 4);
        params.bias = false;
        oracle_dense(o, 0, params);
        spar_network *network = oracle_engine(o, 1, SEED);
        float weights[WEIGHTS];
        CHECK_OK(spar_network_write_parameter(network, 0, SPAR_PART_VALUE, INITIAL, WEIGHTS));
        for (int step = 0; step < STEPS; step++) {
            CHECK_OK(spar_network_write_parameter(network, 0, SPAR_PART_GRADIENT, GRADIENTS[step], WEIGHTS));
            CHECK_OK(spar_update(network, &adamw));
        }
        CHECK_OK(spar_network_read_parameter(network, 0, SPAR_PART_VALUE, weights, WEIGHTS));
        for (int k = 0; k < WEIGHTS; k++) CHECK_NEAR(weights[k], expected[i][k], 2e-6);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

static void write_gradients(oracle *o, spar_network *network, uint64_t *seed) {
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable) continue;
        float *gradient = check_allocate(parameter->count * sizeof *gradient);
        for (int i = 0; i < parameter->count; i++) {
            parameter->gradient[i] = gradient[i] = (float)example_uniform(seed) - 0.5f;
        }
        int index = oracle_find(network, parameter->name);
        CHECK_OK(spar_network_write_parameter(network, index, SPAR_PART_GRADIENT, gradient, parameter->count));
        free(gradient);
    }
}

static void check_network(example_network example, const spar_optimizer *adamw) {
    oracle *o = example(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    oracle_randomize(o, network, SEED);
    uint64_t seed = SEED;
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable || parameter->count % 3 > 0) continue;
        parameter->learning_rate_factor = 0.5;
        CHECK_OK(spar_network_set_learning_rate_factor(network, oracle_find(network, parameter->name), 0.5f));
    }
    for (int step = 0; step < STEPS; step++) {
        write_gradients(o, network, &seed);
        CHECK_OK(spar_update(network, adamw));
        oracle_update(o, adamw);
    }
    compare_parameters("updated by AdamW", o, network, TOLERANCE);
    ORACLE_FOR_EACH_PARAMETER(o, parameter) {
        if (!parameter->trainable) continue;
        double *first = oracle_read(network, parameter, SPAR_PART_FIRST_MOMENT);
        double *second = oracle_read(network, parameter, SPAR_PART_SECOND_MOMENT);
        CHECK_CLOSE(parameter->name, first, parameter->velocity, parameter->count, TOLERANCE, 0.01);
        CHECK_CLOSE(parameter->name, second, parameter->square, parameter->count, TOLERANCE, 0);
        free(first);
        free(second);
    }
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void whole_networks_follow_the_formulas(void) {
    spar_optimizer settings[3];
    for (int i = 0; i < 3; i++) settings[i] = settings_of(0.02f, 0.9f, 0.99f, 1e-6f, i == 0 ? 0 : 0.2f);
    settings[1].decay_scope = SPAR_DECAY_WEIGHTS;
    settings[2].max_norm = 1, settings[2].clip_norm = 0.5f;
    for (int i = 0; i < 3; i++) {
        check_network(example_convolutional, &settings[i]);
        check_network(example_depthwise, &settings[i]);
        check_network(example_plain, &settings[i]);
    }
}

// The kernel over all lengths of a few vectors: what is no number stays none, nothing else is touched, and zeros,
// the largest floats and those without a normal square follow the formula.
static void the_kernel_follows_the_formula_on_special_values(void) {
    static const float specials[] = {0, -0.0f, 1, -3.5f, 1e-30f, -1e-42f, 1e18f, FLT_MAX, NAN, INFINITY, -INFINITY};
    enum { SPECIALS = sizeof specials / sizeof *specials };
    const spar_kernels *kernels = spar_kernels_for_cpu();
    spar_adamw_step step = {0.1f, 0.999f, 0.001f, 0.98f, 0.05f, 1.5f, 1e-8f};
    for (int count = 0; count <= MOST - 16; count += 16) {
        float w[MOST], m[MOST], v[MOST], g[MOST], kept[3][MOST];
        for (int i = 0; i < MOST; i++) {
            w[i] = (float)(i % 7) - 3, m[i] = (float)(i % 5) / 4 - 0.5f, v[i] = (float)(i % 3);
            g[i] = specials[i % SPECIALS];
        }
        memcpy(kept[0], w, sizeof w), memcpy(kept[1], m, sizeof m), memcpy(kept[2], v, sizeof v);
        spar_update_stretch stretch = {
            .value = w, .gradient = g, .states = {m, v}, .count = count, .gradient_factor = 0.5f};
        kernels->adamw(&stretch, &step);
        for (int i = 0; i < MOST; i++) {
            if (i >= count) {
                CHECK(w[i] == kept[0][i] && m[i] == kept[1][i] && v[i] == kept[2][i]);
                continue;
            }
            double d = 0.5 * (double)g[i], first = kept[1][i] + (double)step.gain1 * (d - kept[1][i]);
            double second = (double)step.beta2 * kept[2][i] + (double)step.gain2 * (float)(g[i] * 0.5f) * (g[i] * 0.5f);
            double root = fabs(d) > 1e18 ? INFINITY : sqrt(second); // the square is no float
            double value = (double)step.kept * kept[0][i] -
                           (double)step.rate * first / (root * (double)step.correction + (double)step.epsilon);
            if (isinf(g[i])) value = NAN;
            bool same = isnan(value) ? isnan(w[i]) : fabs(w[i] - value) <= 1e-6 * (1 + fabs(value));
            check_that(same, __FILE__, __LINE__, "gradient %g, element %d: %g, expected %g", (double)g[i], i,
                       (double)w[i], value);
        }
    }
}

static void train(const oracle *o, spar_network *network, const spar_optimizer *optimizer, int first, int last) {
    for (int step = first; step < last; step++) {
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH - step % 2, SEED + step);
        CHECK_OK(spar_train_step(network, optimizer, batch.images, batch.labels, batch.count, NULL));
        example_batch_destroy(&batch);
    }
}

static void check_same_bits(const char *what, const spar_network *a, const spar_network *b) {
    size_t bytes = (size_t)a->trainable_floats * sizeof(float);
    for (int part = 0; part < SPAR_PARTS; part++) {
        bool both = (a->slots[part] == NULL) == (b->slots[part] == NULL);
        bool same = both && (a->slots[part] == NULL || memcmp(a->slots[part], b->slots[part], bytes) == 0);
        check_that(same || part == SPAR_PART_GRADIENT, __FILE__, __LINE__, "%s: part %d is another", what, part);
    }
}

static void any_number_of_threads_and_a_stop_give_the_same_bits(void) {
    static const example_network networks[] = {example_convolutional, example_residual, example_large};
    char path[TEMPORARY_PATH];
    temporary_path(path, "adamw.safetensors");
    spar_optimizer adamw = settings_of(0.01f, 0.9f, 0.99f, 1e-8f, 0.1f);
    adamw.clip_norm = 0.5f;
    for (int n = 0; n < 3; n++) {
        oracle *o = networks[n](EXAMPLE_BATCH);
        spar_network *one = oracle_engine(o, 1, SEED), *loaded = NULL;
        CHECK_OK(spar_network_set_learning_rate_factor(one, one->parameter_count - 1, 0.25f));
        train(o, one, &adamw, 0, 2);
        CHECK_OK(spar_network_save(one, path, true, NULL, 0));
        train(o, one, &adamw, 2, 4);
        CHECK_OK(model_load(path, &loaded));
        if (loaded == NULL) return;
        train(o, loaded, &adamw, 2, 4);
        check_same_bits("loaded and resumed", one, loaded);
        for (int threads = 2; threads <= 3; threads++) {
            spar_network *other = oracle_engine(o, threads, SEED);
            CHECK_OK(spar_network_set_learning_rate_factor(other, one->parameter_count - 1, 0.25f));
            train(o, other, &adamw, 0, 4);
            check_same_bits("on more threads", one, other);
            spar_network_destroy(other);
        }
        spar_network_destroy(one);
        spar_network_destroy(loaded);
        oracle_destroy(o);
    }
}

// After SGD its moments and their updates begin at zero; SGD then finds no momentum. Memory is that of the states.
static void another_optimizer_begins_anew(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_optimizer sgd = spar_sgd_defaults(), plain = sgd, adamw = spar_adamw_defaults();
    plain.momentum = 0;
    spar_network *network = oracle_engine(o, 1, SEED);
    spar_network_info before = {.struct_size = sizeof before}, info = before;
    int64_t bytes = network->all_trainable_floats * (int64_t)sizeof(float);
    CHECK_OK(spar_network_get_info(network, &before));
    train(o, network, &plain, 0, 1);
    CHECK_OK(spar_network_get_info(network, &info));
    CHECK_EQUAL(info.memory_bytes, before.memory_bytes);
    train(o, network, &sgd, 1, 3);
    CHECK_OK(spar_network_get_info(network, &info));
    CHECK_EQUAL(info.memory_bytes, before.memory_bytes + bytes);
    spar_network *fresh = oracle_engine(o, 1, SEED);
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *from = &network->parameters[p];
        memcpy(fresh->parameters[p].value, from->value, (size_t)(from->spec.rows * from->spec.stride) * sizeof(float));
    }
    fresh->run.weights_version++;
    train(o, network, &adamw, 3, 5);
    train(o, fresh, &adamw, 3, 5);
    check_same_bits("after SGD", network, fresh);
    CHECK_OK(spar_network_get_info(network, &info));
    CHECK_EQUAL(info.memory_bytes, before.memory_bytes + 2 * bytes);
    train(o, network, &sgd, 5, 6);
    train(o, fresh, &sgd, 5, 6);
    check_same_bits("after AdamW", network, fresh);
    spar_network_destroy(network);
    spar_network_destroy(fresh);
    oracle_destroy(o);
}

// Moments and their updates taken to another network by the public calls.
static void states_travel_by_the_interface(void) {
    oracle *o = example_plain(EXAMPLE_BATCH);
    spar_network *from = oracle_engine(o, 1, SEED), *to = oracle_engine(o, 1, SEED);
    spar_optimizer adamw = spar_adamw_defaults();
    train(o, from, &adamw, 0, 2);
    for (int p = 0; p < from->parameter_count; p++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(from, p, &info));
        float *values = check_allocate((size_t)info.count * sizeof *values);
        for (int part = 0; part < (info.trainable ? SPAR_PARTS : 1); part++) {
            if (part == SPAR_PART_GRADIENT || part == SPAR_PART_MOMENTUM || part == SPAR_PART_AVERAGE) continue;
            CHECK_OK(spar_network_read_parameter(from, p, (spar_parameter_part)part, values, info.count));
            CHECK_OK(spar_network_write_parameter(to, p, (spar_parameter_part)part, values, info.count));
        }
        if (info.trainable) CHECK_OK(spar_network_set_updates(to, p, info.updates));
        values[0] = -1;
        if (info.trainable) {
            CHECK_FAILS(spar_network_write_parameter(to, p, SPAR_PART_SECOND_MOMENT, values, info.count),
                        SPAR_ERROR_ARGUMENT, "second_moment");
        }
        free(values);
    }
    to->step = from->step;
    train(o, from, &adamw, 2, 4);
    train(o, to, &adamw, 2, 4);
    check_same_bits("taken over", from, to);
    spar_network_destroy(from);
    spar_network_destroy(to);
    oracle_destroy(o);
}

static void bad_settings_are_refused(void) {
    oracle *o = example_dense(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    spar_optimizer bad[] = {settings_of(0.1f, 1, 0.9f, 1e-8f, 0), settings_of(0.1f, 0.9f, 1, 1e-8f, 0),
                            settings_of(0.1f, 0.9f, 0.9f, 0, 0), settings_of(0.1f, NAN, 0.9f, 1e-8f, 0)};
    static const char *const names[] = {"beta1", "beta2", "epsilon", "beta1"};
    for (int i = 0; i < 4; i++) {
        CHECK_FAILS(spar_update(network, &bad[i]), SPAR_ERROR_ARGUMENT, "adamw", names[i]);
    }
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(three_steps_give_the_numbers_of_torch_optim_adamw), TEST(whole_networks_follow_the_formulas),
          TEST(the_kernel_follows_the_formula_on_special_values),
          TEST(any_number_of_threads_and_a_stop_give_the_same_bits), TEST(another_optimizer_begins_anew),
          TEST(states_travel_by_the_interface), TEST(bad_settings_are_refused))
