#include "random_calls.h"
#include "random_settings.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 7, MOST_ITERATIONS = 3, MOST_NUMBERS = 64 };

typedef struct caller {
    fuzz_bytes bytes;
    spar_network *network;
    spar_network_info info;
    size_t pixels, classes; // of an image
    float *images, *changed, *outputs;
    int32_t *labels, count;
    uint64_t digest;
} caller;

// Adds the status to the digest, and tells whether there is a result to add.
static bool succeeded(caller *c, spar_status status) {
    c->digest = fuzz_digest(c->digest, &status, sizeof status);
    return fuzz_succeeded(status);
}

static void add(caller *c, const float *values, size_t count, const char *what) {
    fuzz_require_finite(values, count, what);
    c->digest = fuzz_digest(c->digest, values, count * sizeof *values);
}

static void add_loss(caller *c, const spar_loss_result *result) {
    FUZZ_REQUIRE(isfinite(result->loss), "a loss of %g", result->loss);
    FUZZ_REQUIRE(result->count == c->count && result->correct >= 0 && result->correct <= c->count,
                 "%d of %d images are right, of %d", result->correct, result->count, c->count);
    c->digest = fuzz_digest(c->digest, &result->loss, sizeof result->loss);
}

// Pixels that look random, of these bytes and in [0, 1], seldom any number.
static void draw_batch(caller *c) {
    uint64_t state = fuzz_byte(&c->bytes);
    c->count = fuzz_rarely(&c->bytes, 3) ? c->info.batch_size : 1 + fuzz_choice(&c->bytes, c->info.batch_size);
    for (size_t i = 0; i < (size_t)c->count * c->pixels; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        c->images[i] = (float)(state >> 40) / (float)(1 << 24);
    }
    for (int i = 0; i < c->count; i++) c->labels[i] = (int32_t)(((uint64_t)i + state) % c->classes);
    if (fuzz_rarely(&c->bytes, 24)) c->images[fuzz_byte(&c->bytes) % c->pixels] = fuzz_number(&c->bytes);
    if (fuzz_rarely(&c->bytes, 48)) c->labels[0] = fuzz_size(&c->bytes, 300);
    if (fuzz_rarely(&c->bytes, 48)) c->count = fuzz_size(&c->bytes, 20);
}

static void set_method(caller *c) {
    spar_method method = fuzz_method(&c->bytes);
    succeeded(c, spar_network_set_method(c->network, &method));
}

static void set_factor(caller *c) {
    int count = spar_network_parameter_count(c->network);
    if (count == 0) return;
    int index = fuzz_choice(&c->bytes, count);
    float factor = fuzz_rarely(&c->bytes, 8) ? fuzz_number(&c->bytes) : (float)fuzz_choice(&c->bytes, 4) / 2;
    succeeded(c, spar_network_set_learning_rate_factor(c->network, index, factor));
}

// Values of all parameters, of which a step that diverged may have left some that are not finite.
static uint64_t digest_parameters(const spar_network *network, uint64_t digest) {
    for (int p = 0; p < spar_network_parameter_count(network); p++) {
        spar_parameter_info info = {.struct_size = sizeof info};
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_parameter(network, p, &info)), "no parameter %d", p);
        float *values = malloc((size_t)info.count * sizeof *values);
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_read_parameter(network, p, SPAR_PART_VALUE, values, info.count)), "%s",
                     spar_last_error());
        digest = fuzz_digest(digest, values, (size_t)info.count * sizeof *values);
        free(values);
    }
    return digest;
}

static void train(caller *c) {
    spar_optimizer optimizer = fuzz_optimizer(&c->bytes);
    spar_loss_result result = {.struct_size = sizeof result};
    spar_method method = {.struct_size = sizeof method};
    uint64_t before = digest_parameters(c->network, 0);
    draw_batch(c);
    if (succeeded(c, spar_train_step(c->network, &optimizer, c->images, c->labels, c->count, &result))) {
        add_loss(c, &result);
    } else if (fuzz_succeeded(spar_network_get_method(c->network, &method)) && method.replays <= 1) {
        FUZZ_REQUIRE(digest_parameters(c->network, 0) == before, "a step that failed changed parameters");
    }
}

static void pass(caller *c) {
    spar_loss_result result = {.struct_size = sizeof result};
    draw_batch(c);
    if (!succeeded(c, spar_forward(c->network, c->images, c->count, fuzz_byte(&c->bytes) % 32))) return;
    if (succeeded(c, spar_read_output(c->network, c->outputs))) {
        add(c, c->outputs, (size_t)c->count * c->classes, "output");
    }
    if (succeeded(c, spar_evaluate_loss(c->network, c->labels, &result))) add_loss(c, &result);
    float scale = fuzz_rarely(&c->bytes, 16) ? fuzz_number(&c->bytes) : 0.5f;
    uint32_t flags = fuzz_byte(&c->bytes) % 32;
    bool passed;
    if (fuzz_rarely(&c->bytes, 3)) {
        for (size_t i = 0; i < (size_t)c->count * c->classes; i++) c->outputs[i] = fuzz_number(&c->bytes);
        passed = succeeded(c, spar_backward_output(c->network, c->outputs, scale, flags));
    } else {
        passed = succeeded(c, spar_backward(c->network, c->labels, scale, flags, &result));
    }
    if (passed && succeeded(c, spar_input_gradient(c->network, c->changed))) {
        c->digest = fuzz_digest(c->digest, c->changed, (size_t)c->count * c->pixels * sizeof *c->changed);
    }
    spar_optimizer optimizer = fuzz_optimizer(&c->bytes);
    if (fuzz_rarely(&c->bytes, 2)) succeeded(c, spar_update(c->network, &optimizer));
}

static void check_attacked(const caller *c, const spar_attack *attack) {
    float delta = attack->unit == SPAR_UNIT_255 ? attack->delta / 255 : attack->delta;
    for (size_t i = 0; i < (size_t)c->count * c->pixels; i++) {
        float before = c->images[i], after = c->changed[i];
        bool inside = before >= attack->lowest && before <= attack->highest;
        if (attack->clip) {
            FUZZ_REQUIRE(after >= attack->lowest && after <= attack->highest, "pixel %g is not in [%g, %g]", after,
                         attack->lowest, attack->highest);
        }
        if (attack->clip && !inside) continue;
        float rounding = 4 * FLT_EPSILON * (fabsf(before) + delta);
        FUZZ_REQUIRE(fabsf(after - before) <= delta + rounding, "pixel %g became %g, more than %g away", before, after,
                     delta);
    }
}

static bool proceed(void *context, double done) {
    FUZZ_REQUIRE(done >= 0 && done <= 1, "%g is done", done);
    return --*(int *)context != 0;
}

static void attack_images(caller *c) {
    spar_attack attack = spar_attack_defaults((spar_attack_kind)fuzz_choice(&c->bytes, 9));
    attack.unit = (spar_pixel_unit)fuzz_choice(&c->bytes, 2);
    attack.delta = fuzz_rarely(&c->bytes, 8) ? fuzz_number(&c->bytes) : (float)fuzz_choice(&c->bytes, 20);
    if (attack.unit == SPAR_UNIT_ONE) attack.delta /= 255;
    if (fuzz_rarely(&c->bytes, 4)) attack.step = fuzz_number(&c->bytes);
    attack.iterations = 1 + fuzz_choice(&c->bytes, MOST_ITERATIONS);
    attack.restarts = 1 + fuzz_choice(&c->bytes, 2);
    attack.random_start = fuzz_choice(&c->bytes, 2);
    attack.queries = 1 + fuzz_choice(&c->bytes, 9);
    if (fuzz_rarely(&c->bytes, 4)) attack.first_share = fuzz_number(&c->bytes);
    attack.clip = !fuzz_rarely(&c->bytes, 4);
    if (fuzz_rarely(&c->bytes, 8)) attack.lowest = fuzz_number(&c->bytes);
    if (fuzz_rarely(&c->bytes, 8)) attack.highest = fuzz_number(&c->bytes);
    attack.training_mode = fuzz_rarely(&c->bytes, 8);
    attack.seed = fuzz_byte(&c->bytes);
    if (fuzz_rarely(&c->bytes, 16)) attack.first_image = UINT64_MAX - 1;
    if (fuzz_rarely(&c->bytes, 4)) attack.ball = SPAR_BALL_EUCLIDEAN;
    attack.targets = 1 + fuzz_choice(&c->bytes, 9);
    attack.stretched = fuzz_choice(&c->bytes, 2);
    int calls = 1 + fuzz_choice(&c->bytes, 30);
    attack.proceed = fuzz_rarely(&c->bytes, 4) ? proceed : NULL;
    attack.context = &calls;
    draw_batch(c);
    uint64_t numbers[MOST_NUMBERS] = {UINT64_MAX};
    if (c->count <= MOST_NUMBERS && fuzz_rarely(&c->bytes, 8)) attack.numbers = numbers;
    spar_status status = spar_attack_images(c->network, &attack, c->images, c->labels, c->count, c->changed);
    if (!succeeded(c, status)) return;
    add(c, c->changed, (size_t)c->count * c->pixels, "attacked image");
    check_attacked(c, &attack);
}

static void lbfgs(caller *c) {
    spar_lbfgs_attack attack = spar_lbfgs_attack_defaults();
    attack.iterations = 1 + fuzz_choice(&c->bytes, MOST_ITERATIONS);
    attack.searches = 1 + fuzz_choice(&c->bytes, MOST_ITERATIONS);
    if (fuzz_rarely(&c->bytes, 8)) attack.lowest = fuzz_number(&c->bytes);
    if (fuzz_rarely(&c->bytes, 8)) attack.highest = fuzz_number(&c->bytes);
    draw_batch(c);
    spar_lbfgs_example *examples = calloc(256, sizeof *examples);
    examples->struct_size = sizeof *examples;
    if (succeeded(c, spar_lbfgs_attack_images(c->network, &attack, c->images, c->labels, NULL, c->count, c->changed,
                                              examples))) {
        add(c, c->changed, (size_t)c->count * c->pixels, "attacked image");
        for (int i = 0; i < c->count; i++) {
            FUZZ_REQUIRE(isfinite(examples[i].norm) && examples[i].norm >= 0 && isfinite(examples[i].c),
                         "norm %g, c %g", examples[i].norm, examples[i].c);
            FUZZ_REQUIRE(examples[i].target >= 0 && examples[i].target < c->info.classes, "target %d of %d",
                         examples[i].target, c->info.classes);
        }
    }
    free(examples);
}

static void jacobian(caller *c) {
    double values[256];
    size_t count = c->classes < c->pixels ? c->classes : c->pixels;
    if (count > sizeof values / sizeof *values) return;
    draw_batch(c);
    if (c->count > c->info.batch_size) return; // the images drawn are fewer, and any number is taken here
    int calls = 1 + fuzz_choice(&c->bytes, 30);
    if (!succeeded(c, spar_jacobian_singular_values(c->network, c->images, c->count, proceed, &calls, values))) return;
    for (size_t i = 0; i < count; i++) {
        FUZZ_REQUIRE(isfinite(values[i]) && values[i] >= 0, "singular value %zu is %g", i, values[i]);
        FUZZ_REQUIRE(i == 0 || values[i] <= values[i - 1], "singular value %zu is above the one before", i);
    }
    c->digest = fuzz_digest(c->digest, values, count * sizeof *values);
}

static void prefix(caller *c) {
    spar_layer_info layer = {.struct_size = sizeof layer};
    spar_network *prefix = NULL;
    int index = fuzz_choice(&c->bytes, spar_network_layer_count(c->network));
    FUZZ_REQUIRE(fuzz_succeeded(spar_network_layer(c->network, index, &layer)), "no layer %d", index);
    if (!succeeded(c, spar_network_prefix(c->network, fuzz_rarely(&c->bytes, 4) ? NULL : layer.name, NULL, &prefix))) {
        return;
    }
    spar_network_info info = {.struct_size = sizeof info};
    FUZZ_REQUIRE(fuzz_succeeded(spar_network_get_info(prefix, &info)), "no information");
    draw_batch(c);
    if (succeeded(c, spar_forward(prefix, c->images, c->count, 0))) {
        size_t count = (size_t)c->count * (size_t)info.classes;
        float *output = malloc(count * sizeof *output);
        if (succeeded(c, spar_read_output(prefix, output))) add(c, output, count, "output of a prefix");
        free(output);
    }
    spar_network_destroy(prefix);
}

// What was saved goes on in place of the network.
static void save_and_load(caller *c) {
    const char *path = fuzz_path("network");
    static const spar_metadata note = {sizeof note, "note", "\"\\ \xc3\xa9"};
    bool state = fuzz_choice(&c->bytes, 2), in_place = fuzz_choice(&c->bytes, 2);
    if (succeeded(c, spar_network_save(c->network, path, state, &note, 1))) {
        if (in_place) {
            FUZZ_REQUIRE(fuzz_succeeded(spar_network_load_parameters(c->network, path)), "%s", spar_last_error());
        } else {
            spar_network_options options = spar_network_defaults();
            options.batch_size = c->info.batch_size;
            options.threads = c->info.threads;
            spar_network *loaded = NULL;
            FUZZ_REQUIRE(fuzz_succeeded(spar_network_load(path, &options, &loaded)),
                         "what was saved cannot be loaded: %s", spar_last_error());
            spar_network_destroy(c->network);
            c->network = loaded;
        }
        remove(path);
    }
}

static void measure(caller *c) {
    int points = spar_network_point_count(c->network);
    float *deviations = malloc(((size_t)points + 1) * sizeof *deviations);
    draw_batch(c);
    if (succeeded(c, spar_measure_points(c->network, c->images, c->count, deviations))) {
        add(c, deviations, (size_t)points, "deviation");
    }
    free(deviations);
}

static void write_parameter(caller *c) {
    int count = spar_network_parameter_count(c->network);
    if (count == 0) return;
    spar_parameter_info info = {.struct_size = sizeof info};
    int index = fuzz_choice(&c->bytes, count), part = fuzz_choice(&c->bytes, 3);
    FUZZ_REQUIRE(fuzz_succeeded(spar_network_parameter(c->network, index, &info)), "no parameter %d", index);
    float *values = malloc((size_t)info.count * sizeof *values), first = fuzz_number(&c->bytes);
    for (int64_t i = 0; i < info.count; i++) values[i] = i < 32 ? fuzz_number(&c->bytes) : first;
    succeeded(c, spar_network_write_parameter(c->network, index, (spar_parameter_part)part, values, info.count));
    free(values);
}

static void describe(caller *c) {
    char text[64];
    size_t needed = 0;
    succeeded(c, spar_network_describe(c->network, text, sizeof text, &needed));
    FUZZ_REQUIRE(memchr(text, 0, sizeof text) != NULL, "a description without end");
    for (int i = 0; i < spar_network_operation_count(c->network); i++) {
        spar_operation_info info = {.struct_size = sizeof info};
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_operation(c->network, i, &info)), "%s", spar_last_error());
        FUZZ_REQUIRE(fuzz_succeeded(spar_network_operation_layers(c->network, i, text, sizeof text, &needed)), "%s",
                     spar_last_error());
    }
}

uint64_t fuzz_calls(fuzz_bytes bytes, spar_network **network) {
    static void (*const calls[])(caller *) = {set_method,      set_method, set_factor, train,         train,
                                              train,           pass,       pass,       attack_images, attack_images,
                                              lbfgs,           jacobian,   prefix,     save_and_load, measure,
                                              write_parameter, describe};
    caller c = {.bytes = bytes, .network = *network, .info.struct_size = sizeof c.info};
    FUZZ_REQUIRE(fuzz_succeeded(spar_network_get_info(*network, &c.info)), "no information");
    c.pixels = (size_t)c.info.input_shape[0] * (size_t)c.info.input_shape[1] * (size_t)c.info.input_shape[2];
    c.classes = (size_t)c.info.classes;
    size_t batch = (size_t)c.info.batch_size;
    c.images = calloc(batch * c.pixels, sizeof(float)); // a call may be given more than were drawn
    c.changed = malloc(batch * c.pixels * sizeof(float));
    c.outputs = malloc(batch * c.classes * sizeof(float));
    c.labels = calloc(batch, sizeof(int32_t));
    for (int i = fuzz_choice(&c.bytes, MOST_CALLS); i >= 0; i--) {
        calls[fuzz_choice(&c.bytes, sizeof calls / sizeof *calls)](&c);
    }
    c.digest = digest_parameters(c.network, c.digest);
    free(c.images);
    free(c.changed);
    free(c.outputs);
    free(c.labels);
    *network = c.network;
    return c.digest;
}
