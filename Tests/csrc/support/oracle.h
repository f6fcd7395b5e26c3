// An independent network in plain double precision, to judge the engine by: the layers of sparring.h with
// NCHW loops as plain as possible, an analytic backward pass, losses and SGD.
//
// A network is described once, layer by layer; `oracle_engine` builds the engine's network of the same
// description. Layers are numbered from 0, the input.
#ifndef ORACLE_H
#define ORACLE_H

#include "sparring.h"

// Activations: kind, name, y = f(x), and its slope from x and y. Those from tanh on are smooth.
#define ORACLE_ACTIVATIONS(ROW)                                                                                        \
    ROW(RELU, relu, x <= 0 ? 0 : x, x <= 0 ? 0 : 1)                                                                    \
    ROW(RELU6, relu6, x <= 0 ? 0 : x >= 6 ? 6 : x, x <= 0 || x >= 6 ? 0 : 1)                                           \
    ROW(TANH, tanh, tanh(x), 1 - y * y)                                                                                \
    ROW(LOGISTIC, logistic, 1 / (1 + exp(-x)), y * (1 - y))                                                            \
    ROW(SILU, silu, x / (1 + exp(-x)), (1 + x / (1 + exp(x))) / (1 + exp(-x)))                                         \
    ROW(GELU, gelu, erfc(-x / sqrt(2)) / 2 * x, erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) * 0.39894228040143268)

typedef enum oracle_kind {
    ORACLE_INPUT,
    ORACLE_NORMALIZE,
    ORACLE_WHITEN,
    ORACLE_CONV2D,
    ORACLE_DENSE,
    ORACLE_BATCH_NORM,
#define ORACLE_KIND(KIND, NAME, Y, SLOPE) ORACLE_##KIND,
    ORACLE_ACTIVATIONS(ORACLE_KIND)
#undef ORACLE_KIND
        ORACLE_MAX_POOL,
    ORACLE_AVERAGE_POOL,
    ORACLE_GLOBAL_AVERAGE_POOL,
    ORACLE_ADD,
    ORACLE_CHANNEL_SHORTCUT,
    ORACLE_DROPOUT,
    ORACLE_FLATTEN,
    ORACLE_POINT,
} oracle_kind;

typedef struct oracle_activation {
    oracle_kind kind;
    const char *name;
    double (*value)(double x);
    double (*slope)(double x);
} oracle_activation;

// Every activation, and NULL after the last; that of a kind, NULL where it is none.
extern const oracle_activation oracle_activations[];
const oracle_activation *oracle_activation_of(oracle_kind kind);

enum { ORACLE_MAX_LAYERS = 64, ORACLE_NAME = 48 };

typedef struct oracle_parameter {
    char name[ORACLE_NAME];
    int units; // of a weight: rows of the matrix that max-norm looks at; else 0
    int count;
    bool trainable;
    double *value, *gradient;
    double *velocity, *square; // SGD's momentum or AdamW's first moment, and its second
    int updates;
    double learning_rate_factor; // 1 at first; 0: frozen
} oracle_parameter;

typedef struct oracle_layer {
    oracle_kind kind;
    char name[ORACLE_NAME];
    int inputs[2]; // layers
    int shape[3];  // channels, height, width
    int size;      // their product
    spar_conv2d_params conv2d;
    spar_dense_params dense;
    spar_batch_norm_params batch_norm;
    spar_pool_params pool;
    int stride;  // of a channel shortcut
    double rate; // of dropout
    oracle_parameter parameters[4];
    int parameter_count;
    double *value, *gradient;       // [count][channels][height][width]
    double *mask;                   // dropout: 0 or 1 / (1 − rate)
    double *perturbation;           // point: what a forward pass adds
    bool bounded;                   // point: and clamps to each channel's least and greatest of the sample
    double *batch_mean, *batch_var; // batch normalization: what the last forward pass normalized with
} oracle_layer;

typedef struct oracle {
    oracle_layer layers[ORACLE_MAX_LAYERS];
    int layer_count;
    int batch_size; // the largest
    int count;      // images of the last forward pass
    bool train;     // mode of the last forward pass
    spar_loss loss;
} oracle;

// Description. `oracle_create` adds the input; each other call adds a layer and returns its number.
oracle *oracle_create(int channels, int height, int width, int batch_size, spar_loss loss);
void oracle_destroy(oracle *o);
int oracle_normalize(oracle *o, int x, const char *name, const float *mean, const float *deviation);
int oracle_whiten(oracle *o, int x, const char *name, const float *mean, const float *matrix);
int oracle_conv2d(oracle *o, int x, spar_conv2d_params params);
int oracle_dense(oracle *o, int x, spar_dense_params params);
int oracle_batch_norm(oracle *o, int x, const char *name);
int oracle_unary(oracle *o, int x, oracle_kind kind); // activations, global average pool, flatten
int oracle_pool(oracle *o, int x, oracle_kind kind, spar_pool_params params);
int oracle_add(oracle *o, int a, int b);
int oracle_channel_shortcut(oracle *o, int x, int channels, int stride);
int oracle_dropout(oracle *o, int x, float rate);
int oracle_point(oracle *o, int x, const char *name);

// The engine's network of this description, with this many threads. Ends the program when it cannot be made.
spar_network *oracle_engine(const oracle *o, int threads, uint64_t seed);

// Gives the engine parameters and running statistics drawn with `seed`, none of them at a value that would
// hide a mistake (scale 1, shift 0), and takes them over.
void oracle_randomize(oracle *o, spar_network *network, uint64_t seed);

// Takes the engine's parameters, by name.
void oracle_copy_parameters(oracle *o, const spar_network *network);

// The engine's index of a parameter, −1 if it has none of this name.
int oracle_find(const spar_network *network, const char *name);

// The engine's numbers of one part of a parameter, to be freed.
double *oracle_read(const spar_network *network, const oracle_parameter *parameter, spar_parameter_part part);

// Where the random draw of element `i` [channel][row][column] of sample `n` stands in its layer's stream.
size_t oracle_draw_index(const oracle_layer *layer, int n, int i);

// Dropout masks of a step, from the random stream that sparring.h documents.
void oracle_draw_dropout(oracle *o, uint64_t seed, uint64_t step, int count);

void oracle_clear_perturbations(oracle *o);

// Passes. `train`: batch statistics and dropout; `learn_statistics`: running statistics follow the batch.
void oracle_forward(oracle *o, const double *images, int count, bool train, bool learn_statistics);
double oracle_loss(const oracle *o, const int32_t *labels); // J of the last forward pass

// Gradient of scale·J at every layer and parameter; those of parameters are added to what is there
// when `accumulate`. Perturbations are constants.
void oracle_backward(oracle *o, const int32_t *labels, double scale, bool accumulate);

// The same from a gradient of a layer's value, [count][channels][height][width], instead of the loss.
void oracle_backward_from(oracle *o, int layer, const double *gradient, bool accumulate);

const double *oracle_output(const oracle *o);

// The Euclidean norm of all gradients.
double oracle_gradient_norm(oracle *o);

// Stochastic gradient descent with momentum, Nesterov and weight decay, or AdamW, by PyTorch's formulas; clipping of
// the norm before, max-norm after it.
void oracle_update(oracle *o, const spar_optimizer *optimizer);

// For every parameter.
#define ORACLE_FOR_EACH_PARAMETER(o, parameter)                                                                        \
    for (int layer_ = 0; layer_ < (o)->layer_count; layer_++)                                                          \
        for (oracle_parameter *parameter = (o)->layers[layer_].parameters,                                             \
                              *end_ = parameter + (o)->layers[layer_].parameter_count;                                 \
             parameter < end_; parameter++)

// One layer's passes, for `oracle_forward` and `oracle_backward` only.
void oracle_layer_forward(oracle *o, oracle_layer *layer, bool learn_statistics);
void oracle_layer_backward(oracle *o, oracle_layer *layer);

#endif
