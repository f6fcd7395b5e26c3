// Stochastic gradient descent and the max-norm constraint.
#include "train/sgd.h"

#include "runtime/parallel.h"

#include <math.h>

spar_sgd spar_sgd_defaults(void) {
    return (spar_sgd){.learning_rate = 0.1f, .momentum = 0.9f};
}

spar_status spar_check_sgd(const spar_sgd *sgd) {
    const struct {
        const char *name;
        float value;
    } settings[] = {{"learning rate", sgd->learning_rate},
                    {"momentum", sgd->momentum},
                    {"weight decay", sgd->weight_decay},
                    {"max-norm", sgd->max_norm}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (settings[i].value >= 0 && settings[i].value < INFINITY) continue;
        return spar_fail(SPAR_ERROR_ARGUMENT, "sgd: the %s is %g, not a number of at least 0", settings[i].name,
                         (double)settings[i].value);
    }
    if (sgd->decay_scope != SPAR_DECAY_ALL && sgd->decay_scope != SPAR_DECAY_WEIGHTS) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "sgd: there is no decay scope %d", (int)sgd->decay_scope);
    }
    return SPAR_OK;
}

enum { PIECE = 1 << 14 };

typedef struct update_task {
    const spar_network *network;
    const spar_sgd *sgd;
} update_task;

// A piece of all trainable floats may hold the ends of several parameters, which decay differently.
static void update_pieces(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const update_task *task = context;
    const spar_network *network = task->network;
    int64_t start = first * PIECE, end = last * PIECE;
    for (int p = 0; p < network->parameter_count; p++) {
        const spar_parameter *parameter = &network->parameters[p];
        if (!parameter->spec.trainable) continue;
        int64_t begin = parameter->value - network->values;
        int64_t stop = begin + parameter->spec.rows * parameter->spec.stride;
        if (begin < start) begin = start;
        if (stop > end) stop = end;
        if (begin >= stop) continue;
        bool decays = task->sgd->decay_scope == SPAR_DECAY_ALL || parameter->spec.is_weight;
        spar_sgd_step step = {.learning_rate = task->sgd->learning_rate,
                              .momentum = task->sgd->momentum,
                              .weight_decay = decays ? task->sgd->weight_decay : 0,
                              .nesterov = task->sgd->nesterov};
        network->run.kernels->sgd(network->values + begin, network->gradients + begin, network->momentum + begin,
                                  stop - begin, &step);
    }
}

static void limit_norms(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const update_task *task = context;
    for (int64_t p = first; p < last; p++) {
        const spar_parameter *parameter = &task->network->parameters[p];
        if (!parameter->spec.is_weight) continue;
        task->network->run.kernels->limit_norms(parameter->value, parameter->spec.rows, parameter->spec.stride,
                                                parameter->spec.columns, task->sgd->max_norm);
    }
}

spar_status spar_update(spar_network *network, const spar_sgd *sgd) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(sgd);
    SPAR_TRY(spar_check_sgd(sgd));
    update_task task = {network, sgd};
    spar_parallel(network->run.threads, (network->trainable_floats + PIECE - 1) / PIECE, update_pieces, &task);
    if (sgd->max_norm > 0) spar_parallel(network->run.threads, network->parameter_count, limit_norms, &task);
    network->run.weights_version++;
    network->step++;
    return SPAR_OK;
}
