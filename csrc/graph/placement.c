#include "graph/placement.h"

#include "runtime/memory.h"
#include "runtime/sizes.h"

#include <stdlib.h>
#include <string.h>

enum { GROUP = 128 };

// Rooms by offset and then by time. Where a network turns from forward to backward most are alive: these are a group's
// core. Whoever meets all of the core finds no place below its end, unless between two of its rooms.
typedef struct group {
    const spar_room *rooms[GROUP];
    int count;
    spar_span any;      // when one of the rooms is alive
    spar_span core;     // when every one of the core is
    int64_t start, end; // of the core
    int64_t gap;        // the largest between its rooms; INT64_MAX where other rooms go on above it
} group;

typedef struct placement {
    int turn;      // the time between the first and the last
    group *memory; // of all groups
    group **groups;
    int count;
} placement;

static int64_t end_of(const spar_room *room) {
    return spar_plus(room->offset, room->floats);
}

static void widen(spar_span *span, spar_span by) {
    if (by.first < span->first) span->first = by.first;
    if (by.last > span->last) span->last = by.last;
}

static void summarize(group *g, int turn) {
    int64_t highest = 0;
    g->any = g->rooms[0]->time;
    g->core = (spar_span){0, INT32_MAX};
    g->start = g->end = -1;
    g->gap = 0;
    for (int i = 0; i < g->count; i++) {
        const spar_room *room = g->rooms[i];
        widen(&g->any, room->time);
        if (end_of(room) > highest) highest = end_of(room);
        if (room->time.first > turn || room->time.last < turn) continue;
        if (room->time.first > g->core.first) g->core.first = room->time.first;
        if (room->time.last < g->core.last) g->core.last = room->time.last;
        if (g->start < 0) g->start = g->end = room->offset;
        if (room->offset - g->end > g->gap) g->gap = room->offset - g->end;
        if (end_of(room) > g->end) g->end = end_of(room);
    }
    if (highest > g->end) g->gap = INT64_MAX;
}

static bool are_apart(spar_span a, spar_span b) {
    return a.last < b.first || b.last < a.first;
}

static int64_t lowest_offset(const placement *p, const spar_room *room) {
    int64_t end = 0; // of those below that are alive at the same time
    for (int k = 0; k < p->count; k++) {
        const group *g = p->groups[k];
        if (are_apart(g->any, room->time)) continue;
        if (!are_apart(g->core, room->time) && g->gap < room->floats && g->start - end < room->floats) {
            if (g->end > end) end = g->end;
            continue;
        }
        for (int i = 0; i < g->count; i++) {
            const spar_room *other = g->rooms[i];
            if (are_apart(other->time, room->time)) continue;
            if (other->offset - end >= room->floats) return end;
            if (end_of(other) > end) end = end_of(other);
        }
    }
    return end;
}

// The upper half of a full group becomes one of its own.
static void split(placement *p, int k) {
    group *lower = p->groups[k], *upper = &p->memory[p->count];
    upper->count = GROUP / 2;
    lower->count = GROUP - upper->count;
    memcpy(upper->rooms, lower->rooms + lower->count, (size_t)upper->count * sizeof *upper->rooms);
    memmove(p->groups + k + 2, p->groups + k + 1, (size_t)(p->count - k - 1) * sizeof *p->groups);
    p->groups[k + 1] = upper;
    p->count++;
    summarize(lower, p->turn);
    summarize(upper, p->turn);
}

static bool is_below(const spar_room *a, const spar_room *b) {
    return a->offset != b->offset ? a->offset < b->offset : a->time.first < b->time.first;
}

static void insert(placement *p, const spar_room *room) {
    int k = p->count - 1;
    while (k > 0 && is_below(room, p->groups[k]->rooms[0])) k--;
    group *g = p->groups[k];
    int at = g->count;
    while (at > 0 && is_below(room, g->rooms[at - 1])) at--;
    memmove(g->rooms + at + 1, g->rooms + at, (size_t)(g->count - at) * sizeof *g->rooms);
    g->rooms[at] = room;
    g->count++;
    summarize(g, p->turn);
    if (g->count == GROUP) split(p, k);
}

static int compare_sizes(const void *a, const void *b) {
    const spar_room *x = *(spar_room *const *)a, *y = *(spar_room *const *)b;
    if (x->floats != y->floats) return x->floats > y->floats ? -1 : 1;
    return x < y ? -1 : x > y;
}

spar_status spar_place(spar_room **rooms, int count, int64_t *total) {
    size_t most = 2 * (size_t)count / GROUP + 2;
    placement p = {.memory = spar_allocate(most, sizeof *p.memory), .groups = spar_allocate(most, sizeof *p.groups)};
    spar_status status = p.memory == NULL || p.groups == NULL ? SPAR_ERROR_MEMORY : SPAR_OK;
    qsort(rooms, (size_t)count, sizeof *rooms, compare_sizes);
    spar_span all = {INT32_MAX, 0};
    for (int i = 0; i < count; i++) widen(&all, rooms[i]->time);
    p.turn = (all.first + all.last) / 2;
    *total = 0;
    for (int i = 0; i < count && status == SPAR_OK; i++) {
        rooms[i]->offset = lowest_offset(&p, rooms[i]);
        if (p.count == 0) p.groups[p.count++] = p.memory;
        insert(&p, rooms[i]);
        if (end_of(rooms[i]) > *total) *total = end_of(rooms[i]);
    }
    spar_release(p.memory);
    spar_release(p.groups);
    return status;
}
