/* ready: would Redis take a post? Learned from its answers to posts, and by asking it once a second
 * on each connection. */
#ifndef NEWSMILL_GATEWAY_READY_H
#define NEWSMILL_GATEWAY_READY_H

#include <stdbool.h>
#include <stdint.h>

struct gateway;
struct redis_async;

/* What is known of one connection. Zero at the start. */
struct ready {
    bool known;
    char why[128];    /* "": a post would be taken; else as in struct redis_async_callback */
    int64_t heard_ms; /* when that was heard */
    int64_t asked_ms; /* since when the answer is awaited; 0: nothing was asked */
};

/* The answer to a post over that connection; `why` as in struct redis_async_callback, NULL: it was
 * taken. */
void ready_learn(struct ready *r, const char *why);

/* Asks where nothing was heard for a second. `busy`: the connection is in the midst of a
 * transaction, which a question would become part of. To be called some times a second. */
void ready_tick(struct ready *r, const struct gateway *g, struct redis_async *redis, bool busy);

/* NULL: a post would be taken; else why not. Valid until the loop goes on. */
const char *ready_why(const struct ready *r, const struct redis_async *redis);
/* The same for both connections of the process. */
const char *ready_check(const struct gateway *g);

#endif
