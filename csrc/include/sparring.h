// Sparring: image classifiers trained against small adversarial perturbations of the input and of
// the hidden activations. This is the whole public C interface of the engine.
//
// Conventions
// - Arrays that cross this interface are plain: row-major `float`, images as [count][channel][row][column]
//   with pixel values in [0, 1], labels as `int32_t` class numbers from 0. The caller owns them.
// - Every call that can fail returns a `spar_status`; `spar_last_error` has the sentence that explains it.
//   A call that fails leaves the network as it was, its method, parameters, their states, statistics and what its
//   points hold; where a call says what else changes, that is all. Nothing prints, aborts or exits.
// - Objects are opaque, made by a `_create` or `_load` call and freed by the matching `_destroy`, which
//   accepts NULL. One object may be used by one thread at a time; different objects are independent.
// - Parameter structures have a `_defaults` function; call it, then change what differs.
// - Every structure begins with `struct_size`, its size in bytes as the caller was compiled (sizeof). Defaults set it;
//   elsewhere the caller does, `{.struct_size = sizeof(spar_network_info)}`, before a structure is given or filled.
//   Structures grow at their ends alone, so that a program goes on with a newer library: of a structure that it gives,
//   what it does not know has its default; of one that is filled, no more than `struct_size` bytes are written. A
//   program may be newer than the library, too: what the library does not know has to be zero in what is given
//   (SPAR_ERROR_ARGUMENT otherwise) and is zero in what is filled. The elements of an array of structures are as far
//   apart as the first one's size says.
// - A value that an enumeration does not have, and a flag that is unknown, are SPAR_ERROR_ARGUMENT.
// - After `spar_network_create` and `spar_network_set_method` no pass allocates memory but the first by a criterion's
//   function, and an update does when it is the first by its optimizer.
// - The same seed gives the same bits on any number of threads.
//
// Threads, processes and the environment
// - Objects of one process may be used at the same time on different threads. Their bits do not depend on that.
// - Worker threads are OpenMP's, of LLVM's libomp in a build by clang and of GNU's libgomp in one by gcc, and wait
//   between calls; one process should hold one of the two. Either reads the OMP_ variables once, when it is first used.
//   libomp ends the program on an OMP_NUM_THREADS that is no number, and where the system refuses it a thread: calls
//   that make networks and t-SNE objects, spar_system and spar_measure_machine refuse such a number instead, which
//   helps where the program has not used OpenMP before them.
// - SPARRING_ISA ("avx512", "avx2" or "generic") caps the instruction set; it is read once. The same calls refuse
//   anything else.
// - OpenBLAS decomposes matrices (ZCA, Jacobian, the start of t-SNE) on one thread: openblas_set_num_threads, which is
//   the whole process's, is 1 meanwhile and afterwards what it was before.
// - A child made by fork, while no other thread is inside a call, may go on with all objects in a build by clang. With
//   gcc it hangs in its first loop on more than one thread once its parent has run such a loop; networks of one
//   thread work there too. After exec nothing of this matters.
//
// Limits. What is beyond them is refused, before any memory is taken for it, with a sentence that has the numbers.
// - A graph has at most 65,536 layers. Images have at most 2²⁰ channels and sides of 2¹⁴.
// - A value takes less than 2³¹ floats an image, and a parameter less than 2³¹ floats, where the last of
//   channels, units or output channels is rounded up to 16. A flattened value has at most 2²⁸ numbers, a dense layer
//   2²⁴ units.
// - Kernels, strides and paddings are at most 1,024 a side. The outputs of a convolution, times its taps, are at most
//   2²⁸; so are the pixels of a depthwise one's input, times the taps that reach each of them.
// - A network takes batches of at most 2²⁰ images, and at most 4,096 threads. A layer's workspace, and a thread's share
//   of it, have at most 2⁴⁰ floats. A Jacobian has less than 2³¹ numbers an image.
// - All objects of a process together hold at most as much memory as the machine has (SPAR_ERROR_MEMORY): more may be
//   promised by the system, which then ends the program when it is used. A limit of a container is not known here.
#ifndef SPARRING_H
#define SPARRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SPAR_API __attribute__((visibility("default")))
#else
#define SPAR_API
#endif

// ---------------------------------------------------------------------------------------------
// Status and system

typedef enum spar_status {
    SPAR_OK = 0,
    SPAR_ERROR_ARGUMENT = 1,   // a null pointer, a NaN setting, a count or a label out of range
    SPAR_ERROR_SHAPE = 2,      // shapes that do not fit each other
    SPAR_ERROR_MEMORY = 3,     // an allocation failed
    SPAR_ERROR_IO = 4,         // a file could not be opened, read, written or renamed
    SPAR_ERROR_FORMAT = 5,     // a file is truncated, damaged or of another kind
    SPAR_ERROR_STATE = 6,      // a call out of order, such as a backward pass before a forward pass
    SPAR_ERROR_NON_FINITE = 7, // a pixel, an activation or a loss is NaN or infinite
    SPAR_ERROR_CANCELLED = 8,  // the caller's `proceed` stopped it
} spar_status;

// The sentence of this thread's last failed call, valid until its next failing call. Never NULL; one line of UTF-8,
// whatever names and paths are in it.
SPAR_API const char *spar_last_error(void);

// The version of this header. spar_version() tells the library's, which may be later where programs share one.
#define SPAR_VERSION "0.2.0"
SPAR_API const char *spar_version(void);

typedef struct spar_system_info {
    uint32_t struct_size;
    const char *isa;           // instruction set in use: "avx512", "avx2" or "generic"
    const char *cpu_isa;       // the best one this processor has; SPARRING_ISA may cap `isa` below it
    const char *cpu_name;      // the processor's own name
    const char *openblas_core; // the core OpenBLAS chose its kernels for, such as "SkylakeX"
    bool openblas_below_cpu;   // that core is below the processor's (OPENBLAS_CORETYPE slows it down)
    int32_t threads;           // threads a network uses when its options say 0
} spar_system_info;

SPAR_API spar_status spar_system(spar_system_info *info);

// Called by a long call now and then, on the thread that made it, with the share of its work that is done, 0 to 1;
// false stops it, and the call returns SPAR_ERROR_CANCELLED.
typedef bool (*spar_proceed)(void *context, double done);

// Random numbers: Philox 4x32-10, counter based. Element `first + i` of a stream does not depend on
// how many are asked for at once, nor on other streams. A stream has 2^64 elements; a range that goes beyond them is
// refused.
typedef struct spar_random_stream {
    uint32_t struct_size;
    uint64_t seed;
    uint32_t purpose; // callers use values from 0x1000; smaller ones are the engine's
    uint32_t layer;   // below 2^16
    uint64_t step;
} spar_random_stream;

SPAR_API spar_status spar_random_bits(const spar_random_stream *stream, uint64_t first, size_t count, uint32_t *bits);
SPAR_API spar_status spar_random_uniform(const spar_random_stream *stream, uint64_t first, size_t count,
                                         float *values); // in [0, 1)
SPAR_API spar_status spar_random_normal(const spar_random_stream *stream, uint64_t first, size_t count,
                                        float *values); // N(0, 1)

// Beta(alpha, alpha), 2⁻¹⁰ ≤ alpha ≤ 2²⁰: element i is ½ + ½·c / √(1 / ((1 − u)^(−1/alpha) − 1) + c²), c = cos 2πv, of
// the uniform elements 2i, u, and 2i + 1, v (the polar method for Student's t of Bailey 1994; Devroye 1996).
SPAR_API spar_status spar_random_beta(const spar_random_stream *stream, uint64_t first, size_t count, double alpha,
                                      float *values);

// ---------------------------------------------------------------------------------------------
// Images: bytes before they are the floats of a batch

// Resizes an image of bytes, `channels` of them a pixel, whose rows begin `row_bytes` apart (a part of a larger image
// will do), and writes it plane by plane, [channel][row][column]. A triangle filter, widened where the image shrinks
// (antialiased bilinear); within one level of Pillow's resize with BILINEAR. Sides are 1 to 65536, channels 1 to 4.
// About 3 ns a source pixel and channel, and channels · height · target_width bytes besides the two images. May be
// called on several threads at a time.
SPAR_API spar_status spar_resize_image(const uint8_t *source, size_t row_bytes, int32_t channels, int32_t height,
                                       int32_t width, int32_t target_height, int32_t target_width, uint8_t *target);

// ---------------------------------------------------------------------------------------------
// Graph: the description of a network, built value by value
//
// Each call adds one layer and returns its value. A call that fails returns SPAR_NO_VALUE and marks
// the graph: later calls on SPAR_NO_VALUE fail silently and `spar_network_create` reports the first
// sentence, so a whole network can be described before the one check. A layer's name prefixes its
// parameters ("features.0" gives "features.0.weight"); NULL gives a name from the kind and a number
// ("conv2d1"). Names are unique, of 1 to 255 bytes of UTF-8 without control characters, and do not begin with
// "sparring.". A graph has at most 65,536 layers.

typedef struct spar_graph spar_graph;
typedef int32_t spar_value;
#define SPAR_NO_VALUE (-1)

typedef enum spar_initializer {
    SPAR_INITIALIZER_HE_FAN_IN = 0,  // N(0, 2 / fan in)
    SPAR_INITIALIZER_HE_FAN_OUT = 1, // N(0, 2 / fan out)
    SPAR_INITIALIZER_XAVIER = 2,     // uniform in ±sqrt(6 / (fan in + fan out))
    SPAR_INITIALIZER_NORMAL = 3,     // N(0, initializer_deviation²)
} spar_initializer;

typedef struct spar_conv2d_params {
    uint32_t struct_size;
    const char *name;
    int32_t channels; // output channels
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width;
    int32_t padding_height, padding_width; // zeros on each side
    int32_t groups;                        // divides the input and the output channels
    bool bias;                             // starts at zero
    spar_initializer initializer;
    float initializer_deviation;
} spar_conv2d_params;

typedef struct spar_dense_params {
    uint32_t struct_size;
    const char *name;
    int32_t units;
    bool bias;
    spar_initializer initializer;
    float initializer_deviation;
} spar_dense_params;

typedef struct spar_batch_norm_params {
    uint32_t struct_size;
    const char *name;
    float momentum; // running ← (1 − momentum)·running + momentum·batch
    float epsilon;
} spar_batch_norm_params;

typedef struct spar_pool_params {
    uint32_t struct_size;
    const char *name;
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width;
    int32_t padding_height, padding_width; // at most half the kernel
} spar_pool_params;

// 3×3, stride 1, padding 1, one group, no bias, He fan in.
SPAR_API spar_status spar_conv2d_set_defaults(spar_conv2d_params *params, uint32_t struct_size);
static inline spar_conv2d_params spar_conv2d_defaults(void) {
    spar_conv2d_params params;
    (void)spar_conv2d_set_defaults(&params, (uint32_t)sizeof params);
    return params;
}

// Bias, He fan in.
SPAR_API spar_status spar_dense_set_defaults(spar_dense_params *params, uint32_t struct_size);
static inline spar_dense_params spar_dense_defaults(void) {
    spar_dense_params params;
    (void)spar_dense_set_defaults(&params, (uint32_t)sizeof params);
    return params;
}

// Momentum 0.1, epsilon 1e-5.
SPAR_API spar_status spar_batch_norm_set_defaults(spar_batch_norm_params *params, uint32_t struct_size);
static inline spar_batch_norm_params spar_batch_norm_defaults(void) {
    spar_batch_norm_params params;
    (void)spar_batch_norm_set_defaults(&params, (uint32_t)sizeof params);
    return params;
}

// 2×2, stride 2, no padding.
SPAR_API spar_status spar_pool_set_defaults(spar_pool_params *params, uint32_t struct_size);
static inline spar_pool_params spar_pool_defaults(void) {
    spar_pool_params params;
    (void)spar_pool_set_defaults(&params, (uint32_t)sizeof params);
    return params;
}

SPAR_API spar_status spar_graph_create(spar_graph **graph);
SPAR_API void spar_graph_destroy(spar_graph *graph);

// The network's input, images of this shape. Once in a graph, first.
SPAR_API spar_value spar_input(spar_graph *graph, int32_t channels, int32_t height, int32_t width);

// (x − mean) / deviation, one of each a channel. Kept in the model file as "NAME.mean", "NAME.deviation".
SPAR_API spar_value spar_normalize(spar_graph *graph, spar_value x, const char *name, const float *mean,
                                   const float *deviation);

// y = (x − mean)·Wᵀ over the whole image, counted channel, row, column; C×H×W to C×H×W. `mean` has C·H·W numbers, W
// [C·H·W][C·H·W], at most 16,384 squared. Kept in the model file as "NAME.mean", "NAME.matrix". spar_zca_finish makes
// both.
SPAR_API spar_value spar_whiten(spar_graph *graph, spar_value x, const char *name, const float *mean,
                                const float *matrix);

// Cross-correlation. Output size (size + 2·padding − kernel) / stride + 1, rounded down.
SPAR_API spar_value spar_conv2d(spar_graph *graph, spar_value x, const spar_conv2d_params *params);

// x·Wᵀ + b of a flat value (1×1 map).
SPAR_API spar_value spar_dense(spar_graph *graph, spar_value x, const spar_dense_params *params);

// Ioffe & Szegedy 2015. Batch statistics in training passes; running ones (variance unbiased) otherwise. A training
// pass is refused where a channel has one value: one image whose map has one pixel.
SPAR_API spar_value spar_batch_norm(spar_graph *graph, spar_value x, const spar_batch_norm_params *params);

SPAR_API spar_value spar_relu(spar_graph *graph, spar_value x);
SPAR_API spar_value spar_relu6(spar_graph *graph, spar_value x);
SPAR_API spar_value spar_tanh(spar_graph *graph, spar_value x);
SPAR_API spar_value spar_logistic(spar_graph *graph, spar_value x);
SPAR_API spar_value spar_silu(spar_graph *graph, spar_value x); // x·logistic(x) (Ramachandran et al. 2017's Swish)
SPAR_API spar_value spar_gelu(spar_graph *graph, spar_value x); // x·Φ(x), by erf (Hendrycks & Gimpel 2016)

SPAR_API spar_value spar_max_pool2d(spar_graph *graph, spar_value x, const spar_pool_params *params);
SPAR_API spar_value spar_average_pool2d(spar_graph *graph, spar_value x,
                                        const spar_pool_params *params);       // zeros of the padding count
SPAR_API spar_value spar_global_average_pool(spar_graph *graph, spar_value x); // C×H×W to C×1×1

SPAR_API spar_value spar_add(spar_graph *graph, spar_value a, spar_value b); // equal shapes

// Shortcut without parameters (He et al. 2016, option A): every stride-th pixel, zero channels appended.
SPAR_API spar_value spar_channel_shortcut(spar_graph *graph, spar_value x, int32_t channels, int32_t stride);

// In training passes: zero with probability `rate`, else divided by 1 − rate. One mask a step, shared by
// the rounds of a two-round method.
SPAR_API spar_value spar_dropout(spar_graph *graph, spar_value x, float rate);

SPAR_API spar_value spar_flatten(spar_graph *graph, spar_value x); // C×H×W to (C·H·W)×1×1

// A perturbation point: identity until a pass perturbs. A point that has only the input, normalize and whiten layers
// and other points before it is an input point; all others are hidden points.
SPAR_API spar_value spar_perturb(spar_graph *graph, spar_value x, const char *name);

// Shape of a value, [channels, height, width].
SPAR_API spar_status spar_value_shape(const spar_graph *graph, spar_value x, int32_t shape[3]);

// ---------------------------------------------------------------------------------------------
// Network

typedef struct spar_network spar_network;

// J is the mean over the batch of one of these, on the output z of the graph (a flat value, one unit a class).
typedef enum spar_loss {
    SPAR_LOSS_SOFTMAX_CROSS_ENTROPY = 0, // −log softmax(z)[label]
    SPAR_LOSS_LOGISTIC_CROSS_ENTROPY =
        1,                       // Σ over units of the binary cross-entropy of logistic(z) and the one-hot label
    SPAR_LOSS_SQUARED_ERROR = 2, // ½ Σ (z − one-hot label)²
} spar_loss;

// A group of processes, the ranks, that train one network together, each on its own part of every batch, with the bits
// of one process. The engine does all arithmetic; a group moves bytes between ranks.
typedef struct spar_message { // to and from one rank
    const void *send;
    size_t send_bytes;
    void *receive;
    size_t receive_bytes;
} spar_message;

typedef struct spar_group {
    uint32_t struct_size;
    int32_t rank, size; // 0 ≤ rank < size
    void *context;      // of the functions, which are called on the thread that calls the engine
    // Begins an exchange with every other rank: messages[r] for rank r (one's own has no bytes). All ranks begin the
    // same exchanges in the same order, with sizes that fit, where they make the same calls. What is sent and received
    // stays in place until the exchange has ended; `messages` do not. Exchanges are numbered from 0, by network.
    spar_status (*begin)(void *context, uint64_t exchange, const spar_message *messages);
    // Lets exchanges under way go on; called between passes. NULL: they need no help.
    spar_status (*progress)(void *context);
    // Returns when the exchange has ended here.
    spar_status (*wait)(void *context, uint64_t exchange);
    // The sentence of the last failure of this rank's calls above; NULL: none.
    const char *(*error)(void *context);
} spar_group;

typedef struct spar_network_options {
    uint32_t struct_size;
    int32_t batch_size; // the largest batch a pass will see; memory is planned for it
    int32_t threads;    // 0: all cores
    uint64_t seed;      // of the initial weights, dropout and perturbations
    spar_loss loss;
    bool exact_convolutions; // no Winograd: slower, with smaller rounding errors
    // Layers whose values and gradients stay to be read (spar_read_layer), by name; the names are copied. Each takes
    // two copies of its value for the largest batch, and every pass that copies; it is not fused with the layer behind
    // it, and backward passes go down to it. Files, clones and prefixes do not keep what a network does.
    const char *const *kept_layers;
    int32_t kept_count;
    // The group that trains the network; it is copied, and its context has to live as long as the network. NULL: none,
    // as a group of one. batch_size is then that of all ranks together, and so is the count of every pass; images,
    // labels, targets and what a criterion's function gets and gives are one's own (spar_network_share), J and its
    // gradient are those of the whole batch. All ranks make the same passes and steps, with the same settings, in the
    // same order; a rank without images may give NULL for them. When a rank fails, so does the call on every rank, with
    // a sentence that names the rank; when an exchange fails, so does every later pass. Gradients, statistics, losses
    // and parameters are then the same everywhere, and a rank holds memory for its own samples. Clones and prefixes
    // have no group but what their options name, so that each rank may evaluate and attack on its own.
    const spar_group *group;
    // Batch norm takes the moments of a rank's own images, where those of the whole batch cost an exchange a layer in
    // either direction, which all ranks wait for. Running statistics are then the mean of the ranks' by their images,
    // and parameters are the same everywhere as before, but their bits depend on the number of ranks. Without a group
    // it changes nothing.
    bool rank_statistics;
} spar_network_options;

// Batch 128, all cores, seed 1, softmax cross-entropy.
SPAR_API spar_status spar_network_set_defaults(spar_network_options *options, uint32_t struct_size);
static inline spar_network_options spar_network_defaults(void) {
    spar_network_options options;
    (void)spar_network_set_defaults(&options, (uint32_t)sizeof options);
    return options;
}

// Plans and initializes a network that computes `output`. The graph is copied and may be destroyed.
SPAR_API spar_status spar_network_create(const spar_graph *graph, spar_value output,
                                         const spar_network_options *options, spar_network **network);
SPAR_API void spar_network_destroy(spar_network *network);

// This rank's part of a batch of `count` images: `own` of them from image `first` on. A rank's part of a smaller batch
// is what that has of its part of the largest, maybe nothing. Without a group, all.
SPAR_API spar_status spar_network_share(const spar_network *network, int32_t count, int32_t *first, int32_t *own);

typedef struct spar_network_info {
    uint32_t struct_size;
    int32_t input_shape[3];
    int32_t classes;
    int32_t batch_size;
    int32_t threads;
    spar_loss loss;
    int64_t trainable_parameters; // numbers, running statistics not counted
    int64_t multiply_adds;        // of one image's forward pass, convolutions and dense layers
    int64_t memory_bytes;         // parameters, gradients, states, activations, workspace and points
    uint64_t seed;
    uint64_t step; // updates done
} spar_network_info;

SPAR_API spar_status spar_network_get_info(const spar_network *network, spar_network_info *info);

// The options in force: `threads` is the number that is used, and the seed may have been set since. The names of kept
// layers and the group are the caller's and not among them; spar_layer_info tells which layers are kept.
SPAR_API spar_status spar_network_get_options(const spar_network *network, spar_network_options *options);

// The seed of dropout and perturbations of the passes to come; parameters stay.
SPAR_API spar_status spar_network_set_seed(spar_network *network, uint64_t seed);

// The number of updates done, by which the random draws of the steps to come, and optimizers, count.
SPAR_API spar_status spar_network_set_step(spar_network *network, uint64_t step);

// The layers that the output depends on, in graph order.
typedef struct spar_layer_info {
    uint32_t struct_size;
    const char *name; // valid as long as the network; "relu1" and the like where the description gave none
    const char *kind; // "input", "normalize", "conv2d", "dense", "batch_norm", "relu", "perturb", …
    int32_t output_shape[3];
    int64_t trainable_parameters;
    int64_t multiply_adds; // of one image's forward pass
    bool kept;             // its values stay to be read
} spar_layer_info;

SPAR_API int32_t spar_network_layer_count(const spar_network *network);
SPAR_API spar_status spar_network_layer(const spar_network *network, int32_t index, spar_layer_info *info);
SPAR_API spar_status spar_network_find_layer(const spar_network *network, const char *name, int32_t *index);

// A network that ends at the output of the layer named `layer`, flattened in channel, row, column order where it is a
// map: its classes are the values of that layer. NULL ends at the value that the last dense layer reads, the features
// that the classifier sees ("the encoder"). Parameters and running statistics are copies; points up to there are kept,
// without method. All of `options` count but the loss and the seed, which are the network's; layers to keep have to be
// among those of the prefix. NULL: those of `network`, without group or kept layers.
SPAR_API spar_status spar_network_prefix(const spar_network *network, const char *layer,
                                         const spar_network_options *options, spar_network **prefix);

// A network that goes on as `network` does, with the same bits: its graph, parameters with their states and
// learning-rate factors, step, method and what its points hold, but not its gradients, its last pass nor δ between the
// rounds of a step, which training states lack, too. All of `options` count but the loss and the seed, which are the
// network's: batch_size is at least the samples that points hold, and exact_convolutions changes rounding errors. NULL:
// those of `network`, without group or kept layers. Costs what making a network costs, in time and in memory, and a
// copy of the parameters.
SPAR_API spar_status spar_network_clone(const spar_network *network, const spar_network_options *options,
                                        spar_network **clone);

// Writes the plan as text, a line an operation: kernel, shape, bytes, multiply–adds. `needed` gets the length with
// its final zero; the text is cut at `capacity`. `text` may be NULL when `capacity` is 0.
SPAR_API spar_status spar_network_describe(const spar_network *network, char *text, size_t capacity, size_t *needed);

// One operation of the plan, and the seconds its passes took since profiling was turned on. Passes that share the batch
// out by samples are timed on the first thread, without its wait for the others.
typedef struct spar_operation_info {
    uint32_t struct_size;
    const char *kernel; // valid as long as the network
    int32_t input_shape[3], output_shape[3];
    int64_t multiply_adds; // of one image's forward pass
    int64_t bytes;         // of the largest batch's input and output
    double forward_seconds;
    double backward_data_seconds;
    double backward_weights_seconds; // a sweep's are in its backward_data_seconds
    // What these passes did in that time, all of the batch together: multiplications as their algorithm makes them
    // (Winograd's are 4 or 2.25 times fewer than the multiply–adds), and bytes of values, gradients and parameters read
    // and written, except values that are read where a pass just before has left them in cache. So no pass takes less
    // than the longer of what either takes at the speeds that spar_measure_machine finds.
    int64_t forward_multiplications, backward_data_multiplications, backward_weights_multiplications;
    int64_t forward_bytes, backward_data_bytes, backward_weights_bytes;
} spar_operation_info;

// What this machine reaches at most.
typedef struct spar_machine {
    uint32_t struct_size;
    int32_t threads;
    double multiply_adds; // a second, on all threads together: of floats in vector registers
    double bytes;         // a second, read and written in arrays beyond all caches
} spar_machine;

// Measures it with so many threads, 0 for all cores: the best of several turns, which other work on the machine spoils.
// Takes about two seconds and 256 MB.
SPAR_API spar_status spar_measure_machine(int32_t threads, spar_machine *machine);

SPAR_API int32_t spar_network_operation_count(const spar_network *network);
SPAR_API spar_status spar_network_operation(const spar_network *network, int32_t index, spar_operation_info *info);

// The names of the layers that an operation computes, joined by " + "; as spar_network_describe cuts text.
SPAR_API spar_status spar_network_operation_layers(const spar_network *network, int32_t index, char *text,
                                                   size_t capacity, size_t *needed);

// Turns timing of operations on, from zero, or off. The clock costs about 0.1 µs an operation.
SPAR_API spar_status spar_network_profile(spar_network *network, bool on);

// Parameters, in graph order. Shapes and orders are PyTorch's: convolution [out][in / groups][ky][kx], dense
// [out][in] with `in` counted channel, row, column after a flatten. A buffer is not trained: running_mean,
// running_var, mean, deviation, matrix.
typedef struct spar_parameter_info {
    uint32_t struct_size;
    const char *name; // valid as long as the network
    int32_t rank;     // 1 to 4
    int32_t shape[4];
    int64_t count;
    bool trainable;
    float learning_rate_factor;
    uint64_t updates; // by optimizers that keep states: how many these have seen
} spar_parameter_info;

typedef enum spar_parameter_part {
    SPAR_PART_VALUE = 0,
    SPAR_PART_GRADIENT = 1,      // this and the states of optimizers: trainable ones only
    SPAR_PART_MOMENTUM = 2,      // SGD's
    SPAR_PART_FIRST_MOMENT = 3,  // AdamW's
    SPAR_PART_SECOND_MOMENT = 4, // AdamW's; not negative
    SPAR_PART_AVERAGE = 5,       // of the values over updates (spar_average_parameters), whatever the optimizer
} spar_parameter_part;

// What is written is finite, running_var not negative, deviation positive. A state that no update has needed is zero.
// A part is read and written whole, with as many numbers as the parameter has, or by elements: `count` of them from
// number `first` on, in the order above. Nothing else is copied or checked.
SPAR_API int32_t spar_network_parameter_count(const spar_network *network);
SPAR_API spar_status spar_network_parameter(const spar_network *network, int32_t index, spar_parameter_info *info);
SPAR_API spar_status spar_network_find_parameter(const spar_network *network, const char *name, int32_t *index);
SPAR_API spar_status spar_network_read_parameter(const spar_network *network, int32_t index, spar_parameter_part part,
                                                 float *values, int64_t count);
SPAR_API spar_status spar_network_write_parameter(spar_network *network, int32_t index, spar_parameter_part part,
                                                  const float *values, int64_t count);
SPAR_API spar_status spar_network_read_elements(const spar_network *network, int32_t index, spar_parameter_part part,
                                                int64_t first, int64_t count, float *values);
SPAR_API spar_status spar_network_write_elements(spar_network *network, int32_t index, spar_parameter_part part,
                                                 int64_t first, int64_t count, const float *values);

// Scales the learning rate of a trainable parameter in the updates to come; 1 at first. 0 freezes it: no update, decay
// nor max-norm, its states stay, and backward passes make no gradient of it where that saves work, so that it counts
// for no norm. A factor that is no longer 0 needs a new gradient.
SPAR_API spar_status spar_network_set_learning_rate_factor(spar_network *network, int32_t index, float factor);

// Says how many updates the states of a trainable parameter have seen, where they come from another program: AdamW's
// bias correction counts them. States have to be there; those that an update makes have seen none.
SPAR_API spar_status spar_network_set_updates(spar_network *network, int32_t index, uint64_t updates);

// ---------------------------------------------------------------------------------------------
// Passes: what training methods and attacks are made of

enum {
    SPAR_FORWARD_TRAIN = 1,             // batch statistics and dropout
    SPAR_FORWARD_UPDATE_STATISTICS = 2, // running statistics learn from this batch (with TRAIN)
    SPAR_FORWARD_PERTURB = 4,           // points add what they hold
    SPAR_FORWARD_MEASURE = 8,           // points measure s(h), the standard deviation of their input
    SPAR_FORWARD_AUXILIARY = 16,        // batch norms of the auxiliary set, with a method of separate statistics
};

enum {
    SPAR_BACKWARD_DATA = 1,        // gradients of the activations; always on
    SPAR_BACKWARD_WEIGHTS = 2,     // gradients of the parameters
    SPAR_BACKWARD_INPUT = 4,       // the gradient of the images, for spar_input_gradient
    SPAR_BACKWARD_RECORD = 8,      // active points keep their gradient in the shape their method asks for
    SPAR_BACKWARD_ACCUMULATE = 16, // parameter gradients are added to what is there
};

typedef struct spar_loss_result {
    uint32_t struct_size;
    double loss;     // J, the mean over the batch
    int32_t correct; // images whose largest output is the label
    int32_t count;
} spar_loss_result;

// images: [count][channels][height][width]; 1 ≤ count ≤ batch_size. Fails on pixels that are not finite, and
// on outputs that are not (a diverged network); there is then no pass to go on from, and δ of later rounds than the
// first, and one that lives on, is where that pass left it.
SPAR_API spar_status spar_forward(spar_network *network, const float *images, int32_t count, uint32_t flags);

// The output z of the last forward pass, [count][classes].
SPAR_API spar_status spar_read_output(const spar_network *network, float *output);

// The values that layer `index` gave in the last forward pass, and the gradient of scale·J at them of the backward pass
// after it, for `count` images from image `first` on: [count][channels][height][width]. Only the layers named in the
// options (kept_layers) have them; of others the plan may compute no value or write another in its place, so that this
// is SPAR_ERROR_STATE. A prefix network gives any layer's value at the cost of a pass.
SPAR_API spar_status spar_read_layer(const spar_network *network, int32_t index, int32_t first, int32_t count,
                                     float *values);
SPAR_API spar_status spar_read_layer_gradient(const spar_network *network, int32_t index, int32_t first, int32_t count,
                                              float *values);

// Running statistics learn from the batch of the last forward pass, which was in training mode and has not given its
// own yet (SPAR_FORWARD_UPDATE_STATISTICS, or this call): for steps that know only afterwards which of their passes
// counts. SPAR_ERROR_STATE otherwise.
SPAR_API spar_status spar_update_statistics(spar_network *network);

// As spar_update_statistics, with this momentum, 0 to 1, in place of the layers' own: 1, ½, ⅓, … over the batches of a
// pass through the images make statistics afresh, the mean over the batches, as averaged weights need them.
SPAR_API spar_status spar_update_statistics_by(spar_network *network, float momentum);

// Loss of the last forward pass against these labels, `count` of them as in that pass.
SPAR_API spar_status spar_evaluate_loss(spar_network *network, const int32_t *labels, spar_loss_result *result);

// Gradient of scale·J of the last forward pass, whose flags it follows and whose activations it overwrites: one
// backward pass a forward pass. `scale` is at least FLT_MIN; points record ∂J without it. `result` may be NULL.
SPAR_API spar_status spar_backward(spar_network *network, const int32_t *labels, float scale, uint32_t flags,
                                   spar_loss_result *result);

// A loss of the caller's own: of `output`, z, [count][classes], writes each image's loss, whose mean is J, and, where
// `gradient` is not NULL, ∂J/∂z, [count][classes]. All have to be finite. It may not call the network. False stops the
// call that asked for it: SPAR_ERROR_CANCELLED.
typedef bool (*spar_output_loss)(void *context, const float *output, int32_t count, int32_t classes, double *losses,
                                 float *gradient);

// What J is the mean of, over the images of a pass: the network's loss against labels or against targets, or a
// function of the caller's. Targets are distributions over classes, as smoothed labels, mixed images and teachers give
// them. With softmax cross-entropy, −Σ t·log softmax(z), a row of them is not negative and sums to 1 (within 1e-3);
// with logistic cross-entropy, the sum over units of that of logistic(z) and t, each is in [0, 1], whatever their sum;
// with squared error, ½ Σ (z − t)², they are finite.
typedef struct spar_criterion {
    uint32_t struct_size;
    const int32_t *labels;     // [count]; with targets or a function they only say what is correct, and may be NULL
    const float *targets;      // [count][classes], or NULL
    spar_output_loss function; // or NULL; not with targets. Called once a pass, on the thread that calls.
    void *context;             // of function
} spar_criterion;

// As spar_evaluate_loss and spar_backward, for any criterion. `losses`, [count], gets each image's own, and may be
// NULL; so may `result`. Without labels an image is correct whose largest output is that of its largest target; with a
// function none is. The first call with a function takes memory, of 2·batch_size·classes floats.
SPAR_API spar_status spar_evaluate_criterion(spar_network *network, const spar_criterion *criterion, double *losses,
                                             spar_loss_result *result);
SPAR_API spar_status spar_backward_criterion(spar_network *network, const spar_criterion *criterion, float scale,
                                             uint32_t flags, spar_loss_result *result);

// As spar_backward, for another function of the output z than J: `output_gradient`, [count][classes], is its gradient
// (all finite), so the pass gives scale · output_gradientᵀ · ∂z, a vector–Jacobian product. Points record it without
// the scale.
SPAR_API spar_status spar_backward_output(spar_network *network, const float *output_gradient, float scale,
                                          uint32_t flags);

// ∂(scale·J)/∂images of the last backward pass with INPUT, shaped as the images. A value that is not finite is an error
// that names its pixel; `gradient` is written all the same.
SPAR_API spar_status spar_input_gradient(const spar_network *network, float *gradient);

// ---------------------------------------------------------------------------------------------
// Methods: five choices, and rounds and perturbed weights beside them
//
// A perturbation of sample n at a point is η = magnitude[n] · direction, where
//   direction  sign(g) | g / ‖g‖∞ | N(0, 1), g the gradient of J at the point;
//   magnitude  ε | ε·(max g − min g) | r | r·s(h), r = ε/2 + ε/4 · N(0, 1), clipped to lie
// between 0 and ε. For a gradient of zeros η is 0.
// With granularity SAMPLE, r, ‖g‖∞ and max g − min g are each sample's own; with BATCH there is one of each a
// point and batch. s(h) is always that of the whole tensor. A pass perturbs by what was measured before it: in
// spar_train_step s(h) is that of the batch that gives the direction, in a pass without perturbations where that is the
// batch at hand or a random draw.
//
// What is added is δ. It climbs in rounds: δ ← Π(δ + α·η), from a start or from 0, `iterations` times a step, and Π is
// the projection on what bounds it, of the values of the pass that it is added in. A start is uniform in ±s·|ε|, and
// projected, or normal with deviation s, and not. A round in which it only climbs costs a forward pass, in training
// mode or in evaluation mode (running statistics, no dropout), and a backward pass without gradients of weights, and
// running statistics do not learn from it; the objective's own passes are as always. What it climbs, and g is the
// gradient of, is J(x + δ) or KL(p(x) ‖ p(x + δ)), p the softmax of the outputs, a mean over the batch as J is, and
// p(x) of a forward pass of that mode before the rounds. Where δ is persistent it goes on in the row of the batch where
// it was: only the ball bounds what lives on, a row without any starts, and all rows that a gradient is kept of climb
// in the next pass that perturbs. After a step that fails it is where that step left it. δ is kept as floats where it
// accumulates (more iterations than one, a start, a ball); else it is the recorded gradient's η itself.
//
// Weights are one more place. With a weight radius ρ a step updates w by the gradient of its objective at w + ν, where
// ν is ρ·g / ‖g‖₂ of all parameters in the scope together, or ρ·‖w‖₂·g / ‖g‖₂ of each by itself, g being the gradient
// of the objective at w, without weight decay and not clipped; 0 where g is. δ is made at w and is the same at w + ν.
// Running statistics learn from the passes at w, of which the step's result is too; what points record and measure for
// the next step is of those at w + ν. Frozen parameters are not moved. The update starts from w, and a step that fails
// leaves w, bit for bit. It costs the objective's passes once more, without gradients of weights outside the scope.
//
// Random draws of step t (updates done before it), so that any program can repeat them. What is drawn for channel c,
// row y, column x of sample n of a value of C×H×W is element ((n·H + y)·W + x)·C + c of a stream: the noise of N(0, 1)
// at point p of {seed, 4, p, t}; the l-th dropout layer keeps what has a uniform element of {seed, 2, l, t} that is ≥
// rate. The normal draw of r for sample n (0 with BATCH) at point p is element n of {seed, 3, p, t}. A start is
// s·|ε|·(2u − 1), u the uniform elements of {seed, 9, p, t}, or s times its normal elements.

typedef enum spar_direction {
    SPAR_DIRECTION_NONE = 0,           // no perturbation
    SPAR_DIRECTION_PREVIOUS_BATCH = 1, // one pass; nothing on the first batch; rows both batches have
    SPAR_DIRECTION_CURRENT_BATCH = 2,  // an extra gradient-only round
    SPAR_DIRECTION_RANDOM = 3,         // with SPAR_SHAPE_GAUSSIAN, and only with it
} spar_direction;

typedef enum spar_shape {
    SPAR_SHAPE_SIGN = 0,
    SPAR_SHAPE_GRADIENT = 1,
    SPAR_SHAPE_GAUSSIAN = 2,
} spar_shape;

typedef enum spar_size {
    SPAR_SIZE_CONSTANT = 0,         // ε
    SPAR_SIZE_RANGE = 1,            // ε·(max g − min g)
    SPAR_SIZE_RANDOM = 2,           // r                  (ANL Eq. 4)
    SPAR_SIZE_RANDOM_DEVIATION = 3, // r·s(h)             (ANL Eq. 5)
} spar_size;

typedef enum spar_granularity {
    SPAR_GRANULARITY_BATCH = 0,
    SPAR_GRANULARITY_SAMPLE = 1,
} spar_granularity;

enum {
    SPAR_BOUND_BALL = 1,     // |δ| ≤ |ε|, with SPAR_SIZE_CONSTANT
    SPAR_BOUND_PIXELS = 2,   // x + δ in [0, 1] at input points, which are right behind the input
    SPAR_BOUND_CHANNELS = 4, // h + δ at hidden points between each channel's least and greatest h of the sample
};

typedef enum spar_weight_scope {
    SPAR_WEIGHT_SCOPE_ALL = 0,           // all parameters that are trained
    SPAR_WEIGHT_SCOPE_NORMALIZATION = 1, // γ and β of batch normalization
    SPAR_WEIGHT_SCOPE_MATRICES = 2,      // those of rank 2 and more: no biases, γ or β
} spar_weight_scope;

typedef enum spar_weight_norm {
    SPAR_WEIGHT_NORM_TOGETHER = 0, // ν = ρ·g / ‖g‖₂, of all in the scope together (Foret et al. 2021, Eq. 2)
    SPAR_WEIGHT_NORM_EACH = 1,     // ν = ρ·‖w‖₂·g / ‖g‖₂ of each parameter (Wu et al. 2020)
} spar_weight_norm;

typedef enum spar_ascent {
    SPAR_ASCENT_LOSS = 0,
    SPAR_ASCENT_DIVERGENCE = 1, // KL, from a start: at x itself it has no slope
} spar_ascent;

typedef enum spar_start_distribution {
    SPAR_START_UNIFORM = 0, // in ±s·|ε|
    SPAR_START_NORMAL = 1,  // of deviation s
} spar_start_distribution;

typedef struct spar_method {
    uint32_t struct_size;
    spar_direction direction;
    spar_shape shape;
    spar_size size;
    spar_granularity granularity;
    float epsilon;          // ε of the hidden points; 0 turns them off; may be negative
    float input_epsilon;    // ε of the input points, pixels in [0, 1]; 0 turns them off; may be negative
    const char *last_point; // hidden points from the first up to this one; NULL: all
    float clean_weight; // α of α·J(x) + (1 − α)·J(x + η) + β·KL, in [0, 1]; 0: no clean loss; 1: no perturbed one, and
                        // without β a training step neither records, measures nor perturbs
    // Rounds, where a gradient gives the direction; zeros are one climb of η by itself.
    int32_t iterations; // climbs of a step, with CURRENT_BATCH; 0 is 1
    float climb;        // α, how far one goes, in parts of the magnitude; 0 is 1
    float start;        // s, 0 or more
    uint32_t bounds;    // of SPAR_BOUND_BALL, SPAR_BOUND_PIXELS and SPAR_BOUND_CHANNELS
    bool persistent;    // δ lives on from step to step and is saved with the training state; needs SPAR_BOUND_BALL
    int32_t replays;    // updates that a training step makes on its batch, all rounds in each; 0 is 1
    // Weights as a place. A radius takes memory for a copy of the parameters in the scope.
    float weight_radius; // ρ; 0 turns them off
    spar_weight_scope weight_scope;
    spar_weight_norm weight_norm;
    // β of β·KL(p(x) ‖ p(x + δ)), 0 or more, with softmax cross-entropy. Its gradient goes through p(x) too. The passes
    // of the objective are then of x, of x + δ and of x again, which no activations of one need to outlive, and running
    // statistics learn from each of the three, as they do in the reference of Zhang et al.
    float divergence_weight;
    spar_ascent ascent;                         // what rounds climb, with CURRENT_BATCH; else what is trained on
    spar_start_distribution start_distribution; // UNIFORM without a start
    bool evaluation_mode;                       // of the rounds that only climb, with CURRENT_BATCH
    // Perturbed passes go through auxiliary batch norms, with γ, β and running statistics of their own, and the clean
    // term through the others, which alone are used without the method. As long as it is in force the auxiliary
    // parameters, "sparring.auxiliary.NAME.weight" and the like, are behind those of the graph; they begin as copies of
    // these, are updated as they are where a pass goes through them, and are saved with the training state only.
    bool separate_statistics;
    const char *hidden_points; // by name, between commas, in place of a last one; NULL: no such list
} spar_method;

// Methods by name. The papers' are "backprop", "adversarial-backprop", "fgs-orig", "fgs-inter", "layerwise",
// "layerwise-joint", "anl", "gaussian", "random". `epsilon` goes where the method perturbs: the input
// for "adversarial-backprop" and "fgs-orig", the hidden points for the others ("gaussian": ε/4 is the
// deviation). And the field's, all with sign and constant size, ε of the input:
//   "pgd"     (Madry et al. 2018): 7 iterations of α = ε/4 from a uniform start in the ball, within it and [0, 1];
//   "fgsm-rs" (Wong et al. 2020, Algorithm 3): one of α = 1.25·ε from there, within the ball;
//   "n-fgsm"  (de Jorge et al. 2022, Algorithm 1): one of α = ε from a uniform start in ±2ε, without bounds;
//   "slat"    (Park & Lee 2021): one of α = ε at hidden points, within each channel's range, and of 0.9·ε at the input,
//             within [0, 1]. The paper's points are few: behind the first convolution and the first stages;
//   "free"    (Shafahi et al. 2019, Algorithm 1): 8 replays, δ persistent, within the ball; a climb of ε an update;
//   "trades"  (Zhang et al. 2019, Algorithm 1; ε 0.031): J(x) + 6·KL, and 10 iterations of α = 0.007/0.031·ε that climb
//             KL in evaluation mode, from a normal start of deviation 0.001, within the ball and [0, 1];
//   "advprop" (Xie et al. 2020, Algorithm 1; ε 4/255): ½·J(x) + ½·J(x + δ), the second through auxiliary batch norms,
//             and 5 iterations of α = ε/4 through these, in evaluation mode, from a uniform start, within the ball and
//             [0, 1].
// And those of weights, the first two with `epsilon` as ρ:
//   "sam"     (Foret et al. 2021, Algorithm 1; ρ 0.05): all parameters together;
//   "sam-on"  (Müller et al. 2023; ρ 0.5 to 1): γ and β of batch normalization together;
//   "awp"     (Wu et al. 2020, Algorithm 1): "pgd" with ε, and each parameter of rank 2 and more by 0.01 of its norm.
// Fails on other names with the list of these.
SPAR_API spar_status spar_method_preset(const char *name, float epsilon, spar_method *method);

// The names above, NULL after the last.
SPAR_API const char *const *spar_method_names(void);

// Takes the method for the steps to come and gives active points the memory they need, before that of the method in
// force is given back. What points held is forgotten, unless `method` equals the one in force.
SPAR_API spar_status spar_network_set_method(spar_network *network, const spar_method *method);

// The method in force; `last_point` and `hidden_points` are valid until another is set.
SPAR_API spar_status spar_network_get_method(const spar_network *network, spar_method *method);

typedef struct spar_point_info {
    uint32_t struct_size;
    const char *name; // valid as long as the network
    int32_t shape[3];
    bool input;      // an input point
    bool active;     // perturbed by the method in force
    float deviation; // s(h) of the last measuring pass; 0 before
} spar_point_info;

SPAR_API int32_t spar_network_point_count(const spar_network *network);
SPAR_API spar_status spar_network_point(const spar_network *network, int32_t index, spar_point_info *info);
SPAR_API spar_status spar_network_find_point(const spar_network *network, const char *name, int32_t *index);

// s(h) of every point, in their order, on these images in a forward pass in training mode without perturbations.
// Training goes on as if it had not been; only what the last pass computed is gone.
SPAR_API spar_status spar_measure_points(spar_network *network, const float *images, int32_t count, float *deviations);

// ---------------------------------------------------------------------------------------------
// Training

typedef enum spar_decay_scope {
    SPAR_DECAY_ALL = 0,
    SPAR_DECAY_WEIGHTS = 1, // not on batch normalization and biases
} spar_decay_scope;

// Stochastic gradient descent: d ← g + weight_decay·w;  v ← momentum·v + d;
//   w ← w − learning_rate·(nesterov ? d + momentum·v : v). Without momentum v is left alone.
// AdamW (Loshchilov & Hutter 2019): m ← β₁·m + (1 − β₁)·g;  v ← β₂·v + (1 − β₂)·g²;
//   w ← w − learning_rate·(weight_decay·w + m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)), t the updates of m and v, from 1.
typedef enum spar_optimizer_kind {
    SPAR_OPTIMIZER_SGD = 0,   // keeps v: SPAR_PART_MOMENTUM
    SPAR_OPTIMIZER_ADAMW = 1, // keeps m and v: SPAR_PART_FIRST_MOMENT and SPAR_PART_SECOND_MOMENT
} spar_optimizer_kind;

typedef struct spar_optimizer {
    uint32_t struct_size;
    spar_optimizer_kind kind;
    float learning_rate;
    float weight_decay;
    spar_decay_scope decay_scope;
    // The gradients of all parameters together are scaled to at most this Euclidean norm before the update, by
    // clip_norm / (norm + 1e-6) as PyTorch's clip_grad_norm_ does; what the network holds of them stays. 0: they are
    // not.
    float clip_norm;
    float max_norm;     // after the update every unit's incoming weights are scaled back to this norm; 0: none
    float momentum;     // SGD
    bool nesterov;      // SGD
    float beta1, beta2; // ADAMW, below 1
    float epsilon;      // ADAMW, at least FLT_MIN
} spar_optimizer;

// SGD: learning rate 0.1, momentum 0.9. AdamW: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-8. All else off.
SPAR_API spar_status spar_optimizer_set_defaults(spar_optimizer *optimizer, uint32_t struct_size,
                                                 spar_optimizer_kind kind);
static inline spar_optimizer spar_optimizer_defaults(spar_optimizer_kind kind) {
    spar_optimizer optimizer;
    (void)spar_optimizer_set_defaults(&optimizer, (uint32_t)sizeof optimizer, kind);
    return optimizer;
}

typedef spar_optimizer spar_sgd;
static inline spar_sgd spar_sgd_defaults(void) {
    return spar_optimizer_defaults(SPAR_OPTIMIZER_SGD);
}
static inline spar_optimizer spar_adamw_defaults(void) {
    return spar_optimizer_defaults(SPAR_OPTIMIZER_ADAMW);
}

// Updates the parameters from their gradients and counts a step. The first update by an optimizer takes the memory of
// the states it keeps, zeros; states that it does not keep are forgotten. Every parameter needs a gradient of its own
// since the last update, by a backward pass with WEIGHTS or written by the caller; else this is SPAR_ERROR_STATE.
SPAR_API spar_status spar_update(spar_network *network, const spar_optimizer *optimizer);

// ‖·‖₂ of all gradients that the last backward passes with WEIGHTS made, before any clipping, also after a training
// step. Fails where one is not finite, and names its parameter.
SPAR_API spar_status spar_gradient_norm(const spar_network *network, double *norm);

// One whole training step by the method in force: its passes, then the update. `result` is that of the
// round whose loss is trained on (the perturbed one where there are two) and may be NULL; with a divergence its loss is
// the whole objective, and correct are images as they are. Running statistics are updated once, in the clean round when
// the objective has a clean term, else in the last; with a divergence in each of the objective's three passes, and
// separate ones also in the perturbed pass.
// A step that fails on images, labels or numbers that are not finite may leave another last pass or none, other
// gradients of parameters and, with the current batch's direction, other recorded gradients: no later step reads them.
// One that fails behind the pass that records, as when gradients to be clipped are not finite, forgets what points hold
// of the previous batch.
//
// With replays a step is as many updates, each as said here; those before one that fails stay.
//
// Cost of an update: one forward and backward pass, a gradient-only round more for each climb of the current batch's
// gradient, a full one more when the objective has a clean term, whose pass is the first climb's too where that is from
// the images as they are; a forward pass more for noise of size r·s(h) without one. With a divergence the objective
// costs two forward and backward passes and a forward pass, and climbs of it a forward pass more.
SPAR_API spar_status spar_train_step(spar_network *network, const spar_optimizer *optimizer, const float *images,
                                     const int32_t *labels, int32_t count, spar_loss_result *result);

// As spar_train_step, for any criterion. A function is asked in every round that has a backward pass, for J of that
// round's outputs, before the method weighs it.
SPAR_API spar_status spar_train_step_criterion(spar_network *network, const spar_optimizer *optimizer,
                                               const float *images, const spar_criterion *criterion, int32_t count,
                                               spar_loss_result *result);

// Averages of the weights over updates, an average of each trainable parameter (SPAR_PART_AVERAGE) that is saved with
// the training state: average ← average + weight·(value − average), 0 < weight ≤ 1; the first call takes the memory and
// the values as they are. A constant weight of 1 − d is the exponential average of decay d (Polyak & Juditsky 1992); 1,
// ½, ⅓, … at ends of epochs is the mean (SWA, Izmailov et al. 2018).
SPAR_API spar_status spar_average_parameters(spar_network *network, float weight);

// The trainable parameters become their averages, which then are gone: for a clone that is to be evaluated or saved.
// Running statistics are those of the weights before; spar_update_statistics_by makes them afresh. SPAR_ERROR_STATE
// where there is no average.
SPAR_API spar_status spar_use_average(spar_network *network);

// Targets for spar_criterion, [count][classes]: 1 − s + s / classes for an image's label, s / classes for the other
// classes, s = `smoothing`, 0 to 1 (label smoothing, Szegedy et al. 2016; 0: one-hot labels).
SPAR_API spar_status spar_smooth_labels(const int32_t *labels, int32_t count, int32_t classes, float smoothing,
                                        float *targets);

// Mixup (Zhang et al. 2018), in place, of images as of their targets, [count][size]: row n becomes shares[n]·(row n) +
// (1 − shares[n])·(row count − 1 − n). Shares are 0 to 1; the paper draws them from Beta(α, α).
SPAR_API spar_status spar_mix_rows(float *rows, int32_t count, int64_t size, const float *shares);

// ZCA whitening: W = U·diag(1 / √(λ + ε))·Uᵀ, where U·diag(λ)·Uᵀ is the covariance of images of C·H·W values, counted
// channel, row, column and divided by their number. Images whitened by ε = 0 have identity covariance. Images are
// added in as many calls as suit; the result does not depend on how they are shared out. One thread; 50,000 images of
// 3072 values take some 15 seconds and 300 MB.
typedef struct spar_zca spar_zca;

SPAR_API spar_status spar_zca_create(int32_t size, spar_zca **zca); // 1 ≤ size ≤ 16,384 values an image
SPAR_API void spar_zca_destroy(spar_zca *zca);
SPAR_API spar_status spar_zca_add(spar_zca *zca, const float *images, int64_t count); // [count][size], finite

// Writes the mean, [size], and W, [size][size], of the two or more images so far: what spar_whiten takes. Fails where
// the images do not vary in every direction and ε is too small to make up for it.
SPAR_API spar_status spar_zca_finish(spar_zca *zca, float epsilon, float *mean, float *matrix);

// ---------------------------------------------------------------------------------------------
// Attacks on the images, through the network's own normalization

typedef enum spar_pixel_unit {
    SPAR_UNIT_255 = 0, // delta and step count in 1/255 of the pixel range
    SPAR_UNIT_ONE = 1, // delta and step count in the pixel range [0, 1]
} spar_pixel_unit;

typedef enum spar_attack_kind {
    SPAR_ATTACK_FGSM = 0, // x + δ·sign(∇J) (Goodfellow et al. 2015)
    SPAR_ATTACK_IFGSM = 1, // x ← clip to x₀ ± δ of (x + step·sign(∇J)), `iterations` times (Kurakin et al. 2017)
    SPAR_ATTACK_PGD = 2,   // IFGSM from random points of the ball x₀ ± δ (Madry et al. 2018)
    SPAR_ATTACK_SQUARE = 3,  // random search with squares, without gradients (Andriushchenko et al. 2020, L∞)
    SPAR_ATTACK_APGD_CE = 4, // Auto-PGD along cross-entropy's gradient (Croce & Hein 2020, Algorithm 1)
    SPAR_ATTACK_APGD_T = 5,  // Auto-PGD along that of the targeted difference-of-logits ratio, target after target
    SPAR_ATTACK_FAB_T = 6,   // projections on linearized boundaries, target after target (Croce & Hein 2020, FAB; L∞)
    SPAR_ATTACK_STANDARD = 7, // AutoAttack, standard: APGD_CE, APGD_T, FAB_T and SQUARE, each for what still stands
    SPAR_ATTACK_RAYS = 8,     // a search for the nearest boundary that asks for classes alone (Chen & Gu 2020; L∞)
} spar_attack_kind;

// What is at most δ from the image x₀.
typedef enum spar_ball {
    SPAR_BALL_MAXIMUM = 0,   // L∞: every pixel moves by at most δ
    SPAR_BALL_EUCLIDEAN = 1, // L2: ‖x − x₀‖₂ ≤ δ; a step is along g / ‖g‖₂ instead of sign(g)
} spar_ball;

// An image stands as long as the network gives it its label. The second and later starts of PGD, and all of the
// kinds behind it, are for images that still stand; an image that does not keeps what made it fall. One that stands to
// the end has Square's image of lowest margin, PGD's and APGD-CE's of highest loss, APGD-T's of highest loss for its
// last target; with FAB-T and RayS it stays as it was, and AutoAttack ends with Square.
typedef struct spar_attack {
    uint32_t struct_size;
    spar_attack_kind kind;
    spar_pixel_unit unit;
    float delta;        // 0 to the pixel range: 255 or 1 by the unit; of an L2 ball, times √(pixels · channels)
    float step;         // IFGSM, > 0; PGD, ≥ 0: 0 is 2.5·δ / iterations; at most what δ can be
    int32_t iterations; // not FGSM, SQUARE and RAYS, 1 to 2²⁰; IFGSM also 0: as many as reach δ, ⌈δ / step⌉; PGD with
                        // random starts also 0: nothing but random points of the ball
    bool random_start; // PGD: from a uniform draw in the ball instead of the image
    int32_t restarts;  // PGD: starts, 1 to 65536; an image that stands to the end keeps the result of highest loss
    int32_t queries;   // SQUARE, STANDARD, RAYS: images tried for an image, ≥ 1
    float first_share; // SQUARE, STANDARD: p, the share of an image the first squares cover, in (0, 1]
    bool clip;         // results are clipped to [lowest, highest]; FAB_T, STANDARD and RAYS need that
    float lowest, highest;
    bool training_mode;      // FGSM, IFGSM: batch statistics and dropout instead of evaluation mode
    uint64_t seed;           // PGD and the kinds behind it
    uint64_t first_image;    // so: number of images[0] in its set, so that batches draw different numbers
    spar_proceed proceed;    // NULL: never stopped
    void *context;           // of proceed
    spar_ball ball;          // SQUARE, FAB_T, STANDARD and RAYS have L∞ alone
    int32_t targets;         // APGD_T, FAB_T, STANDARD: classes aimed at, ≥ 1; all besides the label where it is more
    bool stretched;          // SQUARE, STANDARD: p falls by the schedule of 10 000 queries stretched over `queries`
    const uint64_t *numbers; // PGD and the kinds behind it: of each image in its set; NULL: first_image and on
} spar_attack;

// δ 16/255, L∞, clip to [0, 1], seed 1. IFGSM: step 1/255, 16 iterations. PGD: step 2.5·δ / iterations, 20 iterations,
// one random start. Square: 5000 queries, RayS too, p = 0.8, the schedule stretched. The others: 100 iterations; nine
// targets; AutoAttack's schedule of squares is not stretched, as in its reference.
SPAR_API spar_status spar_attack_set_defaults(spar_attack *attack, uint32_t struct_size, spar_attack_kind kind);
static inline spar_attack spar_attack_defaults(spar_attack_kind kind) {
    spar_attack attack;
    (void)spar_attack_set_defaults(&attack, (uint32_t)sizeof attack, kind);
    return attack;
}

// Writes the attacked images to `attacked` (may be `images`). Parameters, statistics and points are untouched. In
// evaluation mode an image's result does not depend on the batch it is in, up to rounding.
// Cost: FGSM a forward and a backward pass, without gradients of weights; IFGSM `iterations` of them; PGD at most
// restarts × iterations of them and `restarts` forward passes; Square and RayS at most queries + 1 forward passes;
// APGD-CE at most `iterations` + 1 of them, APGD-T as many for each target, and both one for the images as they are;
// FAB-T targets × iterations × 2 forward and one backward pass; AutoAttack all of these, about 7,800 forward and
// 1,900 backward passes for an image that stands. APGD starts from steps of 2·δ, and adds to three quarters of each a
// quarter of the move before it. After 22 % of the iterations, and then after intervals that get shorter by 3 % of them
// down to 6 %, a step halves that raised the loss in at most 75 % of the interval, or that did not halve the last time
// and has no better best loss since; the image goes on from its best point. The targets of APGD-T are the classes of
// the largest outputs but the first on the image as it is. It climbs (z_target − z_label) / (z₁ − ½(z₃ + z₄) + 1e-12),
// z₁ ≥ z₂ ≥ … the outputs, and needs four classes. RayS draws nothing: it looks for signs s for which the smallest r
// with x₀ + r·s, clipped, that fools the network is smallest. It flips the signs of parts of the image, all of it, both
// halves, the quarters and so on in the order of pixels, first from + to −; where the flipped signs fool the network at
// the r of the best ones, at first that of the whole pixel range, it bisects from 0 to there down to 0.001 / √pixels
// and keeps what is nearer. It ends for an image at the first point in the ball that fools the network; every point is
// a query. FAB-T has α_max 0.1, η 1.05 and β 0.9, and ends for an image at the first point in the ball that fools the
// network. Random draws of image n, whose number in its set is numbers[n] or first_image + n, here m: the start
// `restart` of PGD is x₀ + δ·t, t = 2u − 1, u the uniform elements of the stream {seed, 5, restart, m}; in an L2 ball
// x₀ + δ·v / ‖v‖₂, v the stream's normal elements. APGD's start is x₀ + δ·t / max|t| of {seed, 8, target, m}, target 0
// with APGD-CE; in an L2 ball as PGD's. Square reads the uniform elements of {seed, 6, 0, m} one after the other: one a
// channel and column for the stripes, then for each further query one for the row, one for the column and one a channel
// for the sign of its square; a sign is + where u ≥ 1/2. The first row of a square of side s is ⌊u · (H − s + 1)⌋ and
// its first column ⌊u · (W − s + 1)⌋, in single precision; s is √(p·H·W) rounded, at least 1 and at most the shorter
// side of the image. Square number k, from 0, has p = first_share halved once for each of 10, 50, 200, 500, 1000, 2000,
// 4000, 6000 and 8000 that is below k, stretched: below ⌊10000·k / queries⌋. The first query is the stripes, so that
// there are queries − 1 squares.
SPAR_API spar_status spar_attack_images(spar_network *network, const spar_attack *attack, const float *images,
                                        const int32_t *labels, int32_t count, float *attacked);

// Whether the network can be attacked so: SPAR_OK, or the error that spar_attack_images would return, before anything
// is computed.
SPAR_API spar_status spar_check_attack(const spar_network *network, const spar_attack *attack);

// The kinds that AutoAttack consists of, in their order; `count` is how many. What each leaves standing is what the
// next one is given: to attack with one kind after the other does what STANDARD does, where the images keep their
// numbers.
SPAR_API const spar_attack_kind *spar_standard_attack_parts(int32_t *count);

// What became of an image: a spar_attack_kind, that of the attack that broke it (of AutoAttack, the part), or one of
// these.
enum {
    SPAR_VERDICT_STANDS = -1, // the network gives its label to the attacked image
    SPAR_VERDICT_WRONG = -2,  // it does not give it to the image as it is
};

// As spar_attack_images, and writes each image's verdict, [count]; NULL: none. Cost: two forward passes more.
SPAR_API spar_status spar_evaluate_attack(spar_network *network, const spar_attack *attack, const float *images,
                                          const int32_t *labels, int32_t count, float *attacked, int32_t *verdicts);

// What would make attacks weaker than the network is: those of AutoAttack cannot be believed where five passes of the
// same images differ (by more than 1e-4: a randomized network, the mean of which has to be attacked), where outputs are
// probabilities (within 1e-5; their logarithms should be the outputs), or where gradients of the loss are zero.
typedef struct spar_inspection {
    uint32_t struct_size;
    double difference; // largest ‖z/‖z‖₂ − z′/‖z′‖₂‖₂ of an image between the first of five passes and another
    float lowest, highest;  // output
    double sum_error;       // largest |Σ z − 1| of an image
    int32_t zero_gradients; // images at which ∂J/∂x is zero
    int32_t count;          // images
} spar_inspection;

// Of the images as they are, in evaluation mode. Five forward passes and a backward pass.
SPAR_API spar_status spar_inspect(spar_network *network, const float *images, const int32_t *labels, int32_t count,
                                  spar_inspection *inspection);

// The smallest change that makes a network take an image for another class, by box-constrained L-BFGS (Szegedy et al.
// 2014; Sankaranarayanan et al., Eq. 1): argmin over r of c·‖r‖₂ + J(x + r, target), x + r in [lowest, highest], with
// the largest c, found by bisection for each image, whose minimizer is taken for the target.
typedef struct spar_lbfgs_attack {
    uint32_t struct_size;
    int32_t iterations; // of each minimization, ≥ 1
    int32_t searches;   // values of c tried for an image, ≥ 1
    float lowest, highest;
    spar_proceed proceed; // NULL: never stopped
    void *context;        // of proceed
} spar_lbfgs_attack;

typedef struct spar_lbfgs_example {
    uint32_t struct_size;
    int32_t target;
    bool found;  // the image below is taken for the target; where not, it is the one given
    double norm; // ‖r‖₂, pixels in [0, 1]
    double c;    // the largest c that succeeded, 0 when none did or r is 0
} spar_lbfgs_example;

// 10 iterations, 10 searches, in [0, 1].
SPAR_API spar_status spar_lbfgs_attack_set_defaults(spar_lbfgs_attack *attack, uint32_t struct_size);
static inline spar_lbfgs_attack spar_lbfgs_attack_defaults(void) {
    spar_lbfgs_attack attack;
    (void)spar_lbfgs_attack_set_defaults(&attack, (uint32_t)sizeof attack);
    return attack;
}

// Writes for every image the changed image of smallest norm, of all it tried, that is taken for its target.
// `targets`: a class an image; NULL: the class of largest output besides the label. `attacked` may be `images`,
// `examples` may be NULL. Parameters, statistics and points are untouched.
// Cost: about searches × iterations forward and backward passes, of the images that are not done.
SPAR_API spar_status spar_lbfgs_attack_images(spar_network *network, const spar_lbfgs_attack *attack,
                                              const float *images, const int32_t *labels, const int32_t *targets,
                                              int32_t count, float *attacked, spar_lbfgs_example *examples);

// ---------------------------------------------------------------------------------------------
// Analysis

// The singular values of the Jacobian ∂output/∂image, largest first, averaged over the images: min(classes, pixels)
// values. Evaluation mode, pixels in [0, 1] before the network's own normalization. Of a prefix network it is the
// Jacobian of the encoder. For each image ⌈classes / batch_size⌉ forward and backward passes, and a decomposition of a
// classes × pixels matrix in double precision. It leaves the network without a pass to go on from. `proceed` (NULL:
// never stopped) is called with `context` between passes and decompositions.
SPAR_API spar_status spar_jacobian_singular_values(spar_network *network, const float *images, int32_t count,
                                                   spar_proceed proceed, void *context, double *values);

typedef enum spar_tsne_start {
    SPAR_TSNE_START_PRINCIPAL = 0, // the points' first two principal components, scaled to deviation 1e-4
    SPAR_TSNE_START_RANDOM = 1,    // N(0, 1e-4²)
} spar_tsne_start;

typedef struct spar_tsne_options {
    uint32_t struct_size;
    double perplexity;    // of a point's neighborhood, above 1 and below count − 1
    double learning_rate; // 0: count / (4·exaggeration), at least 50
    double exaggeration;  // factor on the probabilities during the first iterations, at least 1
    int32_t exaggerated_iterations;
    spar_tsne_start start; // points without a second principal component start at random
    uint64_t seed;         // of a random start
    int32_t threads;       // 0: all cores
    spar_proceed proceed;  // of every call on the embedding, with the share of that call; NULL: never stopped
    void *context;         // of proceed
} spar_tsne_options;

// Perplexity 30, learning rate by count, exaggeration 12 for 250 iterations, principal start, seed 1, all cores.
SPAR_API spar_status spar_tsne_set_defaults(spar_tsne_options *options, uint32_t struct_size);
static inline spar_tsne_options spar_tsne_defaults(void) {
    spar_tsne_options options;
    (void)spar_tsne_set_defaults(&options, (uint32_t)sizeof options);
    return options;
}

typedef struct spar_tsne spar_tsne;

// t-SNE into two dimensions (van der Maaten & Hinton 2008), exact: 4·count² bytes and O(count²) work an iteration.
// `points` is [count][dimensions], finite; it is not kept. `options` NULL: defaults.
SPAR_API spar_status spar_tsne_create(const float *points, int32_t count, int32_t dimensions,
                                      const spar_tsne_options *options, spar_tsne **tsne);
SPAR_API void spar_tsne_destroy(spar_tsne *tsne);

// Goes on by so many iterations of gradient descent with momentum (0.5, after the exaggerated iterations 0.8) and
// gains; 1,000 in all is usual. `divergence`, the Kullback–Leibler divergence reached (without exaggeration), may be
// NULL, which saves the work of about two iterations. Stopped, it has done whole iterations and can go on.
SPAR_API spar_status spar_tsne_iterate(spar_tsne *tsne, int32_t iterations, double *divergence);

// Where the points are now, [count][2], with mean 0.
SPAR_API spar_status spar_tsne_embedding(const spar_tsne *tsne, float *embedding);

// ---------------------------------------------------------------------------------------------
// Files: safetensors, with the graph and the options in the metadata
//
// What is saved can be loaded: spar_network_save refuses whatever a reader would. What is loaded is checked before
// anything of it is used: the header has at most 16 MB, keys are unique, tensors cover the data without overlap or
// hole, a graph has at most 65,536 layers and no more parameters than the file. Reading takes memory of a small
// multiple of the header and of the parameters. Paths that are no plain files (folders, FIFOs, devices) are refused.
// Numbers do not follow the locale. Every sentence begins with the path.

typedef struct spar_metadata {
    uint32_t struct_size;
    const char *key;
    const char *value;
} spar_metadata;

// Saves the parameters to `path`: the file is written beside it, as .NAME.XXXXXX.partial in the same folder (of a NAME
// beyond 239 bytes as much as fits), is on the disk, and then takes its place, with the mode that the umask gives. When
// that fails, the file that was at `path` stays and nothing is left beside it; what a process that was killed left is
// removed by the next that saves to `path`. A symbolic link to a plain file is replaced. `metadata` entries (UTF-8,
// each key once) come back from spar_file_metadata; their keys must not start with "sparring.". With `training_state`
// the file also holds the optimizer's states, learning-rate factors, the step and what the points hold, so that
// training goes on with the same bits. Fails on parameters and points that are not finite (a diverged network). A limit
// of file sizes (RLIMIT_FSIZE) is told as an error where SIGXFSZ is ignored. With a group and `training_state` all
// ranks make this call together, rank 0 gets what the points of all hold, and writes; a file goes on with any number of
// ranks, or none.
SPAR_API spar_status spar_network_save(const spar_network *network, const char *path, bool training_state,
                                       const spar_metadata *metadata, size_t metadata_count);

// Makes a network from a file. The seed, the loss and, where saved, the method and the training state are the file's;
// the others of `options` count; NULL: defaults. The batch size has to be at least the samples that points hold in a
// saved training state, which SPAR_ERROR_ARGUMENT tells, as it tells of kept_layers that name no layer of the file's
// network, and of other options that spar_network_create refuses. A parameter or a constant of the graph that is not in
// the file, or is there in another type or shape, is an error that names it. Files of all versions from 0.1.0 on load.
// Noise and dropout counted padding in 0.1.0: training that goes on from its files draws others than it would have
// drawn there; the magnitudes r are the same. Of files of later versions, those load that use nothing this one does not
// know: what the graph or the training state has besides, and what the file says it requires, is refused with its name.
SPAR_API spar_status spar_network_load(const char *path, const spar_network_options *options, spar_network **network);

// Takes the parameters (and the training state, where saved) of a file into a network of equal parameter
// names and shapes. A file without Sparring's metadata will do: weights travel from PyTorch. Such a file may lack what
// normalize and whiten layers have (mean, deviation, matrix): the network keeps its own. Tensors of type F32 are read
// as they are; F16 and BF16 are converted without loss, F64 is rounded. Other types are refused by name. Tensors
// "….num_batches_tracked" are passed over.
SPAR_API spar_status spar_network_load_parameters(spar_network *network, const char *path);

// The same for files whose tensors have other names: `names` has one for each parameter, in the order of
// spar_network_parameter, or NULL for one that the file lacks and the network keeps. Takes no training state.
SPAR_API spar_status spar_network_load_tensors(spar_network *network, const char *path, const char *const *names);

// Saves the parameters alone under these names (UTF-8, each once; NULL leaves one out), without what makes a network of
// them: what safetensors.torch.load_file gives PyTorch's load_state_dict. The file takes its place as spar_network_save
// does it.
SPAR_API spar_status spar_network_save_tensors(const spar_network *network, const char *path, const char *const *names);

// Takes the parameters of a file as the start of another training: as spar_network_load_parameters, but no training
// state, and where the classifier, the last dense layer, has another number of classes in the file, the network keeps
// its own. An auxiliary set begins as a copy of what it then has. `taken`, [parameter count], gets which parameters
// came from the file; it may be NULL.
SPAR_API spar_status spar_network_initialize(spar_network *network, const char *path, bool *taken);

typedef struct spar_tensor_info {
    uint32_t struct_size;
    const char *name; // this and `type` are valid as long as the call that tells of them
    const char *type; // "F32" and so on
    int32_t rank;
    int64_t shape[4]; // the first four extents
} spar_tensor_info;

typedef void (*spar_tensor_visitor)(void *context, const spar_tensor_info *tensor);

// Calls `visit` for every tensor of a file, in the order of strcmp of their names. Reads the header alone.
SPAR_API spar_status spar_file_tensors(const char *path, spar_tensor_visitor visit, void *context);

// Copies one metadata value, with a final zero; `needed` gets the whole length with it, 0 when there is no
// such key. `value` may be NULL when `capacity` is 0. Reads the header alone.
SPAR_API spar_status spar_file_metadata(const char *path, const char *key, char *value, size_t capacity,
                                        size_t *needed);

// The same in memory: what files have, byte for byte, and checked as files are. Sentences begin with "the model in
// memory". spar_network_save_to_memory sets `needed` to the bytes that it takes and, unless `capacity` is 0, writes
// them to `bytes`, which has to have room for them; with a capacity of 0 it costs next to nothing. What is loaded is
// not kept: `bytes` may go after the call.
SPAR_API spar_status spar_network_save_to_memory(const spar_network *network, bool training_state,
                                                 const spar_metadata *metadata, size_t metadata_count, void *bytes,
                                                 size_t capacity, size_t *needed);
SPAR_API spar_status spar_network_load_from_memory(const void *bytes, size_t size, const spar_network_options *options,
                                                   spar_network **network);
SPAR_API spar_status spar_network_load_parameters_from_memory(spar_network *network, const void *bytes, size_t size);
SPAR_API spar_status spar_memory_metadata(const void *bytes, size_t size, const char *key, char *value, size_t capacity,
                                          size_t *needed);

// Writes the network as others run it: ONNX, IR version 7, opset 13, which onnx 1.8 and every onnxruntime since read.
// Its input "pixels", [batch][channels][height][width] in [0, 1], goes through the network's own normalization; its
// output "logits", [batch][classes], is what spar_read_output gives after a forward pass without flags, up to rounding:
// points and dropout are gone, batch norms have their running statistics. Initializers have the names, shapes and
// orders of the parameters. The file takes its place as spar_network_save does it. Takes memory of the largest
// parameter. Fails on parameters that are not finite, and where the file would have more than the 2³¹ − 1 bytes that a
// message of protobuf may have.
SPAR_API spar_status spar_network_save_onnx(const spar_network *network, const char *path);

// Puts `count` bytes in the place of the file at `path`, as spar_network_save does it: there is the old file or the
// whole new one, whatever happens.
SPAR_API spar_status spar_replace_file(const char *path, const void *bytes, size_t count);

// Removes from a folder what processes that were killed while they replaced files in it left there, of all names.
SPAR_API spar_status spar_remove_leftovers(const char *folder);

#ifdef __cplusplus
}
#endif

#endif
