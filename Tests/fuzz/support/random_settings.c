#include "random_settings.h"

enum { MOST_ITERATIONS = 3, MOST_REPLAYS = 2 };

static void choose_perturbation(fuzz_bytes *bytes, spar_method *method) {
    method->direction = (spar_direction)fuzz_choice(bytes, fuzz_rarely(bytes, 16) ? 6 : 4);
    bool random = method->direction == SPAR_DIRECTION_RANDOM;
    method->shape = random ? SPAR_SHAPE_GAUSSIAN : (spar_shape)fuzz_choice(bytes, 2);
    method->size = (spar_size)fuzz_choice(bytes, fuzz_rarely(bytes, 16) ? 6 : 4);
    method->granularity = (spar_granularity)fuzz_choice(bytes, 2);
    method->epsilon = fuzz_number(bytes);
    method->input_epsilon = fuzz_number(bytes);
    method->clean_weight = (float)fuzz_choice(bytes, 5) / 4;
}

static void choose_rounds(fuzz_bytes *bytes, spar_method *method) {
    method->climb = fuzz_number(bytes);
    method->start = fuzz_rarely(bytes, 2) ? 0 : fuzz_number(bytes);
    method->bounds = (uint32_t)fuzz_choice(bytes, fuzz_rarely(bytes, 16) ? 16 : 8);
    method->persistent = fuzz_rarely(bytes, 4);
    method->iterations = fuzz_choice(bytes, MOST_ITERATIONS + 1);
}

static void choose_weights(fuzz_bytes *bytes, spar_method *method) {
    method->weight_radius = fuzz_rarely(bytes, 4) ? fuzz_number(bytes) : (float)fuzz_choice(bytes, 5) / 4;
    method->weight_scope = (spar_weight_scope)fuzz_choice(bytes, fuzz_rarely(bytes, 16) ? 6 : 3);
    method->weight_norm = (spar_weight_norm)fuzz_choice(bytes, fuzz_rarely(bytes, 16) ? 4 : 2);
}

static void choose_objective(fuzz_bytes *bytes, spar_method *method) {
    method->divergence_weight = fuzz_rarely(bytes, 2) ? fuzz_number(bytes) : (float)fuzz_choice(bytes, 3);
    method->ascent = (spar_ascent)fuzz_choice(bytes, fuzz_rarely(bytes, 16) ? 4 : 2);
    method->start_distribution = (spar_start_distribution)fuzz_choice(bytes, fuzz_rarely(bytes, 16) ? 4 : 2);
    method->evaluation_mode = fuzz_choice(bytes, 2);
    method->separate_statistics = fuzz_choice(bytes, 2);
}

spar_method fuzz_method(fuzz_bytes *bytes) {
    const char *const *names = spar_method_names();
    spar_method method = {.struct_size = sizeof method};
    int count = 0, chosen;
    while (names[count] != NULL) count++;
    chosen = fuzz_choice(bytes, count);
    FUZZ_REQUIRE(fuzz_succeeded(spar_method_preset(names[chosen], 0.25f, &method)), "no %s", names[chosen]);
    if (method.iterations > MOST_ITERATIONS) method.iterations = MOST_ITERATIONS;
    if (fuzz_rarely(bytes, 2)) choose_perturbation(bytes, &method);
    if (fuzz_rarely(bytes, 4)) choose_rounds(bytes, &method);
    if (fuzz_rarely(bytes, 4)) choose_weights(bytes, &method);
    if (fuzz_rarely(bytes, 4)) choose_objective(bytes, &method);
    method.replays = fuzz_choice(bytes, MOST_REPLAYS + 1);
    return method;
}

spar_optimizer fuzz_optimizer(fuzz_bytes *bytes) {
    bool adamw = fuzz_choice(bytes, 2);
    spar_optimizer optimizer = adamw ? spar_adamw_defaults() : spar_sgd_defaults();
    optimizer.learning_rate = 0.01f * (float)fuzz_choice(bytes, 10);
    if (fuzz_rarely(bytes, 16)) optimizer.learning_rate = fuzz_number(bytes);
    if (fuzz_rarely(bytes, 4)) *(adamw ? &optimizer.beta1 : &optimizer.momentum) = fuzz_number(bytes);
    if (adamw && fuzz_rarely(bytes, 4)) optimizer.beta2 = fuzz_number(bytes);
    if (adamw && fuzz_rarely(bytes, 4)) optimizer.epsilon = fuzz_number(bytes);
    optimizer.nesterov = fuzz_choice(bytes, 2);
    if (fuzz_rarely(bytes, 4)) optimizer.weight_decay = fuzz_number(bytes);
    optimizer.decay_scope = (spar_decay_scope)fuzz_choice(bytes, 2);
    if (fuzz_rarely(bytes, 4)) optimizer.clip_norm = fuzz_number(bytes);
    if (fuzz_rarely(bytes, 4)) optimizer.max_norm = fuzz_number(bytes);
    return optimizer;
}
