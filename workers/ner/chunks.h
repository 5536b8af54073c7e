/* chunks: a bounded cache from the text of a chunk to the types of its tokens. Full, it takes
 * nothing more until it is emptied, which is for the caller to do between texts. */
#ifndef NEWSMILL_CHUNKS_H
#define NEWSMILL_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer chunks are not kept: they hardly come twice. */
#define CHUNKS_MAX_CHUNK_BYTES 256

struct chunks;

struct chunks *chunks_new(void);
void chunks_free(struct chunks *c);

/* The types of the tokens of a chunk seen before, NULL for a new one; borrowed until the next
 * chunks_add() or chunks_clear(). */
const uint32_t *chunks_find(const struct chunks *c, const char *text, size_t length, size_t *count);

/* Keeps a chunk that chunks_find() has just not found, if it can. */
void chunks_add(struct chunks *c, const char *text, size_t length, const uint32_t *types,
                size_t count);

bool chunks_is_full(const struct chunks *c); /* something was turned away for want of room */
void chunks_clear(struct chunks *c);

#endif
