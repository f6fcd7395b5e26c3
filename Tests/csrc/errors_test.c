// Bad arguments and numbers: a status, a sentence with the names and numbers, and the network as it was.
#include "support/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 61 };

typedef struct fixture {
    oracle *o;
    spar_network *network;
    example_batch batch;
} fixture;

static fixture fixture_create(void) {
    fixture f = {.o = example_convolutional(EXAMPLE_BATCH)};
    f.network = oracle_engine(f.o, 1, SEED);
    oracle_randomize(f.o, f.network, SEED);
    f.batch = example_batch_create(f.o, EXAMPLE_BATCH, SEED);
    return f;
}

static void fixture_destroy(fixture *f) {
    example_batch_destroy(&f->batch);
    spar_network_destroy(f->network);
    oracle_destroy(f->o);
}

// The parameters and running statistics are still those of `oracle_randomize`.
static void check_unchanged(fixture *f, const char *after) {
    compare_parameters(after, f->o, f->network, 0);
    spar_network_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_network_get_info(f->network, &info));
    CHECK_EQUAL(info.step, 0);
}

static spar_status step(fixture *f, int count) {
    spar_sgd sgd = spar_sgd_defaults();
    return spar_train_step(f->network, &sgd, f->batch.images, f->batch.labels, count, NULL);
}

static void batches_of_no_or_too_many_images_are_refused(void) {
    fixture f = fixture_create();
    static const int counts[] = {0, -1, EXAMPLE_BATCH + 1};
    static const char *const numbers[] = {"0", "-1", "6"};
    for (int i = 0; i < 3; i++) {
        CHECK_FAILS(spar_forward(f.network, f.batch.images, counts[i], 0), SPAR_ERROR_ARGUMENT, numbers[i], "5");
        CHECK_FAILS(step(&f, counts[i]), SPAR_ERROR_ARGUMENT, numbers[i], "5");
    }
    check_unchanged(&f, "bad counts");
    fixture_destroy(&f);
}

// The running variance would decay towards zero.
static void one_value_a_channel_is_no_batch_to_normalize(void) {
    oracle *o = oracle_create(3, 2, 2, EXAMPLE_BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = oracle_dense(o, oracle_unary(o, 0, ORACLE_FLATTEN), example_dense_params("fc1", 9));
    x = oracle_unary(o, oracle_point(o, oracle_batch_norm(o, x, "bn_flat"), "point"), ORACLE_RELU);
    oracle_dense(o, x, example_dense_params("fc2", EXAMPLE_CLASSES));
    fixture f = {.o = o, .network = oracle_engine(o, 1, SEED), .batch = example_batch_create(o, EXAMPLE_BATCH, SEED)};
    oracle_randomize(o, f.network, SEED);
    float deviation, attacked[12];
    spar_attack attack = spar_attack_defaults(SPAR_ATTACK_FGSM);
    attack.training_mode = true;
    CHECK_FAILS(step(&f, 1), SPAR_ERROR_ARGUMENT, "bn_flat", "2 images");
    CHECK_FAILS(spar_forward(f.network, f.batch.images, 1, SPAR_FORWARD_TRAIN | SPAR_FORWARD_UPDATE_STATISTICS),
                SPAR_ERROR_ARGUMENT, "bn_flat", "variance");
    CHECK_FAILS(spar_measure_points(f.network, f.batch.images, 1, &deviation), SPAR_ERROR_ARGUMENT, "bn_flat");
    CHECK_FAILS(spar_attack_images(f.network, &attack, f.batch.images, f.batch.labels, 1, attacked),
                SPAR_ERROR_ARGUMENT, "bn_flat");
    check_unchanged(&f, "a batch of one");
    CHECK_OK(spar_forward(f.network, f.batch.images, 1, 0));
    CHECK_OK(step(&f, 2));
    fixture_destroy(&f);
}

static void labels_out_of_range_are_refused(void) {
    static const int32_t labels[] = {EXAMPLE_CLASSES, -1, INT32_MAX};
    static const char *const numbers[] = {"4", "-1", "2147483647"};
    fixture f = fixture_create();
    for (int i = 0; i < 3; i++) {
        spar_loss_result result = {.struct_size = sizeof result};
        int32_t kept = f.batch.labels[2];
        f.batch.labels[2] = labels[i];
        CHECK_FAILS(step(&f, EXAMPLE_BATCH), SPAR_ERROR_ARGUMENT, "label", numbers[i], "2");
        CHECK_OK(spar_forward(f.network, f.batch.images, EXAMPLE_BATCH, 0));
        CHECK_FAILS(spar_evaluate_loss(f.network, f.batch.labels, &result), SPAR_ERROR_ARGUMENT, "label", numbers[i]);
        CHECK_FAILS(spar_backward(f.network, f.batch.labels, 1, SPAR_BACKWARD_DATA, NULL), SPAR_ERROR_ARGUMENT, "label",
                    numbers[i]);
        f.batch.labels[2] = kept;
    }
    check_unchanged(&f, "bad labels");
    fixture_destroy(&f);
}

static void pixels_that_are_not_finite_are_refused(void) {
    static const float pixels[] = {NAN, INFINITY, -INFINITY};
    fixture f = fixture_create();
    for (int i = 0; i < 3; i++) {
        f.batch.images[f.o->layers[0].size * 3 + 1] = pixels[i]; // of image 3
        CHECK_FAILS(spar_forward(f.network, f.batch.images, EXAMPLE_BATCH, SPAR_FORWARD_TRAIN), SPAR_ERROR_NON_FINITE,
                    "image 3", isnan(pixels[i]) ? "nan" : "inf");
        CHECK_FAILS(step(&f, EXAMPLE_BATCH), SPAR_ERROR_NON_FINITE, "image 3");
    }
    check_unchanged(&f, "bad pixels");
    fixture_destroy(&f);
}

// Methods of one and of two rounds, with and without a clean term.
static void a_diverging_loss_leaves_parameters_and_statistics_as_they_were(void) {
    static const char *const methods[] = {"backprop", "layerwise", "layerwise-joint", "anl", "fgs-orig"};
    for (int i = 0; i < 5; i++) {
        fixture f = fixture_create();
        int index = oracle_find(f.network, "fc.weight");
        spar_parameter_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_parameter(f.network, index, &info));
        float *huge = check_allocate(info.count * sizeof *huge);
        for (int64_t k = 0; k < info.count; k++) huge[k] = 3e38f;
        CHECK_OK(spar_network_write_parameter(f.network, index, SPAR_PART_VALUE, huge, info.count));
        free(huge);
        oracle_copy_parameters(f.o, f.network);
        spar_method method = {.struct_size = sizeof method};
        CHECK_OK(spar_method_preset(methods[i], 0.1f, &method));
        CHECK_OK(spar_network_set_method(f.network, &method));
        CHECK_FAILS(step(&f, EXAMPLE_BATCH), SPAR_ERROR_NON_FINITE, "");
        check_unchanged(&f, "diverged");
        fixture_destroy(&f);
    }
}

static void bad_settings_of_the_update_are_refused(void) {
    fixture f = fixture_create();
    static const float settings[] = {NAN, INFINITY, -1};
    for (int i = 0; i < 3; i++) {
        spar_sgd sgd = spar_sgd_defaults();
        sgd.learning_rate = settings[i];
        CHECK_FAILS(spar_update(f.network, &sgd), SPAR_ERROR_ARGUMENT, "learning rate");
        sgd = spar_sgd_defaults();
        sgd.momentum = settings[i];
        CHECK_FAILS(spar_update(f.network, &sgd), SPAR_ERROR_ARGUMENT, "momentum");
        sgd = spar_sgd_defaults();
        sgd.weight_decay = settings[i];
        CHECK_FAILS(spar_update(f.network, &sgd), SPAR_ERROR_ARGUMENT, "weight decay");
        sgd = spar_sgd_defaults();
        sgd.max_norm = settings[i];
        CHECK_FAILS(spar_update(f.network, &sgd), SPAR_ERROR_ARGUMENT, "max-norm");
        sgd = spar_sgd_defaults();
        sgd.clip_norm = settings[i];
        CHECK_FAILS(spar_update(f.network, &sgd), SPAR_ERROR_ARGUMENT, "norm to clip at");
        sgd = spar_sgd_defaults();
        sgd.kind = (spar_optimizer_kind)(i == 0 ? -1 : 99 + i);
        CHECK_FAILS(spar_update(f.network, &sgd), SPAR_ERROR_ARGUMENT, "optimizer");
    }
    CHECK_FAILS(spar_update(f.network, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    check_unchanged(&f, "bad settings");
    fixture_destroy(&f);
}

static void bad_methods_are_refused_and_the_old_one_stays(void) {
    fixture f = fixture_create();
    spar_method good = {.struct_size = sizeof good}, bad = {.struct_size = sizeof bad};
    CHECK_OK(spar_method_preset("anl", 0.1f, &good));
    CHECK_OK(spar_network_set_method(f.network, &good));
    CHECK_FAILS(spar_method_preset("anal", 0.1f, &bad), SPAR_ERROR_ARGUMENT, "anal", "layerwise-joint", "backprop");
    CHECK_FAILS(spar_method_preset("anl", NAN, &bad), SPAR_ERROR_ARGUMENT, "nan");
    CHECK_FAILS(spar_method_preset(NULL, 1, &bad), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_method_preset("anl", 1, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    CHECK_FAILS(spar_network_set_method(f.network, NULL), SPAR_ERROR_ARGUMENT, "NULL");
    bad = good, bad.epsilon = NAN;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "epsilon", "nan");
    bad = good, bad.input_epsilon = INFINITY;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "epsilon", "inf");
    bad = good, bad.clean_weight = 1.5f;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "1.5");
    bad = good, bad.clean_weight = 1e-39f;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "1e-39", "clean loss", "1.17549e-38");
    bad = good, bad.divergence_weight = 1e-40f;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "e-41", "divergence");
    bad = good, bad.clean_weight = NAN;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "nan");
    bad = good, bad.last_point = "point7";
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "point7");
    bad = good, bad.hidden_points = "point1,point7";
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "\"point7\"");
    bad = good, bad.hidden_points = "point1,";
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "\"\"");
    bad = good, bad.hidden_points = bad.last_point = "point1";
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "one way");
    bad = good, bad.direction = (spar_direction)8;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "8");
    bad = good, bad.shape = (spar_shape)8;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "8");
    bad = good, bad.size = (spar_size)8;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "8");
    bad = good, bad.shape = SPAR_SHAPE_GAUSSIAN;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "");
    bad = good, bad.direction = SPAR_DIRECTION_RANDOM;
    CHECK_FAILS(spar_network_set_method(f.network, &bad), SPAR_ERROR_ARGUMENT, "");
    for (int i = 0; i < spar_network_point_count(f.network); i++) {
        spar_point_info info = {.struct_size = sizeof info};
        CHECK_OK(spar_network_point(f.network, i, &info));
        CHECK_EQUAL(info.active, !info.input);
    }
    check_unchanged(&f, "bad methods");
    fixture_destroy(&f);
}

static void calls_out_of_order_are_refused(void) {
    fixture f = fixture_create();
    spar_loss_result result = {.struct_size = sizeof result};
    float values[EXAMPLE_BATCH * 3 * 9 * 7];
    CHECK_FAILS(spar_read_output(f.network, values), SPAR_ERROR_STATE, "forward");
    CHECK_FAILS(spar_evaluate_loss(f.network, f.batch.labels, &result), SPAR_ERROR_STATE, "forward");
    CHECK_FAILS(spar_backward(f.network, f.batch.labels, 1, SPAR_BACKWARD_DATA, NULL), SPAR_ERROR_STATE, "forward");
    CHECK_FAILS(spar_input_gradient(f.network, values), SPAR_ERROR_STATE, "backward");
    CHECK_OK(spar_forward(f.network, f.batch.images, EXAMPLE_BATCH, 0));
    CHECK_OK(spar_backward(f.network, f.batch.labels, 1, SPAR_BACKWARD_WEIGHTS, NULL));
    CHECK_FAILS(spar_input_gradient(f.network, values), SPAR_ERROR_STATE, "backward");
    fixture_destroy(&f);
}

static void null_pointers_and_wrong_numbers_are_refused_everywhere(void) {
    fixture f = fixture_create();
    spar_network *n = f.network;
    spar_sgd sgd = spar_sgd_defaults();
    spar_loss_result result = {.struct_size = sizeof result};
    spar_network_info info = {.struct_size = sizeof info};
    spar_parameter_info parameter = {.struct_size = sizeof parameter};
    spar_point_info point = {.struct_size = sizeof point};
    size_t needed;
    float values[64] = {0};
    const char *const null = "NULL";
    CHECK_FAILS(spar_system(NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_get_info(NULL, &info), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_get_info(n, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_describe(NULL, NULL, 0, &needed), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_parameter(n, 0, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_parameter(n, 999, &parameter), SPAR_ERROR_ARGUMENT, "999");
    CHECK_FAILS(spar_network_parameter(n, -1, &parameter), SPAR_ERROR_ARGUMENT, "-1");
    CHECK_FAILS(spar_network_point(n, 999, &point), SPAR_ERROR_ARGUMENT, "999");
    CHECK_FAILS(spar_network_point(NULL, 0, &point), SPAR_ERROR_ARGUMENT, null);
    CHECK_EQUAL(spar_network_parameter_count(NULL), 0);
    CHECK_EQUAL(spar_network_point_count(NULL), 0);

    int scale = oracle_find(n, "bn1.weight"), mean = oracle_find(n, "bn1.running_mean");
    CHECK_FAILS(spar_network_read_parameter(n, scale, SPAR_PART_VALUE, values, 5), SPAR_ERROR_ARGUMENT, "bn1.weight",
                "5", "17");
    CHECK_FAILS(spar_network_read_parameter(n, scale, SPAR_PART_VALUE, NULL, 17), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_read_parameter(n, scale, (spar_parameter_part)6, values, 17), SPAR_ERROR_ARGUMENT, "6");
    CHECK_FAILS(spar_network_read_parameter(n, mean, SPAR_PART_GRADIENT, values, 17), SPAR_ERROR_ARGUMENT,
                "bn1.running_mean");
    CHECK_FAILS(spar_network_write_parameter(n, scale, SPAR_PART_VALUE, NULL, 17), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_write_parameter(n, scale, SPAR_PART_VALUE, values, 18), SPAR_ERROR_ARGUMENT, "18", "17");
    values[3] = NAN;
    spar_status status = spar_network_write_parameter(n, scale, SPAR_PART_VALUE, values, 17);
    check_that(status == SPAR_ERROR_NON_FINITE && strstr(spar_last_error(), "bn1.weight"), __FILE__, __LINE__,
               "writing NaN returned %d: %s", (int)status, spar_last_error());

    CHECK_FAILS(spar_forward(NULL, f.batch.images, 1, 0), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_forward(n, NULL, 1, 0), SPAR_ERROR_ARGUMENT, null);
    CHECK_OK(spar_forward(n, f.batch.images, EXAMPLE_BATCH, 0));
    CHECK_FAILS(spar_read_output(n, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_evaluate_loss(n, NULL, &result), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_evaluate_loss(n, f.batch.labels, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_backward(n, NULL, 1, SPAR_BACKWARD_DATA, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_backward(n, f.batch.labels, NAN, SPAR_BACKWARD_DATA, NULL), SPAR_ERROR_ARGUMENT, "nan");
    CHECK_FAILS(spar_backward(n, f.batch.labels, 1e-39f, SPAR_BACKWARD_DATA, NULL), SPAR_ERROR_ARGUMENT, "1e-39");
    CHECK_FAILS(spar_train_step(n, NULL, f.batch.images, f.batch.labels, 1, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_train_step(n, &sgd, NULL, f.batch.labels, 1, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_train_step(n, &sgd, f.batch.images, NULL, 1, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_train_step(NULL, &sgd, f.batch.images, f.batch.labels, 1, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_save(n, NULL, false, NULL, 0), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_save(n, "unused", false, NULL, 2), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_load(NULL, NULL, &f.network), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_load("unused", NULL, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_load_parameters(n, NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_file_metadata("unused", NULL, NULL, 0, &needed), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_load_tensors(n, "unused", NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_network_save_tensors(n, "unused", NULL), SPAR_ERROR_ARGUMENT, null);
    CHECK_FAILS(spar_file_tensors("unused", NULL, NULL), SPAR_ERROR_ARGUMENT, null);
    f.network = n;
    check_unchanged(&f, "bad arguments");
    fixture_destroy(&f);
}

static void the_plan_and_the_system_describe_themselves(void) {
    fixture f = fixture_create();
    size_t needed = 0;
    CHECK_OK(spar_network_describe(f.network, NULL, 0, &needed));
    char *text = check_allocate(needed), cut[10];
    CHECK_OK(spar_network_describe(f.network, text, needed, &needed));
    CHECK_EQUAL(strlen(text) + 1, needed);
    CHECK(strstr(text, "conv1") != NULL && strstr(text, "fc") != NULL);
    CHECK_OK(spar_network_describe(f.network, cut, sizeof cut, &needed));
    CHECK(strlen(cut) == sizeof cut - 1 && strncmp(cut, text, sizeof cut - 1) == 0);
    free(text);
    fixture_destroy(&f);

    spar_system_info info = {.struct_size = sizeof info};
    CHECK_OK(spar_system(&info));
    CHECK(strcmp(info.isa, "avx512") == 0 || strcmp(info.isa, "avx2") == 0 || strcmp(info.isa, "generic") == 0);
    CHECK(info.cpu_name[0] != 0 && info.openblas_core[0] != 0 && info.threads >= 1);
    CHECK(spar_version()[0] != 0 && spar_last_error() != NULL);
}

TEST_MAIN(TEST(batches_of_no_or_too_many_images_are_refused), TEST(one_value_a_channel_is_no_batch_to_normalize),
          TEST(labels_out_of_range_are_refused), TEST(pixels_that_are_not_finite_are_refused),
          TEST(a_diverging_loss_leaves_parameters_and_statistics_as_they_were),
          TEST(bad_settings_of_the_update_are_refused), TEST(bad_methods_are_refused_and_the_old_one_stays),
          TEST(calls_out_of_order_are_refused), TEST(null_pointers_and_wrong_numbers_are_refused_everywhere),
          TEST(the_plan_and_the_system_describe_themselves))
