#include "ops/initializer.h"

#include "runtime/random.h"

#include <math.h>

spar_status spar_check_initializer(const char *name, spar_initializer initializer, float deviation) {
    if (initializer < SPAR_INITIALIZER_HE_FAN_IN || initializer > SPAR_INITIALIZER_NORMAL) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: there is no initializer %d", name, (int)initializer);
    }
    if (initializer == SPAR_INITIALIZER_NORMAL && !(deviation >= 0 && deviation < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: the initializer's deviation is %g", name, deviation);
    }
    return SPAR_OK;
}

// Element row·columns + column of the stream, so that padding does not matter.
static void draw_weights(spar_parameter *parameter, spar_initializer initializer, float deviation,
                         const spar_random_stream *stream) {
    const spar_parameter_spec *spec = &parameter->spec;
    int64_t area = spec->rank == 4 ? (int64_t)spec->shape[2] * spec->shape[3] : 1;
    double fan_in = (double)spec->shape[1] * (double)area, fan_out = (double)spec->shape[0] * (double)area;
    double scale = deviation;
    if (initializer == SPAR_INITIALIZER_HE_FAN_IN) scale = sqrt(2 / fan_in);
    if (initializer == SPAR_INITIALIZER_HE_FAN_OUT) scale = sqrt(2 / fan_out);
    if (initializer == SPAR_INITIALIZER_XAVIER) scale = sqrt(6 / (fan_in + fan_out));
    for (int64_t row = 0; row < spec->rows; row++) {
        for (int64_t column = 0; column < spec->columns; column++) {
            float value;
            uint64_t element = (uint64_t)(row * spec->columns + column);
            if (initializer == SPAR_INITIALIZER_XAVIER) {
                spar_fill_uniform(stream, element, 1, &value);
                value = 2 * value - 1;
            } else {
                spar_fill_normal(stream, element, 1, &value);
            }
            parameter->value[row * spec->stride + column] = (float)(scale * value);
        }
    }
}

void spar_initialize(const spar_node *node, spar_parameter *parameter, uint64_t seed, uint32_t number) {
    spar_random_stream stream = {seed, SPAR_PURPOSE_INITIALIZE, number, 0};
    if (node->layer == &spar_layer_normalize) {
        const float *constants =
            parameter->spec.initial == 0 ? node->settings.normalize.mean : node->settings.normalize.deviation;
        for (int c = 0; c < node->extent.channels; c++) parameter->value[c] = constants[c];
    } else if (parameter->spec.order == SPAR_ORDER_CONVOLUTION) {
        const spar_conv2d_params *settings = &node->settings.convolution;
        draw_weights(parameter, settings->initializer, settings->initializer_deviation, &stream);
    } else if (parameter->spec.order == SPAR_ORDER_DENSE) {
        const spar_dense_params *settings = &node->settings.dense;
        draw_weights(parameter, settings->initializer, settings->initializer_deviation, &stream);
    } else {
        for (int64_t c = 0; c < parameter->spec.columns; c++) parameter->value[c] = parameter->spec.initial;
    }
}
