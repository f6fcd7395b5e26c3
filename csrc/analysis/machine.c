// What the machine reaches at most: multiply–adds in registers, and bytes of memory.
#include "kernels/kernels.h"
#include "runtime/environment.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"
#include "runtime/structure.h"

// Turns are short, so that some fall between what else the machine does; the first also wake threads and touch pages.
enum { MULTIPLYING_TURNS = 500, ROUNDS = 1 << 16, ADDING_TURNS = 20, PIECE = 1 << 16, PIECES = 512 };

typedef struct turn {
    const spar_kernels *kernels;
    float *from, *to;
    int64_t made; // by each thread
} turn;

static void multiply(void *context, int64_t first, int64_t last, int thread) {
    turn *turn = context;
    for (int64_t i = first; i < last; i++) {
        float sum = 0.5f;
        int64_t made = turn->kernels->multiply_adds(ROUNDS, &sum);
        // Written, so that it has to be computed.
        if (thread == 0) turn->made = made, turn->to[0] = sum;
    }
}

static void add(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const turn *turn = context;
    turn->kernels->add(turn->from + first * PIECE, turn->to + first * PIECE, (last - first) * PIECE);
}

static double least_seconds(int turns, int threads, int64_t count, spar_task task, turn *turn) {
    double least = 0;
    for (int i = 0; i < turns; i++) {
        double start = spar_seconds();
        spar_parallel(threads, count, task, turn);
        double seconds = spar_seconds() - start;
        if (i == 0 || seconds < least) least = seconds;
    }
    return least;
}

#define MACHINE SPAR_STRUCTURE(spar_machine, bytes)

spar_status spar_measure_machine(int32_t threads, spar_machine *machine) {
    SPAR_TRY(spar_check_structure(MACHINE, machine));
    if (threads < 0 || threads > SPAR_MOST_THREADS) {
        return spar_fail(SPAR_ERROR_ARGUMENT, "%d threads: 0 for all cores, or 1 to %d", threads, SPAR_MOST_THREADS);
    }
    SPAR_TRY(spar_check_environment());
    int used = threads == 0 ? spar_available_threads() : threads;
    int64_t floats = (int64_t)PIECE * PIECES;
    turn turn = {.kernels = spar_kernels_for_cpu(), .from = spar_allocate((size_t)floats, sizeof(float))};
    turn.to = spar_allocate((size_t)floats, sizeof(float));
    bool whole = turn.from != NULL && turn.to != NULL;
    if (whole) {
        double multiplying = least_seconds(MULTIPLYING_TURNS, used, used, multiply, &turn);
        double adding = least_seconds(ADDING_TURNS, used, PIECES, add, &turn);
        // Two numbers are read and one is written.
        spar_machine own = {.threads = used,
                            .multiply_adds = (double)turn.made * used / multiplying,
                            .bytes = 3 * sizeof(float) * (double)floats / adding};
        spar_fill_structure(MACHINE, &own, machine);
    }
    spar_release(turn.from);
    spar_release(turn.to);
    return whole ? SPAR_OK : SPAR_ERROR_MEMORY;
}
