/* pattern: work on the text of a regular expression, before PCRE2 sees it: from Python's syntax to
 * PCRE2's, its alternatives, how long a match can be. It knows just enough of the syntax for that.
 */
#ifndef NEWSMILL_PATTERN_H
#define NEWSMILL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

/* Appends to `out` a PCRE2 pattern (for UTF and UCP) that matches what the Python pattern matches;
 * flags at its start ((?u), (?i)) are taken off, *caseless tells of the second. Returns 0 or
 * ERR_CONFIG saying what is not supported. */
int pattern_rewrite(const char *source, size_t length, struct buf *out, bool *caseless,
                    struct err *e);

/* The end of the escape, class or single byte at `at`. */
size_t pattern_unit_end(const char *pattern, size_t length, size_t at);

/* Where the alternative that begins at `from` ends: at the next top-level bar, or at `length`. */
size_t pattern_alternative_end(const char *pattern, size_t length, size_t from);

/* True when this one alternative ends in the assertion `$`. */
bool pattern_is_end_anchored(const char *alternative, size_t length);

/* Most code points that a match can have, at least: an estimate from above. SIZE_MAX for unbounded
 * or for what is not understood. */
size_t pattern_longest(const char *pattern, size_t length);

/* Recognizes an alternative that is one literal code point (no white space), *least times or, with
 * *more, any number above that too, at the end: `c$`, `ccc$`, `cc+$`. */
bool pattern_is_literal(const char *alternative, size_t length, uint32_t *code_point, size_t *least,
                        bool *more);

/* In a rewritten pattern of which only whether it matches is asked: takes out a part that adds
 * nothing to what matches but costs the square of the length (the password of spaCy's URLs). */
void pattern_simplify(struct buf *pattern);

#endif
