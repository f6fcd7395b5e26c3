#include "attack/attack.h"

#include "ops/loss.h"

#include <string.h>

spar_status spar_standing_create(spar_standing *standing, spar_network *network, const spar_attack *attack,
                                 const float *images, const int32_t *labels, int32_t count) {
    spar_extent extent = network->tensors[0].extent;
    size_t pixels = (size_t)(spar_pixels(extent) * extent.channels), n = (size_t)count;
    int classes = network->tensors[network->output].extent.channels;
    SPAR_TRY(spar_check_labels(labels, count, classes));
    float unit = attack->unit == SPAR_UNIT_255 ? 255 : 1;
    *standing = (spar_standing){.network = network,
                                .attack = attack,
                                .delta = attack->delta / unit,
                                .step = attack->step / unit,
                                .pixels = pixels,
                                .classes = classes,
                                .count = count};
    standing->results = spar_allocate(n * (4 * pixels + (size_t)classes), sizeof(float));
    standing->numbers = spar_allocate(n, sizeof *standing->numbers);
    standing->labels = spar_allocate(n, sizeof *standing->labels);
    if (standing->results == NULL || standing->numbers == NULL || standing->labels == NULL) {
        spar_standing_destroy(standing);
        return SPAR_ERROR_MEMORY;
    }
    standing->originals = standing->results + n * pixels;
    standing->images = standing->originals + n * pixels;
    standing->gradients = standing->images + n * pixels;
    standing->outputs = standing->gradients + n * pixels;
    memcpy(standing->results, images, n * pixels * sizeof *images);
    memcpy(standing->originals, images, n * pixels * sizeof *images);
    memcpy(standing->images, images, n * pixels * sizeof *images);
    memcpy(standing->labels, labels, n * sizeof *labels);
    for (int i = 0; i < count; i++) standing->numbers[i] = i;
    return SPAR_OK;
}

void spar_standing_destroy(spar_standing *standing) {
    spar_release(standing->results);
    spar_release(standing->numbers);
    spar_release(standing->labels);
}

spar_status spar_standing_evaluate(spar_standing *standing) {
    SPAR_TRY(spar_forward(standing->network, standing->images, standing->count, 0));
    return spar_read_output(standing->network, standing->outputs);
}

void spar_standing_take(spar_standing *standing, int i) {
    memcpy(standing->results + (size_t)standing->numbers[i] * standing->pixels,
           standing->images + (size_t)i * standing->pixels, standing->pixels * sizeof(float));
}

void spar_standing_keep(spar_standing *standing, const bool *stands) {
    size_t pixels = standing->pixels;
    int kept = 0;
    for (int i = 0; i < standing->count; i++) {
        if (!stands[i]) continue;
        standing->numbers[kept] = standing->numbers[i];
        standing->labels[kept] = standing->labels[i];
        memmove(standing->originals + (size_t)kept * pixels, standing->originals + (size_t)i * pixels,
                pixels * sizeof(float));
        kept++;
    }
    standing->count = kept;
}
