/* regex: one compiled regular expression and a search with it. This is the only user of pcre2.h.
 * A search that passes one of PCRE2's limits is ERR_LIMIT, never "no match". */
#ifndef NEWSMILL_REGEX_H
#define NEWSMILL_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct regex;         /* read-only */
struct regex_scratch; /* one process's working memory for matching */

/* Returns 0 or ERR_CONFIG; *too_large (may be NULL) tells that PCRE2 would take a smaller one. */
int regex_compile(const char *pattern, size_t length, bool caseless, struct regex **out,
                  bool *too_large, struct err *e);
void regex_free(struct regex *r);

struct regex_scratch *regex_scratch_new(void);
void regex_scratch_free(struct regex_scratch *s);

enum regex_how { REGEX_SEARCH, REGEX_AT_START, REGEX_NOT_EMPTY_AT_START };

/* Searches `text` from byte `from` on; what lies before is seen by lookbehinds. 1 with the match in
 * *start and *end (bytes), 0 or ERR_LIMIT, which names `name`. */
int regex_search(const struct regex *r, struct regex_scratch *s, const char *name, const char *text,
                 size_t length, size_t from, enum regex_how how, size_t *start, size_t *end,
                 struct err *e);

#endif
