#define _POSIX_C_SOURCE 200809L

#include "group_threads.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { MOST = GROUP_THREADS_MOST, SENTENCE = 256, MARKED = 4096 };

typedef struct member {
    group_threads *threads;
    spar_group group;
    uint64_t failing; // the exchange at which it fails
    uint64_t numbers; // of exchanges that it has begun are below
    bool lost;
    char error[SENTENCE];
    double sends_from, receives_from; // when it is through with what is under way
    group_threads_traffic traffic;
} member;

typedef struct exchange {
    struct exchange *next;
    uint64_t order;  // in which ranks begin it, whatever its number
    uint64_t number; // several networks may have the same
    bool begun[MOST], ended[MOST];
    spar_message messages[MOST][MOST]; // of a rank, to and from a rank
    double due[MOST][MOST];            // from a rank, to a rank: when it arrives, once both have begun
    bool copied[MOST][MOST];
} exchange;

struct group_threads {
    pthread_mutex_t lock; // of everything
    pthread_cond_t changed;
    int size;
    double latency, bandwidth;
    member members[MOST];
    exchange *under_way;
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static exchange *find_or_add(group_threads *threads, uint64_t order, uint64_t number) {
    exchange *e = threads->under_way;
    while (e != NULL && e->order != order) e = e->next;
    if (e != NULL) return e;
    e = malloc(sizeof *e); // calloc is made to fail by some tests
    if (e == NULL) exit(99);
    memset(e, 0, sizeof *e);
    e->order = order;
    e->number = number;
    e->next = threads->under_way;
    threads->under_way = e;
    return e;
}

// One that a rank has begun and not ended.
static exchange *find_open(group_threads *threads, int rank, uint64_t number) {
    exchange *e = threads->under_way;
    while (e != NULL && (e->number != number || !e->begun[rank] || e->ended[rank])) e = e->next;
    return e;
}

// The exchanges that no rank will ask for any more.
static void forget_ended(group_threads *threads) {
    for (exchange **place = &threads->under_way; *place != NULL;) {
        exchange *e = *place;
        bool over = true;
        for (int r = 0; r < threads->size; r++) over = over && (e->ended[r] || threads->members[r].lost);
        if (over) {
            *place = e->next;
            free(e);
        } else {
            place = &e->next;
        }
    }
}

static void lose(member *m, const char *format, ...) {
    if (m->lost) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->error, SENTENCE, format, arguments);
    va_end(arguments);
    m->lost = true;
    forget_ended(m->threads);
    pthread_cond_broadcast(&m->threads->changed);
}

static bool fits(const exchange *e, int from, int to) {
    return e->messages[from][to].send_bytes == e->messages[to][from].receive_bytes;
}

static bool both_begun(const exchange *e, int a, int b) {
    return e->begun[a] && e->begun[b];
}

// A message leaves when both ranks have begun, and those before it from here and to there are through.
static void send(group_threads *threads, exchange *e, int from, int to) {
    member *sender = &threads->members[from], *receiver = &threads->members[to];
    size_t bytes = e->messages[from][to].send_bytes;
    if (!both_begun(e, from, to) || !fits(e, from, to) || bytes == 0) return;
    double start = fmax(now(), fmax(sender->sends_from, receiver->receives_from));
    sender->sends_from = receiver->receives_from =
        start + (threads->bandwidth > 0 ? (double)bytes / threads->bandwidth : 0);
    e->due[from][to] = sender->sends_from + threads->latency;
}

static void copy_when_due(group_threads *threads, exchange *e, int from, int to) {
    bool under_way = both_begun(e, from, to) && fits(e, from, to) && !e->copied[from][to];
    if (!under_way || threads->members[from].lost || threads->members[to].lost || e->due[from][to] > now()) return;
    const spar_message *message = &e->messages[from][to];
    if (message->send_bytes > 0) memcpy(e->messages[to][from].receive, message->send, message->send_bytes);
    e->copied[from][to] = true;
    pthread_cond_broadcast(&threads->changed);
}

// Everything from and to a rank whose time has come.
static void go_on(group_threads *threads, int rank) {
    for (exchange *e = threads->under_way; e != NULL; e = e->next) {
        for (int r = 0; r < threads->size; r++) {
            if (r == rank) continue;
            copy_when_due(threads, e, rank, r);
            copy_when_due(threads, e, r, rank);
        }
    }
}

// Is there anything between two ranks that the first has to wait for?
static bool is_open(const exchange *e, int rank, int other) {
    const spar_message *message = &e->messages[rank][other];
    return (message->send_bytes > 0 && !e->copied[rank][other]) ||
           (message->receive_bytes > 0 && !e->copied[other][rank]);
}

static bool has_ended(const group_threads *threads, const exchange *e, int rank) {
    for (int r = 0; r < threads->size; r++) {
        if (is_open(e, rank, r)) return false;
    }
    return true;
}

// Loses the rank where an exchange that has not ended never will.
static void give_up(member *m, const exchange *e) {
    const group_threads *threads = m->threads;
    int rank = m->group.rank;
    unsigned long long number = e->number;
    for (int r = 0; r < threads->size; r++) {
        if (!is_open(e, rank, r)) continue;
        if (threads->members[r].lost) return lose(m, "%s", threads->members[r].error);
        for (int way = 0; way < 2 && both_begun(e, rank, r); way++) {
            int from = way == 0 ? rank : r, to = way == 0 ? r : rank;
            if (fits(e, from, to)) continue;
            return lose(m, "exchange %llu: rank %d sends %zu bytes to rank %d, which expects %zu", number, from,
                        e->messages[from][to].send_bytes, to, e->messages[to][from].receive_bytes);
        }
    }
}

// Until something changes or the first of the exchange's messages arrives.
static void sleep_for(group_threads *threads, const exchange *e, int rank) {
    double first = INFINITY;
    for (int r = 0; r < threads->size; r++) {
        if (!is_open(e, rank, r) || !both_begun(e, rank, r)) continue;
        if (!e->copied[rank][r]) first = fmin(first, e->due[rank][r]);
        if (!e->copied[r][rank]) first = fmin(first, e->due[r][rank]);
    }
    if (isinf(first)) {
        pthread_cond_wait(&threads->changed, &threads->lock);
    } else {
        double seconds = floor(first);
        struct timespec time = {(time_t)seconds, (long)((first - seconds) * 1e9)};
        pthread_cond_timedwait(&threads->changed, &threads->lock, &time);
    }
}

static spar_status unlock(member *m) {
    spar_status status = m->lost ? SPAR_ERROR_IO : SPAR_OK;
    pthread_mutex_unlock(&m->threads->lock);
    return status;
}

static spar_status begin(void *context, uint64_t number, const spar_message *messages) {
    member *m = context;
    group_threads *threads = m->threads;
    int rank = m->group.rank;
    pthread_mutex_lock(&threads->lock);
    if (m->traffic.exchanges == m->failing) lose(m, "rank %d: the network is down", rank);
    exchange *e = m->lost ? NULL : find_or_add(threads, m->traffic.exchanges, number);
    if (e != NULL && e->number != number) {
        lose(m, "rank %d begins exchange %llu, and another rank %llu", rank, (unsigned long long)number,
             (unsigned long long)e->number);
    }
    if (!m->lost) {
        m->traffic.exchanges++;
        if (m->numbers <= number) m->numbers = number + 1;
        e->begun[rank] = true;
        memcpy(e->messages[rank], messages, (size_t)threads->size * sizeof *messages);
        e->messages[rank][rank] = (spar_message){0};
        for (int r = 0; r < threads->size; r++) {
            const spar_message *message = &e->messages[rank][r];
            size_t marked = message->receive_bytes < MARKED ? message->receive_bytes : MARKED;
            if (marked > 0) memset(message->receive, 0xff, marked);
            m->traffic.messages += message->send_bytes > 0;
            m->traffic.bytes += message->send_bytes;
            send(threads, e, rank, r);
            send(threads, e, r, rank);
        }
        pthread_cond_broadcast(&threads->changed);
    }
    return unlock(m);
}

static spar_status progress(void *context) {
    member *m = context;
    pthread_mutex_lock(&m->threads->lock);
    go_on(m->threads, m->group.rank);
    return unlock(m);
}

static void wait_for(member *m, exchange *e) {
    group_threads *threads = m->threads;
    int rank = m->group.rank;
    while (!m->lost) {
        go_on(threads, rank);
        if (has_ended(threads, e, rank)) break;
        give_up(m, e);
        if (!m->lost) sleep_for(threads, e, rank);
    }
    if (!m->lost) e->ended[rank] = true;
    forget_ended(threads);
}

static spar_status await(void *context, uint64_t number) {
    member *m = context;
    group_threads *threads = m->threads;
    double began = now();
    pthread_mutex_lock(&threads->lock);
    if (number >= m->numbers) {
        lose(m, "rank %d waits for exchange %llu, which has not begun", m->group.rank, (unsigned long long)number);
    }
    exchange *e;
    while (!m->lost && (e = find_open(threads, m->group.rank, number)) != NULL) wait_for(m, e);
    m->traffic.waited += now() - began;
    return unlock(m);
}

static const char *error_of(void *context) {
    member *m = context;
    pthread_mutex_lock(&m->threads->lock);
    return unlock(m) == SPAR_OK ? NULL : m->error;
}

group_threads *group_threads_create(int size, double latency, double bandwidth) {
    group_threads *threads = malloc(sizeof *threads);
    if (threads == NULL || size < 1 || size > MOST) exit(99);
    *threads = (group_threads){.size = size, .latency = latency, .bandwidth = bandwidth};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&threads->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&threads->lock, NULL);
    for (int r = 0; r < size; r++) {
        member *m = &threads->members[r];
        *m = (member){.threads = threads, .failing = UINT64_MAX};
        m->group = (spar_group){sizeof m->group, r, size, m, begin, progress, await, error_of};
    }
    return threads;
}

void group_threads_destroy(group_threads *threads) {
    for (int r = 0; r < threads->size; r++) group_threads_leave(threads, r);
    pthread_cond_destroy(&threads->changed);
    pthread_mutex_destroy(&threads->lock);
    free(threads);
}

const spar_group *group_threads_group(group_threads *threads, int rank) {
    return &threads->members[rank].group;
}

void group_threads_fail(group_threads *threads, int rank, uint64_t exchange) {
    pthread_mutex_lock(&threads->lock);
    threads->members[rank].failing = exchange;
    pthread_mutex_unlock(&threads->lock);
}

void group_threads_leave(group_threads *threads, int rank) {
    pthread_mutex_lock(&threads->lock);
    lose(&threads->members[rank], "rank %d has left the group", rank);
    pthread_mutex_unlock(&threads->lock);
}

group_threads_traffic group_threads_count(group_threads *threads, int rank) {
    pthread_mutex_lock(&threads->lock);
    group_threads_traffic traffic = threads->members[rank].traffic;
    pthread_mutex_unlock(&threads->lock);
    return traffic;
}

typedef struct thread {
    pthread_t id;
    member *m;
    void (*run)(void *context, const spar_group *group);
    void *context;
} thread;

static void *run_rank(void *context) {
    thread *t = context;
    prctl(PR_SET_TIMERSLACK, 1000ul); // who sleeps for 50 µs would sleep for 100 otherwise
    t->run(t->context, &t->m->group);
    group_threads_leave(t->m->threads, t->m->group.rank);
    return NULL;
}

void group_threads_run(group_threads *threads, void (*run)(void *context, const spar_group *group), void *context) {
    thread running[MOST];
    for (int r = 0; r < threads->size; r++) {
        running[r] = (thread){.m = &threads->members[r], .run = run, .context = context};
        if (pthread_create(&running[r].id, NULL, run_rank, &running[r]) != 0) exit(99);
    }
    for (int r = 0; r < threads->size; r++) {
        if (pthread_join(running[r].id, NULL) != 0) exit(99);
    }
}
