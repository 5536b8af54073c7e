/* consumer: the loop of worker and saver: enter, claim, handle, settle, leave. */
#ifndef NEWSMILL_CONSUMER_H
#define NEWSMILL_CONSUMER_H

#include <stdbool.h>

#include "queue.h"
#include "slots.h"

/* What a settle carries; filled by `collect`. */
struct consumer_settlement {
    size_t done; /* the items handled since the last settle; `collect` lowers it when a stop kept it
                    from some: the oldest count as done, the others are given back */
    struct buf *batches; /* arrays owned by the handler, valid until `forget` */
    size_t batch_count;
    struct buf *dead;
    size_t dead_count;
    uint64_t store_writes; /* documents a saver wrote for these items, for the stats */
};

struct consumer_handler {
    /* Handles one item. Returns 0 when its effect is in memory (or it is noted as dead), ERR_AGAIN
     * when a stop interrupted it: the item is then given back. `now_ms` is Redis TIME. */
    int (*handle)(void *context, const struct queue_item *item, int64_t now_ms, struct err *e);
    /* True when the handler wants to settle before the interval is over. */
    bool (*full)(void *context, size_t done);
    /* What the settle is to push; a saver also applies here what it has handled, all at once.
     * ERR_LIMIT and the like count as doubt. */
    int (*collect)(void *context, int64_t now_ms, struct consumer_settlement *out, struct err *e);
    /* Drops everything in memory: after a settle that succeeded, and at any doubt. */
    void (*forget)(void *context);
    void *context;
    int claim_items;         /* most items taken at once */
    size_t claim_bytes;      /* and no further one beyond these */
    int settle_interval_ms;  /* oldest unsettled effect; 0: settle after each claim's items */
    size_t max_memory_bytes; /* resident; above it the process ends cleanly to be replaced; 0: no
                                mark */
};

/* Runs until stop_asked(), the memory mark, or another process lives under our instance id; returns
 * the process's exit code. */
int consumer_run(struct queue *q, const struct consumer_handler *h, struct slot *slot);

#endif
