// A planned network: operations over tensors in one arena.
#ifndef SPAR_GRAPH_NETWORK_H
#define SPAR_GRAPH_NETWORK_H

#include "graph/graph.h"
#include "ops/point.h"

typedef struct spar_work spar_work;
typedef struct spar_ranks spar_ranks; // ranks.h

enum { SPAR_FIRST_STATE = SPAR_PART_MOMENTUM, SPAR_PARTS = SPAR_PART_AVERAGE + 1 };

// A stretch of a parameter that the method perturbs.
typedef struct spar_weight_piece {
    int parameter;
    int64_t first, count;   // floats of the parameter's
    float *original;        // they, while they are perturbed
    double gradient, value; // Σ of squares
    float unit, magnitude;  // ν = (g · unit) · magnitude
} spar_weight_piece;

typedef struct spar_perturbed_weights {
    spar_weight_piece *pieces;
    int64_t count, floats;
    float *originals;
} spar_perturbed_weights;

struct spar_network {
    spar_graph *graph;
    spar_value output;
    spar_network_options options;
    spar_part part;    // of the largest batch
    spar_ranks *ranks; // NULL: the network is trained alone

    spar_tensor *tensors; // one a node; those inside a sweep and of pruned nodes have no data
    int *root;            // the value whose memory a view shares; itself otherwise
    bool *live;           // the output depends on it
    bool *kept;           // the options name it

    // A flat value is kept as pixels of channels, and the weights of a dense layer behind it are permuted when they
    // cross the interface. Where that would not do, flatten reorders.
    bool flatten_in_order;

    spar_operation *operations;
    int operation_count;
    spar_work *works; // the passes that any step runs, in order (chain.h)
    int work_count;
    bool *wanted; // by root: the backward pass under way needs its gradient

    spar_parameter *parameters;
    int parameter_count; // in force: those of the graph, and behind them, with separate statistics, the auxiliary ones
    int graph_parameter_count, auxiliary_count;
    int *first_parameter;                                 // of a node
    int64_t trainable_floats, parameter_floats;           // in force; of all
    int64_t graph_trainable_floats, all_trainable_floats; // without and with the auxiliary ones, which lie behind
    // By part: values, buffers behind the trainable ones; gradients and states in the order of these. A state that no
    // update has needed yet is NULL, which stands for zeros.
    float *slots[SPAR_PARTS];

    spar_point *points;
    int point_count;
    spar_method method; // last_point and hidden_points are owned
    spar_perturbed_weights perturbed_weights;
    bool aims; // backward passes make gradients of the parameters that the method perturbs, and of no others

    double *criterion_values; // what a criterion's function reads and writes; NULL until there is one
    float *kept_outputs;      // of a method with a divergence, of two passes: [2][batch_size][classes]; NULL: none

    float *arena, *workspace;
    size_t arena_floats, workspace_floats;

    spar_run run; // of the last forward pass
    bool ran_forward;
    bool ran_backward; // since then; gradients have taken the place of activations
    bool has_input_gradient;
    uint64_t step; // training steps done
    bool profiled; // passes time their operations
};

// network.c: checked options of a caller, who may give NULL, over the `own` that are there.
spar_status spar_take_options(const spar_network_options *options, spar_network_options *own);

// The node of the layer with this number among those the output depends on; −1 where there is none.
int spar_node_of_layer(const spar_network *network, int32_t index);

// The layer of this name among those that are `live`, as callers count them.
spar_status spar_find_live(const spar_graph *graph, const bool *live, const char *name, int32_t *index);

// prefix.c: the last layer that reads features; SPAR_NO_VALUE where there is none.
spar_value spar_find_classifier(const spar_network *network);

// kept.c: whether the options name layers at all, and those of the network that they name.
spar_status spar_check_kept(const spar_network_options *options);
spar_status spar_find_kept(spar_network *network);

// plan.c: from graph, output and options to everything but values.
spar_status spar_plan(spar_network *network);

// parameter_list.c
void spar_find_flattened(spar_network *network);
spar_status spar_name_parameters(spar_network *network);
// How many parameters there are, in force or not; how many are in force with a method, and from now on with the one
// that the network has got.
static inline int spar_listed_parameters(const spar_network *network) {
    return network->graph_parameter_count + network->auxiliary_count;
}
int spar_parameter_count_with(const spar_network *network, const spar_method *method);
void spar_count_parameters(spar_network *network);
// The auxiliary set, which lies behind the others, is in force or not.
void spar_take_auxiliary(spar_network *network, bool taken);
// It begins as a copy of the others, without states.
void spar_begin_auxiliary(spar_network *network);
// With the padding inside.
static inline int64_t spar_parameter_floats(const spar_parameter_spec *spec) {
    return spar_round_up16(spec->rows * spec->stride);
}

// parameters.c
spar_status spar_create_parameters(spar_network *network);
// What the files call it.
const char *spar_part_name(spar_parameter_part part);
// Gets memory for a state, zeros, where there is none.
spar_status spar_hold_state(spar_network *network, spar_parameter_part state);
// Forgets the states that got memory since then, when the slots were these.
void spar_give_back_states(spar_network *network, float *const *before);
// Forgets all states but these.
void spar_keep_states(spar_network *network, const spar_parameter_part *states, int count);
// From now on the gradients of what learns count as made by the last pass (`there`), or as used.
void spar_mark_gradients(spar_network *network, bool there);
// Where a trainable parameter's floats begin among those of all.
static inline int64_t spar_place_of(const spar_network *network, const spar_parameter *parameter) {
    return parameter->value - network->slots[SPAR_PART_VALUE];
}
// May a parameter have these values, as many as it has? What is saved, loaded and written by a caller may.
spar_status spar_check_values(const spar_parameter *parameter, spar_parameter_part part, const float *values,
                              int64_t count);

// Samples that this rank has of the largest batch.
static inline int32_t spar_own_batch_size(const spar_network *network) {
    return (int32_t)spar_part_samples(&network->part, network->part.rank, network->part.batch_size);
}

enum { SPAR_MOST_RANKS = 1024 };

// What ranks agree on. Of failures that of the first counts, for others may follow from it.
typedef enum spar_call {
    SPAR_CALL_FORWARD,
    SPAR_CALL_IMAGES,
    SPAR_CALL_OUTPUT,
    SPAR_CALL_BACKWARD,
    SPAR_CALL_LOSS,
    SPAR_CALL_STEP,
    SPAR_CALL_SAVE,
    SPAR_CALL_SAVED,
} spar_call;

// ranks.c: `status`, or the failure of a rank that has another; a failure too where ranks make other calls, or of other
// counts.
spar_status spar_agree(const spar_network *network, spar_call call, int64_t count, spar_status status);
// Fails where an exchange has.
spar_status spar_check_exchanges(const spar_network *network);
// Fails where the network has a group. `call` begins the sentence.
spar_status spar_require_alone(const spar_network *network, const char *call);
// gather.c: the points with what those of all ranks hold, at the first rank; others get points that are none. `status`
// is what happened before. They are discarded whatever came of it.
spar_status spar_gather_points(const spar_network *network, spar_status status, spar_point **points);
void spar_discard_gathered(const spar_network *network, spar_point *points);
// ranks.c: makes sums over the samples of all ranks, of which each rank has kept its own.
void spar_combine_now(spar_network *network, const spar_run *run, const spar_sums *sums);
// And the extremes of what the points recorded.
void spar_find_extremes(spar_network *network);

// passes.c: may `call`, which begins the sentence, take this many images?
spar_status spar_check_count(const spar_network *network, const char *call, int32_t count);
// And the gradient of a function of the last forward pass's output, [count][classes], is put there times the scale.
spar_status spar_put_output_gradient(spar_network *network, const char *call, const float *gradient, float scale);

// criterion.c: a checked criterion of a caller; and J of the last forward pass, with a scale other than 0 its gradient
// at the output too. `losses` may be NULL.
spar_status spar_take_criterion(const spar_criterion *given, spar_criterion *criterion);
spar_status spar_find_loss(spar_network *network, const spar_criterion *criterion, float scale, double *losses,
                           spar_loss_result *result);

// What a pass of a training step is for: loss·J + divergence·KL(p ‖ q), p and q the softmax of this pass's output and
// of the `other`, [count][classes], or the other way round where this one is the `perturbed`.
typedef struct spar_objective {
    const spar_criterion *criterion;
    float loss, divergence;
    const float *other;
    bool perturbed;
} spar_objective;

// criterion.c: of the last forward pass, with its gradient at the output. The divergence counts in the loss of the pass
// that is not perturbed.
spar_status spar_find_objective(spar_network *network, const spar_objective *objective, spar_loss_result *result);

// passes.c: the backward pass of an objective. Points record its gradient divided by the weight of J, or of KL where it
// has no J.
spar_status spar_backward_objective(spar_network *network, const spar_objective *objective, uint32_t flags,
                                    spar_loss_result *result);

// images.c: the images of the pass, and their gradients. Fail where a number is not finite, which is taken and given
// all the same.
spar_status spar_take_images(spar_network *network, const float *images);
spar_status spar_give_image_gradients(const spar_network *network, float *gradient);

// passes.c: do all ranks make this forward pass, with arguments that it can have?
spar_status spar_begin_pass(const spar_network *network, spar_call call, const float *images, int32_t count,
                            uint32_t flags, spar_status status);

// A forward pass that leaves the running statistics alone, for steps that may still fail. What it measures
// lies between the first of these and one of the other two, which take running statistics over or s(h) back.
void spar_begin_changes(spar_network *network);
spar_status spar_forward_uncommitted(spar_network *network, const float *images, int32_t count, uint32_t flags);
// Of ranks with statistics of their own: makes one of what they would commit.
spar_status spar_join_own_statistics(spar_network *network);
void spar_commit_changes(spar_network *network);
void spar_undo_changes(spar_network *network);

#define SPAR_LOSS_RESULT SPAR_STRUCTURE(spar_loss_result, count)
#define SPAR_METHOD SPAR_STRUCTURE(spar_method, clean_weight)
// method.c: do the choices go together, whatever the network?
spar_status spar_check_method(const spar_method *method);

// weights.c: memory for what a method perturbs of the parameters, nothing where it has no radius; and its return.
spar_status spar_find_perturbed_weights(const spar_network *network, const spar_method *method,
                                        spar_perturbed_weights *weights);
void spar_discard_perturbed_weights(spar_perturbed_weights *weights);
// Does the method in force perturb it?
bool spar_perturbs_parameter(const spar_network *network, const spar_parameter *parameter);
// From w to w + ν by the gradients that are there, and back to the same bits. Where a gradient is not finite, w stays.
spar_status spar_perturb_weights(spar_network *network);
void spar_restore_weights(spar_network *network);

// points.c
bool spar_has_active_points(const spar_network *network);
size_t spar_kept_output_bytes(const spar_network *network);

// Of one image in the operation's forward pass.
int64_t spar_multiply_adds(const spar_operation *operation);

#endif
