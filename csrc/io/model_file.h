// Model files: what saving and loading share.
#ifndef SPAR_IO_MODEL_FILE_H
#define SPAR_IO_MODEL_FILE_H

#include "io/training_state.h"

// The format that is written and the newest that is read; files without a number, of 0.1.0, have the first. It grows
// with a change that readers of before would take for something else, and of which no layer, field or feature that they
// do not know tells them (FileFormats.md).
#define SPAR_FORMAT "1"

// Of a state of a parameter: "sparring.momentum.NAME".
void spar_state_tensor_name(const spar_parameter *parameter, spar_parameter_part state, char *name);

// Closes the file of a model and completes the sentence of a failure. A wrong format may be so because another version
// wrote it. `path` NULL: it is in memory.
spar_status spar_close_model(const char *path, spar_tensor_file *file, spar_status status);

#endif
