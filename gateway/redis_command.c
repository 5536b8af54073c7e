/* redis_command: commands on the way to Redis, and what becomes of them, for redis_async.h. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "redis_connection.h"

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

/* Returns the first error within the answer, or NULL. */
static const char *collect_texts(const redisReply *reply, struct redis_async_reply *out)
{
    const char *error = NULL;

    if (reply->type == REDIS_REPLY_ERROR)
        return reply->str;
    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; !error && i < reply->elements; i++)
            error = collect_texts(reply->element[i], out);
    } else if (reply->type == REDIS_REPLY_INTEGER) {
        out->number = reply->integer;
    } else if ((reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) &&
               out->count < REDIS_ASYNC_MAX_TEXTS) {
        out->texts[out->count].bytes = reply->str;
        out->texts[out->count++].length = (size_t)reply->len;
    }
    return error;
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
    struct redis_async_reply texts = {0};
    const char *error = reply ? collect_texts(reply, &texts) : r->lost;
    if (error && command->why)
        error = command->why;
    if (!error) {
        command->callback.run(command->callback.context, &texts, NULL);
    } else {
        snprintf(why, sizeof why, "%s", error);
        if (reply && r->context == context && ends_connection(why))
            redis_async_reset(r, why);
        command->callback.run(command->callback.context, NULL, why);
    }
    free(command->why);
    free(command);
}

/* A copy of `command` to send, or NULL. */
static struct command *admit(struct redis_async *r, size_t bytes, const struct command *command,
                             struct err *e)
{
    if (r->state != READY) {
        err_set(e, ERR_AGAIN, "connection: not connected to Redis");
        return NULL;
    }
    if (r->command_count >= REDIS_ASYNC_MAX_COMMANDS ||
        bytes > REDIS_ASYNC_MAX_BYTES - r->command_bytes) {
        err_set(e, ERR_LIMIT, "too many commands wait for Redis");
        return NULL;
    }
    struct command *copy = xmalloc(sizeof *copy);
    *copy = *command;
    copy->owner = r;
    copy->bytes = bytes;
    copy->deadline_ms = clock_ms() + r->timeout_ms;
    return copy;
}

static int sent(struct redis_async *r, struct command *command, int rc, struct err *e)
{
    if (rc != REDIS_OK) {
        free(command);
        return err_set(e, ERR_AGAIN, "connection: about to close");
    }
    TAILQ_INSERT_TAIL(&r->commands, command, link);
    r->command_count++;
    r->command_bytes += command->bytes;
    return 0;
}

static int send_command(struct redis_async *r, int argc, const char *const *argv,
                        const size_t *lengths, const struct command *command, struct err *e)
{
    size_t bytes = 0;

    for (int i = 0; i < argc; i++)
        bytes += lengths ? lengths[i] : strlen(argv[i]);
    struct command *copy = admit(r, bytes, command, e);
    if (!copy)
        return e->code;
    return sent(r, copy,
                redisAsyncCommandArgv(r->context, on_answer, copy, argc,
                                      (const char **)(uintptr_t)argv, lengths),
                e);
}

int redis_async_send_written(struct redis_async *r, const char *bytes, size_t length,
                             struct redis_async_callback callback, struct err *e)
{
    struct command command = {.callback = callback};
    struct command *copy = admit(r, length, &command, e);

    if (!copy)
        return e->code;
    return sent(r, copy, redisAsyncFormattedCommand(r->context, on_answer, copy, bytes, length), e);
}

/* The answer to a part of a transaction: QUEUED, or why not. */
static void on_part(redisAsyncContext *context, void *answer, void *privdata)
{
    struct command *command = privdata;
    const redisReply *reply = answer;

    (void)context;
    if (reply && reply->type == REDIS_REPLY_ERROR && !command->why)
        command->why = xstrdup(reply->str);
}

int redis_async_transaction(struct redis_async *r, const struct redis_async_part *parts, int count,
                            struct redis_async_callback callback, struct err *e)
{
    struct command command = {.callback = callback};
    size_t bytes = 0;
    int rc = REDIS_OK;

    for (int i = 0; i < count; i++)
        bytes += parts[i].length;
    struct command *copy = admit(r, bytes, &command, e);
    if (!copy)
        return e->code;
    for (int i = 0; i < count && rc == REDIS_OK; i++) {
        rc = redisAsyncFormattedCommand(r->context, i + 1 < count ? on_part : on_answer, copy,
                                        parts[i].bytes, parts[i].length);
        if (rc != REDIS_OK && i > 0)
            panic("hiredis took but a part of a transaction");
    }
    return sent(r, copy, rc, e);
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
