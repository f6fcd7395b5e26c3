// Square Attack in the L∞ ball (Andriushchenko et al. 2020): a random search that only asks for outputs.
#include "attack/attack.h"

#include "ops/loss.h"
#include "runtime/parallel.h"

#include <math.h>
#include <string.h>

typedef struct square_task {
    spar_standing *standing;
    spar_extent extent;
    int side;         // of the square
    uint64_t element; // the first one of this query in each image's stream
} square_task;

// p of the query that is the `query`-th of `queries`, from 0: it halves at these queries, or at these of 10 000.
static float share_at(const spar_attack *attack, int query) {
    static const int halvings[] = {10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000};
    int64_t at = attack->stretched ? (int64_t)query * 10000 / attack->queries : query;
    float share = attack->first_share;
    for (size_t i = 0; i < sizeof halvings / sizeof *halvings && at > halvings[i]; i++) share /= 2;
    return share;
}

static int side_at(const spar_attack *attack, spar_extent extent, int query) {
    int side = (int)lroundf(sqrtf(share_at(attack, query) * (float)spar_pixels(extent)));
    int shortest = extent.height < extent.width ? extent.height : extent.width;
    return side < 1 ? 1 : side > shortest ? shortest : side;
}

static spar_random_stream stream_of(const spar_standing *standing, int64_t i) {
    const spar_attack *attack = standing->attack;
    return (spar_random_stream){
        .seed = attack->seed, .purpose = SPAR_PURPOSE_SQUARE, .step = spar_attack_number(attack, standing->numbers[i])};
}

static float sign_of(float uniform) {
    return uniform < 0.5f ? -1 : 1;
}

static void draw_stripes(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const square_task *task = context;
    const spar_standing *standing = task->standing;
    int height = task->extent.height, width = task->extent.width;
    for (int64_t i = first; i < last; i++) {
        spar_random_stream stream = stream_of(standing, i);
        size_t row = (size_t)i * standing->pixels;
        for (int c = 0; c < task->extent.channels; c++) {
            for (int x = 0; x < width; x++) {
                float uniform;
                spar_fill_uniform(&stream, (uint64_t)(c * width + x), 1, &uniform);
                for (int y = 0; y < height; y++) {
                    size_t at = row + (size_t)((c * height + y) * width + x);
                    float original = standing->originals[at];
                    standing->images[at] = spar_attack_clip(standing->attack, standing->delta, original,
                                                            original + standing->delta * sign_of(uniform));
                }
            }
        }
    }
}

// The results so far, each with a square moved by ±2δ a channel.
static void draw_squares(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const square_task *task = context;
    const spar_standing *standing = task->standing;
    int height = task->extent.height, width = task->extent.width, side = task->side;
    for (int64_t i = first; i < last; i++) {
        spar_random_stream stream = stream_of(standing, i);
        float *image = standing->images + (size_t)i * standing->pixels;
        const float *original = standing->originals + (size_t)i * standing->pixels;
        memcpy(image, standing->results + (size_t)standing->numbers[i] * standing->pixels,
               standing->pixels * sizeof *image);
        float place[2], uniform;
        spar_fill_uniform(&stream, task->element, 2, place);
        int top = (int)(place[0] * (float)(height - side + 1)), left = (int)(place[1] * (float)(width - side + 1));
        for (int c = 0; c < task->extent.channels; c++) {
            spar_fill_uniform(&stream, task->element + 2 + (uint64_t)c, 1, &uniform);
            float move = 2 * standing->delta * sign_of(uniform);
            for (int y = top; y < top + side; y++) {
                for (int at = (c * height + y) * width + left, end = at + side; at < end; at++) {
                    image[at] = spar_attack_clip(standing->attack, standing->delta, original[at], image[at] + move);
                }
            }
        }
    }
}

// z of the label minus the largest other one.
static float margin_of(const float *z, int classes, int label) {
    float other = -INFINITY;
    for (int c = 0; c < classes; c++) other = c != label && z[c] > other ? z[c] : other;
    return z[label] - other;
}

// Takes the images whose margin is below the lowest so far, and drops those that fool the network.
static spar_status judge(spar_standing *standing, float *lowest_margin, bool *stands) {
    SPAR_TRY(spar_standing_evaluate(standing));
    for (int i = 0; i < standing->count; i++) {
        const float *z = standing->outputs + (size_t)i * (size_t)standing->classes;
        float margin = margin_of(z, standing->classes, standing->labels[i]);
        stands[i] = spar_class_of(z, standing->classes) == standing->labels[i];
        if (stands[i] && margin >= lowest_margin[standing->numbers[i]]) continue;
        lowest_margin[standing->numbers[i]] = margin;
        spar_standing_take(standing, i);
    }
    spar_standing_keep(standing, stands);
    return SPAR_OK;
}

static spar_status search(spar_standing *standing, float *lowest_margin, bool *stands) {
    const spar_attack *attack = standing->attack;
    int threads = standing->network->run.threads;
    square_task task = {.standing = standing, .extent = standing->network->tensors[0].extent};
    // One that is wrong as it is ends here, and is a result like the others.
    SPAR_TRY(spar_standing_begin(standing, stands));
    // The stripes are taken whatever their margin.
    for (int n = 0; n < standing->total; n++) lowest_margin[n] = INFINITY;
    spar_parallel(threads, standing->count, draw_stripes, &task);
    SPAR_TRY(standing->count > 0 ? judge(standing, lowest_margin, stands) : SPAR_OK);
    task.element = (uint64_t)(task.extent.channels * task.extent.width);
    for (int query = 1; query < attack->queries && standing->count > 0; query++) {
        SPAR_TRY(spar_standing_go_on(standing, (double)query / attack->queries));
        task.side = side_at(attack, task.extent, query - 1);
        spar_parallel(threads, standing->count, draw_squares, &task);
        SPAR_TRY(judge(standing, lowest_margin, stands));
        task.element += (uint64_t)(2 + task.extent.channels);
    }
    return SPAR_OK;
}

spar_status spar_attack_square(spar_standing *standing) {
    size_t count = (size_t)standing->total;
    float *lowest_margin = spar_allocate(count, sizeof *lowest_margin + sizeof(bool));
    if (lowest_margin == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = search(standing, lowest_margin, (bool *)(lowest_margin + count));
    spar_release(lowest_margin);
    return status;
}
