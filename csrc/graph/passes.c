// Forward and backward passes.
#include "graph/chain.h"

#include "ops/sweep.h"
#include "runtime/finite.h"
#include "runtime/structure.h"

#include <float.h>
#include <math.h>
#include <string.h>

static spar_status check_output_values(const spar_network *network) {
    const spar_tensor *output = &network->tensors[network->output];
    for (int64_t n = 0; n < network->run.batch; n++) {
        for (int c = 0; c < output->extent.channels; c++) {
            float z = output->data[n * output->stride + c];
            if (isfinite(z)) continue;
            return spar_fail(SPAR_ERROR_NON_FINITE,
                             "the output of class %d for image %lld is %g after %llu updates: training has diverged", c,
                             (long long)n, (double)z, (unsigned long long)network->step);
        }
    }
    return SPAR_OK;
}

static spar_status check_batch(const spar_network *network, int32_t count) {
    const spar_part *part = &network->part;
    int32_t least = count; // of all ranks, so that each has the answer
    for (int rank = 0; part->own_statistics && rank < part->ranks; rank++) {
        int64_t samples = spar_part_samples(part, rank, count);
        if (samples > 0 && samples < least) least = (int32_t)samples;
    }
    for (int v = 0; v < network->graph->count; v++) {
        const spar_node *node = &network->graph->nodes[v];
        if (network->live[v] && node->layer->check_batch != NULL) SPAR_TRY(node->layer->check_batch(node, least));
    }
    return SPAR_OK;
}

spar_status spar_check_count(const spar_network *network, const char *call, int32_t count) {
    if (count >= 1 && count <= network->options.batch_size) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "%sa batch of %d images: the network takes 1 to %d", call, count,
                     network->options.batch_size);
}

static spar_status check_forward(const spar_network *network, const float *images, int32_t count, uint32_t flags) {
    SPAR_TRY(spar_check_count(network, "", count));
    if (spar_part_samples(&network->part, network->part.rank, count) > 0) SPAR_REQUIRE_POINTER(images);
    uint32_t known = SPAR_FORWARD_TRAIN | SPAR_FORWARD_UPDATE_STATISTICS | SPAR_FORWARD_PERTURB | SPAR_FORWARD_MEASURE |
                     SPAR_FORWARD_AUXILIARY;
    if (flags & ~known) return spar_fail(SPAR_ERROR_ARGUMENT, "forward: flags 0x%x are unknown", flags & ~known);
    if (flags & SPAR_FORWARD_AUXILIARY && !network->method.separate_statistics) {
        return spar_fail(SPAR_ERROR_STATE, "forward: there are no auxiliary batch norms; a method with separate "
                                           "statistics has them");
    }
    return flags & SPAR_FORWARD_TRAIN ? check_batch(network, count) : SPAR_OK;
}

spar_status spar_begin_pass(const spar_network *network, spar_call call, const float *images, int32_t count,
                            uint32_t flags, spar_status status) {
    if (status == SPAR_OK) status = check_forward(network, images, count, flags);
    return spar_agree(network, call, count, status);
}

static void begin_run(spar_network *network, int32_t count, uint32_t flags) {
    spar_run *run = &network->run;
    network->ran_forward = network->ran_backward = false;
    network->has_input_gradient = false;
    run->part = network->part;
    run->part.batch = count;
    run->first = spar_part_start(&run->part, run->part.rank);
    run->batch = (int)spar_part_samples(&run->part, run->part.rank, count);
    run->flags = flags;
    run->step = network->step;
    run->seed = network->options.seed;
}

// A rank that fails runs the pass all the same, with whatever numbers, so that no other waits for it.
spar_status spar_forward_uncommitted(spar_network *network, const float *images, int32_t count, uint32_t flags) {
    SPAR_TRY(check_forward(network, images, count, flags));
    begin_run(network, count, flags);
    spar_status status = spar_take_images(network, images);
    if (network->ranks == NULL) SPAR_TRY(status);
    if (flags & SPAR_FORWARD_PERTURB) spar_find_extremes(network);
    spar_run_passes(network, false);
    spar_call call = status == SPAR_OK ? SPAR_CALL_OUTPUT : SPAR_CALL_IMAGES;
    if (status == SPAR_OK) status = check_output_values(network);
    SPAR_TRY(spar_agree(network, call, count, status));
    network->ran_forward = true;
    return SPAR_OK;
}

void spar_begin_changes(spar_network *network) {
    for (int p = 0; p < network->point_count; p++) spar_point_begin_changes(&network->points[p]);
}

void spar_commit_changes(spar_network *network) {
    for (int s = 0; s < network->operation_count; s++) spar_sweep_commit(network->operations[s].sweep, true);
}

void spar_undo_changes(spar_network *network) {
    for (int p = 0; p < network->point_count; p++) spar_point_undo_changes(&network->points[p]);
    for (int s = 0; s < network->operation_count; s++) spar_sweep_commit(network->operations[s].sweep, false);
}

spar_status spar_forward(spar_network *network, const float *images, int32_t count, uint32_t flags) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_begin_pass(network, SPAR_CALL_FORWARD, images, count, flags, SPAR_OK));
    spar_begin_changes(network);
    spar_status status = spar_forward_uncommitted(network, images, count, flags);
    if (status == SPAR_OK) status = spar_join_own_statistics(network);
    (status == SPAR_OK ? spar_commit_changes : spar_undo_changes)(network);
    return status;
}

static spar_status require_forward(const spar_network *network, const char *call) {
    if (network == NULL) return spar_fail(SPAR_ERROR_ARGUMENT, "%s: network is NULL", call);
    if (network->ran_forward) return SPAR_OK;
    return spar_fail(SPAR_ERROR_STATE, "%s: there is no forward pass to follow", call);
}

spar_status spar_read_output(const spar_network *network, float *output) {
    SPAR_REQUIRE_POINTER(output);
    SPAR_TRY(require_forward(network, __func__));
    const spar_tensor *tensor = &network->tensors[network->output];
    int classes = tensor->extent.channels;
    for (int64_t n = 0; n < network->run.batch; n++) {
        for (int c = 0; c < classes; c++) output[n * classes + c] = tensor->data[n * tensor->stride + c];
    }
    return SPAR_OK;
}

spar_status spar_evaluate_loss(spar_network *network, const int32_t *labels, spar_loss_result *result) {
    SPAR_REQUIRE_POINTER(result);
    spar_criterion criterion = {.struct_size = sizeof criterion, .labels = labels};
    return spar_evaluate_criterion(network, &criterion, NULL, result);
}

spar_status spar_evaluate_criterion(spar_network *network, const spar_criterion *given, double *losses,
                                    spar_loss_result *result) {
    spar_criterion criterion;
    spar_loss_result own;
    spar_status status = spar_take_criterion(given, &criterion);
    if (status == SPAR_OK && result != NULL) status = spar_check_structure(SPAR_LOSS_RESULT, result);
    if (status == SPAR_OK) status = require_forward(network, __func__);
    SPAR_TRY(network == NULL ? status : spar_agree(network, SPAR_CALL_BACKWARD, 0, status));
    SPAR_TRY(spar_find_loss(network, &criterion, 0, losses, &own));
    if (result != NULL) spar_fill_structure(SPAR_LOSS_RESULT, &own, result);
    return SPAR_OK;
}

// `momentum`: negative for the layers' own.
static spar_status update_statistics(spar_network *network, const char *call, float momentum) {
    SPAR_TRY(require_forward(network, call));
    if (!(network->run.flags & SPAR_FORWARD_TRAIN) || network->run.flags & SPAR_FORWARD_UPDATE_STATISTICS) {
        return spar_fail(SPAR_ERROR_STATE,
                         "%s: the last forward pass was not in training mode, or the statistics have learned from it",
                         call);
    }
    spar_begin_changes(network);
    network->run.flags |= SPAR_FORWARD_UPDATE_STATISTICS;
    for (int s = 0; s < network->operation_count; s++) {
        spar_sweep_learn(network->operations[s].sweep, &network->run, momentum);
    }
    spar_status status = spar_join_own_statistics(network);
    (status == SPAR_OK ? spar_commit_changes : spar_undo_changes)(network);
    return status;
}

spar_status spar_update_statistics(spar_network *network) {
    return update_statistics(network, __func__, -1);
}

spar_status spar_update_statistics_by(spar_network *network, float momentum) {
    if (!(momentum >= 0 && momentum <= 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "spar_update_statistics_by: a momentum of %g, not between 0 and 1",
                         (double)momentum);
    }
    return update_statistics(network, __func__, momentum);
}

static bool any_learns(const spar_network *network, spar_parameter *const *parameters) {
    for (int p = 0; p < SPAR_MAX_PARAMETERS; p++) {
        if (parameters[p] == NULL) continue;
        const spar_parameter *parameter = spar_parameter_of(parameters[p], network->run.flags);
        if (!spar_learns(parameter)) continue;
        if (!network->aims || spar_perturbs_parameter(network, parameter)) return true;
    }
    return false;
}

static void find_targets(const spar_network *network, spar_operation *operation, uint32_t flags) {
    bool learns = any_learns(network, operation->parameters), records = false;
    for (int s = 0; operation->sweep != NULL && s < operation->sweep->count; s++) {
        const spar_stage *stage = &operation->sweep->stages[s];
        learns = learns || any_learns(network, stage->parameters);
        records = records || (stage->point != NULL && stage->point->active);
    }
    operation->learns = flags & SPAR_BACKWARD_WEIGHTS && learns;
    operation->reached = operation->learns || (flags & SPAR_BACKWARD_RECORD && records) || operation->kept[0] != NULL;
}

// Backward need not go below the lowest value whose gradient somebody asked for.
static void find_wanted(spar_network *network, uint32_t flags) {
    network->wanted[0] = flags & SPAR_BACKWARD_INPUT;
    for (int s = 0; s < network->operation_count; s++) {
        spar_operation *operation = &network->operations[s];
        find_targets(network, operation, flags);
        for (int i = 0; i < operation->input_count; i++) {
            operation->wanted[i] = network->wanted[network->root[operation->inputs[i] - network->tensors]];
            operation->reached = operation->reached || operation->wanted[i];
        }
        network->wanted[network->root[operation->output - network->tensors]] = operation->reached;
    }
}

static spar_status check_backward(const spar_network *network, const char *call, float scale, uint32_t flags) {
    SPAR_TRY(require_forward(network, call));
    if (network->ran_backward) {
        return spar_fail(SPAR_ERROR_STATE,
                         "%s: a backward pass has overwritten the activations of the last forward pass", call);
    }
    uint32_t known = SPAR_BACKWARD_DATA | SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_INPUT | SPAR_BACKWARD_RECORD |
                     SPAR_BACKWARD_ACCUMULATE;
    if (flags & ~known) return spar_fail(SPAR_ERROR_ARGUMENT, "backward: flags 0x%x are unknown", flags & ~known);
    // Points divide by the scale what they record.
    if (scale >= FLT_MIN && scale < INFINITY) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "backward: the loss scale is %g; it must be finite and at least %g",
                     (double)scale, (double)FLT_MIN);
}

// From the output's gradient, which is there, to everything asked for.
static spar_status run_backward(spar_network *network, float scale, uint32_t flags) {
    network->ran_backward = true;
    network->run.backward_flags = flags;
    network->run.scale = scale;
    find_wanted(network, flags);
    spar_run_passes(network, true);
    network->has_input_gradient = flags & SPAR_BACKWARD_INPUT;
    SPAR_TRY(spar_check_exchanges(network));
    if (flags & SPAR_BACKWARD_WEIGHTS) spar_mark_gradients(network, true);
    return SPAR_OK;
}

spar_status spar_backward(spar_network *network, const int32_t *labels, float scale, uint32_t flags,
                          spar_loss_result *result) {
    spar_criterion criterion = {.struct_size = sizeof criterion, .labels = labels};
    return spar_backward_criterion(network, &criterion, scale, flags, result);
}

spar_status spar_backward_criterion(spar_network *network, const spar_criterion *given, float scale, uint32_t flags,
                                    spar_loss_result *result) {
    spar_criterion criterion;
    spar_loss_result own;
    spar_status status = spar_take_criterion(given, &criterion);
    if (status == SPAR_OK && result != NULL) status = spar_check_structure(SPAR_LOSS_RESULT, result);
    if (status == SPAR_OK) status = check_backward(network, __func__, scale, flags);
    SPAR_TRY(network == NULL ? status : spar_agree(network, SPAR_CALL_BACKWARD, flags, status));
    SPAR_TRY(spar_find_loss(network, &criterion, scale, NULL, &own));
    SPAR_TRY(run_backward(network, scale, flags));
    if (result != NULL) spar_fill_structure(SPAR_LOSS_RESULT, &own, result);
    return SPAR_OK;
}

spar_status spar_backward_objective(spar_network *network, const spar_objective *objective, uint32_t flags,
                                    spar_loss_result *result) {
    float scale = objective->loss > 0 ? objective->loss : objective->divergence;
    SPAR_TRY(check_backward(network, "training step", scale, flags));
    SPAR_TRY(spar_find_objective(network, objective, result));
    return run_backward(network, scale, flags);
}

spar_status spar_put_output_gradient(spar_network *network, const char *call, const float *gradient, float scale) {
    const spar_tensor *output = &network->tensors[network->output];
    int classes = output->extent.channels;
    int64_t count = (int64_t)network->run.batch * classes, i = spar_first_non_finite(gradient, count);
    if (i < count) {
        return spar_fail(SPAR_ERROR_NON_FINITE, "%s: the gradient of output %lld of image %lld is %g", call,
                         (long long)(i % classes), (long long)(i / classes), (double)gradient[i]);
    }
    for (int64_t n = 0; n < network->run.batch; n++) {
        float *d = output->gradient + n * output->stride;
        memset(d, 0, (size_t)output->stride * sizeof *d);
        for (int c = 0; c < classes; c++) d[c] = scale * gradient[n * classes + c];
    }
    return SPAR_OK;
}

static spar_status put_given_gradient(spar_network *network, const float *output_gradient, float scale) {
    if (network->run.batch > 0) SPAR_REQUIRE_POINTER(output_gradient);
    return spar_put_output_gradient(network, "backward", output_gradient, scale);
}

spar_status spar_backward_output(spar_network *network, const float *output_gradient, float scale, uint32_t flags) {
    spar_status status = check_backward(network, __func__, scale, flags);
    if (status == SPAR_OK) status = put_given_gradient(network, output_gradient, scale);
    SPAR_TRY(network == NULL ? status : spar_agree(network, SPAR_CALL_BACKWARD, flags, status));
    return run_backward(network, scale, flags);
}

spar_status spar_input_gradient(const spar_network *network, float *gradient) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(gradient);
    if (!network->has_input_gradient) {
        return spar_fail(SPAR_ERROR_STATE, "spar_input_gradient: there is no backward pass with the input's gradient");
    }
    return spar_give_image_gradients(network, gradient);
}
