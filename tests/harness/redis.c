/* redis: a private redis-server, for harness.h. */
#include "harness.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

static redisReply *command(struct redis *r, const char *format, va_list args)
{
    for (int try = 0; try < 2; try++) {
        redisContext *c = r->connection;
        va_list again;
        if (!c || c->err) {
            struct timeval timeout = {.tv_sec = 10};
            if (c)
                redisFree(c);
            r->connection = c = redisConnectWithTimeout("127.0.0.1", r->port, timeout);
            if (!c || c->err)
                return NULL;
            if (r->user)
                freeReplyObject(redisCommand(c, "AUTH %s x", r->user));
        }
        va_copy(again, args);
        redisReply *reply = redisvCommand(c, format, again);
        va_end(again);
        if (reply)
            return reply; /* a connection that a restart cut is made anew once */
    }
    return NULL;
}

long long redis_int(struct redis *r, const char *format, ...)
{
    long long value = -1;
    va_list args;

    va_start(args, format);
    redisReply *reply = command(r, format, args);
    va_end(args);
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        value = reply->integer;
    else if (reply && reply->type == REDIS_REPLY_STRING)
        value = (long long)reply->len;
    else if (reply && reply->type == REDIS_REPLY_ARRAY)
        value = (long long)reply->elements;
    if (reply)
        freeReplyObject(reply);
    return value;
}

char *redis_text(struct redis *r, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    redisReply *reply = command(r, format, args);
    va_end(args);
    if (reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS))
        text = xstrdup(reply->str);
    if (reply)
        freeReplyObject(reply);
    return text;
}

static bool answers(void *context)
{
    char *pong = redis_text(context, "PING");
    bool yes = pong && strcmp(pong, "PONG") == 0;

    free(pong);
    return yes;
}

void redis_restart(struct redis *r)
{
    char port[12];
    const char *args[] = {"redis.conf",   "--port",     port,        "--dir",     r->dir,
                          "--unixsocket", "redis.sock", "--aclfile", r->acl_file, NULL};

    if (!r->acl_file)
        args[7] = NULL;

    snprintf(port, sizeof port, "%d", r->port);
    proc_start(&r->proc, "deploy/redis-server", NULL, args);
    if (!wait_until("redis-server to answer PING", 20000, answers, r))
        panic("redis-server did not start, see %s", r->proc.log);
}

void redis_start(struct redis *r)
{
    *r = (struct redis){.port = harness_port(), .dir = harness_dir()};
    snprintf(r->url, sizeof r->url, "redis://127.0.0.1:%d", r->port);
    redis_restart(r);
}

static void end(struct redis *r, int signal)
{
    if (r->connection)
        redisFree(r->connection);
    r->connection = NULL;
    proc_stop(&r->proc, signal, 20000);
}

void redis_stop(struct redis *r)
{
    end(r, SIGTERM);
}

void redis_kill(struct redis *r)
{
    end(r, SIGKILL);
}
