/* http_client: one HTTPS connection for requests in turn, kept alive between them; HTTP/2 where the
 * server has it. Knows nothing of Firestore. Made after the fork. */
#ifndef NEWSMILL_HTTP_CLIENT_H
#define NEWSMILL_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct http_client;

struct http_call {
    const char *url;
    const char *content_type; /* NULL: a GET; else a POST of `body` */
    const char *body;         /* borrowed, sent as it is */
    size_t body_length;
    const char *bearer;      /* token of the Authorization header, or NULL */
    const char *header;      /* one more "Name: value", or NULL */
    int timeout_ms;          /* for all of it, connecting included */
    size_t max_answer_bytes; /* a longer answer is ERR_LIMIT */
    bool plain;              /* http:// is wanted (and no proxy): for the emulator and the metadata
                                server only; without it nothing but https:// is taken */
};

struct http_reply {
    long status;
    int64_t retry_after_ms; /* 0: none given */
    struct buf body;
};

/* `ca_file`: trusted certificates in place of the system's, or "". `stopped` (may be NULL) is asked
 * about every second; a call that goes on for two seconds after it became true is given up.
 * Returns 0 or ERR_CONFIG. */
int http_client_open(const char *ca_file, bool (*stopped)(void), struct http_client **out,
                     struct err *e);
void http_client_close(struct http_client *c); /* NULL is fine */

/* Sends a request and reads the whole answer, whatever its status; redirects are not followed.
 * Returns 0, ERR_LIMIT, or ERR_AGAIN: no answer, so that nobody knows whether the request was
 * acted on. *out is to be ended by http_reply_fini() in every case. */
int http_client_send(struct http_client *c, const struct http_call *call, struct http_reply *out,
                     struct err *e);

/* Frees the answer; its bytes are zeroed first, as some carry tokens. */
void http_reply_fini(struct http_reply *r);

#endif
