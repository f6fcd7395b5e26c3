// Convolution: its algorithms, each with forward, backward data and backward weights. The plan takes the first that
// fits.
#ifndef SPAR_OPS_CONVOLUTION_H
#define SPAR_OPS_CONVOLUTION_H

#include "ops/gather.h"
#include "ops/multiply.h"
#include "ops/winograd.h"

typedef struct spar_convolution_algorithm {
    const char *name;
    bool (*fits)(const spar_operation *operation);
    // May passes of the operation be chained? NULL: no.
    bool (*chains)(const spar_operation *operation);
    // Fills what the algorithm keeps in operation->state, and asks for scratch.
    spar_status (*prepare)(spar_operation *operation);
    // Multiplications of one image; NULL: one a multiply–add.
    int64_t (*multiplications)(const spar_operation *operation, spar_pass_kind kind);
    // Floats of workspace that the passes of a kind take besides packed weights.
    int64_t (*workspace)(const spar_operation *operation, spar_pass_kind kind);
    // Floats of packed weights, for forward or backward data; NULL: the weights are used as they are.
    int64_t (*packed_floats)(const spar_operation *operation, bool backward);
    void (*pack)(const spar_operation *operation, const spar_run *run, bool backward);
    // Forward, or with `backward` the gradient of the input, of the whole batch; NULL: it is always made by samples.
    void (*product)(const spar_operation *operation, const spar_run *run, bool backward);
    spar_samples product_samples[2]; // the same by samples, for operations that chain
    // Of the weights, for operations that chain; elsewhere `gradient` takes the place of its samples, if there is one.
    spar_pass gradient_pass;
    void (*gradient)(spar_operation *operation, const spar_run *run);
} spar_convolution_algorithm;

extern const spar_convolution_algorithm spar_convolution_depthwise, spar_convolution_direct, spar_convolution_winograd,
    spar_convolution_unfolded;

typedef struct spar_convolution {
    const spar_convolution_algorithm *algorithm;
    float *packed[2]; // weights for forward and for backward data, in `kept` or in the workspace
    float *kept;
    int64_t packed_floats[2];
    bool packs_each_time;
    uint64_t packed_version[2]; // of the weights that are packed
    float *zeros;               // a row outside the image
    spar_gather gather[2];      // forward and backward data
    spar_winograd winograd;
} spar_convolution;

static inline spar_convolution *spar_convolution_of(const spar_operation *operation) {
    return operation->state;
}

// Where an operation does not chain, the gradient of its weights is summed in splits, leaves of the tree of sums that
// cover several chunks: sets their height, by the floats of one's sums.
void spar_split_sums(spar_operation *operation, int64_t floats);

// What a product reads and writes.
static inline spar_rows spar_product_input(const spar_operation *operation, bool backward) {
    return backward ? (spar_rows){operation->output->gradient, operation->output->stride}
                    : (spar_rows){operation->inputs[0]->data, operation->inputs[0]->stride};
}

static inline spar_rows spar_product_output(const spar_operation *operation, bool backward) {
    return backward ? (spar_rows){operation->inputs[0]->gradient, operation->inputs[0]->stride}
                    : (spar_rows){operation->output->data, operation->output->stride};
}

static inline bool spar_product_accumulates(const spar_operation *operation, bool backward) {
    return backward && operation->accumulates[0];
}

// NULL in the backward pass and without a bias.
static inline const float *spar_product_bias(const spar_operation *operation, bool backward) {
    return backward || operation->parameters[1] == NULL ? NULL : operation->parameters[1]->value;
}

#endif
