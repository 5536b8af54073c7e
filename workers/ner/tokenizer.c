/* tokenizer: see tokenizer.h. One text: chunks between white space (split), each from the cache
 * (chunks) or divided anew, then the second look for special cases (phrases). */
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "grow.h"
#include "lexeme.h"
#include "msgpack_read.h"
#include "phrases.h"
#include "rules.h"
#include "specials.h"
#include "split.h"

#define MAX_FILE_BYTES (32u << 20)
/* Scratch that a longer list of tokens or a longer chunk has taken is given back. */
#define KEEP_TOKENS      (1u << 18)
#define KEEP_CHUNK_BYTES (1u << 16)
#define NO_TYPE          UINT32_MAX

struct tokenizer {
    struct rules *rules;
    struct specials *specials;
    struct phrases *phrases;
    struct lexeme_norms *norms;
};

struct token_list {
    struct token *tokens;
    size_t count, capacity;
};

struct tokenizer_state {
    const struct tokenizer *t;
    struct types *types;
    struct chunks *chunks;
    uint32_t *special_types; /* by special token: its type, or NO_TYPE */
    struct split *split;
    struct phrases_work *work;
    uint32_t *chunk_types; /* of the chunk in hand */
    size_t chunk_type_capacity;
    struct token_list list, replaced; /* before and after the second look */
    bool outsized;                    /* the last text had a chunk over KEEP_CHUNK_BYTES */
};

static int load(struct tokenizer *t, const struct msgpack_file *file, struct err *e);
static void make_room(struct tokenizer_state *s);
static int add_chunk(struct tokenizer_state *s, const char *text, size_t length, struct err *e);
static void replace_phrases(struct tokenizer_state *s, const char *text,
                            const struct phrase *phrases, size_t count);

int tokenizer_load(const char *model_directory, struct tokenizer **out, struct err *e)
{
    struct tokenizer *t = xcalloc(1, sizeof *t);
    struct msgpack_file *file = NULL;
    int code = msgpack_file_open(model_directory, "tokenizer", MAX_FILE_BYTES, &file, e);

    if (code == 0) {
        code = load(t, file, e);
        if (code < 0)
            err_prefix(e, "tokenizer");
    }
    if (code == 0)
        code = lexeme_norms_load(model_directory, &t->norms, e);
    msgpack_file_close(file);
    if (code < 0)
        tokenizer_free(t);
    else
        *out = t;
    return code;
}

void tokenizer_free(struct tokenizer *t)
{
    if (!t)
        return;
    rules_free(t->rules);
    specials_free(t->specials);
    phrases_free(t->phrases);
    lexeme_norms_free(t->norms);
    free(t);
}

struct tokenizer_state *tokenizer_state_new(const struct tokenizer *t)
{
    struct tokenizer_state *s = xcalloc(1, sizeof *s);
    size_t special_bytes = specials_token_count(t->specials) * sizeof *s->special_types;

    s->t = t;
    s->types = types_new(t->norms);
    s->chunks = chunks_new();
    s->special_types = xmalloc(special_bytes);
    memset(s->special_types, 0xff, special_bytes);
    s->split = split_new();
    s->work = phrases_work_new();
    return s;
}

void tokenizer_state_free(struct tokenizer_state *s)
{
    if (!s)
        return;
    types_free(s->types);
    chunks_free(s->chunks);
    free(s->special_types);
    split_free(s->split);
    phrases_work_free(s->work);
    free(s->chunk_types);
    free(s->list.tokens);
    free(s->replaced.tokens);
    free(s);
}

int tokenizer_run(struct tokenizer_state *s, const char *text, size_t length,
                  const struct token **tokens, size_t *count, struct err *e)
{
    struct chunk chunk;
    size_t at = 0;

    make_room(s);
    s->list.count = 0;
    while (split_next_chunk(text, length, &at, &chunk)) {
        if (add_chunk(s, text + chunk.start, chunk.end - chunk.start, e) < 0)
            return e->code;
        s->list.tokens[s->list.count - 1].spacy = chunk.space_after;
    }

    const struct phrase *phrases;
    size_t type_count;
    uint64_t generation;
    size_t phrase_count =
        phrases_find(s->t->phrases, s->work, types_all(s->types, &type_count, &generation),
                     s->list.tokens, s->list.count, &phrases);
    if (phrase_count > 0)
        replace_phrases(s, text, phrases, phrase_count);
    *tokens = phrase_count > 0 ? s->replaced.tokens : s->list.tokens;
    *count = phrase_count > 0 ? s->replaced.count : s->list.count;
    return 0;
}

const struct word_type *tokenizer_types(const struct tokenizer_state *s, size_t *count,
                                        uint64_t *generation)
{
    return types_all(s->types, count, generation);
}

/* One of the five patterns, absent when nil. */
static int load_pattern(struct rules *rules, const msgpack_object *root, enum rule_kind kind,
                        const char *field, struct err *e)
{
    const msgpack_object *o = msgpack_get(root, field);
    const char *pattern;
    size_t length;

    if (!o)
        return err_set(e, ERR_CONFIG, "%s is missing", field);
    if (o->type == MSGPACK_OBJECT_NIL)
        return 0;
    if (!msgpack_text(o, &pattern, &length))
        return err_set(e, ERR_CONFIG, "%s is not text", field);
    return rules_compile(rules, kind, pattern, length, e);
}

static int load(struct tokenizer *t, const struct msgpack_file *file, struct err *e)
{
    static const char *const fields[RULE_KINDS] = {
        [RULE_PREFIX] = "prefix_search", [RULE_SUFFIX] = "suffix_search",
        [RULE_INFIX] = "infix_finditer", [RULE_TOKEN_MATCH] = "token_match",
        [RULE_URL_MATCH] = "url_match",
    };
    const msgpack_object *root = msgpack_file_root(file);
    const msgpack_object *faster = msgpack_get(root, "faster_heuristics");

    if (root->type != MSGPACK_OBJECT_MAP)
        return err_set(e, ERR_CONFIG, "not a map");
    if (faster && faster->type != MSGPACK_OBJECT_BOOLEAN)
        return err_set(e, ERR_CONFIG, "faster_heuristics is neither true nor false");
    t->rules = rules_new();
    for (int kind = 0; kind < RULE_KINDS; kind++) {
        if (load_pattern(t->rules, root, (enum rule_kind)kind, fields[kind], e) < 0)
            return e->code;
    }
    if (specials_load(msgpack_get(root, "exceptions"), &t->specials, e) < 0)
        return e->code;
    return phrases_build(t->rules, t->specials, faster && !faster->via.boolean, &t->phrases, e);
}

/* Between texts: empties what is full, gives back what an outsized text took. */
static void make_room(struct tokenizer_state *s)
{
    size_t type_count;
    uint64_t generation;

    types_all(s->types, &type_count, &generation);
    if (type_count >= TOKENIZER_MAX_TYPES) {
        types_clear(s->types);
        chunks_clear(s->chunks);
        memset(s->special_types, 0xff,
               specials_token_count(s->t->specials) * sizeof *s->special_types);
    } else if (chunks_is_full(s->chunks)) {
        chunks_clear(s->chunks);
    }
    if (s->outsized || s->list.capacity > KEEP_TOKENS) {
        s->outsized = false;
        free(s->list.tokens);
        free(s->replaced.tokens);
        free(s->chunk_types);
        s->list = s->replaced = (struct token_list){0};
        s->chunk_types = NULL;
        s->chunk_type_capacity = 0;
        split_free(s->split);
        s->split = split_new();
        phrases_work_free(s->work);
        s->work = phrases_work_new();
    }
}

/* Appends tokens that follow each other without a space, from where the list ends. */
static void append(struct tokenizer_state *s, struct token_list *list, const uint32_t *types,
                   size_t count)
{
    uint32_t byte = 0, point = 0;

    if (list->count > 0) {
        const struct token *last = &list->tokens[list->count - 1];
        byte = last->end_byte + last->spacy;
        point = last->end + last->spacy;
    }
    list->tokens =
        grow_to(list->tokens, &list->capacity, list->count + count, sizeof *list->tokens);
    for (size_t i = 0; i < count; i++) {
        const struct word_type *type = types_get(s->types, types[i]);
        struct token *token = &list->tokens[list->count++];
        token->start_byte = byte;
        token->start = point;
        token->end_byte = byte += type->byte_length;
        token->end = point += type->code_points;
        token->type = types[i];
        token->spacy = false;
    }
}

static uint32_t find_type(struct tokenizer_state *s, const char *text, size_t length, uint64_t norm)
{
    bool created;
    uint32_t index = types_index(s->types, text, length, norm, &created);

    if (created) {
        struct word_type *type = types_get(s->types, index);
        type->symbol = phrases_symbol(s->t->phrases, type->orth);
    }
    return index;
}

static uint32_t find_special_type(struct tokenizer_state *s, uint32_t token)
{
    if (s->special_types[token] == NO_TYPE) {
        const struct special_token *special = specials_token(s->t->specials, token);
        s->special_types[token] = find_type(s, special->text, special->length, special->norm);
    }
    return s->special_types[token];
}

static int add_chunk(struct tokenizer_state *s, const char *text, size_t length, struct err *e)
{
    const struct piece *pieces;
    size_t count;
    const uint32_t *known = chunks_find(s->chunks, text, length, &count);

    if (known) {
        append(s, &s->list, known, count);
        return 0;
    }
    s->outsized = s->outsized || length > KEEP_CHUNK_BYTES;
    if (split_chunk(s->split, s->t->rules, s->t->specials, text, length, &pieces, &count, e) < 0)
        return e->code;
    s->chunk_types =
        grow_to(s->chunk_types, &s->chunk_type_capacity, count, sizeof *s->chunk_types);
    for (size_t i = 0; i < count; i++) {
        const struct piece *piece = &pieces[i];
        s->chunk_types[i] = piece->special_token == SPLIT_NO_SPECIAL
                                ? find_type(s, text + piece->start, piece->length, 0)
                                : find_special_type(s, piece->special_token);
    }
    chunks_add(s->chunks, text, length, s->chunk_types, count);
    append(s, &s->list, s->chunk_types, count);
    return 0;
}

static void copy(struct token_list *to, const struct token *tokens, size_t count)
{
    to->tokens = grow_to(to->tokens, &to->capacity, to->count + count, sizeof *to->tokens);
    if (count > 0)
        memcpy(to->tokens + to->count, tokens, count * sizeof *tokens);
    to->count += count;
}

/* Copies s->list to s->replaced, with the tokens of a special case in place of each phrase whose
 * text is one. A phrase need not be: its tokens may have other spaces between them. */
static void replace_phrases(struct tokenizer_state *s, const char *text,
                            const struct phrase *phrases, size_t count)
{
    const struct token *old = s->list.tokens;
    size_t done = 0;

    s->replaced.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!phrases[i].kept)
            continue;
        const struct token *first = &old[phrases[i].first];
        const struct token *last = first + phrases[i].count - 1;
        const struct special *special = specials_find(s->t->specials, text + first->start_byte,
                                                      last->end_byte - first->start_byte);
        if (!special)
            continue;
        copy(&s->replaced, old + done, phrases[i].first - done);
        done = phrases[i].first + phrases[i].count;
        for (uint32_t j = 0; j < special->token_count; j++) {
            uint32_t type = find_special_type(s, special->first_token + j);
            append(s, &s->replaced, &type, 1);
        }
        s->replaced.tokens[s->replaced.count - 1].spacy = last->spacy;
    }
    copy(&s->replaced, old + done, s->list.count - done);
}
