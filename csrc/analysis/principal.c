// Principal components by the eigenvectors of the smaller of XᵀX and XXᵀ.
#include "analysis/tsne.h"

#include "runtime/blas.h"

#include <cblas.h>
#include <float.h>
#include <math.h>

// LAPACK's, from OpenBLAS; the last three arguments are the lengths of the strings, as Fortran passes them.
void dsyevr_(const char *job, const char *range, const char *triangle, const int *size, double *matrix,
             const int *stride, const double *lowest, const double *highest, const int *first, const int *last,
             const double *tolerance, int *found, double *eigenvalues, double *eigenvectors, const int *vector_stride,
             int *support, double *work, const int *work_size, int *integers, const int *integers_size, int *status,
             size_t job_length, size_t range_length, size_t triangle_length);

// X, the points as doubles with their mean taken off.
static double *centered(const float *points, int count, int dimensions) {
    double *x = spar_allocate((size_t)count * (size_t)dimensions, sizeof *x);
    for (int64_t d = 0; x != NULL && d < dimensions; d++) {
        double sum = 0;
        for (int64_t i = 0; i < count; i++) sum += points[i * dimensions + d];
        for (int64_t i = 0; i < count; i++) x[i * dimensions + d] = points[i * dimensions + d] - sum / count;
    }
    return x;
}

// The eigenvectors of the two largest eigenvalues, in ascending order, of a symmetric matrix, which is overwritten.
static spar_status find_eigenvectors(double *matrix, int size, double eigenvalues[2], double *eigenvectors) {
    int first = size - 1, found, status = 0, support[4], work_size = 26 * size, integers_size = 10 * size;
    double unused = 0, *values = spar_allocate((size_t)(size + work_size), sizeof *values);
    int *integers = spar_allocate((size_t)integers_size, sizeof *integers);
    bool whole = values != NULL && integers != NULL;
    if (whole) {
        dsyevr_("V", "I", "U", &size, matrix, &size, &unused, &unused, &first, &size, &unused, &found, values,
                eigenvectors, &size, support, values + size, &work_size, integers, &integers_size, &status, 1, 1, 1);
        eigenvalues[0] = values[0], eigenvalues[1] = values[1];
    }
    spar_release(values);
    spar_release(integers);
    if (!whole) return SPAR_ERROR_MEMORY;
    if (status == 0) return SPAR_OK;
    return spar_fail(SPAR_ERROR_NON_FINITE, "tsne: the principal components were not found (LAPACK's %d)", status);
}

// From eigenvectors, smaller eigenvalue first, to components, larger first.
static void fill_components(const double *x, int count, int dimensions, const double *eigenvectors,
                            const double eigenvalues[2], double *components) {
    int64_t size = count < dimensions ? count : dimensions;
    double deviation = sqrt(eigenvalues[1] / count);
    for (int k = 0; k < 2; k++) {
        const double *vector = eigenvectors + (1 - k) * size;
        double *component = components + (int64_t)k * count, largest = 0;
        for (int64_t i = 0; i < count; i++) {
            component[i] = count < dimensions ? vector[i] * sqrt(eigenvalues[1 - k])
                                              : cblas_ddot(dimensions, x + i * dimensions, 1, vector, 1);
            if (fabs(component[i]) > fabs(largest)) largest = component[i];
        }
        // Eigenvectors have no sign of their own.
        for (int64_t i = 0; i < count; i++) component[i] /= largest < 0 ? -deviation : deviation;
    }
}

static spar_status find_components(const double *x, int count, int dimensions, double *matrix, double *eigenvectors,
                                   double *components, bool *found) {
    int size = count < dimensions ? count : dimensions;
    double eigenvalues[2];
    cblas_dsyrk(CblasRowMajor, CblasLower, count < dimensions ? CblasNoTrans : CblasTrans, size,
                count < dimensions ? dimensions : count, 1, x, dimensions, 0, matrix, size);
    SPAR_TRY(find_eigenvectors(matrix, size, eigenvalues, eigenvectors));
    *found = eigenvalues[0] > size * DBL_EPSILON * eigenvalues[1];
    if (*found) fill_components(x, count, dimensions, eigenvectors, eigenvalues, components);
    return SPAR_OK;
}

spar_status spar_principal_components(const float *points, int count, int dimensions, double *components, bool *found) {
    *found = false;
    if (count < 2 || dimensions < 2) return SPAR_OK;
    size_t size = (size_t)(count < dimensions ? count : dimensions);
    double *x = centered(points, count, dimensions), *matrix = spar_allocate(size * size, sizeof *matrix),
           *eigenvectors = spar_allocate(2 * size, sizeof *eigenvectors);
    spar_status status = SPAR_ERROR_MEMORY;
    if (x != NULL && matrix != NULL && eigenvectors != NULL) {
        spar_blas_begin();
        status = find_components(x, count, dimensions, matrix, eigenvectors, components, found);
        spar_blas_end();
    }
    spar_release(x);
    spar_release(matrix);
    spar_release(eigenvectors);
    return status;
}
