/* sweep: holds whose owner is not registered, because the set of owners was lost or a script failed
 * in the middle. Only a SCAN of all keys finds them, so that it goes in small steps. */
#ifndef NEWSMILL_SWEEP_H
#define NEWSMILL_SWEEP_H

#include <stdbool.h>

#include "err.h"
#include "rds.h"

/* Called for each hold found: its key, its owner's name and how many items it has. Returns 0 to go
 * on, or a negative code with *e filled in. It may use the connection. */
typedef int sweep_found(void *context, const char *key, const char *owner, long long items,
                        struct err *e);

struct sweep {
    struct rds *rds;    /* borrowed; may be another one at each step */
    const char *prefix; /* redis.queue */
    const char *list;   /* "articles" or "results"; NULL: both */
    char cursor[24];    /* of SCAN; "" or "0": at the start */
    sweep_found *found;
    void *context;
};

/* Looks at about 1,000 keys. Returns 1 while there are more, 0 at the end, or ERR_AGAIN. */
int sweep_step(struct sweep *s, struct err *e);
int sweep_all(struct sweep *s, struct err *e); /* to the end: 0 or ERR_AGAIN */

/* Gives the items of a hold back to its list, unless its owner is registered after all. `key` as
 * sweep_found got it. Returns 0 and *items given back, or ERR_AGAIN. */
int sweep_give_back(struct rds *r, const char *prefix, const char *key, long long *items,
                    struct err *e);

#endif
