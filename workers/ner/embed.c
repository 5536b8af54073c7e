/* embed: see embed.h. spaCy's MultiHashEmbed (spacy/ml/models/tok2vec.py) over thinc's HashEmbed.
 */
#include "embed.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 128 /* words through the mixer at once */

struct embed {
    const struct weights *w;
    const struct vectors *vectors;
    bool by_spacy; /* SPACY is a column: a type has a row without and one with the space */
    size_t row_floats;
    float *rows; /* [1 + capacity + max_tokens, row_floats]: the pad, the cache, this call's rest */
    size_t capacity;
    unsigned char *known; /* [capacity] */
    uint64_t generation;

    size_t batch_count;
    float *targets[BATCH];
    float *input;  /* [BATCH, columns (+ 1 for the vector), stride] */
    float *vector; /* [BATCH, stride of vector_width] */
    float *mapped; /* [BATCH, stride]: the vectors' projection */
    float *x;      /* [BATCH, stride] */
    float *terms;  /* [BATCH, pieces, stride] of one window position */
};

static void add_word(struct embed *s, const struct word_type *type, bool spacy, float *row);
static void compute_batch(struct embed *s);

static float *row_at(const struct embed *s, size_t i)
{
    return s->rows + i * s->row_floats;
}

struct embed *embed_new(const struct weights *w, const struct vectors *vectors, size_t max_tokens)
{
    size_t window = 2 * w->window + 1, y_floats = w->layers[0].pieces * w->stride;
    struct embed *s = xcalloc(1, sizeof *s);

    s->w = w;
    s->vectors = vectors;
    for (size_t i = 0; i < w->column_count; i++)
        s->by_spacy |= w->columns[i].kind == COLUMN_SPACY;
    s->row_floats = w->stride + window * y_floats;
    s->capacity = EMBED_CACHE_BYTES / (s->row_floats * sizeof(float));
    s->rows = floats_new((1 + s->capacity + max_tokens) * s->row_floats);
    s->known = xcalloc(s->capacity, 1);
    s->input = floats_zero(BATCH * w->mixer.product->inputs);
    s->vector = floats_zero(BATCH * floats_pad(w->vector_width));
    s->mapped = floats_new(w->vector_width ? BATCH * w->stride : 0);
    s->x = floats_new(BATCH * w->stride);
    s->terms = floats_new(BATCH * y_floats);

    memset(s->rows, 0, s->row_floats * sizeof(float));
    memcpy(row_at(s, 0) + w->stride + w->window * y_floats, w->terms[w->window]->bias,
           y_floats * sizeof(float));
    return s;
}

void embed_free(struct embed *s)
{
    if (!s)
        return;
    free(s->rows);
    free(s->known);
    free(s->input);
    free(s->vector);
    free(s->mapped);
    free(s->x);
    free(s->terms);
    free(s);
}

const float *embed_pad(const struct embed *s)
{
    return s->rows;
}

void embed_rows(struct embed *s, const struct word_type *types, uint64_t generation,
                const struct token *tokens, size_t count, const float **rows)
{
    size_t rest = 0;

    if (generation != s->generation)
        memset(s->known, 0, s->capacity);
    s->generation = generation;
    for (size_t i = 0; i < count; i++) {
        const struct token *t = &tokens[i];
        size_t index = s->by_spacy ? 2 * (size_t)t->type + t->spacy : t->type;
        bool cached = index < s->capacity;
        float *row = row_at(s, 1 + (cached ? index : s->capacity + rest++));
        if (!cached || !s->known[index])
            add_word(s, &types[t->type], t->spacy, row);
        if (cached)
            s->known[index] = 1;
        rows[i] = row;
    }
    compute_batch(s);
}

/* thinc's HashEmbed hashes with MurmurHash3_x64_128 (Austin Appleby's public-domain function, here
 * for the eight bytes of one id); the result is four row numbers of 32 bits. */
static uint64_t mix(uint64_t k)
{
    k = (k ^ k >> 33) * 0xff51afd7ed558ccdu;
    k = (k ^ k >> 33) * 0xc4ceb9fe1a85ec53u;
    return k ^ k >> 33;
}

static void hash_id(uint64_t id, uint32_t seed, uint32_t out[4])
{
    uint64_t k = id * 0x87c37b91114253d5u, h1, h2 = (uint64_t)seed ^ 8;

    k = (k << 31 | k >> 33) * 0x4cf5ad432745937fu;
    h1 = (k ^ seed ^ 8) + h2;
    h2 += h1;
    h1 = mix(h1);
    h2 = mix(h2);
    h1 += h2;
    h2 += h1;
    out[0] = (uint32_t)h1;
    out[1] = (uint32_t)(h1 >> 32);
    out[2] = (uint32_t)h2;
    out[3] = (uint32_t)(h2 >> 32);
}

static uint64_t attribute(const struct word_type *type, bool spacy, enum column_kind kind)
{
    switch (kind) {
    case COLUMN_NORM:
        return type->norm;
    case COLUMN_PREFIX:
        return type->prefix;
    case COLUMN_SUFFIX:
        return type->suffix;
    case COLUMN_SHAPE:
        return type->shape;
    case COLUMN_ORTH:
        return type->orth;
    case COLUMN_LOWER:
        return type->lower;
    case COLUMN_SPACY:
        return spacy;
    case COLUMN_IS_SPACE:
        return type->is_space;
    }
    panic("embed: no attribute %d", (int)kind);
}

/* out[width] = the sum of the four table rows of an id, one row as often as it was drawn. */
static void look_up(const struct column_weights *c, uint64_t id, size_t width, float *out)
{
    uint32_t hash[4];
    const float *restrict row[4];

    hash_id(id, c->seed, hash);
    for (size_t i = 0; i < 4; i++)
        row[i] = c->table + hash[i] % c->rows * width;
    for (size_t i = 0; i < width; i++)
        out[i] = row[0][i] + row[1][i] + row[2][i] + row[3][i];
}

/* Puts a word in the batch; its row is filled when the batch is computed. */
static void add_word(struct embed *s, const struct word_type *type, bool spacy, float *row)
{
    const struct weights *w = s->w;
    size_t at = s->batch_count++;
    float *input = s->input + at * w->mixer.product->inputs;

    s->targets[at] = row;
    for (size_t i = 0; i < w->column_count; i++)
        look_up(&w->columns[i], attribute(type, spacy, w->columns[i].kind), w->width,
                input + i * w->stride);
    if (w->vector_width) { /* a word without a vector is zeros before, and so after, the product */
        const float *vector = vectors_find(s->vectors, type->orth);
        float *to = s->vector + at * floats_pad(w->vector_width);
        if (vector)
            memcpy(to, vector, w->vector_width * sizeof(float));
        else
            memset(to, 0, w->vector_width * sizeof(float));
    }
    if (s->batch_count == BATCH)
        compute_batch(s);
}

/* The terms of one position of the window: x times that position's part of the first layer. */
static void compute_terms(struct embed *s, size_t position)
{
    const struct weights *w = s->w;
    const struct product *term = w->terms[position];

    w->kernels->multiply(term, s->x, w->stride, s->batch_count, s->terms);
    for (size_t i = 0; i < s->batch_count; i++)
        memcpy(s->targets[i] + w->stride + position * term->outputs, s->terms + i * term->outputs,
               term->outputs * sizeof(float));
}

static void map_vectors(struct embed *s)
{
    const struct weights *w = s->w;

    w->kernels->multiply(w->vector_product, s->vector, w->vector_product->inputs, s->batch_count,
                         s->mapped);
    for (size_t i = 0; i < s->batch_count; i++)
        memcpy(s->input + i * w->mixer.product->inputs + w->column_count * w->stride,
               s->mapped + i * w->stride, w->stride * sizeof(float));
}

static void compute_batch(struct embed *s)
{
    const struct weights *w = s->w;

    if (!s->batch_count)
        return;
    if (w->vector_width)
        map_vectors(s);
    w->kernels->multiply(w->mixer.product, s->input, w->mixer.product->inputs, s->batch_count,
                         s->x);
    w->kernels->norm(&w->mixer.norm, NULL, s->x, s->batch_count);
    for (size_t i = 0; i < s->batch_count; i++)
        memcpy(s->targets[i], s->x + i * w->stride, w->stride * sizeof(float));
    for (size_t position = 0; position <= 2 * w->window; position++)
        compute_terms(s, position);
    s->batch_count = 0;
}
