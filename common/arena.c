/* arena: see arena.h. */
#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t block_bytes, size_t max_bytes)
{
    *a = (struct arena){.max_bytes = max_bytes, .block_bytes = block_bytes};
}

void arena_fini(struct arena *a)
{
    struct arena_block *next;

    for (struct arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        free(b);
    }
    arena_init(a, a->block_bytes, a->max_bytes);
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = NULL, *next;

    for (struct arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        if (!kept && b->size == a->block_bytes)
            kept = b;
        else
            free(b);
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    a->blocks = kept;
    a->used = 0;
}

static struct arena_block *new_block(size_t size)
{
    struct arena_block *b = xmalloc(sizeof *b + size);

    b->next = NULL;
    b->used = 0;
    b->size = size;
    return b;
}

/* The block that the next `size` bytes come from. */
static struct arena_block *find_block(struct arena *a, size_t size)
{
    struct arena_block *first = a->blocks;

    if (first && size <= first->size - first->used)
        return first;
    struct arena_block *b = new_block(size > a->block_bytes ? size : a->block_bytes);
    if (first && size > a->block_bytes) { /* behind the first, which still has room */
        b->next = first->next;
        first->next = b;
    } else {
        b->next = first;
        a->blocks = b;
    }
    return b;
}

void *arena_take(struct arena *a, size_t size)
{
    const size_t unit = alignof(max_align_t);

    if (size > a->max_bytes)
        return NULL;
    size = size ? (size + unit - 1) / unit * unit : unit;
    if (size > a->max_bytes - a->used)
        return NULL;
    struct arena_block *b = find_block(a, size);
    void *piece = b->bytes + b->used;
    b->used += size;
    a->used += size;
    return piece;
}

char *arena_copy(struct arena *a, const char *bytes, size_t length)
{
    char *copy = length < a->max_bytes ? arena_take(a, length + 1) : NULL;

    if (copy) {
        memcpy(copy, bytes, length);
        copy[length] = 0;
    }
    return copy;
}
