/* access_log: a line a request on stderr, for gateway.access_log = logfmt or json:
 *   time info gateway[0] http.request request=… client=… method=… path="…" status=… in=… out=…
 *   ms=… key=… agent="…"
 * Lines are gathered and written about ten times a second, or when there is a page of them. When
 * nobody reads them they are dropped and counted: requests do not wait for their log. */
#ifndef NEWSMILL_GATEWAY_ACCESS_LOG_H
#define NEWSMILL_GATEWAY_ACCESS_LOG_H

#include <stdatomic.h>
#include <stdint.h>

struct access_log;
struct http_exchange;
struct http_result;

/* `form`: "off" (returns NULL), "logfmt" or "json". `lost` counts dropped lines. */
struct access_log *access_log_open(const char *form, _Atomic uint64_t *lost);
void access_log_close(struct access_log *log); /* writes what is left; NULL is fine */

/* NULL is fine for these too. `key`: the name of the client's key, or "". */
void access_log_add(struct access_log *log, struct http_exchange *x, const struct http_result *r,
                    const char *key);
void access_log_flush(struct access_log *log);

#endif
