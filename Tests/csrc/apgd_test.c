// Auto-PGD in both balls against a plain program of its own after Croce & Hein 2020, Algorithm 1, over the oracle.
#include "ops/loss.h"
#include "support/attacked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 31, ITERATIONS = 20 };

static double ratio_of(const double *z, int label, int target) {
    double sorted[EXAMPLE_CLASSES];
    memcpy(sorted, z, sizeof sorted);
    for (int i = 0; i < EXAMPLE_CLASSES; i++) {
        for (int j = i; j > 0 && sorted[j] > sorted[j - 1]; j--) {
            double higher = sorted[j];
            sorted[j] = sorted[j - 1], sorted[j - 1] = higher;
        }
    }
    return -(z[label] - z[target]) / (sorted[0] - (sorted[2] + sorted[3]) / 2 + 1e-12);
}

static double cross_entropy(const double *z, int label) {
    double sum = 0;
    for (int c = 0; c < EXAMPLE_CLASSES; c++) sum += exp(z[c] - z[label]);
    return log(sum);
}

static double loss_of(const double *z, int label, int target) {
    return target < 0 ? cross_entropy(z, label) : ratio_of(z, label, target);
}

// The loss at one image of a batch, and its gradient by differences at the outputs and the oracle behind them. A
// target below 0 stands for cross-entropy.
static double climbed(attacked *a, const double *images, int n, int target, double *gradient, bool *fell) {
    enum { OUTPUTS = EXAMPLE_BATCH * EXAMPLE_CLASSES };
    double z[OUTPUTS], d[OUTPUTS] = {0}, *row = z + n * EXAMPLE_CLASSES;
    int label = a->batch.labels[n];
    memcpy(z, attacked_outputs(a, images), sizeof z);
    double loss = loss_of(row, label, target);
    *fell = attacked_class(row) != label;
    for (int c = 0; c < EXAMPLE_CLASSES; c++) {
        const double value = row[c], width = 1e-6;
        row[c] = value + width;
        double above = loss_of(row, label, target);
        row[c] = value - width;
        d[n * EXAMPLE_CLASSES + c] = (above - loss_of(row, label, target)) / (2 * width);
        row[c] = value;
    }
    oracle_backward_from(a->o, a->o->layer_count - 1, d, false);
    memcpy(gradient, a->o->layers[0].gradient + (size_t)n * a->image_pixels, a->image_pixels * sizeof *gradient);
    return loss;
}

static double norm_of(const double *x, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

typedef struct ball {
    spar_ball kind;
    double delta;
    size_t pixels;
    const double *original;
} ball;

static void project(const ball *b, double *x) {
    double scale = 1;
    if (b->kind == SPAR_BALL_EUCLIDEAN) {
        double sum = 0;
        for (size_t i = 0; i < b->pixels; i++) sum += pow(x[i] - b->original[i], 2);
        scale = fmin(1, b->delta / sqrt(sum));
    }
    for (size_t i = 0; i < b->pixels; i++) {
        double original = b->original[i];
        x[i] = b->kind == SPAR_BALL_EUCLIDEAN ? original + scale * (x[i] - original)
                                              : fmin(fmax(x[i], original - b->delta), original + b->delta);
        x[i] = fmin(fmax(x[i], 0), 1);
    }
}

static void draw_start(const ball *b, const spar_attack *attack, int n, int run, double *x) {
    float *drawn = check_allocate(b->pixels * sizeof *drawn);
    spar_random_stream stream = {.struct_size = sizeof stream,
                                 .seed = attack->seed,
                                 .purpose = 8,
                                 .layer = (uint32_t)run,
                                 .step = attack->first_image + (uint64_t)n};
    bool flat = b->kind == SPAR_BALL_MAXIMUM;
    CHECK_OK((flat ? spar_random_uniform : spar_random_normal)(&stream, 0, b->pixels, drawn));
    double length = 0;
    for (size_t i = 0; i < b->pixels; i++) {
        x[i] = flat ? 2 * (double)drawn[i] - 1 : drawn[i];
        length = fmax(length, fabs(x[i]));
    }
    if (!flat) length = norm_of(x, b->pixels);
    for (size_t i = 0; i < b->pixels; i++) x[i] = b->original[i] + b->delta * x[i] / length;
    project(b, x);
    free(drawn);
}

// One start of one image, all others as they are. Writes the image's best point, or the first that fell. Returns how
// often the step halved; −1 where the image fell.
static int climb_by_oracle(attacked *a, const spar_attack *attack, int n, int target, int run, double *best) {
    size_t pixels = a->image_pixels, bytes = pixels * sizeof(double);
    const double *original = a->batch.doubles + (size_t)n * pixels;
    ball b = {attack->ball, (double)attack->delta / 255, pixels, original};
    double *images = check_allocate(a->pixels * sizeof *images), *x = images + (size_t)n * pixels;
    double *point = check_allocate(5 * bytes), *old = point + pixels, *gradient = old + pixels;
    double *best_gradient = gradient + pixels, *stepped = best_gradient + pixels;
    memcpy(images, a->batch.doubles, a->pixels * sizeof *images);
    draw_start(&b, attack, n, run, x);
    bool fell;
    double step = 2 * b.delta, highest = climbed(a, images, n, target, gradient, &fell), checked = highest, last = 0;
    memcpy(best, x, bytes), memcpy(old, x, bytes), memcpy(best_gradient, gradient, bytes);
    int interval = ITERATIONS * 22 / 100, since = 0, rises = 0, halvings = 0;
    bool halved = true;
    for (int k = 0; k < ITERATIONS && !fell; k++) {
        memcpy(point, x, bytes), memcpy(stepped, x, bytes);
        double norm = norm_of(gradient, pixels), share = k == 0 ? 1 : 0.75;
        for (size_t i = 0; i < pixels; i++) {
            double sign = (gradient[i] > 0) - (gradient[i] < 0);
            stepped[i] += step * (attack->ball == SPAR_BALL_MAXIMUM ? sign : gradient[i] / norm);
        }
        project(&b, stepped);
        for (size_t i = 0; i < pixels; i++) {
            x[i] += share * (stepped[i] - point[i]) + (1 - share) * (point[i] - old[i]);
        }
        project(&b, x);
        memcpy(old, point, bytes);
        double loss = climbed(a, images, n, target, gradient, &fell);
        rises += loss > last;
        last = loss;
        if (loss > highest) memcpy(best_gradient, gradient, bytes);
        if (loss > highest || fell) memcpy(best, x, bytes);
        highest = fmax(highest, loss);
        if (++since < interval) continue;
        halved = rises <= 0.75 * interval || (!halved && highest <= checked);
        checked = highest;
        since = rises = 0;
        interval = (int)fmax(interval - 1, 1); // 3 % and 6 % of the iterations
        if (!halved) continue;
        step /= 2;
        halvings++;
        memcpy(x, best, bytes), memcpy(gradient, best_gradient, bytes);
    }
    free(images);
    free(point);
    return fell ? -1 : halvings;
}

static spar_attack settings(spar_attack_kind kind, spar_ball ball) {
    spar_attack attack = spar_attack_defaults(kind);
    attack.ball = ball;
    attack.delta = ball == SPAR_BALL_MAXIMUM ? 3 : 40;
    attack.iterations = ITERATIONS;
    attack.seed = 77;
    return attack;
}

static void it_is_the_papers_algorithm(void) {
    static const example_network networks[] = {example_residual, example_plain};
    int fallen = 0, standing = 0, halvings = 0;
    for (int i = 0; i < 2 * 2 * 2; i++) {
        attacked a = attacked_create(networks[i % 2], 2, SEED);
        attacked_label_by_network(&a);
        a.batch.labels[2] = (a.batch.labels[2] + 1) % EXAMPLE_CLASSES; // fallen before it begins
        bool targeted = i / 2 % 2;
        spar_attack attack = settings(targeted ? SPAR_ATTACK_APGD_T : SPAR_ATTACK_APGD_CE, (spar_ball)(i / 4));
        CHECK_OK(attacked_run(&a, &attack));
        double *expected = check_allocate(a.pixels * sizeof *expected), clean[EXAMPLE_BATCH * EXAMPLE_CLASSES];
        memcpy(expected, a.batch.doubles, a.pixels * sizeof *expected);
        memcpy(clean, attacked_outputs(&a, a.batch.doubles), sizeof clean);
        for (int n = 0; n < EXAMPLE_BATCH; n++) {
            int result = n == 2 ? -1 : 0;
            for (int run = 0; run < (targeted ? EXAMPLE_CLASSES - 1 : 1) && result >= 0; run++) {
                int target = targeted ? attacked_class_of_rank(clean + n * EXAMPLE_CLASSES, run + 1) : -1;
                result = climb_by_oracle(&a, &attack, n, target, run, expected + (size_t)n * a.image_pixels);
                halvings += result > 0 ? result : 0;
            }
            fallen += result < 0 && n != 2;
            standing += result >= 0;
        }
        attacked_check(&a, targeted ? "APGD-T" : "APGD-CE", expected);
        free(expected);
        attacked_destroy(&a);
    }
    check_that(fallen > 5 && standing > 5 && halvings > 50, __FILE__, __LINE__, "%d fell, %d stand, %d halvings",
               fallen, standing, halvings);
}

// z sorted: 5, 4, 1, 0.5, −2.
static void the_targeted_ratio_by_hand(void) {
    const float z[] = {1, 5, -2, 4, 0.5f};
    float d[5];
    double width = 5 - 0.75, ratio = spar_targeted_logit_ratio(z, 5, 1, 3, d);
    CHECK_NEAR(ratio, -1 / width, 1e-9);
    const double expected[] = {ratio / (2 * width), -1 / width - ratio / width, 0, 1 / width, ratio / (2 * width)};
    for (int c = 0; c < 5; c++) CHECK_NEAR(d[c], expected[c], 1e-7);
}

static void the_gradient_of_the_targeted_ratio_is_that_of_differences(void) {
    uint64_t state = SEED;
    for (int trial = 0; trial < 200; trial++) {
        float z[EXAMPLE_CLASSES], d[EXAMPLE_CLASSES];
        double x[EXAMPLE_CLASSES];
        for (int c = 0; c < EXAMPLE_CLASSES; c++) x[c] = z[c] = (float)(8 * example_uniform(&state) - 4);
        int label = trial % EXAMPLE_CLASSES, target = (label + 1 + trial % 3) % EXAMPLE_CLASSES;
        CHECK_NEAR(spar_targeted_logit_ratio(z, EXAMPLE_CLASSES, label, target, d), ratio_of(x, label, target), 1e-9);
        for (int c = 0; c < EXAMPLE_CLASSES; c++) {
            const double value = x[c], width = 1e-6;
            x[c] = value + width;
            double above = ratio_of(x, label, target);
            x[c] = value - width;
            double slope = (above - ratio_of(x, label, target)) / (2 * width);
            x[c] = value;
            CHECK_NEAR(d[c], slope, 1e-4 * (1 + fabs(slope)));
        }
    }
}

static void results_do_not_depend_on_threads_or_batches(void) {
    for (int i = 0; i < 4; i++) {
        spar_attack attack = settings(i % 2 ? SPAR_ATTACK_APGD_T : SPAR_ATTACK_APGD_CE, (spar_ball)(i / 2));
        attacked_check_independence(&attack, SEED);
    }
}

static void the_caller_may_stop_it(void) {
    for (int kind = SPAR_ATTACK_APGD_CE; kind <= SPAR_ATTACK_APGD_T; kind++) {
        spar_attack attack = settings((spar_attack_kind)kind, SPAR_BALL_MAXIMUM);
        attack.delta = 0.01f;
        attacked_check_cancelling(&attack, SEED);
    }
}

static void bad_settings_are_refused(void) {
    attacked a = attacked_create(example_plain, 1, SEED);
    spar_attack good = settings(SPAR_ATTACK_APGD_T, SPAR_BALL_MAXIMUM), bad;
    bad = good, bad.iterations = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 iterations");
    bad = good, bad.targets = 0;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "0 targets");
    bad = good, bad.ball = (spar_ball)9;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "ball 9");
    bad = good, bad.ball = SPAR_BALL_EUCLIDEAN, bad.delta = 1e4f;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "delta is 10000");
    bad = good, bad.training_mode = true;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "training mode");
    bad = good, bad.kind = SPAR_ATTACK_SQUARE, bad.ball = SPAR_BALL_EUCLIDEAN;
    CHECK_FAILS(attacked_run(&a, &bad), SPAR_ERROR_ARGUMENT, "ball");
    attacked_destroy(&a);
}

static void the_targeted_loss_needs_four_classes(void) {
    oracle *o = oracle_create(1, 2, 2, 1, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    oracle_dense(o, oracle_unary(o, 0, ORACLE_FLATTEN), example_dense_params("fc", 3));
    spar_network *network = oracle_engine(o, 1, SEED);
    float image[4] = {0};
    int32_t label = 0;
    spar_attack attack = settings(SPAR_ATTACK_APGD_T, SPAR_BALL_MAXIMUM);
    CHECK_FAILS(spar_attack_images(network, &attack, image, &label, 1, image), SPAR_ERROR_ARGUMENT, "4 classes",
                "has 3");
    CHECK_FAILS(spar_check_attack(network, &attack), SPAR_ERROR_ARGUMENT, "4 classes", "has 3");
    attack.kind = SPAR_ATTACK_APGD_CE;
    CHECK_OK(spar_check_attack(network, &attack));
    CHECK_FAILS(spar_check_attack(network, NULL), SPAR_ERROR_ARGUMENT, "NULL", "");
    CHECK_FAILS(spar_check_attack(NULL, &attack), SPAR_ERROR_ARGUMENT, "NULL", "");
    CHECK_OK(spar_attack_images(network, &attack, image, &label, 1, image));
    spar_network_destroy(network);
    oracle_destroy(o);
}

TEST_MAIN(TEST(it_is_the_papers_algorithm), TEST(the_targeted_ratio_by_hand),
          TEST(the_gradient_of_the_targeted_ratio_is_that_of_differences),
          TEST(results_do_not_depend_on_threads_or_batches), TEST(the_caller_may_stop_it),
          TEST(bad_settings_are_refused), TEST(the_targeted_loss_needs_four_classes))
