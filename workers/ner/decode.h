/* decode: the greedy walk over a text's tokens, one move a token, tile by tile. */
#ifndef NEWSMILL_NER_DECODE_H
#define NEWSMILL_NER_DECODE_H

#include "scorer.h"
#include "types.h"

/* An entity as the walk gives it: tokens [first, end). */
struct decode_span {
    uint32_t first, end, label;
};

/* What the walk remembers between tokens. */
struct decode {
    const struct transitions *transitions;
    size_t stride;
    float *previous; /* [stride]: the encoding of the token before this tile */
    bool open;
    uint32_t first, label; /* of the open entity */
};

void decode_init(struct decode *d, const struct transitions *t, size_t stride);
void decode_fini(struct decode *d);

/* A new text begins. */
void decode_start(struct decode *d);

/* Walks on over the `count` tokens from number `first` of a text of `total` tokens, which `s` has
 * just scored from their encodings x [count, stride]; `tokens` are those of the whole text. Writes
 * the entities that end in the tile to spans[], at most `count`, and returns their number. */
size_t decode_run(struct decode *d, struct scorer *s, const float *x, const struct token *tokens,
                  const struct word_type *types, size_t first, size_t count, size_t total,
                  struct decode_span *spans);

#endif
