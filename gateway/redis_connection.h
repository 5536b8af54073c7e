/* redis_connection: what redis_async.c, which keeps the connection, and redis_command.c, which
 * sends over it, both know of it. For nobody else. */
#ifndef NEWSMILL_GATEWAY_REDIS_CONNECTION_H
#define NEWSMILL_GATEWAY_REDIS_CONNECTION_H

#include <hiredis/async.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/rds.h"
#include "redis_async.h"

enum redis_state { DOWN, CONNECTING, PREPARING, READY };

struct command {
    TAILQ_ENTRY(command) link;
    struct redis_async *owner;
    struct redis_async_callback callback;
    int64_t deadline_ms;
    size_t bytes;
    /* Of a script, to send it in full where Redis has forgotten it: */
    int argc;
    const char *const *argv;
    const size_t *lengths;
    char *why; /* of a transaction: the first failure before EXEC, which then only says that there
                  was one */
};

struct redis_async {
    struct event_base *base;
    struct rds_address address;
    int timeout_ms;
    const char *script;
    struct slot *slot;
    char sha[41];
    enum redis_state state;
    redisAsyncContext *context; /* NULL when DOWN */
    unsigned connection;        /* number of the context */
    struct backoff backoff;
    int64_t connect_at_ms;                  /* when DOWN */
    int64_t deadline_ms;                    /* when CONNECTING or PREPARING */
    TAILQ_HEAD(commands, command) commands; /* under way, oldest first */
    size_t command_count, command_bytes;
    char lost[512];   /* why the connection went */
    char logged[512]; /* the last of these that was logged; "" while it is there */
};

#endif
