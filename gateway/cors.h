/* cors: lets pages of other origins use the gateway (the Fetch standard's CORS protocol), as far as
 * gateway.cors_origins says; by default none may. */
#ifndef NEWSMILL_GATEWAY_CORS_H
#define NEWSMILL_GATEWAY_CORS_H

#include "common/err.h"

struct http_exchange;

/* `origins`: a star, or scheme://host[:port] separated by spaces; empty: none. Returns 0 or
 * ERR_CONFIG. */
int cors_check(const char *origins, struct err *e);

/* Adds to the answer what a browser wants to see when the origin of the exchange is allowed.
 * `methods`: what may be asked of this path, for a preflight. */
void cors_add_headers(const char *origins, struct http_exchange *x, const char *methods);

#endif
