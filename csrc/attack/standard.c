// AutoAttack, standard (Croce & Hein 2020): four attacks, each for the images that the ones before it left standing.
#include "attack/attack.h"

static const spar_attack_kind parts[] = {SPAR_ATTACK_APGD_CE, SPAR_ATTACK_APGD_T, SPAR_ATTACK_FAB_T,
                                         SPAR_ATTACK_SQUARE};
enum { PARTS = sizeof parts / sizeof *parts };

const spar_attack_kind *spar_standard_attack_parts(int32_t *count) {
    if (count != NULL) *count = PARTS;
    return parts;
}

// With what each costs an image that stands, in forward passes.
static double cost_of(const spar_standing *standing, spar_attack_kind kind) {
    double iterations = standing->attack->iterations, targets = spar_standing_targets(standing);
    switch (kind) {
    case SPAR_ATTACK_APGD_CE:
        return 2 * iterations;
    case SPAR_ATTACK_APGD_T:
        return 2 * iterations * targets;
    case SPAR_ATTACK_FAB_T:
        return 3 * iterations * targets;
    default:
        return standing->attack->queries;
    }
}

spar_status spar_attack_standard(spar_standing *standing) {
    double whole = 0, done = 0;
    for (int p = 0; p < PARTS; p++) whole += cost_of(standing, parts[p]);
    for (int p = 0; p < PARTS && standing->count > 0; p++) {
        standing->done = done;
        standing->share = cost_of(standing, parts[p]) / whole;
        done += standing->share;
        for (int i = 0; i < standing->count; i++) standing->last[standing->numbers[i]] = (int)parts[p];
        SPAR_TRY(spar_attacks[parts[p]](standing));
    }
    return SPAR_OK;
}
