/* enqueue: POST /post/enqueue, one article onto the list. 201 is said only after Redis has
 * acknowledged; a 503 after the command was sent has an unknown outcome, for which Idempotency-Key
 * is the cure. */
#ifndef NEWSMILL_GATEWAY_ENQUEUE_H
#define NEWSMILL_GATEWAY_ENQUEUE_H

#include <stdbool.h>

struct gateway;
struct http_exchange;

/* The script, common/enqueue.lua. */
extern const char *const enqueue_script;

bool enqueue_begin(struct gateway *g, struct http_exchange *x);
void enqueue_complete(struct gateway *g, struct http_exchange *x);

#endif
