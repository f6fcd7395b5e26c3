// Random draws of a value's elements. Channel c, row y and column x of sample n of a value of C×H×W has element
// ((n·H + y)·W + x)·C + c of a stream, however it lies in memory: padding draws nothing, and any samples can be drawn
// by themselves.
#ifndef SPAR_OPS_DRAWS_H
#define SPAR_OPS_DRAWS_H

#include "ops/blocks.h"

enum { SPAR_MOST_DRAWS = 1024 }; // at once

// Elements of a block that follow each other in the stream.
typedef struct spar_drawn {
    uint64_t first;      // in the stream
    int64_t done, count; // elements of the block before these, and these
    int64_t at;          // floats from the block's first to theirs
    spar_lines lines;
} spar_drawn;

// The next after `drawn`, all zero at first. False where the block ends. `sample` is the place of the tensor's first
// among those of all ranks.
static inline bool spar_next_drawn(spar_drawn *drawn, const spar_tensor *tensor, const spar_block *block,
                                   int64_t sample) {
    int64_t channels = tensor->extent.channels, pixels = spar_pixels(tensor->flattened);
    int64_t done = drawn->done + drawn->count, row = done / channels, column = done % channels, line = 0;
    if (done == block->rows * channels) return false;
    spar_lines lines = {block->rows - row, channels, tensor->stride, 1, true};
    drawn->at = row * tensor->stride + column;
    if (pixels > 1 && tensor->flattened.channels > 1) { // outside, a row is channel by channel
        line = column / pixels, column %= pixels;
        lines = (spar_lines){tensor->flattened.channels - line, pixels, 1, tensor->flattened.channels, false};
        drawn->at = row * tensor->stride + column * lines.step + line;
    } else if (tensor->stride == channels) {
        column = done;
        lines = (spar_lines){1, block->rows * channels, 0, 1, false};
    }
    if (column > 0 || lines.columns > SPAR_MOST_DRAWS) { // a piece of a line
        int64_t left = lines.columns - column;
        lines = (spar_lines){1, left < SPAR_MOST_DRAWS ? left : SPAR_MOST_DRAWS, 0, lines.step, false};
    } else if (lines.count * lines.columns > SPAR_MOST_DRAWS) {
        lines.count = SPAR_MOST_DRAWS / lines.columns;
    }
    int64_t before = sample * spar_pixels(tensor->extent) + block->offset / tensor->stride;
    drawn->first = (uint64_t)(before * channels + done);
    drawn->done = done;
    drawn->count = lines.count * lines.columns;
    drawn->lines = lines;
    return true;
}

#endif
