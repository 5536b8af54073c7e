/* metrics: the figures of a role as Prometheus text (exposition format 0.0.4). */
#ifndef NEWSMILL_METRICS_H
#define NEWSMILL_METRICS_H

#include "buf.h"
#include "queue.h"
#include "slots.h"

struct metrics_view {
    const char *role;
    const struct slot *slots;
    int slot_count;
    const struct queue_state *queue; /* NULL: the role has no list, or Redis is away */
    const char *list;                /* "articles" or "results"; NULL: the role has none */
};

/* Begins a family of a role's own: `name` without newsmill_. Its lines are the caller's. */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);

/* A family of one number without labels. */
void metrics_gauge(struct buf *out, const char *name, const char *help, double value);

void metrics_write(const struct metrics_view *view, struct buf *out);

#endif
