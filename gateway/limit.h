/* limit: how many articles a second one API key may send. All keys have the same rate and burst
 * (gateway.rate_limit_per_s, gateway.rate_limit_burst); without keys there is one bucket for all.
 * Exact over all processes of the gateway: the buckets are in the memory they share. */
#ifndef NEWSMILL_GATEWAY_LIMIT_H
#define NEWSMILL_GATEWAY_LIMIT_H

#include <stdbool.h>

struct gateway;
struct http_exchange;

/* Takes `articles` from the bucket of the exchange's key. A bucket that is not empty gives more
 * than it has and owes the rest, so a bulk may be larger than the burst. An empty one: answers the
 * exchange with 429 and Retry-After, and returns false. With `articles` 0 it only looks. */
bool limit_take(struct gateway *g, struct http_exchange *x, unsigned articles);

#endif
