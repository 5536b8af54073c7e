/* scorer: how good each move is in a state of the walk (spaCy's ParserStepModel over
 * PrecomputableAffine). */
#ifndef NEWSMILL_NER_SCORER_H
#define NEWSMILL_NER_SCORER_H

#include "transitions.h"
#include "weights.h"

struct scorer_weights; /* over `struct weights`, read-only */
struct scorer;         /* scratch */

/* `w` and `t` are borrowed. */
struct scorer_weights *scorer_weights_new(const struct weights *w, const struct transitions *t);
void scorer_weights_free(struct scorer_weights *f);

/* `max_tokens` is the largest `count` of scorer_run(). */
struct scorer *scorer_new(const struct scorer_weights *f, size_t max_tokens);
void scorer_free(struct scorer *s);

/* Takes `count` encoded tokens x [count, stride] and scores, for each, the state in which it is the
 * next token and no entity is open. */
void scorer_run(struct scorer *s, const float *x, size_t count);

/* Those scores of token i of the tile: [closed_count], in the order of transitions' `closed`. */
const float *scorer_closed(const struct scorer *s, size_t i);
/* The first of the best of them. */
size_t scorer_best_closed(const struct scorer *s, size_t i);

/* An entity is opened at the token encoded as x. */
void scorer_open(struct scorer *s, const float *x);
/* The walk has gone on by one token while the entity is open: scores of the classes `in` and `last`
 * for token i of the tile, after the token encoded as `previous`. */
void scorer_step(struct scorer *s, size_t i, const float *previous, uint32_t in, uint32_t last,
                 float *in_score, float *last_score);

#endif
