// OpenBLAS and LAPACK on one thread, so that their sums have one order.
#ifndef SPAR_RUNTIME_BLAS_H
#define SPAR_RUNTIME_BLAS_H

// Between these two calls, on any thread of the process, OpenBLAS uses one thread; after the last end as many as
// before.
void spar_blas_begin(void);
void spar_blas_end(void);

#endif
