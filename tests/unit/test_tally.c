/* Tally: the sum over its batches equals what was counted, whatever was counted. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/batch.h"
#include "workers/tally.h"

void suite_tally(void);

static const char *const labels[] = {"PERSON", "ORG", "GPE"};
#define LABELS       3
#define PUBLICATIONS 4
#define WORDS        1700

/* What the random test counted itself: plain arrays, no hash. */
static uint64_t articles[PUBLICATIONS], counts[PUBLICATIONS][WORDS][LABELS];

static void free_batches(struct buf *batches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_fini(&batches[i]);
    free(batches);
}

static size_t label_index(const char *label)
{
    for (size_t i = 0; i < LABELS; i++)
        if (strcmp(labels[i], label) == 0)
            return i;
    return LABELS;
}

/* Takes a batch off the expected counts; all must be zero in the end. */
static void take_off(const struct buf *message)
{
    struct batch b;
    struct err e;
    size_t word_bytes = 0;

    CU_ASSERT_EQUAL_FATAL(batch_parse(message->bytes, message->length, &b, &e), 0);
    CU_ASSERT_EQUAL(b.at_ms, 77);
    CU_ASSERT_TRUE(b.entity_count <= BATCH_MAX_ENTITIES);
    size_t publication = (size_t)atoll(b.publication + 1);
    CU_ASSERT_FATAL(publication < PUBLICATIONS);
    CU_ASSERT_EQUAL(b.name[0], 'P');
    articles[publication] -= b.articles;
    for (size_t i = 0; i < b.entity_count; i++) {
        const struct batch_entity *entity = &b.entities[i];
        size_t word = (size_t)atoll(entity->word + 1);
        CU_ASSERT_FATAL(word < WORDS);
        word_bytes += strlen(entity->word);
        for (size_t j = 0; j < entity->label_count; j++)
            counts[publication][word][label_index(entity->labels[j].label)] -=
                entity->labels[j].count;
    }
    CU_ASSERT_TRUE(word_bytes <= BATCH_MAX_BYTES);
    batch_fini(&b);
}

static void count_at_random(struct tally *t, unsigned seed)
{
    char key[16], name[16], word[32];

    srandom(seed);
    for (int article = 0; article < 300; article++) {
        size_t publication = (size_t)random() % PUBLICATIONS;
        snprintf(key, sizeof key, "p%zu", publication);
        snprintf(name, sizeof name, "P%zu %d", publication, article);
        struct tally_publication *p = tally_article(t, key, name);
        articles[publication]++;
        for (long i = random() % 100; i > 0; i--) {
            size_t which = (size_t)(random() % WORDS * (random() % 100) / 100);
            size_t label = (size_t)random() % LABELS;
            int length = snprintf(word, sizeof word, "w%zu", which);
            CU_ASSERT_EQUAL(tally_entity(t, p, word, (size_t)length, label), 0);
            counts[publication][which][label]++;
        }
    }
}

static bool all_zero(const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (((const char *)bytes)[i])
            return false;
    return true;
}

static void test_sum_is_exact(void)
{
    struct tally *t = tally_new(labels, LABELS);
    struct buf *batches;
    struct err e;
    size_t count;

    for (unsigned seed = 1; seed <= 20; seed++) {
        count_at_random(t, seed);
        CU_ASSERT_EQUAL(tally_articles(t), 300);
        CU_ASSERT_EQUAL_FATAL(tally_batches(t, 77, &batches, &count, &e), 0);
        CU_ASSERT_TRUE(count > PUBLICATIONS);
        for (size_t i = 0; i < count; i++)
            take_off(&batches[i]);
        CU_ASSERT_TRUE(all_zero(articles, sizeof articles));
        CU_ASSERT_TRUE(all_zero(counts, sizeof counts));
        free_batches(batches, count);
        tally_clear(t);
        CU_ASSERT_EQUAL(tally_articles(t), 0);
        CU_ASSERT_EQUAL(tally_bytes(t), 0);
    }
    tally_free(t);
}

static void test_first_name_and_no_entities(void)
{
    struct tally *t = tally_new(labels, LABELS);
    struct buf *batches;
    struct batch b;
    struct err e;
    size_t count;

    CU_ASSERT_EQUAL(tally_batches(t, 1, &batches, &count, &e), 0);
    CU_ASSERT_EQUAL(count, 0);
    free(batches);
    tally_article(t, "bbc", "BBC");
    tally_article(t, "bbc", "Bbc");
    CU_ASSERT_EQUAL_FATAL(tally_batches(t, 1, &batches, &count, &e), 0);
    CU_ASSERT_EQUAL_FATAL(count, 1);
    CU_ASSERT_EQUAL_FATAL(batch_parse(batches[0].bytes, batches[0].length, &b, &e), 0);
    CU_ASSERT_EQUAL(b.articles, 2);
    CU_ASSERT_EQUAL(b.entity_count, 0);
    CU_ASSERT_STRING_EQUAL(b.name, "BBC");
    batch_fini(&b);
    free_batches(batches, count);
    tally_free(t);
}

/* Words of a third of the ceiling go three to a batch, a longer word goes alone, and the longest,
 * of characters that JSON escapes, can still be read back. */
static void test_long_words(void)
{
    struct tally *t = tally_new(labels, LABELS);
    struct tally_publication *p = tally_article(t, "k", "K");
    size_t third = BATCH_MAX_BYTES / 3, count;
    char *word = malloc(TALLY_MAX_WORD_BYTES + 1);
    struct buf *batches;
    struct err e;

    memset(word, 1, TALLY_MAX_WORD_BYTES + 1);
    for (int i = 0; i < 7; i++) {
        word[0] = (char)('a' + i);
        CU_ASSERT_EQUAL(tally_entity(t, p, word, third, 0), 0);
    }
    CU_ASSERT_EQUAL(tally_entity(t, p, word, TALLY_MAX_WORD_BYTES, 1), 0);
    CU_ASSERT_EQUAL(tally_entity(t, p, word, TALLY_MAX_WORD_BYTES + 1, 1), ERR_LIMIT);
    CU_ASSERT_EQUAL(tally_entity(t, p, word, 0, 1), ERR_LIMIT);
    CU_ASSERT_EQUAL_FATAL(tally_batches(t, 1, &batches, &count, &e), 0);
    CU_ASSERT_EQUAL(count, 4);
    uint64_t articles_sum = 0, entities = 0;
    for (size_t i = 0; i < count; i++) {
        struct batch b;
        CU_ASSERT_EQUAL_FATAL(batch_parse(batches[i].bytes, batches[i].length, &b, &e), 0);
        articles_sum += b.articles;
        entities += b.entity_count;
        batch_fini(&b);
    }
    CU_ASSERT_EQUAL(articles_sum, 1);
    CU_ASSERT_EQUAL(entities, 8);
    free_batches(batches, count);
    tally_free(t);
    free(word);
}

/* Memory grows with new words only. */
static void test_repeats_are_free(void)
{
    struct tally *t = tally_new(labels, LABELS);
    struct tally_publication *p = tally_article(t, "k", "K");

    tally_entity(t, p, "x", 1, 0);
    tally_entity(t, p, "x", 1, 2);
    size_t before = tally_bytes(t);
    for (int i = 0; i < 100000; i++) {
        tally_article(t, "k", "K");
        tally_entity(t, p, "x", 1, i % 2 ? 0 : 2);
    }
    CU_ASSERT_EQUAL(tally_bytes(t), before);
    tally_entity(t, p, "y", 1, 0);
    CU_ASSERT_TRUE(tally_bytes(t) > before);
    tally_free(t);
}

void suite_tally(void)
{
    CU_pSuite suite = CU_add_suite("tally", NULL, NULL);

    CU_add_test(suite, "the batches' sum is the tally", test_sum_is_exact);
    CU_add_test(suite, "first name, and no entities", test_first_name_and_no_entities);
    CU_add_test(suite, "long words", test_long_words);
    CU_add_test(suite, "a known word allocates nothing", test_repeats_are_free);
}
