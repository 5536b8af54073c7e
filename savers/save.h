/* save: what a saver does with one batch: read it, put it into the store, and decide what the
 * store's answer means. The handler of the saver's consumer loop. */
#ifndef NEWSMILL_SAVE_H
#define NEWSMILL_SAVE_H

#include "common/conf.h"
#include "common/consumer.h"
#include "common/slots.h"

struct save;

/* `conf` and `slot` are borrowed. Nothing is opened yet. */
struct save *save_new(const struct conf *conf, struct slot *slot);
void save_free(struct save *s); /* NULL is fine */

/* Opens the store, trying again until it is there or a stop is asked for. Returns 0, ERR_AGAIN (a
 * stop) or ERR_CONFIG. */
int save_open(struct save *s, struct err *e);

/* The handler for consumer_run(); its context is `s`. */
struct consumer_handler save_handler(struct save *s);

#endif
