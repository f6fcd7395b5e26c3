// Convolution: shape rule, parameters, and the two products. Groups of one channel each run the depthwise kernels.
#include "ops/convolution.h"

#include "ops/bias.h"
#include "ops/initializer.h"
#include "ops/onnx.h"
#include "ops/sums.h"

#include <string.h>

// Taps along one side that reach an input, at most.
static int64_t reaching_taps(int kernel, int stride) {
    return (kernel + stride - 1) / stride;
}

// Forward passes meet every tap at every output; depthwise ones keep a table of that, and one of the taps that reach
// every input.
static spar_status check_places(const spar_node *node, spar_extent in) {
    const spar_conv2d_params *s = &node->settings.convolution;
    int64_t forward = spar_times(spar_pixels(node->extent), (int64_t)s->kernel_height * s->kernel_width);
    int64_t taps = reaching_taps(s->kernel_height, s->stride_height) * reaching_taps(s->kernel_width, s->stride_width);
    bool depthwise = s->groups == in.channels && s->groups == s->channels;
    int64_t backward = depthwise ? spar_times(spar_pixels(in), taps) : 0;
    if (forward <= SPAR_MOST_PLACES && backward <= SPAR_MOST_PLACES) return SPAR_OK;
    return spar_fail(SPAR_ERROR_SHAPE,
                     "%s: a kernel of %d×%d meets %lld places in %d×%d pixels; at most %d are possible", node->name,
                     s->kernel_height, s->kernel_width, (long long)(forward > backward ? forward : backward), in.height,
                     in.width, SPAR_MOST_PLACES);
}

static spar_status infer(spar_node *node, const spar_extent *inputs) {
    const spar_conv2d_params *s = &node->settings.convolution;
    spar_extent in = inputs[0];
    if (s->channels < 1 || s->kernel_height < 1 || s->kernel_width < 1 || s->stride_height < 1 || s->stride_width < 1 ||
        s->padding_height < 0 || s->padding_width < 0 || s->groups < 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: channels %d, kernel %d×%d, stride %d×%d, padding %d×%d, groups %d",
                         node->name, s->channels, s->kernel_height, s->kernel_width, s->stride_height, s->stride_width,
                         s->padding_height, s->padding_width, s->groups);
    }
    if (s->channels > 1 << 20 || s->kernel_height > 1024 || s->kernel_width > 1024 || s->stride_height > 1024 ||
        s->stride_width > 1024 || s->padding_height > 1024 || s->padding_width > 1024) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "%s: channels %d, kernel %d×%d, stride %d×%d or padding %d×%d is beyond what is supported",
                         node->name, s->channels, s->kernel_height, s->kernel_width, s->stride_height, s->stride_width,
                         s->padding_height, s->padding_width);
    }
    if (in.channels % s->groups != 0 || s->channels % s->groups != 0) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: %d groups do not divide %d input and %d output channels", node->name,
                         s->groups, in.channels, s->channels);
    }
    int height = in.height + 2 * s->padding_height - s->kernel_height;
    int width = in.width + 2 * s->padding_width - s->kernel_width;
    if (height < 0 || width < 0) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: a kernel of %d×%d does not fit an input of %d×%d with padding %d×%d",
                         node->name, s->kernel_height, s->kernel_width, in.height, in.width, s->padding_height,
                         s->padding_width);
    }
    node->extent = (spar_extent){s->channels, height / s->stride_height + 1, width / s->stride_width + 1};
    SPAR_TRY(check_places(node, in));
    return spar_check_initializer(node->name, s->initializer, &node->settings.convolution.initializer_deviation);
}

static int parameters(const spar_node *node, spar_extent input, spar_extent flattened, spar_parameter_spec *specs) {
    (void)flattened;
    const spar_conv2d_params *s = &node->settings.convolution;
    int inputs = input.channels / s->groups;
    specs[SPAR_WEIGHT] = (spar_parameter_spec){
        .suffix = ".weight",
        .order = SPAR_ORDER_CONVOLUTION,
        .trainable = true,
        .is_weight = true,
        .shape = {s->channels, inputs, s->kernel_height, s->kernel_width},
        .rank = 4,
        .rows = (int64_t)s->kernel_height * s->kernel_width * inputs,
        .columns = s->channels,
        .stride = spar_round_up16(s->channels),
        .flattened = {inputs, 1, 1},
    };
    if (!s->bias) return 1;
    specs[SPAR_BIAS] = spar_vector_spec(".bias", s->channels, true, 0);
    return 2;
}

static int64_t multiply_adds(const spar_node *node, spar_extent input) {
    const spar_conv2d_params *s = &node->settings.convolution;
    return spar_times(spar_pixels(node->extent) * s->channels,
                      (int64_t)s->kernel_height * s->kernel_width * (input.channels / s->groups));
}

// Small packed weights are kept until the weights change. Large ones, which are several times the weights, would
// outweigh the activations: they are made in the workspace, each time anew, for a few per cent of a pass.
enum { MOST_KEPT_FLOATS = 1 << 20 };

static spar_status prepare_packing(spar_operation *operation) {
    spar_convolution *convolution = operation->state;
    int64_t both = 0;
    for (int backward = 0; backward < 2; backward++) {
        int64_t floats = spar_round_up16(convolution->algorithm->packed_floats(operation, backward));
        convolution->packed_floats[backward] = floats;
        both += floats;
    }
    convolution->packs_each_time = both > MOST_KEPT_FLOATS;
    if (convolution->packs_each_time) return SPAR_OK;
    convolution->kept = spar_allocate((size_t)both, sizeof(float));
    if (convolution->kept == NULL) return SPAR_ERROR_MEMORY;
    convolution->packed[0] = convolution->kept;
    convolution->packed[1] = convolution->kept + convolution->packed_floats[0];
    operation->state_bytes += (size_t)both * sizeof(float);
    return SPAR_OK;
}

static const spar_convolution_algorithm *algorithm_for(const spar_operation *operation) {
    static const spar_convolution_algorithm *const algorithms[] = {
        &spar_convolution_depthwise, &spar_convolution_direct, &spar_convolution_winograd, &spar_convolution_unfolded};
    const spar_convolution_algorithm *const *algorithm = algorithms;
    while (!(*algorithm)->fits(operation)) algorithm++;
    return *algorithm;
}

static bool chains(const spar_operation *operation) {
    const spar_convolution_algorithm *algorithm = algorithm_for(operation);
    return algorithm->chains != NULL && algorithm->chains(operation);
}

static spar_status prepare(spar_operation *operation) {
    spar_convolution *convolution = spar_allocate(1, sizeof *convolution);
    if (convolution == NULL) return SPAR_ERROR_MEMORY;
    operation->state = convolution;
    convolution->algorithm = algorithm_for(operation);
    operation->kernel = convolution->algorithm->name;
    int64_t widest = operation->inputs[0]->stride > operation->output->stride ? operation->inputs[0]->stride
                                                                              : operation->output->stride;
    convolution->zeros = spar_allocate((size_t)(SPAR_MOST_SQUARE_ROWS * widest), sizeof(float));
    if (convolution->zeros == NULL) return SPAR_ERROR_MEMORY;
    SPAR_TRY(convolution->algorithm->prepare(operation));
    if (convolution->algorithm->pack != NULL) SPAR_TRY(prepare_packing(operation));
    return SPAR_OK;
}

// More splits keep more threads busy, fewer take less memory and less to add up. Set by that alone: 16 threads, and
// 20 MB of sums.
enum { MOST_SPLITS = 16, MOST_SUM_FLOATS = 5 << 20 };

// It does not follow the network's largest batch, which bits must not depend on.
void spar_split_sums(spar_operation *operation, int64_t floats) {
    if (operation->chained || operation->whole != NULL) return;
    int64_t most = MOST_SUM_FLOATS / floats < MOST_SPLITS ? MOST_SUM_FLOATS / floats : MOST_SPLITS;
    int height = 0;
    while (height < SPAR_TREE_HEIGHT && spar_leaf_count(SPAR_MAX_CHUNKS, height) > most) height++;
    operation->sum_height = height;
}

// Whether products are made by samples, not of the whole batch.
static bool by_samples(const spar_operation *operation) {
    return operation->chained || spar_convolution_of(operation)->algorithm->product == NULL;
}

// Weights of one direction are packed, and the product made where that takes the whole batch.
static void begin_product(spar_operation *operation, const spar_run *run, bool backward) {
    spar_convolution *convolution = operation->state;
    spar_run own = *run;
    if (convolution->packs_each_time) {
        convolution->packed[backward] = run->workspace;
        own.workspace += convolution->packed_floats[backward];
    }
    bool stale = convolution->packs_each_time || convolution->packed_version[backward] != run->weights_version;
    if (convolution->algorithm->pack != NULL && stale) {
        convolution->algorithm->pack(operation, &own, backward);
        convolution->packed_version[backward] = run->weights_version;
    }
    if (!by_samples(operation)) convolution->algorithm->product(operation, &own, backward);
}

static void begin_forward(spar_operation *operation, const spar_run *run) {
    begin_product(operation, run, false);
}

static void begin_backward(spar_operation *operation, const spar_run *run) {
    begin_product(operation, run, true);
}

// One of the two products.
static spar_pass product_pass(const spar_operation *operation, bool backward) {
    const spar_convolution *convolution = operation->state;
    const spar_convolution_algorithm *algorithm = convolution->algorithm;
    int64_t packed = convolution->packs_each_time ? convolution->packed_floats[backward] : 0;
    spar_pass_kind kind = backward ? SPAR_PASS_DATA : SPAR_PASS_FORWARD;
    return (spar_pass){.begin = backward ? begin_backward : begin_forward,
                       .samples = by_samples(operation) ? algorithm->product_samples[backward] : NULL,
                       .workspace = packed + algorithm->workspace(operation, kind)};
}

static int64_t multiplications(const spar_operation *operation, spar_pass_kind kind) {
    const spar_convolution_algorithm *algorithm = spar_convolution_of(operation)->algorithm;
    return algorithm->multiplications == NULL ? multiply_adds(operation->node, operation->inputs[0]->extent)
                                              : algorithm->multiplications(operation, kind);
}

static int passes(const spar_operation *operation, spar_pass_kind kind, spar_pass *passes) {
    const spar_convolution_algorithm *algorithm = spar_convolution_of(operation)->algorithm;
    if (kind == SPAR_PASS_WEIGHTS) {
        passes[0] = algorithm->gradient_pass;
        if (!operation->chained && algorithm->gradient != NULL) {
            passes[0].begin = algorithm->gradient;
            passes[0].samples = NULL;
        }
        passes[0].reads = SPAR_INPUT_VALUE | SPAR_OUTPUT_GRADIENT;
        passes[0].workspace = algorithm->workspace(operation, kind);
        return 1 + spar_list_bias_pass(operation, &passes[1]);
    }
    return spar_list_passes(kind, product_pass(operation, false), product_pass(operation, true), passes);
}

static void discard(spar_operation *operation) {
    spar_convolution *convolution = operation->state;
    if (convolution == NULL) return;
    for (int backward = 0; backward < 2; backward++) spar_gather_discard(&convolution->gather[backward]);
    spar_release(convolution->kept);
    spar_release(convolution->zeros);
    spar_release(convolution);
}

static bool slices(const spar_operation *operation) {
    return operation->node->settings.convolution.groups == 1;
}

// Of what `prepare` makes a slice has its own sizes, and no packed weights.
static spar_status prepare_slice(spar_operation *slice) {
    spar_convolution *convolution = spar_allocate(1, sizeof *convolution);
    if (convolution == NULL) return SPAR_ERROR_MEMORY;
    *convolution = *spar_convolution_of(slice->whole);
    slice->state = convolution;
    return convolution->algorithm->prepare(slice);
}

static void discard_slice(spar_operation *slice) {
    spar_release(slice->state);
}

static int onnx(const spar_node *node, spar_extent input, spar_onnx_operator *operators) {
    (void)input;
    const spar_conv2d_params *s = &node->settings.convolution;
    operators[0] = (spar_onnx_operator){.type = "Conv",
                                        .inputs = {spar_onnx_value(0), spar_onnx_parameter(SPAR_WEIGHT)},
                                        .attributes = {
                                            spar_onnx_pair("kernel_shape", s->kernel_height, s->kernel_width),
                                            spar_onnx_pair("strides", s->stride_height, s->stride_width),
                                            spar_onnx_pads(s->padding_height, s->padding_width),
                                            spar_onnx_integer("group", s->groups),
                                        }};
    if (s->bias) operators[0].inputs[2] = spar_onnx_parameter(SPAR_BIAS);
    return 1;
}

static const spar_field fields[] = {
    SPAR_FIELD(INT, "channels", settings.convolution.channels),
    SPAR_FIELD(INT, "kernel_height", settings.convolution.kernel_height),
    SPAR_FIELD(INT, "kernel_width", settings.convolution.kernel_width),
    SPAR_FIELD(INT, "stride_height", settings.convolution.stride_height),
    SPAR_FIELD(INT, "stride_width", settings.convolution.stride_width),
    SPAR_FIELD(INT, "padding_height", settings.convolution.padding_height),
    SPAR_FIELD(INT, "padding_width", settings.convolution.padding_width),
    SPAR_FIELD(INT, "groups", settings.convolution.groups),
    SPAR_FIELD(BOOL, "bias", settings.convolution.bias),
    SPAR_FIELD(INT, "initializer", settings.convolution.initializer),
    SPAR_FIELD(FLOAT, "initializer_deviation", settings.convolution.initializer_deviation),
    {0},
};

const spar_layer spar_layer_convolution = {.kind = "conv2d",
                                           .input_count = 1,
                                           .fields = fields,
                                           .image = SPAR_READS_IMAGE,
                                           .infer = infer,
                                           .parameters = parameters,
                                           .multiply_adds = multiply_adds,
                                           .onnx = onnx,
                                           .prepare = prepare,
                                           .discard = discard,
                                           .chains = chains,
                                           .multiplications = multiplications,
                                           .slices = slices,
                                           .prepare_slice = prepare_slice,
                                           .discard_slice = discard_slice,
                                           .passes = passes};
