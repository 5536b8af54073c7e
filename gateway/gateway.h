/* gateway: what one child of newsmill-gateway works with, and which request goes where. */
#ifndef NEWSMILL_GATEWAY_GATEWAY_H
#define NEWSMILL_GATEWAY_GATEWAY_H

#include "common/conf.h"
#include "common/keys.h"
#include "http.h"
#include "redis_async.h"

struct gateway {
    const struct conf *conf;
    const struct keys *keys; /* NULL: none is asked for, but Host must be this machine's */
    struct redis_async *redis;
    struct http_server *http;
    const struct slot *slots; /* of all children, for /metrics */
    int slot_count;
    char *articles, *stats, *idempotency; /* Redis keys; the last is a prefix */
};

/* Routes, methods and keys; hands on to enqueue.h and the health answers. */
bool routes_begin(void *gateway, struct http_exchange *x);
void routes_complete(void *gateway, struct http_exchange *x);

#endif
