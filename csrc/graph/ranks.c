#include "graph/ranks.h"

#include "runtime/structure.h"

#include <stdio.h>
#include <string.h>

#define GROUP SPAR_STRUCTURE(spar_group, error)

spar_status spar_take_group(const spar_group *given, spar_group *taken) {
    spar_group group = {.size = 1};
    if (given != NULL) {
        SPAR_TRY(spar_check_structure(GROUP, given));
        SPAR_TRY(spar_take_structure(GROUP, given, &group));
    }
    if (group.size < 1 || group.size > SPAR_MOST_RANKS || group.rank < 0 || group.rank >= group.size) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "network: rank %d of a group of %d; there may be 1 to %d, from 0",
                         group.rank, group.size, SPAR_MOST_RANKS);
    }
    if (group.size > 1 && (group.begin == NULL || group.wait == NULL)) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "network: a group of %d that cannot begin or wait for exchanges",
                         group.size);
    }
    *taken = group;
    return SPAR_OK;
}

spar_status spar_join_group(spar_network *network, const spar_group *given) {
    spar_group group;
    network->part = (spar_part){network->options.batch_size, network->options.batch_size, 0, 1, false};
    SPAR_TRY(spar_take_group(given, &group));
    if (group.size == 1) return SPAR_OK;
    network->part.rank = group.rank;
    network->part.ranks = group.size;
    network->part.own_statistics = network->options.rank_statistics;
    spar_ranks *ranks = network->ranks = spar_allocate(1, sizeof *ranks);
    if (ranks == NULL) return SPAR_ERROR_MEMORY;
    ranks->group = group;
    return SPAR_OK;
}

void *spar_allocate_for_ranks(spar_ranks *ranks, size_t count, size_t size) {
    ranks->bytes += count * size;
    return spar_allocate(count, size);
}

spar_status spar_plan_ranks(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    if (ranks == NULL) return SPAR_OK;
    size_t size = (size_t)ranks->group.size;
    ranks->messages = spar_allocate_for_ranks(ranks, size, sizeof *ranks->messages);
    ranks->reports = spar_allocate_for_ranks(ranks, size, sizeof *ranks->reports);
    ranks->extremes = spar_allocate_for_ranks(ranks, size * (size_t)network->point_count, 2 * sizeof(float));
    if (ranks->messages == NULL || ranks->reports == NULL || ranks->extremes == NULL) return SPAR_ERROR_MEMORY;
    SPAR_TRY(spar_plan_own_statistics(network));
    SPAR_TRY(spar_plan_slices(network));
    return spar_plan_pools(network);
}

void spar_leave_group(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    if (ranks == NULL) return;
    spar_discard_pools(ranks);
    spar_discard_slices(ranks);
    spar_release(ranks->messages);
    spar_release(ranks->reports);
    spar_release(ranks->extremes);
    spar_release(ranks->statistics);
    spar_release(ranks);
}

static void check_exchange(spar_ranks *ranks, spar_status status, uint64_t exchange) {
    if (status == SPAR_OK || ranks->status != SPAR_OK) return;
    const spar_group *group = &ranks->group;
    const char *sentence = group->error == NULL ? NULL : group->error(group->context);
    ranks->status = status;
    snprintf(ranks->sentence, sizeof ranks->sentence, "rank %d of %d, exchange %llu: %s", group->rank, group->size,
             (unsigned long long)exchange, sentence == NULL ? "it failed" : sentence);
}

uint64_t spar_begin_exchange(spar_ranks *ranks) {
    const spar_group *group = &ranks->group;
    uint64_t exchange = ranks->begun;
    ranks->messages[group->rank] = (spar_message){0};
    if (ranks->status != SPAR_OK) return exchange;
    ranks->begun++;
    check_exchange(ranks, group->begin(group->context, exchange, ranks->messages), exchange);
    return exchange;
}

void spar_end_exchange(spar_ranks *ranks, uint64_t exchange) {
    if (ranks->status != SPAR_OK) return;
    check_exchange(ranks, ranks->group.wait(ranks->group.context, exchange), exchange);
}

void spar_let_exchanges_go_on(spar_ranks *ranks) {
    if (ranks->status != SPAR_OK || ranks->group.progress == NULL) return;
    check_exchange(ranks, ranks->group.progress(ranks->group.context), ranks->begun);
}

void spar_exchange_entries(spar_ranks *ranks, void *entries, size_t bytes) {
    const char *own = (char *)entries + (size_t)ranks->group.rank * bytes;
    for (int r = 0; r < ranks->group.size; r++) {
        ranks->messages[r] = (spar_message){own, bytes, (char *)entries + (size_t)r * bytes, bytes};
    }
    spar_end_exchange(ranks, spar_begin_exchange(ranks));
}

spar_status spar_agree(const spar_network *network, spar_call call, int64_t count, spar_status status) {
    spar_ranks *ranks = network->ranks;
    if (ranks == NULL) return status;
    spar_report *reports = ranks->reports, *own = &reports[ranks->group.rank];
    *own = (spar_report){.call = call, .count = count, .status = status};
    if (status != SPAR_OK) snprintf(own->sentence, sizeof own->sentence, "%s", spar_last_error());
    spar_exchange_entries(ranks, reports, sizeof *reports);
    SPAR_TRY(spar_check_exchanges(network));
    const spar_report *failed = NULL;
    for (const spar_report *report = reports; report < reports + ranks->group.size; report++) {
        if (report->status != SPAR_OK && (failed == NULL || report->call < failed->call)) failed = report;
    }
    if (failed != NULL) {
        return spar_fail((spar_status)failed->status, "rank %d: %.*s", (int)(failed - reports), SPAR_SENTENCE - 1,
                         failed->sentence);
    }
    for (int r = 1; r < ranks->group.size; r++) {
        if (reports[r].call == reports[0].call && reports[r].count == reports[0].count) continue;
        return spar_fail(SPAR_ERROR_STATE, "rank %d makes another call than rank 0, or of %lld images instead of %lld",
                         r, (long long)reports[r].count, (long long)reports[0].count);
    }
    return SPAR_OK;
}

spar_status spar_check_exchanges(const spar_network *network) {
    const spar_ranks *ranks = network->ranks;
    return ranks == NULL || ranks->status == SPAR_OK ? SPAR_OK : spar_fail(ranks->status, "%s", ranks->sentence);
}

spar_status spar_require_alone(const spar_network *network, const char *call) {
    if (network->ranks == NULL) return SPAR_OK;
    return spar_fail(SPAR_ERROR_STATE,
                     "%s: the network has a group, whose ranks would all have to do this together; "
                     "each can do it on a clone",
                     call);
}

void spar_combine_now(spar_network *network, const spar_run *run, const spar_sums *sums) {
    spar_combine_own(run, sums);
    if (network->ranks == NULL) return;
    spar_pool_add(&network->ranks->now, run, sums);
    spar_begin_pool(network->ranks, &network->ranks->now);
    spar_end_pool(network->ranks, &network->ranks->now);
}

void spar_find_extremes(spar_network *network) {
    spar_ranks *ranks = network->ranks;
    bool shared = false;
    for (int p = 0; p < network->point_count; p++) shared |= spar_point_find_extremes(&network->points[p]);
    if (ranks == NULL || !shared) return;
    float *extremes = ranks->extremes + 2 * (int64_t)ranks->group.rank * network->point_count;
    for (int p = 0; p < network->point_count; p++) {
        extremes[2 * p] = network->points[p].batch_lowest;
        extremes[2 * p + 1] = network->points[p].batch_highest;
    }
    spar_exchange_entries(ranks, ranks->extremes, 2 * sizeof *extremes * (size_t)network->point_count);
    for (int64_t i = 0; i < (int64_t)ranks->group.size * network->point_count; i++) {
        spar_point_join_extremes(&network->points[i % network->point_count], ranks->extremes[2 * i],
                                 ranks->extremes[2 * i + 1]);
    }
}

spar_status spar_network_share(const spar_network *network, int32_t count, int32_t *first, int32_t *own) {
    SPAR_REQUIRE_POINTER(network);
    SPAR_REQUIRE_POINTER(first);
    SPAR_REQUIRE_POINTER(own);
    SPAR_TRY(spar_check_count(network, "", count));
    int64_t start = spar_part_start(&network->part, network->part.rank);
    *first = (int32_t)(start < count ? start : count);
    *own = (int32_t)spar_part_samples(&network->part, network->part.rank, count);
    return SPAR_OK;
}
