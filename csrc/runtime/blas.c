#include "runtime/blas.h"

#include <cblas.h>
#include <stdatomic.h>

static atomic_flag lock = ATOMIC_FLAG_INIT;
static int users, threads;

static void acquire(void) {
    while (atomic_flag_test_and_set(&lock)) {
    }
}

void spar_blas_begin(void) {
    acquire();
    if (users++ == 0) {
        threads = openblas_get_num_threads();
        openblas_set_num_threads(1);
    }
    atomic_flag_clear(&lock);
}

void spar_blas_end(void) {
    acquire();
    if (--users == 0) openblas_set_num_threads(threads);
    atomic_flag_clear(&lock);
}
