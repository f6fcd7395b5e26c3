// What the points of all ranks hold, brought together.
#include "graph/ranks.h"

#include <string.h>

typedef struct counts {
    int32_t recorded, held;
} counts;

// [rank][point]
static void exchange_counts(const spar_network *network, counts *all) {
    spar_ranks *ranks = network->ranks;
    size_t points = (size_t)network->point_count;
    counts *own = all + (size_t)ranks->group.rank * points;
    for (size_t p = 0; p < points; p++) own[p] = (counts){network->points[p].recorded, network->points[p].held};
    spar_exchange_entries(ranks, all, points * sizeof *all);
}

// A point with room for the samples of all ranks.
static spar_status make_whole(const spar_network *network, int p, const counts *all, spar_point *made) {
    spar_point point = network->points[p];
    point.batch_size = network->options.batch_size;
    SPAR_TRY(spar_point_configure(&point, &network->method, point.active, made));
    for (int r = 0; r < network->part.ranks; r++) {
        made->recorded += all[r * network->point_count + p].recorded;
        made->held += all[r * network->point_count + p].held;
    }
    return SPAR_OK;
}

// To the first rank; `whole` is NULL on others.
static void send_array(const spar_network *network, const spar_point_array *own, const spar_point_array *whole) {
    spar_ranks *ranks = network->ranks;
    size_t sample = (size_t)own->elements * own->bytes, bytes = (size_t)own->samples * sample;
    for (int r = 0; r < ranks->group.size; r++) {
        ranks->messages[r] = (spar_message){.send = *own->values, .send_bytes = r == 0 ? bytes : 0};
        if (whole == NULL) continue;
        size_t start = (size_t)spar_part_start(&network->part, r);
        ranks->messages[r].receive = (char *)*whole->values + start * sample;
        ranks->messages[r].receive_bytes = (size_t)spar_part_samples(&network->part, r, whole->samples) * sample;
    }
    if (whole != NULL && bytes > 0) memcpy(*whole->values, *own->values, bytes);
    spar_end_exchange(ranks, spar_begin_exchange(ranks));
}

void spar_discard_gathered(const spar_network *network, spar_point *points) {
    for (int p = 0; points != NULL && points != network->points && p < network->point_count; p++) {
        spar_point_discard(&points[p]);
    }
    if (points != network->points) spar_release(points);
}

spar_status spar_gather_points(const spar_network *network, spar_status status, spar_point **points) {
    *points = network->points;
    if (network->ranks == NULL) return status;
    size_t count = (size_t)network->point_count;
    bool first = network->part.rank == 0;
    counts *all = spar_allocate(count * (size_t)network->part.ranks, sizeof *all);
    *points = spar_allocate(count, sizeof **points);
    if (status == SPAR_OK && (all == NULL || *points == NULL)) status = SPAR_ERROR_MEMORY;
    status = spar_agree(network, SPAR_CALL_SAVE, 0, status);
    if (status == SPAR_OK) exchange_counts(network, all);
    for (int p = 0; p < network->point_count && first && status == SPAR_OK; p++) {
        status = make_whole(network, p, all, &(*points)[p]);
    }
    spar_release(all);
    SPAR_TRY(spar_agree(network, SPAR_CALL_SAVE, 1, status));
    for (int p = 0; p < network->point_count; p++) {
        spar_point_array own[SPAR_MOST_POINT_ARRAYS], whole[SPAR_MOST_POINT_ARRAYS];
        int arrays = network->points[p].active ? spar_point_arrays(&network->points[p], own) : 0;
        if (first && arrays > 0) spar_point_arrays(&(*points)[p], whole);
        for (int a = 0; a < arrays; a++) send_array(network, &own[a], first ? &whole[a] : NULL);
    }
    return spar_check_exchanges(network);
}
