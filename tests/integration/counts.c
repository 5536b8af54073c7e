/* counts: see counts.h. */
#include "counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#define MAX_ENTITIES 500
#define WORDS        3000

struct row {   /* a publication, a word of it, or a label of that word */
    char *key; /* the parts with a newline between them */
    uint64_t count;
    bool seen;
    UT_hash_handle hh;
};

static const char *const odd_words[] = {"ap/reuters", ".",
                                        "..",         "__init__",
                                        "~tilde",     "50%",
                                        "a%2Fb",      "a\"b",
                                        "a\\b",       "\xc3\xa9t\xc3\xa9",
                                        "a b",        "a#b",
                                        "____",       "\xf0\x9f\x98\x80",
                                        "a`b",        "'"};
static const char *const publications[] = {"bbc", "reuters / ap", "the \"times\"",
                                           "..",  "50%",          "wire: asia"};
/* Further keys of so many bytes, each once as an id that stands for itself and once with a slash.
 */
static const size_t key_lengths[] = {1, 31, 32, 200, 1500};
#define NAMED (sizeof publications / sizeof publications[0])
#define KEYS  (NAMED + 2 * sizeof key_lengths / sizeof key_lengths[0])

struct counts {
    struct row *rows;
    uint64_t random;
    struct batch batch;
    struct batch_entity entities[MAX_ENTITIES];
    struct batch_label labels[2 * MAX_ENTITIES];
    char *words[WORDS], *keys[KEYS];
    int differences;
    struct store_cursor last; /* of the list that is walked */
    const char *publication;
    uint64_t last_articles;
};

static uint64_t draw(struct counts *c, uint64_t below)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return (c->random >> 8) % below;
}

static char *new_key(size_t number)
{
    size_t length = key_lengths[(number - NAMED) / 2];
    char *key = xcalloc(1, length + 1);

    memset(key, 'k', length);
    if ((number - NAMED) % 2)
        key[length / 2] = '/';
    return key;
}

struct counts *counts_new(unsigned seed)
{
    struct counts *c = xcalloc(1, sizeof *c);
    size_t odd = sizeof odd_words / sizeof odd_words[0];
    char text[2000];

    c->random = seed * 2654435769u + 1;
    for (size_t i = 0; i < WORDS; i++) {
        snprintf(text, sizeof text, "word %zu", i);
        if (i % 100 == 50) {
            memset(text, 'x', 1600); /* its id is a hash */
            snprintf(text + 1600, 20, "%zu", i);
        }
        c->words[i] = xstrdup(i < odd ? odd_words[i] : text);
    }
    for (size_t i = 0; i < KEYS; i++)
        c->keys[i] = i < NAMED ? xstrdup(publications[i]) : new_key(i);
    return c;
}

void counts_free(struct counts *c)
{
    struct row *row, *next;

    HASH_ITER(hh, c->rows, row, next)
    {
        HASH_DEL(c->rows, row);
        free(row->key);
        free(row);
    }
    for (size_t i = 0; i < WORDS; i++)
        free(c->words[i]);
    for (size_t i = 0; i < KEYS; i++)
        free(c->keys[i]);
    free(c);
}

struct batch *counts_draw(struct counts *c, size_t entities)
{
    static const char *const labels[] = {"PERSON", "ORG", "WORK_OF_ART", "X-1 `y`"};
    struct batch *b = &c->batch;

    *b = (struct batch){.entities = c->entities};
    batch_new_id(b);
    b->at_ms = (int64_t)time(NULL) * 1000;
    b->publication = b->name = c->keys[draw(c, KEYS)];
    b->articles = draw(c, 4);
    uint64_t first = draw(c, WORDS), step = 1 + draw(c, 7);
    for (size_t i = 0; i < entities && i < MAX_ENTITIES; i++) {
        /* Each word once in a batch; low numbers come in most batches. */
        uint64_t number = i < entities / 2 ? i : entities + (first + i * step) % (WORDS - entities);
        struct batch_label *own = &c->labels[2 * i];
        own[0] = (struct batch_label){labels[draw(c, 3)], 1 + draw(c, 5)};
        own[1] = (struct batch_label){labels[3], 1};
        b->entities[b->entity_count++] = (struct batch_entity){
            .word = c->words[number], .labels = own, .label_count = 1 + (i % 3 == 0)};
    }
    for (size_t i = 0; i < b->entity_count; i++)
        for (size_t k = 0; k < c->entities[i].label_count; k++)
            c->entities[i].count += c->entities[i].labels[k].count;
    return b;
}

static char *key_of(const char *publication, const char *word, const char *label)
{
    size_t size = strlen(publication) + strlen(word) + strlen(label) + 3;
    char *key = xmalloc(size);

    snprintf(key, size, "%s\n%s\n%s", publication, word, label);
    return key;
}

static void add(struct counts *c, const char *publication, const char *word, const char *label,
                uint64_t count)
{
    char *key = key_of(publication, word, label);
    struct row *row;

    HASH_FIND_STR(c->rows, key, row);
    if (!row) {
        row = xcalloc(1, sizeof *row);
        row->key = key;
        HASH_ADD_KEYPTR(hh, c->rows, row->key, strlen(row->key), row);
    } else {
        free(key);
    }
    row->count += count;
}

void counts_add(struct counts *c, const struct batch *b)
{
    if (b->articles)
        add(c, b->publication, "", "", b->articles);
    for (size_t i = 0; i < b->entity_count; i++) {
        const struct batch_entity *e = &b->entities[i];
        add(c, b->publication, e->word, "", e->count);
        for (size_t k = 0; k < e->label_count; k++)
            add(c, b->publication, e->word, e->labels[k].label, e->labels[k].count);
    }
}

/* --- comparing ---------------------------------------------------------------------------------
 */

static void differ(struct counts *c, const char *what, uint64_t got, uint64_t wanted)
{
    if (c->differences++ < 5)
        fprintf(stderr, "\n  %.80s: %llu, not %llu", what, (unsigned long long)got,
                (unsigned long long)wanted);
}

static void see(struct counts *c, const char *publication, const char *word, const char *label,
                uint64_t count)
{
    char *key = key_of(publication, word, label);
    struct row *row;

    HASH_FIND_STR(c->rows, key, row);
    if (!row || row->count != count || row->seen)
        differ(c, key, count, row ? row->count : 0);
    if (row)
        row->seen = true;
    free(key);
}

static int see_word(void *context, const struct store_frequency *f)
{
    struct counts *c = context;

    /* An index of Firestore sees no more of a word. */
    int order = c->last.word ? strncmp(c->last.word, f->word, 1500) : -1;

    if (c->last.word &&
        (f->count > c->last.count ||
         (f->count == c->last.count && (order > 0 || (order == 0 && strlen(f->word) < 1500)))))
        differ(c, "not in order", f->count, c->last.count);
    free((char *)(uintptr_t)c->last.word);
    c->last = (struct store_cursor){.word = xstrdup(f->word), .count = f->count};
    see(c, c->publication, f->word, "", f->count);
    for (size_t i = 0; i < f->label_count; i++) {
        see(c, c->publication, f->word, f->labels[i].label, f->labels[i].count);
        if (i && f->labels[i].count > f->labels[i - 1].count)
            differ(c, "labels not in order", f->labels[i].count, f->labels[i - 1].count);
    }
    return 0;
}

static int see_publication(void *context, const struct store_publication *p)
{
    struct counts *c = context;

    if (p->articles > c->last_articles)
        differ(c, "publications not in order", p->articles, c->last_articles);
    c->last_articles = p->articles;
    see(c, p->key, "", "", p->articles);
    return 0;
}

int counts_differ(struct counts *c, struct store *s)
{
    struct err e = {.text = ""};

    c->differences = 0;
    c->last_articles = UINT64_MAX;
    for (struct row *row = c->rows; row; row = row->hh.next)
        row->seen = false;
    if (store_publications(s, see_publication, c, &e) < 0)
        differ(c, e.text, 0, 0);
    for (size_t i = 0; i < KEYS; i++) {
        c->publication = c->keys[i];
        c->last = (struct store_cursor){.word = NULL};
        if (store_frequencies(s, c->keys[i], NULL, 0, see_word, c, &e) < 0)
            differ(c, e.text, 0, 0);
        free((char *)(uintptr_t)c->last.word);
    }
    for (struct row *row = c->rows; row; row = row->hh.next)
        if (!row->seen)
            differ(c, row->key, 0, row->count);
    return c->differences;
}
