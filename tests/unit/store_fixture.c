/* store_fixture: see store_fixture.h. */
#include "store_fixture.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/harness/harness.h"

static char fixture_publication[1501] = "bbc";

const char *fixture_key(void)
{
    return fixture_publication;
}

void fixture_each_key(void (*test)(void))
{
    static const size_t lengths[] = {1, 31, 32, 200, 1500};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(fixture_publication, 'k', lengths[i]);
        fixture_publication[lengths[i]] = 0;
        test();
    }
    snprintf(fixture_publication, sizeof fixture_publication, "bbc");
    test();
}

void fixture_conf(struct conf *conf)
{
    static char kind[] = "sqlite", path[300];

    snprintf(path, sizeof path, "%s/data/newsmill.db", harness_dir());
    *conf = (struct conf){.savers = {.max_batches = 8}, .store = {.kind = kind, .path = path}};
}

int64_t fixture_now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

struct batch *fixture_batch(unsigned number, size_t entities)
{
    static struct batch_label labels[] = {{"PERSON", 1}, {"ORG", 1}};
    static struct batch_entity array[FIXTURE_ENTITIES];
    static char words[FIXTURE_ENTITIES][24];
    static struct batch batch;

    for (size_t i = 0; i < entities; i++) {
        snprintf(words[i], sizeof words[i], "w%zu", i);
        array[i] = (struct batch_entity){words[i], labels, 2, 2};
    }
    batch = (struct batch){.at_ms = fixture_now_ms(),
                           .publication = fixture_publication,
                           .name = "BBC",
                           .articles = 1,
                           .entities = array,
                           .entity_count = entities};
    snprintf(batch.id, sizeof batch.id, "%032x", number);
    return &batch;
}

struct store *fixture_open(const struct conf *conf)
{
    struct store *store = NULL;
    struct err e;

    if (store_open(conf, 1, &store, &e) < 0)
        fprintf(stderr, "\n  store: %s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    return store;
}

static int sum_publication(void *context, const struct store_publication *p)
{
    struct fixture_sums *sums = context;

    if (strcmp(p->key, fixture_publication) == 0)
        sums->articles = p->articles;
    return 0;
}

static int sum_word(void *context, const struct store_frequency *f)
{
    struct fixture_sums *sums = context;

    if (sums->words++ == 0)
        sums->most = f->count;
    sums->least = f->count;
    for (size_t i = 0; i < f->label_count; i++)
        sums->labels += f->labels[i].count;
    return 0;
}

struct fixture_sums fixture_sums(const struct conf *conf)
{
    struct fixture_sums sums = {0};
    struct store *store = NULL;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(store_open(conf, 0, &store, &e), 0);
    CU_ASSERT_EQUAL(store_publications(store, sum_publication, &sums, &e), 0);
    CU_ASSERT_EQUAL(store_frequencies(store, fixture_publication, NULL, 0, sum_word, &sums, &e), 0);
    store_close(store);
    return sums;
}
