// Every kernel for the instruction set of the including file, and its table.
#include "kernels/activations.h"
#include "kernels/depthwise.h"
#include "kernels/draws.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/moves.h"
#include "kernels/optimizer.h"
#include "kernels/peak.h"
#include "kernels/philox.h"
#include "kernels/planes.h"
#include "kernels/points.h"
#include "kernels/pooling.h"
#include "kernels/product.h"
#include "kernels/reductions.h"
#include "kernels/winograd.h"

#define ACTIVATION(NAME, READS_INPUT) {NAME##_forward, NAME##_backward},
const spar_kernels TABLE = {
    .isa = ISA_NAME,
    .tile_rows = TILE_ROWS,
    .tile_columns = 2 * LANES < 16 ? 16 : 2 * LANES,
    .multiply_adds = multiply_adds,
    .product = product,
    .outer_product = outer_product,
    .correlate = correlate,
    .plane_products = plane_products,
    .depthwise_row = depthwise_row,
    .depthwise_gradient_row = depthwise_gradient_row,
    .depthwise3_row = depthwise3_row,
    .depthwise3_gradient_row = depthwise3_gradient_row,
    .winograd = winograd_kernels,
    .affine = affine,
    .affine2 = affine2,
    .add = add,
    .activations = {SPAR_ACTIVATIONS(ACTIVATION)},
    .draw_bits = draw_bits,
    .draw_uniforms = draw_uniforms,
    .draw_normals = draw_normals,
    .add_draws = add_draws,
    .drop = drop,
    .column_moments = column_moments,
    .column_products = column_products,
    .moments = moments,
    .column_extremes = column_extremes,
    .record = record,
    .add_signs = add_signs,
    .add_scaled = add_scaled,
    .clamp = clamp,
    .sum_of_squares = sum_of_squares,
    .squared_distance = squared_distance,
    .embedding_row = embedding_row,
    .max_pool = max_pool,
    .max_pool_backward = max_pool_backward,
    .average_pool = average_pool,
    .average_pool_backward = average_pool_backward,
    .join_runs = join_runs,
    .add_runs = add_runs,
    .transpose = transpose,
    .sgd = sgd,
    .adamw = adamw,
    .average = average,
    .limit_norms = limit_norms,
};
