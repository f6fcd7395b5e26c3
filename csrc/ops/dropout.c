// Dropout (Srivastava et al. 2014).
#include "ops/draws.h"
#include "ops/sweep.h"

#include "kernels/random.h"

#include <math.h>

static spar_status infer(spar_node *node, const spar_extent *inputs) {
    float rate = node->settings.rate;
    if (!(rate >= 0 && rate < 1)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%s: rate is %g, not at least 0 and below 1", node->name, rate);
    }
    return spar_infer_same(node, inputs);
}

// The mask is a function of seed, layer and step, so backward draws it again instead of keeping it.
static bool forward(const spar_stage *stage, const spar_sweep_block *at, const float *x, float *y) {
    const spar_run *run = at->run;
    if (!(run->flags & SPAR_FORWARD_TRAIN)) return false;
    uint32_t bits[SPAR_MOST_DRAWS + 15] = {0};
    float rate = stage->node->settings.rate;
    uint32_t threshold = (uint32_t)ceilf(rate * 0x1p24f);
    spar_random_stream stream = {
        .seed = run->seed, .purpose = SPAR_PURPOSE_DROPOUT, .layer = stage->stream, .step = run->step};
    for (spar_drawn drawn = {0}; spar_next_drawn(&drawn, at->operation->output, &at->block, run->first);) {
        spar_fill_bits(&stream, drawn.first, (size_t)drawn.count, bits);
        run->kernels->drop(x + drawn.at, y + drawn.at, &drawn.lines, bits, threshold, 1 / (1 - rate));
    }
    return true;
}

static void backward(const spar_stage *stage, const spar_sweep_block *at, float *d) {
    forward(stage, at, d, d);
}

static const spar_field fields[] = {SPAR_FIELD(FLOAT, "rate", settings.rate), {0}};

static const spar_stage_functions stage = {.forward = forward, .backward = backward};

const spar_layer spar_layer_dropout = {.kind = "dropout",
                                       .input_count = 1,
                                       .fields = fields,
                                       .order = SPAR_KEEPS_ORDER,
                                       .image = SPAR_KEEPS_IMAGE,
                                       .onnx_rank = SPAR_ONNX_EITHER,
                                       .draws = true,
                                       .infer = infer,
                                       .onnx = spar_list_no_operators,
                                       .stage = &stage};
