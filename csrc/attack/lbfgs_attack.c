// The smallest change that fools a network (Szegedy et al. 2014): for each image a search for the largest c whose
// minimizer is taken for the target. All images that are not done share each pass.
#include "attack/attack.h"
#include "attack/lbfgs.h"

#include "ops/loss.h"
#include "runtime/parallel.h"
#include "runtime/structure.h"

#include <math.h>
#include <string.h>

// The first c as a share of ‖∇J‖ at the image. A c of that norm itself would hold the image where it is.
static const double first_share = 0.1;

typedef struct search { // of one image
    spar_lbfgs minimization;
    bool point_fools;         // the minimization's point is taken for the target
    int tried;                // values of c
    double succeeded, failed; // the largest c that did, the smallest that did not
    float *best;
    spar_lbfgs_example example;
    bool done;
} search;

typedef struct work {
    spar_network *network;
    const spar_lbfgs_attack *attack;
    int count, classes;
    size_t pixels;
    search *searches;
    float *memory; // of the searches
    // One row or entry an image that is not done:
    int *active;
    int active_count;
    int32_t *targets;
    float *images, *gradients, *outputs;
} work;

#define ATTACK SPAR_STRUCTURE(spar_lbfgs_attack, context)
#define EXAMPLE SPAR_STRUCTURE(spar_lbfgs_example, c)

static const spar_lbfgs_attack defaults = {.iterations = 10, .searches = 10, .lowest = 0, .highest = 1};

spar_status spar_lbfgs_attack_set_defaults(spar_lbfgs_attack *attack, uint32_t struct_size) {
    return spar_fill_defaults(ATTACK, &defaults, attack, struct_size);
}

static void try_next_c(search *s, int searches) {
    spar_lbfgs *m = &s->minimization;
    if (s->point_fools) {
        s->succeeded = m->c;
    } else {
        s->failed = m->c;
    }
    double c = s->failed == INFINITY ? 4 * m->c : s->succeeded == 0 ? m->c / 10 : sqrt(s->succeeded * s->failed);
    s->done = ++s->tried == searches || !(c > 0 && c < INFINITY);
    spar_lbfgs_start(m, c, s->example.found ? s->best : m->original);
}

// Takes what the network says of the trial.
static void observe(search *s, const work *w, const float *z, const float *gradient) {
    spar_lbfgs *m = &s->minimization;
    bool fools = spar_class_of(z, w->classes) == s->example.target;
    double norm = spar_lbfgs_norm(m);
    if (fools && (!s->example.found || norm < s->example.norm)) {
        s->example.found = true;
        s->example.norm = norm;
        memcpy(s->best, m->trial, m->pixels * sizeof *s->best);
    }
    if (m->c == 0) {
        double square = 0;
        for (size_t i = 0; i < m->pixels; i++) square += (double)gradient[i] * gradient[i];
        m->c = first_share * sqrt(square);
        s->done = m->c == 0 || (fools && norm == 0);
        if (s->done) return;
    }
    int steps = m->steps;
    double loss = spar_loss_of_label(w->network->options.loss, z, w->classes, s->example.target, 0, NULL);
    spar_lbfgs_state state = spar_lbfgs_advance(m, loss, gradient);
    if (m->steps > steps) s->point_fools = fools;
    if (state == SPAR_LBFGS_ENDED || m->steps > w->attack->iterations) try_next_c(s, w->attack->searches);
}

static void observe_all(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    work *w = context;
    for (int64_t i = first; i < last; i++) {
        observe(&w->searches[w->active[i]], w, w->outputs + i * w->classes, w->gradients + (size_t)i * w->pixels);
    }
}

// Gathers the trials of the images that are not done. Returns the share of the work that is done.
static double gather(work *w) {
    int64_t tried = 0;
    w->active_count = 0;
    for (int n = 0; n < w->count; n++) {
        const search *s = &w->searches[n];
        tried += s->done ? w->attack->searches : s->tried;
        if (s->done) continue;
        int i = w->active_count++;
        w->active[i] = n;
        w->targets[i] = s->example.target;
        memcpy(w->images + (size_t)i * w->pixels, s->minimization.trial, w->pixels * sizeof *w->images);
    }
    return (double)tried / ((double)w->count * w->attack->searches);
}

static spar_status run(work *w) {
    double done;
    while (done = gather(w), w->active_count > 0) {
        SPAR_TRY(spar_go_on(w->attack->proceed, w->attack->context, done, "the attack"));
        SPAR_TRY(spar_forward(w->network, w->images, w->active_count, 0));
        SPAR_TRY(spar_read_output(w->network, w->outputs));
        SPAR_TRY(spar_go_on(w->attack->proceed, w->attack->context, done, "the attack"));
        SPAR_TRY(spar_backward(w->network, w->targets, (float)w->active_count, SPAR_BACKWARD_INPUT, NULL));
        SPAR_TRY(spar_input_gradient(w->network, w->gradients));
        spar_parallel(w->network->run.threads, w->active_count, observe_all, w);
    }
    return SPAR_OK;
}

// The class of largest output besides the label.
static int best_other_class(const float *z, int classes, int label) {
    int best = label == 0 ? 1 : 0;
    for (int c = 0; c < classes; c++) best = c != label && z[c] > z[best] ? c : best;
    return best;
}

static spar_status choose_targets(work *w, const float *images, const int32_t *labels, const int32_t *targets) {
    if (targets == NULL) {
        SPAR_TRY(spar_forward(w->network, images, w->count, 0));
        SPAR_TRY(spar_read_output(w->network, w->outputs));
    }
    for (int64_t n = 0; n < w->count; n++) {
        w->searches[n].example.target =
            targets != NULL ? targets[n] : best_other_class(w->outputs + n * w->classes, w->classes, labels[n]);
    }
    return SPAR_OK;
}

static spar_status create(work *w, const float *images) {
    size_t n = (size_t)w->count, floats = spar_lbfgs_floats(w->pixels) + w->pixels;
    w->searches = spar_allocate(n, sizeof *w->searches);
    w->memory = spar_allocate(n * (floats + 2 * w->pixels + (size_t)w->classes), sizeof *w->memory);
    w->active = spar_allocate(2 * n, sizeof *w->active);
    if (w->searches == NULL || w->memory == NULL || w->active == NULL) return SPAR_ERROR_MEMORY;
    w->targets = w->active + n;
    w->images = w->memory + n * floats;
    w->gradients = w->images + n * w->pixels;
    w->outputs = w->gradients + n * w->pixels;
    for (size_t i = 0; i < n; i++) {
        search *s = &w->searches[i];
        float *memory = w->memory + i * floats;
        const float *original = images + i * w->pixels;
        s->minimization =
            spar_lbfgs_create(original, w->pixels, w->attack->lowest, w->attack->highest, memory + w->pixels);
        s->failed = INFINITY;
        s->best = memory;
        memcpy(s->best, original, w->pixels * sizeof *s->best);
        spar_lbfgs_start(&s->minimization, 0, original);
    }
    return SPAR_OK;
}

// All are as large as the first.
static void give_example(const spar_lbfgs_example *own, spar_lbfgs_example *examples, int n) {
    spar_lbfgs_example *example = (spar_lbfgs_example *)spar_structure_at(examples, (size_t)n);
    example->struct_size = examples->struct_size;
    spar_fill_structure(EXAMPLE, own, example);
}

static spar_status check(const spar_network *network, const spar_lbfgs_attack *attack, const int32_t *labels,
                         const int32_t *targets, int32_t count) {
    int classes = network->tensors[network->output].extent.channels;
    SPAR_TRY(spar_check_count(network, "L-BFGS: ", count));
    SPAR_TRY(spar_require_alone(network, "L-BFGS"));
    if (attack->iterations < 1 || attack->searches < 1) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "L-BFGS: %d iterations and %d searches; there must be at least 1 each",
                         attack->iterations, attack->searches);
    }
    if (!(attack->lowest <= attack->highest && isfinite(attack->lowest) && isfinite(attack->highest))) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "L-BFGS: the pixel range is %g to %g", (double)attack->lowest,
                         (double)attack->highest);
    }
    if (classes < 2) return spar_fail(SPAR_ERROR_ARGUMENT, "L-BFGS: a network of one class has no other to aim at");
    SPAR_TRY(spar_check_labels(labels, count, classes));
    return targets == NULL ? SPAR_OK : spar_check_labels(targets, count, classes);
}

spar_status spar_lbfgs_attack_images(spar_network *network, const spar_lbfgs_attack *attack, const float *images,
                                     const int32_t *labels, const int32_t *targets, int32_t count, float *attacked,
                                     spar_lbfgs_example *examples) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(images);
    SPAR_REQUIRE_POINTER(labels);
    SPAR_REQUIRE_POINTER(attacked);
    spar_lbfgs_attack chosen = defaults;
    SPAR_TRY(spar_take_structure(ATTACK, attack, &chosen));
    SPAR_TRY(check(network, &chosen, labels, targets, count));
    if (examples != NULL) SPAR_TRY(spar_check_structure(EXAMPLE, examples));
    spar_extent extent = network->tensors[0].extent;
    work w = {.network = network,
              .attack = &chosen,
              .count = count,
              .classes = network->tensors[network->output].extent.channels,
              .pixels = (size_t)(spar_pixels(extent) * extent.channels)};
    spar_status status = create(&w, images);
    if (status == SPAR_OK) status = choose_targets(&w, images, labels, targets);
    if (status == SPAR_OK) status = run(&w);
    for (int n = 0; n < count && status == SPAR_OK; n++) {
        memcpy(attacked + (size_t)n * w.pixels, w.searches[n].best, w.pixels * sizeof *attacked);
        w.searches[n].example.c = w.searches[n].succeeded;
        if (examples != NULL) give_example(&w.searches[n].example, examples, n);
    }
    spar_release(w.searches);
    spar_release(w.memory);
    spar_release(w.active);
    return status;
}
