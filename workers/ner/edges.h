/* edges: which code points a match of one alternative of a prefix or suffix pattern can begin or
 * end with, read off the pattern's text. With them a search tries only the alternatives that the
 * code point at the edge of a text lets match. */
#ifndef NEWSMILL_EDGES_H
#define NEWSMILL_EDGES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum edge { EDGE_START, EDGE_END };

/* What is left of a rewritten alternative without its anchor, `^` at EDGE_START or `$` at
 * EDGE_END: *inner and *inner_length are a part of it. False when it has none there. */
bool edges_inner(enum edge edge, const char *alternative, size_t length, const char **inner,
                 size_t *inner_length);

/* True when `inner` is one unit that matches exactly one code point. */
bool edges_is_single(const char *inner, size_t length);

/* Appends to `out` an alternation of units of one code point each: every match of `inner` begins
 * (or ends) with one of them. False when they cannot be told; `out` then holds a part of them. */
bool edges_units(enum edge edge, const char *inner, size_t length, struct buf *out);

#endif
