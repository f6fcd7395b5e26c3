// Weights as a place of perturbation: steps against the papers' algorithms in double precision, what is moved where,
// and that w is there again whatever happens. Methods by name are in methods_test.c.
#include "graph/network.h"
#include "support/compare.h"
#include "support/methods.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 71, STEPS = 3 };

static const double TOLERANCE = 1e-4;

static const spar_optimizer SGD = {
    .struct_size = sizeof SGD, .learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 5e-4f};

static spar_method method_of(const char *name, float epsilon, float radius, spar_weight_scope scope,
                             spar_weight_norm norm) {
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset(name, epsilon, &method));
    method.weight_radius = radius, method.weight_scope = scope, method.weight_norm = norm;
    return method;
}

static spar_method sharpness_aware(float radius) {
    return method_of("backprop", 0, radius, SPAR_WEIGHT_SCOPE_ALL, SPAR_WEIGHT_NORM_TOGETHER);
}

static void check_steps(const char *label, example_network example, method_step step, spar_method method,
                        const spar_optimizer *optimizer) {
    oracle *o = example(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    oracle_randomize(o, network, SEED);
    method_program *program = method_program_create(o, SEED, &method, optimizer);
    CHECK_OK(spar_network_set_method(network, &method));
    for (int i = 0; i < STEPS; i++) {
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH - i % 2, SEED + (uint64_t)i);
        spar_loss_result result = {.struct_size = sizeof result};
        double loss = step(program, &batch);
        CHECK_OK(spar_train_step(network, optimizer, batch.images, batch.labels, batch.count, &result));
        CHECK_NEAR(result.loss, loss, TOLERANCE * loss);
        example_batch_destroy(&batch);
    }
    compare_parameters(label, o, network, TOLERANCE);
    spar_network_destroy(network);
    method_program_destroy(program);
}

static void any_method_goes_with_any_perturbation_of_weights(void) {
    static const struct {
        const char *name;
        float epsilon;
        method_step step;
    } methods[] = {{"backprop", 0, method_back_propagation},
                   {"adversarial-backprop", 0.08f, method_adversarial_back_propagation},
                   {"fgs-inter", 20, method_fast_gradient_sign_joint},
                   {"layerwise", 20, method_layerwise},
                   {"anl", 0.5f, method_adversarial_noise_layer},
                   {"random", 0.2f, method_noise},
                   {"pgd", 0.06f, method_pgd},
                   {"slat", 0.06f, method_slat},
                   {"free", 0.06f, method_free},
                   {"trades", 0.062f, method_trades}};
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        for (int scope = SPAR_WEIGHT_SCOPE_ALL; scope <= SPAR_WEIGHT_SCOPE_MATRICES; scope++) {
            bool each = scope == SPAR_WEIGHT_SCOPE_MATRICES;
            spar_method method =
                method_of(methods[m].name, methods[m].epsilon, each ? 0.05f : 0.3f, (spar_weight_scope)scope,
                          each ? SPAR_WEIGHT_NORM_EACH : SPAR_WEIGHT_NORM_TOGETHER);
            if (method.replays > 2) method.replays = 2;
            check_steps(methods[m].name, m % 2 == 0 ? example_convolutional : example_residual, methods[m].step, method,
                        &SGD);
        }
    }
}

static void the_update_clips_decays_and_limits_as_without(void) {
    spar_optimizer sgd = SGD, adamw = spar_adamw_defaults();
    sgd.clip_norm = 0.4f, sgd.max_norm = 1.1f, sgd.nesterov = true;
    adamw.clip_norm = 0.4f, adamw.weight_decay = 0.1f;
    check_steps("SGD", example_convolutional, method_back_propagation, sharpness_aware(0.3f), &sgd);
    check_steps("AdamW", example_residual, method_back_propagation, sharpness_aware(0.3f), &adamw);
    check_steps("dropout", example_dropout, method_back_propagation, sharpness_aware(0.3f), &SGD);
}

// Transformed and packed weights follow, also those of large maps.
static void weights_that_move_far_move_everywhere(void) {
    check_steps("large", example_large, method_back_propagation, sharpness_aware(2), &SGD);
    check_steps("depthwise", example_depthwise, method_back_propagation, sharpness_aware(2), &SGD);
    check_steps("dense", example_dense, method_back_propagation, sharpness_aware(2), &SGD);
}

// ---------------------------------------------------------------------------------------------
// What a pass at w + ν finds

typedef struct witness {
    const spar_network *network;
    int calls, last; // of the function; the last one stops the step, 0: none does
    float *values;   // of all parameters in the last call
    float *gradients;
} witness;

static bool look(void *context, const float *output, int32_t count, int32_t classes, double *losses, float *gradient) {
    witness *w = context;
    const spar_network *n = w->network;
    memcpy(w->values, n->slots[SPAR_PART_VALUE], (size_t)n->parameter_floats * sizeof(float));
    memcpy(w->gradients, n->slots[SPAR_PART_GRADIENT], (size_t)n->trainable_floats * sizeof(float));
    for (int32_t i = 0; i < count; i++) {
        losses[i] = 0;
        for (int32_t c = 0; c < classes; c++) {
            float z = output[i * classes + c], target = c == i % classes ? 1 : 0;
            losses[i] += (z - target) * (z - target) / 2;
            if (gradient != NULL) gradient[i * classes + c] = (z - target) / (float)count;
        }
    }
    return ++w->calls != w->last;
}

static witness witness_of(const spar_network *network, int last) {
    return (witness){.network = network,
                     .last = last,
                     .values = check_allocate((size_t)network->parameter_floats * sizeof(float)),
                     .gradients = check_allocate((size_t)network->trainable_floats * sizeof(float))};
}

static void discard(witness *w) {
    free(w->values);
    free(w->gradients);
}

static spar_status step_before(spar_network *network, witness *w, const example_batch *batch) {
    spar_criterion criterion = {
        .struct_size = sizeof criterion, .labels = batch->labels, .function = look, .context = w};
    return spar_train_step_criterion(network, &SGD, batch->images, &criterion, batch->count, NULL);
}

static bool in_scope(const spar_parameter *p, spar_weight_scope scope) {
    bool normalization = strstr(p->name, "bn") != NULL;
    if (!p->spec.trainable || p->learning_rate_factor == 0) return false;
    return scope == SPAR_WEIGHT_SCOPE_ALL ||
           (scope == SPAR_WEIGHT_SCOPE_NORMALIZATION ? normalization : p->spec.rank > 1);
}

// ν of every parameter, by the gradient that the pass at w left, to a ten-thousandth of its largest.
static void check_moves(const spar_network *network, const witness *w, const float *before, const spar_method *method) {
    double together = 0;
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        for (int64_t i = 0;
             in_scope(parameter, method->weight_scope) && i < parameter->spec.rows * parameter->spec.stride; i++) {
            double g = w->gradients[spar_place_of(network, parameter) + i];
            together += g * g;
        }
    }
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        int64_t at = spar_place_of(network, parameter), count = parameter->spec.rows * parameter->spec.stride;
        bool moves = in_scope(parameter, method->weight_scope);
        double own = 0, length = 0, largest = 0, worst = 0;
        for (int64_t i = 0; i < count && moves; i++) {
            double g = w->gradients[at + i];
            own += g * g, length += (double)before[at + i] * before[at + i], largest = fmax(largest, fabs(g));
        }
        bool each = method->weight_norm == SPAR_WEIGHT_NORM_EACH;
        double factor = moves ? method->weight_radius * sqrt(each ? length / own : 1 / together) : 0;
        for (int64_t i = 0; i < count; i++) {
            double nu = moves ? factor * w->gradients[at + i] : 0;
            worst = fmax(worst, fabs((double)w->values[at + i] - before[at + i] - nu));
        }
        check_that(worst <= factor * largest * 1e-4, __FILE__, __LINE__, "%s moves wrongly by %g of %g",
                   parameter->name, worst, factor * largest);
        check_that(!moves || factor * largest > 0, __FILE__, __LINE__, "%s does not move", parameter->name);
    }
}

static void what_is_in_the_scope_moves_as_far_as_the_papers_say(void) {
    for (int scope = SPAR_WEIGHT_SCOPE_ALL; scope <= SPAR_WEIGHT_SCOPE_MATRICES; scope++) {
        for (int norm = SPAR_WEIGHT_NORM_TOGETHER; norm <= SPAR_WEIGHT_NORM_EACH; norm++) {
            oracle *o = example_residual(EXAMPLE_BATCH);
            spar_network *network = oracle_engine(o, 2, SEED);
            oracle_randomize(o, network, SEED);
            spar_method method = method_of("anl", 0.5f, 0.2f, (spar_weight_scope)scope, (spar_weight_norm)norm);
            CHECK_OK(spar_network_set_method(network, &method));
            CHECK_OK(spar_network_set_learning_rate_factor(network, oracle_find(network, "stem.weight"), 0));
            example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
            witness w = witness_of(network, 0);
            float *before = check_allocate((size_t)network->parameter_floats * sizeof *before);
            memcpy(before, network->slots[SPAR_PART_VALUE], (size_t)network->parameter_floats * sizeof *before);
            CHECK_OK(step_before(network, &w, &batch));
            CHECK_EQUAL(w.calls, 3); // the round that climbs, the objective at w, and at w + ν
            check_moves(network, &w, before, &method);
            free(before);
            discard(&w);
            example_batch_destroy(&batch);
            spar_network_destroy(network);
            oracle_destroy(o);
        }
    }
}

static void passes_at_w_make_gradients_of_the_scope_alone(void) {
    oracle *o = example_residual(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    spar_method method = method_of("backprop", 0, 0.5f, SPAR_WEIGHT_SCOPE_NORMALIZATION, SPAR_WEIGHT_NORM_TOGETHER);
    CHECK_OK(spar_network_set_method(network, &method));
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    witness w = witness_of(network, 0);
    for (int64_t i = 0; i < network->trainable_floats; i++) network->slots[SPAR_PART_GRADIENT][i] = 7;
    CHECK_OK(step_before(network, &w, &batch));
    int kept = 0;
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (!parameter->spec.trainable) continue;
        int64_t at = spar_place_of(network, parameter);
        CHECK((w.gradients[at] == 7) == !in_scope(parameter, SPAR_WEIGHT_SCOPE_NORMALIZATION));
        CHECK(parameter->gradient[0] != 7);
        kept += w.gradients[at] == 7;
    }
    CHECK(kept > 3);
    discard(&w);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

// ---------------------------------------------------------------------------------------------
// And back

static void a_step_that_fails_leaves_w(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED), *quiet = oracle_engine(o, 2, SEED);
    spar_method method = method_of("fgs-inter", 20, 0.5f, SPAR_WEIGHT_SCOPE_ALL, SPAR_WEIGHT_NORM_EACH);
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_network_set_method(quiet, &method));
    for (int call = 1; call <= 4; call++) { // two terms at w, two at w + ν
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED + (uint64_t)call);
        witness w = witness_of(network, call);
        CHECK_FAILS(step_before(network, &w, &batch), SPAR_ERROR_CANCELLED, "");
        CHECK_EQUAL(w.calls, call);
        CHECK_OK(spar_train_step(network, &SGD, batch.images, batch.labels, batch.count, NULL));
        CHECK_OK(spar_train_step(quiet, &SGD, batch.images, batch.labels, batch.count, NULL));
        discard(&w);
        example_batch_destroy(&batch);
    }
    CHECK(memcmp(network->slots[SPAR_PART_VALUE], quiet->slots[SPAR_PART_VALUE],
                 (size_t)network->parameter_floats * sizeof(float)) == 0);
    spar_network_destroy(network);
    spar_network_destroy(quiet);
    oracle_destroy(o);
}

// No float holds w + ν, and the gradient of a weight.
static void numbers_that_are_not_finite_leave_w_and_are_named(void) {
    oracle *o = example_convolutional(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
    size_t bytes = (size_t)network->parameter_floats * sizeof(float);
    float *before = check_allocate(bytes);
    memcpy(before, network->slots[SPAR_PART_VALUE], bytes);
    spar_method method = sharpness_aware(3e38f);
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_FAILS(spar_train_step(network, &SGD, batch.images, batch.labels, batch.count, NULL), SPAR_ERROR_NON_FINITE,
                "output");
    CHECK(memcmp(before, network->slots[SPAR_PART_VALUE], bytes) == 0);
    method.weight_radius = 0.05f;
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK_OK(spar_forward(network, batch.images, batch.count, SPAR_FORWARD_TRAIN));
    CHECK_OK(spar_backward(network, batch.labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
    network->slots[SPAR_PART_GRADIENT][1] = NAN;
    CHECK_FAILS(spar_perturb_weights(network), SPAR_ERROR_NON_FINITE, "conv1.weight");
    CHECK(memcmp(before, network->slots[SPAR_PART_VALUE], bytes) == 0);
    free(before);
    example_batch_destroy(&batch);
    spar_network_destroy(network);
    oracle_destroy(o);
}

// The squares of these are no floats, and some of the factors neither.
static void the_largest_and_the_smallest_gradients_move_by_the_radius(void) {
    static const float sizes[] = {3e38f, 1, 1e-30f, 1e-45f, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        oracle *o = example_dense(EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, 2, SEED);
        spar_method method = sharpness_aware(0.5f);
        CHECK_OK(spar_network_set_method(network, &method));
        size_t floats = (size_t)network->trainable_floats;
        float *values = network->slots[SPAR_PART_VALUE];
        double square = 0;
        for (size_t k = 0; k < floats; k++) network->slots[SPAR_PART_GRADIENT][k] = sizes[i], values[k] = 0;
        CHECK_OK(spar_perturb_weights(network));
        for (size_t k = 0; k < floats; k++) square += (double)values[k] * values[k];
        CHECK_NEAR(sqrt(square), sizes[i] > 0 ? 0.5 : 0, 1e-5);
        spar_restore_weights(network);
        for (size_t k = 0; k < floats; k++) CHECK(values[k] == 0);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

// ---------------------------------------------------------------------------------------------
// Settings

static int64_t memory_of(const spar_network *network) {
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &info));
    return info.memory_bytes;
}

static void the_copy_takes_memory_while_the_method_is_set(void) {
    oracle *o = example_large(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 2, SEED);
    int64_t plain = memory_of(network), all = network->trainable_floats * (int64_t)sizeof(float);
    spar_method method = sharpness_aware(0.05f), none = method_of("backprop", 0, 0, 0, 0);
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK(memory_of(network) >= plain + all && memory_of(network) < plain + all + all / 4 + 4096);
    method.weight_scope = SPAR_WEIGHT_SCOPE_NORMALIZATION;
    CHECK_OK(spar_network_set_method(network, &method));
    CHECK(memory_of(network) > plain && memory_of(network) < plain + all / 2);
    CHECK_OK(spar_network_set_method(network, &none));
    CHECK_EQUAL(memory_of(network), plain);
    spar_network_destroy(network);
    oracle_destroy(o);
}

static void settings_without_sense_are_refused_with_the_reason(void) {
    oracle *o = example_plain(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, 1, SEED);
    static const struct {
        float radius;
        int scope, norm;
        const char *reason;
    } bad[] = {{-1, 0, 0, "radius of -1"},         {NAN, 0, 0, "radius of nan"}, {INFINITY, 0, 0, "radius of inf"},
               {0.1f, 3, 0, "weight scope 3"},     {0.1f, -1, 0, "scope -1"},    {0.1f, 0, 2, "weight norm 2"},
               {0.1f, 1, 0, "batch normalization"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        spar_method method = sharpness_aware(bad[i].radius), kept = {.struct_size = sizeof kept};
        method.weight_scope = (spar_weight_scope)bad[i].scope, method.weight_norm = (spar_weight_norm)bad[i].norm;
        CHECK_FAILS(spar_network_set_method(network, &method), SPAR_ERROR_ARGUMENT, bad[i].reason);
        CHECK_OK(spar_network_get_method(network, &kept));
        CHECK(kept.weight_radius == 0);
    }
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(any_method_goes_with_any_perturbation_of_weights), TEST(the_update_clips_decays_and_limits_as_without),
          TEST(weights_that_move_far_move_everywhere), TEST(what_is_in_the_scope_moves_as_far_as_the_papers_say),
          TEST(passes_at_w_make_gradients_of_the_scope_alone), TEST(a_step_that_fails_leaves_w),
          TEST(numbers_that_are_not_finite_leave_w_and_are_named),
          TEST(the_largest_and_the_smallest_gradients_move_by_the_radius),
          TEST(the_copy_takes_memory_while_the_method_is_set), TEST(settings_without_sense_are_refused_with_the_reason))
