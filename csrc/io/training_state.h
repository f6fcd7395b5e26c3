// The training state in a model file: the method, the step, and what the points hold.
#ifndef SPAR_IO_TRAINING_STATE_H
#define SPAR_IO_TRAINING_STATE_H

#include "graph/network.h"
#include "io/buffer.h"
#include "io/safetensors.h"

// Longest name of a tensor, with its final zero.
enum { SPAR_MOST_TENSOR_NAME = 400 };

// "sparring.point.NAME.ARRAY"
void spar_point_tensor_name(const spar_point *point, const char *array, char *name);

// All but the points' arrays. Fails where a measured s(h) is not finite.
spar_status spar_training_state_write(const spar_network *network, const spar_point *points, spar_buffer *text);

typedef struct spar_point_state {
    int recorded, held;
    float deviation;
    void *arrays[SPAR_MOST_POINT_ARRAYS];
} spar_point_state;

typedef struct spar_parameter_state {
    float learning_rate_factor;
    int64_t updates;
} spar_parameter_state;

typedef struct spar_training_state {
    bool present;
    spar_method method; // last_point and hidden_points are parts of `text`
    uint64_t step;
    spar_parameter_part states[SPAR_PARTS]; // of parameters, in the file
    int state_count;
    spar_parameter_state *parameters; // of the network
    spar_point_state *points;
    int point_count;
    char *text;
    spar_json json;
} spar_training_state;

// Reads and checks the state that is in a file, with the arrays of its points, for this network; it changes nothing
// of it. SPAR_ERROR_ARGUMENT where the caller gave the network a batch size below the samples that points hold. The
// caller frees the state, also after a failure.
spar_status spar_training_state_read(const spar_tensor_file *file, spar_network *network, spar_training_state *state);
void spar_training_state_free(spar_training_state *state);

// Sets the method, the step, the points and the parameters' factors and updates and forgets states that are not in the
// file, or fails and leaves the network as it was.
spar_status spar_training_state_apply(const spar_training_state *state, spar_network *network);

#endif
