/* bulk_check: a first look at Redis while the body of a bulk is being read, so that a request which
 * common/bulk.lua would refuse is not pushed first. Only the script decides; this saves work. */
#ifndef NEWSMILL_GATEWAY_BULK_CHECK_H
#define NEWSMILL_GATEWAY_BULK_CHECK_H

#include "gateway.h"

struct bulk_check;

/* `memory`: the key that remembers the Idempotency-Key, or NULL. */
struct bulk_check *bulk_check_new(struct gateway *g, const char *memory);
void bulk_check_free(struct bulk_check *c); /* at any time; NULL is fine */

/* What the Idempotency-Key is remembered with; NULL: nothing, or not known yet. */
const char *bulk_check_remembered(const struct bulk_check *c);

/* True: the backlog was full a moment ago, and the Idempotency-Key not known. */
bool bulk_check_full(const struct bulk_check *c, int64_t *depth);

#endif
