// Three training steps of every method against the papers' algorithms in plain double precision: parameters and
// running statistics agree to 1e-4. A value that lies within rounding of a kink (ReLU, maximum, the sign of a gradient)
// may fall on either side of it without a mistake; seeds keep clear of that.
#include "support/compare.h"
#include "support/methods.h"
#include "support/perturbation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 2, STEPS = 3 };

static const double TOLERANCE = 1e-4;

typedef struct setting {
    const char *label;
    example_network network;
    method_step step;
    spar_method method; // as the program takes it
    spar_sgd sgd;
    int counts[STEPS]; // images of each step's batch
    uint64_t seed;
} setting;

static const spar_sgd PLAIN = {.struct_size = sizeof PLAIN, .learning_rate = 0.1f};
static const spar_sgd MOMENTUM = {
    .struct_size = sizeof MOMENTUM, .learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 5e-4f};
static const spar_sgd NESTEROV = {.struct_size = sizeof NESTEROV,
                                  .learning_rate = 0.1f,
                                  .momentum = 0.9f,
                                  .nesterov = true,
                                  .weight_decay = 0.01f,
                                  .decay_scope = SPAR_DECAY_WEIGHTS};
static const spar_sgd MAX_NORM = {
    .struct_size = sizeof MAX_NORM, .learning_rate = 0.2f, .momentum = 0.5f, .weight_decay = 0.01f, .max_norm = 1.2f};

// The largest relative difference between the parameters of two oracles, tensor by tensor.
static double distance(oracle *a, oracle *b) {
    double largest = 0;
    for (int layer = 0; layer < a->layer_count; layer++) {
        for (int i = 0; i < a->layers[layer].parameter_count; i++) {
            const oracle_parameter *x = &a->layers[layer].parameters[i], *y = &b->layers[layer].parameters[i];
            double difference = 0, scale = 0;
            for (int k = 0; k < x->count; k++) {
                difference = fmax(difference, fabs(x->value[k] - y->value[k]));
                scale = fmax(scale, fabs(y->value[k]));
            }
            largest = fmax(largest, difference / scale);
        }
    }
    return largest;
}

static void check_deviations(const setting *s, const method_program *program, const spar_network *network,
                             const double *expected) {
    if (s->method.size != SPAR_SIZE_RANDOM_DEVIATION) return;
    for (int i = 0, number = 0; i < program->o->layer_count; i++) {
        if (program->o->layers[i].kind != ORACLE_POINT) continue;
        spar_point_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_point(network, number++, &info));
        if (info.active) CHECK_NEAR(info.deviation, expected[i], TOLERANCE * expected[i]);
    }
}

// Trains the engine by `engine_method` and the program by the setting's, from the same parameters.
// Perturbations are so large that the result could not be mistaken for that of plain back-propagation.
static void check_agreement(const setting *s, const spar_method *engine_method) {
    oracle *o = s->network(EXAMPLE_BATCH);
    spar_network *network = oracle_engine(o, THREADS, s->seed);
    oracle_randomize(o, network, s->seed);
    spar_method plain = {.struct_size = sizeof plain, .direction = SPAR_DIRECTION_NONE};
    oracle *plain_oracle = s->network(EXAMPLE_BATCH);
    oracle_copy_parameters(plain_oracle, network);
    method_program *program = method_program_create(o, s->seed, &s->method, &s->sgd);
    method_program *baseline = method_program_create(plain_oracle, s->seed, &plain, &s->sgd);

    CHECK_OK(spar_network_set_method(network, engine_method));
    for (int step = 0; step < STEPS; step++) {
        example_batch batch = example_batch_create(o, s->counts[step], s->seed + 10 + step);
        double deviations[ORACLE_MAX_LAYERS] = {0};
        oracle_clear_perturbations(o);
        oracle_draw_dropout(o, s->seed, step, batch.count);
        oracle_forward(o, batch.doubles, batch.count, true, false);
        for (int i = 0; i < o->layer_count; i++) {
            if (o->layers[i].kind == ORACLE_POINT) deviations[i] = perturbation_deviation(o, i);
        }
        double loss = s->step(program, &batch);
        method_back_propagation(baseline, &batch);
        spar_loss_result result = {.struct_size = sizeof result};
        CHECK_OK(spar_train_step(network, &s->sgd, batch.images, batch.labels, batch.count, &result));
        check_that(fabs(result.loss - loss) <= TOLERANCE * loss && result.count == batch.count, __FILE__, __LINE__,
                   "%s, step %d: loss %.9g of %d images, expected %.9g of %d", s->label, step, result.loss,
                   result.count, loss, batch.count);
        bool two_rounds = s->step == method_adversarial_noise_layer;
        if (two_rounds) check_deviations(s, program, network, deviations);
        example_batch_destroy(&batch);
    }
    compare_parameters(s->label, o, network, TOLERANCE);
    if (s->method.separate_statistics) {
        method_exchange_sets(program);
        compare_parameters("the auxiliary set", o, network, TOLERANCE);
        method_exchange_sets(program);
    }
    if (s->method.direction != SPAR_DIRECTION_NONE || s->method.weight_radius > 0) {
        check_that(distance(o, plain_oracle) > 20 * TOLERANCE, __FILE__, __LINE__,
                   "%s: perturbations change the result by %.1e only", s->label, distance(o, plain_oracle));
    }
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &info));
    CHECK_EQUAL(info.step, STEPS * (s->method.replays > 1 ? s->method.replays : 1));
    method_program_destroy(program);
    method_program_destroy(baseline);
    spar_network_destroy(network);
}

// ---------------------------------------------------------------------------------------------
// Presets

// A preset as the papers define it, and the algorithm that uses it.
typedef struct preset {
    const char *name;
    float epsilon;
    spar_method method;
    method_step step;
} preset;

static const preset PRESETS[] = {
    {"backprop", 0, {.struct_size = sizeof(spar_method), .direction = SPAR_DIRECTION_NONE}, method_back_propagation},
    {"adversarial-backprop",
     0.08f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .shape = SPAR_SHAPE_SIGN,
      .size = SPAR_SIZE_CONSTANT,
      .input_epsilon = 0.08f},
     method_adversarial_back_propagation},
    {"fgs-orig",
     0.08f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .shape = SPAR_SHAPE_SIGN,
      .size = SPAR_SIZE_CONSTANT,
      .input_epsilon = 0.08f,
      .clean_weight = 0.5f},
     method_fast_gradient_sign_joint},
    {"fgs-inter",
     20,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .shape = SPAR_SHAPE_SIGN,
      .size = SPAR_SIZE_RANGE,
      .epsilon = 20,
      .clean_weight = 0.5f},
     method_fast_gradient_sign_joint},
    {"layerwise",
     20,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_PREVIOUS_BATCH,
      .shape = SPAR_SHAPE_SIGN,
      .size = SPAR_SIZE_RANGE,
      .epsilon = 20},
     method_layerwise},
    {"layerwise-joint",
     20,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_PREVIOUS_BATCH,
      .shape = SPAR_SHAPE_SIGN,
      .size = SPAR_SIZE_RANGE,
      .epsilon = 20,
      .clean_weight = 0.5f},
     method_layerwise_joint},
    {"anl",
     0.5f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .shape = SPAR_SHAPE_GRADIENT,
      .size = SPAR_SIZE_RANDOM_DEVIATION,
      .granularity = SPAR_GRANULARITY_SAMPLE,
      .epsilon = 0.5f},
     method_adversarial_noise_layer},
    {"gaussian",
     0.8f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_RANDOM,
      .shape = SPAR_SHAPE_GAUSSIAN,
      .size = SPAR_SIZE_CONSTANT,
      .epsilon = 0.2f},
     method_noise},
    {"random",
     0.2f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_RANDOM,
      .shape = SPAR_SHAPE_GAUSSIAN,
      .size = SPAR_SIZE_CONSTANT,
      .epsilon = 0.2f},
     method_noise},
    {"pgd",
     0.06f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .input_epsilon = 0.06f,
      .iterations = 7,
      .climb = 0.25f},
     method_pgd},
    {"fgsm-rs",
     0.06f,
     {.struct_size = sizeof(spar_method), .direction = SPAR_DIRECTION_CURRENT_BATCH, .input_epsilon = 0.06f},
     method_fgsm_rs},
    {"n-fgsm",
     0.06f,
     {.struct_size = sizeof(spar_method), .direction = SPAR_DIRECTION_CURRENT_BATCH, .input_epsilon = 0.06f},
     method_n_fgsm},
    {"slat",
     0.06f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .epsilon = 0.06f,
      .input_epsilon = 0.9f * 0.06f},
     method_slat},
    {"free",
     0.06f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_PREVIOUS_BATCH,
      .input_epsilon = 0.06f,
      .replays = 8},
     method_free},
    {"trades",
     0.062f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .input_epsilon = 0.062f,
      .clean_weight = 1,
      .iterations = 10,
      .climb = 0.007f / 0.031f,
      .start = 0.001f,
      .divergence_weight = 6,
      .ascent = SPAR_ASCENT_DIVERGENCE,
      .start_distribution = SPAR_START_NORMAL,
      .evaluation_mode = true},
     method_trades},
    {"advprop",
     0.06f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .input_epsilon = 0.06f,
      .clean_weight = 0.5f,
      .iterations = 5,
      .climb = 0.25f,
      .start = 1,
      .evaluation_mode = true,
      .separate_statistics = true},
     method_advprop},
    {"sam", 0.5f, {.struct_size = sizeof(spar_method), .weight_radius = 0.5f}, method_back_propagation},
    {"sam-on",
     1,
     {.struct_size = sizeof(spar_method), .weight_radius = 1, .weight_scope = SPAR_WEIGHT_SCOPE_NORMALIZATION},
     method_back_propagation},
    {"awp",
     0.06f,
     {.struct_size = sizeof(spar_method),
      .direction = SPAR_DIRECTION_CURRENT_BATCH,
      .input_epsilon = 0.06f,
      .iterations = 7,
      .climb = 0.25f,
      .weight_radius = 0.01f,
      .weight_scope = SPAR_WEIGHT_SCOPE_MATRICES,
      .weight_norm = SPAR_WEIGHT_NORM_EACH},
     method_pgd},
};
enum { PRESET_COUNT = sizeof PRESETS / sizeof PRESETS[0] };

// Channels of one number have no range of their own, and networks without batch normalization have no γ and β.
static bool fits(const spar_method *method, example_network network) {
    if (network == example_dense && method->bounds & SPAR_BOUND_CHANNELS) return false;
    // So near the image KL has slopes of rounding's size, and there are thousands of pixels.
    if (network == example_large && method->ascent == SPAR_ASCENT_DIVERGENCE) return false;
    oracle *o = network(EXAMPLE_BATCH);
    bool normalizes = false;
    for (int i = 0; i < o->layer_count; i++) normalizes |= o->layers[i].kind == ORACLE_BATCH_NORM;
    oracle_destroy(o);
    return normalizes || (method->weight_scope != SPAR_WEIGHT_SCOPE_NORMALIZATION && !method->separate_statistics);
}

static void check_presets(const char *kind, example_network network, const spar_sgd *sgd, uint64_t seed) {
    for (int i = 0; i < PRESET_COUNT; i++) {
        char label[100];
        snprintf(label, sizeof label, "%s, %s network", PRESETS[i].name, kind);
        setting s = {label, network, PRESETS[i].step, PRESETS[i].method, *sgd, {5, 5, 5}, seed};
        spar_method method = {.struct_size = sizeof method};
        CHECK_OK(spar_method_preset(PRESETS[i].name, PRESETS[i].epsilon, &method));
        if (fits(&method, network)) check_agreement(&s, &method);
    }
}

static void every_preset_has_its_algorithm_here(void) {
    const char *const *names = spar_method_names();
    int count = 0;
    for (; names[count] != NULL; count++) {
        bool known = false;
        for (int i = 0; i < PRESET_COUNT; i++) known |= strcmp(names[count], PRESETS[i].name) == 0;
        check_that(known, __FILE__, __LINE__, "no algorithm for preset %s", names[count]);
    }
    CHECK_EQUAL(count, PRESET_COUNT);
}

static void presets_on_a_convolutional_network_with_momentum_and_decay(void) {
    check_presets("convolutional", example_convolutional, &MOMENTUM, 3);
}

static void presets_on_a_residual_network_with_nesterov_and_decay_of_weights(void) {
    check_presets("residual", example_residual, &NESTEROV, 4);
}

static void presets_on_a_depthwise_network(void) {
    check_presets("depthwise", example_depthwise, &PLAIN, 5);
}

static void presets_on_a_network_with_dropout_and_max_norm(void) {
    check_presets("dropout", example_dropout, &MAX_NORM, 6);
}

static void presets_on_a_network_of_whitened_images(void) {
    check_presets("whitened", example_whitened, &MOMENTUM, 12);
}

static void presets_on_a_dense_network(void) {
    check_presets("dense", example_dense, &MOMENTUM, 7);
}

static void presets_on_a_network_without_batch_normalization(void) {
    check_presets("plain", example_plain, &MAX_NORM, 18);
}

static void presets_on_a_network_of_large_maps(void) {
    check_presets("large", example_large, &MOMENTUM, 13);
}

// ---------------------------------------------------------------------------------------------
// Other points in the space of choices

// The seed is one whose images have no gradients so near 0 that rounding decides their sign.
static void check_setting(const char *label, example_network network, method_step step, spar_method method) {
    setting s = {label, network, step, method, MOMENTUM, {5, 5, 5}, 11};
    check_agreement(&s, &method);
}

static spar_method of_preset(const char *name, float epsilon) {
    for (int i = 0; i < PRESET_COUNT; i++) {
        if (strcmp(PRESETS[i].name, name) != 0) continue;
        spar_method method = PRESETS[i].method;
        method.epsilon = epsilon;
        return method;
    }
    return (spar_method){.struct_size = sizeof(spar_method), .direction = SPAR_DIRECTION_NONE};
}

static void negative_epsilon_turns_the_perturbation_round(void) {
    check_setting("opposite ANL", example_convolutional, method_adversarial_noise_layer, of_preset("anl", -0.5f));
    check_setting("opposite layerwise", example_residual, method_layerwise, of_preset("layerwise", -20));
    spar_method method = of_preset("adversarial-backprop", 0);
    method.input_epsilon = -0.08f;
    check_setting("opposite adversarial", example_plain, method_adversarial_back_propagation, method);
}

static void a_fixed_epsilon_drops_the_range(void) {
    spar_method method = of_preset("layerwise", 0.1f);
    method.size = SPAR_SIZE_CONSTANT;
    check_setting("fixed ε", example_convolutional, method_layerwise, method);
    check_setting("fixed ε, dense", example_dense, method_layerwise, method);
}

static void both_granularities(void) {
    spar_method method = of_preset("layerwise", 20);
    method.granularity = SPAR_GRANULARITY_SAMPLE;
    check_setting("layerwise by sample", example_convolutional, method_layerwise, method);
    method = of_preset("fgs-inter", 20);
    method.granularity = SPAR_GRANULARITY_SAMPLE;
    check_setting("fgs-inter by sample", example_residual, method_fast_gradient_sign_joint, method);
    method = of_preset("anl", 0.5f);
    method.granularity = SPAR_GRANULARITY_BATCH;
    check_setting("ANL by batch", example_convolutional, method_adversarial_noise_layer, method);
}

static void noise_of_equation_4_has_no_deviation(void) {
    spar_method method = of_preset("anl", 0.5f);
    method.size = SPAR_SIZE_RANDOM;
    check_setting("ANL Eq. 4", example_convolutional, method_adversarial_noise_layer, method);
    method.granularity = SPAR_GRANULARITY_BATCH;
    check_setting("ANL Eq. 4 by batch", example_residual, method_adversarial_noise_layer, method);
}

static void points_after_the_last_one_stay_off(void) {
    spar_method method = of_preset("layerwise", 20);
    method.last_point = "point1";
    check_setting("layerwise up to point1", example_residual, method_layerwise, method);
    method = of_preset("anl", 0.5f);
    method.last_point = "point2";
    check_setting("ANL up to point2", example_convolutional, method_adversarial_noise_layer, method);
}

static void points_that_are_not_listed_stay_off(void) {
    spar_method method = of_preset("layerwise", 20);
    method.hidden_points = "point2";
    check_setting("layerwise at point2", example_residual, method_layerwise, method);
    method = of_preset("anl", 0.5f);
    method.hidden_points = "point3,point1";
    check_setting("ANL at point1 and point3", example_convolutional, method_adversarial_noise_layer, method);
}

static void the_input_has_its_own_epsilon(void) {
    spar_method method = of_preset("anl", 0.5f);
    method.input_epsilon = 0.3f;
    check_setting("ANL, input too", example_convolutional, method_adversarial_noise_layer, method);
    method.epsilon = 0;
    check_setting("ANL, input only", example_residual, method_adversarial_noise_layer, method);
    method = of_preset("layerwise", 20);
    method.input_epsilon = 5;
    check_setting("layerwise, input too", example_plain, method_layerwise, method);
    method.size = SPAR_SIZE_RANDOM_DEVIATION;
    method.epsilon = method.input_epsilon = 0.5f;
    check_setting("deviation, input too, large maps", example_large, method_layerwise, method);
    method = of_preset("random", 0.2f);
    method.input_epsilon = 0.1f;
    check_setting("noise, input too", example_depthwise, method_noise, method);
}

static void the_size_of_anl_with_the_direction_of_the_previous_batch(void) {
    spar_method method = of_preset("anl", 0.5f);
    method.direction = SPAR_DIRECTION_PREVIOUS_BATCH;
    check_setting("previous batch, Eq. 5", example_convolutional, method_layerwise, method);
    method.size = SPAR_SIZE_RANDOM;
    method.granularity = SPAR_GRANULARITY_BATCH;
    check_setting("previous batch, Eq. 4 by batch", example_residual, method_layerwise, method);
}

static void other_weights_of_the_clean_loss(void) {
    spar_method method = of_preset("fgs-inter", 20);
    method.clean_weight = 0.25f;
    check_setting("fgs-inter, α 0.25", example_convolutional, method_fast_gradient_sign_joint, method);
    method = of_preset("layerwise-joint", 20);
    method.clean_weight = 0.75f;
    check_setting("layerwise-joint, α 0.75", example_residual, method_layerwise_joint, method);
}

// What is climbed, from where, in which mode, and the objective's terms are choices of their own; so are weights.
static void divergences_go_with_other_choices(void) {
    spar_method method = {.struct_size = sizeof method};
    CHECK_OK(spar_method_preset("trades", 0.06f, &method));
    method.clean_weight = 0.25f;
    check_setting("TRADES, α 0.25", example_convolutional, method_trades, method);
    method.start_distribution = SPAR_START_UNIFORM;
    method.start = 0.5f;
    check_setting("TRADES from a uniform start", example_residual, method_trades, method);
    method.evaluation_mode = false;
    check_setting("TRADES in training mode", example_convolutional, method_trades, method);
    check_setting("TRADES with dropout", example_dropout, method_trades, method);
    method.ascent = SPAR_ASCENT_LOSS;
    check_setting("a divergence, climbing the loss", example_residual, method_trades, method);
    method.weight_radius = 0.02f;
    method.weight_scope = SPAR_WEIGHT_SCOPE_MATRICES;
    method.weight_norm = SPAR_WEIGHT_NORM_EACH;
    check_setting("a divergence at perturbed weights", example_residual, method_trades, method);
    CHECK_OK(spar_method_preset("pgd", 0.06f, &method));
    method.evaluation_mode = true;
    check_setting("PGD in evaluation mode", example_residual, method_pgd, method);
    CHECK_OK(spar_method_preset("advprop", 0.06f, &method));
    method.clean_weight = 0.75f;
    method.evaluation_mode = false;
    check_setting("AdvProp in training mode", example_convolutional, method_advprop, method);
}

// α = 1: the perturbed loss has no weight.
static void a_clean_weight_of_one_is_back_propagation(void) {
    static const char *const names[] = {"fgs-inter", "layerwise-joint"};
    for (int i = 0; i < 2; i++) {
        spar_method method = of_preset(names[i], 20);
        method.clean_weight = 1;
        setting s = {.label = names[i],
                     .network = example_convolutional,
                     .step = method_back_propagation,
                     .method = {.struct_size = sizeof(spar_method), .direction = SPAR_DIRECTION_NONE},
                     .sgd = MOMENTUM,
                     .counts = {5, 5, 5},
                     .seed = 9};
        check_agreement(&s, &method);
    }
}

// The rows both batches have are perturbed, the rest are not.
static void a_previous_batch_of_another_size(void) {
    static const int counts[][STEPS] = {{5, 3, 5}, {2, 5, 1}, {1, 1, 4}};
    for (int i = 0; i < 3; i++) {
        for (int granularity = SPAR_GRANULARITY_BATCH; granularity <= SPAR_GRANULARITY_SAMPLE; granularity++) {
            spar_method method = of_preset("layerwise", 20);
            method.granularity = (spar_granularity)granularity;
            setting s = {"layerwise, batches of other sizes",
                         example_convolutional,
                         method_layerwise,
                         method,
                         MOMENTUM,
                         {counts[i][0], counts[i][1], counts[i][2]},
                         12};
            check_agreement(&s, &method);
        }
    }
}

// ‖g‖∞ = 0: with a last layer of zeros no gradient reaches the points.
static void a_gradient_of_zero_perturbs_nothing(void) {
    for (int granularity = SPAR_GRANULARITY_BATCH; granularity <= SPAR_GRANULARITY_SAMPLE; granularity++) {
        oracle *o = example_convolutional(EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, THREADS, 1);
        int index = oracle_find(network, "fc.weight");
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(network, index, &info));
        float *zeros = check_allocate(info.count * sizeof *zeros);
        CHECK_OK(spar_network_write_parameter(network, index, SPAR_PART_VALUE, zeros, info.count));
        free(zeros);
        oracle_copy_parameters(o, network);
        spar_method method = of_preset("anl", 0.5f);
        method.granularity = (spar_granularity)granularity;
        CHECK_OK(spar_network_set_method(network, &method));
        method_program *program = method_program_create(o, 1, &method, &MOMENTUM);
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH, 1);
        method_adversarial_noise_layer(program, &batch);
        CHECK_OK(spar_train_step(network, &MOMENTUM, batch.images, batch.labels, batch.count, NULL));
        compare_parameters("gradient of zero", o, network, TOLERANCE);
        example_batch_destroy(&batch);
        method_program_destroy(program);
        spar_network_destroy(network);
    }
}

TEST_MAIN(TEST(every_preset_has_its_algorithm_here), TEST(presets_on_a_convolutional_network_with_momentum_and_decay),
          TEST(presets_on_a_residual_network_with_nesterov_and_decay_of_weights), TEST(presets_on_a_depthwise_network),
          TEST(presets_on_a_network_with_dropout_and_max_norm), TEST(presets_on_a_network_of_whitened_images),
          TEST(presets_on_a_dense_network), TEST(presets_on_a_network_without_batch_normalization),
          TEST(presets_on_a_network_of_large_maps), TEST(negative_epsilon_turns_the_perturbation_round),
          TEST(a_fixed_epsilon_drops_the_range), TEST(both_granularities), TEST(noise_of_equation_4_has_no_deviation),
          TEST(points_after_the_last_one_stay_off), TEST(points_that_are_not_listed_stay_off),
          TEST(the_input_has_its_own_epsilon), TEST(the_size_of_anl_with_the_direction_of_the_previous_batch),
          TEST(other_weights_of_the_clean_loss), TEST(divergences_go_with_other_choices),
          TEST(a_clean_weight_of_one_is_back_propagation), TEST(a_previous_batch_of_another_size),
          TEST(a_gradient_of_zero_perturbs_nothing))
