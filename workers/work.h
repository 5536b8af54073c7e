/* work: what a worker does with one article: validate, recognise, count. The handler of the
 * worker's consumer loop. */
#ifndef NEWSMILL_WORK_H
#define NEWSMILL_WORK_H

#include "common/conf.h"
#include "common/consumer.h"
#include "common/slots.h"
#include "ner/ner.h"

struct work;

/* All borrowed; `slot` gets the counters. */
struct work *work_new(const struct conf *conf, const struct ner_model *model, struct slot *slot);
void work_free(struct work *w);

/* The handler for consumer_run(); its context is `w`. */
struct consumer_handler work_handler(struct work *w);

#endif
