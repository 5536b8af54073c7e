/* phrases: the second look for special cases, over the tokens of a whole text (spacy/tokenizer.pyx:
 * _apply_special_cases). Cases with an affix or a space inside are torn apart by the first look;
 * here the sequences of tokens that they fall into are found again. */
#ifndef NEWSMILL_PHRASES_H
#define NEWSMILL_PHRASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "specials.h"
#include "split.h"
#include "types.h"

struct phrases;      /* the sequences, in a trie; read-only */
struct phrases_work; /* scratch */

/* Tokens [first, first + count) of a text that are one of the sequences and to be replaced if their
 * text is a special case. */
struct phrase {
    uint32_t first, count;
    bool kept; /* false: another one had precedence */
};

/* `all` is spaCy's faster_heuristics off: every special case gets its sequence. Returns 0 or
 * ERR_CONFIG. */
int phrases_build(const struct rules *rules, const struct specials *specials, bool all,
                  struct phrases **out, struct err *e);
void phrases_free(struct phrases *p);

/* The number under which a token text (by its id) takes part in sequences; 0 for most. */
uint32_t phrases_symbol(const struct phrases *p, uint64_t orth);

struct phrases_work *phrases_work_new(void);
void phrases_work_free(struct phrases_work *w);

/* Finds the phrases among the tokens, in order of their first token; returns how many, in
 * *found, borrowed until the next call. Skip those that are not kept. */
size_t phrases_find(const struct phrases *p, struct phrases_work *w, const struct word_type *types,
                    const struct token *tokens, size_t count, const struct phrase **found);

#endif
