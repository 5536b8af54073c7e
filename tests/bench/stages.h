/* stages: the processor time each part of the engine takes. The linker's --wrap sends the calls of
 * ner.c, and that of types.c to lexeme_fill(), through here. Included by engine.c alone. */
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

/* The call that is timed, and what stands in its place: WRAP(result type, function, (parameters)).
 */
#define WRAP(type, function, parameters)                                                           \
    type __real_##function parameters;                                                             \
    type __wrap_##function parameters;                                                             \
    type __wrap_##function parameters

WRAP(int, tokenizer_run,
     (struct tokenizer_state * s, const char *text, size_t length, const struct token **tokens,
      size_t *count, struct err *e))
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    int rc = __real_tokenizer_run(s, text, length, tokens, count, e);
    stage_s[TOKENIZE] += seconds(CLOCK_THREAD_CPUTIME_ID) - start;
    return rc;
}

WRAP(void, lexeme_fill,
     (const struct lexeme_norms *n, const char *text, size_t length, uint64_t orth,
      struct buf *scratch, struct word_type *out))
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    __real_lexeme_fill(n, text, length, orth, scratch, out);
    stage_s[LEXEME] += seconds(CLOCK_THREAD_CPUTIME_ID) - start;
}

WRAP(void, embed_rows,
     (struct embed * s, const struct word_type *types, uint64_t generation,
      const struct token *tokens, size_t count, const float **rows))
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    __real_embed_rows(s, types, generation, tokens, count, rows);
    stage_s[EMBED] += seconds(CLOCK_THREAD_CPUTIME_ID) - start;
}

WRAP(const float *, encoder_run, (struct encoder * s, const float *const *rows, size_t count))
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    const float *x = __real_encoder_run(s, rows, count);
    stage_s[LAYERS] += seconds(CLOCK_THREAD_CPUTIME_ID) - start;
    return x;
}

WRAP(void, scorer_run, (struct scorer * s, const float *x, size_t count))
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    __real_scorer_run(s, x, count);
    stage_s[SCORES] += seconds(CLOCK_THREAD_CPUTIME_ID) - start;
}

WRAP(size_t, decode_run,
     (struct decode * d, struct scorer *s, const float *x, const struct token *tokens,
      const struct word_type *types, size_t first, size_t count, size_t total,
      struct decode_span *spans))
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    size_t found = __real_decode_run(d, s, x, tokens, types, first, count, total, spans);
    stage_s[MOVES] += seconds(CLOCK_THREAD_CPUTIME_ID) - start;
    return found;
}

#endif
