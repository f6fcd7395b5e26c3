#include "check.h"
#include "method_words.h"
#include "perturbation.h"
#include "perturbed_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double *copy_of(const double *values, int count) {
    double *copy = check_allocate(count * sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static void copy_normalizations(method_program *p) {
    for (int i = 0; i < p->o->layer_count; i++) {
        const oracle_layer *layer = &p->o->layers[i];
        if (layer->kind != ORACLE_BATCH_NORM) continue;
        for (int k = 0; k < 4; k++) {
            const oracle_parameter *own = &layer->parameters[k];
            oracle_parameter *twin = &p->auxiliary[i][k];
            *twin = *own;
            snprintf(twin->name, sizeof twin->name, "sparring.auxiliary.%.28s", own->name);
            twin->value = copy_of(own->value, own->count);
            twin->gradient = copy_of(own->gradient, own->count);
            twin->velocity = copy_of(own->velocity, own->count);
            twin->square = copy_of(own->square, own->count);
        }
    }
}

void method_exchange_sets(method_program *p) {
    for (int i = 0; i < p->o->layer_count; i++) {
        for (int k = 0; k < 4 && p->o->layers[i].kind == ORACLE_BATCH_NORM; k++) {
            oracle_parameter own = p->o->layers[i].parameters[k];
            p->o->layers[i].parameters[k] = p->auxiliary[i][k];
            p->auxiliary[i][k] = own;
        }
    }
}

method_program *method_program_create(oracle *o, uint64_t seed, const spar_method *choices, const spar_sgd *sgd) {
    method_program *p = check_allocate(sizeof *p);
    p->o = o;
    p->seed = seed;
    p->choices = *choices;
    p->sgd = *sgd;
    for (int i = perturbation_next_point(o, 0); i >= 0; i = perturbation_next_point(o, i + 1)) {
        p->stored[i] = check_allocate((size_t)o->batch_size * o->layers[i].size * sizeof(double));
    }
    p->delta = check_allocate((size_t)o->batch_size * o->layers[0].size * sizeof(double));
    if (choices->separate_statistics) copy_normalizations(p);
    return p;
}

void method_program_destroy(method_program *p) {
    for (int i = 0; i < p->o->layer_count; i++) free(p->stored[i]);
    for (int i = 0; i < p->o->layer_count; i++) {
        for (int k = 0; k < 4; k++) {
            free(p->auxiliary[i][k].value);
            free(p->auxiliary[i][k].gradient);
            free(p->auxiliary[i][k].velocity);
            free(p->auxiliary[i][k].square);
        }
    }
    oracle_destroy(p->o);
    free(p->delta);
    free(p);
}

// ---------------------------------------------------------------------------------------------
// The words of the algorithms

static bool is_named(const char *names, const char *name) {
    char all[200], wanted[200];
    snprintf(all, sizeof all, ",%s,", names);
    snprintf(wanted, sizeof wanted, ",%s,", name);
    return strstr(all, wanted) != NULL;
}

int method_active_points(const method_program *p, active_point *list) {
    int count = 0, number = 0;
    bool past_last = false;
    for (int i = perturbation_next_point(p->o, 0); i >= 0; i = perturbation_next_point(p->o, i + 1), number++) {
        bool input = perturbation_at_input(p->o, i);
        bool chosen = !past_last &&
                      (p->choices.hidden_points == NULL || is_named(p->choices.hidden_points, p->o->layers[i].name));
        double epsilon = input ? p->choices.input_epsilon : chosen ? p->choices.epsilon : 0;
        if (epsilon != 0) list[count++] = (active_point){i, number, epsilon};
        past_last |= p->choices.last_point != NULL && strcmp(p->choices.last_point, p->o->layers[i].name) == 0;
    }
    return count;
}

double method_propagate_forward(method_program *p, const example_batch *batch, enum statistics statistics) {
    oracle_forward(p->o, batch->doubles, batch->count, true, statistics == LEARN_STATISTICS);
    return oracle_loss(p->o, batch->labels);
}

void method_begin_step(method_program *p, const example_batch *batch) {
    oracle_clear_perturbations(p->o);
    oracle_draw_dropout(p->o, p->seed, p->step, batch->count);
}

// The gradient at w + ν takes the place of the one that is there, at w: of J with what the points add, and of J
// without.
static void take_gradient_at_perturbed_weights(method_program *p, const example_batch *batch) {
    double alpha = p->choices.clean_weight, *weights = oracle_perturb_weights(p->o, &p->choices);
    if (p->choices.divergence_weight > 0) {
        method_train_on_divergence(p, batch, KEEP_STATISTICS);
        oracle_restore_weights(p->o, weights);
        return;
    }
    method_propagate_forward(p, batch, KEEP_STATISTICS);
    oracle_backward(p->o, batch->labels, 1 - alpha, false);
    if (alpha > 0) {
        oracle_clear_perturbations(p->o);
        method_propagate_forward(p, batch, KEEP_STATISTICS);
        oracle_backward(p->o, batch->labels, alpha, true);
    }
    oracle_restore_weights(p->o, weights);
}

void method_update_parameters(method_program *p, const example_batch *batch) {
    if (p->choices.weight_radius > 0) take_gradient_at_perturbed_weights(p, batch);
    oracle_update(p->o, &p->sgd);
    p->step++;
}

// η at a point from gradients of `count` images.
static void perturb(method_program *p, const active_point *point, const double *gradient, int count, double deviation) {
    oracle_layer *layer = &p->o->layers[point->layer];
    perturbation_from_gradient(&p->choices, point->epsilon, gradient, count, layer->size, deviation, p->seed, p->step,
                               point->number, layer->perturbation);
}

// ---------------------------------------------------------------------------------------------
// The algorithms

double method_back_propagation(method_program *p, const example_batch *batch) {
    method_begin_step(p, batch);
    double loss = method_propagate_forward(p, batch, LEARN_STATISTICS);
    oracle_backward(p->o, batch->labels, 1, false);
    method_update_parameters(p, batch);
    return loss;
}

double method_adversarial_back_propagation(method_program *p, const example_batch *batch) {
    method_begin_step(p, batch);
    // 1. Propagate the input x forward to the output layer as in standard back-propagation.
    method_propagate_forward(p, batch, KEEP_STATISTICS);
    // 2. Calculate the error and back-propagate the gradient all the way to the input layer.
    oracle_backward(p->o, batch->labels, 1, false);
    const double *e = p->o->layers[0].gradient;
    // 3. Calculate the perturbed input z = x + ε sign(e).
    int count = batch->count * p->o->layers[0].size;
    double *z = check_allocate(count * sizeof *z);
    for (int i = 0; i < count; i++) {
        z[i] = batch->doubles[i] + p->choices.input_epsilon * perturbation_sign(e[i]);
    }
    // 4. Perform forward and backward pass as in standard back-propagation, but use z instead of x as input.
    example_batch perturbed = *batch;
    perturbed.doubles = z;
    double loss = method_propagate_forward(p, &perturbed, LEARN_STATISTICS);
    oracle_backward(p->o, batch->labels, 1, false);
    // 5. Update weights and biases based on gradients from step 4.
    method_update_parameters(p, &perturbed);
    free(z);
    return loss;
}

double method_fast_gradient_sign_joint(method_program *p, const example_batch *batch) {
    double alpha = p->choices.clean_weight;
    active_point points[ORACLE_MAX_LAYERS];
    method_begin_step(p, batch);
    // ∇J(θ, X, Y) where the perturbation goes: ε·sign of it at the input; ε·range·sign at hidden points.
    method_propagate_forward(p, batch, LEARN_STATISTICS);
    oracle_backward(p->o, batch->labels, 1, false);
    int count = method_active_points(p, points);
    for (int i = 0; i < count; i++) perturb(p, &points[i], p->o->layers[points[i].layer].gradient, batch->count, 0);
    // J̃ = α J(θ, X, Y) + (1 − α) J(θ, X + ε sign(∇J), Y)
    oracle_backward(p->o, batch->labels, alpha, false);
    double loss = method_propagate_forward(p, batch, KEEP_STATISTICS);
    oracle_backward(p->o, batch->labels, 1 - alpha, true);
    method_update_parameters(p, batch);
    return loss;
}

// Keeps ∇J at the points and s(h) for the next batch.
static void store_gradients(method_program *p, const example_batch *batch) {
    for (int i = perturbation_next_point(p->o, 0); i >= 0; i = perturbation_next_point(p->o, i + 1)) {
        size_t bytes = (size_t)batch->count * p->o->layers[i].size * sizeof(double);
        memcpy(p->stored[i], p->o->layers[i].gradient, bytes);
        p->stored_deviation[i] = perturbation_deviation(p->o, i);
    }
    p->stored_count = batch->count;
}

// X_c + ε_c · r_c of Eq. 6, r_c from the previous batch (rows both batches have); nothing before there is one.
static void perturb_with_stored(method_program *p) {
    active_point points[ORACLE_MAX_LAYERS];
    int count = p->stored_count > 0 ? method_active_points(p, points) : 0;
    for (int i = 0; i < count; i++) {
        int layer = points[i].layer;
        perturb(p, &points[i], p->stored[layer], p->stored_count, p->stored_deviation[layer]);
    }
}

double method_layerwise(method_program *p, const example_batch *batch) {
    method_begin_step(p, batch);
    // 4, 8. Forward pass; from the second batch on each gradient accumulation layer acts as X_c + ε·r_c.
    perturb_with_stored(p);
    double loss = method_propagate_forward(p, batch, LEARN_STATISTICS);
    // 5, 9. Backward pass; each layer stores r_c = sign(∇_c J(θ, X + R, Y)).
    oracle_backward(p->o, batch->labels, 1, false);
    method_update_parameters(p, batch);
    store_gradients(p, batch);
    return loss;
}

double method_layerwise_joint(method_program *p, const example_batch *batch) {
    double alpha = p->choices.clean_weight;
    method_begin_step(p, batch);
    // J(X + R), with R as in Algorithm 1; its own gradient, without a weight, is stored.
    perturb_with_stored(p);
    double loss = method_propagate_forward(p, batch, KEEP_STATISTICS);
    oracle_backward(p->o, batch->labels, 1, false);
    store_gradients(p, batch);
    // α J(X) + (1 − α) J(X + R)
    oracle_backward(p->o, batch->labels, 1 - alpha, false);
    oracle_clear_perturbations(p->o);
    method_propagate_forward(p, batch, LEARN_STATISTICS);
    oracle_backward(p->o, batch->labels, alpha, true);
    method_update_parameters(p, batch);
    return loss;
}

double method_adversarial_noise_layer(method_program *p, const example_batch *batch) {
    active_point points[ORACLE_MAX_LAYERS];
    // η ← 0
    method_begin_step(p, batch);
    // Calculate s(h_t) through forward propagation.
    method_propagate_forward(p, batch, KEEP_STATISTICS);
    // g_t ← ∇_{h_t} J(x, y; θ, η)
    oracle_backward(p->o, batch->labels, 1, false);
    // For each η_t: pick r with Eq. 2, update η_t with Eq. 5 (or Eq. 4, without s).
    int count = method_active_points(p, points);
    for (int i = 0; i < count; i++) {
        int layer = points[i].layer;
        perturb(p, &points[i], p->o->layers[layer].gradient, batch->count, perturbation_deviation(p->o, layer));
    }
    // Calculate the loss J(x, y; θ, η) with adversarial noise η.
    double loss = method_propagate_forward(p, batch, LEARN_STATISTICS);
    // θ ← θ − λ ∇_θ J(x, y; θ, η)
    oracle_backward(p->o, batch->labels, 1, false);
    method_update_parameters(p, batch);
    return loss;
}

double method_noise(method_program *p, const example_batch *batch) {
    active_point points[ORACLE_MAX_LAYERS];
    method_begin_step(p, batch);
    int count = method_active_points(p, points);
    for (int i = 0; i < count; i++) {
        oracle_layer *layer = &p->o->layers[points[i].layer];
        perturbation_draw_noise(layer, p->seed, p->step, points[i].number, batch->count, layer->perturbation);
        for (int k = 0; k < batch->count * layer->size; k++) layer->perturbation[k] *= points[i].epsilon;
    }
    double loss = method_propagate_forward(p, batch, LEARN_STATISTICS);
    oracle_backward(p->o, batch->labels, 1, false);
    method_update_parameters(p, batch);
    return loss;
}
