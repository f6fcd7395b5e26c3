// A whole training step. Every method of the papers is a point in the space of five choices, so this is all of them.
#include "train/optimizer.h"

static spar_status run_rounds(spar_network *network, const float *images, const spar_criterion *criterion,
                              int32_t count, spar_loss_result *result) {
    const spar_method *method = &network->method;
    bool perturbs = spar_has_active_points(network) && method->clean_weight < 1;
    bool from_current = perturbs && method->direction == SPAR_DIRECTION_CURRENT_BATCH;
    bool from_previous = perturbs && method->direction == SPAR_DIRECTION_PREVIOUS_BATCH;
    bool clean_term = perturbs && method->clean_weight > 0;
    uint32_t measure = perturbs && method->size == SPAR_SIZE_RANDOM_DEVIATION ? SPAR_FORWARD_MEASURE : 0;
    // A perturbation is as large as what was measured before it, on the batch that gives its direction; noise has the
    // size of the batch it is added to.
    bool measures_first = measure && !from_previous;
    // The first climb is from the images as they are, unless the perturbation starts elsewhere.
    bool from_images = from_current && !(method->start > 0) && !method->persistent;

    for (int p = 0; p < network->point_count; p++) spar_point_begin_step(&network->points[p], from_current);
    if (from_images || clean_term || measures_first) {
        uint32_t forward =
            SPAR_FORWARD_TRAIN | (measures_first ? measure : 0) | (clean_term ? SPAR_FORWARD_UPDATE_STATISTICS : 0);
        SPAR_TRY(spar_forward_uncommitted(network, images, count, forward));
    }
    if (from_images || clean_term) {
        uint32_t flags =
            SPAR_BACKWARD_DATA | (from_images ? SPAR_BACKWARD_RECORD : 0) | (clean_term ? SPAR_BACKWARD_WEIGHTS : 0);
        SPAR_TRY(spar_backward_criterion(network, criterion, clean_term ? method->clean_weight : 1, flags, NULL));
    }
    int climbs = !from_current ? 0 : method->iterations > 1 ? method->iterations : 1;
    for (int climb = from_images; climb < climbs; climb++) {
        SPAR_TRY(spar_forward_uncommitted(network, images, count, SPAR_FORWARD_TRAIN | SPAR_FORWARD_PERTURB));
        SPAR_TRY(spar_backward_criterion(network, criterion, 1, SPAR_BACKWARD_DATA | SPAR_BACKWARD_RECORD, NULL));
    }
    uint32_t forward = SPAR_FORWARD_TRAIN | (perturbs ? SPAR_FORWARD_PERTURB : 0) | (measures_first ? 0 : measure) |
                       (clean_term ? 0 : SPAR_FORWARD_UPDATE_STATISTICS);
    SPAR_TRY(spar_forward_uncommitted(network, images, count, forward));
    uint32_t backward = SPAR_BACKWARD_DATA | SPAR_BACKWARD_WEIGHTS | (clean_term ? SPAR_BACKWARD_ACCUMULATE : 0) |
                        (from_previous ? SPAR_BACKWARD_RECORD : 0);
    return spar_backward_criterion(network, criterion, clean_term ? 1 - method->clean_weight : 1, backward, result);
}

spar_status spar_train_step(spar_network *network, const spar_optimizer *optimizer, const float *images,
                            const int32_t *labels, int32_t count, spar_loss_result *result) {
    spar_criterion criterion = {.struct_size = sizeof criterion, .labels = labels};
    return spar_train_step_criterion(network, optimizer, images, &criterion, count, result);
}

static spar_status update_on(spar_network *network, const spar_optimizer *optimizer, const float *images,
                             const spar_criterion *criterion, int32_t count, spar_loss_result *result) {
    spar_pending_update update;
    SPAR_TRY(spar_begin_update(network, optimizer, &update));
    spar_begin_changes(network);
    spar_status status = run_rounds(network, images, criterion, count, result);
    if (status == SPAR_OK && (status = spar_clip_update(&update)) != SPAR_OK) {
        for (int p = 0; p < network->point_count; p++) network->points[p].recorded = 0;
    }
    (status == SPAR_OK ? spar_commit_changes : spar_undo_changes)(network);
    if (status == SPAR_OK) {
        spar_finish_update(&update);
    } else {
        spar_mark_gradients(network, false); // they may be those of one round of two
    }
    return status;
}

spar_status spar_train_step_criterion(spar_network *network, const spar_optimizer *optimizer, const float *images,
                                      const spar_criterion *given, int32_t count, spar_loss_result *result) {
    SPAR_REQUIRE_POINTER(network);
    spar_criterion criterion;
    SPAR_TRY(spar_take_criterion(given, &criterion));
    int replays = network->method.replays > 1 ? network->method.replays : 1;
    for (int replay = 0; replay < replays; replay++) {
        SPAR_TRY(update_on(network, optimizer, images, &criterion, count, result));
    }
    return SPAR_OK;
}
