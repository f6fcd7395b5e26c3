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
                                .share = 1,
                                .total = count,
                                .pixels = pixels,
                                .classes = classes,
                                .count = count};
    standing->results = spar_allocate(n * (4 * pixels + 2 * (size_t)classes), sizeof(float));
    standing->numbers = spar_allocate(2 * n, sizeof *standing->numbers);
    standing->labels = spar_allocate(n, sizeof *standing->labels);
    if (standing->results == NULL || standing->numbers == NULL || standing->labels == NULL) {
        spar_standing_destroy(standing);
        return SPAR_ERROR_MEMORY;
    }
    standing->originals = standing->results + n * pixels;
    standing->images = standing->originals + n * pixels;
    standing->gradients = standing->images + n * pixels;
    standing->outputs = standing->gradients + n * pixels;
    standing->clean = standing->outputs + n * (size_t)classes;
    memcpy(standing->results, images, n * pixels * sizeof *images);
    memcpy(standing->originals, images, n * pixels * sizeof *images);
    memcpy(standing->images, images, n * pixels * sizeof *images);
    memcpy(standing->labels, labels, n * sizeof *labels);
    standing->last = standing->numbers + n;
    for (int i = 0; i < count; i++) {
        standing->numbers[i] = i;
        standing->last[i] = (int)attack->kind;
    }
    return SPAR_OK;
}

void spar_standing_destroy(spar_standing *standing) {
    spar_release(standing->results);
    spar_release(standing->numbers);
    spar_release(standing->labels);
}

spar_status spar_standing_go_on(const spar_standing *standing, double part) {
    const spar_attack *attack = standing->attack;
    return spar_go_on(attack->proceed, attack->context, standing->done + standing->share * part, "the attack");
}

spar_status spar_standing_begin(spar_standing *standing, bool *stands) {
    size_t pixels = standing->pixels, classes = (size_t)standing->classes;
    for (size_t i = 0; i < (size_t)standing->count * pixels; i++) {
        standing->images[i] = spar_attack_range(standing->attack, standing->originals[i]);
    }
    SPAR_TRY(spar_standing_evaluate(standing));
    for (int i = 0; i < standing->count; i++) {
        const float *z = standing->outputs + (size_t)i * classes;
        memcpy(standing->clean + (size_t)standing->numbers[i] * classes, z, classes * sizeof *z);
        stands[i] = spar_class_of(z, standing->classes) == standing->labels[i];
        spar_standing_take(standing, i);
    }
    spar_standing_keep(standing, stands);
    return SPAR_OK;
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

int spar_standing_targets(const spar_standing *standing) {
    int others = standing->classes - 1, wanted = standing->attack->targets;
    return wanted < others ? wanted : others;
}

int spar_standing_target(const spar_standing *standing, int i, int k) {
    const float *z = standing->clean + (size_t)standing->numbers[i] * (size_t)standing->classes;
    for (int c = 0; c < standing->classes; c++) {
        int before = 0; // classes of larger outputs; of equal ones, the first
        for (int other = 0; other < standing->classes; other++) {
            before += z[other] > z[c] || (z[other] == z[c] && other < c);
        }
        if (before == k + 1) return c;
    }
    return standing->labels[i];
}
