// Small networks of every kind and batches for them, shared by the tests.
#ifndef EXAMPLES_H
#define EXAMPLES_H

#include "oracle.h"

// Uniform in [0, 1) with 53 bits (SplitMix64), advancing `state`.
double example_uniform(uint64_t *state);

enum { EXAMPLE_BATCH = 5, EXAMPLE_CLASSES = 4 };

typedef struct example_batch {
    int count;
    float *images;   // uniform in [0, 1)
    double *doubles; // the same
    int32_t *labels;
} example_batch;

// `count` images of the network's input shape.
example_batch example_batch_create(const oracle *o, int count, uint64_t seed);
void example_batch_destroy(example_batch *batch);

// Convolution of `kernel`×`kernel` with padding that keeps the size at stride 1, and a bias where no batch
// normalization follows.
spar_conv2d_params example_conv2d(const char *name, int channels, int kernel, int stride, bool bias);
spar_dense_params example_dense_params(const char *name, int units);

// Each takes the largest batch and describes a network with an input point and hidden points.
typedef oracle *(*example_network)(int batch_size);
oracle *example_dense(int batch_size);         // flat layers of all three units, as in Nøkland
oracle *example_convolutional(int batch_size); // conv–BN–point–ReLU, max pooling, dense
oracle *example_residual(int batch_size);      // projection, identity and zero-padded shortcuts
oracle *example_depthwise(int batch_size);     // grouped and depthwise convolutions, ReLU6
oracle *example_plain(int batch_size);         // convolution–bias–point–ReLU without BN, average pooling
oracle *example_large(int batch_size);         // maps too large for one block of a sweep
oracle *example_dropout(int batch_size);       // dropout on the image, on maps and on flat values
oracle *example_whitened(int batch_size);      // an image whitened as a whole

// A network whose outputs are its pixels, one a class.
spar_network *example_identity(int classes, int batch_size, spar_loss loss);

// Whitens x by a matrix that is not symmetric.
int example_whiten(oracle *o, int x);

#endif
