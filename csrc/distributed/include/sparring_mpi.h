// Groups of ranks over MPI, for spar_network_options.group: a library beside the engine, in builds with SPARRING_MPI.
//
// Conventions are those of sparring.h, but that sentences of failures are asked of spar_mpi_last_error. All ranks run
// on machines of one kind: bytes are moved as they are. Calls that say "collective" are made by all ranks, in the same
// order, and wait for the others' messages; a rank that leaves (spar_mpi_finish) ends them with an error that names it,
// and one that dies ends all processes where the launcher sees to that, as mpirun does. So no rank waits for ever for
// one that is gone.
#ifndef SPARRING_MPI_H
#define SPARRING_MPI_H

#include <sparring.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spar_mpi spar_mpi;

// The sentence of this thread's last failed call here, valid until its next failing one. Never NULL.
SPAR_API const char *spar_mpi_last_error(void);

// Joins the processes that mpirun or the like started; a process that was started alone is rank 0 of 1. Collective.
// Initializes MPI unless the program has, which then ends it, too (at least MPI_THREAD_FUNNELED; where it is no more,
// all calls are for the thread that initialized MPI). Messages have a communicator of their own.
SPAR_API spar_status spar_mpi_start(spar_mpi **mpi);

// The group, as valid as `mpi`: its rank, its size, and what a network exchanges by. An exchange that fails names the
// rank and its host, and is the last one: those of the group's calls that follow fail with the same sentence. Between a
// network's calls the calls below may be made.
SPAR_API const spar_group *spar_mpi_group(const spar_mpi *mpi);

// Leaves the group, ends MPI where spar_mpi_start initialized it, and frees `mpi`. Returns when all ranks are here, so
// that everything on disk should be whole before. `reason`: why this rank cannot go on, one line; NULL: its work is
// done. A rank that waits for this one then fails with "rank 1 (host): REASON", whatever it waits for. SPAR_ERROR_IO
// where another rank left for a reason, which is the sentence.
SPAR_API spar_status spar_mpi_finish(spar_mpi *mpi, const char *reason);

// Prints "sparring: rank 1 (host): REASON" to standard error, once, and ends all ranks by MPI_Abort, wherever they are.
// Does not return. Not for signal handlers. `mpi` NULL: ends this process.
SPAR_API void spar_mpi_abort(const spar_mpi *mpi, const char *reason);

// Small calls, collective, beside the group's exchanges and in an order of their own.

// `count` bytes of rank 0 come to all ranks.
SPAR_API spar_status spar_mpi_broadcast(spar_mpi *mpi, void *bytes, size_t count);

// `count` bytes of every rank come to rank 0, one behind the other in the order of ranks. Rank 0 tells how many it
// expects of each in counts[size], its own included; elsewhere `all` and `counts` are NULL.
SPAR_API spar_status spar_mpi_gather(spar_mpi *mpi, const void *bytes, size_t count, void *all, const size_t *counts);

// Returns when all ranks are here.
SPAR_API spar_status spar_mpi_barrier(spar_mpi *mpi);

// The name of a rank's host, valid as long as `mpi`; NULL where there is no such rank.
SPAR_API const char *spar_mpi_host(const spar_mpi *mpi, int32_t rank);

// "3.1", and the library's name, such as "Open MPI v4.1.4": of this thread, also before spar_mpi_start.
SPAR_API const char *spar_mpi_version(void);
SPAR_API const char *spar_mpi_library(void);

// A sentence where networks of so many threads, 0 for all cores, are slow here because the launcher bound the process
// to fewer cores, or because the ranks of this host together have more threads than it has cores; NULL where they are
// not. Valid until the next call.
SPAR_API const char *spar_mpi_warning(spar_mpi *mpi, int32_t threads);

#ifdef __cplusplus
}
#endif

#endif
