/* head: the head of an HTTP/1 request, read strictly (RFC 9110, RFC 9112). Pure: no I/O. What two
 * servers could read in two ways is refused, so that nothing can be smuggled past a proxy. */
#ifndef NEWSMILL_GATEWAY_HEAD_H
#define NEWSMILL_GATEWAY_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

#define HEAD_MAX_BYTES   16384
#define HEAD_MAX_HEADERS 100

struct head_header {
    const char *name, *value;
    size_t name_length;
};

struct head {
    const char *method;
    const char *path;  /* without the query, as sent: percent signs stay */
    const char *query; /* NULL where there is none */
    const char *host;  /* with its port; NULL only with HTTP/1.0 */
    int minor;         /* of HTTP/1.x */
    struct head_header headers[HEAD_MAX_HEADERS];
    size_t header_count;
    int64_t content_length; /* -1: none given */
    bool chunked;
    bool close;           /* the client wants no further request on this connection */
    bool expect_continue; /* it waits for "100 Continue" before it sends the body */
};

struct head_fault {
    int status; /* 400, 414, 417, 431, 501, 505 */
    const char *text;
};

/* Length of the head at the start of `bytes`, with its empty line; 0: it is not all there yet; -1:
 * it will never be one, whatever follows: a line ends in a bare CR or LF, or no method is in front.
 * *scanned, 0 at first, tells how far earlier calls for the same head have looked. */
ssize_t head_length(const char *bytes, size_t length, size_t *scanned);

/* A head of which nothing is known. Not all of its memory is touched: it is large, and one is made
 * for each request. */
static inline void head_init(struct head *h)
{
    h->method = h->path = h->query = h->host = NULL;
    h->minor = 0;
    h->header_count = 0;
    h->content_length = -1;
    h->chunked = h->close = h->expect_continue = false;
}

/* Reads a head that ends in its empty line. `bytes` takes a NUL at bytes[length]; it is cut into
 * strings in place, and *out points into it. Returns 0, or ERR_INPUT with *fault set. */
int head_parse(char *bytes, size_t length, struct head *out, struct head_fault *fault);

/* Cuts one line without its end into name and value. NULL when it is a good header (or trailer),
 * else what is wrong with it. */
const char *head_field(char *line, struct head_header *out);
/* How many bytes of a token (RFC 9110, section 5.6.2) the text starts with. */
size_t head_token_length(const char *text);

/* The value of the first header of that name (in any case), NULL when there is none. */
const char *head_find(const struct head *h, const char *name);

#endif
