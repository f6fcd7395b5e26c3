// Model files: shared by saving and loading.
#ifndef SPAR_IO_MODEL_FILE_H
#define SPAR_IO_MODEL_FILE_H

#include "io/training_state.h"

// Of a state of a parameter: "sparring.momentum.NAME".
void spar_state_tensor_name(const spar_parameter *parameter, spar_parameter_part state, char *name);

// Of an open file: what spar_network_load and spar_network_load_parameters do of a path, without its name in sentences.
spar_status spar_load_network(const spar_tensor_file *file, const spar_network_options *options,
                              spar_network **network);
spar_status spar_load_parameters(spar_network *network, const spar_tensor_file *file);

#endif
