/* rules: the five regular expressions of a spaCy tokenizer, run by PCRE2. This is the only user of
 * pcre2.h.
 *
 * A string handed in is a subject of its own: a lookbehind never sees what was cut off before it.
 * A search that passes one of PCRE2's limits is ERR_LIMIT, never "no match". */
#ifndef NEWSMILL_RULES_H
#define NEWSMILL_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum rule_kind { RULE_PREFIX, RULE_SUFFIX, RULE_INFIX, RULE_TOKEN_MATCH, RULE_URL_MATCH };
#define RULE_KINDS 5

struct rules;         /* compiled patterns, read-only */
struct rules_scratch; /* one process's working memory for matching */

struct rules *rules_new(void); /* with no pattern at all: nothing matches */
void rules_free(struct rules *r);

/* Adds the pattern of one kind, in Python's syntax; UTF-8. Returns 0 or ERR_CONFIG. */
int rules_compile(struct rules *r, enum rule_kind kind, const char *pattern, size_t length,
                  struct err *e);

struct rules_scratch *rules_scratch_new(void);
void rules_scratch_free(struct rules_scratch *s);

/* Length in bytes of the leftmost match of the prefix or suffix pattern in the text, 0 without one;
 * or ERR_LIMIT. */
int rules_prefix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                 struct err *e);
int rules_suffix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                 struct err *e);

/* 1 if token_match or url_match matches at the start of the text, else 0; or ERR_LIMIT. */
int rules_match(const struct rules *r, struct rules_scratch *s, enum rule_kind kind,
                const char *text, size_t length, struct err *e);

/* Successive matches of the infix pattern, as Python's finditer() gives them: 1 with the match in
 * *start and *end (bytes, possibly empty), 0 when there is none left; or ERR_LIMIT. Zero *next
 * before the first call. */
struct rules_next {
    size_t at;
    bool after_empty;
};
int rules_infix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                struct rules_next *next, size_t *start, size_t *end, struct err *e);

#endif
