/* The whole engine: known answers, and what must not change an answer. */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"
#include "common/buf.h"
#include "workers/ner/ner.h"

void suite_ner(void);

#define MODEL "var/models/en_core_web_sm"

/* --- counting allocations ------------------------------------------------------------------- */

#if defined(__GLIBC__) && !defined(NEWSMILL_SANITIZED)
#define COUNTS_ALLOCATIONS 1
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static size_t allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    allocations++;
    return __libc_realloc(block, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    allocations++;
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}
#endif

/* --- texts ---------------------------------------------------------------------------------- */

static struct ner_model *model;

static int open_model(void)
{
    struct err e;

    if (ner_model_open(MODEL, &model, &e) == 0)
        return 0;
    printf("\n  %s\n", e.text);
    return 1;
}

static int close_model(void)
{
    ner_model_close(model);
    return 0;
}

static struct ner_doc run(struct ner *ner, const char *text)
{
    struct ner_doc doc = {NULL, 0, NULL, 0};
    struct err e;

    CU_ASSERT_EQUAL(ner_run(ner, text, strlen(text), &doc, &e), 0);
    return doc;
}

/* "[start,end,LABEL] …", so that answers can be compared and read. */
static void describe(const struct ner_doc *doc, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < doc->token_count; i++)
        buf_printf(out, "%u-%u ", doc->tokens[i].start, doc->tokens[i].end);
    for (size_t i = 0; i < doc->entity_count; i++)
        buf_printf(out, "[%u,%u,%s]", doc->entities[i].start, doc->entities[i].end,
                   ner_model_label(model, doc->entities[i].label));
}

static void check_entities(struct ner *ner, const char *text, const char *expected)
{
    struct ner_doc doc = run(ner, text);
    struct buf found;

    buf_init(&found, 1 << 20);
    for (size_t i = 0; i < doc.entity_count; i++) {
        const struct ner_entity *e = &doc.entities[i];
        buf_printf(&found, "%s%.*s/%s", i ? " | " : "", (int)(e->end_byte - e->start_byte),
                   text + e->start_byte, ner_model_label(model, e->label));
        CU_ASSERT_EQUAL(e->start, doc.tokens[e->first_token].start);
        CU_ASSERT_EQUAL(e->end, doc.tokens[e->end_token - 1].end);
    }
    CU_ASSERT_STRING_EQUAL(found.bytes ? found.bytes : "", expected);
    if (found.bytes && strcmp(found.bytes, expected) != 0)
        printf("\n  found %s\n", found.bytes);
    buf_fini(&found);
}

/* Answers of spaCy 3.8.18 with this model. */
static void known_sentences(void)
{
    struct ner *ner = ner_new(model);

    check_entities(ner,
                   "I don't think Apple's X-ray unit in St. Louis paid £3.5bn  to Jean-Luc on "
                   "Monday.",
                   "Apple/ORG | St. Louis/GPE | Jean-Luc/ORG | Monday/DATE");
    check_entities(ner, "", "");
    check_entities(ner, " ", "");
    check_entities(ner, "\n\n  \n", "");
    check_entities(ner, "London", "London/GPE");
    ner_free(ner);
}

static void refused_texts(void)
{
    struct ner *ner = ner_new(model);
    struct ner_doc doc;
    struct err e;
    char *large = malloc(NER_MAX_TEXT_BYTES + 1);

    memset(large, 'a', NER_MAX_TEXT_BYTES + 1);
    CU_ASSERT_EQUAL(ner_run(ner, "caf\xe9 in Paris", 13, &doc, &e), ERR_INPUT);
    CU_ASSERT_EQUAL(ner_run(ner, "\xed\xa0\x80", 3, &doc, &e), ERR_INPUT);
    CU_ASSERT_EQUAL(ner_run(ner, large, NER_MAX_TEXT_BYTES + 1, &doc, &e), ERR_INPUT);
    free(large);
    ner_free(ner);
}

/* --- the sample ----------------------------------------------------------------------------- */

#define MAX_ARTICLES 256

static char *articles[MAX_ARTICLES];
static size_t article_count;

static int read_chunk(void *context, const char **bytes, size_t *length, struct err *e)
{
    static char chunk[65536];

    (void)e;
    *bytes = chunk;
    *length = fread(chunk, 1, sizeof chunk, context);
    return *length > 0;
}

static void load_sample(void)
{
    FILE *file = fopen("deploy/sample/articles.csv", "r");
    struct csv_record record;
    struct err e;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    struct csv *csv = csv_open((struct csv_source){read_chunk, file});
    CU_ASSERT_EQUAL_FATAL(csv_next(csv, &record, &e), 1); /* the header */
    while (article_count < MAX_ARTICLES && csv_next(csv, &record, &e) == 1)
        articles[article_count++] = strdup(record.fields[8].bytes);
    csv_close(csv);
    fclose(file);
    CU_ASSERT_TRUE_FATAL(article_count > 10);
}

static void forget_sample(void)
{
    while (article_count)
        free(articles[--article_count]);
}

/* An element of golden_entities.ndjson against our answer. */
static void check_golden(const cJSON *golden, const struct ner_doc *doc)
{
    const cJSON *tokens = cJSON_GetObjectItemCaseSensitive(golden, "tokens");
    const cJSON *entities = cJSON_GetObjectItemCaseSensitive(golden, "entities"), *item;
    size_t i = 0;

    CU_ASSERT_EQUAL_FATAL((size_t)cJSON_GetArraySize(tokens), doc->token_count);
    CU_ASSERT_EQUAL_FATAL((size_t)cJSON_GetArraySize(entities), doc->entity_count);
    cJSON_ArrayForEach(item, tokens)
    {
        CU_ASSERT_EQUAL(item->child->valueint, (int)doc->tokens[i].start);
        CU_ASSERT_EQUAL(item->child->next->valueint, (int)doc->tokens[i].end);
        i++;
    }
    i = 0;
    cJSON_ArrayForEach(item, entities)
    {
        CU_ASSERT_EQUAL(item->child->valueint, (int)doc->entities[i].start);
        CU_ASSERT_EQUAL(item->child->next->valueint, (int)doc->entities[i].end);
        CU_ASSERT_STRING_EQUAL(item->child->next->next->valuestring,
                               ner_model_label(model, doc->entities[i].label));
        i++;
    }
}

static void golden_sample(void)
{
    FILE *file = fopen("tests/parity/golden_entities.ndjson", "r");
    struct ner *ner = ner_new(model);
    char *line = NULL;
    size_t size = 0, number = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    load_sample();
    for (; getline(&line, &size, file) > 0; number++) {
        cJSON *golden = cJSON_Parse(line);
        CU_ASSERT_FATAL(golden && number < article_count);
        struct ner_doc doc = run(ner, articles[number]);
        check_golden(golden, &doc);
        cJSON_Delete(golden);
    }
    CU_ASSERT_EQUAL(number, article_count);
    free(line);
    fclose(file);
    ner_free(ner);
    forget_sample();
}

/* More word types than are kept, so that every cache is emptied on the way. */
static char *many_words(void)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    for (int i = 0; i < 70000; i++)
        buf_printf(&text, "x%dq ", i);
    return text.bytes;
}

static void order_does_not_matter(void)
{
    struct ner *forth = ner_new(model), *back = ner_new(model);
    struct buf answers[MAX_ARTICLES], again;
    char *words = many_words();
    struct ner_doc doc;

    load_sample();
    buf_init(&again, 16 << 20);
    for (size_t i = 0; i < article_count; i++) {
        buf_init(&answers[i], 16 << 20);
        doc = run(forth, articles[i]);
        describe(&doc, &answers[i]);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = article_count; i-- > 0;) {
            doc = run(back, articles[i]);
            describe(&doc, &again);
            CU_ASSERT_STRING_EQUAL(again.bytes, answers[i].bytes);
        }
        if (round == 0) {
            doc = run(back, words);
            CU_ASSERT_EQUAL(doc.token_count, 70000);
        }
    }
    for (size_t i = 0; i < article_count; i++)
        buf_fini(&answers[i]);
    buf_fini(&again);
    free(words);
    forget_sample();
    ner_free(forth);
    ner_free(back);
}

/* Entities of a text from `from` on, in code points less `shift`. */
static void describe_after(const struct ner_doc *doc, uint32_t from, uint32_t shift,
                           struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < doc->entity_count; i++) {
        const struct ner_entity *e = &doc->entities[i];
        if (e->start >= from + shift)
            buf_printf(out, "[%u,%u,%u]", e->start - shift, e->end - shift, e->label);
    }
}

/* A long text goes through in tiles: nothing may change where two of them meet. Words put in front
 * of it move the borders over it. */
static void tiles_do_not_show(void)
{
    struct ner *ner = ner_new(model);
    struct buf text, moved, expected, found;

    load_sample();
    buf_init(&text, 1 << 20);
    buf_init(&moved, 1 << 20);
    buf_init(&expected, 16 << 20);
    buf_init(&found, 16 << 20);
    for (size_t i = 0; i < article_count; i++)
        buf_printf(&text, "%s\n\n", articles[i]);
    struct ner_doc doc = run(ner, text.bytes);
    CU_ASSERT_TRUE(doc.token_count > 8 * 1024);
    describe_after(&doc, 1000, 0, &expected);
    for (uint32_t words = 1; words <= 24; words++) {
        buf_clear(&moved);
        for (uint32_t i = 0; i < words; i++)
            buf_append_text(&moved, "and ");
        buf_append_text(&moved, text.bytes);
        doc = run(ner, moved.bytes);
        describe_after(&doc, 1000, words * 4, &found);
        CU_ASSERT_STRING_EQUAL(found.bytes, expected.bytes);
    }
    buf_fini(&text);
    buf_fini(&moved);
    buf_fini(&expected);
    buf_fini(&found);
    ner_free(ner);
    forget_sample();
}

static void warm_runs_allocate_nothing(void)
{
#ifdef COUNTS_ALLOCATIONS
    struct ner *ner = ner_new(model);
    struct ner_doc doc;
    struct err e;

    load_sample();
    for (size_t i = 0; i < article_count; i++)
        run(ner, articles[i]);
    size_t before = allocations;
    for (size_t i = article_count; i-- > 0;)
        if (ner_run(ner, articles[i], strlen(articles[i]), &doc, &e) < 0)
            allocations++;
    CU_ASSERT_EQUAL(allocations - before, 0);
    before = allocations;
    free(malloc(1));
    CU_ASSERT_EQUAL(allocations - before, 1); /* the counter counts */
    forget_sample();
    ner_free(ner);
#endif
}

void suite_ner(void)
{
    CU_pSuite suite = CU_add_suite("ner", open_model, close_model);

    CU_add_test(suite, "known sentences", known_sentences);
    CU_add_test(suite, "refused texts", refused_texts);
    CU_add_test(suite, "the sample as spaCy has it", golden_sample);
    CU_add_test(suite, "order and emptied caches do not matter", order_does_not_matter);
    CU_add_test(suite, "tiles do not show", tiles_do_not_show);
    CU_add_test(suite, "warm runs allocate nothing", warm_runs_allocate_nothing);
}
