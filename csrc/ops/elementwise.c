// The remaining stages of sweeps: normalize, add, dropout, perturbation point.
#include "ops/sweep.h"

#include <math.h>

static spar_status infer_same(spar_node *node, const spar_extent *inputs) {
    node->extent = inputs[0];
    return SPAR_OK;
}

static spar_status check_normalize(const spar_node *node) {
    for (int c = 0; c < node->extent.channels; c++) {
        float mean = node->settings.constants.values[0][c], deviation = node->settings.constants.values[1][c];
        if (!isfinite(mean) || !(deviation > 0 && deviation < INFINITY)) {
            return spar_fail(SPAR_ERROR_ARGUMENT, "%s: channel %d has mean %g and deviation %g", node->name, c, mean,
                             deviation);
        }
    }
    return SPAR_OK;
}

static int normalize_parameters(const spar_node *node, spar_extent input, spar_extent flattened,
                                spar_parameter_spec *specs) {
    (void)node, (void)flattened;
    specs[0] = spar_vector_spec(".mean", input.channels, false, 0);
    specs[1] = spar_vector_spec(".deviation", input.channels, false, 1);
    specs[1].range = SPAR_RANGE_POSITIVE;
    return 2;
}

static spar_status infer_add(spar_node *node, const spar_extent *inputs) {
    if (!spar_same_extent(inputs[0], inputs[1])) {
        return spar_fail(SPAR_ERROR_SHAPE, "%s: %d×%d×%d cannot be added to %d×%d×%d", node->name, inputs[0].channels,
                         inputs[0].height, inputs[0].width, inputs[1].channels, inputs[1].height, inputs[1].width);
    }
    node->extent = inputs[0];
    return SPAR_OK;
}

static spar_status infer_dropout(spar_node *node, const spar_extent *inputs) {
    float rate = node->settings.dropout.rate;
    if (!(rate >= 0 && rate < 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: rate is %g, not at least 0 and below 1", node->name, rate);
    }
    node->extent = inputs[0];
    return SPAR_OK;
}

const spar_layer spar_layer_normalize = {.kind = "normalize",
                                         .input_count = 1,
                                         .sweep = true,
                                         .order = SPAR_KEEPS_ORDER,
                                         .image = SPAR_KEEPS_IMAGE,
                                         .infer = infer_same,
                                         .parameters = normalize_parameters,
                                         .check_constants = check_normalize};
const spar_layer spar_layer_add = {
    .kind = "add", .input_count = 2, .sweep = true, .order = SPAR_KEEPS_ORDER, .infer = infer_add};
static const spar_field dropout_fields[] = {SPAR_FIELD(FLOAT, "rate", settings.dropout.rate), {0}};

const spar_layer spar_layer_dropout = {.kind = "dropout",
                                       .input_count = 1,
                                       .fields = dropout_fields,
                                       .sweep = true,
                                       .order = SPAR_KEEPS_ORDER,
                                       .image = SPAR_KEEPS_IMAGE,
                                       .draws = true,
                                       .infer = infer_dropout};
const spar_layer spar_layer_perturb = {.kind = "perturb",
                                       .input_count = 1,
                                       .sweep = true,
                                       .order = SPAR_KEEPS_ORDER,
                                       .image = SPAR_KEEPS_IMAGE,
                                       .point = true,
                                       .infer = infer_same};
