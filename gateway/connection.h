/* connection: the life of one client connection, for http.c only: head, body, wait for the answer,
 * write it, next request. */
#ifndef NEWSMILL_GATEWAY_CONNECTION_H
#define NEWSMILL_GATEWAY_CONNECTION_H

#include <stdint.h>
#include <sys/queue.h>

#include "body.h"
#include "http.h"

struct bufferevent;
struct evbuffer;
struct evconnlistener;

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
    struct bufferevent *stream;
    enum connection_state state;
    struct http_exchange *exchange; /* READ_BODY and WAIT_ANSWER */
    struct body body;
    int64_t deadline_ms; /* 0: none */
    bool ended;          /* the client sends no more */
    bool close;          /* after the answer that is on the way */
    bool served;    /* a request was answered: the client knows that an idle one may be ended */
    bool advancing; /* connection_advance() is on the stack */
};

struct http_exchange {
    struct http_server *server;
    struct connection *connection; /* NULL: the client is gone */
    struct head head;
    char *head_bytes;
    struct evbuffer *body;
    size_t reserved_bytes; /* of http_server.body_bytes */
};

struct http_server {
    struct event_base *base;
    struct http_settings settings;
    const struct http_handler *handler;
    struct slot *slot;
    struct evconnlistener *listener;
    LIST_HEAD(connections, connection) connections;
    size_t connection_count;
    size_t body_bytes; /* promised for the bodies of all exchanges */
    bool paused;       /* the listener is off: too many connections, or no file left */
    bool stopping;
};

/* Takes over the socket of a new client. */
void connection_new(struct http_server *s, int fd);
void connection_free(struct connection *c);
/* Goes on as far as the bytes there allow. May free the connection. */
void connection_advance(struct connection *c);
/* Its deadline has passed. May free the connection. */
void connection_expire(struct connection *c);
/* The server stops: frees the connection if it only waits for a next request. */
void connection_stop(struct connection *c);

void http_exchange_free(struct http_exchange *x);
/* http.c: a connection is gone, there may be room for the next. */
void http_resume(struct http_server *s);

#endif
