/* ner: see ner.h. One text's way through the engine, in tiles of tokens so that the working memory
 * of the network does not grow with the text. */
#include "ner.h"

#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "decode.h"
#include "embed.h"
#include "encoder.h"
#include "tokenizer.h"

/* Tokens of a tile. Two neighbouring tiles compute the few words of their halo twice. */
#define TILE 1024

struct ner_model {
    struct model_dir about;
    struct tokenizer *tokenizer;
    struct weights *weights;
    struct vectors *vectors; /* NULL: the network uses none */
    struct transitions *transitions;
    struct scorer_weights *scorer_weights;
};

struct ner {
    const struct ner_model *model;
    struct tokenizer_state *tokenizer;
    struct embed *embed;
    struct encoder *encoder;
    struct scorer *scorer;
    struct decode decode;
    const float **rows;        /* [TILE + 2 * halo] */
    struct decode_span *spans; /* [TILE] */

    /* The answer; grows to the longest text seen, which NER_MAX_TEXT_BYTES bounds. */
    struct ner_token *tokens;
    size_t token_capacity;
    struct ner_entity *entities;
    size_t entity_count, entity_capacity;
};

static int load(const char *directory, struct ner_model *m, struct err *e)
{
    const struct kernels *kernels;
    int rc = model_dir_check(directory, &m->about, e);

    if (rc == 0)
        rc = kernels_choose(&kernels, e);
    if (rc == 0)
        rc = weights_load(&m->about, kernels, &m->weights, e);
    if (rc == 0 && m->weights->vector_width)
        rc = vectors_load(directory, m->weights->vector_width, &m->vectors, e);
    if (rc == 0)
        rc = transitions_load(&m->about, m->weights->classes, &m->transitions, e);
    if (rc == 0)
        rc = tokenizer_load(directory, &m->tokenizer, e);
    if (rc == 0)
        m->scorer_weights = scorer_weights_new(m->weights, m->transitions);
    return rc < 0 ? err_prefix(e, "model %s", directory) : 0;
}

int ner_model_open(const char *directory, struct ner_model **out, struct err *e)
{
    struct ner_model *m = xcalloc(1, sizeof *m);
    int rc = load(directory, m, e);

    if (rc < 0) {
        ner_model_close(m);
        return rc;
    }
    m->about.path = NULL; /* the caller's */
    *out = m;
    return 0;
}

void ner_model_close(struct ner_model *model)
{
    if (!model)
        return;
    tokenizer_free(model->tokenizer);
    scorer_weights_free(model->scorer_weights);
    transitions_free(model->transitions);
    vectors_free(model->vectors);
    weights_free(model->weights);
    free(model);
}

size_t ner_model_label_count(const struct ner_model *model)
{
    return model->transitions->label_count;
}

const char *ner_model_label(const struct ner_model *model, size_t label)
{
    return model->transitions->labels[label];
}

void ner_model_info(const struct ner_model *model, struct ner_model_info *out)
{
    const struct weights *w = model->weights;

    *out = (struct ner_model_info){
        .component = model->about.ner,
        .encoder = model->about.tok2vec,
        .width = w->width,
        .depth = w->depth,
        .window = w->window,
        .vector_rows = model->vectors ? vectors_rows(model->vectors) : 0,
        .vector_width = w->vector_width,
        .kernels = w->kernels->name,
    };
}

struct ner *ner_new(const struct ner_model *model)
{
    size_t with_halo = TILE + 2 * encoder_halo(model->weights);
    struct ner *n = xcalloc(1, sizeof *n);

    n->model = model;
    n->tokenizer = tokenizer_state_new(model->tokenizer);
    n->embed = embed_new(model->weights, model->vectors, with_halo);
    n->encoder = encoder_new(model->weights, TILE);
    n->scorer = scorer_new(model->scorer_weights, TILE);
    decode_init(&n->decode, model->transitions, model->weights->stride);
    n->rows = xcalloc(with_halo, sizeof *n->rows);
    n->spans = xcalloc(TILE, sizeof *n->spans);
    return n;
}

void ner_free(struct ner *ner)
{
    if (!ner)
        return;
    tokenizer_state_free(ner->tokenizer);
    embed_free(ner->embed);
    encoder_free(ner->encoder);
    scorer_free(ner->scorer);
    decode_fini(&ner->decode);
    free(ner->rows);
    free(ner->spans);
    free(ner->tokens);
    free(ner->entities);
    free(ner);
}

/* Room for `wanted` elements of `size` bytes; at least doubled, so that it is seldom asked for. */
static void *grow(void *block, size_t *capacity, size_t wanted, size_t size)
{
    if (wanted <= *capacity)
        return block;
    *capacity = wanted > 2 * *capacity ? wanted : 2 * *capacity;
    return xrealloc(block, *capacity * size);
}

static void add_entities(struct ner *n, size_t count)
{
    n->entities =
        grow(n->entities, &n->entity_capacity, n->entity_count + count, sizeof *n->entities);
    for (size_t i = 0; i < count; i++) {
        const struct decode_span *span = &n->spans[i];
        const struct ner_token *first = &n->tokens[span->first];
        const struct ner_token *last = &n->tokens[span->end - 1];
        n->entities[n->entity_count++] = (struct ner_entity){
            .first_token = span->first,
            .end_token = span->end,
            .start_byte = first->start_byte,
            .end_byte = last->end_byte,
            .start = first->start,
            .end = last->end,
            .label = span->label,
        };
    }
}

/* The rows of tokens [at, at + count) and of the halo around them. */
static void gather_rows(struct ner *n, const struct word_type *types, uint64_t generation,
                        const struct token *tokens, size_t at, size_t count, size_t total)
{
    size_t halo = encoder_halo(n->model->weights);
    size_t before = at < halo ? at : halo;
    size_t after = total - at - count < halo ? total - at - count : halo;
    const float **row = n->rows;

    for (size_t i = before; i < halo; i++)
        *row++ = embed_pad(n->embed);
    embed_rows(n->embed, types, generation, tokens + at - before, before + count + after, row);
    row += before + count + after;
    for (size_t i = after; i < halo; i++)
        *row++ = embed_pad(n->embed);
}

static void find_entities(struct ner *n, const struct token *tokens, size_t total)
{
    uint64_t generation;
    size_t type_count;
    const struct word_type *types = tokenizer_types(n->tokenizer, &type_count, &generation);

    n->entity_count = 0;
    decode_start(&n->decode);
    for (size_t at = 0; at < total; at += TILE) {
        size_t count = total - at < TILE ? total - at : TILE;
        gather_rows(n, types, generation, tokens, at, count, total);
        const float *x = encoder_run(n->encoder, n->rows, count);
        scorer_run(n->scorer, x, count);
        add_entities(
            n, decode_run(&n->decode, n->scorer, x, tokens, types, at, count, total, n->spans));
    }
}

int ner_run(struct ner *ner, const char *text, size_t length, struct ner_doc *doc, struct err *e)
{
    const struct token *tokens;
    size_t count;
    int rc;

    if (length > NER_MAX_TEXT_BYTES)
        return err_set(e, ERR_INPUT, "the text has %zu bytes, more than %u", length,
                       NER_MAX_TEXT_BYTES);
    if (!utf8_valid(text, length))
        return err_set(e, ERR_INPUT, "the text is not UTF-8");
    rc = tokenizer_run(ner->tokenizer, text, length, &tokens, &count, e);
    if (rc < 0)
        return rc;
    ner->tokens = grow(ner->tokens, &ner->token_capacity, count, sizeof *ner->tokens);
    for (size_t i = 0; i < count; i++)
        ner->tokens[i] = (struct ner_token){tokens[i].start_byte, tokens[i].end_byte,
                                            tokens[i].start, tokens[i].end};
    find_entities(ner, tokens, count);
    *doc = (struct ner_doc){ner->tokens, count, ner->entities, ner->entity_count};
    return 0;
}
