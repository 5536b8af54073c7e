/* Store: what it answers, in which order it lists, and what it says about a file that is not right.
 */
#include <CUnit/CUnit.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_fixture.h"
#include "tests/harness/harness.h"

void suite_store(void);

static struct conf conf;
static struct err e;

/* SQL on the file, from outside the store. Returns the first column of the first row, or -1. */
static long long query(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    long long value = -1;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(conf.store.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    CU_ASSERT_EQUAL(sqlite3_finalize(statement), SQLITE_OK);
    sqlite3_close(db);
    return value;
}

static void test_applied_once(void)
{
    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    struct stat status;

    CU_ASSERT_EQUAL(stat(conf.store.path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0640);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_APPLIED);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_ALREADY);
    store_close(store);
    store = fixture_open(&conf);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_ALREADY);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(2, 3), &e), STORE_APPLIED);
    store_close(store);
    struct fixture_sums sums = fixture_sums(&conf);
    CU_ASSERT_EQUAL(sums.articles, 2);
    CU_ASSERT_EQUAL(sums.words, 3);
    CU_ASSERT_EQUAL(sums.least, 4);
    CU_ASSERT_EQUAL(sums.most, 4);
    CU_ASSERT_EQUAL(sums.labels, 12);
    harness_end();
}

/* --- order and paging ---------------------------------------------------------------------------
 */

#define WORDS 900

struct page {
    uint64_t rows, previous_count;
    char previous[64];
    int broken;
    char seen[WORDS];
};

static int take_row(void *context, const struct store_frequency *f)
{
    struct page *page = context;
    size_t word = (size_t)atoll(f->word + 1);

    if (page->previous[0] &&
        (f->count > page->previous_count ||
         (f->count == page->previous_count && strcmp(f->word, page->previous) <= 0)))
        page->broken++;
    if (word >= WORDS || page->seen[word]++)
        page->broken++;
    if (f->label_count != 1 || f->labels[0].count != f->count)
        page->broken++;
    snprintf(page->previous, sizeof page->previous, "%s", f->word);
    page->previous_count = f->count;
    page->rows++;
    return 0;
}

static void apply_words(struct store *store, const char *publication, unsigned id)
{
    static struct batch_label labels[WORDS];
    static struct batch_entity entities[WORDS];
    static char words[WORDS][24];

    for (size_t i = 0; i < WORDS; i++) { /* seven counts, so many ties */
        snprintf(words[i], sizeof words[i], "w%zu", i);
        labels[i] = (struct batch_label){"GPE", i % 7 + 1};
        entities[i] = (struct batch_entity){words[i], &labels[i], 1, i % 7 + 1};
    }
    struct batch *batch = fixture_batch(id, 0);
    batch->publication = batch->name = publication;
    batch->entities = entities;
    batch->entity_count = WORDS;
    CU_ASSERT_EQUAL(store_apply(store, batch, &e), STORE_APPLIED);
}

static void test_paging(void)
{
    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);

    apply_words(store, "bbc", 1);
    apply_words(store, "other", 2); /* must not be seen */
    for (uint64_t limit = 1; limit <= 1000; limit = limit * 3 + 1) {
        struct page page = {0};
        uint64_t before;
        do {
            char word[64];
            snprintf(word, sizeof word, "%s", page.previous);
            struct store_cursor after = {page.rows ? word : NULL, page.previous_count};
            before = page.rows;
            CU_ASSERT_EQUAL(store_frequencies(store, "bbc", &after, limit, take_row, &page, &e), 0);
            CU_ASSERT_TRUE(page.rows - before <= limit);
        } while (page.rows > before && page.rows <= WORDS);
        CU_ASSERT_EQUAL(page.rows, WORDS);
        CU_ASSERT_EQUAL(page.broken, 0);
    }
    struct page none = {0};
    CU_ASSERT_EQUAL(store_frequencies(store, "nobody", NULL, 0, take_row, &none, &e), 0);
    CU_ASSERT_EQUAL(none.rows, 0);
    store_close(store);
    harness_end();
}

static int stop_at_third(void *context, const struct store_frequency *f)
{
    (void)f;
    return ++*(int *)context == 3 ? 42 : 0;
}

static int nested(void *context, const struct store_publication *p)
{
    int rows = 0;

    CU_ASSERT_EQUAL(store_frequencies(context, p->key, NULL, 0, stop_at_third, &rows, &e), 42);
    CU_ASSERT_EQUAL(rows, 3);
    return p->articles == 2 ? 0 : 7;
}

static void test_rows_end_walks_and_nest(void)
{
    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);

    apply_words(store, "b", 1);
    apply_words(store, "a", 2);
    apply_words(store, "b", 3);
    CU_ASSERT_EQUAL(store_publications(store, nested, store, &e), 7);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(4, 1), &e), STORE_APPLIED);
    store_close(store);
    harness_end();
}

/* A plan that sorts would read all words of a publication for each page. */
static void expect_no_sort(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(conf.store.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(db, explain, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(statement, 3);
        CU_ASSERT_PTR_NULL(strstr(step, "TEMP B-TREE"));
        CU_ASSERT_PTR_NOT_NULL(strstr(step, "INDEX"));
    }
    sqlite3_finalize(statement);
    sqlite3_free(explain);
    sqlite3_close(db);
}

static void test_index_walks(void)
{
    fixture_conf(&conf);
    store_close(fixture_open(&conf));
    expect_no_sort("SELECT key, name, articles FROM publication ORDER BY articles DESC, key");
    expect_no_sort("SELECT id, word, count FROM word WHERE publication = ?1"
                   " AND count = ?2 AND word > ?3 ORDER BY word");
    expect_no_sort("SELECT id, word, count FROM word WHERE publication = ?1"
                   " AND count <= ?2 ORDER BY count DESC, word");
    expect_no_sort("SELECT batch_id FROM applied WHERE at_ms < ?1 ORDER BY at_ms LIMIT 9");
    harness_end();
}

/* --- refusals -----------------------------------------------------------------------------------
 */

/* Several in one transaction; one that is refused neither takes the others with it nor stays. */
static void test_several_at_once(void)
{
    struct batch batches[4];
    enum store_outcome outcomes[4];

    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    for (unsigned i = 0; i < 4; i++)
        batches[i] = *fixture_batch(i, 3);
    batches[2] = batches[0]; /* the same id: counted once */
    CU_ASSERT_EQUAL(store_apply_many(store, batches, 3, outcomes, &e), 3);
    CU_ASSERT(outcomes[0] == STORE_APPLIED && outcomes[1] == STORE_APPLIED);
    CU_ASSERT_EQUAL(outcomes[2], STORE_ALREADY);
    CU_ASSERT_EQUAL(store_apply_many(store, batches, 2, outcomes, &e), 2);
    CU_ASSERT(outcomes[0] == STORE_ALREADY && outcomes[1] == STORE_ALREADY);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, 2);

    for (unsigned i = 0; i < 4; i++)
        batches[i] = *fixture_batch(10 + i, 3);
    batches[1].at_ms = 1; /* too old */
    store_set_time(store, fixture_now_ms());
    size_t done = 0;
    while (done < 4) {
        size_t more = store_apply_many(store, batches + done, 4 - done, outcomes + done, &e);
        CU_ASSERT_FATAL(more >= 1 && more <= 4 - done);
        done += more;
    }
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(outcomes[i], i == 1 ? STORE_REJECTED : STORE_APPLIED);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, 5);
    CU_ASSERT_EQUAL(fixture_sums(&conf).least, 10); /* two labels a word and batch */
    store_close(store);
    harness_end();
}

static void test_old_batches_and_markers(void)
{
    const int64_t day_ms = 86400000;

    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    struct batch *batch = fixture_batch(1, 3);
    store_set_time(store, fixture_now_ms());
    batch->at_ms -= 30 * day_ms + 60000;
    CU_ASSERT_EQUAL(store_apply(store, batch, &e), STORE_REJECTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "30 days"));
    batch->at_ms += 120000;
    CU_ASSERT_EQUAL(store_apply(store, batch, &e), STORE_APPLIED);
    query("INSERT INTO applied SELECT 'old', at_ms - 32 * 86400000, 0 FROM applied");
    CU_ASSERT_EQUAL(query("SELECT count(*) FROM applied"), 2);
    store_close(store);
    store = fixture_open(&conf); /* the first batch after an open prunes */
    store_set_time(store, fixture_now_ms());
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(2, 3), &e), STORE_APPLIED);
    CU_ASSERT_EQUAL(query("SELECT count(*) FROM applied WHERE batch_id = 'old'"), 0);
    CU_ASSERT_EQUAL(query("SELECT count(*) FROM applied"), 2);
    store_close(store);
    harness_end();
}

static void test_sum_past_64_bits(void)
{
    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    struct batch *batch = fixture_batch(1, 3);

    batch->articles = INT64_MAX;
    CU_ASSERT_EQUAL(store_apply(store, batch, &e), STORE_APPLIED);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(2, 3), &e), STORE_REJECTED);
    store_close(store);
    struct fixture_sums sums = fixture_sums(&conf);
    CU_ASSERT_EQUAL(sums.articles, INT64_MAX);
    CU_ASSERT_EQUAL(sums.most, 2);
    harness_end();
}

static void expect_open(int writable, int code, const char *part)
{
    struct store *store = NULL;

    e.text[0] = 0;
    CU_ASSERT_EQUAL(store_open(&conf, writable, &store, &e), code);
    if (!strstr(e.text, part))
        fprintf(stderr, "\n  got \"%s\", not \"%s\"\n", e.text, part);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, part));
    store_close(store);
}

static void test_settings(void)
{
    char kind[] = "mongo", none[] = "none", empty[] = "", directory[] = "/";

    fixture_conf(&conf);
    expect_open(0, ERR_AGAIN, "no counts yet");
    expect_open(0, ERR_AGAIN, conf.store.path);
    conf.store.path = directory;
    CU_ASSERT_EQUAL(store_check(&conf, &e), ERR_CONFIG);
    conf.store.path = empty;
    CU_ASSERT_EQUAL(store_check(&conf, &e), ERR_CONFIG);
    conf.store.kind = kind;
    CU_ASSERT_EQUAL(store_check(&conf, &e), ERR_CONFIG);
    expect_open(1, ERR_CONFIG, "sqlite, none");
    conf.store.kind = none;
    CU_ASSERT_EQUAL(store_check(&conf, &e), 0);
    struct store *store = fixture_open(&conf);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 1), &e), STORE_APPLIED);
    store_close(store);
    harness_end();
}

static void overwrite(long from, size_t length)
{
    FILE *file = fopen(conf.store.path, "r+");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fseek(file, from, SEEK_SET);
    for (size_t i = 0; i < length; i++)
        fputc(0xa5, file);
    fclose(file);
}

static void test_wrong_files(void)
{
    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(store_apply(store, fixture_batch(i, 500), &e), STORE_APPLIED);
    store_close(store);

    overwrite(4096, 65536);
    store = fixture_open(&conf); /* its first page is whole */
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(9, 500), &e), STORE_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "malformed"));
    store_close(store);
    overwrite(0, 4096);
    expect_open(1, ERR_CONFIG, "damaged or not an SQLite file");
    expect_open(0, ERR_CONFIG, "damaged or not an SQLite file");

    unlink(conf.store.path);
    query("CREATE TABLE theirs (x)");
    expect_open(1, ERR_CONFIG, "not newsmill's");
    expect_open(0, ERR_CONFIG, "not newsmill's");
    unlink(conf.store.path);
    query("PRAGMA user_version = 99");
    expect_open(1, ERR_CONFIG, "newer newsmill");
    harness_end();
}

void suite_store(void)
{
    CU_pSuite suite = CU_add_suite("store", NULL, NULL);

    CU_add_test(suite, "a batch is counted once", test_applied_once);
    CU_add_test(suite, "several in one transaction", test_several_at_once);
    CU_add_test(suite, "pages cover every row once, in order", test_paging);
    CU_add_test(suite, "a row ends a walk, and walks nest", test_rows_end_walks_and_nest);
    CU_add_test(suite, "lists are index walks", test_index_walks);
    CU_add_test(suite, "old batches are refused, old markers go", test_old_batches_and_markers);
    CU_add_test(suite, "a sum past 64 bits is refused", test_sum_past_64_bits);
    CU_add_test(suite, "settings", test_settings);
    CU_add_test(suite, "files that are not right", test_wrong_files);
}
