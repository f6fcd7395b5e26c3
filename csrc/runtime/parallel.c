#define _POSIX_C_SOURCE 200809L

#include "runtime/parallel.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Swift's clang has no omp.h; these are all that is used of it.
extern int omp_get_max_threads(void);
extern int omp_get_num_threads(void);
extern int omp_get_thread_num(void);

// libomp marks its process by a file, and reads one that it finds there as long as it should be. An empty one, left by
// a process of the same number that was killed between making the file and sizing it, would end this process (SIGBUS).
static void remove_empty_mark(void) {
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/__KMP_REGISTERED_LIB_%d_%d", (int)getpid(), (int)getuid());
    struct stat file;
    if (lstat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0) unlink(path);
}

// Before anything that may be the first use of OpenMP in this process.
static void prepare(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, remove_empty_mark);
}

void spar_parallel(int threads, int64_t count, spar_task task, void *context) {
    if (count <= 0) return;
    if (threads > count) threads = (int)count;
    if (threads <= 1) {
        task(context, 0, count, 0);
        return;
    }
    prepare();
#pragma omp parallel num_threads(threads)
    {
        int64_t team = omp_get_num_threads(), member = omp_get_thread_num();
        int64_t first = count * member / team, last = count * (member + 1) / team;
        if (first < last) task(context, first, last, (int)member);
    }
}

typedef struct copy_task {
    char *to;
    const char *from;
    size_t bytes;
} copy_task;

enum { COPY_BLOCK = 1 << 16 };

static void copy_blocks(void *context, int64_t first, int64_t last, int thread) {
    (void)thread;
    const copy_task *task = context;
    size_t start = (size_t)first * COPY_BLOCK, end = (size_t)last * COPY_BLOCK;
    if (end > task->bytes) end = task->bytes;
    memcpy(task->to + start, task->from + start, end - start);
}

void spar_copy(int threads, void *to, const void *from, size_t bytes) {
    copy_task task = {to, from, bytes};
    int64_t blocks = (int64_t)((bytes + COPY_BLOCK - 1) / COPY_BLOCK);
    spar_parallel(threads < blocks / 2 ? threads : (int)(blocks / 2), blocks, copy_blocks, &task);
}

int spar_available_threads(void) {
    prepare();
    int threads = omp_get_max_threads();
    return threads < SPAR_MOST_THREADS ? threads : SPAR_MOST_THREADS;
}

double spar_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}
