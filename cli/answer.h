/* answer: what an answer of the gateway means for the rows that were sent. */
#ifndef NEWSMILL_ANSWER_H
#define NEWSMILL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum answer_kind {
    ANSWER_ACCEPTED,
    ANSWER_REFUSED, /* this request will never do */
    ANSWER_LATER,   /* the same request may do later */
    ANSWER_KEY,     /* none will do: the API key is wrong or missing */
    ANSWER_STRANGE  /* none will do: this is no gateway's answer */
};

enum answer_kind answer_kind(long status);

/* Writes one line for people: "422 content: Field required" from FastAPI's shape of errors, else
 * the status and the start of the body. Control characters are left out. Returns whether the reason
 * is that the Idempotency-Key came with another body before. */
bool answer_text(long status, const struct buf *body, char *out, size_t size);

#define ANSWER_MAX_ITEM_TEXT 300

/* What became of one article of a bulk. */
struct answer_item {
    bool duplicate; /* the queue had it before */
    bool refused;
    char why[ANSWER_MAX_ITEM_TEXT]; /* as answer_text() */
};

/* Reads the answer to a bulk of `count` articles, item by item in their order. Returns false, and
 * has called nothing, when it is no such answer. */
bool answer_items(const struct buf *body, int count,
                  void (*item)(void *context, int index, const struct answer_item *item),
                  void *context);

#endif
