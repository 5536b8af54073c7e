/* body: the body of one request out of the bytes of its connection, by length or in chunks
 * (RFC 9112, section 7.1). */
#ifndef NEWSMILL_GATEWAY_BODY_H
#define NEWSMILL_GATEWAY_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "head.h"

struct buf;

enum body_state {
    BODY_SIZED,      /* `left` bytes to go */
    BODY_CHUNK_SIZE, /* the line before a chunk */
    BODY_CHUNK_DATA, /* `left` bytes of the chunk to go */
    BODY_CHUNK_END,  /* the line end after it */
    BODY_TRAILER,    /* lines after the last chunk, read over */
    BODY_DONE,
};

#define BODY_MAX_LINE_BYTES 4098

struct body {
    enum body_state state;
    uint64_t left;
    size_t max_bytes;
    size_t trailer_bytes;
};

enum body_result { BODY_COMPLETE, BODY_NEEDS_MORE, BODY_MALFORMED, BODY_TOO_LARGE };

/* A body of no length at all is complete at once. */
void body_init(struct body *b, const struct head *head, size_t max_bytes);

/* Appends what there is of the body in `in` to `out`, whose ceiling is at least `max_bytes`. *used
 * gets how many bytes of `in` were taken; the rest is wanted again with more behind it, or, once
 * complete, is the next request. A line that is not whole is not taken: at most
 * BODY_MAX_LINE_BYTES. `in` is written to where lines end. */
enum body_result body_read(struct body *b, char *in, size_t length, size_t *used, struct buf *out);

#endif
