/* save: see save.h. A batch leaves a saver in three ways: counted (now or before: the store's
 * marker knows), dead with its reason, or, when a stop ends the waiting for a store that is away,
 * given back. */
#include "save.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/batch.h"
#include "common/clock.h"
#include "common/dead.h"
#include "common/fault_hook.h"
#include "common/log.h"
#include "common/stop.h"
#include "store/store.h"

#define MAX_BATCHES    64 /* the setting's upper bound */
#define CLAIM_BYTES    (8u << 20)
#define FIRST_RETRY_MS 100
#define MAX_RETRY_MS   10000
#define BEAT_MS        1000
/* After a stop, batches in hand are applied for so long; a store that is fast takes them all. */
#define STOP_BUDGET_MS 1000

struct save {
    const struct conf *conf;
    struct slot *slot;
    struct store *store; /* NULL while away */
    struct backoff backoff;
    bool away; /* said so in the log */
    int64_t away_since_ms;
    int64_t redis_ms;      /* for the store's next batches; see store_set_time() */
    int64_t redis_lead_ms; /* Redis' time less clock_ms() at the first batches; 0: none yet */
    bool clock_differs;    /* said so in the log */
    int64_t stop_at_ms;    /* 0 until a stop is seen */
    uint64_t old_writes;   /* the store's count of them that the stats have */
    /* What was handled since the last settle. A batch that could not be read has an empty place and
     * the reason. The items' bytes are the queue's. */
    size_t count;
    struct queue_item items[MAX_BATCHES];
    struct batch batches[MAX_BATCHES];
    struct err faults[MAX_BATCHES]; /* code 0: none */
    struct dead dead;               /* waits for the settle */
};

struct save *save_new(const struct conf *conf, struct slot *slot)
{
    struct save *s = xcalloc(1, sizeof *s);

    fault_hook_setup();
    s->conf = conf;
    s->slot = slot;
    s->backoff = (struct backoff){.first_ms = FIRST_RETRY_MS, .max_ms = MAX_RETRY_MS};
    return s;
}

static void forget(void *context)
{
    struct save *s = context;

    dead_clear(&s->dead);
    for (size_t i = 0; i < s->count; i++)
        batch_fini(&s->batches[i]);
    s->count = 0;
}

void save_free(struct save *s)
{
    if (!s)
        return;
    forget(s);
    dead_fini(&s->dead);
    store_close(s->store);
    free(s);
}

/* --- the store ---------------------------------------------------------------------------------
 */

/* Waiting for a store is no fault of this process: its lease is to be renewed meanwhile. */
static void sleep_ms(struct save *s, int ms)
{
    atomic_store(&s->slot->beat_ms, clock_ms());
    stop_sleep_ms(ms);
}

static void wait_for_store(struct save *s, const char *reason)
{
    if (!s->away) {
        log_warn("store.away", "kind=%s reason=\"%s\"", s->conf->store.kind, reason);
        s->away = true;
        s->away_since_ms = clock_ms();
    }
    sleep_ms(s, backoff_next_ms(&s->backoff));
}

static void note_store_is_back(struct save *s)
{
    if (s->away)
        log_info("store.back", "kind=%s away_ms=%lld", s->conf->store.kind,
                 (long long)(clock_ms() - s->away_since_ms));
    s->away = false;
    backoff_reset(&s->backoff);
}

int save_open(struct save *s, struct err *e)
{
    while (!stop_asked()) {
        int code = store_open(s->conf, 1, &s->store, e);
        if (code == 0) {
            note_store_is_back(s);
            return 0;
        }
        if (code == ERR_CONFIG)
            return code;
        wait_for_store(s, e->text);
    }
    return err_set(e, ERR_AGAIN, "stopped while the store was away");
}

static bool must_end(struct save *s)
{
    if (!stop_asked())
        return false;
    if (!s->stop_at_ms)
        s->stop_at_ms = clock_ms() + STOP_BUDGET_MS;
    return clock_ms() >= s->stop_at_ms;
}

/* A rate limit or a server's Retry-After; false when a stop came first. */
static bool pause_for_store(struct save *s)
{
    int64_t pause_ms;

    while (s->store && (pause_ms = store_pause_ms(s->store)) > 0) {
        if (stop_asked())
            return false;
        sleep_ms(s, pause_ms < BEAT_MS ? (int)pause_ms : BEAT_MS);
    }
    return true;
}

/* After a failure most stores are opened anew: the fault may be in what is open (a file that was
 * moved). A store that was right when this process started may have become wrong since; that too
 * is waited for. */
static void let_store_recover(struct save *s, const struct err *why)
{
    slot_count(s->slot, SLOT_STORE_AGAIN, 1);
    if (s->store && !store_mends(s->store)) {
        store_close(s->store);
        s->store = NULL;
        s->old_writes = 0;
    }
    wait_for_store(s, why->text);
}

/* A batch that goes alone is named before it is sent: should it end this process, the supervisor
 * reads which one it was. Several at once blame none; after a crash they come one by one. */
static size_t apply_named(struct save *s, const struct batch *batches, size_t count,
                          enum store_outcome *outcomes, struct err *why)
{
    if (count == 1) {
        atomic_store(&s->slot->hand_index, (unsigned)(batches - s->batches));
        atomic_store(&s->slot->hand_since_ms, clock_ms());
    }
    for (size_t i = 0; i < count; i++)
        fault_hook(batches[i].name, strlen(batches[i].name));
    size_t done = store_apply_many(s->store, batches, count, outcomes, why);
    atomic_store(&s->slot->hand_since_ms, 0);
    return done;
}

/* Tries until the store has answered for good about the first of these batches; returns about how
 * many, the last of which `why` explains. 0: a stop ended the waiting. */
static size_t apply(struct save *s, const struct batch *batches, size_t count,
                    enum store_outcome *outcomes, struct err *why)
{
    do { /* once even after a stop: what is claimed is still applied if the store takes it */
        size_t done = 0;
        if (!pause_for_store(s))
            break;
        if (s->store || store_open(s->conf, 1, &s->store, why) == 0) {
            store_set_time(s->store, s->redis_ms);
            done = apply_named(s, batches, count, outcomes, why);
            done -= outcomes[done - 1] == STORE_AGAIN;
        }
        if (done) {
            note_store_is_back(s);
            return done; /* what is to be sent again comes again with the rest */
        }
        let_store_recover(s, why);
    } while (!stop_asked());
    err_set(why, ERR_AGAIN, "stopped while the store was away");
    return 0;
}

/* --- the handler -------------------------------------------------------------------------------
 */

static int handle(void *context, const struct queue_item *item, int64_t now_ms, struct err *e)
{
    struct save *s = context;

    (void)now_ms, (void)e;
    if (s->count == MAX_BATCHES)
        panic("more than %d batches between two settles", MAX_BATCHES);
    s->items[s->count] = *item;
    s->faults[s->count].code = 0;
    batch_parse(item->bytes, item->length, &s->batches[s->count], &s->faults[s->count]);
    s->count++;
    return 0;
}

static bool full(void *context, size_t done)
{
    const struct save *s = context;

    return done >= (size_t)s->conf->savers.max_batches;
}

static void bury(struct save *s, size_t i, int64_t now_ms, const char *reason)
{
    dead_add(&s->dead, &s->items[i], now_ms, 1, reason);
    log_warn("batch.dead", "bytes=%zu reason=\"%s\"", s->items[i].length, reason);
}

/* Applies the batches from `i` on up to the next one that could not be read; returns how many are
 * done, 0 after a stop. */
static size_t apply_run(struct save *s, size_t i, int64_t now_ms)
{
    enum store_outcome outcomes[MAX_BATCHES];
    struct err why = {.code = 0};
    size_t end = i + 1;

    while (end < s->count && !s->faults[end].code)
        end++;
    size_t done = must_end(s) ? 0 : apply(s, &s->batches[i], end - i, outcomes, &why);
    for (size_t k = 0; k < done; k++) {
        const struct batch *batch = &s->batches[i + k];
        if (outcomes[k] == STORE_REJECTED)
            bury(s, i + k, now_ms, why.text);
        else
            log_debug("batch.saved", "id=%s entities=%zu already=%d", batch->id,
                      batch->entity_count, outcomes[k] == STORE_ALREADY);
        slot_count(s->slot, SLOT_ALREADY, outcomes[k] == STORE_ALREADY);
    }
    return done;
}

/* By Redis' time old batches are refused and old markers forgotten, which counts twice where it is
 * wrong: it must be near this machine's, and must not have jumped since this process began. */
static int64_t trusted_time(struct save *s, int64_t now_ms)
{
    int64_t lead_ms = now_ms - clock_ms(), ahead_ms = now_ms - clock_wall_ms();

    if (!s->redis_lead_ms)
        s->redis_lead_ms = lead_ms;
    int64_t jumped_ms = lead_ms - s->redis_lead_ms;
    bool differs = llabs(ahead_ms) > CLOCK_TRUST_MS || llabs(jumped_ms) > CLOCK_TRUST_MS;
    if (differs != s->clock_differs && differs)
        log_warn(
            "clock.differs",
            "redis_ahead_ms=%lld redis_jumped_ms=%lld effect=\"no marker is forgotten and no "
            "batch refused for its age\" advice=\"let Redis' machine and this one keep time by "
            "NTP\"",
            (long long)ahead_ms, (long long)jumped_ms);
    else if (differs != s->clock_differs)
        log_info("clock.agrees", "redis_ahead_ms=%lld", (long long)ahead_ms);
    s->clock_differs = differs;
    return differs ? 0 : now_ms;
}

static int collect(void *context, int64_t now_ms, struct consumer_settlement *out, struct err *e)
{
    struct save *s = context;
    int64_t start_us = clock_us();
    size_t done = 0, more = 1;

    (void)e;
    s->redis_ms = trusted_time(s, now_ms);
    for (; done < s->count && more; done += more) {
        more = 1;
        if (s->faults[done].code)
            bury(s, done, now_ms, s->faults[done].text);
        else
            more = apply_run(s, done, now_ms);
        atomic_store(&s->slot->beat_ms, clock_ms());
    }
    out->done = done;
    out->dead = s->dead.entries;
    out->dead_count = s->dead.count;
    uint64_t writes = s->store ? store_writes(s->store) : s->old_writes;
    out->store_writes = writes - s->old_writes;
    s->old_writes = writes;
    slot_count(s->slot, SLOT_BUSY_MICROSECONDS, (uint64_t)(clock_us() - start_us));
    return 0;
}

struct consumer_handler save_handler(struct save *s)
{
    return (struct consumer_handler){
        .handle = handle,
        .full = full,
        .collect = collect,
        .forget = forget,
        .context = s,
        .claim_items = (int)s->conf->savers.max_batches,
        .claim_bytes = CLAIM_BYTES,
        .settle_interval_ms = 0,
    };
}
