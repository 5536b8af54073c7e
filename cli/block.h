/* block: up to BLOCK_ROWS rows of an input on their way to the gateway, and the Idempotency-Keys
 * under which they go. Knows nothing of HTTP; delivery.h sends them.
 *
 * Rows are cut by their number alone: 1 to 100, 101 to 200 and so on. A block of which every row is
 * there goes as one request. Any other goes row by row: the end of an input, and a block with a row
 * that is no article, or that is too long. The key of a request is SHA-256 of the input, of the
 * number and of the text of its first row: a whole block and its first row alone have the same key.
 * As the gateway takes a key for one body only, the key tells whether the block went whole or row
 * by row before, and so an input that grew, or in which a refused row was put right, is counted
 * exactly. Redis remembers one key a block.
 *
 * The input is its name without directories, or the one given for it, and the text of its first
 * row: the same on any machine and for any length, and two inputs that share rows are two.
 *
 * What it cannot tell: which rows of a block that went whole have changed since (none of it is sent
 * then), that the first row of a block is another one now (then the block is a new one, and all of
 * it is counted), and that the first row of the input is (then all is new). So a first row that was
 * refused is to be put right in a file of its own. */
#ifndef NEWSMILL_BLOCK_H
#define NEWSMILL_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/rows.h"
#include "common/buf.h"
#include "common/err.h"

#define BLOCK_ROWS 100
/* A block that is longer goes row by row. One row may be longer by itself. */
#define BLOCK_MAX_BYTES    (8u << 20)
#define BLOCK_KEY_BYTES    65 /* SHA-256 in hexadecimal, and a NUL */
#define BLOCK_SALT_BYTES   16
#define BLOCK_SOURCE_BYTES 32

struct block_row {
    const char *name; /* of the file, for messages; the block's own */
    uint64_t number, line;
    size_t start, length; /* of its JSON in the body, with the line end */
};

struct block {
    struct block_row rows[BLOCK_ROWS];
    int count;
    bool is_doubtful;                         /* a row will hardly be taken by the gateway */
    bool leads;                               /* its first row is the first of the range */
    struct buf body;                          /* one line of JSON a row */
    unsigned char source[BLOCK_SOURCE_BYTES]; /* the input, from block_source() */
};

struct block *block_new(void);
void block_free(struct block *b); /* NULL is fine */

/* Appends an article of at most `max_content_bytes`, beyond which it makes the block doubtful. The
 * rows of a block are of one range: see block_is_full(). Returns 0, or ERR_LIMIT when the article
 * is too long to be sent at all; the block is then as before. */
int block_add(struct block *b, const struct row *row, size_t max_content_bytes);

/* The row is the first one of its range. */
bool block_begins(uint64_t number);

/* The row is the last one of its range, or the block is long enough. */
bool block_is_full(const struct block *b, uint64_t number);

/* Every row of its range is there, and they may go together. */
bool block_is_whole(const struct block *b);

/* Which input this is, of a block that begins with its first row and the name that it goes by. */
void block_source(const struct block *b, const char *name, unsigned char out[BLOCK_SOURCE_BYTES]);

/* The key of the request that begins with row `index`. */
void block_key(const struct block *b, int index, const unsigned char *salt, size_t salt_length,
               char out[BLOCK_KEY_BYTES]);

#endif
