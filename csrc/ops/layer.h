// What a layer is: one file in this folder and one row in the table of layers.c.
//
// A layer is executed in one of two ways. A sweep layer is elementwise but for what it needs to know of whole
// columns: consecutive ones run as the stages of one sweep over memory (sweep.h). All others are operations of their
// own. The passes of operations that follow each other are chained where they work on samples by themselves
// (graph/chain.h).
#ifndef SPAR_OPS_LAYER_H
#define SPAR_OPS_LAYER_H

#include "kernels/kernels.h"
#include "ops/pass.h"
#include "runtime/memory.h"
#include "runtime/sizes.h"
#include "runtime/status.h"

// Together they keep every size of a plan below 2⁶³, and every number of floats of one sample below 2³¹.
enum {
    SPAR_MOST_BATCH = 1 << 20,
    SPAR_MOST_FLOATS = INT32_MAX, // of a value of one image, and of a parameter, with the padding inside
    SPAR_MOST_PLACES = 1 << 28,   // pixels times taps of a convolution
};

// Floats of an operation's workspace, and of its scratch on one thread.
static const int64_t SPAR_MOST_WORKSPACE = INT64_C(1) << 40;

typedef struct spar_extent {
    int channels, height, width;
} spar_extent;

static inline int64_t spar_pixels(spar_extent extent) {
    return (int64_t)extent.height * extent.width;
}

static inline bool spar_same_extent(spar_extent a, spar_extent b) {
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

typedef struct spar_layer spar_layer;
typedef struct spar_sweep spar_sweep;
typedef struct spar_stage_functions spar_stage_functions;
typedef struct spar_onnx_operator spar_onnx_operator;

// Of layers whose parameters are given with them.
typedef struct spar_constants {
    float *values[2]; // in PyTorch's order, owned by the node
    bool in_file;     // `values` are NULL until a model file's tensors are read
} spar_constants;

typedef union spar_settings {
    spar_conv2d_params convolution;
    spar_dense_params dense;
    spar_batch_norm_params batch_norm;
    spar_pool_params pool;
    int32_t stride; // of a channel shortcut
    float rate;     // of dropout
    spar_constants constants;
} spar_settings;

// A layer of a graph with its settings, and the value it gives.
typedef struct spar_node {
    const spar_layer *layer;
    char *name;
    int number;    // among the layers of its kind, from 1
    int inputs[2]; // values, SPAR_NO_VALUE where there is none
    spar_extent extent;
    spar_settings settings;
} spar_node;

typedef enum spar_field_type {
    SPAR_FIELD_INT,   // int32_t, or an enum
    SPAR_FIELD_COUNT, // uint64_t
    SPAR_FIELD_FLOAT,
    SPAR_FIELD_BOOL,
    SPAR_FIELD_NAME, // const char *, which may be NULL
} spar_field_type;

// A setting as model files keep it, of a layer or of a training. A list ends with a NULL name.
typedef struct spar_field {
    const char *name;
    spar_field_type type;
    size_t offset;       // of a layer's, in spar_node
    const char *missing; // what files mean that lack it, as JSON; NULL: all have it, as those of 0.1.0 had
} spar_field;

// A setting of every file; SPAR_FIELD_SINCE of those that files of earlier versions lack.
#define SPAR_FIELD(TYPE, NAME, MEMBER)                                                                                 \
    { NAME, SPAR_FIELD_##TYPE, offsetof(spar_node, MEMBER), NULL }
#define SPAR_FIELD_SINCE(TYPE, NAME, MEMBER, MISSING)                                                                  \
    { NAME, SPAR_FIELD_##TYPE, offsetof(spar_node, MEMBER), MISSING }

// The order of a parameter's numbers inside and outside.
typedef enum spar_parameter_order {
    SPAR_ORDER_VECTOR,      // one number a channel
    SPAR_ORDER_CONVOLUTION, // outside [out][in / groups][ky][kx], inside [ky][kx][in / groups][out, padded]
    SPAR_ORDER_DENSE,       // outside [out][in], inside [in][out, padded], `in` as pixels of channels
} spar_parameter_order;

// What a parameter's numbers may be besides finite.
typedef enum spar_range { SPAR_RANGE_ALL, SPAR_RANGE_NOT_NEGATIVE, SPAR_RANGE_POSITIVE } spar_range;

typedef struct spar_parameter_spec {
    const char *suffix; // ".weight"
    spar_parameter_order order;
    bool trainable;
    bool is_weight;  // decays in every scope and is bounded by max-norm
    bool normalizes; // γ or β
    bool constant;   // given with the layer; set by specs_of of parameters.c
    spar_range range;
    int shape[4]; // outside
    int rank;
    int64_t rows, columns, stride; // inside: a matrix of rows × columns, `stride` floats a row
    float initial;                 // of vectors; weights are drawn
    spar_extent flattened;         // dense after a flatten: what was flattened; else one pixel
} spar_parameter_spec;

enum { SPAR_MAX_PARAMETERS = 4 };

// Of one image; the matrix for more would take over 1 GB.
enum { SPAR_MOST_WHITENED_VALUES = 1 << 14 };

typedef struct spar_parameter {
    spar_parameter_spec spec;
    char *name;
    float *value, *gradient;     // the latter NULL for buffers
    bool has_gradient;           // made or written since the last update
    struct spar_parameter *twin; // of the layer's other set, where it has an auxiliary one
    bool auxiliary;              // it is of that
    float learning_rate_factor;
    uint64_t updates; // that its states have seen
} spar_parameter;

// Of a layer, which knows those of the network's own: that of the set which a pass with these flags takes.
static inline spar_parameter *spar_parameter_of(spar_parameter *parameter, uint32_t forward_flags) {
    bool auxiliary = forward_flags & SPAR_FORWARD_AUXILIARY && parameter->twin != NULL;
    return auxiliary ? parameter->twin : parameter;
}

static inline bool spar_learns(const spar_parameter *parameter) {
    return parameter->spec.trainable && parameter->learning_rate_factor > 0;
}

// A value of a planned network.
typedef struct spar_tensor {
    spar_extent extent;
    spar_extent flattened; // what a row holds pixel by pixel, if it was flattened; else one pixel
    int64_t stride;        // floats a row
    float *data, *gradient;
} spar_tensor;

static inline int64_t spar_sample_floats(const spar_tensor *tensor) {
    return spar_pixels(tensor->extent) * tensor->stride;
}

// What a pass tells its operations.
struct spar_run {
    const spar_kernels *kernels;
    int threads;
    int batch;     // samples of this process
    int64_t first; // the place of its first among those of all ranks
    spar_part part;
    uint32_t flags; // of the forward pass, and of the backward pass where one runs
    uint32_t backward_flags;
    float scale; // of the loss
    uint64_t seed, step;
    uint64_t weights_version; // changes when parameters do
    float *workspace;
    float *scratch; // scratch_floats a thread
    int64_t scratch_floats;
};

// One executable operation of a plan.
struct spar_operation {
    const spar_layer *layer;
    const spar_node *node;
    const char *kernel; // what the plan prints
    int input_count;
    spar_tensor *inputs[2];
    bool accumulates[2]; // the gradient of this input is added to what is there
    bool wanted[2];      // the backward pass under way makes the gradient of this input
    bool reached;        // and of the output
    bool learns;         // and of parameters
    spar_tensor *output;
    spar_parameter *parameters[SPAR_MAX_PARAMETERS];
    void *state;
    float *kept[2];          // of an operation that keeps its input: the value and the gradient
    spar_sweep *sweep;       // its stages; NULL: none
    int batch_size;          // the most samples of a pass
    int64_t part_batch_size; // of all ranks together
    int threads;             // of the network
    bool exact;              // no algorithm that trades rounding errors for speed
    bool in_order;           // flattened values have the order outside: channel, row, column
    const spar_kernels *kernels;
    bool chained;                // its passes may be chained to those of others
    int sum_height;              // of the leaves whose sums make the gradients of its weights (sums.h)
    const spar_operation *whole; // NULL, or that of which this is a slice: some of its input's channels
    int64_t scratch_floats;      // of one thread
    size_t state_bytes;
    // While the network is profiled.
    double seconds[SPAR_PASS_KINDS];
    int64_t multiplications[SPAR_PASS_KINDS], bytes[SPAR_PASS_KINDS];
};

// Passes need at least this much scratch on every thread.
static inline void spar_want_scratch(spar_operation *operation, int64_t floats) {
    if (operation->scratch_floats < floats) operation->scratch_floats = floats;
}

// What a layer needs of the order of a flattened map's numbers, which inside are pixels of channels.
typedef enum spar_order_trait {
    SPAR_NEEDS_ORDER, // outside's: what it does to a number depends on its pixel or on channels beside it
    SPAR_KEEPS_ORDER, // none: it does to every number, or to every channel, the same
    SPAR_FLATTENS,    // none: it makes such values
    SPAR_ENDS_ORDER,  // none: its weights are permuted, and its output has no pixels
} spar_order_trait;

// What a layer can do with the rows of images, which are not padded to whole vectors.
typedef enum spar_image_trait {
    SPAR_PADS_IMAGE,  // nothing: it needs whole vectors
    SPAR_READS_IMAGE, // read them
    SPAR_KEEPS_IMAGE, // read them and give such rows
} spar_image_trait;

// The rank of what a layer takes and gives in ONNX, where maps are [batch][channels][height][width] and rows
// [batch][channels].
typedef enum spar_onnx_trait {
    SPAR_ONNX_MAPS,
    SPAR_ONNX_ROWS,
    SPAR_ONNX_EITHER, // it gives what its first input is
} spar_onnx_trait;

struct spar_layer {
    const char *kind;
    int input_count;
    const spar_field *fields; // NULL: none
    // Traits: what the plan knows of it.
    spar_order_trait order;
    spar_image_trait image;
    spar_onnx_trait onnx_rank;
    bool view;           // its value is its input's memory where both have the same rows
    bool point;          // perturbations are added to its value
    bool draws;          // it has a random stream of its own
    bool reads_features; // the last such layer of a network is its classifier
    bool has_auxiliary;  // passes with SPAR_FORWARD_AUXILIARY take a second set of its parameters
    // Shape rule: fills node->extent.
    spar_status (*infer)(spar_node *node, const spar_extent *inputs);
    // Parameters, in PyTorch's order; returns how many. NULL: none.
    int (*parameters)(const spar_node *node, spar_extent input, spar_extent flattened, spar_parameter_spec *specs);
    // Checks node->settings.constants, which give such a layer all its parameters. NULL: the layer has no constants.
    spar_status (*check_constants)(const spar_node *node);
    // May a training pass have this many images? NULL: yes.
    spar_status (*check_batch)(const spar_node *node, int32_t count);
    // Multiply–adds of one image. NULL: none.
    int64_t (*multiply_adds)(const spar_node *node, spar_extent input);

    // Lists the operators of ONNX that do in evaluation what the layer does (onnx.h); returns how many, 0 where that is
    // nothing besides what onnx_rank tells. `operators` are zeros.
    int (*onnx)(const spar_node *node, spar_extent input, spar_onnx_operator *operators);

    const spar_stage_functions *stage; // NULL: no stage of a sweep, but an operation of its own, which has what follows

    // `prepare` makes operation->state and says how much scratch the passes need.
    spar_status (*prepare)(spar_operation *operation);
    void (*discard)(spar_operation *operation);
    // Do all passes of the operation work on samples by themselves, and gain from finding them in cache? NULL: no.
    bool (*chains)(const spar_operation *operation);
    // Multiplications of one image in the passes of one kind, where an algorithm makes others than multiply_adds. NULL:
    // those.
    int64_t (*multiplications)(const spar_operation *operation, spar_pass_kind kind);
    // May the pass of its weights be run on a slice of the input's channels? NULL: no.
    bool (*slices)(const spar_operation *operation);
    // Makes what differs of the state of such a slice, until `discard_slice`: it is a copy of its `whole` with a
    // narrower input. NULL: nothing does.
    spar_status (*prepare_slice)(spar_operation *slice);
    void (*discard_slice)(spar_operation *slice);
    // Lists the passes of one kind that any step runs; returns how many. A sweep makes the gradients of its parameters
    // with its data.
    int (*passes)(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes);
};

extern const spar_layer spar_layer_input, spar_layer_normalize, spar_layer_convolution, spar_layer_dense,
    spar_layer_batch_norm, spar_layer_max_pool, spar_layer_average_pool, spar_layer_global_average_pool, spar_layer_add,
    spar_layer_channel_shortcut, spar_layer_dropout, spar_layer_flatten, spar_layer_perturb, spar_layer_whiten;

#define SPAR_ACTIVATION(NAME, READS_INPUT) extern const spar_layer spar_layer_##NAME;
SPAR_ACTIVATIONS(SPAR_ACTIVATION)
#undef SPAR_ACTIVATION

// What keeps a value that the options name.
extern const spar_layer spar_layer_keep;

// Every layer of a graph, NULL after the last.
extern const spar_layer *const spar_layers[];

static inline spar_parameter_spec spar_vector_spec(const char *suffix, int channels, bool trainable, float initial) {
    return (spar_parameter_spec){
        .suffix = suffix,
        .order = SPAR_ORDER_VECTOR,
        .trainable = trainable,
        .shape = {channels},
        .rank = 1,
        .rows = 1,
        .columns = channels,
        .stride = spar_round_up16(channels),
        .initial = initial,
        .flattened = {channels, 1, 1},
    };
}

// Can there be so many floats of workspace or scratch?
spar_status spar_check_room(const spar_operation *operation, int64_t floats);

// The passes of an operation without gradients of parameters: from the input to the output, and from the output's
// gradient to the input's.
int spar_list_passes(spar_pass_kind kind, spar_pass forward, spar_pass backward, spar_pass *passes);

bool spar_chains_always(const spar_operation *operation);

// `onnx` of layers that do nothing in evaluation.
int spar_list_no_operators(const spar_node *node, spar_extent input, spar_onnx_operator *operators);

#endif
