/* split: a text into chunks between white space, and one chunk into pieces (the heart of
 * spacy/tokenizer.pyx: _tokenize_affixes, _split_affixes, _attach_tokens). It knows bytes only:
 * what the pieces become is tokenizer.c's. */
#ifndef NEWSMILL_SPLIT_H
#define NEWSMILL_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "rules.h"
#include "specials.h"

struct chunk {
    size_t start, end; /* bytes; all white space or none */
    bool space_after;  /* a U+0020 behind it belongs to its last token and to no chunk */
};

/* The chunk that begins at *at; *at moves to the next one. False at the end of the text. */
bool split_next_chunk(const char *text, size_t length, size_t *at, struct chunk *out);

#define SPLIT_NO_SPECIAL UINT32_MAX
struct piece {
    uint32_t start, length; /* bytes within the chunk; the pieces follow each other without gaps */
    uint32_t special_token; /* index for specials_token(), or SPLIT_NO_SPECIAL */
};

struct split; /* scratch: the pieces of the last chunk */

struct split *split_new(void);
void split_free(struct split *s);

/* Divides one chunk; a pure function of its text. `specials` may be NULL: then there are none.
 * *pieces is borrowed until the next call. Returns 0 or ERR_LIMIT (a regex passed its limit). */
int split_chunk(struct split *s, const struct rules *rules, const struct specials *specials,
                const char *text, size_t length, const struct piece **pieces, size_t *count,
                struct err *e);

/* The scratch for rules_*(), for callers that ask them directly. */
struct rules_scratch *split_rules_scratch(struct split *s);

#endif
