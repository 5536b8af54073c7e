/* ready: see ready.h. */
#include "ready.h"

#include <stdio.h>

#include "bulk.h"
#include "common/clock.h"
#include "gateway.h"
#include "ready_lua.h"

#define ASK_MS      1000
#define PATIENCE_MS 1000 /* who does not answer so long takes no post */

void ready_learn(struct ready *r, const char *why)
{
    r->known = true;
    r->heard_ms = clock_ms();
    *r->why = 0;
    if (why) /* the other comes with every group of posts */
        snprintf(r->why, sizeof r->why, "%s", why);
}

static void on_answer(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct ready *r = context;

    (void)reply;
    r->asked_ms = 0;
    ready_learn(r, why);
}

void ready_tick(struct ready *r, const struct gateway *g, struct redis_async *redis, bool busy)
{
    const char *argv[] = {"EVAL", ready_lua, "2", g->articles, g->stats};
    struct redis_async_callback callback = {.run = on_answer, .context = r};
    int64_t now = clock_ms();
    struct err e;

    if (busy || r->asked_ms || (r->known && now - r->heard_ms < ASK_MS))
        return;
    if (redis_async_send(redis, 5, argv, NULL, callback, &e) == 0)
        r->asked_ms = now;
}

const char *ready_why(const struct ready *r, const struct redis_async *redis)
{
    if (!redis_async_ready(redis))
        return "connection: not connected to Redis";
    if (!r->known)
        return "connection: Redis was not asked yet";
    if (r->asked_ms && clock_ms() - r->asked_ms > PATIENCE_MS)
        return "connection: Redis does not answer";
    return *r->why ? r->why : NULL;
}

const char *ready_check(const struct gateway *g)
{
    const char *why = ready_why(&g->ready, g->redis);

    return why ? why : bulk_queue_why(g->bulks);
}
