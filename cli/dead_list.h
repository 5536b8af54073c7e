/* dead_list: walking a dead list, and taking entries out of it. */
#ifndef NEWSMILL_DEAD_LIST_H
#define NEWSMILL_DEAD_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf.h"
#include "common/rds.h"

#define DEAD_LIST_CHUNK 16 /* entries in one answer: one may have megabytes */

struct dead_list {
    const char *name; /* "articles" or "results" */
    struct rds *rds;
    char *dead, *list, *stats; /* keys */
};

/* One entry as it stands in the list; the position counts from 1, the newest. */
struct dead_row {
    const char *bytes;
    size_t length;
    size_t position;
};

/* `rds` is borrowed. */
void dead_list_init(struct dead_list *l, const struct conf *conf, const char *name,
                    struct rds *rds);
void dead_list_fini(struct dead_list *l);

/* Entries there are now. Returns 0 or ERR_AGAIN. */
int dead_list_count(struct dead_list *l, size_t *count, struct err *e);

/* Calls `visit` with up to `max` entries (0: all there are now), at most DEAD_LIST_CHUNK at a time.
 * It returns how many of them it took out of the list, or an error. From the oldest, entries that
 * come in meanwhile disturb nothing and are not visited. Returns 0, ERR_AGAIN or what visit
 * returned. */
int dead_list_walk(struct dead_list *l, bool from_oldest, size_t max,
                   int (*visit)(void *context, const struct dead_row *rows, size_t count,
                                struct err *e),
                   void *context, struct err *e);

/* An entry to take out; for a retry with the bytes to put back. */
struct dead_move {
    const struct dead_row *row;
    const char *item; /* NULL: purge */
    size_t item_length;
    bool done; /* set: false when somebody else has taken it */
};

/* Puts items back, or purges, in one step, at most DEAD_LIST_CHUNK. Returns how many were done, or
 * ERR_AGAIN. */
int dead_list_retry(struct dead_list *l, struct dead_move *moves, size_t count, struct err *e);
int dead_list_purge(struct dead_list *l, struct dead_move *moves, size_t count, struct err *e);

#endif
