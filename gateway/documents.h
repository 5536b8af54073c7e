/* documents: what the gateway says of itself: /openapi.json, which is the truth about every answer
 * of every route, and /docs, a page that shows it. Both are compiled in. */
#ifndef NEWSMILL_GATEWAY_DOCUMENTS_H
#define NEWSMILL_GATEWAY_DOCUMENTS_H

#include <stdbool.h>

struct gateway;
struct http_exchange;

bool documents_openapi(struct gateway *g, struct http_exchange *x);
bool documents_page(struct gateway *g, struct http_exchange *x);
/* For /redoc, where the original had the same in another form; no part of the API. */
bool documents_moved(struct gateway *g, struct http_exchange *x);

#endif
