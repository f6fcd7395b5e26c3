// AutoAttack: its parts one after the other for what stands, and what it says of each image.
#include "support/attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31 };

static spar_attack settings(spar_attack_kind kind, float delta) {
    spar_attack attack = spar_attack_defaults(kind);
    attack.delta = delta;
    attack.iterations = 8;
    attack.queries = 40;
    attack.stretched = false;
    return attack;
}

static spar_status evaluate(attacked *a, const spar_attack *attack, int32_t *verdicts) {
    return spar_evaluate_attack(a->network, attack, a->batch.images, a->batch.labels, a->batch.count, a->images,
                                verdicts);
}

static void each_part_is_for_the_images_that_stand(void) {
    int broken[SPAR_ATTACK_STANDARD] = {0}, standing = 0;
    for (int i = 0; i < 60; i++) {
        attacked a = attacked_create(i % 2 ? example_plain : example_residual, 2, SEED + (uint64_t)i);
        attacked_label_by_network(&a);
        a.batch.labels[3] = (a.batch.labels[3] + 1) % EXAMPLE_CLASSES;
        int32_t verdicts[EXAMPLE_BATCH], parts[EXAMPLE_BATCH];
        spar_attack attack = settings(SPAR_ATTACK_STANDARD, 0.5f * (float)(1 + i % 20));
        attack.iterations = 1; // so that each part leaves something to the others
        CHECK_OK(evaluate(&a, &attack, verdicts));
        float *results = check_allocate(a.pixels * sizeof *results);
        memcpy(results, a.images, a.pixels * sizeof *results);
        bool stands[EXAMPLE_BATCH];
        for (int n = 0; n < EXAMPLE_BATCH; n++) stands[n] = n != 3;
        CHECK_EQUAL(verdicts[3], SPAR_VERDICT_WRONG);
        static const spar_attack_kind kinds[] = {SPAR_ATTACK_APGD_CE, SPAR_ATTACK_APGD_T, SPAR_ATTACK_FAB_T,
                                                 SPAR_ATTACK_SQUARE};
        for (int k = 0; k < 4; k++) {
            attack.kind = kinds[k];
            CHECK_OK(evaluate(&a, &attack, parts));
            for (int n = 0; n < EXAMPLE_BATCH; n++) {
                size_t first = (size_t)n * a.image_pixels;
                if (!stands[n]) continue;
                bool fell = parts[n] == (int32_t)kinds[k];
                CHECK_EQUAL(verdicts[n] == (int32_t)kinds[k], fell);
                if (fell) CHECK(memcmp(results + first, a.images + first, a.image_pixels * sizeof(float)) == 0);
                stands[n] = !fell;
                broken[kinds[k]] += fell;
            }
        }
        for (int n = 0; n < EXAMPLE_BATCH; n++) {
            if (stands[n]) CHECK_EQUAL(verdicts[n], SPAR_VERDICT_STANDS);
            standing += stands[n];
        }
        free(results);
        attacked_destroy(&a);
    }
    check_that(broken[SPAR_ATTACK_APGD_CE] > 3 && broken[SPAR_ATTACK_APGD_T] > 3 && broken[SPAR_ATTACK_FAB_T] > 0 &&
                   standing > 3,
               __FILE__, __LINE__, "the parts broke %d, %d, %d and %d images, %d stand", broken[SPAR_ATTACK_APGD_CE],
               broken[SPAR_ATTACK_APGD_T], broken[SPAR_ATTACK_FAB_T], broken[SPAR_ATTACK_SQUARE], standing);
}

// What one part leaves standing goes to the next one as a smaller batch; the draws are those of the images' numbers.
static void its_parts_can_be_called_for_the_images_that_stand(void) {
    attacked a = attacked_create(example_plain, 2, SEED);
    attacked_label_by_network(&a);
    int32_t verdicts[EXAMPLE_BATCH], part_verdicts[EXAMPLE_BATCH], parts, count = EXAMPLE_BATCH;
    spar_attack attack = settings(SPAR_ATTACK_STANDARD, 5);
    attack.iterations = 1;
    CHECK_OK(evaluate(&a, &attack, verdicts));
    float *images = check_allocate(a.pixels * sizeof *images), *moved = check_allocate(a.pixels * sizeof *moved);
    memcpy(images, a.batch.images, a.pixels * sizeof *images);
    uint64_t numbers[EXAMPLE_BATCH];
    int32_t labels[EXAMPLE_BATCH], found[EXAMPLE_BATCH];
    for (int n = 0; n < EXAMPLE_BATCH; n++) {
        numbers[n] = (uint64_t)n, labels[n] = a.batch.labels[n], found[n] = SPAR_VERDICT_STANDS;
    }
    const spar_attack_kind *kinds = spar_standard_attack_parts(&parts);
    for (int p = 0; p < parts && count > 0; p++) {
        attack.kind = kinds[p], attack.numbers = numbers;
        CHECK_OK(spar_evaluate_attack(a.network, &attack, images, labels, count, moved, part_verdicts));
        int kept = 0;
        for (int i = 0; i < count; i++) {
            found[numbers[i]] = part_verdicts[i];
            if (part_verdicts[i] != SPAR_VERDICT_STANDS) continue;
            memmove(images + (size_t)kept * a.image_pixels, images + (size_t)i * a.image_pixels,
                    a.image_pixels * sizeof *images);
            numbers[kept] = numbers[i], labels[kept++] = labels[i];
        }
        CHECK(p == 0 ? kept > 0 && kept < count : true);
        count = kept;
    }
    for (int n = 0; n < EXAMPLE_BATCH; n++) CHECK_EQUAL(found[n], verdicts[n]);
    free(moved);
    free(images);
    attacked_destroy(&a);
}

// A verdict is what the network says of the attacked image, by whatever kind it is made.
static void verdicts_are_the_networks(void) {
    for (int kind = SPAR_ATTACK_FGSM; kind <= SPAR_ATTACK_RAYS; kind++) {
        attacked a = attacked_create(example_plain, 2, SEED);
        attacked_label_by_network(&a);
        a.batch.labels[1] = (a.batch.labels[1] + 1) % EXAMPLE_CLASSES;
        spar_attack attack = settings((spar_attack_kind)kind, 4);
        int32_t verdicts[EXAMPLE_BATCH];
        CHECK_OK(evaluate(&a, &attack, verdicts));
        const double *outputs = attacked_outputs_of_floats(&a, a.images);
        for (int n = 0; n < EXAMPLE_BATCH; n++) {
            bool stands = attacked_class(outputs + n * EXAMPLE_CLASSES) == a.batch.labels[n];
            CHECK_EQUAL(verdicts[n] == SPAR_VERDICT_WRONG, n == 1);
            if (n != 1) CHECK_EQUAL(verdicts[n] == SPAR_VERDICT_STANDS, stands);
        }
        attacked_check_inside(&a, "any kind", 4 / 255.0);
        attacked_destroy(&a);
    }
}

static void results_do_not_depend_on_threads_or_batches(void) {
    spar_attack attack = settings(SPAR_ATTACK_STANDARD, 3);
    attacked_check_independence(&attack, SEED);
}

typedef struct watch {
    double last, most;
    int calls;
} watch;

static bool go_on_until(void *context, double done) {
    watch *w = context;
    CHECK(done >= w->last && done < 1);
    w->last = done;
    w->calls++;
    return done < w->most;
}

// 16, 48, 72 and 40 of 176 parts of the work.
static void its_progress_rises_through_the_parts_and_the_caller_may_stop_it_in_each(void) {
    const double stops[] = {0.05, 0.2, 0.5, 0.9, 2};
    for (int i = 0; i < 5; i++) {
        attacked a = attacked_create(example_plain, 2, SEED);
        attacked_label_by_network(&a);
        watch w = {.most = stops[i]};
        spar_attack attack = settings(SPAR_ATTACK_STANDARD, 0.01f);
        attack.proceed = go_on_until, attack.context = &w;
        if (stops[i] > 1) {
            CHECK_OK(attacked_run(&a, &attack));
            CHECK(w.calls == 8 + 3 * 8 + 3 * 8 + 39 && w.last > 0.99);
        } else {
            CHECK_FAILS(attacked_run(&a, &attack), SPAR_ERROR_CANCELLED, "stopped");
            CHECK_NEAR(w.last, stops[i], 0.02);
            CHECK(memcmp(a.images, a.batch.images, a.pixels * sizeof *a.images) == 0);
        }
        attacked_destroy(&a);
    }
}

static void bad_settings_are_refused(void) {
    attacked a = attacked_create(example_plain, 1, SEED);
    spar_attack good = settings(SPAR_ATTACK_STANDARD, 8), bad;
    bad = good, bad.clip = false;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "pixel range");
    bad = good, bad.queries = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 queries");
    bad = good, bad.iterations = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 iterations");
    bad = good, bad.targets = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 targets");
    bad = good, bad.training_mode = true;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "training mode");
    attacked_destroy(&a);
}

// A dense layer's outputs are its biases where its weights are zeros, and so are its gradients.
static void inspection_has_the_numbers_of_its_signs(void) {
    enum { SIDE = 2, CLASSES = 4 };
    oracle *o = oracle_create(1, SIDE, SIDE, 2, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    spar_dense_params params = example_dense_params("fc", CLASSES);
    params.bias = true;
    oracle_dense(o, oracle_unary(o, 0, ORACLE_FLATTEN), params);
    spar_network *network = oracle_engine(o, 2, SEED);
    float weights[CLASSES * SIDE * SIDE] = {0}, biases[CLASSES] = {0.5f, 0.25f, 0.125f, 0.125f};
    const float images[2 * SIDE * SIDE] = {0.5f, 0.25f, 0, 1};
    const int32_t labels[2] = {0, 1};
    for (int dead = 1; dead >= 0; dead--) {
        weights[0] = dead ? 0 : 2;
        CHECK_OK(spar_network_write_parameter(network, oracle_find(network, "fc.weight"), SPAR_PART_VALUE, weights,
                                              CLASSES * SIDE * SIDE));
        CHECK_OK(
            spar_network_write_parameter(network, oracle_find(network, "fc.bias"), SPAR_PART_VALUE, biases, CLASSES));
        spar_inspection inspection = {.struct_size = sizeof inspection};
        CHECK_OK(spar_inspect(network, images, labels, 2, &inspection));
        CHECK_NEAR(inspection.difference, 0, 0);
        CHECK_NEAR(inspection.lowest, 0.125, 1e-7);
        CHECK_NEAR(inspection.highest, dead ? 0.5 : 1.5, 1e-6); // 2 · 0.5 more at the first image
        CHECK_NEAR(inspection.sum_error, dead ? 0 : 1, 1e-6);
        CHECK_EQUAL(inspection.zero_gradients, dead ? 2 : 0);
        CHECK_EQUAL(inspection.count, 2);
    }
    spar_inspection inspection = {.struct_size = sizeof inspection};
    CHECK_FAILS(spar_inspect(network, images, labels, 3, &inspection), SPAR_ERROR_ARGUMENT, "3 images");
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(each_part_is_for_the_images_that_stand), TEST(its_parts_can_be_called_for_the_images_that_stand),
          TEST(verdicts_are_the_networks), TEST(results_do_not_depend_on_threads_or_batches),
          TEST(its_progress_rises_through_the_parts_and_the_caller_may_stop_it_in_each),
          TEST(inspection_has_the_numbers_of_its_signs), TEST(bad_settings_are_refused))
