/* post: what the two posts have in common: the media type, the Idempotency-Key, and the answers of
 * a queue that takes nothing. */
#ifndef NEWSMILL_GATEWAY_POST_H
#define NEWSMILL_GATEWAY_POST_H

#include "gateway.h"

#define POST_IDEMPOTENCY_SECONDS "86400" /* so long an answer is remembered */
#define POST_REPLAYED            "Idempotency-Replayed: true\r\n"
#define POST_TOO_MUCH            "BUSY too many articles are on their way"

/* True if the Content-Type is `type`, with any parameters. */
bool post_is_type(const struct http_exchange *x, const char *type);

/* True if there is no Idempotency-Key or a good one; else answers 400. */
bool post_check_key(struct http_exchange *x);

/* Name of the string in Redis that remembers the answer, to free; NULL where the request has no
 * Idempotency-Key. That goes into it as a hash, as it may be long, and secret; with the name of the
 * API key, so that no client's stands in the way of another's. */
char *post_memory(const struct gateway *g, struct http_exchange *x);

/* 422: the Idempotency-Key came with another body before. */
void post_answer_reused(struct http_exchange *x);

/* 503: the backlog has `depth` articles and no room for `count` more. */
void post_answer_full(const struct gateway *g, struct http_exchange *x, int64_t depth,
                      int64_t count);

/* 503: Redis is away or does not want it; `why` is from redis_async.h. */
void post_answer_refused(struct http_exchange *x, const char *why);
/* The same where nothing was posted: without a line in the log. */
void post_answer_unready(struct http_exchange *x, const char *why);

#endif
