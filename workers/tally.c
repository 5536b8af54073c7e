/* tally: see tally.h. A hash table of publications, each with a hash table of words, each with a
 * list of its labels (nearly always one or two). Everything lies in one arena, so that a word that
 * is known costs no allocation and a clear costs a few frees. */
#include "tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/batch.h"
#include "common/salted.h"

/* Words and keys come from articles. uthash takes the low bits; all of these are salted. */
static uint64_t salt;
#define HASH_FUNCTION(bytes, length, hash) ((hash) = salted_hash((bytes), (length), salt))
#define uthash_fatal(message)              panic("tally: %s", message)
#include <uthash.h>

/* The worker settles when workers.flush_bytes (at most 1 GiB) is passed, which it checks after
 * every article, and no article can add the rest: only a bug gets here. */
#define MAX_BYTES   (4ull << 30)
#define BLOCK_BYTES (256u << 10)
/* What uthash allocates beside the arena: 32 buckets of 16 bytes and the table itself, and a bucket
 * for every few words. */
#define TABLE_BYTES           640
#define TABLE_BYTES_PER_ENTRY 4

struct label_count {
    struct label_count *next;
    uint32_t label;
    uint64_t count;
};

struct word {
    UT_hash_handle hh; /* its key is the text */
    const char *text;
    struct label_count *labels;
};

struct tally_publication {
    UT_hash_handle hh; /* its key is the key */
    const char *key, *name;
    uint64_t articles;
    struct word *words;
};

struct tally {
    struct tally_publication *publications;
    struct arena arena;
    size_t table_bytes;
    uint64_t articles;
    char **labels;
    size_t label_count;
};

struct tally *tally_new(const char *const *labels, size_t label_count)
{
    struct tally *t = xcalloc(1, sizeof *t);

    if (!salt)
        salt = salted_new();
    arena_init(&t->arena, BLOCK_BYTES, MAX_BYTES);
    t->labels = xcalloc(label_count, sizeof *t->labels);
    t->label_count = label_count;
    for (size_t i = 0; i < label_count; i++)
        t->labels[i] = xstrdup(labels[i]);
    return t;
}

void tally_clear(struct tally *t)
{
    struct tally_publication *p, *next;

    HASH_ITER(hh, t->publications, p, next)
    {
        HASH_CLEAR(hh, p->words);
    }
    HASH_CLEAR(hh, t->publications);
    arena_reset(&t->arena);
    t->table_bytes = 0;
    t->articles = 0;
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    tally_clear(t);
    arena_fini(&t->arena);
    for (size_t i = 0; i < t->label_count; i++)
        free(t->labels[i]);
    free(t->labels);
    free(t);
}

static void *take(struct tally *t, size_t size)
{
    void *piece = arena_take(&t->arena, size);

    if (!piece)
        panic("tally: more than %llu bytes", MAX_BYTES);
    return memset(piece, 0, size);
}

static char *copy(struct tally *t, const char *bytes, size_t length)
{
    return memcpy(take(t, length + 1), bytes, length); /* the NUL is there already */
}

struct tally_publication *tally_article(struct tally *t, const char *key, const char *name)
{
    struct tally_publication *p;
    size_t length = strlen(key);

    HASH_FIND(hh, t->publications, key, length, p);
    if (!p) {
        p = take(t, sizeof *p);
        p->key = copy(t, key, length);
        p->name = copy(t, name, strlen(name));
        HASH_ADD_KEYPTR(hh, t->publications, p->key, length, p);
        t->table_bytes += TABLE_BYTES + TABLE_BYTES_PER_ENTRY;
    }
    p->articles++;
    t->articles++;
    return p;
}

static struct word *find_word(struct tally *t, struct tally_publication *p, const char *text,
                              size_t length)
{
    struct word *w;
    unsigned hash;

    HASH_VALUE(text, length, hash);
    HASH_FIND_BYHASHVALUE(hh, p->words, text, length, hash, w);
    if (!w) {
        w = take(t, sizeof *w);
        w->text = copy(t, text, length);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, p->words, w->text, length, hash, w);
        t->table_bytes += TABLE_BYTES_PER_ENTRY;
    }
    return w;
}

int tally_entity(struct tally *t, struct tally_publication *p, const char *word, size_t length,
                 size_t label)
{
    struct label_count **at;

    if (length == 0 || length > TALLY_MAX_WORD_BYTES)
        return ERR_LIMIT;
    if (label >= t->label_count)
        panic("tally: label %zu of %zu", label, t->label_count);
    struct word *w = find_word(t, p, word, length);
    for (at = &w->labels; *at && (*at)->label != label; at = &(*at)->next)
        ;
    if (!*at) {
        *at = take(t, sizeof **at);
        (*at)->label = (uint32_t)label;
    }
    (*at)->count++;
    return 0;
}

size_t tally_bytes(const struct tally *t)
{
    return t->arena.used + t->table_bytes;
}

uint64_t tally_articles(const struct tally *t)
{
    return t->articles;
}

/* --- cutting ------------------------------------------------------------------------------------
 */

struct cutting {
    const struct tally *tally;
    struct batch batch; /* under construction */
    size_t word_bytes;  /* in it */
    struct batch_entity entities[BATCH_MAX_ENTITIES];
    struct batch_label *labels; /* BATCH_MAX_ENTITIES times label_count */
    size_t labels_used;
    struct buf *done;
    size_t done_count, done_capacity;
    int code;
};

static void start_batch(struct cutting *c, const struct tally_publication *p, uint64_t articles)
{
    c->batch.publication = p->key;
    c->batch.name = p->name;
    c->batch.articles = articles;
    c->batch.entities = c->entities;
    c->batch.entity_count = 0;
    c->word_bytes = 0;
    c->labels_used = 0;
}

static void finish_batch(struct cutting *c)
{
    if (c->done_count == c->done_capacity) {
        c->done_capacity = c->done_capacity ? 2 * c->done_capacity : 16;
        c->done = xrealloc(c->done, c->done_capacity * sizeof *c->done);
    }
    struct buf *message = &c->done[c->done_count++];
    buf_init(message, BATCH_MAX_JSON_BYTES);
    batch_new_id(&c->batch);
    if (batch_write(&c->batch, message) < 0)
        c->code = ERR_LIMIT;
}

static bool is_room(const struct cutting *c, const struct word *w)
{
    return c->batch.entity_count == 0 || (c->batch.entity_count < BATCH_MAX_ENTITIES &&
                                          c->word_bytes + w->hh.keylen <= BATCH_MAX_BYTES);
}

static void add_word(struct cutting *c, const struct word *w)
{
    struct batch_entity *entity = &c->entities[c->batch.entity_count++];

    *entity = (struct batch_entity){.word = w->text, .labels = c->labels + c->labels_used};
    for (const struct label_count *l = w->labels; l; l = l->next) {
        entity->labels[entity->label_count++] =
            (struct batch_label){.label = c->tally->labels[l->label], .count = l->count};
        entity->count += l->count;
    }
    c->labels_used += entity->label_count;
    c->word_bytes += w->hh.keylen;
}

static void cut_publication(struct cutting *c, const struct tally_publication *p)
{
    start_batch(c, p, p->articles);
    for (const struct word *w = p->words; w; w = w->hh.next) {
        if (!is_room(c, w)) {
            finish_batch(c);
            start_batch(c, p, 0);
        }
        add_word(c, w);
    }
    finish_batch(c);
}

int tally_batches(const struct tally *t, int64_t at_ms, struct buf **batches, size_t *count,
                  struct err *e)
{
    struct cutting *c = xcalloc(1, sizeof *c); /* too large for a stack */

    c->tally = t;
    c->batch.at_ms = at_ms;
    c->labels = xcalloc(BATCH_MAX_ENTITIES * t->label_count, sizeof *c->labels);
    for (const struct tally_publication *p = t->publications; p && c->code == 0; p = p->hh.next)
        cut_publication(c, p);
    int code = c->code;
    if (code < 0) {
        for (size_t i = 0; i < c->done_count; i++)
            buf_fini(&c->done[i]);
        free(c->done);
        c->done = NULL;
        c->done_count = 0;
        err_set(e, code, "a batch does not fit %u bytes of JSON", BATCH_MAX_JSON_BYTES);
    }
    *batches = c->done;
    *count = c->done_count;
    free(c->labels);
    free(c);
    return code;
}
