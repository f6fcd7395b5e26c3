// What the output of a forward pass costs: the network's loss against labels or targets, or a function of the caller's.
#include "graph/network.h"

#include "ops/loss.h"
#include "ops/sums.h"
#include "runtime/structure.h"

#include <math.h>
#include <string.h>

#define CRITERION SPAR_STRUCTURE(spar_criterion, context)

spar_status spar_take_criterion(const spar_criterion *given, spar_criterion *criterion) {
    *criterion = (spar_criterion){0};
    SPAR_TRY(spar_take_structure(CRITERION, given, criterion));
    if (criterion->function != NULL && criterion->targets != NULL) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "criterion: targets and a function exclude each other");
    }
    if (criterion->function != NULL || criterion->targets != NULL || criterion->labels != NULL) return SPAR_OK;
    return spar_fail(SPAR_ERROR_ARGUMENT, "criterion: labels, targets and function are NULL; one of them must not be");
}

typedef struct loss_task {
    spar_network *network;
    const spar_criterion *criterion;
    int count, classes;
    float scale; // 0: no gradient
} loss_task;

static int class_of_image(const loss_task *task, int64_t n) {
    if (task->criterion->labels != NULL) return task->criterion->labels[n];
    if (task->criterion->targets == NULL) return -1;
    return spar_class_of(task->criterion->targets + n * task->classes, task->classes);
}

static int64_t images_of_all(const loss_task *task) {
    return task->network->run.part.batch;
}

static double loss_of_image(const loss_task *task, int64_t n, const float *z, float *d) {
    const float *targets = task->criterion->targets;
    spar_loss loss = task->network->options.loss;
    double factor = (double)task->scale / (double)images_of_all(task);
    if (targets == NULL) return spar_loss_of_label(loss, z, task->classes, task->criterion->labels[n], factor, d);
    return spar_loss_of_targets(loss, z, task->classes, targets + n * task->classes, factor, d);
}

// Asks the caller's function, whose arrays are plain. `losses` gets its own.
static spar_status ask_function(const loss_task *task, const double **losses) {
    spar_network *network = task->network;
    size_t classes = (size_t)task->classes, batch = (size_t)spar_own_batch_size(network);
    if (network->criterion_values == NULL) {
        network->criterion_values = spar_allocate(batch, sizeof(double) + 2 * classes * sizeof(float));
        if (network->criterion_values == NULL) return SPAR_ERROR_MEMORY;
    }
    *losses = network->criterion_values;
    float *z = (float *)(*losses + batch), *gradient = task->scale == 0 ? NULL : z + batch * classes;
    SPAR_TRY(spar_read_output(network, z));
    const spar_criterion *criterion = task->criterion;
    if (!criterion->function(criterion->context, z, task->count, task->classes, network->criterion_values, gradient)) {
        return spar_fail(SPAR_ERROR_CANCELLED, "the criterion's function stopped the call");
    }
    return gradient == NULL ? SPAR_OK : spar_put_output_gradient(network, "criterion", gradient, task->scale);
}

// What is summed over the images.
typedef enum column { LOSS, DIVERGENCE, CORRECT, COLUMNS } column;

typedef double row[COLUMNS];

static row *row_of_image(const spar_network *network, row *rows, int64_t n) {
    const spar_run *run = &network->run;
    return &rows[(run->first + n) / spar_chunk_samples(run->part.batch)];
}

static void combine(spar_network *network, row *rows) {
    spar_sums sums = {.rows = rows, .row_bytes = sizeof *rows, .columns = COLUMNS, .combine = spar_add_doubles};
    spar_combine_now(network, &network->run, &sums);
}

static spar_status add_losses(const loss_task *task, double *losses, row *rows) {
    const spar_criterion *criterion = task->criterion;
    const spar_tensor *output = &task->network->tensors[task->network->output];
    const double *known = NULL; // of a function
    if (criterion->labels != NULL) SPAR_TRY(spar_check_labels(criterion->labels, task->count, task->classes));
    if (criterion->targets != NULL)
        SPAR_TRY(spar_check_targets(task->network->options.loss, criterion->targets, task->count, task->classes));
    if (criterion->function != NULL) SPAR_TRY(ask_function(task, &known));
    for (int64_t n = 0; n < task->count; n++) {
        double *row = *row_of_image(task->network, rows, n);
        const float *z = output->data + n * output->stride;
        float *d = task->scale == 0 || known != NULL ? NULL : output->gradient + n * output->stride;
        if (d != NULL) memset(d, 0, (size_t)output->stride * sizeof *d);
        double loss = known != NULL ? known[n] : loss_of_image(task, n, z, d);
        if (losses != NULL) losses[n] = loss;
        row[LOSS] += loss;
        row[CORRECT] += spar_class_of(z, task->classes) == class_of_image(task, n);
    }
    return SPAR_OK;
}

spar_status spar_find_loss(spar_network *network, const spar_criterion *criterion, float scale, double *losses,
                           spar_loss_result *result) {
    loss_task task = {network, criterion, network->run.batch, network->tensors[network->output].extent.channels, scale};
    row rows[SPAR_MAX_CHUNKS] = {{0}};
    int64_t count = images_of_all(&task);
    *result = (spar_loss_result){.count = (int32_t)count};
    SPAR_TRY(spar_agree(network, SPAR_CALL_LOSS, count, add_losses(&task, losses, rows)));
    combine(network, rows);
    SPAR_TRY(spar_check_exchanges(network));
    result->loss = rows[0][LOSS] / (double)count;
    result->correct = (int32_t)rows[0][CORRECT];
    if (isfinite(result->loss)) return SPAR_OK;
    return spar_fail(SPAR_ERROR_NON_FINITE, "the loss is %g after %llu updates: training has diverged", result->loss,
                     (unsigned long long)network->step);
}

spar_status spar_find_objective(spar_network *network, const spar_objective *objective, spar_loss_result *result) {
    const spar_tensor *output = &network->tensors[network->output];
    int classes = output->extent.channels;
    int64_t count = network->run.part.batch;
    bool pure = objective->loss == 0, perturbed = objective->perturbed;
    row rows[SPAR_MAX_CHUNKS] = {{0}};
    *result = (spar_loss_result){.count = (int32_t)count};
    if (!pure || !perturbed) SPAR_TRY(spar_find_loss(network, objective->criterion, objective->loss, NULL, result));
    if (objective->divergence == 0) return SPAR_OK;
    for (int64_t n = 0; n < network->run.batch; n++) {
        const float *z = output->data + n * output->stride, *other = objective->other + n * classes;
        float *d = output->gradient + n * output->stride;
        if (pure) memset(d, 0, (size_t)output->stride * sizeof *d);
        (*row_of_image(network, rows, n))[DIVERGENCE] +=
            spar_divergence(perturbed ? other : z, perturbed ? z : other, classes, perturbed,
                            (double)objective->divergence / (double)count, d);
    }
    combine(network, rows);
    double divergence = perturbed ? 0 : rows[0][DIVERGENCE] / (double)count;
    result->loss = objective->loss * result->loss + objective->divergence * divergence;
    return spar_check_exchanges(network);
}
