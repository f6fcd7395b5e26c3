#include "examples.h"
#include "check.h"

#include <stdlib.h>

double example_uniform(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

example_batch example_batch_create(const oracle *o, int count, uint64_t seed) {
    size_t elements = (size_t)count * o->layers[0].size;
    example_batch batch = {
        .count = count,
        .images = check_allocate(elements * sizeof(float)),
        .doubles = check_allocate(elements * sizeof(double)),
        .labels = check_allocate(count * sizeof(int32_t)),
    };
    for (size_t i = 0; i < elements; i++) {
        batch.images[i] = (float)example_uniform(&seed) * 0.999f;
        batch.doubles[i] = batch.images[i];
    }
    int classes = o->layers[o->layer_count - 1].size;
    for (int n = 0; n < count; n++) batch.labels[n] = (int32_t)(example_uniform(&seed) * classes);
    return batch;
}

void example_batch_destroy(example_batch *batch) {
    free(batch->images);
    free(batch->doubles);
    free(batch->labels);
}

spar_conv2d_params example_conv2d(const char *name, int channels, int kernel, int stride, bool bias) {
    spar_conv2d_params params = spar_conv2d_defaults();
    params.name = name;
    params.channels = channels;
    params.kernel_height = params.kernel_width = kernel;
    params.stride_height = params.stride_width = stride;
    params.padding_height = params.padding_width = kernel / 2;
    params.bias = bias;
    return params;
}

spar_dense_params example_dense_params(const char *name, int units) {
    spar_dense_params params = spar_dense_defaults();
    params.name = name;
    params.units = units;
    return params;
}

static const float MEANS[3] = {0.49f, 0.48f, 0.45f}, DEVIATIONS[3] = {0.25f, 0.24f, 0.26f};

static oracle *create(int channels, int height, int width, int batch_size, int *x) {
    oracle *o = oracle_create(channels, height, width, batch_size, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    *x = oracle_point(o, 0, "input");
    *x = oracle_normalize(o, *x, "normalize", MEANS, DEVIATIONS);
    return o;
}

static int batch_norm_point_relu(oracle *o, int x, const char *batch_norm, const char *point) {
    x = oracle_batch_norm(o, x, batch_norm);
    x = oracle_point(o, x, point);
    return oracle_unary(o, x, ORACLE_RELU);
}

oracle *example_dense(int batch_size) {
    int x;
    oracle *o = create(1, 5, 4, batch_size, &x);
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    x = oracle_dense(o, x, example_dense_params("fc1", 17));
    x = oracle_point(o, x, "point1");
    x = oracle_unary(o, x, ORACLE_TANH);
    x = oracle_dense(o, x, example_dense_params("fc2", 11));
    x = oracle_point(o, x, "point2");
    x = oracle_unary(o, x, ORACLE_LOGISTIC);
    x = oracle_dense(o, x, example_dense_params("fc3", 9));
    x = oracle_unary(o, x, ORACLE_RELU);
    oracle_dense(o, x, example_dense_params("fc4", EXAMPLE_CLASSES));
    return o;
}

oracle *example_convolutional(int batch_size) {
    int x;
    oracle *o = create(3, 9, 7, batch_size, &x);
    x = oracle_conv2d(o, x, example_conv2d("conv1", 17, 3, 1, false));
    x = batch_norm_point_relu(o, x, "bn1", "point1");
    x = oracle_pool(o, x, ORACLE_MAX_POOL, spar_pool_defaults());
    x = oracle_conv2d(o, x, example_conv2d("conv2", 6, 5, 1, false));
    x = batch_norm_point_relu(o, x, "bn2", "point2");
    x = oracle_conv2d(o, x, example_conv2d("conv3", 5, 3, 2, false));
    x = batch_norm_point_relu(o, x, "bn3", "point3");
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    oracle_dense(o, x, example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

oracle *example_residual(int batch_size) {
    int x;
    oracle *o = create(3, 7, 5, batch_size, &x);
    x = oracle_conv2d(o, x, example_conv2d("stem", 6, 3, 1, false));
    int shortcut = batch_norm_point_relu(o, x, "stem_bn", "stem_point");
    x = oracle_conv2d(o, shortcut, example_conv2d("conv1", 6, 3, 1, false)); // identity shortcut
    x = batch_norm_point_relu(o, x, "bn1", "point1");
    x = oracle_conv2d(o, x, example_conv2d("conv2", 6, 3, 1, false));
    x = oracle_batch_norm(o, x, "bn2");
    x = oracle_point(o, x, "point2");
    shortcut = oracle_unary(o, oracle_add(o, x, shortcut), ORACLE_RELU);
    x = oracle_conv2d(o, shortcut, example_conv2d("conv3", 17, 3, 2, false)); // zero-padded shortcut
    x = oracle_batch_norm(o, x, "bn3");
    x = oracle_point(o, x, "point3");
    shortcut = oracle_unary(o, oracle_add(o, x, oracle_channel_shortcut(o, shortcut, 17, 2)), ORACLE_RELU);
    x = oracle_conv2d(o, shortcut, example_conv2d("conv4", 8, 3, 2, false)); // projection
    x = oracle_batch_norm(o, x, "bn4");
    x = oracle_point(o, x, "point4");
    int projection = oracle_conv2d(o, shortcut, example_conv2d("projection", 8, 1, 2, false));
    projection = oracle_batch_norm(o, projection, "projection_bn");
    x = oracle_unary(o, oracle_add(o, x, projection), ORACLE_RELU);
    x = oracle_unary(o, x, ORACLE_GLOBAL_AVERAGE_POOL);
    oracle_dense(o, x, example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

oracle *example_depthwise(int batch_size) {
    int x;
    oracle *o = create(3, 7, 5, batch_size, &x);
    x = oracle_conv2d(o, x, example_conv2d("stem", 18, 3, 1, false));
    x = oracle_batch_norm(o, x, "stem_bn");
    x = oracle_point(o, x, "point1");
    x = oracle_unary(o, x, ORACLE_RELU6);
    spar_conv2d_params depthwise = example_conv2d("depthwise", 18, 3, 2, false);
    depthwise.groups = 18;
    x = oracle_conv2d(o, x, depthwise);
    x = batch_norm_point_relu(o, x, "depthwise_bn", "point2");
    spar_conv2d_params grouped = example_conv2d("grouped", 12, 3, 1, false);
    grouped.groups = 3;
    x = oracle_conv2d(o, x, grouped);
    x = batch_norm_point_relu(o, x, "grouped_bn", "point3");
    x = oracle_conv2d(o, x, example_conv2d("pointwise", 7, 1, 1, true));
    x = oracle_unary(o, x, ORACLE_GLOBAL_AVERAGE_POOL);
    oracle_dense(o, x, example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

oracle *example_plain(int batch_size) {
    int x;
    oracle *o = create(1, 8, 8, batch_size, &x);
    x = oracle_conv2d(o, x, example_conv2d("conv1", 6, 5, 1, true));
    x = oracle_point(o, x, "point1");
    x = oracle_unary(o, x, ORACLE_RELU);
    x = oracle_pool(o, x, ORACLE_AVERAGE_POOL, spar_pool_defaults());
    x = oracle_conv2d(o, x, example_conv2d("conv2", 16, 3, 1, true));
    x = oracle_point(o, x, "point2");
    x = oracle_unary(o, x, ORACLE_RELU);
    x = oracle_pool(o, x, ORACLE_MAX_POOL, spar_pool_defaults());
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    x = oracle_dense(o, x, example_dense_params("fc1", 12));
    x = oracle_unary(o, x, ORACLE_RELU);
    oracle_dense(o, x, example_dense_params("fc2", EXAMPLE_CLASSES));
    return o;
}

oracle *example_large(int batch_size) {
    int x;
    oracle *o = create(3, 40, 38, batch_size, &x);
    x = oracle_conv2d(o, x, example_conv2d("conv1", 17, 3, 1, false));
    x = batch_norm_point_relu(o, x, "bn1", "point1");
    spar_pool_params pool = spar_pool_defaults();
    pool.kernel_height = pool.kernel_width = 3;
    pool.padding_height = pool.padding_width = 1;
    x = oracle_pool(o, x, ORACLE_MAX_POOL, pool);
    x = oracle_conv2d(o, x, example_conv2d("conv2", 16, 3, 2, false));
    x = batch_norm_point_relu(o, x, "bn2", "point2");
    x = oracle_unary(o, x, ORACLE_GLOBAL_AVERAGE_POOL);
    oracle_dense(o, x, example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

oracle *example_dropout(int batch_size) {
    int x;
    oracle *o = create(3, 6, 6, batch_size, &x);
    x = oracle_dropout(o, x, 0.1f);
    x = oracle_conv2d(o, x, example_conv2d("conv1", 17, 3, 1, false));
    x = batch_norm_point_relu(o, x, "bn1", "point1");
    x = oracle_dropout(o, x, 0.25f);
    x = oracle_pool(o, x, ORACLE_MAX_POOL, spar_pool_defaults());
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    x = oracle_dense(o, x, example_dense_params("fc1", 19));
    x = oracle_unary(o, x, ORACLE_RELU);
    x = oracle_dropout(o, x, 0.5f);
    oracle_dense(o, x, example_dense_params("fc2", EXAMPLE_CLASSES));
    return o;
}

int example_whiten(oracle *o, int x) {
    int size = o->layers[x].size;
    float *mean = check_allocate(size * sizeof *mean), *matrix = check_allocate(size * size * sizeof *matrix);
    uint64_t seed = 7;
    for (int i = 0; i < size; i++) mean[i] = 0.5f + 0.1f * (float)example_uniform(&seed);
    for (int i = 0; i < size * size; i++) matrix[i] = (float)(4 * example_uniform(&seed) - 2) / (1 + i / size);
    x = oracle_whiten(o, x, "whiten", mean, matrix);
    free(mean);
    free(matrix);
    return x;
}

oracle *example_whitened(int batch_size) {
    oracle *o = oracle_create(3, 5, 4, batch_size, SPAR_LOSS_SOFTMAX_CROSS_ENTROPY);
    int x = example_whiten(o, oracle_point(o, 0, "input"));
    x = oracle_conv2d(o, x, example_conv2d("conv", 6, 3, 1, false));
    x = batch_norm_point_relu(o, x, "bn", "point");
    x = oracle_unary(o, x, ORACLE_FLATTEN);
    oracle_dense(o, x, example_dense_params("fc", EXAMPLE_CLASSES));
    return o;
}

spar_network *example_identity(int classes, int batch_size, spar_loss loss) {
    oracle *o = oracle_create(classes, 1, 1, batch_size, loss);
    spar_dense_params params = example_dense_params("fc", classes);
    params.bias = false;
    oracle_dense(o, 0, params);
    spar_network *network = oracle_engine(o, 1, 1);
    oracle_destroy(o);
    for (int i = 0; i < classes * classes; i++) {
        float value = i % (classes + 1) == 0;
        CHECK_OK(spar_network_write_elements(network, 0, SPAR_PART_VALUE, i, 1, &value));
    }
    return network;
}
