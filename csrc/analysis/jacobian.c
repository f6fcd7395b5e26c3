// The spectrum of a network's Jacobian, averaged over images.
#include "graph/network.h"
#include "runtime/blas.h"
#include "runtime/parallel.h"
#include "runtime/proceed.h"

#include <math.h>
#include <string.h>

// LAPACK's, from OpenBLAS. The matrix is column-major; the last argument is the length of `job`, as Fortran passes it.
void dgesdd_(const char *job, const int *rows, const int *columns, double *matrix, const int *stride, double *values,
             double *left, const int *left_stride, double *right, const int *right_stride, double *work,
             const int *work_size, int *integers, int *status, size_t job_length);

// As many images at once as there are threads, one decomposition each.
typedef struct spectra {
    int outputs, pixels, rank;
    int batch; // outputs of one pass
    int images;
    double *jacobians; // [images][outputs][pixels]
    double *values;    // [images][rank]
    double *work;      // [images][work_size]
    int *integers;     // [images][8·rank]
    int *statuses;     // [images], LAPACK's
    int work_size;
    float *copies;   // [batch][pixels] of one image
    float *one_hot;  // [batch][outputs]
    float *gradient; // [batch][pixels]
    spar_proceed proceed;
    void *context;
    int64_t done, passes; // passes done, and in all
} spectra;

static int decompose(const spectra *s, double *jacobian, double *values, double *work, int work_size, int *integers) {
    int status = 0, one = 1;
    double none;
    dgesdd_("N", &s->pixels, &s->outputs, jacobian, &s->pixels, values, &none, &one, &none, &one, work, &work_size,
            integers, &status, 1);
    return status;
}

static void decompose_images(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    spectra *s = context;
    for (int64_t i = first; i < last; i++) {
        s->statuses[i] = decompose(s, s->jacobians + i * s->outputs * s->pixels, s->values + i * s->rank,
                                   s->work + i * s->work_size, s->work_size, s->integers + 8 * i * s->rank);
    }
}

static void release(spectra *s) {
    void *const memory[] = {s->jacobians, s->values, s->work,    s->integers,
                            s->statuses,  s->copies, s->one_hot, s->gradient};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) spar_release(memory[i]);
}

static spar_status allocate(spectra *s) {
    double best_size;
    decompose(s, NULL, NULL, &best_size, -1, NULL);
    s->work_size = (int)best_size;
    size_t images = (size_t)s->images, outputs = (size_t)s->outputs, pixels = (size_t)s->pixels, rank = (size_t)s->rank,
           batch = (size_t)s->batch;
    s->jacobians = spar_allocate(images * outputs * pixels, sizeof(double));
    s->values = spar_allocate(images * rank, sizeof(double));
    s->work = spar_allocate(images * (size_t)s->work_size, sizeof(double));
    s->integers = spar_allocate(images * 8 * rank, sizeof(int));
    s->statuses = spar_allocate(images, sizeof(int));
    s->copies = spar_allocate(batch * pixels, sizeof(float));
    s->one_hot = spar_allocate(batch * outputs, sizeof(float));
    s->gradient = spar_allocate(batch * pixels, sizeof(float));
    bool whole = s->jacobians != NULL && s->values != NULL && s->work != NULL && s->integers != NULL &&
                 s->statuses != NULL && s->copies != NULL && s->one_hot != NULL && s->gradient != NULL;
    return whole ? SPAR_OK : SPAR_ERROR_MEMORY;
}

// Rows of the Jacobian by batches of the same image, each with the gradient of another output.
static spar_status fill_jacobian(spectra *s, spar_network *network, const float *image, double *jacobian) {
    for (int n = 0; n < s->batch; n++) {
        memcpy(s->copies + (int64_t)n * s->pixels, image, (size_t)s->pixels * sizeof *image);
    }
    for (int first = 0; first < s->outputs; first += s->batch) {
        int count = s->outputs - first < s->batch ? s->outputs - first : s->batch;
        SPAR_TRY(spar_go_on(s->proceed, s->context, (double)s->done++ / (double)s->passes, "jacobian"));
        memset(s->one_hot, 0, (size_t)count * (size_t)s->outputs * sizeof *s->one_hot);
        for (int64_t n = 0; n < count; n++) s->one_hot[n * s->outputs + first + n] = 1;
        SPAR_TRY(spar_forward(network, s->copies, count, 0));
        SPAR_TRY(spar_backward_output(network, s->one_hot, 1, SPAR_BACKWARD_INPUT));
        SPAR_TRY(spar_input_gradient(network, s->gradient));
        double *rows = jacobian + (int64_t)first * s->pixels;
        for (int64_t i = 0; i < (int64_t)count * s->pixels; i++) rows[i] = s->gradient[i];
    }
    return SPAR_OK;
}

static spar_status add_spectra(spectra *s, spar_network *network, const float *images, int first, int count,
                               double *sums) {
    for (int64_t i = 0; i < count; i++) {
        const float *image = images + (first + i) * s->pixels;
        SPAR_TRY(fill_jacobian(s, network, image, s->jacobians + i * s->outputs * s->pixels));
    }
    spar_blas_begin();
    spar_parallel(network->run.threads, count, decompose_images, s);
    spar_blas_end();
    for (int64_t i = 0; i < count; i++) {
        if (s->statuses[i] != 0) {
            return spar_fail(SPAR_ERROR_NON_FINITE,
                             "jacobian: the singular values of image %lld were not found (LAPACK's %d)",
                             (long long)(first + i), s->statuses[i]);
        }
        double largest = s->values[i * s->rank];
        if (!isfinite(largest)) {
            return spar_fail(SPAR_ERROR_NON_FINITE, "jacobian: the largest singular value of image %lld is %g",
                             (long long)(first + i), largest);
        }
        for (int k = 0; k < s->rank; k++) sums[k] += s->values[i * s->rank + k];
    }
    return SPAR_OK;
}

static spar_status average(spectra *s, spar_network *network, const float *images, int count, double *values) {
    SPAR_TRY(allocate(s));
    double *sums = spar_allocate((size_t)s->rank, sizeof *sums);
    spar_status status = sums == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    for (int first = 0; first < count && status == SPAR_OK; first += s->images) {
        int images_left = count - first < s->images ? count - first : s->images;
        status = add_spectra(s, network, images, first, images_left, sums);
    }
    for (int k = 0; k < s->rank && status == SPAR_OK; k++) values[k] = sums[k] / count;
    spar_release(sums);
    return status;
}

spar_status spar_jacobian_singular_values(spar_network *network, const float *images, int32_t count,
                                          spar_proceed proceed, void *context, double *values) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(images);
    SPAR_REQUIRE_POINTER(values);
    if (count < 1) return spar_fail(SPAR_ERROR_ARGUMENT, "jacobian: there are %d images to average over", count);
    SPAR_TRY(spar_require_alone(network, "jacobian"));
    spar_extent input = network->tensors[0].extent;
    spectra s = {.outputs = network->tensors[network->output].extent.channels,
                 .pixels = (int)spar_pixels(input) * input.channels,
                 .images = count < network->run.threads ? count : network->run.threads,
                 .proceed = proceed,
                 .context = context};
    if ((int64_t)s.outputs * s.pixels > INT32_MAX) {
        return spar_fail(SPAR_ERROR_SHAPE, "jacobian: %d × %d numbers are too many; at most %d are possible", s.outputs,
                         s.pixels, INT32_MAX);
    }
    s.rank = s.outputs < s.pixels ? s.outputs : s.pixels;
    s.batch = s.outputs < network->options.batch_size ? s.outputs : network->options.batch_size;
    s.passes = (int64_t)count * ((s.outputs + s.batch - 1) / s.batch);
    spar_status status = average(&s, network, images, count, values);
    network->ran_forward = network->has_input_gradient = false; // its passes were of copies, not of the caller's images
    release(&s);
    return status;
}
