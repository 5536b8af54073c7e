/* redis_async: see redis_async.h. Written for hiredis 0.14, which knows no timeouts for async
 * connections, frees the context by itself after a failed connect or a lost connection, and calls
 * the pending callbacks with a NULL reply then. */
#include "redis_async.h"

#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/rds.h"
#include "common/rds_advice.h"

/* After hiredis.h: it names hiredis' own types; its static functions are not all used. */
#include <hiredis/adapters/libevent.h>

enum state { DOWN, CONNECTING, PREPARING, READY };

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
};

struct redis_async {
    struct event_base *base;
    struct rds_address address;
    int timeout_ms;
    const char *script;
    struct slot *slot;
    char sha[41];
    enum state state;
    redisAsyncContext *context; /* NULL when DOWN */
    struct backoff backoff;
    int64_t connect_at_ms;                  /* when DOWN */
    int64_t deadline_ms;                    /* when CONNECTING or PREPARING */
    TAILQ_HEAD(commands, command) commands; /* under way, oldest first */
    size_t command_count, command_bytes;
    char lost[512];   /* why the connection went */
    char logged[512]; /* the last of these that was logged; "" while it is there */
};

static void connect_now(struct redis_async *r);

static void forget_context(struct redis_async *r)
{
    r->context = NULL;
    r->state = DOWN;
    r->connect_at_ms = clock_ms() + backoff_next_ms(&r->backoff);
    if (strcmp(r->lost, r->logged) == 0)
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
    r->state = CONNECTING;
    r->deadline_ms = clock_ms() + r->timeout_ms;
    c->data = r;
    if (c->err) {
        char why[128];
        snprintf(why, sizeof why, "%s", c->errstr);
        drop(r, why);
        return;
    }
    redisAsyncSetConnectCallback(c, on_connect);
    redisAsyncSetDisconnectCallback(c, on_disconnect);
    if (redisLibeventAttach(c, r->base) != REDIS_OK)
        panic("redisLibeventAttach");
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

bool redis_async_ready(const struct redis_async *r)
{
    return r->state == READY;
}

/* Errors after which this connection is of no use: another server may answer at that address, and
 * the probe of a new connection tells when this one is well. */
static bool ends_connection(const char *error)
{
    static const char *const codes[] = {"READONLY", "MASTERDOWN", "LOADING",
                                        "NOAUTH",   "MISCONF",    "NOREPLICAS"};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strncmp(error, codes[i], strlen(codes[i])) == 0)
            return true;
    return false;
}

static void collect_texts(const redisReply *reply, struct redis_async_reply *out)
{
    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; i++)
            collect_texts(reply->element[i], out);
    } else if ((reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) &&
               out->count < REDIS_ASYNC_MAX_TEXTS) {
        out->texts[out->count].bytes = reply->str;
        out->texts[out->count++].length = (size_t)reply->len;
    }
}

static void on_answer(redisAsyncContext *context, void *answer, void *privdata);

/* NOSCRIPT: it has not run, so sending it once more in full cannot run it twice. */
static bool send_in_full(redisAsyncContext *context, struct command *command)
{
    const char *argv[REDIS_ASYNC_MAX_ARGUMENTS + 2] = {"EVAL", command->owner->script};
    size_t lengths[REDIS_ASYNC_MAX_ARGUMENTS + 2] = {4, strlen(command->owner->script)};

    for (int i = 0; i < command->argc; i++) {
        argv[i + 2] = command->argv[i];
        lengths[i + 2] = command->lengths ? command->lengths[i] : strlen(command->argv[i]);
    }
    int argc = command->argc;
    command->argc = 0; /* once only */
    return redisAsyncCommandArgv(context, on_answer, command, argc + 2, argv, lengths) == REDIS_OK;
}

static void on_answer(redisAsyncContext *context, void *answer, void *privdata)
{
    struct command *command = privdata;
    struct redis_async *r = command->owner;
    const redisReply *reply = answer;
    char why[sizeof r->lost];

    if (!reply && r->context == context) { /* lost; on_disconnect() comes after the callbacks */
        snprintf(r->lost, sizeof r->lost, "connection: %s", context->errstr);
        r->state = DOWN;
        r->connect_at_ms = INT64_MAX;
    }
    if (reply && reply->type == REDIS_REPLY_ERROR && command->argc > 0 &&
        strncmp(reply->str, "NOSCRIPT", 8) == 0 && send_in_full(context, command)) {
        TAILQ_REMOVE(&r->commands, command, link); /* it is now the youngest again */
        TAILQ_INSERT_TAIL(&r->commands, command, link);
        return;
    }
    TAILQ_REMOVE(&r->commands, command, link);
    r->command_count--;
    r->command_bytes -= command->bytes;
    if (reply && reply->type != REDIS_REPLY_ERROR) {
        struct redis_async_reply texts = {0};
        collect_texts(reply, &texts);
        command->callback.run(command->callback.context, &texts, NULL);
    } else {
        snprintf(why, sizeof why, "%s", reply ? reply->str : r->lost);
        if (reply && r->context == context && ends_connection(why))
            drop(r, why);
        command->callback.run(command->callback.context, NULL, why);
    }
    free(command);
}

static int send_command(struct redis_async *r, int argc, const char *const *argv,
                        const size_t *lengths, const struct command *command, struct err *e)
{
    size_t bytes = 0;

    if (r->state != READY)
        return err_set(e, ERR_AGAIN, "connection: not connected to Redis");
    for (int i = 0; i < argc; i++)
        bytes += lengths ? lengths[i] : strlen(argv[i]);
    if (r->command_count >= REDIS_ASYNC_MAX_COMMANDS ||
        bytes > REDIS_ASYNC_MAX_BYTES - r->command_bytes)
        return err_set(e, ERR_LIMIT, "too many commands wait for Redis");
    struct command *copy = xmalloc(sizeof *copy);
    *copy = *command;
    copy->owner = r;
    copy->bytes = bytes;
    copy->deadline_ms = clock_ms() + r->timeout_ms;
    if (redisAsyncCommandArgv(r->context, on_answer, copy, argc, (const char **)(uintptr_t)argv,
                              lengths) != REDIS_OK) {
        free(copy);
        return err_set(e, ERR_AGAIN, "connection: about to close");
    }
    TAILQ_INSERT_TAIL(&r->commands, copy, link);
    r->command_count++;
    r->command_bytes += bytes;
    return 0;
}

int redis_async_send(struct redis_async *r, int argc, const char *const *argv,
                     const size_t *lengths, struct redis_async_callback callback, struct err *e)
{
    struct command command = {.callback = callback};

    return send_command(r, argc, argv, lengths, &command, e);
}

int redis_async_script(struct redis_async *r, int argc, const char *const *argv,
                       const size_t *lengths, struct redis_async_callback callback, struct err *e)
{
    const char *all[REDIS_ASYNC_MAX_ARGUMENTS + 2] = {"EVALSHA", r->sha};
    size_t all_lengths[REDIS_ASYNC_MAX_ARGUMENTS + 2] = {7, 40};
    struct command command = {.callback = callback, .argc = argc, .argv = argv, .lengths = lengths};

    if (argc > REDIS_ASYNC_MAX_ARGUMENTS)
        panic("a script with %d arguments", argc);
    for (int i = 0; i < argc; i++) {
        all[i + 2] = argv[i];
        all_lengths[i + 2] = lengths ? lengths[i] : strlen(argv[i]);
    }
    return send_command(r, argc + 2, all, all_lengths, &command, e);
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
