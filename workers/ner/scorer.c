/* scorer: see scorer.h.
 *
 * spaCy: h = linear(x); u = b + sum over features f of (W[f] · h of f's token, or pad[f] where
 * there is none); hidden = largest piece of u; scores = upper(hidden). Feature 0 is the next token;
 * the others tell of the open entity: with 3 features its first token and the token before the
 * next, with 6 (extra_state_tokens) its first five tokens.
 *
 * Here linear and W[f] are folded into one matrix a feature. No ReLU: greedy decoding has none even
 * with one piece, whatever the training code does. */
#include "scorer.h"

#include <stdlib.h>
#include <string.h>

#include "gemm.h"
#include "maxout.h"

#define BLOCK 256

struct scorer_weights {
    size_t width, features, hidden, pieces, closed_count;
    size_t floats;    /* pieces * hidden, the length of u */
    float *W;         /* [features, width, floats]: x -> part of u */
    float *c;         /* [features, floats]: what W leaves out, linear's bias through W_lower */
    const float *pad; /* [features, floats] */
    float *closed_b;  /* [floats]: of u with no entity open */
    float *open_b;    /* [floats]: of u with one, before its features */
    float *closed_W;  /* [hidden, closed_count] */
    float *closed_c;  /* [closed_count] */
    const float *upper_W, *upper_b;
};

struct scorer {
    const struct scorer_weights *f;
    float *u;      /* [max_tokens, floats]: feature 0 of each token */
    float *hidden; /* [BLOCK, hidden] */
    float *scores; /* [max_tokens, closed_count] */
    float *entity; /* [floats]: features of the open entity that no longer change */
    float *step;   /* [floats] */
    size_t length; /* tokens of the open entity so far */
};

/* W[f] = linear · lower[f], c[f] = linear's bias · lower[f]; summed in double. */
static void fold(struct scorer_weights *f, const struct weights *w)
{
    double *row = xmalloc(f->floats * sizeof *row);

    for (size_t feature = 0; feature < f->features; feature++) {
        const float *lower = w->lower_W + feature * w->inputs * f->floats;
        for (size_t i = 0; i <= f->width; i++) { /* the last turn is for the bias */
            const float *linear = i < f->width ? w->linear_W + i * w->inputs : w->linear_b;
            float *out = i < f->width ? f->W + (feature * f->width + i) * f->floats
                                      : f->c + feature * f->floats;
            memset(row, 0, f->floats * sizeof *row);
            for (size_t j = 0; j < w->inputs; j++)
                for (size_t k = 0; k < f->floats; k++)
                    row[k] += (double)linear[j] * (double)lower[j * f->floats + k];
            for (size_t k = 0; k < f->floats; k++)
                out[k] = (float)row[k];
        }
    }
    free(row);
}

/* The rows of upper that can win while no entity is open, as columns. */
static void pick_closed(struct scorer_weights *f, const struct weights *w,
                        const struct transitions *t)
{
    for (size_t i = 0; i < t->closed_count; i++) {
        uint32_t class = t->closed[i];
        f->closed_c[i] = w->upper_b ? w->upper_b[class] : 0;
        for (size_t j = 0; j < f->hidden; j++)
            f->closed_W[j * t->closed_count + i] =
                w->upper_W ? w->upper_W[class * f->hidden + j] : (float)(class == j);
    }
}

struct scorer_weights *scorer_weights_new(const struct weights *w, const struct transitions *t)
{
    struct scorer_weights *f = xcalloc(1, sizeof *f);

    f->width = w->width;
    f->features = w->features;
    f->hidden = w->hidden;
    f->pieces = w->hidden_pieces;
    f->floats = f->pieces * f->hidden;
    f->closed_count = t->closed_count;
    f->pad = w->lower_pad;
    f->upper_W = w->upper_W;
    f->upper_b = w->upper_b;
    f->W = gemm_alloc(f->features * f->width * f->floats);
    f->c = gemm_alloc(f->features * f->floats);
    f->open_b = gemm_alloc(f->floats);
    f->closed_b = gemm_alloc(f->floats);
    f->closed_W = gemm_alloc(f->hidden * f->closed_count);
    f->closed_c = gemm_alloc(f->closed_count);
    fold(f, w);
    pick_closed(f, w, t);
    memcpy(f->open_b, w->lower_b, f->floats * sizeof(float));
    maxout_add(f->open_b, f->c, 1, f->floats);
    memcpy(f->closed_b, f->open_b, f->floats * sizeof(float));
    for (size_t feature = 1; feature < f->features; feature++)
        maxout_add(f->closed_b, f->pad + feature * f->floats, 1, f->floats);
    return f;
}

void scorer_weights_free(struct scorer_weights *f)
{
    if (!f)
        return;
    free(f->W);
    free(f->c);
    free(f->open_b);
    free(f->closed_b);
    free(f->closed_W);
    free(f->closed_c);
    free(f);
}

struct scorer *scorer_new(const struct scorer_weights *f, size_t max_tokens)
{
    struct scorer *s = xcalloc(1, sizeof *s);

    s->f = f;
    s->u = gemm_alloc(max_tokens * f->floats);
    s->hidden = gemm_alloc(BLOCK * f->hidden);
    s->scores = gemm_alloc(max_tokens * f->closed_count);
    s->entity = gemm_alloc(f->floats);
    s->step = gemm_alloc(f->floats);
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

void scorer_run(struct scorer *s, const float *x, size_t count)
{
    const struct scorer_weights *f = s->f;

    for (size_t at = 0; at < count; at += BLOCK) {
        size_t rows = count - at < BLOCK ? count - at : BLOCK;
        float *u = s->u + at * f->floats, *scores = s->scores + at * f->closed_count;
        gemm(rows, f->floats, f->width, x + at * f->width, f->width, f->W, f->floats, u, f->floats);
        maxout_plain(u, f->closed_b, f->pieces, f->hidden, s->hidden, rows);
        gemm(rows, f->closed_count, f->hidden, s->hidden, f->hidden, f->closed_W, f->closed_count,
             scores, f->closed_count);
        for (size_t i = 0; i < rows; i++)
            maxout_add(scores + i * f->closed_count, f->closed_c, 1, f->closed_count);
    }
}

const float *scorer_closed(const struct scorer *s, size_t i)
{
    return s->scores + i * s->f->closed_count;
}

/* u += feature `feature` for the token encoded as x */
static void add_feature(const struct scorer_weights *f, size_t feature, const float *x, float *u)
{
    const float *W = f->W + feature * f->width * f->floats;

    maxout_add(u, f->c + feature * f->floats, 1, f->floats);
    for (size_t i = 0; i < f->width; i++)
        maxout_add(u, W + i * f->floats, x[i], f->floats);
}

void scorer_open(struct scorer *s, const float *x)
{
    const struct scorer_weights *f = s->f;

    s->length = 0;
    memcpy(s->entity, f->open_b, f->floats * sizeof(float));
    if (f->features == 3) {
        add_feature(f, 1, x, s->entity);
        return;
    }
    for (size_t feature = 1; feature < f->features; feature++)
        maxout_add(s->entity, f->pad + feature * f->floats, 1, f->floats);
}

static float class_score(const struct scorer_weights *f, const float *hidden, uint32_t class)
{
    if (!f->upper_W)
        return hidden[class];
    float score = f->upper_b[class];
    for (size_t i = 0; i < f->hidden; i++)
        score += f->upper_W[class * f->hidden + i] * hidden[i];
    return score;
}

void scorer_step(struct scorer *s, size_t i, const float *previous, uint32_t in, uint32_t last,
                 float *in_score, float *last_score)
{
    const struct scorer_weights *f = s->f;
    size_t feature = ++s->length; /* of `previous` among the entity's tokens, from 1 */

    if (f->features > 3 && feature < f->features) {
        maxout_add(s->entity, f->pad + feature * f->floats, -1, f->floats);
        add_feature(f, feature, previous, s->entity);
    }
    memcpy(s->step, s->entity, f->floats * sizeof(float));
    if (f->features == 3)
        add_feature(f, 2, previous, s->step);
    maxout_plain(s->u + i * f->floats, s->step, f->pieces, f->hidden, s->hidden, 1);
    *in_score = class_score(f, s->hidden, in);
    *last_score = class_score(f, s->hidden, last);
}
