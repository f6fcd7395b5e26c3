// The beginning and the end of a group, and what can be told of it.
#define _GNU_SOURCE // sched_getaffinity

#ifdef SPARRING_MPI // SwiftPM compiles this file in builds without MPI, too
#include "ranks.h"

#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local char last_error[SPAR_MPI_SENTENCE] = "no error";

const char *spar_mpi_last_error(void) {
    return last_error;
}

spar_status spar_mpi_fail(spar_status status, const char *format, ...) {
    char sentence[sizeof last_error];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    memcpy(last_error, sentence, sizeof sentence);
    return status;
}

spar_status spar_mpi_fail_of(const spar_mpi *mpi, int rank, const char *what) {
    return spar_mpi_fail(SPAR_ERROR_IO, "rank %d (%s): %s", rank, spar_mpi_host(mpi, rank), what);
}

spar_status spar_mpi_check(int code, const char *what) {
    if (code == MPI_SUCCESS) return SPAR_OK;
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length;
    MPI_Error_string(code, text, &length);
    return spar_mpi_fail(SPAR_ERROR_IO, "%s: %s", what, text);
}

static spar_status initialize(bool *initialized_here, int *level) {
    int finalized, initialized;
    MPI_Finalized(&finalized);
    if (finalized) return spar_mpi_fail(SPAR_ERROR_STATE, "MPI has ended in this process and cannot start again");
    MPI_Initialized(&initialized);
    *initialized_here = !initialized;
    // One thread at a time is all that is needed, and costs no more than one thread alone.
    int code = initialized ? MPI_Query_thread(level) : MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, level);
    spar_status status = spar_mpi_check(code, "MPI_Init_thread");
    if (!initialized) { // errors of several requests are theirs in some libraries
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    }
    if (status == SPAR_OK && *level < MPI_THREAD_FUNNELED) {
        status = spar_mpi_fail(SPAR_ERROR_STATE,
                               "MPI is initialized for programs of one thread; MPI_THREAD_FUNNELED is needed");
    }
    return status;
}

static int count_cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void release(spar_mpi *mpi) {
    if (mpi->communicator != MPI_COMM_NULL) MPI_Comm_free(&mpi->communicator);
    if (mpi->finalizes) MPI_Finalize();
    spar_transfers_free(mpi);
    free(mpi->hosts);
    free(mpi->ranks);
    free(mpi->messages);
    free(mpi);
}

// Takes what the ranks need of memory; all have it, or none goes on.
static spar_status allocate(spar_mpi *mpi, size_t size) {
    mpi->hosts = calloc(size, MPI_MAX_PROCESSOR_NAME);
    mpi->ranks = calloc(size, sizeof *mpi->ranks);
    mpi->messages = calloc(size, sizeof *mpi->messages);
    int one = mpi->hosts != NULL && mpi->ranks != NULL && mpi->messages != NULL, all = 0;
    int code = MPI_Allreduce(&one, &all, 1, MPI_INT, MPI_MIN, mpi->communicator);
    spar_status status = spar_mpi_check(code, "MPI_Allreduce");
    if (status == SPAR_OK && !all)
        status = spar_mpi_fail(SPAR_ERROR_MEMORY, "no memory for a group of %zu ranks", size);
    return status;
}

static spar_status join(spar_mpi *mpi) {
    int rank, size, length, found, *largest_tag;
    spar_status status = spar_mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &mpi->communicator), "MPI_Comm_dup");
    if (status != SPAR_OK) return status;
    MPI_Comm_set_errhandler(mpi->communicator, MPI_ERRORS_RETURN);
    MPI_Comm_rank(mpi->communicator, &rank);
    MPI_Comm_size(mpi->communicator, &size);
    MPI_Comm_get_attr(mpi->communicator, MPI_TAG_UB, &largest_tag, &found);
    mpi->largest_tag = found ? *largest_tag : 32767; // what MPI promises
    spar_mpi_fill_group(mpi, rank, size);
    status = allocate(mpi, (size_t)size);
    if (status != SPAR_OK) return status;
    char host[MPI_MAX_PROCESSOR_NAME] = "";
    MPI_Get_processor_name(host, &length);
    status = spar_mpi_check(MPI_Allgather(host, MPI_MAX_PROCESSOR_NAME, MPI_CHAR, mpi->hosts, MPI_MAX_PROCESSOR_NAME,
                                          MPI_CHAR, mpi->communicator),
                            "MPI_Allgather");
    return status == SPAR_OK ? spar_mpi_listen(mpi) : status;
}

spar_status spar_mpi_start(spar_mpi **mpi) {
    if (mpi == NULL) return spar_mpi_fail(SPAR_ERROR_ARGUMENT, "spar_mpi_start: mpi is NULL");
    *mpi = NULL;
    bool initialized_here = false;
    int cores = count_cores(), level;
    spar_status status = initialize(&initialized_here, &level);
    if (status != SPAR_OK) return status;
    spar_mpi *started = calloc(1, sizeof *started);
    if (started == NULL) return spar_mpi_fail(SPAR_ERROR_MEMORY, "no memory for a group");
    started->communicator = MPI_COMM_NULL;
    started->finalizes = initialized_here;
    started->funneled = level == MPI_THREAD_FUNNELED;
    started->cores = cores;
    status = join(started);
    if (status == SPAR_OK) {
        *mpi = started;
    } else {
        release(started);
    }
    return status;
}

spar_status spar_mpi_finish(spar_mpi *mpi, const char *reason) {
    if (mpi == NULL) return SPAR_OK;
    spar_status status = spar_mpi_take_leave(mpi, reason);
    release(mpi);
    return status;
}

void spar_mpi_abort(const spar_mpi *mpi, const char *reason) {
    static atomic_flag told = ATOMIC_FLAG_INIT;
    char line[SPAR_MPI_SENTENCE], who[MPI_MAX_PROCESSOR_NAME + 32] = "";
    if (mpi != NULL) {
        int rank = mpi->group.rank;
        snprintf(who, sizeof who, "rank %d (%s): ", rank, spar_mpi_host(mpi, rank));
    }
    snprintf(line, sizeof line - 1, "sparring: %s%s", who, reason == NULL ? "ends" : reason);
    strcat(line, "\n");
    if (!atomic_flag_test_and_set(&told)) fputs(line, stderr);
    fflush(stderr);
    if (mpi != NULL) MPI_Abort(mpi->communicator, 1);
    _exit(1);
}

const spar_group *spar_mpi_group(const spar_mpi *mpi) {
    return mpi == NULL ? NULL : &mpi->group;
}

const char *spar_mpi_host(const spar_mpi *mpi, int32_t rank) {
    if (mpi == NULL || rank < 0 || rank >= mpi->group.size) return NULL;
    return mpi->hosts + (size_t)rank * MPI_MAX_PROCESSOR_NAME;
}

const char *spar_mpi_version(void) {
    static _Thread_local char text[32];
    int major = 0, minor = 0;
    MPI_Get_version(&major, &minor);
    snprintf(text, sizeof text, "%d.%d", major, minor);
    return text;
}

// What comes before the first comma or the end of the first line; blanks are one space.
const char *spar_mpi_library(void) {
    static _Thread_local char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(text, &length);
    text[strcspn(text, ",\n")] = 0;
    char *end = text;
    for (const char *c = text; *c != 0; c++) {
        bool blank = *c == ' ' || *c == '\t';
        if (!blank || (end > text && end[-1] != ' ')) *end++ = blank ? ' ' : *c;
    }
    *end = 0;
    return text;
}

const char *spar_mpi_warning(spar_mpi *mpi, int32_t threads) {
    if (mpi == NULL) return NULL;
    int rank = mpi->group.rank, cores = (int)sysconf(_SC_NPROCESSORS_ONLN), here = 0;
    const char *host = spar_mpi_host(mpi, rank);
    for (int r = 0; r < mpi->group.size; r++) here += strcmp(spar_mpi_host(mpi, r), host) == 0;
    // A network of all cores has those the process may run on: one alone is what launchers bind to.
    int needed = threads > 0 ? threads : cores / here > 1 ? 2 : 1;
    if (mpi->cores < needed && mpi->cores < cores) {
        snprintf(
            mpi->warning, sizeof mpi->warning,
            "rank %d (%s) is bound to %d of %d cores, too few for its threads: start with mpirun --bind-to none, or "
            "--map-by slot:PE=%d",
            rank, host, mpi->cores, cores, threads > 0 ? threads : cores / here);
    } else if (threads > 0 && (int64_t)here * threads > cores) {
        snprintf(mpi->warning, sizeof mpi->warning, "%d ranks of %d threads share the %d cores of %s", here,
                 (int)threads, cores, host);
    } else {
        return NULL;
    }
    return mpi->warning;
}

#endif
