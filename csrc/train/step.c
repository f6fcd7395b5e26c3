// A whole training step. Every method of the papers is a point in the space of five choices, so this is all of them.
#include "train/optimizer.h"

// What the passes of a step follow from.
typedef struct step_rounds {
    spar_network *network;
    const float *images;
    const spar_criterion *criterion;
    int32_t count;
    bool perturbs, clean_term;
    uint32_t measures_last, records_last; // flags of the pass that the next step's perturbations follow from
} step_rounds;

static spar_status run_round(const step_rounds *s, uint32_t forward, float scale, uint32_t backward,
                             spar_loss_result *result) {
    SPAR_TRY(spar_forward_uncommitted(s->network, s->images, s->count, SPAR_FORWARD_TRAIN | forward));
    return spar_backward_criterion(s->network, s->criterion, scale, SPAR_BACKWARD_DATA | backward, result);
}

// The clean term of the objective, where it has one.
static spar_status run_clean_round(const step_rounds *s, uint32_t forward, uint32_t backward) {
    float weight = s->clean_term ? s->network->method.clean_weight : 1;
    return run_round(s, forward, weight, backward | (s->clean_term ? SPAR_BACKWARD_WEIGHTS : 0), NULL);
}

// The rest of it, or all.
static spar_status run_last_round(const step_rounds *s, uint32_t forward, uint32_t backward, spar_loss_result *result) {
    float weight = s->clean_term ? 1 - s->network->method.clean_weight : 1;
    return run_round(s, forward | (s->perturbs ? SPAR_FORWARD_PERTURB : 0), weight,
                     backward | SPAR_BACKWARD_WEIGHTS | (s->clean_term ? SPAR_BACKWARD_ACCUMULATE : 0), result);
}

// The gradient at w + ν takes the place of that at w, with the same perturbations of images and activations.
static spar_status run_rounds_at_perturbed_weights(const step_rounds *s) {
    SPAR_TRY(spar_perturb_weights(s->network));
    spar_status status = s->clean_term ? run_clean_round(s, 0, 0) : SPAR_OK;
    if (status == SPAR_OK) status = run_last_round(s, s->measures_last, s->records_last, NULL);
    spar_restore_weights(s->network);
    return status;
}

static spar_status run_rounds(spar_network *network, const float *images, const spar_criterion *criterion,
                              int32_t count, spar_loss_result *result) {
    const spar_method *method = &network->method;
    bool perturbs = spar_has_active_points(network) && method->clean_weight < 1;
    bool from_current = perturbs && method->direction == SPAR_DIRECTION_CURRENT_BATCH;
    bool from_previous = perturbs && method->direction == SPAR_DIRECTION_PREVIOUS_BATCH;
    bool moves_weights = method->weight_radius > 0;
    uint32_t measure = perturbs && method->size == SPAR_SIZE_RANDOM_DEVIATION ? SPAR_FORWARD_MEASURE : 0;
    // A perturbation is as large as what was measured before it, on the batch that gives its direction; noise has the
    // size of the batch it is added to.
    uint32_t measures_first = from_previous ? 0 : measure;
    // The first climb is from the images as they are, unless the perturbation starts elsewhere.
    bool from_images = from_current && !(method->start > 0) && !method->persistent;
    const step_rounds s = {.network = network,
                           .images = images,
                           .criterion = criterion,
                           .count = count,
                           .perturbs = perturbs,
                           .clean_term = perturbs && method->clean_weight > 0,
                           .measures_last = from_previous ? measure : 0,
                           .records_last = from_previous ? SPAR_BACKWARD_RECORD : 0};

    for (int p = 0; p < network->point_count; p++) spar_point_begin_step(&network->points[p], from_current);
    network->aims = moves_weights;
    if (from_images || s.clean_term) {
        SPAR_TRY(run_clean_round(&s, measures_first | (s.clean_term ? SPAR_FORWARD_UPDATE_STATISTICS : 0),
                                 from_images ? SPAR_BACKWARD_RECORD : 0));
    } else if (measures_first) {
        SPAR_TRY(spar_forward_uncommitted(network, images, count, SPAR_FORWARD_TRAIN | measures_first));
    }
    int climbs = !from_current ? 0 : method->iterations > 1 ? method->iterations : 1;
    for (int climb = from_images; climb < climbs; climb++) {
        SPAR_TRY(run_round(&s, SPAR_FORWARD_PERTURB, 1, SPAR_BACKWARD_RECORD, NULL));
    }
    SPAR_TRY(run_last_round(&s,
                            (s.clean_term ? 0 : SPAR_FORWARD_UPDATE_STATISTICS) | (moves_weights ? 0 : s.measures_last),
                            moves_weights ? 0 : s.records_last, result));
    network->aims = false;
    return moves_weights ? run_rounds_at_perturbed_weights(&s) : SPAR_OK;
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
    network->aims = false;
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
