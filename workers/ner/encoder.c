/* encoder: see encoder.h. spaCy's MaxoutWindowEncoder (spacy/ml/models/tok2vec.py): `depth` times
 * residual(expand_window >> Maxout >> LayerNorm).
 *
 * spaCy lays `pad` = window * depth rows of zeros around a text and runs them through all layers,
 * where they do not stay zero: they feed the first and the last words. Layer k of the tokens in
 * hand depends on (depth - k) * window rows beyond them, so just those are computed, pads and
 * neighbours alike: the result is that of the whole text at once. */
#include "encoder.h"

#include <stdlib.h>
#include <string.h>

#include "embed.h"

#define AHEAD 3 /* words: so early are cached rows asked for, which lie all over the cache */

struct encoder {
    const struct weights *w;
    float *x[2];       /* [max_tokens + 2 * halo, stride]: a layer's input and output in turn */
    size_t block_rows; /* through a layer at once: its work stays in the L2 cache */
    float *scratch;    /* window()'s for so many */
};

struct encoder *encoder_new(const struct weights *w, size_t max_tokens)
{
    struct encoder *s = xcalloc(1, sizeof *s);
    size_t floats = (max_tokens + 2 * encoder_halo(w)) * w->stride;

    s->w = w;
    s->x[0] = floats_new(floats);
    s->x[1] = floats_new(floats);
    s->block_rows = kernels_window_rows(w->stride);
    s->scratch = floats_new(kernels_scratch_floats(w->stride, s->block_rows));
    return s;
}

void encoder_free(struct encoder *s)
{
    if (!s)
        return;
    free(s->x[0]);
    free(s->x[1]);
    free(s->scratch);
    free(s);
}

/* Layer 1 from cached terms: out row i is the word of rows[i + window]. */
static void first_layer(const struct encoder *s, const float *const *rows, size_t count, float *out)
{
    const struct weights *w = s->w;
    const float *terms[2 * WEIGHTS_MAX_WINDOW + 1];

    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            embed_fetch(w, rows[i + AHEAD + 2 * w->window]);
        for (size_t j = 0; j <= 2 * w->window; j++)
            terms[j] = embed_term(w, rows[i + j], j);
        w->kernels->largest_sum(terms, 2 * w->window + 1, w->layers[0].pieces, w->stride,
                                out + i * w->stride);
        w->kernels->norm(&w->layers[0].norm, rows[i + w->window], out + i * w->stride, 1);
    }
}

/* Any other layer: `in` has count + 2 * window rows, out row i is in row i + window in context. */
static void window_layer(const struct encoder *s, const struct maxout_weights *layer,
                         const float *in, size_t count, float *out)
{
    const struct kernels *k = s->w->kernels;
    size_t stride = s->w->stride;

    if (s->w->window == 1)
        k->window(layer->product, in, count, s->scratch, out);
    else /* thinc's expand_window: neighbours are side by side as they lie */
        k->multiply(layer->product, in, stride, count, out);
    k->norm(&layer->norm, in + s->w->window * stride, out, count);
}

const float *encoder_run(struct encoder *s, const float *const *rows, size_t count)
{
    const struct weights *w = s->w;
    size_t left = count + 2 * w->window * (w->depth - 1); /* rows of the layer's output */

    first_layer(s, rows, left, s->x[0]);
    for (size_t k = 1; k < w->depth; k++) {
        const float *in = s->x[(k - 1) & 1];
        float *out = s->x[k & 1];
        left -= 2 * w->window;
        size_t blocks = (left + s->block_rows - 1) / s->block_rows;
        size_t step = (left + blocks - 1) / blocks;
        for (size_t at = 0; at < left; at += step)
            window_layer(s, &w->layers[k], in + at * w->stride, left - at < step ? left - at : step,
                         out + at * w->stride);
    }
    return s->x[(w->depth - 1) & 1];
}
