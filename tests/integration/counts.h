/* counts: batches drawn at random, what they must add up to, and whether a store says the same. */
#ifndef NEWSMILL_COUNTS_H
#define NEWSMILL_COUNTS_H

#include "store/store.h"

struct counts;

struct counts *counts_new(unsigned seed);
void counts_free(struct counts *c);

/* Draws the next batch: some publications, words that come often and rarely, some that make trouble
 * as a name. Its memory is good until the next one is drawn. */
struct batch *counts_draw(struct counts *c, size_t entities);

/* Adds what a batch counts, as if it were applied. */
void counts_add(struct counts *c, const struct batch *b);

/* The number of rows in which the store differs, in any list; prints the first few. Also checks the
 * order of the lists. */
int counts_differ(struct counts *c, struct store *s);

#endif
