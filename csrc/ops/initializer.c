#include "ops/initializer.h"

#include "kernels/random.h"
#include "runtime/parallel.h"

#include <math.h>

spar_status spar_check_initializer(const char *name, spar_initializer initializer, float *deviation) {
    if (initializer < SPAR_INITIALIZER_HE_FAN_IN || initializer > SPAR_INITIALIZER_NORMAL) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: there is no initializer %d", name, (int)initializer);
    }
    if (initializer != SPAR_INITIALIZER_NORMAL) *deviation = 0;
    if (!(*deviation >= 0 && *deviation < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: the initializer's deviation is %g", name, (double)*deviation);
    }
    return SPAR_OK;
}

typedef struct draw_task {
    spar_parameter *parameter;
    spar_random_stream stream;
    bool uniform; // else normal
    double scale;
} draw_task;

// Element row·columns + column of the stream, so that padding does not matter.
static void draw_rows(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const draw_task *task = context;
    const spar_parameter_spec *spec = &task->parameter->spec;
    for (int64_t row = first; row < last; row++) {
        float *values = task->parameter->value + row * spec->stride;
        uint64_t element = (uint64_t)(row * spec->columns);
        if (task->uniform) {
            spar_fill_uniform(&task->stream, element, (size_t)spec->columns, values);
            for (int64_t c = 0; c < spec->columns; c++) values[c] = (float)(task->scale * (2 * values[c] - 1));
        } else {
            spar_fill_normal(&task->stream, element, (size_t)spec->columns, values);
            for (int64_t c = 0; c < spec->columns; c++) values[c] = (float)(task->scale * values[c]);
        }
    }
}

static void draw_weights(spar_parameter *parameter, spar_initializer initializer, float deviation,
                         const spar_random_stream *stream, int threads) {
    const spar_parameter_spec *spec = &parameter->spec;
    int64_t area = spec->rank == 4 ? (int64_t)spec->shape[2] * spec->shape[3] : 1;
    double fan_in = (double)spec->shape[1] * (double)area, fan_out = (double)spec->shape[0] * (double)area;
    draw_task task = {parameter, *stream, initializer == SPAR_INITIALIZER_XAVIER, deviation};
    if (initializer == SPAR_INITIALIZER_HE_FAN_IN) task.scale = sqrt(2 / fan_in);
    if (initializer == SPAR_INITIALIZER_HE_FAN_OUT) task.scale = sqrt(2 / fan_out);
    if (initializer == SPAR_INITIALIZER_XAVIER) task.scale = sqrt(6 / (fan_in + fan_out));
    spar_parallel(threads, spec->rows, draw_rows, &task);
}

void spar_initialize(const spar_node *node, spar_parameter *parameter, uint64_t seed, uint32_t number, int threads) {
    // A stream's layer has 16 bits.
    spar_random_stream stream = {
        .seed = seed, .purpose = SPAR_PURPOSE_INITIALIZE, .layer = number & 0xFFFF, .step = number >> 16};
    if (parameter->spec.order == SPAR_ORDER_CONVOLUTION) {
        const spar_conv2d_params *settings = &node->settings.convolution;
        draw_weights(parameter, settings->initializer, settings->initializer_deviation, &stream, threads);
    } else if (parameter->spec.order == SPAR_ORDER_DENSE) {
        const spar_dense_params *settings = &node->settings.dense;
        draw_weights(parameter, settings->initializer, settings->initializer_deviation, &stream, threads);
    } else {
        for (int64_t c = 0; c < parameter->spec.columns; c++) parameter->value[c] = parameter->spec.initial;
    }
}
