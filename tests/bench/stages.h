/* stages: how long each part of the engine takes. The linker's --wrap sends the calls of ner.c, and
 * that of types.c to lexeme_fill(), through here. Included by engine.c alone. */
#ifndef NEWSMILL_STAGES_H
#define NEWSMILL_STAGES_H

#include "workers/ner/decode.h"
#include "workers/ner/embed.h"
#include "workers/ner/encoder.h"
#include "workers/ner/lexeme.h"
#include "workers/ner/scorer.h"
#include "workers/ner/tokenizer.h"

enum stage { TOKENIZE, LEXEME, EMBED, LAYERS, SCORES, MOVES, STAGES_COUNT };

static const char *const stage_names[STAGES_COUNT] = {"tokenise", "lexeme", "embed",
                                                      "layers",   "scores", "moves"};
static double stage_s[STAGES_COUNT];

static void stages_clear(void)
{
    memset(stage_s, 0, sizeof stage_s);
}

static void stages_print(double all)
{
    stage_s[TOKENIZE] -= stage_s[LEXEME]; /* which it calls */
    for (size_t i = 0; i < STAGES_COUNT; i++) {
        printf(" %s=%.6f", stage_names[i], stage_s[i]);
        all -= stage_s[i];
    }
    printf(" rest=%.6f", all);
}

int __real_tokenizer_run(struct tokenizer_state *s, const char *text, size_t length,
                         const struct token **tokens, size_t *count, struct err *e);
int __wrap_tokenizer_run(struct tokenizer_state *s, const char *text, size_t length,
                         const struct token **tokens, size_t *count, struct err *e);
void __real_lexeme_fill(const struct lexeme_norms *n, const char *text, size_t length,
                        uint64_t orth, struct buf *scratch, struct word_type *out);
void __wrap_lexeme_fill(const struct lexeme_norms *n, const char *text, size_t length,
                        uint64_t orth, struct buf *scratch, struct word_type *out);
