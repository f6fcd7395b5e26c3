// RayS (Chen & Gu 2020): a search for the signs along which the boundary is nearest in L∞. It asks for classes alone.
#include "attack/attack.h"

#include "ops/loss.h"
#include "runtime/parallel.h"

#include <math.h>

// Of one image, by number.
typedef struct ray {
    float nearest;   // radius at which its signs fool the network
    float low, high; // radii between which the flipped signs begin to
    float radius;    // the one to be tried
    bool searching;  // by bisection; else the flipped signs are tried at the nearest radius, or anywhere in the range
    size_t parts;    // that the image is cut into
    size_t part;     // the one whose signs are flipped
} ray;

typedef struct rays {
    spar_standing *standing;
    ray *images;
    bool *negative; // signs, flipped as they are tried; by number
    bool *stands;
} rays;

static void flip(const rays *r, int n) {
    const ray *image = &r->images[n];
    size_t pixels = r->standing->pixels, size = (pixels + image->parts - 1) / image->parts;
    size_t first = image->part * size, last = first + size < pixels ? first + size : pixels;
    bool *negative = r->negative + (size_t)n * pixels;
    for (size_t i = first; i < last; i++) negative[i] = !negative[i];
}

// Flips the next part; behind the last one, the first of parts of half the size.
static void try_next_part(const rays *r, int n) {
    ray *image = &r->images[n];
    size_t pixels = r->standing->pixels, size = (pixels + image->parts - 1) / image->parts;
    if (++image->part * size >= pixels) {
        image->part = 0;
        if (size > 1) image->parts *= 2;
    }
    image->searching = false;
    flip(r, n);
}

static void draw(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const rays *r = context;
    const spar_standing *standing = r->standing;
    for (int64_t i = first; i < last; i++) {
        const float *original = standing->originals + (size_t)i * standing->pixels;
        const bool *negative = r->negative + (size_t)standing->numbers[i] * standing->pixels;
        float *x = standing->images + (size_t)i * standing->pixels, radius = r->images[standing->numbers[i]].radius;
        for (size_t j = 0; j < standing->pixels; j++) {
            x[j] = spar_attack_range(standing->attack, original[j] + (negative[j] ? -radius : radius));
        }
    }
}

// Takes an answer for image n, and chooses what to ask next.
static void advance(const rays *r, int n, bool fools) {
    const spar_attack *attack = r->standing->attack;
    ray *image = &r->images[n];
    if (image->searching) {
        if (fools) image->high = image->radius;
        if (!fools) image->low = image->radius;
    } else if (fools) {
        image->searching = true;
        image->low = 0;
        image->high = image->radius;
    }
    // 0.001 of the Euclidean norm, as in the reference implementation.
    bool found = image->searching && image->high - image->low <= 1e-3f / sqrtf((float)r->standing->pixels);
    if (!image->searching || found) {
        if (found && image->high < image->nearest) {
            image->nearest = image->high;
        } else {
            flip(r, n);
        }
        try_next_part(r, n);
    }
    image->radius =
        image->searching ? (image->low + image->high) / 2 : fminf(image->nearest, attack->highest - attack->lowest);
}

static spar_status search(rays *r) {
    spar_standing *standing = r->standing;
    const spar_attack *attack = standing->attack;
    SPAR_TRY(spar_standing_begin(standing, r->stands));
    for (int n = 0; n < standing->total; n++) {
        r->images[n] = (ray){.nearest = INFINITY, .radius = attack->highest - attack->lowest, .parts = 1};
        flip(r, n);
    }
    for (int query = 0; query < attack->queries && standing->count > 0; query++) {
        SPAR_TRY(spar_standing_go_on(standing, (double)query / attack->queries));
        spar_parallel(standing->network->run.threads, standing->count, draw, r);
        SPAR_TRY(spar_standing_evaluate(standing));
        for (int i = 0; i < standing->count; i++) {
            int n = standing->numbers[i];
            const float *z = standing->outputs + (size_t)i * (size_t)standing->classes;
            bool fools = spar_class_of(z, standing->classes) != standing->labels[i];
            r->stands[i] = !fools || r->images[n].radius > standing->delta;
            if (!r->stands[i]) spar_standing_take(standing, i);
            advance(r, n, fools);
        }
        spar_standing_keep(standing, r->stands);
    }
    return SPAR_OK;
}

spar_status spar_attack_rays(spar_standing *standing) {
    size_t count = (size_t)standing->total;
    rays r = {.standing = standing};
    r.images = spar_allocate(count, sizeof *r.images);
    r.negative = spar_allocate(count, (standing->pixels + 1) * sizeof(bool));
    spar_status status = r.images == NULL || r.negative == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    if (status == SPAR_OK) {
        r.stands = r.negative + count * standing->pixels;
        for (size_t i = 0; i < count * standing->pixels; i++) r.negative[i] = false;
        status = search(&r);
    }
    spar_release(r.images);
    spar_release(r.negative);
    return status;
}
