/* scorer: see scorer.h.
 *
 * spaCy: h = linear(x); u = b + sum over features f of (W[f] · h of f's token, or pad[f] where
 * there is none); hidden = largest piece of u; scores = upper(hidden). Feature 0 is the next token;
 * the others tell of the open entity: with 3 features its first token and the token before the
 * next, with 6 (extra_state_tokens) its first five tokens.
 *
 * weights.c folds linear and W[f] into one matrix a feature. No ReLU: greedy decoding has none even
 * with one piece, whatever the training code does. */
#include "scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 256

struct scorer_weights {
    const struct weights *w;
    size_t floats;          /* hidden_pieces * hidden_stride, the length of u */
    float *closed_b;        /* [floats]: of u with no entity open */
    float *open_b;          /* [floats]: of u with one, before its features */
    struct product *closed; /* hidden -> closed_stride scores, -INFINITY beyond closed_count */
    size_t closed_count, closed_stride;
};

struct scorer {
    const struct scorer_weights *f;
    float *u;      /* [max_tokens, floats]: feature 0 of each token */
    float *hidden; /* [BLOCK, hidden_stride] */
    float *scores; /* [max_tokens, closed_stride] */
    float *entity; /* [floats]: features of the open entity that no longer change */
    float *step;   /* [floats] */
    size_t length; /* tokens of the open entity so far */
};

static void add(float *out, const float *x, float scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] += scale * x[i];
}

/* The rows of upper that can win while no entity is open, as columns. */
static struct product *pick_closed(const struct scorer_weights *f, const struct transitions *t)
{
    const struct weights *w = f->w;
    float *W = floats_zero(w->hidden_stride * f->closed_stride);
    float *b = floats_new(f->closed_stride);

    for (size_t i = 0; i < f->closed_stride; i++) {
        b[i] = -INFINITY;
        if (i >= t->closed_count)
            continue;
        uint32_t class = t->closed[i];
        b[i] = w->upper_b ? w->upper_b[class] : 0;
        for (size_t j = 0; j < w->hidden; j++)
            W[j * f->closed_stride + i] =
                w->upper_W ? w->upper_W[class * w->hidden + j] : (float)(class == j);
    }
    struct product *p = product_new(w->kernels, W, b, w->hidden_stride, f->closed_stride, 1);
    free(W);
    free(b);
    return p;
}

struct scorer_weights *scorer_weights_new(const struct weights *w, const struct transitions *t)
{
    struct scorer_weights *f = xcalloc(1, sizeof *f);

    f->w = w;
    f->floats = w->hidden_pieces * w->hidden_stride;
    f->closed_count = t->closed_count;
    f->closed_stride = floats_pad(t->closed_count);
    f->closed = pick_closed(f, t);
    f->open_b = floats_new(f->floats);
    f->closed_b = floats_new(f->floats);
    memcpy(f->open_b, w->lower_b, f->floats * sizeof(float));
    add(f->open_b, w->lower_c, 1, f->floats);
    memcpy(f->closed_b, f->open_b, f->floats * sizeof(float));
    for (size_t feature = 1; feature < w->features; feature++)
        add(f->closed_b, w->lower_pad + feature * f->floats, 1, f->floats);
    return f;
}

void scorer_weights_free(struct scorer_weights *f)
{
    if (!f)
        return;
    product_free(f->closed);
    free(f->open_b);
    free(f->closed_b);
    free(f);
}

struct scorer *scorer_new(const struct scorer_weights *f, size_t max_tokens)
{
    struct scorer *s = xcalloc(1, sizeof *s);

    s->f = f;
    s->u = floats_new(max_tokens * f->floats);
    s->hidden = floats_new(BLOCK * f->w->hidden_stride);
    s->scores = floats_new(max_tokens * f->closed_stride);
    s->entity = floats_new(f->floats);
    s->step = floats_new(f->floats);
    return s;
}

void scorer_free(struct scorer *s)
{
    if (!s)
        return;
    free(s->u);
    free(s->hidden);
    free(s->scores);
    free(s->entity);
    free(s->step);
    free(s);
}

/* hidden[hidden_stride] = the largest piece of u + what the state adds to it. */
static void largest_piece(const struct scorer_weights *f, const float *u, const float *more,
                          float *hidden)
{
    const float *terms[2] = {u, more};

    f->w->kernels->largest_sum(terms, 2, f->w->hidden_pieces, f->w->hidden_stride, hidden);
}

void scorer_run(struct scorer *s, const float *x, size_t count)
{
    const struct scorer_weights *f = s->f;
    const struct weights *w = f->w;

    for (size_t at = 0; at < count; at += BLOCK) {
        size_t rows = count - at < BLOCK ? count - at : BLOCK;
        float *u = s->u + at * f->floats;
        w->kernels->multiply(w->next_product, x + at * w->stride, w->stride, rows, u);
        for (size_t i = 0; i < rows; i++)
            largest_piece(f, u + i * f->floats, f->closed_b, s->hidden + i * w->hidden_stride);
        w->kernels->multiply(f->closed, s->hidden, w->hidden_stride, rows,
                             s->scores + at * f->closed_stride);
    }
}

const float *scorer_closed(const struct scorer *s, size_t i)
{
    return s->scores + i * s->f->closed_stride;
}

size_t scorer_best_closed(const struct scorer *s, size_t i)
{
    return s->f->w->kernels->first_largest(scorer_closed(s, i), s->f->closed_count);
}

/* u += feature `feature` (1 or more) for the token encoded as x */
static void add_feature(const struct scorer_weights *f, size_t feature, const float *x, float *u)
{
    const struct weights *w = f->w;

    add(u, w->lower_c + feature * f->floats, 1, f->floats);
    w->kernels->add_product(x, w->lower_W + (feature - 1) * w->stride * f->floats, w->width,
                            f->floats, u);
}

void scorer_open(struct scorer *s, const float *x)
{
    const struct scorer_weights *f = s->f;

    s->length = 0;
    memcpy(s->entity, f->open_b, f->floats * sizeof(float));
    if (f->w->features == 3) {
        add_feature(f, 1, x, s->entity);
        return;
    }
    for (size_t feature = 1; feature < f->w->features; feature++)
        add(s->entity, f->w->lower_pad + feature * f->floats, 1, f->floats);
}

static float class_score(const struct weights *w, const float *hidden, uint32_t class)
{
    if (!w->upper_W)
        return hidden[class];
    float score = w->upper_b[class];
    for (size_t i = 0; i < w->hidden; i++)
        score += w->upper_W[class * w->hidden + i] * hidden[i];
    return score;
}

void scorer_step(struct scorer *s, size_t i, const float *previous, uint32_t in, uint32_t last,
                 float *in_score, float *last_score)
{
    const struct scorer_weights *f = s->f;
    size_t features = f->w->features;
    size_t feature = ++s->length; /* of `previous` among the entity's tokens, from 1 */

    if (features > 3 && feature < features) {
        add(s->entity, f->w->lower_pad + feature * f->floats, -1, f->floats);
        add_feature(f, feature, previous, s->entity);
    }
    memcpy(s->step, s->entity, f->floats * sizeof(float));
    if (features == 3)
        add_feature(f, 2, previous, s->step);
    largest_piece(f, s->u + i * f->floats, s->step, s->hidden);
    *in_score = class_score(f->w, s->hidden, in);
    *last_score = class_score(f->w, s->hidden, last);
}
