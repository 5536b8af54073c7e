/* metrics: see metrics.h. Names follow prometheus.io's rules: base units, _total for counters; no
 * label ever carries text of an article. */
#include "metrics.h"

#include <string.h>

#include "clock.h"

#ifndef NEWSMILL_VERSION
#define NEWSMILL_VERSION "unknown"
#endif

static const struct family {
    enum slot_counter counter;
    const char *role;   /* that has it; NULL: all */
    const char *name;   /* without newsmill_ */
    const char *labels; /* {…} or "" */
    const char *help;   /* NULL: another row of the family before */
    double scale;
} families[] = {
    {SLOT_ITEMS, "workers", "articles_total", "", "Articles handled.", 1},
    {SLOT_DEAD, "workers", "dead_total", "{list=\"articles\"}", "Items put on a dead list.", 1},
    {SLOT_TOKENS, "workers", "ner_tokens_total", "", "Tokens that the model read.", 1},
    {SLOT_ENTITIES, "workers", "ner_entities_total", "", "Entities found, skipped labels too.", 1},
    {SLOT_BUSY_MICROSECONDS, "workers", "ner_seconds_total", "", "Time spent over articles.", 1e-6},
    {SLOT_BATCHES, "workers", "batches_pushed_total", "", "Batches pushed for the savers.", 1},
    {SLOT_SETTLES, "workers", "settles_total", "", "Tallies settled.", 1},
    {SLOT_ITEMS, "savers", "batches_total", "", "Batches handled.", 1},
    {SLOT_DEAD, "savers", "dead_total", "{list=\"results\"}", "Items put on a dead list.", 1},
    {SLOT_ALREADY, "savers", "ledger_hits_total", "",
     "Batches that the store had applied before: each would have been counted twice.", 1},
    {SLOT_STORE_AGAIN, "savers", "store_retries_total", "", "Tries that the store did not take.",
     1},
    {SLOT_BUSY_MICROSECONDS, "savers", "store_seconds_total", "", "Time spent in the store.", 1e-6},
    {SLOT_AWAY, NULL, "redis_reconnects_total", "", "Times that Redis was lost.", 1},
};

static double sum(const struct metrics_view *v, enum slot_counter counter)
{
    uint64_t total = 0;

    for (int i = 0; i < v->slot_count; i++)
        total += atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&v->slots[i].counters[counter],
                                      memory_order_relaxed);
    return (double)total;
}

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP newsmill_%s %s\n# TYPE newsmill_%s %s\n", name, help, name, type);
}

void metrics_gauge(struct buf *out, const char *name, const char *help, double value)
{
    metrics_head(out, name, "gauge", help);
    buf_printf(out, "newsmill_%s %.15g\n", name, value);
}

static void write_slots(const struct metrics_view *v, struct buf *out)
{
    int64_t now = clock_ms(), oldest = 0;
    uint64_t restarts = 0;
    int alive = 0;

    for (int i = 0; i < v->slot_count; i++) {
        const struct slot *slot = &v->slots[i];
        int64_t since = slot->hand_since_ms;
        restarts += slot->restarts;
        alive += slot->pid > 0 && slot->number != SLOTS_JANITOR;
        if (since && now - since > oldest)
            oldest = now - since;
    }
    metrics_gauge(out, "processes", "Children that serve.", alive);
    metrics_head(out, "process_restarts_total", "counter", "Children started again.");
    buf_printf(out, "newsmill_process_restarts_total %llu\n", (unsigned long long)restarts);
    metrics_gauge(out, "in_hand_oldest_seconds", "Longest time an item is in hand now.",
                  (double)oldest / 1000);
}

static void write_queue(const struct metrics_view *v, struct buf *out)
{
    const struct queue_state *q = v->queue;

    metrics_gauge(out, "redis_up", "1 if the last look at Redis was answered.", q != NULL);
    if (!q)
        return;
    metrics_head(out, "queue_items", "gauge", "Items by place.");
    buf_printf(out, "newsmill_queue_items{list=\"%s\",place=\"waiting\"} %lld\n", v->list,
               q->waiting);
    buf_printf(out, "newsmill_queue_items{list=\"%s\",place=\"held\"} %lld\n", v->list, q->held);
    buf_printf(out, "newsmill_queue_items{list=\"%s\",place=\"dead\"} %lld\n", v->list, q->dead);
    metrics_gauge(out, "owners", "Registered owners of this role, on all machines.",
                  (double)q->owners);
}

void metrics_write(const struct metrics_view *v, struct buf *out)
{
    metrics_head(out, "build_info", "gauge", "Version of this program.");
    buf_printf(out, "newsmill_build_info{role=\"%s\",version=\"%s\"} 1\n", v->role,
               NEWSMILL_VERSION);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const struct family *f = &families[i];
        if (f->role && strcmp(f->role, v->role) != 0)
            continue;
        if (f->help)
            metrics_head(out, f->name, "counter", f->help);
        buf_printf(out, "newsmill_%s%s %.15g\n", f->name, f->labels, sum(v, f->counter) * f->scale);
    }
    write_slots(v, out);
    if (v->list)
        write_queue(v, out);
}
