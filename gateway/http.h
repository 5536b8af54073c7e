/* http: an HTTP/1.1 server on libevent's loop: connections, deadlines, limits, answers.
 *
 * Not evhttp: version 2.1 answers what it refuses itself in HTML, reads a whole body before anybody
 * may look at the key in the head, takes two lengths for one body, has no bound on connections, and
 * drops a slow client without a word. */
#ifndef NEWSMILL_GATEWAY_HTTP_H
#define NEWSMILL_GATEWAY_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "head.h"

struct event_base;
struct http_server;

struct http_settings {
    size_t max_body_bytes;
    size_t max_connections;            /* further clients wait in the kernel's queue */
    int64_t head_timeout_ms;           /* from the first byte of a request to the end of its head */
    int64_t body_timeout_ms;           /* for its body, and more as long as enough comes */
    int64_t idle_timeout_ms;           /* between two requests */
    _Atomic int64_t *open_connections; /* kept up to date; others may read it */
};

/* One request and its answer. It outlives its client: whoever took it in `complete` answers it
 * once, at any later time, also when the client is gone. */
struct http_exchange;

/* How it went, for logs and metrics. */
struct http_result {
    int status; /* 499: the client was gone before it had sent all */
    uint64_t bytes_in, bytes_out;
    int64_t duration_us; /* from the first byte of the request to the answer's last */
    const char *address; /* the client's */
};

/* What the handler wants to remember with an exchange; 0 at first. */
struct http_tag {
    unsigned route;
    void *client;
};

struct http_handler {
    /* The head has been read. Answers at once and returns false; or returns true to have the body.
     */
    bool (*begin)(void *context, struct http_exchange *x);
    /* The body is there too: to be answered now or later. */
    void (*complete)(void *context, struct http_exchange *x);
    /* Every exchange ends with this, also one that `begin` never saw, as its head was malformed.
     * Must not answer any. */
    void (*end)(void *context, struct http_exchange *x, const struct http_result *result);
    void *context;
};

/* Serves an open listening socket, which is left open by http_close(). */
struct http_server *http_open(struct event_base *base, int listening_fd,
                              const struct http_settings *settings,
                              const struct http_handler *handler);
/* Drops all connections. Exchanges that are still owned elsewhere must not be answered any more. */
void http_close(struct http_server *s);

void http_tick(struct http_server *s); /* looks at deadlines; to be called some times a second */
/* Takes the clients that wait to be taken, and no new one. Each request that is begun is answered,
 * and told that it is the last of its connection; those that take longer than HTTP_STOP_MS to
 * arrive get 408. */
#define HTTP_STOP_MS 4500
void http_stop(struct http_server *s);
/* After http_stop(): from now on neither `begin` nor `complete` is called. What is not all there,
 * or comes yet, is refused. Exchanges that are owned elsewhere may still be answered. */
void http_end(struct http_server *s);
bool http_idle(const struct http_server *s); /* no connection is left */
bool http_stopping(const struct http_server *s);

const struct head *http_head(const struct http_exchange *x);
/* The client's X-Request-Id, or one made here; it is sent back with every answer. For log lines:
 * 1 to 128 bytes of letters, digits and -._~:/+=@ */
const char *http_request_id(const struct http_exchange *x);
/* In `begin` only: another ceiling for this body than that of the settings. */
void http_set_max_body(struct http_exchange *x, size_t max_bytes);
struct http_tag *http_tag(struct http_exchange *x);
/* Adds "Name: value\r\n" lines to whatever the answer will be. */
void http_add_headers(struct http_exchange *x, const char *headers);
/* The body in one piece, borrowed; only from `complete` on. */
const char *http_body(struct http_exchange *x, size_t *length);

/* Answers and forgets the exchange. Calls `end`, but never `begin` or `complete` of any exchange:
 * those come from the loop, so whoever answers may be in the middle of its work. `headers` are
 * further "Name: value\r\n" lines, or NULL; `json` is the body, which 204 and 304 and the answer to
 * HEAD do not carry. */
void http_answer(struct http_exchange *x, int status, const char *headers, const char *json,
                 size_t length);
/* The same with another Content-Type than application/json. */
void http_answer_typed(struct http_exchange *x, int status, const char *headers, const char *type,
                       const char *bytes, size_t length);
/* Answers {"detail": text}, which may quote any UTF-8. */
void http_answer_detail(struct http_exchange *x, int status, const char *headers, const char *text);

#endif
