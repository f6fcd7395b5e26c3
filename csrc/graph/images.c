// Images on their way in, and their gradients on their way out.
#include "graph/network.h"

#include "runtime/finite.h"
#include "runtime/parallel.h"

#include <stdatomic.h>
#include <string.h>

typedef struct image_task {
    const spar_tensor *tensor;
    const float *images;
    float *out;
    atomic_llong first_bad; // index of a pixel that is not finite
} image_task;

// Keeps the first of all threads' values that are not finite. `check` is 0 where all of the plane's are.
static void find_bad(image_task *task, float check, const float *plane, int64_t pixels, int64_t number) {
    if (check == 0) return;
    long long index = number * pixels + spar_first_non_finite(plane, pixels);
    long long known = atomic_load(&task->first_bad);
    while ((known < 0 || index < known) && !atomic_compare_exchange_weak(&task->first_bad, &known, index)) {
    }
}

// NCHW outside, rows of channels inside.
static void load_images(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    image_task *task = context;
    const spar_tensor *tensor = task->tensor;
    int64_t pixels = spar_pixels(tensor->extent), channels = tensor->extent.channels;
    // The memory is shared: what was there may not even be a number.
    for (int64_t pixel = first * pixels; pixel < last * pixels && tensor->stride > channels; pixel++) {
        memset(tensor->data + pixel * tensor->stride + channels, 0,
               (size_t)(tensor->stride - channels) * sizeof(float));
    }
    for (int64_t plane = first * channels; plane < last * channels; plane++) {
        const float *source = task->images + plane * pixels;
        float *target = tensor->data + plane / channels * pixels * tensor->stride + plane % channels;
        float check = 0;
        for (int64_t i = 0; i < pixels; i++) {
            target[i * tensor->stride] = source[i];
            check += source[i] * 0;
        }
        find_bad(task, check, source, pixels, plane);
    }
}

static void store_gradients(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    image_task *task = context;
    const spar_tensor *tensor = task->tensor;
    int64_t pixels = spar_pixels(tensor->extent), channels = tensor->extent.channels;
    for (int64_t plane = first * channels; plane < last * channels; plane++) {
        const float *source = tensor->gradient + plane / channels * pixels * tensor->stride + plane % channels;
        float *target = task->out + plane * pixels, check = 0;
        for (int64_t i = 0; i < pixels; i++) {
            target[i] = source[i * tensor->stride];
            check += target[i] * 0;
        }
        find_bad(task, check, target, pixels, plane);
    }
}

// `values` are what the task took from the images or gave as their gradient.
static spar_status check_images(const image_task *task, const float *values, const char *what) {
    long long bad = atomic_load(&task->first_bad);
    if (bad < 0) return SPAR_OK;
    spar_extent extent = task->tensor->extent;
    long long width = extent.width, plane = spar_pixels(extent), image = plane * extent.channels;
    return spar_fail(SPAR_ERROR_NON_FINITE, "image %lld, channel %lld, row %lld, column %lld: %s is %g", bad / image,
                     bad % image / plane, bad % plane / width, bad % width, what, (double)values[bad]);
}

spar_status spar_take_images(spar_network *network, const float *images) {
    image_task task = {.tensor = &network->tensors[0], .images = images, .first_bad = -1};
    spar_parallel(network->run.threads, network->run.batch, load_images, &task);
    return check_images(&task, images, "the pixel");
}

spar_status spar_give_image_gradients(const spar_network *network, float *gradient) {
    image_task task = {.tensor = &network->tensors[0], .out = gradient, .first_bad = -1};
    spar_parallel(network->run.threads, network->run.batch, store_gradients, &task);
    return check_images(&task, gradient, "the gradient of the pixel");
}
