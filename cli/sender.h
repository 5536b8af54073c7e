/* sender: many POSTs in flight to one gateway, each tried until the gateway has decided on it. */
#ifndef NEWSMILL_SENDER_H
#define NEWSMILL_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/block.h"
#include "cli/delivery.h"
#include "common/err.h"

#define SENDER_MAX_IN_FLIGHT 256
/* No further block is taken above this many bytes in hand. */
#define SENDER_MAX_BYTES (64u << 20)

/* What the owner is told while the sender works; none may be NULL. */
struct sender_events {
    /* `count` rows from this one on */
    void (*refused)(void *context, const struct block_row *row, int count, const char *why);
    void (*notice)(void *context, const char *text); /* waiting, going on */
    void (*tick)(void *context);                     /* several times a second */
    void *context;
};

struct sender_options {
    const char *url;     /* of the gateway, without the path */
    const char *key;     /* NULL: none */
    const char *ca_file; /* trusted in place of the system's certificates; NULL: those */
    bool plain_key;      /* the key may go to another machine in clear */
    int in_flight;
    int64_t timeout_ms;        /* without any row decided on, while rows are in hand */
    const unsigned char *salt; /* of the keys; borrowed */
    size_t salt_length;
    struct sender_events events;
};

struct sender;

/* Strings are copied. Returns 0, or ERR_INPUT for a URL that is none or that the
 * key may not go to. */
int sender_open(const struct sender_options *options, struct sender **out, struct err *e);
void sender_close(struct sender *s); /* NULL is fine */

/* Takes the block, in any case, once there is room for it. Returns 0; ERR_AGAIN when a stop is
 * asked for; or why nothing can be sent any more: ERR_CONFIG (wrong key, wrong URL), ERR_LIMIT
 * (timeout).
 */
int sender_send(struct sender *s, struct block *block, struct err *e);

/* Works until `fd` is readable: for input_options. Returns false when there is nothing to read for,
 * because a stop is asked for or sending has failed. */
bool sender_wait(void *sender, int fd);

/* Waits until every row taken is decided on; after a stop only for what is on its way, and at most
 * 10 s. Returns as sender_send(). */
int sender_finish(struct sender *s, struct err *e);

void sender_totals(const struct sender *s, struct delivery_totals *out);

#endif
