/* bulk_check: see bulk_check.h. */
#include "bulk_check.h"

#include <stdlib.h>
#include <string.h>

struct bulk_check {
    unsigned owed; /* callbacks */
    bool dropped;  /* freed when none is owed */
    char *remembered;
    int64_t depth, max_backlog; /* depth < 0: not known */
};

static void settle(struct bulk_check *c)
{
    c->owed--;
    if (c->dropped && c->owed == 0) {
        free(c->remembered);
        free(c);
    }
}

static void on_remembered(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct bulk_check *c = context;

    (void)why;
    if (reply && reply->count == 1)
        c->remembered = xstrdup(reply->texts[0].bytes);
    settle(c);
}

static void on_depth(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct bulk_check *c = context;

    (void)why;
    if (reply)
        c->depth = reply->number;
    settle(c);
}

static void ask(struct bulk_check *c, struct redis_async *redis, const char *command,
                const char *key,
                void (*run)(void *, const struct redis_async_reply *, const char *))
{
    struct redis_async_callback callback = {.run = run, .context = c};
    const char *argv[] = {command, key};
    struct err e;

    if (redis_async_send(redis, 2, argv, NULL, callback, &e) == 0)
        c->owed++;
}

struct bulk_check *bulk_check_new(struct gateway *g, const char *memory)
{
    struct bulk_check *c = xcalloc(1, sizeof *c);

    c->depth = -1;
    c->max_backlog = g->conf->gateway.max_backlog;
    if (memory)
        ask(c, g->redis, "GET", memory, on_remembered);
    ask(c, g->redis, "LLEN", g->articles, on_depth); /* answered last: then the other is known */
    return c;
}

void bulk_check_free(struct bulk_check *c)
{
    if (!c)
        return;
    c->dropped = true;
    c->owed++;
    settle(c);
}

const char *bulk_check_remembered(const struct bulk_check *c)
{
    return c->remembered;
}

bool bulk_check_full(const struct bulk_check *c, int64_t *depth)
{
    *depth = c->depth;
    return !c->remembered && c->depth >= c->max_backlog;
}
