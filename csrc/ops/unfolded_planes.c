// Convolutions to or from few channels. The products of patches would fill their vectors badly, and adding patches to
// each other would take longer than making them. So vectors hold neighbouring pixels: a tensor is turned to planes, one
// a channel, and the other side's planes are their correlations with the kernel, reversed for the gradient of the
// input; a weight's gradient is the sum over products of two planes, one of them moved by the tap.
#include "ops/unfolded.h"

#include <string.h>

// Lines must be worth a vector, and the four pixels that are transposed at once. Planes have as many lines as stay in
// the second-level cache, which those that a kernel reaches must not fill. Sums of the weights' gradient stay there
// too.
enum {
    MOST_IMAGE_CHANNELS = 4,
    MOST_OUTPUTS = 8,
    MOST_TAPS = 16,
    LEAST_WIDTH = 8,
    MOST_PLANE_FLOATS = 1 << 17,
    MOST_SUMS = 1 << 14,
};

static bool reaches_all_inputs(const spar_conv2d_params *s) {
    return s->groups == 1 && s->stride_height == 1 && s->stride_width == 1 && s->padding_height < s->kernel_height &&
           s->padding_width < s->kernel_width && s->kernel_height <= MOST_TAPS && s->kernel_width <= MOST_TAPS;
}

bool spar_unfolded_inputs_are_planes(const spar_unfolded *task) {
    const spar_tensor *in = spar_unfolded_whole(task->operation)->inputs[0];
    return in->stride == in->extent.channels && in->extent.channels <= MOST_IMAGE_CHANNELS &&
           reaches_all_inputs(task->settings) && task->operation->output->extent.width >= LEAST_WIDTH;
}

// Where that saves a third of the multiplications of whole vectors.
bool spar_unfolded_outputs_are_planes(const spar_unfolded *task) {
    spar_extent out = task->operation->output->extent;
    int64_t line = spar_round_up16(out.width);
    return task->inputs_are_planes && task->outputs <= MOST_OUTPUTS && 3 * task->outputs * line <= 32 * out.width &&
           task->outputs * out.height * line <= MOST_PLANE_FLOATS && spar_unfolded_plane_sums(task) <= MOST_SUMS;
}

// Some lines of a tensor's samples, as planes of its channels.
typedef struct plane_set {
    spar_extent extent;
    int64_t stride;             // of the tensor's pixels
    int64_t count;              // of planes: where pixels are padded, four channels are transposed at once
    int64_t lines, line, plane; // floats from one to the next
    int64_t left;               // floats before a line's first pixel
    float *data;
} plane_set;

// An odd number of cache lines: what lies at the same place of all planes does not share cache sets.
static plane_set planes_of(const spar_tensor *tensor, int64_t lines, int64_t line, int64_t left) {
    int64_t channels = tensor->extent.channels;
    return (plane_set){.extent = tensor->extent,
                       .stride = tensor->stride,
                       .count = tensor->stride % 16 != 0 ? channels : (channels + 3) / 4 * 4,
                       .lines = lines,
                       .line = line,
                       .plane = (lines * line) | 16,
                       .left = left};
}

static int64_t floats_of(const plane_set *set) {
    return set->count * set->plane;
}

// Zeros at a place of scratch; returns what is behind it.
static float *place(plane_set *set, float *scratch) {
    set->data = scratch;
    memset(scratch, 0, (size_t)floats_of(set) * sizeof *scratch);
    return scratch + floats_of(set);
}

// A row of pixels; one that is no multiple of four pixels ends with some that are transposed twice.
static void read_line(const plane_set *set, const spar_kernels *kernels, const float *row, float *to) {
    int64_t width = set->extent.width, most = width / 4 * 4, channels = set->extent.channels;
    to += set->left;
    if (set->stride == 1) {
        memcpy(to, row, (size_t)width * sizeof *to);
        return;
    }
    if (set->stride % 16 != 0) {
        for (int64_t c = 0; c < channels; c++, to += set->plane) {
            for (int64_t x = 0; x < width; x++) to[x] = row[x * set->stride + c];
        }
        return;
    }
    for (int64_t c = 0; c < set->count; c += 16, to += 16 * set->plane) {
        int columns = set->count - c < 16 ? (int)(set->count - c) : 16;
        kernels->transpose(row + c, set->stride, most, columns, to, set->plane);
        if (most == width) continue;
        kernels->transpose(row + c + (width - 4) * set->stride, set->stride, 4, columns, to + width - 4, set->plane);
    }
}

// Lines of a sample from `first` on, zeros where it has none.
static void read_planes(const plane_set *set, const spar_kernels *kernels, const float *sample, int64_t first) {
    float *to = set->data;
    for (int64_t y = first; y < first + set->lines; y++, to += set->line) {
        if (y >= 0 && y < set->extent.height) {
            read_line(set, kernels, sample + y * set->extent.width * set->stride, to);
            continue;
        }
        for (int64_t c = 0; c < set->count; c++) memset(to + c * set->plane, 0, (size_t)set->line * sizeof *to);
    }
}

// The way back of a row of pixels, by `turned`, which has as many pixels as a line and zeros behind their channels.
static void write_line(const plane_set *set, const spar_kernels *kernels, const float *from, float *row,
                       bool accumulate, float *turned) {
    int64_t width = set->extent.width, floats = width * set->stride;
    if (set->stride % 16 == 0) {
        for (int64_t x = 0; x < width; x += 16) {
            kernels->transpose(from + x, set->plane, set->count, 16, turned + x * set->stride, set->stride);
        }
        from = turned;
    } else if (set->stride > 1) {
        for (int64_t i = 0; i < floats; i++) turned[i] = from[i % set->stride * set->plane + i / set->stride];
        from = turned;
    }
    if (accumulate) {
        kernels->add(from, row, floats);
    } else {
        memcpy(row, from, (size_t)floats * sizeof *row);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Outputs, and the gradient of the input
// ---------------------------------------------------------------------------------------------------------------------

// What a sample's planes are correlated with, and where they go.
typedef struct correlation {
    plane_set from, to;
    int64_t above; // lines of zeros that the first line reaches
    const float *weights, *bias;
    bool accumulates;
    float *turned;
} correlation;

static correlation correlation_of(const spar_unfolded *task, bool backward) {
    const spar_conv2d_params *s = task->settings;
    const spar_operation *operation = task->operation;
    const spar_tensor *from = backward ? operation->output : operation->inputs[0],
                      *to = backward ? operation->inputs[0] : operation->output;
    int64_t width = spar_round_up16(to->extent.width), line = width + spar_round_up16(s->kernel_width - 1);
    int64_t most = MOST_PLANE_FLOATS / (spar_round_up16(from->extent.channels) * line) - s->kernel_height + 1;
    int64_t lines = (to->extent.height + SPAR_PLANE_LINES - 1) / SPAR_PLANE_LINES * SPAR_PLANE_LINES;
    if (lines > most) lines = most < SPAR_PLANE_LINES ? SPAR_PLANE_LINES : most / SPAR_PLANE_LINES * SPAR_PLANE_LINES;
    correlation c = {
        .above = backward ? s->kernel_height - 1 - s->padding_height : s->padding_height,
        .weights = spar_convolution_of(operation)->packed[backward],
        .bias = spar_product_bias(operation, backward),
        .accumulates = spar_product_accumulates(operation, backward),
    };
    c.from = planes_of(from, lines + s->kernel_height - 1, line,
                       backward ? s->kernel_width - 1 - s->padding_width : s->padding_width);
    c.to = planes_of(to, lines, width, 0);
    return c;
}

static void correlate_sample(const spar_unfolded *task, const correlation *c, const float *from, float *to) {
    const spar_kernels *kernels = task->run->kernels;
    const spar_conv2d_params *s = task->settings;
    int64_t inputs = c->from.extent.channels, outputs = c->to.extent.channels, height = c->to.extent.height;
    for (int64_t first = 0; first < height; first += c->to.lines) {
        read_planes(&c->from, kernels, from, first - c->above);
        for (int64_t output = 0; output < outputs; output++) {
            kernels->correlate(
                &(spar_planes){.planes = inputs,
                               .lines = c->to.lines,
                               .width = c->to.line,
                               .down = s->kernel_height,
                               .across = s->kernel_width,
                               .in = c->from.data,
                               .plane = c->from.plane,
                               .line = c->from.line,
                               .start = c->bias == NULL ? 0 : c->bias[output],
                               .weights = c->weights + output * inputs * s->kernel_height * s->kernel_width,
                               .out = c->to.data + output * c->to.plane,
                               .out_line = c->to.line});
        }
        const float *line = c->to.data;
        for (int64_t y = first; y < first + c->to.lines && y < height; y++, line += c->to.line) {
            write_line(&c->to, kernels, line, to + y * c->to.extent.width * c->to.stride, c->accumulates, c->turned);
        }
    }
}

void spar_unfolded_correlate(const spar_unfolded *task, const spar_share *share, bool backward) {
    const spar_operation *operation = task->operation;
    correlation c = correlation_of(task, backward);
    spar_rows from = spar_product_input(operation, backward), to = spar_product_output(operation, backward);
    int64_t from_floats = spar_pixels(c.from.extent) * c.from.stride,
            to_floats = spar_pixels(c.to.extent) * c.to.stride;
    c.turned = place(&c.to, place(&c.from, share->scratch));
    memset(c.turned, 0, (size_t)(c.to.line * c.to.stride) * sizeof *c.turned);
    for (int64_t sample = share->first; sample < share->last; sample++) {
        correlate_sample(task, &c, from.data + sample * from_floats, to.data + sample * to_floats);
    }
}

int64_t spar_unfolded_correlation_floats(const spar_unfolded *task, bool backward) {
    correlation c = correlation_of(task, backward);
    return floats_of(&c.from) + floats_of(&c.to) + c.to.line * c.to.stride;
}

// By channel of what is made and of what is read, the taps as they are met.
void spar_unfolded_pack_planes(const spar_unfolded *task, bool backward, float *packed) {
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    int64_t taps = task->depth / task->channels, to = backward ? task->channels : task->outputs,
            from = backward ? task->outputs : task->channels;
    for (int64_t i = 0; i < to * from; i++) {
        int64_t channel = backward ? i / from : i % from, output = backward ? i % from : i / from;
        for (int64_t t = 0; t < taps; t++) {
            int64_t tap = backward ? taps - 1 - t : t;
            *packed++ = weight->value[(tap * task->channels + channel) * weight->spec.stride + output];
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The gradient of the weights
// ---------------------------------------------------------------------------------------------------------------------

static plane_set inputs_of(const spar_unfolded *task) {
    const spar_conv2d_params *s = task->settings;
    spar_extent out = task->operation->output->extent;
    int64_t line = spar_round_up16(out.width) + spar_round_up16(s->kernel_width - 1);
    return planes_of(task->operation->inputs[0], out.height + s->kernel_height - 1, line, s->padding_width);
}

static plane_set gradients_of(const spar_unfolded *task) {
    const spar_tensor *output = task->operation->output;
    return planes_of(output, output->extent.height, spar_round_up16(output->extent.width), 0);
}

int64_t spar_unfolded_plane_gradient_floats(const spar_unfolded *task) {
    plane_set in = inputs_of(task), d = gradients_of(task);
    return floats_of(&in) + floats_of(&d);
}

void spar_unfolded_sum_planes(const spar_unfolded *task, int64_t first, int64_t last, bool fresh, float *sums,
                              float *scratch) {
    const spar_kernels *kernels = task->run->kernels;
    const spar_operation *operation = task->operation;
    const spar_tensor *input = operation->inputs[0], *output = operation->output;
    const spar_conv2d_params *s = task->settings;
    plane_set in = inputs_of(task), d = gradients_of(task);
    if (fresh) memset(sums, 0, (size_t)spar_unfolded_plane_sums(task) * sizeof *sums);
    place(&d, place(&in, scratch));
    for (int64_t sample = first; sample < last; sample++) {
        read_planes(&in, kernels, input->data + sample * spar_sample_floats(input), -s->padding_height);
        read_planes(&d, kernels, output->gradient + sample * spar_sample_floats(output), 0);
        for (int64_t c = 0; c < task->channels; c++) {
            int64_t taps = task->depth / task->channels;
            kernels->plane_products(&(spar_plane_products){.outputs = task->outputs,
                                                           .lines = d.lines,
                                                           .width = d.line,
                                                           .down = s->kernel_height,
                                                           .across = s->kernel_width,
                                                           .in = in.data + c * in.plane,
                                                           .line = in.line,
                                                           .d = d.data,
                                                           .d_plane = d.plane,
                                                           .sums = sums + c * taps * 16,
                                                           .sums_output = task->depth * 16});
        }
    }
}

void spar_unfolded_finish_planes(const spar_unfolded *task, const float *sums) {
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    bool accumulate = task->run->backward_flags & SPAR_BACKWARD_ACCUMULATE;
    int64_t taps = task->depth / task->channels;
    for (int64_t output = 0; output < task->outputs; output++) {
        for (int64_t i = 0; i < task->depth; i++, sums += 16) {
            float *gradient = weight->gradient + (i % taps * task->channels + i / taps) * weight->spec.stride + output;
            float sum = 0;
            for (int lane = 0; lane < 16; lane++) sum += sums[lane];
            *gradient = accumulate ? *gradient + sum : sum;
        }
    }
}
