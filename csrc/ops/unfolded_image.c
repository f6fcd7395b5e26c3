// Gradient of an image's pixels. Where they have few channels, the products of patches would fill their vectors badly,
// and adding patches to each other would take longer than making them. So vectors hold neighbouring pixels: the
// output's gradient is transposed to planes, and their correlation with the reversed kernel is a plane of the image.
#include "ops/unfolded.h"

#include <string.h>

// Lines must be worth a vector, and the four pixels that are transposed at once. Planes have as many lines as stay in
// the second-level cache, which those that a kernel reaches must not fill.
enum { MOST_CHANNELS = 4, MOST_TAPS = 16, LEAST_WIDTH = 8, MOST_PLANE_FLOATS = 1 << 17 };

static int64_t whole_lines(int64_t lines) {
    return (lines + SPAR_PLANE_LINES - 1) / SPAR_PLANE_LINES * SPAR_PLANE_LINES;
}

bool spar_unfolded_is_image(const spar_unfolded *task) {
    const spar_conv2d_params *s = task->settings;
    const spar_tensor *in = task->operation->inputs[0];
    return in->stride == task->channels && task->channels <= MOST_CHANNELS && s->groups == 1 && s->stride_height == 1 &&
           s->stride_width == 1 && s->padding_height < s->kernel_height && s->padding_width < s->kernel_width &&
           s->kernel_height <= MOST_TAPS && s->kernel_width <= MOST_TAPS &&
           task->operation->output->extent.width >= LEAST_WIDTH;
}

// Planes of the output's gradient inside the zeros that the kernel reaches, for some lines of the image.
static spar_planes planes_of(const spar_unfolded *task) {
    const spar_conv2d_params *s = task->settings;
    spar_extent in = task->operation->inputs[0]->extent;
    spar_planes planes = {.planes = task->outputs,
                          .width = spar_round_up16(in.width),
                          .down = s->kernel_height,
                          .across = s->kernel_width,
                          .line = spar_round_up16(in.width) + spar_round_up16(s->kernel_width - 1),
                          .out_line = spar_round_up16(in.width)};
    int64_t most = MOST_PLANE_FLOATS / (spar_round_up16(task->outputs) * planes.line) - planes.down + 1;
    most = most < SPAR_PLANE_LINES ? SPAR_PLANE_LINES : most / SPAR_PLANE_LINES * SPAR_PLANE_LINES;
    planes.lines = whole_lines(in.height) < most ? whole_lines(in.height) : most;
    // An odd number of cache lines: what lies at the same place of all planes does not share cache sets.
    planes.plane = (planes.lines + planes.down - 1) * planes.line | 16;
    return planes;
}

// Sixteen channels are transposed at once.
static int64_t gradient_floats(const spar_unfolded *task, const spar_planes *planes) {
    return spar_round_up16(task->outputs) * planes->plane;
}

int64_t spar_unfolded_image_floats(const spar_unfolded *task) {
    spar_planes planes = planes_of(task);
    return gradient_floats(task, &planes) + planes.lines * planes.out_line;
}

// Weights by channel of the image and of the output, their taps in reverse.
void spar_unfolded_image_pack(const spar_unfolded *task, float *packed) {
    const spar_parameter *weight = task->operation->parameters[SPAR_WEIGHT];
    int64_t taps = task->depth / task->channels;
    for (int64_t c = 0; c < task->channels; c++) {
        for (int64_t output = 0; output < task->outputs; output++) {
            for (int64_t tap = taps - 1; tap >= 0; tap--) {
                *packed++ = weight->value[(tap * task->channels + c) * weight->spec.stride + output];
            }
        }
    }
}

static void clear_line(const spar_planes *planes, float *line) {
    for (int64_t p = 0; p < planes->planes; p++, line += planes->plane) {
        memset(line, 0, (size_t)planes->line * sizeof *line);
    }
}

// One that is no multiple of four pixels ends with some that are transposed twice.
static void transpose_line(const spar_unfolded *task, const spar_planes *planes, const float *line, float *to) {
    int64_t stride = task->operation->output->stride, width = task->operation->output->extent.width,
            most = width / 4 * 4;
    to += task->settings->kernel_width - 1 - task->settings->padding_width;
    for (int64_t c = 0; c < stride; c += 16, line += 16, to += 16 * planes->plane) {
        task->run->kernels->transpose16(line, stride, most, to, planes->plane);
        if (most == width) continue;
        task->run->kernels->transpose16(line + (width - 4) * stride, stride, 4, to + width - 4, planes->plane);
    }
}

// What lines of the image from `first` on need.
static void transpose_gradient(const spar_unfolded *task, int64_t sample, int64_t first, const spar_planes *planes,
                               float *scratch) {
    const spar_tensor *output = task->operation->output;
    const float *gradient = output->gradient + sample * spar_sample_floats(output);
    int64_t y = first - (task->settings->kernel_height - 1 - task->settings->padding_height);
    for (int64_t i = 0; i < planes->lines + planes->down - 1; i++, y++, scratch += planes->line) {
        if (y < 0 || y >= output->extent.height) {
            clear_line(planes, scratch);
        } else {
            transpose_line(task, planes, gradient + y * output->extent.width * output->stride, scratch);
        }
    }
}

static void write_lines(const spar_unfolded *task, int64_t sample, int64_t first, const spar_planes *planes,
                        int64_t channel) {
    const spar_tensor *in = task->operation->inputs[0];
    bool accumulate = task->operation->accumulates[0];
    int64_t last = first + planes->lines < in->extent.height ? first + planes->lines : in->extent.height;
    float *gradient = in->gradient + sample * spar_sample_floats(in) + first * in->extent.width * in->stride + channel;
    const float *line = planes->out;
    for (int64_t y = first; y < last; y++, line += planes->out_line) {
        for (int x = 0; x < in->extent.width; x++, gradient += in->stride) {
            *gradient = accumulate ? *gradient + line[x] : line[x];
        }
    }
}

void spar_unfolded_image_backward(const spar_unfolded *task, const spar_share *share) {
    spar_planes planes = planes_of(task);
    int64_t height = task->operation->inputs[0]->extent.height;
    planes.in = share->scratch;
    planes.out = share->scratch + gradient_floats(task, &planes);
    memset(share->scratch, 0, (size_t)(planes.planes * planes.plane) * sizeof(float));
    for (int64_t sample = share->first; sample < share->last; sample++) {
        for (int64_t first = 0; first < height; first += planes.lines) {
            transpose_gradient(task, sample, first, &planes, share->scratch);
            planes.weights = spar_convolution_of(task->operation)->packed[1];
            for (int64_t c = 0; c < task->channels;
                 c++, planes.weights += task->depth / task->channels * task->outputs) {
                task->run->kernels->correlate(&planes);
                write_lines(task, sample, first, &planes, c);
            }
        }
    }
}
