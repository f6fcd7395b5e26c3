// Rooms in memory against the plain search: largest first, each moved up past whatever it meets until it meets nothing.
#include "graph/placement.h"

#include "runtime/memory.h"
#include "support/check.h"
#include "support/examples.h"

#include <string.h>

enum { MOST = 700 };

static bool meet(const spar_room *a, const spar_room *b) {
    return a->time.first <= b->time.last && b->time.first <= a->time.last && a->offset < b->offset + b->floats &&
           b->offset < a->offset + a->floats;
}

static int64_t place_plainly(spar_room **rooms, int count) {
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        rooms[i]->offset = 0;
        for (int j = 0; j < i; j++) {
            if (!meet(rooms[i], rooms[j])) continue;
            rooms[i]->offset = rooms[j]->offset + rooms[j]->floats;
            j = -1;
        }
        int64_t end = rooms[i]->offset + rooms[i]->floats;
        total = end > total ? end : total;
    }
    return total;
}

static int below(uint64_t *state, int bound) {
    return (int)(example_uniform(state) * bound);
}

typedef spar_span (*lifetime)(int i, int count, uint64_t *state);

static spar_span anywhere(int i, int count, uint64_t *state) {
    (void)i;
    int a = below(state, 2 * count), b = below(state, 2 * count);
    return (spar_span){a < b ? a : b, a < b ? b : a};
}

// As activations, which are alive until the backward pass comes back to them, and gradients.
static spar_span nested(int i, int count, uint64_t *state) {
    (void)state;
    int step = i / 2, back = 2 * count - step;
    return i % 2 == 0 ? (spar_span){step, back} : (spar_span){back - 1, back};
}

static spar_span forward_backward_or_both(int i, int count, uint64_t *state) {
    (void)i;
    int choice = below(state, 3);
    return (spar_span){choice == 1 ? count : 0, choice == 0 ? count - 1 : 2 * count};
}

static void every_room_has_the_lowest_place(void) {
    static const lifetime lifetimes[] = {anywhere, nested, forward_backward_or_both};
    static spar_room rooms[MOST];
    spar_room *order[MOST];
    int64_t offsets[MOST];
    uint64_t state = 5;
    for (int round = 0; round < 60; round++) {
        int count = round < 9 ? round : MOST / 60 * (round + 1), sizes = round % 5 == 0 ? 1 : 1 + round;
        for (int i = 0; i < count; i++) {
            rooms[i] = (spar_room){.time = lifetimes[round % 3](i, count, &state), .floats = 16 + below(&state, sizes)};
            order[i] = &rooms[i];
        }
        int64_t total;
        CHECK_OK(spar_place(order, count, &total));
        for (int i = 0; i < count; i++) offsets[i] = rooms[i].offset;
        for (int i = 1; i < count; i++) CHECK(order[i - 1]->floats >= order[i]->floats);
        CHECK_EQUAL(total, place_plainly(order, count));
        for (int i = 0; i < count; i++) CHECK_EQUAL(offsets[i], rooms[i].offset);
    }
}

static void rooms_that_cannot_be_added_up_take_the_most(void) {
    spar_room rooms[3] = {{{0, 1}, INT64_MAX / 2, 0}, {{0, 1}, INT64_MAX / 2, 0}, {{0, 1}, INT64_MAX / 2, 0}};
    spar_room *order[3] = {&rooms[0], &rooms[1], &rooms[2]};
    int64_t total;
    CHECK_OK(spar_place(order, 3, &total));
    CHECK_EQUAL(total, INT64_MAX);
    CHECK(spar_allocate((size_t)total, sizeof(float)) == NULL);
}

TEST_MAIN(TEST(every_room_has_the_lowest_place), TEST(rooms_that_cannot_be_added_up_take_the_most))
