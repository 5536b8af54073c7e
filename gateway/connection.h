/* connection: the life of one client connection, for http.c and answer.c only: head, body, wait for
 * the answer, write it, next request. */
#ifndef NEWSMILL_GATEWAY_CONNECTION_H
#define NEWSMILL_GATEWAY_CONNECTION_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/queue.h>

#include "body.h"
#include "common/buf.h"
#include "http.h"
#include "request_id.h"
#include "stream.h"

struct evconnlistener;
struct sockaddr;

enum connection_state {
    READ_HEAD,
    READ_BODY,
    WAIT_ANSWER,  /* the handler has the exchange */
    WRITE_ANSWER, /* the exchange is gone, its answer is on the way out */
    LINGER,       /* said all; reads on for a while so that no reset destroys the last answer */
};

struct connection {
    struct http_server *server;
    LIST_ENTRY(connection) link;
    struct stream stream;
    enum connection_state state;
    struct http_exchange *exchange; /* READ_BODY and WAIT_ANSWER */
    struct body body;
    size_t scanned;      /* so far of a head that is not whole */
    bool skipped;        /* the empty line that may stand in front of a request */
    int64_t started_us;  /* when the first byte of the request was there; 0: none yet */
    int64_t deadline_ms; /* 0: none */
    bool close;          /* after the answer that is on the way */
    bool advancing;      /* run() of connection.c is on the stack */
    char address[INET6_ADDRSTRLEN];
};

struct http_exchange {
    struct http_server *server;
    struct connection *connection; /* NULL: the client is gone */
    struct head head;
    struct buf body;
    size_t max_body_bytes;
    size_t reserved_bytes; /* of the body, counted in http_server.body_bytes */
    char *headers;         /* that every answer gets besides its own, or NULL */
    struct http_tag tag;
    struct http_result result;
    int64_t started_us;
    char request_id[REQUEST_ID_MAX_LENGTH + 1];
    char address[INET6_ADDRSTRLEN];
    char head_bytes[]; /* what `head` points into */
};

struct http_server {
    struct event_base *base;
    struct http_settings settings;
    const struct http_handler *handler;
    struct evconnlistener *listener;
    LIST_HEAD(connections, connection) connections;
    size_t connection_count;
    size_t body_bytes;  /* of the bodies of all exchanges */
    struct buf answer;  /* where the next one is put together */
    bool paused;        /* the listener is off: too many connections, or no file left */
    int64_t stop_at_ms; /* by when all requests must have arrived; 0: it does not stop */
    bool ended;         /* http_end(): the handler takes no more */
};

/* Takes over the socket of a new client. */
void connection_new(struct http_server *s, int fd, const struct sockaddr *address);
void connection_free(struct connection *c);
/* An answer was sent, perhaps from the midst of other work of the handler: runs none of it, frees
 * nothing. The client's next request waits for the loop. */
void connection_answered(struct connection *c);
/* Its deadline has passed. May free the connection. */
void connection_expire(struct connection *c, int64_t now_ms);
/* The server stops. A client whose connection is idle may have sent a request that is not here yet:
 * it has a moment, and is told with the answer that it was the last. */
void connection_stop(struct connection *c, int64_t now_ms);
/* The server has ended: refuses what is not all there. */
void connection_end(struct connection *c, int64_t now_ms);

/* answer.c: the exchange has its answer, or will never have one, as result.status says: tells the
 * handler and frees it. */
void http_exchange_end(struct http_exchange *x, int64_t now_us);
/* http.c: a connection is gone, there may be room for the next. */
void http_resume(struct http_server *s);

#endif
