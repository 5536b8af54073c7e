/* bulk_transaction: MULTI, pushes, EVAL of common/bulk.lua, EXEC; or DISCARD. Redis runs all of it
 * at EXEC or nothing, so the pushes may be sent one by one while the body is still being read. */
#ifndef NEWSMILL_GATEWAY_BULK_TRANSACTION_H
#define NEWSMILL_GATEWAY_BULK_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "redis_async.h"

extern const char *const bulk_script;

struct bulk_transaction {
    struct redis_async *redis;    /* nobody else uses it between MULTI and EXEC */
    void (*moved)(void *context); /* Redis has confirmed something, or failed */
    struct redis_async_callback done;
    void *context;       /* of `moved` */
    size_t owed;         /* callbacks that Redis owes; the object must live until it is 0 */
    size_t bytes;        /* of the commands they are for */
    bool begun;          /* MULTI was sent */
    unsigned connection; /* that it was sent on, as in redis_async.h */
    char why[256];       /* the first failure, as in struct redis_async_callback; "": none */
};

/* Sends one command, MULTI before the first. A failure is found in `why`. */
void bulk_transaction_push(struct bulk_transaction *t, const char *command, size_t length);

/* The arguments of bulk.lua. */
struct bulk_commit {
    const char *articles, *stats, *memory; /* keys; memory NULL: no Idempotency-Key */
    size_t pushed;
    long long max_backlog;
    const char *base, *hash, *remember_seconds;
    long long window_s;
    const char *digests;   /* start of the keys that remember articles */
    const char *arguments; /* of each article, written for the wire; "" without a window */
    size_t arguments_length, argument_count;
};

/* Ends it: `done` gets the answer of the script, later, or the reason why there was no EXEC. Where
 * this fails at once it is found in `why`, and `done` is not called. */
void bulk_transaction_commit(struct bulk_transaction *t, const struct bulk_commit *commit);

/* Ends it without a trace. */
void bulk_transaction_discard(struct bulk_transaction *t);

#endif
