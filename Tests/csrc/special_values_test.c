// Kernels on NaN and infinities, at every place of vectors and behind them: a NaN comes out wherever it is read, and
// only there. Networks with a NaN anywhere say so, and forget it.
#include "kernels/kernels.h"
#include "support/compare.h"
#include "support/perturbation.h"

#include "graph/network.h"

#include <math.h>
#include <string.h>

enum { MOST = 40, THREADS = 2, SEED = 31 };

static const float SPECIAL[] = {NAN, -NAN, INFINITY, -INFINITY};
enum { SPECIALS = sizeof SPECIAL / sizeof *SPECIAL };

static bool same(float actual, double expected) {
    return isnan(expected) ? isnan(actual) : isinf(expected) ? actual == expected : fabs(actual - expected) < 1e-5;
}

static void check_numbers(const char *label, const float *actual, const double *expected, int n) {
    for (int i = 0; i < n; i++) {
        check_that(same(actual[i], expected[i]), __FILE__, __LINE__, "%s: number %d of %d is %g, expected %g", label, i,
                   n, (double)actual[i], expected[i]);
    }
}

// The engine's kernels and the oracle's functions of one activation.
typedef struct activation {
    const oracle_activation *oracle;
    spar_activation kernels;
    bool reads_input;
} activation;

enum { MOST_ACTIVATIONS = 32 };

static const oracle_activation *find_activation(const char *name) {
    const oracle_activation *row = oracle_activations;
    while (row->name != NULL && strcmp(row->name, name) != 0) row++;
    check_that(row->name != NULL, __FILE__, __LINE__, "the oracle has no %s", name);
    return row;
}

// Every activation, of which the engine and the oracle have the same.
static int list_activations(activation *list) {
    const spar_kernels *kernels = spar_kernels_for_cpu();
    int count = 0, known = 0;
#define ACTIVATION(NAME, READS_INPUT)                                                                                  \
    list[count].kernels = kernels->activations.NAME;                                                                   \
    list[count].reads_input = READS_INPUT;                                                                             \
    list[count].oracle = find_activation(#NAME);                                                                       \
    count++;
    SPAR_ACTIVATIONS(ACTIVATION)
    while (oracle_activations[known].name != NULL) known++;
    CHECK_EQUAL(count, known);
    return count;
}

// At infinities what they tend to.
static double value_at(const oracle_activation *row, double x) {
    return row->value(x == -INFINITY ? -1e3 : x);
}

static double slope_at(const oracle_activation *row, double x) {
    return row->slope(isinf(x) ? copysign(1e3, x) : x);
}

static void activations_pass_special_values(void) {
    activation list[MOST_ACTIVATIONS];
    int count = list_activations(list);
    for (int a = 0; a < count; a++) {
        for (int at = 0; at < MOST; at++) {
            for (int s = 0; s < SPECIALS; s++) {
                float x[MOST], y[MOST], d[MOST];
                double forward[MOST], backward[MOST];
                for (int i = 0; i < MOST; i++) {
                    x[i] = i == at ? SPECIAL[s] : 0.1f * (float)(i - 20);
                    d[i] = i == (at + 1) % MOST ? SPECIAL[s] : 1;
                    double slope = slope_at(list[a].oracle, x[i]);
                    forward[i] = value_at(list[a].oracle, x[i]);
                    backward[i] = slope == 0 ? 0 : slope * d[i];
                }
                list[a].kernels.forward(x, y, MOST);
                check_numbers(list[a].oracle->name, y, forward, MOST);
                list[a].kernels.backward(list[a].reads_input ? x : y, d, MOST);
                check_numbers(list[a].oracle->name, d, backward, MOST);
            }
        }
    }
}

// To 1e-6 of themselves, down to the smallest numbers; a slope made from its output, or near its zero, to 3e-7.
static void activations_are_exact_to_rounding(void) {
    enum { COUNT = 1 << 14 };
    static float x[COUNT], y[COUNT], d[COUNT];
    activation list[MOST_ACTIVATIONS];
    int count = list_activations(list);
    for (int a = 0; a < count; a++) {
        const char *name = list[a].oracle->name;
        float limit = list[a].reads_input ? 120 : 80;
        for (int i = 0; i < COUNT; i++) {
            float u = (float)i / (COUNT / 2) - 1; // closer together near zero
            x[i] = limit * u * u * u, d[i] = 1;
        }
        list[a].kernels.forward(x, y, COUNT);
        list[a].kernels.backward(list[a].reads_input ? x : y, d, COUNT);
        for (int i = 0; i < COUNT; i++) {
            double value = list[a].oracle->value(x[i]), slope = list[a].oracle->slope(x[i]);
            double rounding = list[a].reads_input && fabsf(x[i]) > 3 ? 1e-44 : 3e-7;
            check_that(fabs(y[i] - value) <= 1e-6 * fabs(value) + 1e-44, __FILE__, __LINE__, "%s(%g) is %.9g, not %.9g",
                       name, (double)x[i], (double)y[i], value);
            check_that(fabs(d[i] - slope) <= 1e-6 * fabs(slope) + rounding, __FILE__, __LINE__,
                       "the slope of %s at %g is %.9g, not %.9g", name, (double)x[i], (double)d[i], slope);
        }
    }
}

// A dropped infinity is NaN, as it is where the mask is a factor.
static void sums_scales_and_dropout_pass_special_values(void) {
    const spar_kernels *kernels = spar_kernels_for_cpu();
    for (int at = 0; at < MOST; at++) {
        for (int s = 0; s < SPECIALS; s++) {
            float x[MOST + 16], y[MOST + 16], one[MOST + 16], half[MOST + 16], zero[MOST + 16];
            uint32_t bits[MOST];
            double expected[MOST];
            for (int i = 0; i < MOST + 16; i++)
                x[i] = i == at ? SPECIAL[s] : 3, one[i] = 1, half[i] = 0.5f, zero[i] = 0;
            kernels->affine(x, y, MOST, MOST, half, one, one);
            for (int i = 0; i < MOST; i++) expected[i] = x[i] + 0.5;
            check_numbers("affine", y, expected, MOST);
            kernels->affine2(one, x, y, MOST, MOST, one, half, zero, false);
            for (int i = 0; i < MOST; i++) expected[i] = 1 + 0.5 * x[i];
            check_numbers("affine2", y, expected, MOST);
            memcpy(y, one, sizeof y);
            kernels->add(x, y, MOST);
            for (int i = 0; i < MOST; i++) expected[i] = 1 + x[i];
            check_numbers("add", y, expected, MOST);
            memcpy(y, one, sizeof y);
            kernels->add_scaled(y, x, MOST, 2, 0.25f);
            for (int i = 0; i < MOST; i++) expected[i] = 1 + 0.5 * x[i];
            check_numbers("add_scaled", y, expected, MOST);
            const spar_lines line = {1, MOST, 0, 1, false};
            memcpy(y, one, sizeof y);
            kernels->add_draws(y, &line, x, 0.5f);
            check_numbers("add_draws", y, expected, MOST);
            for (int i = 0; i < MOST; i++) bits[i] = i % 3 == 0 ? 0 : UINT32_MAX;
            kernels->drop(x, y, &line, bits, 1 << 23, 2);
            for (int i = 0; i < MOST; i++) expected[i] = x[i] * (i % 3 == 0 ? 0.0 : 2.0);
            check_numbers("drop", y, expected, MOST);
        }
    }
}

// One window of rows × columns pixels of 16 channels, and beside it one without anything special.
static void check_pool(int side, int at, float special) {
    enum { CHANNELS = 16, LARGEST = 3 };
    const spar_kernels *kernels = spar_kernels_for_cpu();
    int pixels = side * side, width = 2 * side;
    float in[LARGEST * 2 * LARGEST * CHANNELS], out[2 * CHANNELS], d[2 * CHANNELS],
        dx[LARGEST * 2 * LARGEST * CHANNELS];
    for (int i = 0; i < side * width * CHANNELS; i++) in[i] = (float)(i * 7 % 23) - 30, dx[i] = 0;
    for (int i = 0; i < 2 * CHANNELS; i++) d[i] = 1;
    int special_channel = at % CHANNELS, special_pixel = at / CHANNELS;
    in[(special_pixel / side * width + special_pixel % side) * CHANNELS + special_channel] = special;
    spar_pool_row row = {.channels = CHANNELS,
                         .rows = side,
                         .in = in,
                         .in_gradient = dx,
                         .row = width * CHANNELS,
                         .pixel = CHANNELS,
                         .width = width,
                         .kernel_width = side,
                         .stride = side,
                         .out_width = 2,
                         .out = out,
                         .d = d,
                         .accumulate = side == 3,
                         .scale = 1 / (float)pixels};
    double highest[2 * CHANNELS], mean[2 * CHANNELS];
    for (int i = 0; i < 2 * CHANNELS; i++) {
        highest[i] = -INFINITY, mean[i] = 0;
        for (int p = 0; p < pixels; p++) {
            double x = in[(p / side * width + i / CHANNELS * side + p % side) * CHANNELS + i % CHANNELS];
            if (isnan(x) || x > highest[i]) highest[i] = x;
            mean[i] += x / pixels;
            if (isnan(highest[i])) break;
        }
        if (isnan(highest[i])) mean[i] = highest[i];
    }
    kernels->average_pool(&row);
    check_numbers("average pooling", out, mean, 2 * CHANNELS);
    kernels->max_pool(&row);
    check_numbers("max pooling", out, highest, 2 * CHANNELS);
    kernels->max_pool_backward(&row);
    for (int i = 0; i < 2 * CHANNELS; i++) {
        double sum = 0;
        for (int p = 0; p < pixels; p++) {
            sum += dx[(p / side * width + i / CHANNELS * side + p % side) * CHANNELS + i % CHANNELS];
        }
        CHECK_NEAR(sum, 1, 0);
    }
    d[special_channel] = special;
    kernels->max_pool_backward(&row);
    kernels->average_pool_backward(&row);
    double seen = 0;
    for (int p = 0; p < pixels; p++) seen += dx[(p / side * width + p % side) * CHANNELS + special_channel];
    CHECK(!isfinite(seen));
}

static void pools_pass_special_values(void) {
    for (int side = 2; side <= 3; side++) {
        for (int at = 0; at < side * side * 16; at++) {
            for (int s = 0; s < SPECIALS; s++) check_pool(side, at, SPECIAL[s]);
        }
    }
}

static void reductions_pass_special_values(void) {
    const spar_kernels *kernels = spar_kernels_for_cpu();
    enum { ROWS = 3, STRIDE = 48 };
    static const float shift[STRIDE];
    for (int channels = 1; channels <= MOST; channels++) {
        for (int at = 0; at < ROWS * channels; at++) {
            float x[ROWS * STRIDE];
            for (int i = 0; i < ROWS * STRIDE; i++) x[i] = i % STRIDE < channels ? (float)(i % 5) - 2 : NAN;
            x[at / channels * STRIDE + at % channels] = NAN;
            float kept[ROWS * STRIDE];
            spar_record record = {.rows = ROWS, .stride = STRIDE, .channels = channels, .g = x, .kept = kept};
            kernels->record(&record);
            CHECK(isnan(record.lowest) && isnan(record.highest));
            spar_moments moments = {0, 0, 0};
            kernels->moments(x, ROWS, STRIDE, channels, &moments);
            CHECK(isnan(moments.mean) && isnan(moments.squares) && moments.count == ROWS * channels);
            x[at / channels * STRIDE + at % channels] = -INFINITY;
            kernels->record(&record);
            CHECK(record.lowest == -INFINITY && !isnan(record.highest));
            x[at / channels * STRIDE + at % channels] = 1;
            kernels->record(&record);
            CHECK(record.lowest >= -2 && record.highest <= 2 && record.lowest <= record.highest);
        }
    }
    for (int at = 0; at < ROWS * STRIDE; at++) {
        float x[ROWS * STRIDE], d[ROWS * STRIDE];
        double sum[2][STRIDE] = {{0}}, product[2][STRIDE] = {{0}};
        for (int i = 0; i < ROWS * STRIDE; i++) x[i] = d[i] = 1;
        x[at] = NAN;
        kernels->column_moments(x, ROWS, STRIDE, shift, sum[0], product[0]);
        kernels->column_products(d, x, ROWS, STRIDE, shift, sum[1], product[1]);
        for (int c = 0; c < STRIDE; c++) {
            bool special = c == at % STRIDE;
            CHECK(isnan(sum[0][c]) == special && isnan(product[0][c]) == special && isnan(product[1][c]) == special);
        }
    }
}

// Zeros behind the true channels of a row are no gradients.
static void extremes_are_those_of_the_true_channels(void) {
    enum { ROWS = 3, WIDEST = 48 };
    const spar_kernels *kernels = spar_kernels_for_cpu();
    for (int channels = 1; channels <= WIDEST; channels++) {
        int stride = (channels + 15) / 16 * 16;
        for (int at = 0; at < ROWS * channels; at++) {
            for (int sign = -1; sign <= 1; sign += 2) {
                float g[ROWS * WIDEST] = {0}, kept[ROWS * WIDEST];
                uint16_t positive[ROWS * WIDEST / 16], negative[ROWS * WIDEST / 16];
                for (int row = 0; row < ROWS; row++) {
                    for (int c = 0; c < channels; c++) g[row * stride + c] = (float)(2 * sign);
                }
                g[at / channels * stride + at % channels] = (float)sign;
                float lowest = sign > 0 ? 1 : -2, highest = sign > 0 ? 2 : -1;
                spar_record signs = {.rows = ROWS, .stride = stride, .channels = channels, .g = g, .scale = 1};
                spar_record numbers = signs;
                signs.positive = positive, signs.negative = negative, numbers.kept = kept;
                kernels->record(&signs);
                kernels->record(&numbers);
                CHECK(signs.lowest == lowest && signs.highest == highest);
                CHECK(numbers.lowest == lowest && numbers.highest == highest);
                for (int i = 0; i < ROWS * stride; i++) {
                    CHECK(kept[i] == g[i]);
                    CHECK((positive[i / 16] >> i % 16 & 1) == (g[i] > 0));
                    CHECK((negative[i / 16] >> i % 16 & 1) == (g[i] < 0));
                }
            }
        }
    }
}

static void signs_keep_nan(void) {
    const spar_kernels *kernels = spar_kernels_for_cpu();
    for (int n = 1; n <= MOST; n++) {
        for (int at = 0; at < n; at++) {
            for (int s = 0; s < SPECIALS; s++) {
                float g[MOST], y[MOST] = {0}, kept[MOST + 1];
                uint16_t positive[4], negative[4];
                for (int i = 0; i < n; i++) g[i] = i == at ? SPECIAL[s] : (float)(i % 3) - 1;
                spar_record record = {.rows = 1,
                                      .stride = n,
                                      .channels = n,
                                      .g = g,
                                      .positive = positive,
                                      .negative = negative,
                                      .scale = 2};
                kernels->record(&record);
                record.kept = kept, kept[n] = 5;
                kernels->record(&record);
                for (int i = 0; i < n; i++) CHECK(same(kept[i], 2 * g[i]));
                CHECK(kept[n] == 5);
                float magnitude = isnan(g[at]) ? NAN : 2;
                kernels->add_signs(y, n, positive, negative, magnitude);
                for (int i = 0; i < n; i++) CHECK(same(y[i], g[i] == 0 ? 0 : magnitude * (g[i] < 0 ? -1 : 1)));
            }
        }
    }
}

static void products_pass_nan(void) {
    const spar_kernels *kernels = spar_kernels_for_cpu();
    enum { ROWS = 17, DEPTH = 5, COLUMNS = 48 };
    for (int at = 0; at < ROWS * DEPTH; at++) {
        float a[ROWS * DEPTH], b[DEPTH * COLUMNS], c[ROWS * COLUMNS], outer[DEPTH * COLUMNS];
        for (int i = 0; i < ROWS * DEPTH; i++) a[i] = i == at ? NAN : 0;
        for (int i = 0; i < DEPTH * COLUMNS; i++) b[i] = 0;
        kernels->product(&(spar_product){.rows = ROWS,
                                         .depth = DEPTH,
                                         .columns = COLUMNS,
                                         .a = a,
                                         .a_stride = DEPTH,
                                         .b = b,
                                         .b_stride = COLUMNS,
                                         .c = c,
                                         .c_stride = COLUMNS});
        for (int i = 0; i < ROWS * COLUMNS; i++) CHECK(isnan(c[i]) == (i / COLUMNS == at / DEPTH));
        for (int pairs = 0; pairs < 2; pairs++) {
            memset(c, 0, sizeof c);
            kernels->outer_product(&(spar_outer_product){.rows = DEPTH,
                                                         .count = ROWS,
                                                         .lines = 1,
                                                         .columns = COLUMNS,
                                                         .x = a,
                                                         .x_stride = DEPTH,
                                                         .d = c,
                                                         .d_stride = COLUMNS,
                                                         .c = outer,
                                                         .c_stride = COLUMNS,
                                                         .pairs = pairs});
            for (int i = 0; i < DEPTH * COLUMNS; i++) CHECK(isnan(outer[i]) == (i / COLUMNS == at % DEPTH));
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Networks

static const example_network NETWORKS[] = {example_dense, example_convolutional, example_residual, example_depthwise,
                                           example_plain, example_large,         example_dropout,  example_whitened};
enum { NETWORK_COUNT = sizeof NETWORKS / sizeof *NETWORKS };

// Training does not read running statistics.
static bool is_read(const spar_parameter *parameter, bool train) {
    return !train || strstr(parameter->name, "running") == NULL;
}

static void a_nan_in_any_parameter_reaches_the_output_and_is_forgotten(void) {
    for (int n = 0; n < NETWORK_COUNT; n++) {
        oracle *o = NETWORKS[n](EXAMPLE_BATCH);
        spar_network *network = oracle_engine(o, THREADS, SEED);
        oracle_randomize(o, network, SEED);
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
        float before[EXAMPLE_BATCH * EXAMPLE_CLASSES], after[EXAMPLE_BATCH * EXAMPLE_CLASSES];
        for (int train = 0; train < 2; train++) {
            uint32_t flags = train ? SPAR_FORWARD_TRAIN : 0;
            CHECK_OK(spar_forward(network, batch.images, batch.count, flags));
            CHECK_OK(spar_read_output(network, before));
            for (int p = 0; p < network->parameter_count; p++) {
                spar_parameter *parameter = &network->parameters[p];
                float *value = parameter->value + (parameter->spec.rows - 1) * parameter->spec.stride, kept = *value;
                if (!is_read(parameter, train)) continue;
                *value = NAN;
                network->run.weights_version++;
                CHECK_FAILS(spar_forward(network, batch.images, batch.count, flags), SPAR_ERROR_NON_FINITE, "diverged");
                *value = kept;
                network->run.weights_version++;
                CHECK_OK(spar_forward(network, batch.images, batch.count, flags));
                CHECK_OK(spar_read_output(network, after));
                check_that(memcmp(before, after, sizeof after) == 0, __FILE__, __LINE__, "network %d remembers %s", n,
                           parameter->name);
            }
        }
        example_batch_destroy(&batch);
        spar_network_destroy(network);
        oracle_destroy(o);
    }
}

// After a training step that a NaN stopped, the weights put back, training goes on with the same bits.
static void a_step_that_met_a_nan_leaves_no_trace(void) {
    for (int n = 0; n < NETWORK_COUNT; n++) {
        oracle *o = NETWORKS[n](EXAMPLE_BATCH);
        spar_network *networks[2];
        spar_sgd sgd = spar_sgd_defaults();
        example_batch batch = example_batch_create(o, EXAMPLE_BATCH, SEED);
        for (int i = 0; i < 2; i++) {
            spar_method method = {.struct_size = sizeof method};
            spar_network *network = networks[i] = oracle_engine(o, THREADS, SEED);
            CHECK_OK(spar_method_preset("layerwise", 2, &method));
            CHECK_OK(spar_network_set_method(network, &method));
            CHECK_OK(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, NULL));
            float *value = network->parameters[network->parameter_count - 1].value, kept = *value;
            *value = i == 0 ? kept : NAN;
            network->run.weights_version++;
            if (i == 1) {
                CHECK_FAILS(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, NULL),
                            SPAR_ERROR_NON_FINITE, "1 updates");
            }
            *value = kept;
            network->run.weights_version++;
            CHECK_OK(spar_train_step(network, &sgd, batch.images, batch.labels, batch.count, NULL));
        }
        size_t bytes = (size_t)networks[0]->parameter_floats * sizeof(float);
        check_that(memcmp(networks[0]->slots[SPAR_PART_VALUE], networks[1]->slots[SPAR_PART_VALUE], bytes) == 0,
                   __FILE__, __LINE__, "network %d trains on with other bits", n);
        for (int i = 0; i < 2; i++) spar_network_destroy(networks[i]);
        example_batch_destroy(&batch);
        oracle_destroy(o);
    }
}

// One element of the second image's gradient at the point is NaN.
static void record_a_nan(spar_network *network) {
    spar_point *point = &network->points[0];
    float gradient[3 * 32];
    for (int i = 0; i < 3 * 32; i++) gradient[i] = i == 32 + 7 ? NAN : i % 32 < 19 ? 1 : 0;
    spar_blocks blocks = spar_cut_blocks(point->tensor->extent, point->tensor->stride, 0, 3);
    spar_block block = spar_block_at(&blocks, 0);
    CHECK(blocks.count == 1 && block.floats == 3 * 32);
    network->run.scale = 1;
    spar_point_record(point, &network->run, &block, gradient);
    point->recorded = 3;
}

static void a_nan_in_a_gradient_is_in_the_perturbation(void) {
    for (int shape = SPAR_SHAPE_SIGN; shape <= SPAR_SHAPE_GRADIENT; shape++) {
        for (int size = SPAR_SIZE_CONSTANT; size <= SPAR_SIZE_RANDOM_DEVIATION; size++) {
            for (int granularity = SPAR_GRANULARITY_BATCH; granularity <= SPAR_GRANULARITY_SAMPLE; granularity++) {
                oracle *o = oracle_create(3, 1, 1, EXAMPLE_BATCH, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
                int x = oracle_dense(o, 0, example_dense_params("fc1", 19));
                x = oracle_unary(o, oracle_point(o, x, "point"), ORACLE_RELU);
                oracle_dense(o, x, example_dense_params("fc2", 2));
                spar_network *network = oracle_engine(o, 1, SEED);
                spar_method method = {.struct_size = sizeof method,
                                      .direction = SPAR_DIRECTION_CURRENT_BATCH,
                                      .shape = (spar_shape)shape,
                                      .size = (spar_size)size,
                                      .granularity = (spar_granularity)granularity,
                                      .epsilon = 0.25f};
                CHECK_OK(spar_network_set_method(network, &method));
                example_batch batch = example_batch_create(o, 3, SEED);
                CHECK_OK(spar_forward(network, batch.images, 3, SPAR_FORWARD_TRAIN | SPAR_FORWARD_MEASURE));
                record_a_nan(network);
                CHECK_FAILS(spar_forward(network, batch.images, 3, SPAR_FORWARD_TRAIN | SPAR_FORWARD_PERTURB),
                            SPAR_ERROR_NON_FINITE, "nan", "diverged");
                example_batch_destroy(&batch);
                spar_network_destroy(network);
                oracle_destroy(o);
            }
        }
    }
}

TEST_MAIN(TEST(activations_pass_special_values), TEST(activations_are_exact_to_rounding),
          TEST(sums_scales_and_dropout_pass_special_values), TEST(pools_pass_special_values),
          TEST(reductions_pass_special_values), TEST(extremes_are_those_of_the_true_channels), TEST(signs_keep_nan),
          TEST(products_pass_nan), TEST(a_nan_in_any_parameter_reaches_the_output_and_is_forgotten),
          TEST(a_step_that_met_a_nan_leaves_no_trace), TEST(a_nan_in_a_gradient_is_in_the_perturbation))
