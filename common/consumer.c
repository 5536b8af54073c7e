/* consumer: see consumer.h. Whatever goes wrong with Redis ends in one place: memory is dropped and
 * the slot enters anew, which puts what it held back into the list. */
#include "consumer.h"

#include "clock.h"
#include "log.h"
#include "stop.h"

#define IDLE_WAIT_MS 1000
/* After a stop what is claimed already is still handled for so long, so that a clean stop gives
 * nothing back: only giant articles or a store that is away leave anything over. */
#define STOP_BUDGET_MS 1000

struct loop {
    struct queue *queue;
    const struct consumer_handler *handler;
    struct slot *slot;
    struct backoff backoff;
    size_t done;        /* items whose effect is in memory */
    int64_t first_done; /* clock_ms() of the oldest of them */
    int64_t stop_at_ms; /* 0 until a stop is seen */
};

static int settle(struct loop *l, struct err *e)
{
    const struct consumer_handler *h = l->handler;
    struct consumer_settlement s = {0};
    int64_t start = clock_ms();

    if (h->collect(h->context, queue_now_ms(l->queue), &s, e) < 0)
        return e->code;
    if (queue_settle(l->queue, l->done, s.batches, s.batch_count, s.dead, s.dead_count, e) < 0)
        return e->code;
    log_info("settled", "items=%zu batches=%zu dead=%zu ms=%lld", l->done, s.batch_count,
             s.dead_count, (long long)(clock_ms() - start));
    h->forget(h->context);
    l->done = 0;
    backoff_reset(&l->backoff);
    return 0;
}

/* Milliseconds until the oldest unsettled item must be settled; 0: now. */
static int until_settle_ms(const struct loop *l)
{
    int64_t left = l->first_done + l->handler->settle_interval_ms - clock_ms();

    return left > 0 ? (int)left : 0;
}

static bool must_end(struct loop *l)
{
    if (!stop_asked())
        return false;
    if (!l->stop_at_ms)
        l->stop_at_ms = clock_ms() + STOP_BUDGET_MS;
    return clock_ms() >= l->stop_at_ms;
}

static int handle_items(struct loop *l, const struct queue_item *items, int count, struct err *e)
{
    const struct consumer_handler *h = l->handler;

    for (int i = 0; i < count && !must_end(l); i++) {
        if (h->handle(h->context, &items[i], queue_now_ms(l->queue), e) < 0)
            return e->code == ERR_AGAIN && stop_asked() ? 0 : e->code;
        if (l->done++ == 0)
            l->first_done = clock_ms();
        atomic_fetch_add(&l->slot->handled, 1);
        atomic_store(&l->slot->beat_ms, clock_ms());
        if (h->full(h->context, l->done) || (h->settle_interval_ms && until_settle_ms(l) == 0))
            if (settle(l, e) < 0)
                return e->code;
    }
    return h->settle_interval_ms == 0 && l->done ? settle(l, e) : 0;
}

/* Claims and handles until a stop (0) or an error. */
static int serve(struct loop *l, struct err *e)
{
    const struct consumer_handler *h = l->handler;

    while (!stop_asked()) {
        const struct queue_item *items;
        int count = queue_claim(l->queue, h->claim_items, h->claim_bytes, &items, e);
        atomic_store(&l->slot->beat_ms, clock_ms());
        if (count < 0)
            return e->code;
        if (count > 0) {
            if (handle_items(l, items, count, e) < 0)
                return e->code;
            continue;
        }
        int wait_ms = IDLE_WAIT_MS;
        if (l->done) {
            int left_ms = until_settle_ms(l);
            if (left_ms == 0) {
                if (settle(l, e) < 0)
                    return e->code;
                continue;
            }
            wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
        }
        if (queue_wait(l->queue, wait_ms, e) < 0)
            return e->code;
    }
    if (l->done && settle(l, e) < 0)
        return e->code;
    return queue_leave(l->queue, e);
}

int consumer_run(struct queue *q, const struct consumer_handler *h, struct slot *slot)
{
    struct loop l = {
        .queue = q, .handler = h, .slot = slot, .backoff = {.first_ms = 100, .max_ms = 5000}};
    bool away = false;
    struct err e;

    while (!stop_asked()) {
        if (queue_enter(q, &e) == 0) {
            log_info(away ? "redis.back" : "entered", "slot=%d", slot->number);
            away = false;
            if (serve(&l, &e) == 0)
                break;
        }
        /* Doubt: what is in memory may or may not be settled, only Redis knows. Drop it; what was
         * not settled is still in the hold and comes back with the next enter. */
        h->forget(h->context);
        l.done = 0;
        int wait_ms = backoff_next_ms(&l.backoff);
        log_warn("redis.away", "retry_ms=%d reason=\"%s\"", wait_ms, e.text);
        away = true;
        stop_sleep_ms(wait_ms);
    }
    return 0;
}
