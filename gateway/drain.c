/* drain: see drain.h. Counted is what workers claim, not what they have settled: that comes in
 * lumps of seconds. */
#include "drain.h"

#include <stdlib.h>

#include "common/clock.h"
#include "gateway.h"

#define LOOK_MS     1000
#define MEMORY_MS   10000 /* what lies so far back counts for little */
#define SHORTEST_MS 100   /* two looks closer than that say nothing */

void drain_look(struct drain *d, int64_t now_ms, int64_t taken, int64_t waiting)
{
    int64_t passed_ms = now_ms - d->at_ms;

    if (d->at_ms && passed_ms < SHORTEST_MS)
        return;
    /* Where nothing waits it is the producers who are slow; and a counter that fell is a new one.
     */
    if (d->at_ms && waiting > 0 && taken >= d->taken) {
        double now = (double)(taken - d->taken) * 1000 / (double)passed_ms;
        double weight = d->known ? (double)passed_ms / (double)(passed_ms + MEMORY_MS) : 1;
        d->per_second += (now - d->per_second) * weight;
        d->known = true;
    }
    d->taken = taken;
    d->at_ms = now_ms;
}

int drain_seconds(const struct drain *d, int64_t articles)
{
    if (!d->known)
        return DRAIN_UNKNOWN_S;
    if (d->per_second * DRAIN_MAX_S <= (double)articles)
        return DRAIN_MAX_S;
    int seconds = (int)((double)articles / d->per_second + 0.999);
    return seconds < 1 ? 1 : seconds;
}

static int64_t number_of(const struct redis_async_reply *reply)
{
    if (reply->count == 0)
        return reply->number; /* 0 for a field that is not there */
    return strtoll(reply->texts[0].bytes, NULL, 10);
}

static void on_waiting(void *context, const struct redis_async_reply *reply, const char *why)
{
    (void)why;
    ((struct drain *)context)->waiting = reply ? number_of(reply) : 0;
}

static void on_claimed(void *context, const struct redis_async_reply *reply, const char *why)
{
    (void)why;
    ((struct drain *)context)->claimed = reply ? number_of(reply) : -1;
}

static void on_returned(void *context, const struct redis_async_reply *reply, const char *why)
{
    struct drain *d = context;

    (void)why;
    if (reply && d->claimed >= 0)
        drain_look(d, clock_ms(), d->claimed - number_of(reply), d->waiting);
}

void drain_tick(struct gateway *g)
{
    const struct {
        const char *argv[3];
        int argc;
        void (*run)(void *context, const struct redis_async_reply *reply, const char *why);
    } commands[] = {{{"LLEN", g->articles}, 2, on_waiting},
                    {{"HGET", g->stats, "claimed"}, 3, on_claimed},
                    {{"HGET", g->stats, "returned"}, 3, on_returned}};
    int64_t now = clock_ms();
    struct err e;

    if (now - g->drain.asked_ms < LOOK_MS || !redis_async_ready(g->redis))
        return;
    g->drain.asked_ms = now;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct redis_async_callback callback = {.run = commands[i].run, .context = &g->drain};
        if (redis_async_send(g->redis, commands[i].argc, commands[i].argv, NULL, callback, &e) < 0)
            return;
    }
}
