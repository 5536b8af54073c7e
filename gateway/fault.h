/* fault: what is wrong with a body or an article, in the shape of FastAPI's answers. */
#ifndef NEWSMILL_GATEWAY_FAULT_H
#define NEWSMILL_GATEWAY_FAULT_H

#include "common/article.h"
#include "common/buf.h"

#define FAULT_MAX_BYTES 4096 /* of what one of these functions appends */
#define FAULT_NO_INDEX  (-1)

/* Appends {"detail": …} without its braces: a text for what is too large (413), else a list of one
 * error (422) whose loc is ["body", index, …], without the index where that is FAULT_NO_INDEX. */
void fault_append(const struct article_fault *fault, long index, struct buf *out);

/* The same for a body as a whole. `offset` < 0: at no byte; `error`: what more there is to say, or
 * NULL. */
void fault_append_body(const char *type, long offset, const char *message, const char *error,
                       struct buf *out);

#endif
