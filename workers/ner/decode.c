/* decode: see decode.h. spaCy's greedy parser over BiluoPushDown
 * (spacy/pipeline/_parser_internals/ner.pyx), with no sentence starts and no entities set before:
 * the ner component on its own. */
#include "decode.h"

#include <stdlib.h>
#include <string.h>

void decode_init(struct decode *d, const struct transitions *t, size_t stride)
{
    *d = (struct decode){.transitions = t, .stride = stride};
    d->previous = xcalloc(stride, sizeof *d->previous);
}

void decode_fini(struct decode *d)
{
    free(d->previous);
}

void decode_start(struct decode *d)
{
    d->open = false;
}

/* No entity open. Valid: O always; U unless the token is white space; B unless it is that or the
 * last. Of equal scores the lowest class. */
static const struct transition *closed_move(const struct transitions *t, const struct scorer *s,
                                            size_t token, bool is_space, bool is_last)
{
    const struct transition *best = NULL;
    const float *scores = scorer_closed(s, token);
    float best_score = 0;

    if (!is_space && !is_last)
        return &t->classes[t->closed[scorer_best_closed(s, token)]];
    for (size_t i = 0; i < t->closed_count; i++) {
        const struct transition *class = &t->classes[t->closed[i]];
        if (class->move == MOVE_BEGIN || (is_space && class->move != MOVE_OUT))
            continue;
        if (!best || scores[i] > best_score) {
            best = class;
            best_score = scores[i];
        }
    }
    return best; /* not NULL: transitions_load() has seen an O */
}

/* An entity is open. Valid: L of its label; I unless the token is the last. */
static bool goes_on(const struct decode *d, struct scorer *s, size_t i, const float *previous,
                    bool is_last)
{
    uint32_t in = d->transitions->in[d->label], last = d->transitions->last[d->label];
    float in_score, last_score;

    if (is_last)
        return false;
    scorer_step(s, i, previous, in, last, &in_score, &last_score);
    return in_score > last_score || (!(last_score > in_score) && in < last);
}

size_t decode_run(struct decode *d, struct scorer *s, const float *x, const struct token *tokens,
                  const struct word_type *types, size_t first, size_t count, size_t total,
                  struct decode_span *spans)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t token = (uint32_t)(first + i);
        bool is_last = first + i + 1 == total;
        if (d->open) {
            const float *previous = i ? x + (i - 1) * d->stride : d->previous;
            if (goes_on(d, s, i, previous, is_last))
                continue;
            spans[found++] = (struct decode_span){d->first, token + 1, d->label};
            d->open = false;
            continue;
        }
        const struct transition *move =
            closed_move(d->transitions, s, i, types[tokens[token].type].is_space, is_last);
        if (move->move == MOVE_UNIT) {
            spans[found++] = (struct decode_span){token, token + 1, move->label};
        } else if (move->move == MOVE_BEGIN) {
            d->open = true;
            d->first = token;
            d->label = move->label;
            scorer_open(s, x + i * d->stride);
        }
    }
    memcpy(d->previous, x + (count - 1) * d->stride, d->stride * sizeof *d->previous);
    return found;
}
