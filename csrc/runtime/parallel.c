#define _POSIX_C_SOURCE 200809L

#include "runtime/parallel.h"

#include <time.h>

// Swift's clang has no omp.h; these are all that is used of it.
extern int omp_get_max_threads(void);
extern int omp_get_num_threads(void);
extern int omp_get_thread_num(void);

void spar_parallel(int threads, int64_t count, spar_task task, void *context) {
    if (count <= 0) return;
    if (threads > count) threads = (int)count;
    if (threads <= 1) {
        task(context, 0, count, 0);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        int64_t team = omp_get_num_threads(), member = omp_get_thread_num();
        int64_t first = count * member / team, last = count * (member + 1) / team;
        if (first < last) task(context, first, last, (int)member);
    }
}

int spar_available_threads(void) {
    int threads = omp_get_max_threads();
    return threads < SPAR_MOST_THREADS ? threads : SPAR_MOST_THREADS;
}

double spar_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}
