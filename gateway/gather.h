/* gather: the articles of single posts go to Redis together: those that are there in one turn of
 * the loop, and while Redis has not answered, those that come meanwhile. They are one LPUSH within
 * a transaction (common/gather.lua). A script for each would cost Redis three times as much and the
 * gateway half as much again, and with appendfsync always each group waits for the disk but once.
 * Where nothing is under way nobody waits for others to come. */
#ifndef NEWSMILL_GATEWAY_GATHER_H
#define NEWSMILL_GATEWAY_GATHER_H

#include <stddef.h>

#include "common/json_scan.h"

struct event_base;
struct gather;
struct gateway;
struct http_exchange;

/* Uses g->redis, which is there before it and goes after it. */
struct gather *gather_new(struct gateway *g, struct event_base *base);
/* Answers what was not sent yet with 503. NULL is fine. */
void gather_free(struct gather *a);

/* Memory for an article of that length; the next call must be gather_push(). */
char *gather_room(struct gather *a, size_t length);

/* Sends the article that was written there, and answers the exchange when Redis has: 201 with `id`,
 * a JSON string with its quotes, or 503. */
void gather_push(struct gather *a, struct http_exchange *x, struct json_span id);

#endif
