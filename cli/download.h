/* download: the bytes of an https:// address, read from a pipe while a thread of its own fetches
 * them. A broken transfer goes on where it broke, by Range and If-Range; from a server that has no
 * ranges, or no ETag or Last-Modified, all is fetched anew, and what was given out already is
 * compared by SHA-256 and left out. Nothing is stored. The only file beside post.c that knows
 * libcurl here. */
#ifndef NEWSMILL_DOWNLOAD_H
#define NEWSMILL_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* An endless stream ends here. */
#define DOWNLOAD_MAX_BYTES ((uint64_t)1 << 40)

struct download;

/* The path is an address to download from, and no file. */
bool download_is_address(const char *path);

/* Starts. `address` is https://, or http:// of this machine; redirects (five at most) go to
 * https:// only. `ca_file`: certificates to trust in place of the system's, or NULL. Returns 0 or
 * ERR_INPUT. */
int download_open(const char *address, const char *ca_file, struct download **out, struct err *e);
void download_close(struct download *d); /* stops it; NULL is fine */

/* Readable when there are bytes; at its end when all came or no more will. */
int download_fd(const struct download *d);
/* What its end meant: 0, or ERR_INPUT or ERR_LIMIT. Waits for the thread. */
int download_end(struct download *d, struct err *e);

/* The address for messages: without user, password and query, which may be secrets. */
const char *download_name(const struct download *d);
/* Of the whole; 0 while it is not known. */
uint64_t download_total_bytes(const struct download *d);

#endif
