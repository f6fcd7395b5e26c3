// Model files of the tests: networks to save, and safetensors files made by hand.
#ifndef MODEL_FILES_H
#define MODEL_FILES_H

#include "examples.h"

// An example with random parameters, on one thread.
spar_network *model_create(example_network example, uint64_t seed);

// Trains it on batches of steps `first`, `first` + 1, …, of which every other one is an image short.
void model_train(spar_network *network, example_network example, const spar_optimizer *optimizer, uint64_t seed,
                 int first, int steps);

// model_create for example_plain, after a training step by SGD and this preset.
spar_network *model_trained(const char *preset, float epsilon, uint64_t seed);

// A network of one dense layer "fc" without bias, 3 inputs and 2 units; the header and the data of a file for it as
// PyTorch would write it.
spar_network *model_create_tiny(void);
#define MODEL_TINY_HEADER "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}"
extern const float MODEL_TINY_WEIGHTS[6];

// spar_network_load for batches of EXAMPLE_BATCH; `network` is NULL when it fails.
spar_status model_load(const char *path, spar_network **network);

// True when both have the same parameters with the same values.
bool model_equal(const spar_network *a, const spar_network *b);
// The same of all that files have of them, the training state too.
bool model_equal_in_training(const spar_network *a, const spar_network *b);

// The header of a file with this graph, as JSON, and the members `rest` behind its metadata; to be freed.
char *model_header(const char *graph, int output, const char *rest);

// `text` with the first `from` replaced, which it has to have; to be freed.
char *text_replaced(const char *text, const char *from, const char *to);

// A safetensors file: 8 bytes of header length, JSON, data.
typedef struct raw_file {
    char *header;
    unsigned char *data;
    size_t data_size;
} raw_file;

raw_file raw_file_read(const char *path);
void raw_file_write(const char *path, const char *header, const void *data, size_t data_size);
void raw_file_free(raw_file *raw);

#endif
