/* bulk_answer: what a bulk request is answered with once it is in Redis. Pure: no I/O. */
#ifndef NEWSMILL_GATEWAY_BULK_ANSWER_H
#define NEWSMILL_GATEWAY_BULK_ANSWER_H

#include "bulk_parse.h"

struct bulk_outcome {
    const char
        *base; /* of the ids: of this request, or of the first one with its Idempotency-Key */
    const char *runs; /* the duplicates, as common/bulk.lua describes them */
    size_t runs_length;
};

struct bulk_counts {
    size_t accepted, duplicates, refused;
};

/* Appends the body of the answer. Returns 0, or ERR_INPUT for runs that make no sense (then `out`
 * is to be thrown away) or ERR_LIMIT. */
int bulk_answer_write(const struct bulk_parse *p, const struct bulk_outcome *outcome,
                      struct bulk_counts *counts, struct buf *out);

/* Ceiling for `out`. */
size_t bulk_answer_max_bytes(const struct bulk_parse *p, const struct bulk_outcome *outcome);

#endif
