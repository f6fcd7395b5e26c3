// Adversarial training. δ is what the first point, that of the input, adds.
#include "check.h"
#include "method_words.h"
#include "perturbation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static oracle_layer *input_point(method_program *p) {
    return &p->o->layers[perturbation_next_point(p->o, 0)];
}

typedef spar_status (*draw)(const spar_random_stream *stream, uint64_t first, size_t count, float *values);

// δ = factor·u + shift, u drawn.
static void start_by(method_program *p, int count, draw draw, double factor, double shift) {
    oracle_layer *layer = input_point(p);
    size_t draws = (size_t)count * layer->size;
    float *drawn = check_allocate(draws * sizeof *drawn);
    spar_random_stream stream = {.struct_size = sizeof stream, .seed = p->seed, .purpose = 9, .step = p->step};
    CHECK_OK(draw(&stream, 0, draws, drawn));
    for (int n = 0; n < count; n++) {
        for (int i = 0; i < layer->size; i++) {
            layer->perturbation[n * layer->size + i] = factor * drawn[oracle_draw_index(layer, n, i)] + shift;
        }
    }
    free(drawn);
}

// δ ~ U(−radius, radius)
static void start_uniformly(method_program *p, int count, double radius) {
    start_by(p, count, spar_random_uniform, 2 * radius, -radius);
}

// δ ← δ + α·sign(∇J(x + δ)), of the last backward pass
static void climb(method_program *p, int count, double alpha) {
    oracle_layer *layer = input_point(p);
    for (int i = 0; i < count * layer->size; i++) {
        layer->perturbation[i] += alpha * perturbation_sign(layer->gradient[i]);
    }
}

static double clip(double x, double lowest, double highest) {
    return x < lowest ? lowest : x > highest ? highest : x;
}

static void clip_to_ball(method_program *p, int count) {
    double epsilon = p->choices.input_epsilon;
    oracle_layer *layer = input_point(p);
    for (int i = 0; i < count * layer->size; i++) {
        layer->perturbation[i] = clip(layer->perturbation[i], -epsilon, epsilon);
    }
}

static void clip_to_pixels(method_program *p, const example_batch *batch) {
    oracle_layer *layer = input_point(p);
    for (int i = 0; i < batch->count * layer->size; i++) {
        layer->perturbation[i] = clip(batch->doubles[i] + layer->perturbation[i], 0, 1) - batch->doubles[i];
    }
}

static void find_gradient(method_program *p, const example_batch *batch) {
    oracle_forward(p->o, batch->doubles, batch->count, !p->choices.evaluation_mode, false);
    oracle_backward(p->o, batch->labels, 1, false);
}

static double train_on_perturbed(method_program *p, const example_batch *batch) {
    double loss = method_propagate_forward(p, batch, LEARN_STATISTICS);
    oracle_backward(p->o, batch->labels, 1, false);
    method_update_parameters(p, batch);
    return loss;
}

double method_pgd(method_program *p, const example_batch *batch) {
    double epsilon = p->choices.input_epsilon;
    method_begin_step(p, batch);
    start_uniformly(p, batch->count, epsilon);
    clip_to_pixels(p, batch);
    for (int t = 0; t < p->choices.iterations; t++) {
        find_gradient(p, batch);
        climb(p, batch->count, p->choices.climb * epsilon);
        clip_to_ball(p, batch->count);
        clip_to_pixels(p, batch);
    }
    return train_on_perturbed(p, batch);
}

double method_fgsm_rs(method_program *p, const example_batch *batch) {
    double epsilon = p->choices.input_epsilon;
    method_begin_step(p, batch);
    start_uniformly(p, batch->count, epsilon);
    find_gradient(p, batch);
    climb(p, batch->count, 1.25 * epsilon);
    clip_to_ball(p, batch->count);
    return train_on_perturbed(p, batch);
}

double method_n_fgsm(method_program *p, const example_batch *batch) {
    double epsilon = p->choices.input_epsilon;
    method_begin_step(p, batch);
    start_uniformly(p, batch->count, 2 * epsilon);
    find_gradient(p, batch);
    climb(p, batch->count, epsilon);
    return train_on_perturbed(p, batch);
}

double method_slat(method_program *p, const example_batch *batch) {
    active_point points[ORACLE_MAX_LAYERS];
    method_begin_step(p, batch);
    for (oracle_layer *layer = p->o->layers; layer < p->o->layers + p->o->layer_count; layer++) layer->bounded = false;
    find_gradient(p, batch);
    int count = method_active_points(p, points);
    for (int i = 0; i < count; i++) {
        oracle_layer *layer = &p->o->layers[points[i].layer];
        for (int k = 0; k < batch->count * layer->size; k++) {
            layer->perturbation[k] = points[i].epsilon * perturbation_sign(layer->gradient[k]);
        }
        layer->bounded = layer != input_point(p);
    }
    clip_to_pixels(p, batch);
    return train_on_perturbed(p, batch);
}

double method_free(method_program *p, const example_batch *batch) {
    double loss = 0;
    size_t bytes = (size_t)p->o->batch_size * p->o->layers[0].size * sizeof(double);
    for (int i = 0; i < p->choices.replays; i++) {
        method_begin_step(p, batch);
        memcpy(input_point(p)->perturbation, p->delta, bytes);
        // g_θ and g_adv come from one pass; θ moves by one, δ by the other.
        loss = train_on_perturbed(p, batch);
        climb(p, batch->count, p->choices.input_epsilon);
        clip_to_ball(p, batch->count);
        double *added = p->stored[perturbation_next_point(p->o, 0)];
        memcpy(added, p->delta, bytes); // what this update was made with
        memcpy(p->delta, input_point(p)->perturbation, bytes);
        memcpy(input_point(p)->perturbation, added, bytes);
    }
    return loss;
}

static void clear_perturbation(method_program *p, int count) {
    memset(input_point(p)->perturbation, 0, (size_t)count * input_point(p)->size * sizeof(double));
}

static void log_softmax(const double *z, int classes, double *log_p) {
    double sum = 0;
    for (int k = 0; k < classes; k++) sum += exp(z[k]);
    for (int k = 0; k < classes; k++) log_p[k] = z[k] - log(sum);
}

// weight·KL(softmax(z) ‖ softmax(other)), a mean over the batch, and its gradients by both.
static double divergence(int count, int classes, double weight, const double *z, const double *other, double *dz,
                         double *dother) {
    double all = 0, log_p[EXAMPLE_CLASSES], log_q[EXAMPLE_CLASSES];
    for (int n = 0; n < count; n++) {
        double own = 0;
        log_softmax(z + n * classes, classes, log_p);
        log_softmax(other + n * classes, classes, log_q);
        for (int k = 0; k < classes; k++) own += exp(log_p[k]) * (log_p[k] - log_q[k]);
        for (int k = 0; k < classes; k++) {
            dz[n * classes + k] = weight / count * exp(log_p[k]) * (log_p[k] - log_q[k] - own);
            dother[n * classes + k] = weight / count * (exp(log_q[k]) - exp(log_p[k]));
        }
        all += weight / count * own;
    }
    return all;
}

typedef struct outputs {
    int classes;
    double *z, *other, *dz, *dother; // of x and of x′
} outputs;

static outputs outputs_create(const method_program *p) {
    int classes = p->o->layers[p->o->layer_count - 1].size;
    size_t bytes = (size_t)p->o->batch_size * classes * sizeof(double);
    return (outputs){classes, check_allocate(bytes), check_allocate(bytes), check_allocate(bytes),
                     check_allocate(bytes)};
}

static void outputs_destroy(outputs *outputs) {
    free(outputs->z);
    free(outputs->other);
    free(outputs->dz);
    free(outputs->dother);
}

static void take_output(const method_program *p, const outputs *outputs, double *z) {
    memcpy(z, oracle_output(p->o), (size_t)p->o->count * outputs->classes * sizeof *z);
}

// The gradient of KL(f(x) ‖ f(x′)), of the mode in which rounds climb.
static void find_divergence_gradient(method_program *p, const example_batch *batch, outputs *outputs) {
    oracle_forward(p->o, batch->doubles, batch->count, !p->choices.evaluation_mode, false);
    divergence(batch->count, outputs->classes, 1, outputs->z, oracle_output(p->o), outputs->dz, outputs->dother);
    oracle_backward_from(p->o, p->o->layer_count - 1, outputs->dother, false);
}

double method_train_on_divergence(method_program *p, const example_batch *batch, enum statistics statistics) {
    double alpha = p->choices.clean_weight, beta = p->choices.divergence_weight;
    oracle_layer *layer = input_point(p);
    size_t bytes = (size_t)batch->count * layer->size * sizeof(double);
    double *delta = check_allocate(bytes);
    outputs outputs = outputs_create(p);
    int last = p->o->layer_count - 1;
    memcpy(delta, layer->perturbation, bytes);
    clear_perturbation(p, batch->count);
    method_propagate_forward(p, batch, statistics);
    take_output(p, &outputs, outputs.z);
    memcpy(layer->perturbation, delta, bytes);
    double loss = (1 - alpha) * method_propagate_forward(p, batch, statistics);
    take_output(p, &outputs, outputs.other);
    loss += divergence(batch->count, outputs.classes, beta, outputs.z, outputs.other, outputs.dz, outputs.dother);
    oracle_backward(p->o, batch->labels, 1 - alpha, false);
    oracle_backward_from(p->o, last, outputs.dother, true);
    clear_perturbation(p, batch->count);
    loss += alpha * method_propagate_forward(p, batch, statistics);
    oracle_backward(p->o, batch->labels, alpha, true);
    oracle_backward_from(p->o, last, outputs.dz, true);
    memcpy(layer->perturbation, delta, bytes);
    free(delta);
    outputs_destroy(&outputs);
    return loss;
}

static void start_trades(method_program *p, const example_batch *batch) {
    const spar_method *m = &p->choices;
    if (m->start_distribution == SPAR_START_NORMAL) {
        start_by(p, batch->count, spar_random_normal, m->start, 0);
    } else {
        start_uniformly(p, batch->count, m->start * m->input_epsilon);
        clip_to_pixels(p, batch);
    }
}

double method_trades(method_program *p, const example_batch *batch) {
    const spar_method *m = &p->choices;
    outputs outputs = outputs_create(p);
    method_begin_step(p, batch);
    oracle_forward(p->o, batch->doubles, batch->count, !m->evaluation_mode, false);
    take_output(p, &outputs, outputs.z);
    start_trades(p, batch);
    for (int t = 0; t < m->iterations; t++) {
        // x′ ← Π(x′ + η·sign ∇)
        if (m->ascent == SPAR_ASCENT_DIVERGENCE) find_divergence_gradient(p, batch, &outputs);
        if (m->ascent == SPAR_ASCENT_LOSS) find_gradient(p, batch);
        climb(p, batch->count, m->climb * m->input_epsilon);
        clip_to_ball(p, batch->count);
        clip_to_pixels(p, batch);
    }
    outputs_destroy(&outputs);
    double loss = method_train_on_divergence(p, batch, LEARN_STATISTICS);
    method_update_parameters(p, batch);
    return loss;
}

// Of the auxiliary set, which is in place, alone.
static void update_normalizations(method_program *p) {
    double factors[ORACLE_MAX_LAYERS][4];
    for (int i = 0; i < p->o->layer_count; i++) {
        oracle_layer *layer = &p->o->layers[i];
        for (int k = 0; k < layer->parameter_count; k++) {
            factors[i][k] = layer->parameters[k].learning_rate_factor;
            if (layer->kind != ORACLE_BATCH_NORM) layer->parameters[k].learning_rate_factor = 0;
        }
    }
    oracle_update(p->o, &p->sgd);
    for (int i = 0; i < p->o->layer_count; i++) {
        oracle_layer *layer = &p->o->layers[i];
        for (int k = 0; k < layer->parameter_count; k++) layer->parameters[k].learning_rate_factor = factors[i][k];
    }
}

static void clear_normalizations(method_program *p) {
    for (int i = 0; i < p->o->layer_count; i++) {
        for (int k = 0; k < 4 && p->o->layers[i].kind == ORACLE_BATCH_NORM; k++) {
            oracle_parameter *parameter = &p->o->layers[i].parameters[k];
            memset(parameter->gradient, 0, parameter->count * sizeof(double));
        }
    }
}

double method_advprop(method_program *p, const example_batch *batch) {
    double alpha = p->choices.clean_weight, epsilon = p->choices.input_epsilon;
    size_t bytes = (size_t)batch->count * input_point(p)->size * sizeof(double);
    double *delta = check_allocate(bytes);
    method_begin_step(p, batch);
    // Generate the corresponding mini-batch of adversarial examples x^a using the auxiliary BNs.
    method_exchange_sets(p);
    start_uniformly(p, batch->count, p->choices.start * epsilon);
    clip_to_pixels(p, batch);
    for (int t = 0; t < p->choices.iterations; t++) {
        find_gradient(p, batch);
        climb(p, batch->count, p->choices.climb * epsilon);
        clip_to_ball(p, batch->count);
        clip_to_pixels(p, batch);
    }
    memcpy(delta, input_point(p)->perturbation, bytes);
    method_exchange_sets(p);
    // Compute loss L^c(θ, x^c, y) on clean mini-batch x^c using the main BNs.
    clear_perturbation(p, batch->count);
    method_propagate_forward(p, batch, LEARN_STATISTICS);
    oracle_backward(p->o, batch->labels, alpha, false);
    // Compute loss L^a(θ, x^a, y) on adversarial mini-batch x^a using the auxiliary BNs.
    method_exchange_sets(p);
    clear_normalizations(p);
    memcpy(input_point(p)->perturbation, delta, bytes);
    double loss = method_propagate_forward(p, batch, LEARN_STATISTICS);
    oracle_backward(p->o, batch->labels, 1 - alpha, true);
    update_normalizations(p);
    method_exchange_sets(p);
    method_update_parameters(p, batch);
    free(delta);
    return loss;
}
