/* answer: what an answer of the gateway means for the row that was sent. */
#ifndef NEWSMILL_ANSWER_H
#define NEWSMILL_ANSWER_H

#include <stddef.h>

#include "common/buf.h"

enum answer_kind {
    ANSWER_ACCEPTED,
    ANSWER_REFUSED, /* this row will never do */
    ANSWER_LATER,   /* the same row may do later */
    ANSWER_KEY,     /* no row will do: the API key is wrong or missing */
    ANSWER_STRANGE  /* no row will do: this is no gateway's answer */
};

enum answer_kind answer_kind(long status);

/* Writes one line for people: "422 content: Field required" from FastAPI's shape of errors, else
 * the status and the start of the body. Control characters are left out. */
void answer_text(long status, const struct buf *body, char *out, size_t size);

#endif
