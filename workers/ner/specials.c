/* specials: see specials.h. */
#include "specials.h"

#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "grow.h"
#include "msgpack_read.h"
#include "strings.h"

/* Attributes of a token (spacy/symbols.pyx). */
#define ORTH 65
#define NORM 67

#define MAX_SPECIAL_BYTES 4096

struct specials {
    struct special *list;
    size_t count;
    struct special_token *tokens;
    size_t token_count, token_capacity;
    uint32_t *slots; /* index + 1 into list, by hash of the text; 0 when free */
    size_t mask;
    size_t longest; /* bytes; spares hashing long texts */
};

static int add(struct specials *s, const msgpack_object_kv *kv, struct err *e);
static int add_token(struct specials *s, const struct special *special, size_t at,
                     const msgpack_object *token, size_t *length, struct err *e);

int specials_load(const msgpack_object *exceptions, struct specials **out, struct err *e)
{
    if (!exceptions || exceptions->type != MSGPACK_OBJECT_MAP)
        return err_set(e, ERR_CONFIG, "exceptions is not a map");

    struct specials *s = xcalloc(1, sizeof *s);
    uint32_t count = exceptions->via.map.size;
    size_t slots = 1;
    while (slots < 2 * (size_t)count + 1)
        slots *= 2;
    s->mask = slots - 1;
    s->slots = xcalloc(slots, sizeof *s->slots);
    s->list = xcalloc(count, sizeof *s->list);
    for (uint32_t i = 0; i < count; i++) {
        if (add(s, &exceptions->via.map.ptr[i], e) < 0) {
            specials_free(s);
            return e->code;
        }
    }
    *out = s;
    return 0;
}

void specials_free(struct specials *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i].text);
    free(s->list);
    free(s->tokens);
    free(s->slots);
    free(s);
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t *find_slot(const struct specials *s, const char *text, size_t length)
{
    for (size_t i = string_hash(text, length, 1) & s->mask;; i = (i + 1) & s->mask) {
        if (s->slots[i] == 0)
            return &s->slots[i];
        const struct special *special = &s->list[s->slots[i] - 1];
        if (special->length == length && memcmp(special->text, text, length) == 0)
            return &s->slots[i];
    }
}

const struct special *specials_find(const struct specials *s, const char *text, size_t length)
{
    if (length > s->longest)
        return NULL;
    uint32_t found = *find_slot(s, text, length);
    return found ? &s->list[found - 1] : NULL;
}

size_t specials_count(const struct specials *s)
{
    return s->count;
}

const struct special *specials_at(const struct specials *s, size_t index)
{
    return &s->list[index];
}

size_t specials_token_count(const struct specials *s)
{
    return s->token_count;
}

const struct special_token *specials_token(const struct specials *s, size_t index)
{
    return &s->tokens[index];
}

static int add(struct specials *s, const msgpack_object_kv *kv, struct err *e)
{
    const char *text;
    size_t length, covered = 0;

    if (!msgpack_text(&kv->key, &text, &length) || length == 0 || length > MAX_SPECIAL_BYTES ||
        !utf8_valid(text, length))
        return err_set(e, ERR_CONFIG, "exceptions: a key is not a text of 1 to %d bytes",
                       MAX_SPECIAL_BYTES);
    if (kv->val.type != MSGPACK_OBJECT_ARRAY)
        return err_set(e, ERR_CONFIG, "exceptions: \"%.*s\" is not a list", (int)length, text);
    uint32_t *slot = find_slot(s, text, length);
    if (*slot)
        return err_set(e, ERR_CONFIG, "exceptions: \"%.*s\" is there twice", (int)length, text);

    struct special *special = &s->list[s->count++];
    *slot = (uint32_t)s->count;
    special->text = xmalloc(length);
    memcpy(special->text, text, length);
    special->length = (uint32_t)length;
    special->first_token = (uint32_t)s->token_count;
    special->token_count = kv->val.via.array.size;
    if (length > s->longest)
        s->longest = length;
    for (uint32_t i = 0; i < special->token_count; i++) {
        size_t taken;
        if (add_token(s, special, covered, &kv->val.via.array.ptr[i], &taken, e) < 0)
            return e->code;
        covered += taken;
    }
    if (covered != length)
        return err_set(e, ERR_CONFIG, "exceptions: the tokens of \"%.*s\" do not make up its text",
                       (int)length, text);
    return 0;
}

/* The token whose text begins at byte `at` of the case; *length becomes its length in bytes. */
static int add_token(struct specials *s, const struct special *special, size_t at,
                     const msgpack_object *token, size_t *length, struct err *e)
{
    const char *orth, *norm = NULL;
    size_t norm_length = 0;
    const msgpack_object *norm_object = msgpack_get_int(token, NORM);

    if (!msgpack_text(msgpack_get_int(token, ORTH), &orth, length) || *length == 0 ||
        !utf8_valid(orth, *length) || *length > special->length - at ||
        memcmp(special->text + at, orth, *length) != 0)
        return err_set(e, ERR_CONFIG, "exceptions: a token of \"%.*s\" is not a part of its text",
                       (int)special->length, special->text);
    if (norm_object && !msgpack_text(norm_object, &norm, &norm_length))
        return err_set(e, ERR_CONFIG, "exceptions: a norm of \"%.*s\" is not text",
                       (int)special->length, special->text);
    s->tokens = grow_to(s->tokens, &s->token_capacity, s->token_count + 1, sizeof *s->tokens);
    s->tokens[s->token_count++] = (struct special_token){
        .text = special->text + at,
        .length = (uint32_t)*length,
        .norm = string_id(norm, norm_length),
    };
    return 0;
}
