// Weights as one more place of perturbation: w + ν while a step takes its objective's gradient again.
#include "graph/network.h"

#include "runtime/parallel.h"

#include <math.h>
#include <string.h>

// Their sums are added in their order, so that no number of threads shows in them.
enum { PIECE = 1 << 14 };

static int64_t floats_of(const spar_parameter *parameter) {
    return parameter->spec.rows * parameter->spec.stride;
}

static bool has_in_scope(const spar_method *method, const spar_parameter *parameter) {
    const spar_parameter_spec *spec = &parameter->spec;
    if (method->weight_radius == 0 || !spec->trainable) return false;
    if (method->weight_scope == SPAR_WEIGHT_SCOPE_NORMALIZATION) return spec->normalizes;
    return method->weight_scope == SPAR_WEIGHT_SCOPE_ALL || spec->rank > 1;
}

bool spar_perturbs_parameter(const spar_network *network, const spar_parameter *parameter) {
    return spar_learns(parameter) && has_in_scope(&network->method, parameter);
}

static void cut_parameter(const spar_network *network, int p, spar_perturbed_weights *weights) {
    int64_t floats = floats_of(&network->parameters[p]);
    for (int64_t first = 0; first < floats; first += PIECE) {
        int64_t count = floats - first < PIECE ? floats - first : PIECE;
        if (weights->pieces != NULL) {
            weights->pieces[weights->count] = (spar_weight_piece){
                .parameter = p, .first = first, .count = count, .original = weights->originals + weights->floats};
        }
        weights->count++;
        weights->floats += count;
    }
}

static void cut_parameters(const spar_network *network, const spar_method *method, spar_perturbed_weights *weights) {
    weights->count = weights->floats = 0;
    int count = spar_parameter_count_with(network, method);
    for (int p = 0; p < count; p++) {
        if (has_in_scope(method, &network->parameters[p])) cut_parameter(network, p, weights);
    }
}

spar_status spar_find_perturbed_weights(const spar_network *network, const spar_method *method,
                                        spar_perturbed_weights *weights) {
    *weights = (spar_perturbed_weights){0};
    if (method->weight_radius == 0) return SPAR_OK;
    cut_parameters(network, method, weights);
    if (weights->count == 0) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "method: the network has no %s to perturb by a weight radius of %g",
                         method->weight_scope == SPAR_WEIGHT_SCOPE_NORMALIZATION ? "batch normalization" : "weights",
                         (double)method->weight_radius);
    }
    weights->pieces = spar_allocate((size_t)weights->count, sizeof *weights->pieces);
    weights->originals = spar_allocate((size_t)weights->floats, sizeof *weights->originals);
    if (weights->pieces == NULL || weights->originals == NULL) {
        spar_discard_perturbed_weights(weights);
        return SPAR_ERROR_MEMORY;
    }
    cut_parameters(network, method, weights);
    return SPAR_OK;
}

void spar_discard_perturbed_weights(spar_perturbed_weights *weights) {
    spar_release(weights->pieces);
    spar_release(weights->originals);
    *weights = (spar_perturbed_weights){0};
}

static void for_each_piece(spar_network *network, spar_task task) {
    spar_parallel(network->run.threads, network->perturbed_weights.count, task, network);
}

static void keep_pieces(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const spar_network *network = context;
    for (spar_weight_piece *piece = network->perturbed_weights.pieces + first;
         piece < network->perturbed_weights.pieces + last; piece++) {
        const spar_parameter *parameter = &network->parameters[piece->parameter];
        const float *value = parameter->value + piece->first;
        memcpy(piece->original, value, (size_t)piece->count * sizeof *value);
        piece->value = network->run.kernels->sum_of_squares(value, piece->count);
        piece->gradient = network->run.kernels->sum_of_squares(parameter->gradient + piece->first, piece->count);
        if (!spar_learns(parameter) || piece->parameter >= network->parameter_count) piece->gradient = 0;
    }
}

static void move_pieces(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const spar_network *network = context;
    for (const spar_weight_piece *piece = network->perturbed_weights.pieces + first;
         piece < network->perturbed_weights.pieces + last; piece++) {
        const spar_parameter *parameter = &network->parameters[piece->parameter];
        if (piece->magnitude == 0) continue;
        network->run.kernels->add_scaled(parameter->value + piece->first, parameter->gradient + piece->first,
                                         piece->count, piece->unit, piece->magnitude);
    }
}

static void restore_pieces(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const spar_network *network = context;
    for (const spar_weight_piece *piece = network->perturbed_weights.pieces + first;
         piece < network->perturbed_weights.pieces + last; piece++) {
        float *value = network->parameters[piece->parameter].value + piece->first;
        memcpy(value, piece->original, (size_t)piece->count * sizeof *value);
    }
}

// Pieces that share a norm: all, or those of a parameter. A power of two apart keeps factors of tiny gradients floats.
static void set_magnitudes(const spar_method *method, spar_weight_piece *first, spar_weight_piece *last) {
    double gradient = 0, value = 0;
    for (const spar_weight_piece *piece = first; piece < last; piece++) {
        gradient += piece->gradient;
        value += piece->value;
    }
    double length = method->weight_norm == SPAR_WEIGHT_NORM_EACH ? sqrt(value) : 1;
    double factor = gradient > 0 ? method->weight_radius * length / sqrt(gradient) : 0;
    int exponent;
    frexp(factor, &exponent);
    exponent = exponent < -126 ? -126 : exponent > 126 ? 126 : exponent;
    for (spar_weight_piece *piece = first; piece < last; piece++) {
        piece->unit = ldexpf(1, exponent);
        piece->magnitude = piece->gradient > 0 ? (float)ldexp(factor, -exponent) : 0;
    }
}

static spar_status check_gradients(const spar_network *network) {
    for (int64_t i = 0; i < network->perturbed_weights.count; i++) {
        const spar_weight_piece *piece = &network->perturbed_weights.pieces[i];
        if (isfinite(piece->gradient)) continue;
        return spar_fail(SPAR_ERROR_NON_FINITE,
                         "%s: its gradient is not finite after %llu updates: training has diverged",
                         network->parameters[piece->parameter].name, (unsigned long long)network->step);
    }
    return SPAR_OK;
}

spar_status spar_perturb_weights(spar_network *network) {
    for_each_piece(network, keep_pieces);
    SPAR_TRY(check_gradients(network));
    spar_weight_piece *piece = network->perturbed_weights.pieces, *end = piece + network->perturbed_weights.count;
    bool each = network->method.weight_norm == SPAR_WEIGHT_NORM_EACH;
    for (spar_weight_piece *next; piece < end; piece = next) {
        for (next = piece + 1; next < end && !(each && next->parameter != piece->parameter);) next++;
        set_magnitudes(&network->method, piece, next);
    }
    for_each_piece(network, move_pieces);
    network->run.weights_version++;
    return SPAR_OK;
}

void spar_restore_weights(spar_network *network) {
    for_each_piece(network, restore_pieces);
    network->run.weights_version++;
}
