/* embed: the part of the network that depends on one word alone, computed once a word type and
 * cached: hash embeddings (and static vectors), the mixer, and what the first window layer makes
 * of the word as left neighbour, centre and right neighbour.
 *
 * A cached row: x [stride], the mixer's output; then 2 * window + 1 terms [pieces, stride], term j
 * for the token that stands j - window places before the centre. The sum of the terms of a window
 * is the first layer's y + b. */
#ifndef NEWSMILL_NER_EMBED_H
#define NEWSMILL_NER_EMBED_H

#include "types.h"
#include "vectors.h"
#include "weights.h"

struct embed;

/* The cache takes at most this much memory, whatever the width of the model; types beyond it are
 * computed for every text anew. */
#define EMBED_CACHE_BYTES ((size_t)64 << 20)

/* Both are borrowed; `vectors` may be NULL where the network has none. `max_tokens` is the largest
 * `count` of embed_rows(). */
struct embed *embed_new(const struct weights *w, const struct vectors *vectors, size_t max_tokens);
void embed_free(struct embed *s);

/* rows[i] = the cached row of tokens[i], for `count` tokens; good until the next call. */
void embed_rows(struct embed *s, const struct word_type *types, uint64_t generation,
                const struct token *tokens, size_t count, const float **rows);

/* The row of a place before or after the text: x is 0. */
const float *embed_pad(const struct embed *s);

/* Term j of a row. */
static inline const float *embed_term(const struct weights *w, const float *row, size_t j)
{
    return row + (1 + j * w->layers[0].pieces) * w->stride;
}

/* Has a row that is soon wanted brought into the processor's cache. */
static inline void embed_fetch(const struct weights *w, const float *row)
{
    const float *end = embed_term(w, row, 2 * w->window + 1);

    for (; row < end; row += 64 / sizeof *row)
        __builtin_prefetch(row);
}

#endif
