/* body: the body of one request out of the bytes of its connection, by length or in chunks
 * (RFC 9112, section 7.1). */
#ifndef NEWSMILL_GATEWAY_BODY_H
#define NEWSMILL_GATEWAY_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "head.h"

struct evbuffer;

enum body_state {
    BODY_SIZED,      /* `left` bytes to go */
    BODY_CHUNK_SIZE, /* the line before a chunk */
    BODY_CHUNK_DATA, /* `left` bytes of the chunk to go */
    BODY_CHUNK_END,  /* the line end after it */
    BODY_TRAILER,    /* lines after the last chunk, read over */
    BODY_DONE,
};

struct body {
    enum body_state state;
    uint64_t left;
    size_t max_bytes;
    size_t trailer_bytes;
};

enum body_result { BODY_COMPLETE, BODY_NEEDS_MORE, BODY_MALFORMED, BODY_TOO_LARGE };

/* A body of no length at all is complete at once. */
void body_init(struct body *b, const struct head *head, size_t max_bytes);

/* Moves what is there of the body from `in` to `out`, and nothing behind its end. */
enum body_result body_read(struct body *b, struct evbuffer *in, struct evbuffer *out);

#endif
