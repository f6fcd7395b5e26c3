// The engine's mathematics on raw pointers: no graph, no allocation, no global state but the chosen table.
//
// An activation is a matrix: rows are pixels (image, y, x), columns are channels, `stride` floats a row. A hidden
// activation's stride is a multiple of 16; its padding columns hold finite values that nothing reads as data, and
// its gradient's padding columns hold zeros.
#ifndef SPAR_KERNELS_KERNELS_H
#define SPAR_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPAR_MAX_TILE_ROWS = 14,    // rows of the largest register tile of any instruction set
    SPAR_MAX_TILE_COLUMNS = 32, // and its columns
    SPAR_MOST_SQUARE_ROWS = 6,  // of Winograd's squares
    SPAR_BLOCK_FLOATS = 4096,   // of a sweep, which stay in the first-level cache
    SPAR_PLANE_LINES = 4,       // of a tile of a correlation
    SPAR_DRAWN_BLOCKS = 8,      // of a generator of random numbers, which are drawn at once
};

// A product of matrices: c[r][0 … columns) (+)= Σ over k of a[r][k] · b[k][…]; rows of every matrix are a stride apart.
typedef struct spar_product {
    int64_t rows, depth;
    int columns; // a multiple of 16
    const float *a;
    ptrdiff_t a_stride;
    int64_t run; // floats of a row of a that follow each other; 0: all
    ptrdiff_t run_stride;
    const float *b;
    ptrdiff_t b_stride;
    const float *next_b; // depth · columns floats that the next product reads, to be fetched; NULL: rows of a are
    float *c;
    ptrdiff_t c_stride;
    bool accumulate;   // add to c
    const float *bias; // added to every row; may be NULL
} spar_product;

// A sum of outer products: c[r][0 … columns) (+)= Σ over p of x[p][r] · d[p][…], over `lines` times `count` rows p.
typedef struct spar_outer_product {
    int64_t rows, count, lines;
    int columns; // a multiple of 16
    const float *x;
    ptrdiff_t x_stride, x_line;
    const float *d;
    ptrdiff_t d_stride, d_line;
    float *c;
    ptrdiff_t c_stride;
    bool accumulate; // add to c
    bool pairs;      // of products are summed apart, for a few rows r, whose sums alone would wait for each other
} spar_outer_product;

// Depthwise convolution of one row of outputs: out[c] (+)= Σ over taps t of in[t][c] · weights[t][c].
typedef struct spar_depthwise_row {
    int taps;
    int channels; // a multiple of 16
    const float *const *in;
    const float *const *weights; // a row of `channels` floats a tap
    float *out;
    bool accumulate;
    const float *bias; // may be NULL
} spar_depthwise_row;

// One row of a depthwise 3×3 convolution of padding 1. A row of inputs outside the image is NULL.
typedef struct spar_depthwise3_row {
    int in_width, out_width, stride; // stride 1 or 2
    int channels;                    // a multiple of 16, also between pixels
    const float *in[3];
    float *weights[9]; // read, or added to by the gradient
    float *out;        // written, or read by the gradient
    bool accumulate;
    const float *bias; // may be NULL
} spar_depthwise3_row;

// A Winograd transform of tiles beside each other: squares of pixels to points, or points to squares. Row y of the
// squares begins at rows[y] with pixel 0; a square spans columns left + tile·step onwards. What lies outside, in
// columns below 0 or from `width` on and in rows that are NULL, is read as zero and not written.
typedef struct spar_winograd_strip {
    int64_t channels; // a multiple of 16
    int64_t tiles;
    float *rows[SPAR_MOST_SQUARE_ROWS];
    ptrdiff_t pixel; // floats from one pixel to the next
    int64_t left, step, width;
    const float *zeros;  // SPAR_MOST_SQUARE_ROWS pixels of zeros
    ptrdiff_t ahead;     // floats to the pixels of the tiles below, to be fetched into cache; 0: nothing
    float *points;       // of the first tile
    ptrdiff_t point, at; // floats from one point to the next, from one tile to the next
    bool accumulate;
    bool past_caches;  // of weights: store points past the caches, to be seen by other threads after a fence
    const float *bias; // may be NULL
} spar_winograd_strip;

// The transforms of F(m×m, 3×3), m = tile: images (m + 2)² to (m + 2)², weights 3² to (m + 2)², outputs (m + 2)² to m²,
// and the transposes of the last two, for the gradient of the weights.
typedef struct spar_winograd_kernels {
    int tile;
    void (*input)(const spar_winograd_strip *strip);
    void (*weight)(const spar_winograd_strip *strip);
    void (*output)(const spar_winograd_strip *strip);
    void (*output_transposed)(const spar_winograd_strip *strip);
    void (*weight_transposed)(const spar_winograd_strip *strip);
} spar_winograd_kernels;

// One row of a pooling's outputs. Windows are cut at the image's edges.
typedef struct spar_pool_row {
    int channels; // a multiple of 16
    int rows;     // of the image in the windows, from `in` on
    const float *in;
    float *in_gradient;
    ptrdiff_t row, pixel; // floats from one row of the image, and one pixel, to the next
    int width, kernel_width, stride, padding;
    int out_width;
    float *out;      // written, or read by the backward pass of maxima
    const float *d;  // its gradient
    bool accumulate; // add to the input's gradient; else no two windows share a pixel
    float scale;     // of averages
} spar_pool_row;

// What the pixels of a row of a convolution read: a pixel's runs of `run` floats are `stride` apart, the first of them
// `step` apart from one pixel to the next. Joined runs lie behind each other, pixels' `joined_step` apart.
typedef struct spar_runs {
    int pixels, runs, run;
    float *first;
    ptrdiff_t stride, step;
    float *joined; // joining writes, and adding reads, up to 15 floats more behind every run
    ptrdiff_t joined_step;
} spar_runs;

// A correlation of planes with kernels, summed over the planes: out[y][x] = start + Σ over planes p and taps i, j of
// in[p][y + i][x + j] · weights[p][i][j]. Lines of a plane are readable up to width + across − 1 floats.
typedef struct spar_planes {
    int64_t planes, lines, width; // lines a multiple of SPAR_PLANE_LINES, width of 16
    int down, across;             // taps
    const float *in;
    ptrdiff_t plane, line; // floats from one to the next
    float start;
    const float *weights;
    float *out;
    ptrdiff_t out_line;
} spar_planes;

// Products of a plane with others, moved by each tap: sums[o][i][j] += Σ over y, x of in[y + i][x + j] · d[o][y][x],
// each a vector of 16 sums to be added up. Lines of d are those of the sum, lines of `in` are readable as above.
typedef struct spar_plane_products {
    int64_t outputs, lines, width; // width a multiple of 16
    int down, across;              // taps
    const float *in, *d;
    ptrdiff_t line, d_plane;
    float *sums;
    ptrdiff_t sums_output; // floats from one output's to the next's
} spar_plane_products;

// Where elements lie that follow each other: column i of a line at i·step, the next line `stride` further.
typedef struct spar_lines {
    int64_t count, columns;
    ptrdiff_t stride, step;
    bool padded; // to a multiple of 16, with numbers that may be written; then step is 1
} spar_lines;

// The activations: name, and whether the derivative is made from the input x; else it is from the output y. Kernels
// (activations.h), layers and their functions in the interface are made from this list.
#define SPAR_ACTIVATIONS(ROW)                                                                                          \
    ROW(relu, false)                                                                                                   \
    ROW(relu6, false)                                                                                                  \
    ROW(tanh, false)                                                                                                   \
    ROW(logistic, false)                                                                                               \
    ROW(silu, true)                                                                                                    \
    ROW(gelu, true)

typedef struct spar_activation {
    void (*forward)(const float *x, float *y, int64_t n);
    void (*backward)(const float *from, float *d, int64_t n); // d *= f′, from x or y
} spar_activation;

// Of numbers: how many, their mean, and Σ (x − mean)².
typedef struct spar_moments {
    double count, mean, squares;
} spar_moments;

// Those of all and part together (Chan, Golub & LeVeque 1983).
static inline void spar_join_moments(spar_moments *all, spar_moments part) {
    double difference = part.mean - all->mean, count = all->count + part.count;
    if (part.count == 0) return;
    all->squares += part.squares + difference * difference * part.count * all->count / count;
    all->mean += difference * part.count / count;
    all->count = count;
}

// What is recorded of a gradient: its extremes, and its signs or the numbers themselves.
typedef struct spar_record {
    int64_t rows, stride, channels; // the stride is a multiple of 16, or there is one row of as many channels
    const float *g;
    float *kept; // g · scale, or NULL and signs instead
    float scale;
    uint16_t *positive, *negative; // masks, of element 16·w + i in bit i of word w; NaN is both
    float lowest, highest;         // of the true channels; NaN where one of them is
} spar_record;

enum { SPAR_MOST_STATES = 2 }; // of an optimizer

// A stretch of a parameter that an optimizer updates.
typedef struct spar_update_stretch {
    float *value;
    const float *gradient;
    float *states[SPAR_MOST_STATES];
    int64_t count;   // a multiple of 16
    uint64_t number; // of the update among those that the states see, from 1
    float gradient_factor, learning_rate, weight_decay;
} spar_update_stretch;

// AdamW's numbers of one update: 1 − β₁, β₂, 1 − β₂, what weight decay leaves of a weight, η / (1 − β₁ᵗ),
// 1 / √(1 − β₂ᵗ) and ε.
typedef struct spar_adamw_step {
    float gain1, beta2, gain2, kept, rate, correction, epsilon;
} spar_adamw_step;

// Of one point of a t-SNE embedding over all points j, with w = 1 / (1 + distance²).
typedef struct spar_embedding_sums {
    double attraction[2]; // Σ p_j·w·(difference)
    double repulsion[2];  // Σ w²·(difference)
    double weight;        // Σ w
} spar_embedding_sums;

// Of Philox 4x32-10: the words of its counter behind the first, which is the block's number, and its key.
typedef struct spar_counter {
    uint32_t words[3], key[2];
} spar_counter;

// Draws the four numbers, of 32 bits, of each of so many blocks, a multiple of SPAR_DRAWN_BLOCKS.
typedef void (*spar_draw)(const spar_counter *counter, uint32_t block, int64_t blocks, void *to);

typedef struct spar_kernels {
    const char *isa;
    int tile_rows, tile_columns;

    // Multiply–adds of numbers in registers, as fast as they go; returns how many were made.
    int64_t (*multiply_adds)(int64_t rounds, float *sum);
    void (*product)(const spar_product *product);
    void (*outer_product)(const spar_outer_product *product);
    void (*correlate)(const spar_planes *planes);
    void (*plane_products)(const spar_plane_products *products);
    void (*depthwise_row)(const spar_depthwise_row *row);
    // weights[t][c] += in[t][c] · d[c]
    void (*depthwise_gradient_row)(int taps, int channels, const float *const *in, const float *d,
                                   float *const *weights);

    void (*depthwise3_row)(const spar_depthwise3_row *row);
    void (*depthwise3_gradient_row)(const spar_depthwise3_row *row);
    const spar_winograd_kernels *winograd; // F(2×2, 3×3) and F(4×4, 3×3)

    // Flat: n floats; numbers of columns repeat with the period.
    // y = (x − center)·scale + shift, which does not cancel where x is far from 0
    void (*affine)(const float *x, float *y, int64_t n, int64_t period, const float *center, const float *scale,
                   const float *shift);
    // dx (+)= a·d + b·x + c, all but d and x per column
    void (*affine2)(const float *d, const float *x, float *dx, int64_t n, int64_t period, const float *a,
                    const float *b, const float *c, bool accumulate);
    void (*add)(const float *x, float *y, int64_t n); // y += x
    struct {
#define SPAR_ACTIVATION(NAME, READS_INPUT) spar_activation NAME;
        SPAR_ACTIVATIONS(SPAR_ACTIVATION)
#undef SPAR_ACTIVATION
    } activations;

    // Bits; floats from 0 to below 1; floats of the standard normal distribution.
    spar_draw draw_bits, draw_uniforms, draw_normals;
    // Of dense draws, line by line; where lines are padded, 15 more of them are read.
    void (*add_draws)(float *y, const spar_lines *lines, const float *draws, float magnitude); // y += draws·magnitude
    // y = x·scale where the upper 24 bits are ≥ threshold; zero elsewhere.
    void (*drop)(const float *x, float *y, const spar_lines *lines, const uint32_t *bits, uint32_t threshold,
                 float scale);

    // Column sums over rows, added to doubles: Σ (x − shift), Σ (x − shift)².
    void (*column_moments)(const float *x, int64_t rows, int64_t stride, const float *shift, double *sum,
                           double *square);
    // Σ d, Σ d·(x − shift)
    void (*column_products)(const float *d, const float *x, int64_t rows, int64_t stride, const float *shift,
                            double *sum, double *product);

    // Over the true channels of every row, joined to what is there.
    void (*moments)(const float *x, int64_t rows, int64_t stride, int64_t channels, spar_moments *moments);
    void (*column_extremes)(const float *x, int64_t rows, int64_t stride, float *lowest, float *highest); // of numbers

    void (*record)(spar_record *record);
    void (*add_signs)(float *y, int64_t n, const uint16_t *positive, const uint16_t *negative, float magnitude);
    // y += (x·unit)·magnitude
    void (*add_scaled)(float *y, const float *x, int64_t n, float unit, float magnitude);
    // y to between lowest and highest, which are per column; what that changes is added to `change`, which may be NULL.
    // NaN stays.
    void (*clamp)(float *y, int64_t n, int64_t period, const float *lowest, const float *highest, float *change);

    // Σ x², n a multiple of 16; the squares of all floats are finite doubles
    double (*sum_of_squares)(const float *x, int64_t n);
    // Σ (a − b)²
    float (*squared_distance)(const float *a, const float *b, int64_t n);
    // The sums of t-SNE's gradient at (x, y), added to `sums`.
    void (*embedding_row)(float x, float y, const float *xs, const float *ys, const float *probabilities, int64_t n,
                          spar_embedding_sums *sums);

    void (*max_pool)(const spar_pool_row *row);
    void (*max_pool_backward)(const spar_pool_row *row);
    void (*average_pool)(const spar_pool_row *row);
    void (*average_pool_backward)(const spar_pool_row *row);

    void (*join_runs)(const spar_runs *runs);
    void (*add_runs)(const spar_runs *runs);
    // to[c][r] = from[r][c]; rows and columns are multiples of 4.
    void (*transpose)(const float *from, ptrdiff_t from_stride, int64_t rows, int64_t columns, float *to,
                      ptrdiff_t to_stride);

    void (*sgd)(const spar_update_stretch *stretch, float momentum, bool nesterov);
    void (*adamw)(const spar_update_stretch *stretch, const spar_adamw_step *step);
    // average += weight·(w − average); n a multiple of 16
    void (*average)(float *average, const float *w, int64_t n, float weight);
    // Scales each of 16 columns back to Euclidean norm ≤ bound.
    void (*limit_norms)(float *w, int64_t rows, int64_t stride, float bound);
} spar_kernels;

const spar_kernels *spar_kernels_for_cpu(void);

extern const spar_kernels spar_kernels_generic;
#if defined(__x86_64__)
extern const spar_kernels spar_kernels_avx2;
extern const spar_kernels spar_kernels_avx512;
#endif

#endif
