/* gateway: what one child of newsmill-gateway works with, and which request goes where. */
#ifndef NEWSMILL_GATEWAY_GATEWAY_H
#define NEWSMILL_GATEWAY_GATEWAY_H

#include "board.h"
#include "clients.h"
#include "common/conf.h"
#include "common/own_host.h"
#include "common/slots.h"
#include "drain.h"
#include "http.h"
#include "ready.h"
#include "redis_async.h"

struct bulk_queue;
struct gather;

struct gateway {
    const struct conf *conf;
    struct clients *clients; /* where no key is asked for, Host must be this machine's */
    const struct own_host *own_host;
    struct board *board;
    struct board_process *page;    /* of this process */
    struct access_log *access_log; /* NULL: off */
    struct redis_async *redis;
    struct ready ready; /* of `redis` */
    struct bulk_queue *bulks;
    struct gather *gather;
    struct drain drain;
    struct http_server *http;
    struct slot *slot;        /* of this process */
    const struct slot *slots; /* of all children, for /metrics */
    int slot_count;
    char *articles, *stats, *idempotency, *digests; /* Redis keys; the last two are prefixes */
};

/* Routes, methods and keys; hands on to enqueue.h and the health answers. */
bool routes_begin(void *gateway, struct http_exchange *x);
void routes_complete(void *gateway, struct http_exchange *x);
/* The exchange is over: counts it and logs it. */
void routes_end(void *gateway, struct http_exchange *x, const struct http_result *result);

/* The paths in the order of struct http_tag.route, the first for all that are none; NULL past the
 * last. */
const char *routes_label(unsigned route);

#endif
