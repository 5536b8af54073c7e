/* affix: a prefix or suffix pattern as the list of its alternatives, of which a search tries those
 * that the code point at the edge of the text lets match. As one regex, the hundreds of signs that
 * such a pattern holds are compared one by one at every token of a text of signs alone. */
#ifndef NEWSMILL_AFFIX_H
#define NEWSMILL_AFFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "edges.h"
#include "regex.h"

struct affix;       /* read-only */
struct affix_known; /* of one process: which alternatives each code point lets match, as it is met
                     */

/* Returns 0, or ERR_CONFIG. *out is NULL when the pattern (rewritten, not caseless) is not of the
 * kind: each alternative of a prefix begins with `^`, each of a suffix ends in `$` and has a
 * greatest length, and there are few besides the single code points. */
int affix_compile(enum edge edge, const char *name, const char *pattern, size_t length,
                  struct affix **out, struct err *e);
void affix_free(struct affix *a);

struct affix_known *affix_known_new(void);
void affix_known_free(struct affix_known *k);

/* The leftmost match, as the whole pattern has it: 1 with *start and *end, 0, or ERR_LIMIT. `text`
 * is not empty. */
int affix_search(const struct affix *a, struct affix_known *k, struct regex_scratch *s,
                 const char *text, size_t length, size_t *start, size_t *end, struct err *e);

#endif
