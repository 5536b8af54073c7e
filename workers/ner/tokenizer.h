/* tokenizer: spaCy's Tokenizer (spacy/tokenizer.pyx, v3), from a model's own `tokenizer` and
 * `vocab/lookups.bin` files. */
#ifndef NEWSMILL_TOKENIZER_H
#define NEWSMILL_TOKENIZER_H

#include "common/err.h"
#include "types.h"

struct tokenizer;       /* rules: read-only after the load, shared by forked children */
struct tokenizer_state; /* one process's caches and scratch */

/* Returns 0 or ERR_CONFIG naming file and field. */
int tokenizer_load(const char *model_directory, struct tokenizer **out, struct err *e);
void tokenizer_free(struct tokenizer *t);

struct tokenizer_state *tokenizer_state_new(const struct tokenizer *t);
void tokenizer_state_free(struct tokenizer_state *s);

/* Most types kept; an index is always below it plus the tokens of the text in hand. */
#define TOKENIZER_MAX_TYPES 65536

/* Tokens of valid UTF-8, in order; borrowed until the next call. Returns 0 or ERR_LIMIT (a regex
 * passed PCRE2's match limit). */
int tokenizer_run(struct tokenizer_state *s, const char *text, size_t length,
                  const struct token **tokens, size_t *count, struct err *e);

/* The table of types as it stands, `count` of them; borrowed until the next tokenizer_run().
 * `generation` changes when the table was emptied. */
const struct word_type *tokenizer_types(const struct tokenizer_state *s, size_t *count,
                                        uint64_t *generation);

#endif
