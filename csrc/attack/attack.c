// Attacks inside a ball around the image.
#include "attack/attack.h"

#include "ops/loss.h"
#include "runtime/parallel.h"

#include <string.h>

typedef struct climb_task {
    spar_standing *standing;
    float step;
} climb_task;

static void climb(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const climb_task *task = context;
    const spar_standing *standing = task->standing;
    for (int64_t i = first; i < last; i++) {
        size_t at = (size_t)i * standing->pixels;
        spar_ball_step(standing, standing->originals + at, standing->gradients + at, task->step, standing->images + at);
    }
}

spar_status spar_attack_climb(spar_standing *standing, float step, int iterations, double done, double share) {
    const spar_attack *attack = standing->attack;
    climb_task task = {standing, step};
    for (int k = 0; k < iterations; k++) {
        double part = share / iterations;
        SPAR_TRY(spar_standing_go_on(standing, done + part * k));
        SPAR_TRY(spar_forward(standing->network, standing->images, standing->count,
                              attack->training_mode ? SPAR_FORWARD_TRAIN : 0));
        SPAR_TRY(spar_standing_go_on(standing, done + part * (k + 0.4)));
        // Times the count: each image's own gradient, whatever the batch it is in.
        SPAR_TRY(spar_backward(standing->network, standing->labels, (float)standing->count, SPAR_BACKWARD_INPUT, NULL));
        SPAR_TRY(spar_input_gradient(standing->network, standing->gradients));
        spar_parallel(standing->network->run.threads, standing->count, climb, &task);
    }
    return SPAR_OK;
}

// FGSM, and IFGSM from the image.
static spar_status climb_all(spar_standing *standing) {
    const spar_attack *attack = standing->attack;
    bool once = attack->kind == SPAR_ATTACK_FGSM;
    SPAR_TRY(spar_attack_climb(standing, once ? standing->delta : standing->step,
                               once ? 1 : spar_attack_iterations(attack), 0, 1));
    memcpy(standing->results, standing->images, (size_t)standing->count * standing->pixels * sizeof(float));
    return SPAR_OK;
}

spar_status (*const spar_attacks[])(spar_standing *) = {
    climb_all,          climb_all,         spar_attack_pgd,      spar_attack_square, spar_attack_apgd_ce,
    spar_attack_apgd_t, spar_attack_fab_t, spar_attack_standard, spar_attack_rays,
};

// Does the network give each image its label?
static spar_status judge(const spar_standing *standing, const float *images, const int32_t *labels, int count,
                         bool *right) {
    SPAR_TRY(spar_forward(standing->network, images, count, 0));
    SPAR_TRY(spar_read_output(standing->network, standing->outputs));
    for (int n = 0; n < count; n++) {
        const float *z = standing->outputs + (size_t)n * (size_t)standing->classes;
        right[n] = spar_class_of(z, standing->classes) == labels[n];
    }
    return SPAR_OK;
}

static spar_status run(spar_standing *standing, const float *images, const int32_t *labels, int count,
                       int32_t *verdicts) {
    spar_status (*attack)(spar_standing *) = spar_attacks[standing->attack->kind];
    if (verdicts == NULL) return attack(standing);
    bool *before = spar_allocate((size_t)count, 2 * sizeof *before), *after = before + count;
    if (before == NULL) return SPAR_ERROR_MEMORY;
    spar_status status = judge(standing, images, labels, count, before);
    if (status == SPAR_OK) status = attack(standing);
    if (status == SPAR_OK) status = judge(standing, standing->results, labels, count, after);
    for (int n = 0; n < count && status == SPAR_OK; n++) {
        verdicts[n] = !before[n] ? SPAR_VERDICT_WRONG : after[n] ? SPAR_VERDICT_STANDS : standing->last[n];
    }
    spar_release(before);
    return status;
}

spar_status spar_attack_images(spar_network *network, const spar_attack *attack, const float *images,
                               const int32_t *labels, int32_t count, float *attacked) {
    return spar_evaluate_attack(network, attack, images, labels, count, attacked, NULL);
}

static spar_status choose(const spar_network *network, const spar_attack *attack, spar_attack *chosen) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_TRY(spar_check_structure(SPAR_ATTACK_STRUCTURE, attack));
    *chosen = spar_attack_defaults_of(attack->kind);
    SPAR_TRY(spar_take_structure(SPAR_ATTACK_STRUCTURE, attack, chosen));
    return spar_attack_check(chosen, network);
}

spar_status spar_check_attack(const spar_network *network, const spar_attack *attack) {
    spar_attack chosen;
    return choose(network, attack, &chosen);
}

spar_status spar_evaluate_attack(spar_network *network, const spar_attack *attack, const float *images,
                                 const int32_t *labels, int32_t count, float *attacked, int32_t *verdicts) {
    spar_attack chosen;
    SPAR_TRY(choose(network, attack, &chosen));
    SPAR_REQUIRE_POINTER(images);
    SPAR_REQUIRE_POINTER(labels);
    SPAR_REQUIRE_POINTER(attacked);
    SPAR_TRY(spar_check_count(network, "attack: ", count));
    SPAR_TRY(spar_require_alone(network, "attack"));
    // A failed attack leaves `attacked` as it was, so the work is done in memory of its own.
    spar_standing standing;
    SPAR_TRY(spar_standing_create(&standing, network, &chosen, images, labels, count));
    spar_status status = run(&standing, images, labels, count, verdicts);
    if (status == SPAR_OK) memcpy(attacked, standing.results, (size_t)count * standing.pixels * sizeof *attacked);
    spar_standing_destroy(&standing);
    return status;
}
