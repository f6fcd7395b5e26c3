// A rank that does not come to the end while the others wait for it: ends KIND.
#include "sparring_mpi.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int give_up(void) {
    fprintf(stderr, "%s\n", spar_mpi_last_error());
    return 1;
}

// What the rank does in its third exchange.
static void misbehave(spar_mpi *mpi, const char *kind) {
    if (strcmp(kind, "killed") == 0) raise(SIGKILL);
    if (strcmp(kind, "exits") == 0) _exit(3);
    if (strcmp(kind, "aborts") == 0) spar_mpi_abort(mpi, "the images are gone");
    if (strcmp(kind, "leaves") == 0) {
        spar_mpi_finish(mpi, "the images are gone");
        exit(4);
    }
}

int main(int argc, char **argv) {
    spar_mpi *mpi = NULL;
    if (argc != 2 || spar_mpi_start(&mpi) != SPAR_OK) return give_up();
    const spar_group *group = spar_mpi_group(mpi);
    printf("pid %ld\n", (long)getpid());
    fflush(stdout);
    if (spar_mpi_barrier(mpi) != SPAR_OK) return give_up();
    static char sent[100000], received[8][100000];
    for (uint64_t exchange = 0; exchange < 5; exchange++) {
        spar_message messages[8] = {{0}};
        for (int r = 0; r < group->size; r++) {
            size_t bytes = r == group->rank ? 0 : sizeof sent;
            messages[r] = (spar_message){sent, bytes, received[r], bytes};
        }
        if (exchange == 2 && group->rank == 1) misbehave(mpi, argv[1]);
        spar_status status = group->begin(group->context, exchange, messages);
        if (status == SPAR_OK) status = group->wait(group->context, exchange);
        if (status != SPAR_OK) {
            fprintf(stderr, "rank %d ends: %s\n", group->rank, group->error(group->context));
            spar_mpi_finish(mpi, group->error(group->context));
            return 1;
        }
    }
    return spar_mpi_finish(mpi, NULL) == SPAR_OK ? 0 : give_up();
}
