/* consumer: see consumer.h. Whatever goes wrong with Redis ends in one place: memory is dropped and
 * the slot enters anew, which puts what it held back into the list. */
#include "consumer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dead.h"
#include "log.h"
#include "rds_advice.h"
#include "stop.h"

#define IDLE_WAIT_MS 1000
/* However long Redis was away, its return is seen within so much. */
#define RETRY_MAX_MS 1500
/* After a stop what is claimed already is still handled for so long, so that a clean stop gives
 * nothing back: only giant articles or a store that is away leave anything over. */
#define STOP_BUDGET_MS 1000
/* How many items pass between two looks at our own memory. */
#define MEMORY_CHECK_ITEMS 256
/* After a crash or kill so many items, at least all that the dead process held, are claimed one by
 * one and settled at once: a saver that died over several batches at once could blame none of them,
 * and what is settled is not lost when the next process dies over the same item. */
#define CAREFUL_ITEMS 64

struct loop {
    struct queue *queue;
    const struct consumer_handler *handler;
    struct slot *slot;
    struct backoff backoff;
    size_t done;        /* items whose effect is in memory */
    int64_t first_done; /* clock_ms() of the oldest of them */
    int64_t stop_at_ms; /* 0 until a stop is seen */
    bool too_big;       /* the memory mark is passed */
    int careful;        /* items still to be claimed one by one */
};

static void beat(struct loop *l)
{
    atomic_store(&l->slot->beat_ms, clock_ms());
}

static int settle(struct loop *l, struct err *e)
{
    const struct consumer_handler *h = l->handler;
    struct consumer_settlement s = {.done = l->done};
    int64_t start = clock_ms();

    if (h->collect(h->context, queue_now_ms(l->queue), &s, e) < 0)
        return e->code;
    queue_note_writes(l->queue, s.store_writes);
    if (queue_settle(l->queue, s.done, s.batches, s.batch_count, s.dead, s.dead_count, e) < 0)
        return e->code;
    slot_count(l->slot, SLOT_SETTLES, 1);
    slot_count(l->slot, SLOT_DEAD, s.dead_count);
    slot_count(l->slot, SLOT_BATCHES, s.batch_count);
    log_info("settled", "items=%zu batches=%zu dead=%zu ms=%lld", s.done, s.batch_count,
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

static void check_memory(struct loop *l)
{
    size_t mark = l->handler->max_memory_bytes;
    unsigned long total = 0, resident = 0;

    if (!mark || atomic_load(&l->slot->handled) % MEMORY_CHECK_ITEMS != 0)
        return;
    FILE *file = fopen("/proc/self/statm", "r"); /* proc(5): pages */
    if (!file)
        return;
    if (fscanf(file, "%lu %lu", &total, &resident) == 2 &&
        resident * (size_t)sysconf(_SC_PAGESIZE) > mark && !l->too_big) {
        l->too_big = true;
        log_info("memory.mark", "resident_bytes=%zu", resident * (size_t)sysconf(_SC_PAGESIZE));
    }
    fclose(file);
}

static int handle_item(struct loop *l, const struct queue_item *item, struct err *e)
{
    const struct consumer_handler *h = l->handler;
    int64_t start = clock_us();

    /* Named before it is touched: if we die over it, the supervisor reads this. */
    atomic_store(&l->slot->hand_index, (unsigned)l->done);
    atomic_store(&l->slot->hand_since_ms, start / 1000);
    int code = h->handle(h->context, item, queue_now_ms(l->queue), e);
    atomic_store(&l->slot->hand_since_ms, 0);
    slot_count(l->slot, SLOT_BUSY_MICROSECONDS, (uint64_t)(clock_us() - start));
    return code;
}

static int handle_items(struct loop *l, const struct queue_item *items, int count, struct err *e)
{
    const struct consumer_handler *h = l->handler;

    for (int i = 0; i < count && !must_end(l); i++) {
        if (handle_item(l, &items[i], e) < 0)
            return e->code == ERR_AGAIN && stop_asked() ? 0 : e->code;
        if (l->done++ == 0)
            l->first_done = clock_ms();
        atomic_fetch_add(&l->slot->handled, 1);
        slot_count(l->slot, SLOT_ITEMS, 1);
        beat(l);
        check_memory(l);
        if (l->careful || h->full(h->context, l->done) ||
            (h->settle_interval_ms && until_settle_ms(l) == 0))
            if (settle(l, e) < 0)
                return e->code;
    }
    return h->settle_interval_ms == 0 && l->done ? settle(l, e) : 0;
}

/* Nothing is there: settles what is due, else waits. */
static int idle(struct loop *l, struct err *e)
{
    int wait_ms = IDLE_WAIT_MS;

    if (l->done) {
        int left_ms = until_settle_ms(l);
        if (left_ms == 0)
            return settle(l, e);
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    }
    if (queue_wait(l->queue, wait_ms, e) < 0)
        return e->code;
    if (!l->done) /* after a quiet wait; with something in memory only a settle proves all well */
        backoff_reset(&l->backoff);
    return 0;
}

/* Claims and handles until a stop (0) or an error. */
static int serve(struct loop *l, struct err *e)
{
    const struct consumer_handler *h = l->handler;

    while (!stop_asked() && !l->too_big) {
        const struct queue_item *items;
        int most = l->careful ? 1 : h->claim_items;
        int count = queue_claim(l->queue, most, h->claim_bytes, &items, e);
        beat(l);
        int code = count < 0 ? count : count ? handle_items(l, items, count, e) : idle(l, e);
        l->careful -= l->careful && count > 0;
        if (code < 0)
            return code;
    }
    if (l->done && settle(l, e) < 0)
        return e->code;
    return queue_leave(l->queue, e);
}

/* The one item in our hold has crashed its worker too often. */
static int bury(struct loop *l, const struct queue_poison *poison, int signal, struct err *e)
{
    char reason[128];
    struct dead dead = {0};

    snprintf(reason, sizeof reason, "ended its process %u times, last by signal %d (%s)",
             poison->strikes, signal, strsignal(signal));
    dead_add(&dead, &poison->item, queue_now_ms(l->queue), poison->strikes, reason);
    int code = queue_settle(l->queue, 1, NULL, 0, dead.entries, dead.count, e);
    dead_fini(&dead);
    if (code == 0) {
        slot_count(l->slot, SLOT_DEAD, 1);
        log_error("item.poisonous", "bytes=%zu reason=\"%s\"", poison->item.length, reason);
    }
    return code;
}

static int enter(struct loop *l, struct err *e)
{
    struct slot *slot = l->slot;
    int signal = atomic_load(&slot->blame);
    struct queue_blame blame = {.owner = signal ? slot->blame_owner : NULL,
                                .index = slot->blame_index,
                                .unseen = slot->blame_unseen};
    struct queue_poison poison;

    if (queue_enter(l->queue, atomic_load(&slot->inherits), &blame, &poison, e) < 0)
        return e->code;
    /* A repeat after a lost answer finds that owner's hold empty: no strike is given twice. */
    atomic_store(&slot->blame, 0);
    snprintf(slot->owner, sizeof slot->owner, "%s", queue_owner(l->queue));
    atomic_store(&slot->ready, true);
    if (blame.unseen && poison.strikes >= QUEUE_STRIKES)
        log_warn("item.suspect",
                 "kills=%u advice=\"processes die over one item, and nobody says why: it waits "
                 "behind the others; see memory limits and who sends SIGKILL\"",
                 poison.strikes);
    return poison.item.bytes ? bury(l, &poison, signal, e) : 0;
}

int consumer_run(struct queue *q, const struct consumer_handler *h, struct slot *slot)
{
    struct loop l = {.queue = q,
                     .handler = h,
                     .slot = slot,
                     .backoff = {.first_ms = 100, .max_ms = RETRY_MAX_MS},
                     .careful = atomic_exchange(&slot->careful, false) ? CAREFUL_ITEMS : 0};
    bool away = false;
    struct err e;

    while (!stop_asked()) {
        if (enter(&l, &e) == 0) {
            log_info(away ? "redis.back" : "entered", "owner=%s", slot->owner);
            away = false;
            if (serve(&l, &e) == 0)
                break;
        } else if (e.code == ERR_IN_USE) {
            return SLOTS_EXIT_IN_USE;
        }
        /* Doubt: what is in memory may or may not be settled, only Redis knows. Drop it; what was
         * not settled is still in the hold and comes back with the next enter. */
        h->forget(h->context);
        l.done = 0;
        int wait_ms = backoff_next_ms(&l.backoff);
        log_warn("redis.away", "retry_ms=%d reason=\"%s\" advice=\"%s\"", wait_ms, e.text,
                 rds_advice(e.text));
        slot_count(slot, SLOT_AWAY, 1);
        away = true;
        beat(&l);
        stop_sleep_ms(wait_ms);
    }
    return 0;
}
