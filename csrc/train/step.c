// A whole training step. Every method is a point in the space of choices, so this is all of them.
#include "train/optimizer.h"

#include "runtime/structure.h"

#include <string.h>

// What the passes of a step follow from.
typedef struct step {
    spar_network *network;
    const spar_method *method;
    const float *images;
    const spar_criterion *criterion;
    int32_t count;
    bool perturbs, from_current;
    bool divergence, clean_term; // what the objective has besides the perturbed loss; not both
    uint32_t auxiliary;          // flag of passes through auxiliary batch norms, and of their gradients
    uint32_t accumulate;
    uint32_t measures_first;              // flag of a pass on the images as they are, before the rounds
    uint32_t measures_last, records_last; // flags of the pass that the next step's perturbations follow from
    float *clean, *perturbed;             // outputs
} step;

static spar_status forward(const step *s, uint32_t flags) {
    return spar_forward_uncommitted(s->network, s->images, s->count, flags);
}

static spar_status backward(const step *s, spar_objective objective, uint32_t flags, spar_loss_result *result) {
    objective.criterion = s->criterion;
    return spar_backward_objective(s->network, &objective, SPAR_BACKWARD_DATA | flags, result);
}

// Where passes take different sets, the first to make a set's gradient is not the first of all: then they begin at 0.
static void begin_gradients(const step *s) {
    const spar_network *network = s->network;
    if (!s->accumulate) return;
    memset(network->slots[SPAR_PART_GRADIENT], 0, (size_t)network->trainable_floats * sizeof(float));
}

// The mode of rounds that only climb.
static uint32_t climbing_mode(const step *s) {
    return s->method->evaluation_mode ? 0 : SPAR_FORWARD_TRAIN;
}

// The first climb, from the images as they are.
static spar_status climb_from_images(const step *s) {
    spar_loss_result result;
    SPAR_TRY(forward(s, climbing_mode(s) | s->auxiliary | s->measures_first));
    return backward(s, (spar_objective){.loss = 1}, SPAR_BACKWARD_RECORD, &result);
}

static spar_status climb(const step *s, int rounds) {
    bool divergence = s->method->ascent == SPAR_ASCENT_DIVERGENCE;
    spar_objective climbed = {.loss = !divergence, .divergence = divergence, .other = s->clean, .perturbed = true};
    spar_loss_result result;
    if (rounds > 0 && divergence) {
        SPAR_TRY(forward(s, climbing_mode(s)));
        SPAR_TRY(spar_read_output(s->network, s->clean));
    }
    for (int round = 0; round < rounds; round++) {
        SPAR_TRY(forward(s, climbing_mode(s) | s->auxiliary | SPAR_FORWARD_PERTURB));
        SPAR_TRY(backward(s, climbed, SPAR_BACKWARD_RECORD, &result));
    }
    return SPAR_OK;
}

// The clean loss of an objective without a divergence.
static spar_status train_on_clean_term(const step *s, uint32_t forward_flags, uint32_t backward_flags) {
    spar_loss_result result;
    SPAR_TRY(forward(s, SPAR_FORWARD_TRAIN | forward_flags));
    begin_gradients(s);
    return backward(s, (spar_objective){.loss = s->method->clean_weight},
                    SPAR_BACKWARD_WEIGHTS | s->accumulate | backward_flags, &result);
}

// The rest of it, or all.
static spar_status train_on_loss(const step *s, uint32_t forward_flags, uint32_t backward_flags,
                                 spar_loss_result *result) {
    float weight = s->clean_term ? 1 - s->method->clean_weight : 1;
    SPAR_TRY(forward(s, SPAR_FORWARD_TRAIN | s->auxiliary | (s->perturbs ? SPAR_FORWARD_PERTURB : 0) | forward_flags));
    return backward(s, (spar_objective){.loss = weight},
                    backward_flags | SPAR_BACKWARD_WEIGHTS | (s->clean_term ? SPAR_BACKWARD_ACCUMULATE : 0), result);
}

// Both terms of the divergence have a gradient, and each needs the other's output: the clean pass runs twice, so that
// no activations of one pass have to outlive the next.
static spar_status train_on_divergence(const step *s, uint32_t learn, uint32_t measure, uint32_t record,
                                       spar_loss_result *result) {
    float alpha = s->method->clean_weight, beta = s->method->divergence_weight;
    spar_objective perturbed = {.loss = 1 - alpha, .divergence = beta, .other = s->clean, .perturbed = true};
    spar_objective clean = {.loss = alpha, .divergence = beta, .other = s->perturbed};
    spar_loss_result other;
    SPAR_TRY(forward(s, SPAR_FORWARD_TRAIN | learn));
    SPAR_TRY(spar_read_output(s->network, s->clean));
    SPAR_TRY(forward(s, SPAR_FORWARD_TRAIN | s->auxiliary | SPAR_FORWARD_PERTURB | learn | measure));
    SPAR_TRY(spar_read_output(s->network, s->perturbed));
    begin_gradients(s);
    SPAR_TRY(backward(s, perturbed, SPAR_BACKWARD_WEIGHTS | s->accumulate | record, &other));
    SPAR_TRY(forward(s, SPAR_FORWARD_TRAIN | learn));
    SPAR_TRY(backward(s, clean, SPAR_BACKWARD_WEIGHTS | SPAR_BACKWARD_ACCUMULATE, result));
    result->loss += other.loss;
    return SPAR_OK;
}

// What is behind the clean term.
static spar_status train(const step *s, uint32_t learn, uint32_t measure, uint32_t record, spar_loss_result *result) {
    if (s->divergence) return train_on_divergence(s, learn, measure, record, result);
    return train_on_loss(s, (s->clean_term && !s->auxiliary ? 0 : learn) | measure, record, result);
}

// The gradient at w + ν takes the place of that at w, with the same perturbations of images and activations.
static spar_status train_at_perturbed_weights(const step *s) {
    spar_loss_result result;
    SPAR_TRY(spar_perturb_weights(s->network));
    spar_status status = s->clean_term ? train_on_clean_term(s, 0, 0) : SPAR_OK;
    if (status == SPAR_OK) status = train(s, 0, s->measures_last, s->records_last, &result);
    spar_restore_weights(s->network);
    return status;
}

static spar_status run_rounds(const step *s, spar_loss_result *result) {
    const spar_method *method = s->method;
    spar_network *network = s->network;
    const uint32_t learn = SPAR_FORWARD_UPDATE_STATISTICS;
    bool moves_weights = method->weight_radius > 0;
    int climbs = !s->from_current ? 0 : spar_rounds(method->iterations);
    // The first climb is from the images as they are, unless the perturbation starts elsewhere. Then the clean term's
    // pass is one with it, if of its mode and its batch norms.
    bool from_images = s->from_current && !(method->start > 0) && !method->persistent;
    bool together = s->clean_term && from_images && !method->evaluation_mode && !s->auxiliary;

    for (int p = 0; p < network->point_count; p++) spar_point_begin_step(&network->points[p], s->from_current);
    network->aims = moves_weights;
    if (s->clean_term) {
        SPAR_TRY(train_on_clean_term(s, learn | s->measures_first, together ? SPAR_BACKWARD_RECORD : 0));
    }
    if (from_images && !together) {
        SPAR_TRY(climb_from_images(s));
    } else if (s->measures_first && !s->clean_term) {
        SPAR_TRY(forward(s, SPAR_FORWARD_TRAIN | s->measures_first));
    }
    SPAR_TRY(climb(s, climbs - from_images));
    SPAR_TRY(train(s, learn, moves_weights ? 0 : s->measures_last, moves_weights ? 0 : s->records_last, result));
    network->aims = false;
    return moves_weights ? train_at_perturbed_weights(s) : SPAR_OK;
}

static void prepare(step *s) {
    const spar_method *method = s->method;
    s->perturbs = spar_has_active_points(s->network) && (method->clean_weight < 1 || method->divergence_weight > 0);
    s->from_current = s->perturbs && method->direction == SPAR_DIRECTION_CURRENT_BATCH;
    s->divergence = s->perturbs && method->divergence_weight > 0;
    s->clean_term = s->perturbs && method->clean_weight > 0 && !s->divergence;
    s->auxiliary = s->perturbs && method->separate_statistics ? SPAR_FORWARD_AUXILIARY : 0;
    s->accumulate = s->auxiliary ? SPAR_BACKWARD_ACCUMULATE : 0;
    // A perturbation is as large as what was measured before it, on the batch that gives its direction; noise has the
    // size of the batch it is added to.
    bool from_previous = s->perturbs && method->direction == SPAR_DIRECTION_PREVIOUS_BATCH;
    uint32_t measure = s->perturbs && method->size == SPAR_SIZE_RANDOM_DEVIATION ? SPAR_FORWARD_MEASURE : 0;
    s->measures_first = from_previous ? 0 : measure;
    s->measures_last = from_previous ? measure : 0;
    s->records_last = from_previous ? SPAR_BACKWARD_RECORD : 0;
    s->clean = s->network->kept_outputs;
    s->perturbed = s->clean == NULL ? NULL : s->clean + spar_kept_output_bytes(s->network) / 2 / sizeof(float);
}

spar_status spar_train_step(spar_network *network, const spar_optimizer *optimizer, const float *images,
                            const int32_t *labels, int32_t count, spar_loss_result *result) {
    spar_criterion criterion = {.struct_size = sizeof criterion, .labels = labels};
    return spar_train_step_criterion(network, optimizer, images, &criterion, count, result);
}

static spar_status make_gradients(const step *s, spar_pending_update *update, spar_loss_result *result) {
    spar_network *network = s->network;
    spar_begin_changes(network);
    spar_status status = run_rounds(s, result);
    if (status == SPAR_OK) status = spar_join_own_statistics(network);
    network->aims = false;
    if (status == SPAR_OK) status = spar_clip_update(update);
    (status == SPAR_OK ? spar_commit_changes : spar_undo_changes)(network);
    return status;
}

// `status` is what the call has come to so far.
static spar_status update_on(const step *s, const spar_optimizer *optimizer, spar_status status,
                             spar_loss_result *result) {
    spar_network *network = s->network;
    spar_pending_update update = {0};
    bool separate = network->method.separate_statistics;
    if (status == SPAR_OK) status = spar_begin_update(network, optimizer, &update);
    status = spar_begin_pass(network, SPAR_CALL_STEP, s->images, s->count, SPAR_FORWARD_TRAIN, status);
    bool begun = status == SPAR_OK;
    // Without a perturbed pass nothing trains the auxiliary set.
    if (separate && !s->auxiliary) spar_take_auxiliary(network, false);
    if (begun) status = make_gradients(s, &update, result);
    (status == SPAR_OK ? spar_finish_update : spar_drop_update)(&update);
    spar_take_auxiliary(network, separate);
    if (begun && status != SPAR_OK) spar_mark_gradients(network, false); // they may be those of one round of two
    return status;
}

spar_status spar_train_step_criterion(spar_network *network, const spar_optimizer *optimizer, const float *images,
                                      const spar_criterion *given, int32_t count, spar_loss_result *result) {
    SPAR_REQUIRE_POINTER(network);
    spar_criterion criterion;
    spar_loss_result own = {0};
    spar_status status = spar_take_criterion(given, &criterion);
    if (status == SPAR_OK && result != NULL) status = spar_check_structure(SPAR_LOSS_RESULT, result);
    step s = {
        .network = network, .method = &network->method, .images = images, .criterion = &criterion, .count = count};
    prepare(&s);
    int replays = spar_rounds(network->method.replays);
    for (int replay = 0; replay < replays; replay++) SPAR_TRY(update_on(&s, optimizer, status, &own));
    if (result != NULL) spar_fill_structure(SPAR_LOSS_RESULT, &own, result);
    return SPAR_OK;
}
