/* redis_async: see redis_async.h; here the connection, in redis_command.c what goes over it.
 * Written for hiredis 0.14, which knows no timeouts for async connections, frees the context by
 * itself after a failed connect or a lost connection, and calls the pending callbacks with a NULL
 * reply then. */
#include "redis_async.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/rds_advice.h"
#include "redis_connection.h"

/* After hiredis.h: it names hiredis' own types; its static functions are not all used. */
#include <hiredis/adapters/libevent.h>

static void connect_now(struct redis_async *r);

static void forget_context(struct redis_async *r)
{
    r->context = NULL;
    r->state = DOWN;
    r->connect_at_ms = clock_ms() + backoff_next_ms(&r->backoff);
    if (strcmp(r->lost, r->logged) == 0 || !r->slot)
        return;
    if (!*r->logged)
        slot_count(r->slot, SLOT_AWAY, 1);
    memcpy(r->logged, r->lost, sizeof r->logged);
    log_warn("redis.lost", "reason=\"%s\" advice=\"%s\"", r->lost, rds_advice(r->lost));
}

/* Ends the connection; all that is under way fails. */
static void drop(struct redis_async *r, const char *why)
{
    redisAsyncContext *context = r->context;

    if (!context)
        return;
    snprintf(r->lost, sizeof r->lost, "connection: %.200s", why);
    forget_context(r);
    redisAsyncFree(context); /* calls the pending callbacks, now or when we are back in hiredis */
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis_async *r = context->data;

    if (r->context != context)
        return;
    if (status != REDIS_OK)
        snprintf(r->lost, sizeof r->lost, "connection: %s", context->errstr);
    forget_context(r);
}

/* A script that may write and does nothing: refused where a write would be, so that a Redis that
 * is a replica, cannot save or lacks its replicas is not taken for one that is back. A full one is:
 * it says so to each article, and has room again at any moment. */
#define PROBE "#!lua flags=allow-oom\nreturn 'ready'"

/* Called for each answer to AUTH, SELECT, SCRIPT LOAD and the probe. */
static void on_prepared(redisAsyncContext *context, void *answer, void *last)
{
    struct redis_async *r = context->data;
    const redisReply *reply = answer;

    if (r->context != context || r->state != PREPARING)
        return;
    if (!reply) {
        snprintf(r->lost, sizeof r->lost, "connection: %s", context->errstr);
        r->state = DOWN; /* on_disconnect() follows */
    } else if (reply->type == REDIS_REPLY_ERROR) {
        drop(r, reply->str);
    } else if (reply->type == REDIS_REPLY_STRING && reply->len == 40) {
        memcpy(r->sha, reply->str, sizeof r->sha);
    } else if (last) {
        r->state = READY;
        *r->logged = 0;
        backoff_reset(&r->backoff);
        if (!r->slot)
            return;
        log_info("redis.connected", "%s=%s", r->address.unix_path ? "path" : "host",
                 r->address.unix_path ? r->address.unix_path : r->address.host);
    }
}

static void prepare(struct redis_async *r)
{
    const struct rds_address *to = &r->address;
    redisAsyncContext *c = r->context;

    r->state = PREPARING;
    if (to->password && to->user)
        redisAsyncCommand(c, on_prepared, NULL, "AUTH %s %s", to->user, to->password);
    else if (to->password)
        redisAsyncCommand(c, on_prepared, NULL, "AUTH %s", to->password);
    if (to->database)
        redisAsyncCommand(c, on_prepared, NULL, "SELECT %d", to->database);
    redisAsyncCommand(c, on_prepared, NULL, "SCRIPT LOAD %s", r->script);
    redisAsyncCommand(c, on_prepared, r, "EVAL %s 0", PROBE);
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_async *r = context->data;

    if (r->context != context)
        return;
    if (status == REDIS_OK) {
        if (!r->address.unix_path) /* hiredis marks a Unix socket broken that has no TCP options */
            redisEnableKeepAlive(&r->context->c);
        prepare(r);
        return;
    }
    snprintf(r->lost, sizeof r->lost, "connection: %s", context->c.errstr);
    forget_context(r); /* hiredis frees it when we return */
}

static void connect_now(struct redis_async *r)
{
    const struct rds_address *to = &r->address;
    redisAsyncContext *c = to->unix_path ? redisAsyncConnectUnix(to->unix_path)
                                         : redisAsyncConnect(to->host, to->port);

    if (!c)
        panic("out of memory for a connection");
    r->context = c;
    r->connection++;
    r->state = CONNECTING;
    r->deadline_ms = clock_ms() + r->timeout_ms;
    c->data = r;
    if (c->err) {
        char why[128];
        snprintf(why, sizeof why, "%s", c->errstr);
        drop(r, why);
        return;
    }
    /* First: the call after it asks for the write event that tells of the connection. */
    if (redisLibeventAttach(c, r->base) != REDIS_OK)
        panic("redisLibeventAttach");
    redisAsyncSetConnectCallback(c, on_connect);
    redisAsyncSetDisconnectCallback(c, on_disconnect);
}

int redis_async_new(struct event_base *base, const struct conf *conf, const char *script,
                    struct slot *slot, struct redis_async **out, struct err *e)
{
    struct redis_async *r = xcalloc(1, sizeof *r);

    *out = NULL;
    *r = (struct redis_async){.base = base,
                              .timeout_ms = (int)conf->redis.timeout_ms,
                              .script = script,
                              .slot = slot,
                              .backoff = {.first_ms = 50, .max_ms = 1500}};
    TAILQ_INIT(&r->commands);
    if (rds_address_load(conf, &r->address, e) < 0) {
        free(r);
        return e->code;
    }
    connect_now(r);
    *out = r;
    return 0;
}

void redis_async_free(struct redis_async *r)
{
    if (!r)
        return;
    snprintf(r->logged, sizeof r->logged, "connection: closed"); /* by ourselves: no news */
    drop(r, "closed");
    rds_address_fini(&r->address);
    free(r);
}

unsigned redis_async_connection(const struct redis_async *r)
{
    return r->connection;
}

bool redis_async_ready(const struct redis_async *r)
{
    return r->state == READY;
}

void redis_async_reset(struct redis_async *r, const char *why)
{
    drop(r, why);
}

void redis_async_tick(struct redis_async *r)
{
    const struct command *oldest = TAILQ_FIRST(&r->commands);
    int64_t now = clock_ms();

    if (r->state == DOWN) {
        if (!r->context && r->connect_at_ms <= now)
            connect_now(r);
    } else if (r->state != READY) {
        if (r->deadline_ms <= now)
            drop(r, "no answer while connecting");
    } else if (oldest && oldest->deadline_ms <= now) {
        /* Its late answer would be taken for the next one's: the connection is worth nothing. */
        drop(r, "no answer in time");
    }
}
