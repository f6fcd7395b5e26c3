// The optimizers, and what they have in common: their settings, how parameters are shared out, and max-norm.
#include "train/optimizer.h"

#include "runtime/parallel.h"
#include "runtime/structure.h"

#include <math.h>
#include <string.h>

static const spar_optimizer_row *const rows[] = {
    [SPAR_OPTIMIZER_SGD] = &spar_optimizer_sgd, [SPAR_OPTIMIZER_ADAMW] = &spar_optimizer_adamw};

static const spar_setting common[] = {{"learning rate", offsetof(spar_optimizer, learning_rate), 0, INFINITY},
                                      {"weight decay", offsetof(spar_optimizer, weight_decay), 0, INFINITY},
                                      {"norm to clip at", offsetof(spar_optimizer, clip_norm), 0, INFINITY},
                                      {"max-norm", offsetof(spar_optimizer, max_norm), 0, INFINITY},
                                      {0}};

static spar_status find_row(spar_optimizer_kind kind, const spar_optimizer_row **row) {
    if ((size_t)kind >= sizeof rows / sizeof *rows) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "there is no optimizer %d", (int)kind);
    }
    *row = rows[kind];
    return SPAR_OK;
}

#define OPTIMIZER SPAR_STRUCTURE(spar_optimizer, epsilon)

spar_status spar_optimizer_set_defaults(spar_optimizer *optimizer, uint32_t struct_size, spar_optimizer_kind kind) {
    const spar_optimizer_row *row = NULL;
    spar_status status = find_row(kind, &row);
    spar_optimizer defaults = status == SPAR_OK ? row->defaults : (spar_optimizer){.kind = kind};
    SPAR_TRY(spar_fill_defaults(OPTIMIZER, &defaults, optimizer, struct_size));
    return status;
}

static spar_status check_settings(const spar_optimizer_row *row, const spar_setting *list,
                                  const spar_optimizer *optimizer) {
    for (const spar_setting *setting = list; setting->name != NULL; setting++) {
        float value = *(const float *)((const char *)optimizer + setting->offset);
        if (value >= setting->lowest && value < setting->bound) continue;
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: the %s is %g, which has to be at least %g and below %g", row->name,
                         setting->name, (double)value, (double)setting->lowest, (double)setting->bound);
    }
    return SPAR_OK;
}

static spar_status take_optimizer(const spar_optimizer *given, spar_optimizer *optimizer,
                                  const spar_optimizer_row **row) {
    SPAR_TRY(spar_check_structure(OPTIMIZER, given));
    SPAR_TRY(find_row(given->kind, row));
    *optimizer = (*row)->defaults;
    SPAR_TRY(spar_take_structure(OPTIMIZER, given, optimizer));
    SPAR_TRY(check_settings(*row, common, optimizer));
    SPAR_TRY(check_settings(*row, (*row)->settings, optimizer));
    if (optimizer->decay_scope == SPAR_DECAY_ALL || optimizer->decay_scope == SPAR_DECAY_WEIGHTS) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%s: there is no decay scope %d", (*row)->name, (int)optimizer->decay_scope);
}

spar_status spar_begin_update(spar_network *network, const spar_optimizer *optimizer, spar_pending_update *update) {
    *update = (spar_pending_update){.network = network, .gradient_factor = 1};
    memcpy(update->before, network->slots, sizeof update->before);
    SPAR_TRY(take_optimizer(optimizer, &update->settings, &update->row));
    update->needs_states = update->row->needs_states == NULL || update->row->needs_states(&update->settings);
    for (int i = 0; i < update->row->state_count && update->needs_states; i++) {
        SPAR_TRY(spar_hold_state(network, update->row->states[i]));
    }
    return SPAR_OK;
}

void spar_drop_update(spar_pending_update *update) {
    if (update->network != NULL) spar_give_back_states(update->network, update->before);
}

// The optimizer's states take the place of another's. What these have seen is none of the first update's.
static void take_states(const spar_pending_update *update) {
    spar_network *network = update->network;
    spar_parameter_part kept[SPAR_MOST_STATES + 1] = {SPAR_PART_AVERAGE};
    bool are_there = false;
    for (int i = 0; i < update->row->state_count; i++) {
        spar_parameter_part state = kept[i + 1] = update->row->states[i];
        are_there = are_there || update->before[state] != NULL;
    }
    spar_keep_states(network, kept, update->row->state_count + 1);
    for (int p = 0; p < spar_listed_parameters(network) && !are_there; p++) network->parameters[p].updates = 0;
}

void spar_visit_stretches(const spar_network *network, int64_t start, int64_t end,
                          void (*visit)(void *context, const spar_parameter *parameter, int64_t first, int64_t last),
                          void *context) {
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (!spar_learns(parameter)) continue;
        int64_t first = spar_place_of(network, parameter);
        int64_t last = first + parameter->spec.rows * parameter->spec.stride;
        if (first < start) first = start;
        if (last > end) last = end;
        if (first < last) visit(context, parameter, first, last);
    }
}

static void update_stretch(void *context, const spar_parameter *parameter, int64_t first, int64_t last) {
    const spar_pending_update *update = context;
    const spar_network *network = update->network;
    const spar_optimizer *settings = &update->settings;
    bool decays = settings->decay_scope == SPAR_DECAY_ALL || parameter->spec.is_weight;
    spar_update_stretch stretch = {.value = network->slots[SPAR_PART_VALUE] + first,
                                   .gradient = network->slots[SPAR_PART_GRADIENT] + first,
                                   .count = last - first,
                                   .number = parameter->updates + 1,
                                   .gradient_factor = update->gradient_factor,
                                   .learning_rate = settings->learning_rate * parameter->learning_rate_factor,
                                   .weight_decay = decays ? settings->weight_decay : 0};
    for (int i = 0; i < update->row->state_count; i++) {
        float *state = network->slots[update->row->states[i]];
        stretch.states[i] = state == NULL ? NULL : state + first;
    }
    update->row->update(network->run.kernels, settings, &stretch);
}

enum { PIECE = 1 << 14 };

static void update_pieces(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const spar_pending_update *update = context;
    spar_visit_stretches(update->network, first * PIECE, last * PIECE, update_stretch, context);
}

// Blocks of 16 columns whose norms are limited.
static int64_t limited_blocks(const spar_parameter *parameter) {
    return parameter->spec.is_weight && spar_learns(parameter) ? parameter->spec.stride / 16 : 0;
}

// An index is one of the blocks of all parameters.
static void limit_norms(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const spar_pending_update *update = context;
    const spar_network *network = update->network;
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        int64_t blocks = limited_blocks(parameter), end = last < blocks ? last : blocks;
        for (int64_t block = first > 0 ? first : 0; block < end; block++) {
            network->run.kernels->limit_norms(parameter->value + 16 * block, parameter->spec.rows,
                                              parameter->spec.stride, update->settings.max_norm);
        }
        first -= blocks, last -= blocks;
    }
}

spar_status spar_clip_update(spar_pending_update *update) {
    double norm, bound = update->settings.clip_norm;
    if (bound == 0) return SPAR_OK;
    SPAR_TRY(spar_gradient_norm(update->network, &norm));
    double factor = bound / (norm + 1e-6); // as PyTorch's clip_grad_norm_
    if (factor < 1) update->gradient_factor = (float)factor;
    return SPAR_OK;
}

static spar_status check_gradients(const spar_network *network) {
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (!spar_learns(parameter) || parameter->has_gradient) continue;
        return spar_fail(SPAR_ERROR_STATE,
                         "spar_update: %s has no gradient since update %llu; a backward pass with "
                         "SPAR_BACKWARD_WEIGHTS makes them",
                         parameter->name, (unsigned long long)network->step);
    }
    return SPAR_OK;
}

void spar_finish_update(spar_pending_update *update) {
    spar_network *network = update->network;
    take_states(update);
    int64_t pieces = (network->trainable_floats + PIECE - 1) / PIECE;
    spar_parallel(network->run.threads, pieces, update_pieces, update);
    if (update->settings.max_norm > 0) {
        int64_t blocks = 0;
        for (int p = 0; p < network->parameter_count; p++) blocks += limited_blocks(&network->parameters[p]);
        spar_parallel(network->run.threads, blocks, limit_norms, update);
    }
    for (int p = 0; p < network->parameter_count; p++) {
        spar_parameter *parameter = &network->parameters[p];
        bool counts = update->needs_states && spar_learns(parameter);
        parameter->updates += counts && parameter->updates < INT64_MAX;
    }
    spar_mark_gradients(network, false);
    network->run.weights_version++;
    network->step++;
}

spar_status spar_update(spar_network *network, const spar_optimizer *optimizer) {
    SPAR_REQUIRE_POINTER(network);
    spar_pending_update update;
    spar_status status = spar_begin_update(network, optimizer, &update);
    if (status == SPAR_OK) status = check_gradients(network);
    if (status == SPAR_OK) status = spar_clip_update(&update);
    (status == SPAR_OK ? spar_finish_update : spar_drop_update)(&update);
    return status;
}
