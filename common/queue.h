/* queue: claim, settle and recover, the contract of QUEUES.md in C. What must be atomic is a Lua
 * script beside this file; here is the order in which they are sent.
 *
 * One queue object is one owner slot. Any error from any function below means doubt: the caller
 * drops what it has in memory and calls queue_enter() again, which gives back what the slot held.
 * Start, error and crash are this one path. */
#ifndef NEWSMILL_QUEUE_H
#define NEWSMILL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "conf.h"
#include "err.h"
#include "instance.h"

enum queue_list { QUEUE_ARTICLES, QUEUE_RESULTS };

struct queue;

struct queue_item {
    const char *bytes;
    size_t length;
};

/* Makes an owner slot; connects nothing. Of `instance` the id and the tokens are copied; `slot` of
 * `slots`. Returns 0 or ERR_CONFIG. */
int queue_new(const struct conf *conf, enum queue_list list, const struct instance *instance,
              int slot, int slots, struct queue **out, struct err *e);
void queue_free(struct queue *q); /* closes the connection; gives nothing back (enter does) */

/* Whose crash an item is blamed for; see slots.h. */
struct queue_blame {
    const char *owner; /* "" or NULL: no blame */
    unsigned index;    /* of the item in that owner's hold, from the oldest */
    bool unseen;       /* nobody knows why the process was killed: the item is not to blame */
};

/* An item with too many strikes. It is in our hold, the only one there, and is to be settled as
 * dead. Borrowed until the next claim or enter. */
struct queue_poison {
    struct queue_item item; /* bytes NULL: none */
    unsigned strikes;       /* of the item in blame, also while they are not too many */
};
/* So many make an item dead; or, where the kills were unseen, send it behind all that wait. */
#define QUEUE_STRIKES 3

/* Connects afresh, gives back whatever earlier lives of this slot still hold, and registers under a
 * new epoch. `inherits`: also what other slot numbers of this machine hold that nobody serves now
 * (see enter.lua); only right while no other process of ours serves the queue under another
 * generation. `blame` and `poison` may be NULL. Returns 0, ERR_AGAIN, or ERR_IN_USE: another
 * process lives under the same instance id, nothing was touched. */
int queue_enter(struct queue *q, bool inherits, const struct queue_blame *blame,
                struct queue_poison *poison, struct err *e);

/* The owner's name as registered by the last enter; "" between enters. */
const char *queue_owner(const struct queue *q);

/* Waits until the list has something, at most `timeout_ms`; moves nothing. Returns 0. */
int queue_wait(struct queue *q, int timeout_ms, struct err *e);

/* Takes up to `max_items` of the oldest items (and no further one beyond `max_bytes`) into the
 * hold. *items is borrowed until the next claim. Returns their number, 0 when the list is empty or,
 * for workers, when too many results wait; else ERR_AGAIN or ERR_FENCED. */
int queue_claim(struct queue *q, int max_items, size_t max_bytes, const struct queue_item **items,
                struct err *e);

/* In one step: pushes `batches` on the results list and `dead` on this list's dead list, and drops
 * the `done` oldest items from the hold; or touches nothing. Returns 0, ERR_AGAIN or ERR_FENCED. */
int queue_settle(struct queue *q, size_t done, const struct buf *batches, size_t batch_count,
                 const struct buf *dead, size_t dead_count, struct err *e);

/* The next settle adds this to the stats field `store_writes`. */
void queue_note_writes(struct queue *q, uint64_t writes);

/* A clean end: gives back what is held and forgets the owner. */
int queue_leave(struct queue *q, struct err *e);

/* What the janitor sees of a list. */
struct queue_state {
    long long taken_over, returned; /* owners whose lease had ended, items given back for them */
    long long waiting, held, dead, owners;
};

/* Renews the leases of `owners` (this machine's live slots) and gives back what owners of this role
 * hold whose lease has ended; renews the instance's living token too, unless it is another's by
 * now. For a queue that never enters: it connects by itself. Returns 0 or ERR_AGAIN. */
int queue_renew(struct queue *q, const char *const *owners, int count, struct queue_state *state,
                struct err *e);

/* Its connection, for what else a janitor asks of Redis; NULL while there is none. */
struct rds *queue_connection(struct queue *q);

/* Redis TIME as of now, carried forward by the monotonic clock since the last claim. */
int64_t queue_now_ms(const struct queue *q);

#endif
