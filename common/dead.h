/* dead: entries for the dead list, gathered until the settle that pushes them. */
#ifndef NEWSMILL_DEAD_H
#define NEWSMILL_DEAD_H

#include "buf.h"
#include "queue.h"

struct dead {
    struct buf *entries;
    size_t count, capacity;
    size_t bytes; /* of all entries */
};

/* Adds an entry for the item as received; `attempts` is how often it was tried. */
void dead_add(struct dead *d, const struct queue_item *item, int64_t now_ms, unsigned attempts,
              const char *reason);
void dead_clear(struct dead *d); /* forgets the entries */
void dead_fini(struct dead *d);

#endif
