// AutoAttack, standard (Croce & Hein 2020): four attacks, each for the images that the ones before it left standing.
#include "attack/attack.h"

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
    static const struct {
        spar_attack_kind kind;
        spar_status (*run)(spar_standing *);
    } parts[] = {{SPAR_ATTACK_APGD_CE, spar_attack_apgd_ce},
                 {SPAR_ATTACK_APGD_T, spar_attack_apgd_t},
                 {SPAR_ATTACK_FAB_T, spar_attack_fab_t},
                 {SPAR_ATTACK_SQUARE, spar_attack_square}};
    enum { PARTS = sizeof parts / sizeof *parts };
    double whole = 0, done = 0;
    for (int p = 0; p < PARTS; p++) whole += cost_of(standing, parts[p].kind);
    for (int p = 0; p < PARTS && standing->count > 0; p++) {
        standing->done = done;
        standing->share = cost_of(standing, parts[p].kind) / whole;
        done += standing->share;
        for (int i = 0; i < standing->count; i++) standing->last[standing->numbers[i]] = parts[p].kind;
        SPAR_TRY(parts[p].run(standing));
    }
    return SPAR_OK;
}
