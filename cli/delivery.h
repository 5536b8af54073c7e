/* delivery: what of the open blocks is to be sent next, and what an answer means for them. Does no
 * I/O: sender.c asks, sends and tells.
 *
 * A whole block goes as one request. If that is refused as a whole, above all because its key came
 * with another body before, the block goes row by row. Row by row, the first row goes alone and the
 * others wait for its answer: where its key came with another body before, the block was sent whole
 * and some row has changed since. Nobody can tell which rows would be counted twice, so none of
 * them is sent. */
#ifndef NEWSMILL_DELIVERY_H
#define NEWSMILL_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/block.h"

/* One request: rows of one block. */
struct parcel {
    struct open_block *of;
    const struct block *block; /* valid until the parcel is decided on */
    int first, count;
};

struct delivery_totals {
    uint64_t accepted, already_there, refused;
};

struct delivery;

struct delivery_options {
    int max_blocks; /* open at a time */
    size_t max_bytes;
    /* `count` rows from this one on are refused. */
    void (*refused)(void *context, const struct block_row *row, int count, const char *why);
    void *context;
};

struct delivery *delivery_new(const struct delivery_options *options);
void delivery_free(struct delivery *d); /* NULL is fine */

/* There is room for one more block. */
bool delivery_has_room(const struct delivery *d);
/* Takes the block; one that has no rows is freed at once. */
void delivery_add(struct delivery *d, struct block *block);
/* No block is open. */
bool delivery_is_empty(const struct delivery *d);

/* The next request, if there is one that waits for no answer. */
bool delivery_next(struct delivery *d, struct parcel *out);

/* The gateway took the request. One row of it was decided on by each of these calls: */
void delivery_accepted(struct delivery *d, bool already_there);
void delivery_refused(struct delivery *d, const struct parcel *p, int index, const char *why);
/* … and then: all of its rows are. Blocks that are done are freed. */
void delivery_done(struct delivery *d, const struct parcel *p);

/* The request was refused as a whole; `key_is_taken`: because its key came with another body. */
void delivery_refused_whole(struct delivery *d, const struct parcel *p, bool key_is_taken,
                            const char *why);

/* A row that nothing was decided on, for messages; NULL when no block is open. */
const struct block_row *delivery_oldest(const struct delivery *d);

void delivery_totals(const struct delivery *d, struct delivery_totals *out);

#endif
