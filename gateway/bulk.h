/* bulk: POST /post/bulk: many articles in one request, put on the list all or none of the good
 * ones.
 *
 * A body is worked on in slices, between which the loop serves others, and one body after the
 * other: what is parsed goes to Redis at once, in one transaction over a connection of its own,
 * which common/bulk.lua ends. */
#ifndef NEWSMILL_GATEWAY_BULK_H
#define NEWSMILL_GATEWAY_BULK_H

#include "gateway.h"

struct event_base;
struct bulk_queue;

/* Returns 0 or ERR_CONFIG for a bad redis.url. */
int bulk_queue_new(struct gateway *g, struct event_base *base, struct bulk_queue **out,
                   struct err *e);
/* Answers all that are under way with 503. NULL is fine. */
void bulk_queue_free(struct bulk_queue *q);
void bulk_queue_tick(struct bulk_queue *q);             /* to be called some times a second */
const char *bulk_queue_why(const struct bulk_queue *q); /* ready_why() of its connection */

/* As struct http_handler has them. */
bool bulk_begin(struct gateway *g, struct http_exchange *x);
void bulk_complete(struct gateway *g, struct http_exchange *x);

#endif
