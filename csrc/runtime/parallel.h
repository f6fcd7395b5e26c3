// Parallel loops. A task must give the same results however the indices are shared out.
#ifndef SPAR_RUNTIME_PARALLEL_H
#define SPAR_RUNTIME_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

// Does the indices first ≤ i < last; `thread` counts from 0 below the number of threads.
typedef void (*spar_task)(void *context, int64_t first, int64_t last, int thread);

void spar_parallel(int threads, int64_t count, spar_task task, void *context);

// Copies bytes between arrays that do not overlap; many bytes by all threads.
void spar_copy(int threads, void *to, const void *from, size_t bytes);

// Seconds from some fixed moment.
double spar_seconds(void);

enum { SPAR_MOST_THREADS = 4096 };

// Threads OpenMP would take, at most SPAR_MOST_THREADS: the cores this process may use, or OMP_NUM_THREADS.
int spar_available_threads(void);

#endif
