// Ranks that are threads of one process. Messages are copied between them, no earlier than a network of a set latency
// and bandwidth has them there, and who waits for one sleeps. It is as strict as any transport may be: what is received
// begins with bytes of ones (NaN) until the exchange has ended or its time has come and one of the two asks for it,
// and sizes and numbers that do not fit fail. Several networks may use a group in turns; waiting for a number ends all
// exchanges under way of this number. So ranks cannot all wait: one that has begun the fewest
// waits for what all have begun.
#ifndef GROUP_THREADS_H
#define GROUP_THREADS_H

#include "sparring.h"

typedef struct group_threads group_threads;

enum { GROUP_THREADS_MOST = 16 };

// `latency`: seconds that a message takes besides its bytes. `bandwidth`: bytes a second that a rank sends, and
// receives at the same time; 0: bytes take no time. Ends the program when there is no memory.
group_threads *group_threads_create(int size, double latency, double bandwidth);
void group_threads_destroy(group_threads *threads);

// A rank's group, to be used by one thread at a time.
const spar_group *group_threads_group(group_threads *threads, int rank);

// Calls run(context, group) for every rank, on a thread each, and returns when all have. A rank leaves when its `run`
// returns, so that a group runs once.
void group_threads_run(group_threads *threads, void (*run)(void *context, const spar_group *group), void *context);

// A rank of which a call failed takes part no longer: nothing is copied from or to it, its own calls fail with the
// sentence of that failure, and so do those of ranks that wait for it. This fails when it begins its `exchange`th, from
// 0: "rank 1: the network is down".
void group_threads_fail(group_threads *threads, int rank, uint64_t exchange);

// The rank takes part no longer, as if its process had been killed: "rank 1 has left the group".
void group_threads_leave(group_threads *threads, int rank);

// What a rank did so far. Messages without bytes are not sent.
typedef struct group_threads_traffic {
    uint64_t exchanges, messages, bytes; // begun, sent, sent
    double waited;                       // seconds in `wait`
} group_threads_traffic;

group_threads_traffic group_threads_count(group_threads *threads, int rank);

#endif
