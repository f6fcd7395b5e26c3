// The calls that describe a network, a layer each.
#include "graph/graph.h"

#include "runtime/structure.h"

#define CONV2D SPAR_STRUCTURE(spar_conv2d_params, initializer_deviation)
#define DENSE SPAR_STRUCTURE(spar_dense_params, initializer_deviation)
#define BATCH_NORM SPAR_STRUCTURE(spar_batch_norm_params, epsilon)
#define POOL SPAR_STRUCTURE(spar_pool_params, padding_width)

static const spar_conv2d_params conv2d_defaults = {.kernel_height = 3,
                                                   .kernel_width = 3,
                                                   .stride_height = 1,
                                                   .stride_width = 1,
                                                   .padding_height = 1,
                                                   .padding_width = 1,
                                                   .groups = 1};
static const spar_dense_params dense_defaults = {.bias = true};
static const spar_batch_norm_params batch_norm_defaults = {.momentum = 0.1f, .epsilon = 1e-5f};
static const spar_pool_params pool_defaults = {
    .kernel_height = 2, .kernel_width = 2, .stride_height = 2, .stride_width = 2};

spar_status spar_conv2d_set_defaults(spar_conv2d_params *params, uint32_t struct_size) {
    return spar_fill_defaults(CONV2D, &conv2d_defaults, params, struct_size);
}

spar_status spar_dense_set_defaults(spar_dense_params *params, uint32_t struct_size) {
    return spar_fill_defaults(DENSE, &dense_defaults, params, struct_size);
}

spar_status spar_batch_norm_set_defaults(spar_batch_norm_params *params, uint32_t struct_size) {
    return spar_fill_defaults(BATCH_NORM, &batch_norm_defaults, params, struct_size);
}

spar_status spar_pool_set_defaults(spar_pool_params *params, uint32_t struct_size) {
    return spar_fill_defaults(POOL, &pool_defaults, params, struct_size);
}

// Adds a layer whose params were taken, or fails as they did.
static spar_value add_taken(spar_graph *graph, spar_status taken, const spar_node *node) {
    return taken == SPAR_OK ? spar_graph_add(graph, node) : spar_graph_fail(graph, taken);
}

static spar_value add_plain(spar_graph *graph, const spar_layer *layer, spar_value a, spar_value b) {
    return spar_graph_add(graph, &(spar_node){.layer = layer, .inputs = {a, b}});
}

spar_value spar_input(spar_graph *graph, int32_t channels, int32_t height, int32_t width) {
    return spar_graph_add(graph, &(spar_node){.layer = &spar_layer_input,
                                              .inputs = {SPAR_NO_VALUE, SPAR_NO_VALUE},
                                              .extent = {channels, height, width}});
}

static spar_value add_constants(spar_graph *graph, const spar_layer *layer, spar_value x, const char *name,
                                const float *first, const float *second) {
    return spar_graph_add(graph, &(spar_node){.layer = layer,
                                              .name = (char *)name,
                                              .inputs = {x, SPAR_NO_VALUE},
                                              .settings.constants.values = {(float *)first, (float *)second}});
}

spar_value spar_normalize(spar_graph *graph, spar_value x, const char *name, const float *mean,
                          const float *deviation) {
    return add_constants(graph, &spar_layer_normalize, x, name, mean, deviation);
}

spar_value spar_whiten(spar_graph *graph, spar_value x, const char *name, const float *mean, const float *matrix) {
    return add_constants(graph, &spar_layer_whiten, x, name, mean, matrix);
}

spar_value spar_conv2d(spar_graph *graph, spar_value x, const spar_conv2d_params *params) {
    spar_conv2d_params taken = conv2d_defaults;
    spar_status status = spar_take_structure(CONV2D, params, &taken);
    return add_taken(graph, status,
                     &(spar_node){.layer = &spar_layer_convolution,
                                  .name = (char *)taken.name,
                                  .inputs = {x, SPAR_NO_VALUE},
                                  .settings.convolution = taken});
}

spar_value spar_dense(spar_graph *graph, spar_value x, const spar_dense_params *params) {
    spar_dense_params taken = dense_defaults;
    spar_status status = spar_take_structure(DENSE, params, &taken);
    return add_taken(graph, status,
                     &(spar_node){.layer = &spar_layer_dense,
                                  .name = (char *)taken.name,
                                  .inputs = {x, SPAR_NO_VALUE},
                                  .settings.dense = taken});
}

spar_value spar_batch_norm(spar_graph *graph, spar_value x, const spar_batch_norm_params *params) {
    spar_batch_norm_params taken = batch_norm_defaults;
    spar_status status = spar_take_structure(BATCH_NORM, params, &taken);
    return add_taken(graph, status,
                     &(spar_node){.layer = &spar_layer_batch_norm,
                                  .name = (char *)taken.name,
                                  .inputs = {x, SPAR_NO_VALUE},
                                  .settings.batch_norm = taken});
}

static spar_value add_pool(spar_graph *graph, const spar_layer *layer, spar_value x, const spar_pool_params *params) {
    spar_pool_params taken = pool_defaults;
    spar_status status = spar_take_structure(POOL, params, &taken);
    return add_taken(
        graph, status,
        &(spar_node){.layer = layer, .name = (char *)taken.name, .inputs = {x, SPAR_NO_VALUE}, .settings.pool = taken});
}

spar_value spar_max_pool2d(spar_graph *graph, spar_value x, const spar_pool_params *params) {
    return add_pool(graph, &spar_layer_max_pool, x, params);
}

spar_value spar_average_pool2d(spar_graph *graph, spar_value x, const spar_pool_params *params) {
    return add_pool(graph, &spar_layer_average_pool, x, params);
}

spar_value spar_global_average_pool(spar_graph *graph, spar_value x) {
    return add_plain(graph, &spar_layer_global_average_pool, x, SPAR_NO_VALUE);
}

#define ACTIVATION(NAME, READS_INPUT)                                                                                  \
    spar_value spar_##NAME(spar_graph *graph, spar_value x) {                                                          \
        return add_plain(graph, &spar_layer_##NAME, x, SPAR_NO_VALUE);                                                 \
    }
SPAR_ACTIVATIONS(ACTIVATION)

spar_value spar_add(spar_graph *graph, spar_value a, spar_value b) {
    return add_plain(graph, &spar_layer_add, a, b);
}

spar_value spar_flatten(spar_graph *graph, spar_value x) {
    return add_plain(graph, &spar_layer_flatten, x, SPAR_NO_VALUE);
}

spar_value spar_channel_shortcut(spar_graph *graph, spar_value x, int32_t channels, int32_t stride) {
    return spar_graph_add(graph, &(spar_node){.layer = &spar_layer_channel_shortcut,
                                              .inputs = {x, SPAR_NO_VALUE},
                                              .extent = {channels, 0, 0},
                                              .settings.stride = stride});
}

spar_value spar_dropout(spar_graph *graph, spar_value x, float rate) {
    return spar_graph_add(
        graph, &(spar_node){.layer = &spar_layer_dropout, .inputs = {x, SPAR_NO_VALUE}, .settings.rate = rate});
}

spar_value spar_perturb(spar_graph *graph, spar_value x, const char *name) {
    return spar_graph_add(
        graph, &(spar_node){.layer = &spar_layer_perturb, .name = (char *)name, .inputs = {x, SPAR_NO_VALUE}});
}
