/* stats: what the gateway counts, in memory that all its processes share, and its /metrics. */
#ifndef NEWSMILL_GATEWAY_STATS_H
#define NEWSMILL_GATEWAY_STATS_H

#include "common/buf.h"

struct gateway;
struct http_exchange;
struct http_result;

/* `articles` of this exchange are in Redis; `duplicates` were there before (Idempotency-Key or the
 * window of gateway.dedup_window_s). To be called before the exchange is answered. */
void stats_accepted(struct gateway *g, struct http_exchange *x, unsigned articles,
                    unsigned duplicates);

/* So many articles of an exchange were refused for what they are (413, 422). */
void stats_refused(struct gateway *g, unsigned articles);

/* An exchange is over. */
void stats_end(struct gateway *g, struct http_exchange *x, const struct http_result *result);

/* Appends the metrics of all processes of the gateway, in Prometheus' text form. */
void stats_write(const struct gateway *g, struct buf *out);

#endif
