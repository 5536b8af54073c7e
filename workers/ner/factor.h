/* factor: alternatives that end alike, as one: `^a[…]+$|^b[…]+$` becomes `(?:^a|^b)[…]+$`. French
 * has 250 such with the same class of 4 KB, which PCRE2 would expand to both cases 250 times. */
#ifndef NEWSMILL_FACTOR_H
#define NEWSMILL_FACTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* Appends to `out` a pattern that matches wherever the given one (as PCRE2 reads it) does; not
 * always as long a piece, so it serves only where the question is whether something matches. False
 * with nothing appended where that would be no gain, or where the pattern has captures, references
 * or flags, which the new order would change. */
bool factor_alternatives(const char *pattern, size_t length, struct buf *out);

#endif
