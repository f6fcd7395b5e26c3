#include "exchanges.h"

#include <stdlib.h>

size_t exchanges_bytes(int from, int to, int exchange) {
    static const size_t units[EXCHANGES] = {1, 4099, 7, 100003, 1, 0, 513, 65537};
    return from == to ? 0 : (size_t)((from * 5 + to * 3 + exchange) % 4) * units[exchange];
}

static unsigned char byte_of(int from, int to, int exchange, size_t i) {
    return (unsigned char)(from * 31 + to * 17 + exchange * 7 + (int)(i % 251));
}

static spar_message create(int rank, int other, int exchange) {
    size_t sent = exchanges_bytes(rank, other, exchange), received = exchanges_bytes(other, rank, exchange);
    unsigned char *send = malloc(sent + 1), *receive = malloc(received + 1);
    if (send == NULL || receive == NULL) exit(99);
    for (size_t i = 0; i < sent; i++) send[i] = byte_of(rank, other, exchange, i);
    receive[received] = 42; // stays
    return (spar_message){send, sent, receive, received};
}

static int count_wrong(const spar_message *message, int rank, int other, int exchange) {
    const unsigned char *received = message->receive;
    int wrong = received[message->receive_bytes] != 42;
    for (size_t i = 0; i < message->receive_bytes; i++) wrong += received[i] != byte_of(other, rank, exchange, i);
    return wrong;
}

int exchanges_check(const spar_group *group) {
    spar_message *messages = malloc(EXCHANGES * (size_t)group->size * sizeof *messages);
    if (messages == NULL) exit(99);
    int wrong = 0;
    for (int e = 0; e < EXCHANGES; e++) {
        spar_message *of_exchange = messages + e * group->size;
        for (int r = 0; r < group->size; r++) of_exchange[r] = create(group->rank, r, e);
        wrong += group->begin(group->context, (uint64_t)e, of_exchange) != SPAR_OK;
        wrong += group->progress != NULL && group->progress(group->context) != SPAR_OK;
    }
    for (int i = 0; i < EXCHANGES; i++) {
        int e = (i * 5 + group->rank) % EXCHANGES;
        wrong += group->wait(group->context, (uint64_t)e) != SPAR_OK;
        for (int r = 0; r < group->size; r++) {
            spar_message *message = &messages[e * group->size + r];
            wrong += count_wrong(message, group->rank, r, e);
            free((void *)message->send);
            free(message->receive);
        }
    }
    free(messages);
    return wrong + (group->error(group->context) != NULL);
}
