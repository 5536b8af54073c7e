/* encoder: the window layers, from words each for itself to words in their context. */
#ifndef NEWSMILL_NER_ENCODER_H
#define NEWSMILL_NER_ENCODER_H

#include "weights.h"

struct encoder;

/* `w` is borrowed; `max_tokens` is the largest `count` of encoder_run(). */
struct encoder *encoder_new(const struct weights *w, size_t max_tokens);
void encoder_free(struct encoder *s);

/* How many words on each side bear upon a word. */
static inline size_t encoder_halo(const struct weights *w)
{
    return w->window * w->depth;
}

/* Encodes `count` consecutive tokens. rows[0 … count + 2 * halo) are the rows of embed.h for these
 * tokens with a halo on each side, embed_pad() where the text has ended. Returns [count, stride],
 * borrowed until the next call. */
const float *encoder_run(struct encoder *s, const float *const *rows, size_t count);

#endif
