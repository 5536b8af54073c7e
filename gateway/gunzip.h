/* gunzip: a gzip body unpacked a slice at a time, up to a ceiling (RFC 1952, all members). */
#ifndef NEWSMILL_GATEWAY_GUNZIP_H
#define NEWSMILL_GATEWAY_GUNZIP_H

#include <stddef.h>

#include "common/buf.h"

struct gunzip;

enum gunzip_result {
    GUNZIP_MORE, /* call again */
    GUNZIP_END,
    GUNZIP_BROKEN,    /* not gzip, cut short, damaged, or something else behind it */
    GUNZIP_TOO_LARGE, /* more than the ceiling of the buffer it goes to */
};

/* The bytes are borrowed. */
struct gunzip *gunzip_new(const char *bytes, size_t length);
void gunzip_free(struct gunzip *g); /* NULL is fine */

/* Appends up to about `max_bytes`, and takes no more than that in. */
enum gunzip_result gunzip_more(struct gunzip *g, size_t max_bytes, struct buf *out);

#endif
