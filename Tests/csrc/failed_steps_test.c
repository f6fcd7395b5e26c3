// Steps and passes that fail: everything that training goes on from is as it was before them.
#include "support/check.h"
#include "support/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Nothing stands behind the point that would turn what is not finite into a number.
static spar_network *make_network(void) {
    spar_graph *graph = NULL;
    CHECK_OK(spar_graph_create(&graph));
    spar_conv2d_params conv = example_conv2d("conv", 8, 3, 1, false);
    spar_dense_params dense = example_dense_params("fc", 3);
    spar_batch_norm_params norm = spar_batch_norm_defaults();
    spar_value x = spar_batch_norm(graph, spar_conv2d(graph, spar_input(graph, 2, 4, 4), &conv), &norm);
    x = spar_dense(graph, spar_flatten(graph, spar_perturb(graph, x, "point")), &dense);
    spar_network_options options = spar_network_defaults();
    options.batch_size = EXAMPLE_BATCH;
    options.threads = 1;
    spar_network *network = NULL;
    CHECK_OK(spar_network_create(graph, x, &options, &network));
    spar_graph_destroy(graph);
    return network;
}

typedef struct batch {
    float *images;
    int32_t labels[EXAMPLE_BATCH];
} batch;

static batch batch_for(const spar_network *network, uint64_t seed, float brightest) {
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &info));
    size_t floats = (size_t)(EXAMPLE_BATCH * info.input_shape[0] * info.input_shape[1] * info.input_shape[2]);
    batch b = {.images = check_allocate(floats * sizeof(float))};
    for (size_t i = 0; i < floats; i++) b.images[i] = (float)example_uniform(&seed) * brightest;
    for (int n = 0; n < EXAMPLE_BATCH; n++) b.labels[n] = n % info.classes;
    return b;
}

// Parameters, momentum and running statistics, s(h) of every point, and the step.
typedef struct state {
    float *numbers;
    size_t count;
    uint64_t step;
} state;

static state state_of(const spar_network *network) {
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(network, &info));
    state s = {.numbers = check_allocate((size_t)info.memory_bytes), .step = info.step};
    for (int p = 0; p < spar_network_parameter_count(network); p++) {
        spar_parameter_info parameter = {.struct_size = sizeof parameter};
        CHECK_OK(spar_network_parameter(network, p, &parameter));
        for (int part = SPAR_PART_VALUE; part <= SPAR_PART_MOMENTUM; part++) {
            if (part == SPAR_PART_GRADIENT || (part == SPAR_PART_MOMENTUM && !parameter.trainable)) continue;
            CHECK_OK(spar_network_read_parameter(network, p, (spar_parameter_part)part, s.numbers + s.count,
                                                 parameter.count));
            s.count += (size_t)parameter.count;
        }
    }
    for (int p = 0; p < spar_network_point_count(network); p++) {
        spar_point_info point = {.struct_size = sizeof point};
        CHECK_OK(spar_network_point(network, p, &point));
        s.numbers[s.count++] = point.deviation;
    }
    return s;
}

static void check_same(const char *what, state before, state after) {
    check_that(before.count == after.count && before.step == after.step &&
                   memcmp(before.numbers, after.numbers, before.count * sizeof(float)) == 0,
               __FILE__, __LINE__, "%s: the network is another one", what);
    free(before.numbers);
    free(after.numbers);
}

static spar_status train(spar_network *network, batch b) {
    spar_sgd sgd = spar_sgd_defaults();
    sgd.learning_rate = 0.01f;
    return spar_train_step(network, &sgd, b.images, b.labels, EXAMPLE_BATCH, NULL);
}

// Every direction, with s(h) where it is used, one round or two; ε overflows wherever a point perturbs.
static const spar_method methods[] = {
    {.struct_size = sizeof(spar_method),
     .direction = SPAR_DIRECTION_CURRENT_BATCH,
     .size = SPAR_SIZE_CONSTANT,
     .epsilon = 3e38f},
    {.struct_size = sizeof(spar_method),
     .direction = SPAR_DIRECTION_CURRENT_BATCH,
     .size = SPAR_SIZE_CONSTANT,
     .epsilon = 3e38f,
     .clean_weight = 0.5f},
    {.struct_size = sizeof(spar_method),
     .direction = SPAR_DIRECTION_CURRENT_BATCH,
     .shape = SPAR_SHAPE_GRADIENT,
     .size = SPAR_SIZE_RANDOM_DEVIATION,
     .granularity = SPAR_GRANULARITY_SAMPLE,
     .epsilon = 3e38f},
    {.struct_size = sizeof(spar_method),
     .direction = SPAR_DIRECTION_PREVIOUS_BATCH,
     .size = SPAR_SIZE_CONSTANT,
     .epsilon = 3e38f,
     .clean_weight = 0.5f},
    {.struct_size = sizeof(spar_method),
     .direction = SPAR_DIRECTION_PREVIOUS_BATCH,
     .size = SPAR_SIZE_RANDOM_DEVIATION,
     .epsilon = 3e38f},
    {.struct_size = sizeof(spar_method),
     .direction = SPAR_DIRECTION_PREVIOUS_BATCH,
     .size = SPAR_SIZE_CONSTANT,
     .epsilon = 3e38f,
     .bounds = SPAR_BOUND_BALL},
    {.struct_size = sizeof(spar_method),
     .direction = SPAR_DIRECTION_PREVIOUS_BATCH,
     .shape = SPAR_SHAPE_GRADIENT,
     .size = SPAR_SIZE_CONSTANT,
     .epsilon = 3e38f,
     .start = 1},
    {.struct_size = sizeof(spar_method),
     .direction = SPAR_DIRECTION_RANDOM,
     .shape = SPAR_SHAPE_GAUSSIAN,
     .size = SPAR_SIZE_CONSTANT,
     .epsilon = 3e38f},
};

enum { METHOD_COUNT = sizeof methods / sizeof *methods };

static spar_method weak(spar_method method) {
    method.epsilon = 0.05f;
    return method;
}

// The method's points are armed by a good step; then ε makes the last round fail.
static void a_round_that_fails_changes_nothing_that_training_goes_on_from(void) {
    for (int m = 0; m < METHOD_COUNT; m++) {
        spar_network *network = make_network();
        batch good = batch_for(network, 5, 1);
        spar_method method = methods[m], gentle = weak(methods[m]);
        bool waits = method.direction == SPAR_DIRECTION_PREVIOUS_BATCH && method.start == 0;
        CHECK_OK(spar_network_set_method(network, &gentle));
        CHECK_OK(train(network, good));
        CHECK_OK(spar_network_set_method(network, &method));
        if (waits) CHECK_OK(train(network, good)); // nothing is recorded yet
        state before = state_of(network);
        CHECK_FAILS(train(network, good), SPAR_ERROR_NON_FINITE, "");
        check_same("after the failure", before, state_of(network));
        spar_sgd sgd = spar_sgd_defaults(); // with a clean term there are gradients, of one round of two
        CHECK_FAILS(spar_update(network, &sgd), SPAR_ERROR_STATE, "no gradient");
        CHECK_FAILS(spar_read_output(network, good.images), SPAR_ERROR_STATE, "forward");
        free(good.images);
        spar_network_destroy(network);
    }
}

static void training_goes_on_with_the_same_bits_after_a_failed_step(void) {
    for (int m = 0; m < METHOD_COUNT; m++) {
        spar_network *failing = make_network(), *other = make_network();
        batch good = batch_for(failing, 5, 1), bad = batch_for(failing, 6, 3e38f);
        spar_method method = weak(methods[m]);
        CHECK_OK(spar_network_set_method(failing, &method));
        CHECK_OK(spar_network_set_method(other, &method));
        for (int step = 0; step < 3; step++) {
            CHECK_OK(train(failing, good));
            CHECK_OK(train(other, good));
            CHECK_FAILS(train(failing, bad), SPAR_ERROR_NON_FINITE, "");
        }
        check_same("three steps", state_of(failing), state_of(other));
        free(good.images);
        free(bad.images);
        spar_network_destroy(failing);
        spar_network_destroy(other);
    }
}

// What a failed step would have made of the running statistics must not be taken over by a later pass.
static void statistics_of_a_failed_step_are_forgotten(void) {
    spar_network *network = make_network();
    batch good = batch_for(network, 5, 1);
    CHECK_OK(spar_network_set_method(network, &methods[1]));
    state before = state_of(network);
    CHECK_FAILS(train(network, good), SPAR_ERROR_NON_FINITE, "");
    CHECK_OK(spar_forward(network, good.images, EXAMPLE_BATCH, SPAR_FORWARD_UPDATE_STATISTICS));
    check_same("after a pass", before, state_of(network));
    free(good.images);
    spar_network_destroy(network);
}

static void a_failed_pass_changes_no_statistics_and_gives_no_deviations(void) {
    spar_network *network = make_network();
    batch good = batch_for(network, 5, 1), bad = batch_for(network, 6, 3e38f);
    CHECK_OK(spar_forward(network, good.images, EXAMPLE_BATCH, SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE));
    state before = state_of(network);
    CHECK_FAILS(spar_forward(network, bad.images, EXAMPLE_BATCH,
                             SPAR_FORWARD_TRAIN | SPAR_FORWARD_UPDATE_STATISTICS | SPAR_FORWARD_MEASURE),
                SPAR_ERROR_NON_FINITE, "");
    float deviations[16], kept[16];
    memset(deviations, 0x55, sizeof deviations);
    memcpy(kept, deviations, sizeof kept);
    CHECK_FAILS(spar_measure_points(network, bad.images, EXAMPLE_BATCH, deviations), SPAR_ERROR_NON_FINITE, "");
    CHECK(memcmp(deviations, kept, sizeof kept) == 0);
    check_same("after failed passes", before, state_of(network));
    free(good.images);
    free(bad.images);
    spar_network_destroy(network);
}

// δ of a round by hand begins anew after a pass that fails: the gradient is climbed once.
static void a_failed_pass_climbs_nothing(void) {
    float output[2][EXAMPLE_BATCH * 3];
    for (int fails = 0; fails < 2; fails++) {
        spar_network *network = make_network();
        batch good = batch_for(network, 5, 1), bad = batch_for(network, 6, 3e38f);
        spar_method method = {.struct_size = sizeof method, .epsilon = 0.1f};
        method.direction = SPAR_DIRECTION_CURRENT_BATCH;
        method.size = SPAR_SIZE_CONSTANT;
        method.bounds = SPAR_BOUND_BALL;
        method.iterations = 2;
        method.climb = 0.25f;
        CHECK_OK(spar_network_set_method(network, &method));
        CHECK_OK(spar_forward(network, good.images, EXAMPLE_BATCH, SPAR_FORWARD_TRAIN));
        CHECK_OK(spar_backward(network, good.labels, 1, SPAR_BACKWARD_RECORD, NULL));
        if (fails) {
            CHECK_FAILS(spar_forward(network, bad.images, EXAMPLE_BATCH, SPAR_FORWARD_PERTURB), SPAR_ERROR_NON_FINITE,
                        "");
        }
        CHECK_OK(spar_forward(network, good.images, EXAMPLE_BATCH, SPAR_FORWARD_PERTURB));
        CHECK_OK(spar_read_output(network, output[fails]));
        free(good.images);
        free(bad.images);
        spar_network_destroy(network);
    }
    CHECK(memcmp(output[0], output[1], sizeof output[0]) == 0);
}

TEST_MAIN(TEST(a_failed_pass_climbs_nothing), TEST(a_round_that_fails_changes_nothing_that_training_goes_on_from),
          TEST(training_goes_on_with_the_same_bits_after_a_failed_step),
          TEST(statistics_of_a_failed_step_are_forgotten),
          TEST(a_failed_pass_changes_no_statistics_and_gives_no_deviations))
