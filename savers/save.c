/* save: see save.h. A batch leaves a saver in three ways: counted (now or before: the store's
 * marker knows), dead with its reason, or, when a stop ends the waiting for a store that is away,
 * given back. */
#include "save.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/article.h"
#include "common/batch.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/stop.h"
#include "store/store.h"

#define CLAIM_ITEMS    8
#define CLAIM_BYTES    (8u << 20)
#define FIRST_RETRY_MS 100
#define MAX_RETRY_MS   10000

struct save {
    const struct conf *conf;
    struct slot *slot;
    struct store *store; /* NULL while away */
    struct backoff backoff;
    bool away; /* said so in the log */
    int64_t away_since_ms;
    struct buf dead[CLAIM_ITEMS];
    size_t dead_count;
};

struct save *save_new(const struct conf *conf, struct slot *slot)
{
    struct save *s = xcalloc(1, sizeof *s);

    s->conf = conf;
    s->slot = slot;
    s->backoff = (struct backoff){.first_ms = FIRST_RETRY_MS, .max_ms = MAX_RETRY_MS};
    return s;
}

static void forget(void *context)
{
    struct save *s = context;

    for (size_t i = 0; i < s->dead_count; i++)
        buf_fini(&s->dead[i]);
    s->dead_count = 0;
}

void save_free(struct save *s)
{
    if (!s)
        return;
    forget(s);
    store_close(s->store);
    free(s);
}

/* Waiting for a store is no fault of this process, so its supervisor must not take it for stuck. */
static void wait_for_store(struct save *s, const char *reason)
{
    int wait_ms = backoff_next_ms(&s->backoff);

    if (!s->away) {
        log_warn("store.away", "kind=%s reason=\"%s\"", s->conf->store.kind, reason);
        s->away = true;
        s->away_since_ms = clock_ms();
    }
    atomic_store(&s->slot->beat_ms, clock_ms());
    if (atomic_load(&s->slot->hand_since_ms))
        atomic_store(&s->slot->hand_since_ms, clock_ms());
    stop_sleep_ms(wait_ms);
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

/* Tries until the store answers for good; STORE_AGAIN only when a stop ended the waiting. After
 * each failure the store is opened anew: the fault may be in what is open (a file that was moved).
 * A store that was right when this process started may have become wrong since; that too is waited
 * for. */
static enum store_outcome apply(struct save *s, const struct batch *batch, struct err *e)
{
    do { /* once even after a stop: what is claimed is still applied if the store takes it */
        enum store_outcome outcome = STORE_AGAIN;
        if (s->store || store_open(s->conf, 1, &s->store, e) == 0)
            outcome = store_apply(s->store, batch, e);
        if (outcome != STORE_AGAIN) {
            note_store_is_back(s);
            return outcome;
        }
        store_close(s->store);
        s->store = NULL;
        slot_count(s->slot, SLOT_STORE_AGAIN, 1);
        wait_for_store(s, e->text);
    } while (!stop_asked());
    err_set(e, ERR_AGAIN, "stopped while the store was away");
    return STORE_AGAIN;
}

static void bury(struct save *s, const struct queue_item *item, int64_t now_ms, const char *reason)
{
    if (s->dead_count == CLAIM_ITEMS)
        panic("more than %d dead batches between two settles", CLAIM_ITEMS);
    struct buf *entry = &s->dead[s->dead_count++];
    buf_init(entry, 6 * item->length + 4096); /* JSON escapes make at most six bytes of one */
    if (article_write_dead(now_ms, reason, 1, item->bytes, item->length, entry) < 0)
        panic("a dead entry of %zu bytes passed its ceiling", item->length);
    log_warn("batch.dead", "bytes=%zu reason=\"%s\"", item->length, reason);
}

static int handle(void *context, const struct queue_item *item, int64_t now_ms, struct err *e)
{
    struct save *s = context;
    struct batch batch;

    if (batch_parse(item->bytes, item->length, &batch, e) < 0) {
        bury(s, item, now_ms, e->text);
        return 0;
    }
    enum store_outcome outcome = apply(s, &batch, e);
    if (outcome == STORE_REJECTED) {
        bury(s, item, now_ms, e->text);
    } else if (outcome != STORE_AGAIN) {
        log_debug("batch.saved", "id=%s entities=%zu already=%d", batch.id, batch.entity_count,
                  outcome == STORE_ALREADY);
    }
    slot_count(s->slot, SLOT_ALREADY, outcome == STORE_ALREADY);
    batch_fini(&batch);
    return outcome == STORE_AGAIN ? ERR_AGAIN : 0;
}

static bool full(void *context, size_t done)
{
    (void)context;
    return done >= CLAIM_ITEMS;
}

static int collect(void *context, int64_t now_ms, struct consumer_settlement *out, struct err *e)
{
    struct save *s = context;

    (void)now_ms, (void)e;
    *out = (struct consumer_settlement){.dead = s->dead, .dead_count = s->dead_count};
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
        .claim_items = CLAIM_ITEMS,
        .claim_bytes = CLAIM_BYTES,
        .settle_interval_ms = 0,
    };
}
