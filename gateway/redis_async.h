/* redis_async: one Redis connection on the event loop, commands pipelined. Lost, it is made anew
 * with a growing wait; what was under way then fails, and is never sent again by itself: whether
 * Redis took it is not known. */
#ifndef NEWSMILL_GATEWAY_REDIS_ASYNC_H
#define NEWSMILL_GATEWAY_REDIS_ASYNC_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf.h"
#include "common/err.h"
#include "common/slots.h"

struct event_base;
struct redis_async;

#define REDIS_ASYNC_MAX_COMMANDS  4096
#define REDIS_ASYNC_MAX_BYTES     ((size_t)128 << 20) /* of all commands under way */
#define REDIS_ASYNC_MAX_ARGUMENTS 12
#define REDIS_ASYNC_MAX_TEXTS     4

/* `script` is loaded at each connect; it lives as long as the object. Starts to connect. Returns 0
 * or ERR_CONFIG for a bad redis.url. `slot` counts how often it was lost; NULL for a second
 * connection, which neither counts nor logs what the first one says as well. */
int redis_async_new(struct event_base *base, const struct conf *conf, const char *script,
                    struct slot *slot, struct redis_async **out, struct err *e);
/* Every callback still owed is called with a failure first. NULL is fine. */
void redis_async_free(struct redis_async *r);

/* Connected, logged in, script loaded. */
bool redis_async_ready(const struct redis_async *r);

/* An answer that is no error and has none in it: one text or number, or those of an array, nested
 * ones in their place. */
struct redis_async_reply {
    long long number; /* the last of them */
    size_t count;     /* of texts */
    struct {
        const char *bytes; /* ends in a NUL that is not counted */
        size_t length;
    } texts[REDIS_ASYNC_MAX_TEXTS];
};

/* Gets the answer, once: *reply is borrowed; or NULL, and `why` starts with Redis' own code (OOM,
 * READONLY, …) or with "connection". Never called from within the function that sent the command.
 */
struct redis_async_callback {
    void (*run)(void *context, const struct redis_async_reply *reply, const char *why);
    void *context;
};

/* Sends a command; lengths NULL: the arguments end in NUL. Returns 0, or without a later callback
 * ERR_AGAIN (not connected) or ERR_LIMIT (too much under way). */
int redis_async_send(struct redis_async *r, int argc, const char *const *argv,
                     const size_t *lengths, struct redis_async_callback callback, struct err *e);

/* The same for the script: `argv` starts with the number of keys. If Redis has forgotten the script
 * it is sent along once more, which cannot run it twice. The arguments must stay until the callback
 * runs. */
int redis_async_script(struct redis_async *r, int argc, const char *const *argv,
                       const size_t *lengths, struct redis_async_callback callback, struct err *e);

/* Another number for each connection that was made; 0: none ever was. What was begun on one cannot
 * be gone on with on the next. */
unsigned redis_async_connection(const struct redis_async *r);

/* A command that is written for the wire already; it is copied. */
int redis_async_send_written(struct redis_async *r, const char *bytes, size_t length,
                             struct redis_async_callback callback, struct err *e);

/* A command that is written for the wire already. */
struct redis_async_part {
    const char *bytes;
    size_t length;
};

/* MULTI, commands and EXEC, one behind the other with nothing in between; they are copied. The
 * callback gets the answer to the last, or the first failure. */
int redis_async_transaction(struct redis_async *r, const struct redis_async_part *parts, int count,
                            struct redis_async_callback callback, struct err *e);

/* Ends the connection: all that is under way fails, and a new one is made. */
void redis_async_reset(struct redis_async *r, const char *why);

/* Looks at deadlines; to be called some times a second. */
void redis_async_tick(struct redis_async *r);

#endif
