/* arena: bump memory with a ceiling. Pieces are never freed one by one, only all at once. */
#ifndef NEWSMILL_ARENA_H
#define NEWSMILL_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the one in use first */
    size_t used;                /* bytes handed out, with their alignment */
    size_t max_bytes;
    size_t block_bytes; /* size of an ordinary block; a larger piece gets a block of its own */
};

void arena_init(struct arena *a, size_t block_bytes, size_t max_bytes);
void arena_fini(struct arena *a);

/* Forgets all pieces; one ordinary block is kept for the next. */
void arena_reset(struct arena *a);

/* `size` bytes fit for any object, not zeroed; NULL past the ceiling. */
void *arena_take(struct arena *a, size_t size);

/* A copy of the bytes with a NUL after them; NULL past the ceiling. */
char *arena_copy(struct arena *a, const char *bytes, size_t length);

#endif
