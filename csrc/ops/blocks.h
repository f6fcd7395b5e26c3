// A sweep cuts samples of a tensor into blocks that stay in the first-level cache: either pieces of one sample or
// several whole samples, so that what a sample owns is only ever written by one block.
#ifndef SPAR_OPS_BLOCKS_H
#define SPAR_OPS_BLOCKS_H

#include "ops/layer.h"

typedef struct spar_blocks {
    int64_t sample_rows, stride;
    int64_t pieces; // of a sample; 1 when a block holds whole samples
    int64_t rows_per_piece;
    int64_t samples_per_block;
    int64_t first, last; // samples
    int64_t count;
} spar_blocks;

// Rows first … first + rows of samples that follow each other; `offset` floats into the tensor, `floats` long.
typedef struct spar_block {
    int64_t sample, samples, piece;
    int64_t offset, floats, rows;
} spar_block;

static inline spar_blocks spar_cut_blocks(spar_extent extent, int64_t stride, int64_t first, int64_t last) {
    spar_blocks blocks = {.sample_rows = spar_pixels(extent), .stride = stride, .first = first, .last = last};
    int64_t floats = blocks.sample_rows * stride;
    int64_t rows = SPAR_BLOCK_FLOATS / stride > 0 ? SPAR_BLOCK_FLOATS / stride : 1;
    // Sign masks hold 16 elements a word, so a piece ends at a multiple of 16.
    if (stride % 16 != 0) rows = (rows + 15) / 16 * 16;
    blocks.rows_per_piece = rows < blocks.sample_rows ? rows : blocks.sample_rows;
    blocks.pieces = (blocks.sample_rows + blocks.rows_per_piece - 1) / blocks.rows_per_piece;
    blocks.samples_per_block = blocks.pieces > 1 || floats >= SPAR_BLOCK_FLOATS ? 1 : SPAR_BLOCK_FLOATS / floats;
    blocks.count = (last - first + blocks.samples_per_block - 1) / blocks.samples_per_block * blocks.pieces;
    return blocks;
}

// One block a sample, however large, for what needs to see all of a sample.
static inline void spar_join_pieces(spar_blocks *blocks) {
    blocks->rows_per_piece = blocks->sample_rows;
    blocks->pieces = blocks->samples_per_block = 1;
    blocks->count = blocks->last - blocks->first;
}

// The part of a block that is of its sample number i.
static inline spar_block spar_sample_of(const spar_block *block, int64_t i) {
    int64_t rows = block->rows / block->samples, floats = block->floats / block->samples;
    return (spar_block){.sample = block->sample + i,
                        .samples = 1,
                        .piece = block->piece,
                        .offset = block->offset + i * floats,
                        .floats = floats,
                        .rows = rows};
}

static inline spar_block spar_block_at(const spar_blocks *blocks, int64_t index) {
    spar_block block = {.sample = blocks->first + index / blocks->pieces * blocks->samples_per_block,
                        .piece = index % blocks->pieces};
    int64_t left = blocks->last - block.sample, first = block.piece * blocks->rows_per_piece;
    block.samples = left < blocks->samples_per_block ? left : blocks->samples_per_block;
    int64_t rows = blocks->sample_rows - first;
    if (rows > blocks->rows_per_piece) rows = blocks->rows_per_piece;
    block.rows = rows * block.samples;
    block.offset = (block.sample * blocks->sample_rows + first) * blocks->stride;
    block.floats = block.rows * blocks->stride;
    return block;
}

#endif
