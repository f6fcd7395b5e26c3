// ZCA whitening: covariance by blocks, its eigenvectors by LAPACK.
#include "ops/layer.h"
#include "runtime/blas.h"
#include "runtime/finite.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

// LAPACK's, from OpenBLAS; the last two arguments are the lengths of the strings, as Fortran passes them.
void dsyevd_(const char *job, const char *triangle, const int *size, double *matrix, const int *stride,
             double *eigenvalues, double *work, const int *work_size, int *integers, const int *integers_size,
             int *status, size_t job_length, size_t triangle_length);

enum { BLOCK = 256 };

struct spar_zca {
    int size;
    int64_t count;
    int filled;       // images in the block
    double *block;    // [BLOCK][size]
    double *sums;     // [size]
    double *products; // [size][size], the upper triangle of Σ x·xᵀ
};

spar_status spar_zca_create(int32_t size, spar_zca **zca) {
    SPAR_REQUIRE_POINTER(zca);
    *zca = NULL;
    if (size < 1 || size > SPAR_MOST_WHITENED_VALUES) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "zca: images of %d values; there must be 1 to %d", size,
                         SPAR_MOST_WHITENED_VALUES);
    }
    spar_zca *made = spar_allocate(1, sizeof *made);
    if (made == NULL) return SPAR_ERROR_MEMORY;
    size_t row = (size_t)size;
    made->size = size;
    made->block = spar_allocate(BLOCK * row, sizeof(double));
    made->sums = spar_allocate(row, sizeof(double));
    made->products = spar_allocate(row * row, sizeof(double));
    if (made->block == NULL || made->sums == NULL || made->products == NULL) {
        spar_zca_destroy(made);
        return SPAR_ERROR_MEMORY;
    }
    *zca = made;
    return SPAR_OK;
}

void spar_zca_destroy(spar_zca *zca) {
    if (zca == NULL) return;
    spar_release(zca->block);
    spar_release(zca->sums);
    spar_release(zca->products);
    spar_release(zca);
}

// matrix ← AᵀA (+ matrix), the upper triangle, A of rows × size.
static void add_products(const double *a, int rows, int size, bool accumulate, double *matrix) {
    spar_blas_begin();
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, size, rows, 1, a, size, accumulate, matrix, size);
    spar_blas_end();
}

static void flush_block(spar_zca *zca) {
    if (zca->filled > 0) add_products(zca->block, zca->filled, zca->size, true, zca->products);
    zca->filled = 0;
}

static spar_status check_images(const float *images, int64_t count, int size) {
    int64_t i = spar_first_non_finite(images, count * size);
    if (i == count * size) return SPAR_OK;
    return spar_fail(SPAR_ERROR_NON_FINITE, "zca: value %lld of image %lld is %g", (long long)(i % size),
                     (long long)(i / size), images[i]);
}

spar_status spar_zca_add(spar_zca *zca, const float *images, int64_t count) {
    SPAR_REQUIRE_POINTER(zca);
    SPAR_REQUIRE_POINTER(images);
    if (count < 1 || count > INT64_MAX / zca->size) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "zca: %lld images to add", (long long)count);
    }
    SPAR_TRY(check_images(images, count, zca->size));
    for (int64_t n = 0; n < count; n++) {
        const float *image = images + n * zca->size;
        double *row = zca->block + (int64_t)zca->filled * zca->size;
        for (int i = 0; i < zca->size; i++) {
            row[i] = image[i];
            zca->sums[i] += image[i];
        }
        if (++zca->filled == BLOCK) flush_block(zca);
    }
    zca->count += count;
    return SPAR_OK;
}

// The upper triangle of the covariance, row-major; as LAPACK counts, the lower one, column-major.
static void fill_covariance(const spar_zca *zca, double *covariance) {
    double count = (double)zca->count;
    for (int64_t i = 0; i < zca->size; i++) {
        for (int64_t j = i; j < zca->size; j++) {
            int64_t at = i * zca->size + j;
            covariance[at] = zca->products[at] / count - zca->sums[i] / count * (zca->sums[j] / count);
        }
    }
}

// Turns the covariance into its eigenvectors, one a row, eigenvalues in ascending order.
static spar_status find_eigenvectors(double *covariance, int size, double *eigenvalues, double *work) {
    int status = 0;
    int work_size = 1 + 6 * size + 2 * size * size, integers_size = 3 + 5 * size;
    int *integers = spar_allocate((size_t)integers_size, sizeof *integers);
    if (integers == NULL) return SPAR_ERROR_MEMORY;
    spar_blas_begin();
    dsyevd_("V", "L", &size, covariance, &size, eigenvalues, work, &work_size, integers, &integers_size, &status, 1, 1);
    spar_blas_end();
    spar_release(integers);
    if (status == 0) return SPAR_OK;
    return spar_fail(SPAR_ERROR_NON_FINITE, "zca: the eigenvalues of the covariance were not found (LAPACK's %d)",
                     status);
}

// Scales the rows of eigenvectors, v, so that Σ vᵀ·v is W.
static spar_status scale_eigenvectors(const spar_zca *zca, const double *eigenvalues, double epsilon,
                                      double *eigenvectors) {
    double least = zca->size * DBL_EPSILON * eigenvalues[zca->size - 1];
    int flat = 0;
    for (int i = 0; i < zca->size; i++) flat += !(eigenvalues[i] + epsilon > least);
    if (flat > 0) {
        return spar_fail(SPAR_ERROR_ARGUMENT,
                         "zca: %lld images do not vary in %d of %d directions; an epsilon of %g is too small",
                         (long long)zca->count, flat, zca->size, epsilon);
    }
    for (int64_t i = 0; i < zca->size; i++) {
        double scale = pow(eigenvalues[i] + epsilon, -0.25);
        for (int64_t j = 0; j < zca->size; j++) eigenvectors[i * zca->size + j] *= scale;
    }
    return SPAR_OK;
}

static spar_status fill_matrix(const spar_zca *zca, double epsilon, double *covariance, double *eigenvalues,
                               double *work, float *matrix) {
    int64_t size = zca->size;
    fill_covariance(zca, covariance);
    SPAR_TRY(find_eigenvectors(covariance, zca->size, eigenvalues, work));
    SPAR_TRY(scale_eigenvectors(zca, eigenvalues, epsilon, covariance));
    add_products(covariance, zca->size, zca->size, false, work);
    for (int64_t i = 0; i < size; i++) {
        // An element of W, which is positive, is at most the larger one on the diagonal.
        if (work[i * size + i] <= FLT_MAX) continue;
        return spar_fail(
            SPAR_ERROR_NON_FINITE,
            "zca: W has %g in row %lld, which no float holds: %lld images vary too little for an epsilon of %g",
            work[i * size + i], (long long)i, (long long)zca->count, epsilon);
    }
    for (int64_t i = 0; i < size; i++) {
        for (int64_t j = i; j < size; j++) matrix[i * size + j] = matrix[j * size + i] = (float)work[i * size + j];
    }
    return SPAR_OK;
}

spar_status spar_zca_finish(spar_zca *zca, float epsilon, float *mean, float *matrix) {
    SPAR_REQUIRE_POINTER(zca);
    SPAR_REQUIRE_POINTER(mean);
    SPAR_REQUIRE_POINTER(matrix);
    if (!(epsilon >= 0 && epsilon < INFINITY)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "zca: epsilon is %g, not a number of at least 0", epsilon);
    }
    if (zca->count < 2) {
        return spar_fail(SPAR_ERROR_STATE, "zca: %lld images have no covariance", (long long)zca->count);
    }
    flush_block(zca);
    size_t row = (size_t)zca->size, square = row * row;
    double *covariance = spar_allocate(square, sizeof(double)), *eigenvalues = spar_allocate(row, sizeof(double));
    double *work = spar_allocate(2 * square + 6 * row + 1, sizeof(double));
    bool whole = covariance != NULL && eigenvalues != NULL && work != NULL;
    spar_status status = whole ? fill_matrix(zca, epsilon, covariance, eigenvalues, work, matrix) : SPAR_ERROR_MEMORY;
    for (int i = 0; i < zca->size && status == SPAR_OK; i++) mean[i] = (float)(zca->sums[i] / (double)zca->count);
    spar_release(covariance);
    spar_release(eigenvalues);
    spar_release(work);
    return status;
}
