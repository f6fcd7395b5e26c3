// Exchanges of a group that tell by their bytes whether a transport moves them.
#ifndef EXCHANGES_H
#define EXCHANGES_H

#include "sparring.h"

enum { EXCHANGES = 8 };

// What rank `from` sends to `to` in an exchange: nothing, a few bytes, or odd numbers of them up to 300 KB.
size_t exchanges_bytes(int from, int to, int exchange);

// Begins all of them, the group's first, and ends them in an order of its rank's own. Returns how many calls failed
// and how many bytes are wrong.
int exchanges_check(const spar_group *group);

#endif
