// Networks that go on as another one does.
#include "graph/network.h"

#include <string.h>

// Of samples where both have those of a whole batch.
static void copy_point(const spar_point *from, spar_point *to, bool samples) {
    to->deviation = from->deviation;
    if (!samples) return;
    spar_point_array kept[SPAR_MOST_POINT_ARRAYS], copies[SPAR_MOST_POINT_ARRAYS];
    int count = from->active ? spar_point_arrays(from, kept) : 0;
    spar_point_arrays(to, copies);
    for (int a = 0; a < count; a++) {
        size_t elements = (size_t)(kept[a].samples * kept[a].elements);
        if (elements > 0) memcpy(*copies[a].values, *kept[a].values, elements * kept[a].bytes);
    }
    to->recorded = from->recorded;
    to->held = from->persistent ? from->held : 0;
}

// Where parameters lie, and what points keep of a sample, follows from the graph alone.
static spar_status copy_state(const spar_network *from, spar_network *to) {
    SPAR_TRY(spar_network_set_method(to, &from->method));
    for (int part = 0; part < SPAR_PARTS; part++) {
        int64_t floats = part == SPAR_PART_VALUE ? from->parameter_floats : from->trainable_floats;
        if (part == SPAR_PART_GRADIENT || from->slots[part] == NULL) continue;
        SPAR_TRY(spar_hold_state(to, (spar_parameter_part)part));
        memcpy(to->slots[part], from->slots[part], (size_t)floats * sizeof(float));
    }
    for (int p = 0; p < from->parameter_count; p++) {
        to->parameters[p].learning_rate_factor = from->parameters[p].learning_rate_factor;
        to->parameters[p].updates = from->parameters[p].updates;
    }
    bool alone = from->ranks == NULL && to->ranks == NULL;
    to->run.weights_version++;
    to->step = from->step;
    for (int p = 0; p < from->point_count; p++) copy_point(&from->points[p], &to->points[p], alone);
    return SPAR_OK;
}

static spar_status check_batch(const spar_network *network, int batch_size) {
    for (int p = 0; p < network->point_count; p++) {
        const spar_point *point = &network->points[p];
        int held = point->persistent ? point->held : 0, samples = held > point->recorded ? held : point->recorded;
        if (samples <= batch_size) continue;
        return spar_fail(SPAR_ERROR_ARGUMENT, "clone: \"%.64s\" holds %d samples, for a batch size of %d",
                         point->node->name, samples, batch_size);
    }
    return SPAR_OK;
}

spar_status spar_network_clone(const spar_network *network, const spar_network_options *options, spar_network **clone) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(clone);
    *clone = NULL;
    spar_network_options chosen = network->options; // without a group
    SPAR_TRY(spar_take_options(options, &chosen));
    chosen.loss = network->options.loss;
    chosen.seed = network->options.seed;
    spar_network *made = NULL;
    SPAR_TRY(check_batch(network, chosen.batch_size));
    SPAR_TRY(spar_network_create(network->graph, network->output, &chosen, &made));
    spar_status status = copy_state(network, made);
    if (status == SPAR_OK) {
        *clone = made;
    } else {
        spar_network_destroy(made);
    }
    return status;
}
