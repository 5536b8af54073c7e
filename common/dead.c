/* dead: see dead.h. */
#include "dead.h"

#include <stdlib.h>

#include "article.h"
#include "err.h"

void dead_add(struct dead *d, const struct queue_item *item, int64_t now_ms, unsigned attempts,
              const char *reason)
{
    if (d->count == d->capacity) {
        d->capacity = d->capacity ? 2 * d->capacity : 16;
        d->entries = xrealloc(d->entries, d->capacity * sizeof *d->entries);
    }
    struct buf *entry = &d->entries[d->count];
    buf_init(entry, 6 * item->length + 4096); /* JSON escapes make at most six bytes of one */
    if (article_write_dead(now_ms, reason, attempts, item->bytes, item->length, entry) < 0)
        panic("a dead entry of %zu bytes passed its ceiling", item->length);
    d->count++;
    d->bytes += entry->length;
}

void dead_clear(struct dead *d)
{
    for (size_t i = 0; i < d->count; i++)
        buf_fini(&d->entries[i]);
    d->count = d->bytes = 0;
}

void dead_fini(struct dead *d)
{
    dead_clear(d);
    free(d->entries);
    *d = (struct dead){0};
}
