/* Firestore against a stub that fails on purpose: whatever becomes of an answer, every batch is
 * counted once. FIRESTORE_COMMITS=10000 makes the great run as long as that. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "counts.h"
#include "tests/harness/firestore_stub.h"
#include "tests/harness/harness.h"

void suite_firestore(void);

static struct farm farm;
static struct firestore_stub stub;
static struct counts *counts;
static struct err e;

/* The stub, and the environment for everything that is to take it for the emulator. */
static void begin_stub(void)
{
    firestore_stub_start(&stub, NULL);
    setenv("FIRESTORE_EMULATOR_HOST", stub.host, 1);
    counts = counts_new(7);
}

static void end_stub(void)
{
    unsetenv("FIRESTORE_EMULATOR_HOST");
    firestore_stub_stop(&stub);
    counts_free(counts);
    harness_end();
}

static struct store *open_store(int64_t timeout_ms)
{
    static char kind[] = "firestore", project[] = "p1", database[] = "(default)", none[] = "",
                endpoint[] = "https://firestore.googleapis.com";
    struct conf conf = {.savers = {.processes = 1},
                        .store = {.kind = kind,
                                  .project = project,
                                  .database = database,
                                  .credentials_file = none,
                                  .ca_file = none,
                                  .endpoint = endpoint,
                                  .timeout_ms = timeout_ms}};
    struct store *s = NULL;

    CU_ASSERT_EQUAL_FATAL(store_open(&conf, 1, &s, &e), 0);
    return s;
}

static void expect_counts(void)
{
    struct store *s = open_store(60000);

    CU_ASSERT_EQUAL(counts_differ(counts, s), 0);
    store_close(s);
}

/* --- the farm ----------------------------------------------------------------------------------
 */

static void begin_farm(const char *savers, const char *max_batches)
{
    begin_stub();
    farm_init(&farm);
    farm_set(&farm, "STORE_KIND", "firestore");
    farm_set(&farm, "STORE_PROJECT", "p1");
    farm_set(&farm, "STORE_TIMEOUT_MS", "400");
    farm_set(&farm, "SAVERS_PROCESSES", savers);
    farm_set(&farm, "SAVERS_MAX_BATCHES", max_batches);
}

static void end_farm(void)
{
    proc_stop(&farm.savers, SIGTERM, 20000);
    redis_stop(&farm.redis);
    end_stub();
}

static void push(const struct batch *b)
{
    struct buf json;

    buf_init(&json, 1 << 22);
    CU_ASSERT_EQUAL_FATAL(batch_write(b, &json), 0);
    redis_int(&farm.redis, "LPUSH newsmill:results %b", json.bytes, json.length);
    buf_fini(&json);
}

static void push_many(int batches, size_t entities)
{
    for (int i = 0; i < batches; i++) {
        struct batch *b = counts_draw(counts, entities);
        counts_add(counts, b);
        push(b);
    }
}

/* 10 % applied with the answer lost, 10 % other faults, four savers. */
static void test_great_run(void)
{
    const char *wish = getenv("FIRESTORE_COMMITS");
    int commits = wish ? (int)strtol(wish, NULL, 10) : 1000;

    begin_farm("4", "1");
    firestore_stub_fail(&stub, "seed=3 lost=0.1 drop=0.02 status=0.03 unsure=0.01 half=0.015 "
                               "garbage=0.015 stall=0.005 late=0.005");
    push_many(commits, 12);
    int64_t start_ms = clock_ms();
    farm_start_savers(&farm);
    CU_ASSERT(farm_drained(&farm, 60000 + 100 * commits));
    fprintf(stderr, "\n  %d batches in %lld ms: %ld commits sent, %ld faults, %ld ledger hits ",
            commits, (long long)(clock_ms() - start_ms), firestore_stub_number(&stub, "commits"),
            firestore_stub_number(&stub, "failed"), firestore_stub_number(&stub, "ledger"));
    expect_counts();
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "applied"), commits);
    CU_ASSERT(firestore_stub_number(&stub, "failed") > commits / 10);
    CU_ASSERT(firestore_stub_number(&stub, "ledger") > commits / 20);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:results:dead"), 0);
    end_farm();
}

/* Killed where they stand, again and again. */
static void test_killed_savers(void)
{
    pid_t children[8];

    begin_farm("2", "4");
    firestore_stub_fail(&stub, "seed=5 lost=0.05 unsure=0.05");
    push_many(400, 12);
    farm_start_savers(&farm);
    for (int i = 0; i < 20 && redis_int(&farm.redis, "LLEN newsmill:results") > 0; i++) {
        long long target = redis_int(&farm.redis, "LLEN newsmill:results") - 15;
        while (redis_int(&farm.redis, "LLEN newsmill:results") > (target > 0 ? target : 0))
            ;
        if (i % 5 == 4) {
            proc_stop(&farm.savers, SIGKILL, 20000); /* with its children */
            proc_start(&farm.savers, "newsmill-savers", farm.env, NULL);
        } else if (proc_children(&farm.savers, children, 8) > 0) {
            kill(children[0], SIGKILL);
        }
    }
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_counts();
    end_farm();
}

/* --- several batches in a commit ---------------------------------------------------------------
 */

static void test_shared_commits(void)
{
    begin_farm("1", "32");
    push_many(320, 12);
    farm_start_savers(&farm);
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_counts();
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "markers"), 320);
    CU_ASSERT(firestore_stub_number(&stub, "applied") <= 20);
    CU_ASSERT(firestore_stub_number(&stub, "writes") < 320 * 12); /* 4,480 one by one */
    CU_ASSERT_EQUAL(farm_stat(&farm, "store_writes"), firestore_stub_number(&stub, "writes"));
    CU_ASSERT_EQUAL(farm_stat(&farm, "applied"), 320);
    firestore_stub_fail(&stub, "shared=4"); /* a lost answer: then each marker says so */
    push_many(320, 12);
    CU_ASSERT(farm_drained(&farm, 60000));
    expect_counts();
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "markers"), 640);
    CU_ASSERT(firestore_stub_number(&stub, "ledger") >= 4);
    end_farm();
}

/* What Firestore refuses in a shared commit is found one by one; the others are counted. */
static void test_refused_batch(void)
{
    char *dead;

    begin_farm("1", "8");
    firestore_stub_fail(&stub, "invalid=2");
    struct batch *b = counts_draw(counts, 5); /* the first: it will be refused alone as well */
    push(b);
    push_many(7, 5);
    farm_start_savers(&farm);
    CU_ASSERT(farm_drained(&farm, 20000));
    expect_counts();
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:results:dead"), 1);
    dead = redis_text(&farm.redis, "LINDEX newsmill:results:dead 0");
    CU_ASSERT_PTR_NOT_NULL_FATAL(dead);
    CU_ASSERT_PTR_NOT_NULL(strstr(dead, "INVALID_ARGUMENT: for the test"));
    free(dead);
    CU_ASSERT_EQUAL(farm_stat(&farm, "applied"), 7);
    CU_ASSERT_EQUAL(farm_stat(&farm, "batches_dead"), 1);
    end_farm();
}

static bool is_claimed(void *context)
{
    (void)context;
    return farm_held(&farm, "results") > 0 && firestore_stub_number(&stub, "commits") > 0;
}

/* A stop gives back what the store does not take, soon enough for an init system. */
static void test_stop_while_away(void)
{
    begin_farm("1", "8");
    farm_set(&farm, "STORE_TIMEOUT_MS", "60000");
    firestore_stub_fail(&stub, "stall=1000");
    push_many(20, 5);
    farm_start_savers(&farm);
    CU_ASSERT(wait_until("a commit to hang", 10000, is_claimed, NULL));
    int64_t start_ms = clock_ms();
    CU_ASSERT_EQUAL(proc_stop(&farm.savers, SIGTERM, 20000), 0);
    CU_ASSERT(clock_ms() - start_ms < 6000);
    CU_ASSERT_EQUAL(farm_held(&farm, "results"), 0);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:results"), 20);
    firestore_stub_fail(&stub, "");
    farm_start_savers(&farm);
    CU_ASSERT(farm_drained(&farm, 20000));
    expect_counts();
    end_farm();
}

/* --- one store, in this process ----------------------------------------------------------------
 */

static enum store_outcome apply_to_end(struct store *s, const struct batch *b, int *tries)
{
    enum store_outcome outcome = STORE_AGAIN;

    for (*tries = 0; outcome == STORE_AGAIN && *tries < 10; ++*tries)
        outcome = store_apply(s, b, &e);
    return outcome;
}

/* Each fault by itself. (libcurl itself repeats a request once on a connection that was cut before
 * the first byte of an answer: the marker covers that as well.) */
static void test_each_fault(void)
{
    static const struct {
        const char *fault;
        bool applied;
    } faults[] = {{"drop=1", false},    {"lost=1", true},    {"unsure=1", true}, {"half=1", true},
                  {"garbage=1", false}, {"stall=1", false},  {"late=1", true},   {"huge=1", true},
                  {"status=1", false},  {"status=14", false}};
    int tries;

    begin_stub();
    struct store *s = open_store(200);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct batch *b = counts_draw(counts, 20);
        counts_add(counts, b);
        firestore_stub_fail(&stub, faults[i].fault);
        enum store_outcome outcome = apply_to_end(s, b, &tries);
        if (strcmp(faults[i].fault, "status=14") ==
            0) { /* fourteen codes in turn, none of which may be taken for an end */
            CU_ASSERT_EQUAL(outcome, STORE_AGAIN);
            outcome = apply_to_end(s, b, &tries);
        }
        if (outcome != (faults[i].applied ? STORE_ALREADY : STORE_APPLIED))
            fprintf(stderr, "\n  %s: outcome %d after %d tries, %s", faults[i].fault, outcome,
                    tries, e.text);
        CU_ASSERT_EQUAL(outcome, faults[i].applied ? STORE_ALREADY : STORE_APPLIED);
        CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_ALREADY);
    }
    CU_ASSERT_EQUAL(counts_differ(counts, s), 0);
    store_close(s);
    end_stub();
}

static void test_retry_after(void)
{
    begin_stub();
    struct store *s = open_store(1000);
    firestore_stub_fail(&stub, "retry=1");
    CU_ASSERT_EQUAL(store_pause_ms(s), 0);
    CU_ASSERT_EQUAL(store_apply(s, counts_draw(counts, 3), &e), STORE_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "UNAVAILABLE"));
    int64_t pause_ms = store_pause_ms(s);
    CU_ASSERT(pause_ms > 500 && pause_ms <= 1000);
    CU_ASSERT_TRUE(store_mends(s));
    store_close(s);
    end_stub();
}

static void test_refused_here(void)
{
    static struct batch_label labels[600];
    static char names[600][8];

    begin_stub();
    struct store *s = open_store(1000);
    struct batch *b = counts_draw(counts, 2);
    store_set_time(s, b->at_ms);
    b->at_ms -= 30 * 86400000ll;
    CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_REJECTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "30 days"));
    b = counts_draw(counts, 2);
    for (size_t i = 0; i < 600; i++) {
        snprintf(names[i], sizeof names[i], "L%zu", i);
        labels[i] = (struct batch_label){names[i], 1};
    }
    b->entities[0].labels = labels;
    b->entities[0].label_count = 600;
    CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_REJECTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "one commit"));
    CU_ASSERT_EQUAL(firestore_stub_number(&stub, "requests"), 0);
    /* Together with others only the bad one is refused. */
    struct batch both[2] = {*b, *b};
    batch_new_id(&both[0]);
    both[0].entity_count = 0;
    enum store_outcome outcomes[2];
    CU_ASSERT_EQUAL(store_apply_many(s, both, 2, outcomes, &e), 2);
    CU_ASSERT_EQUAL(outcomes[0], STORE_APPLIED);
    CU_ASSERT_EQUAL(outcomes[1], STORE_REJECTED);
    store_close(s);
    end_stub();
}

/* --- reading -----------------------------------------------------------------------------------
 */

struct page {
    char *words[3000];
    uint64_t counts[3000];
    int rows, stop_at;
};

static int take_row(void *context, const struct store_frequency *f)
{
    struct page *p = context;

    p->words[p->rows] = xstrdup(f->word);
    p->counts[p->rows++] = f->count;
    return p->rows == p->stop_at ? 5 : 0;
}

static void test_pages(void)
{
    static struct page all, pages;
    struct store_cursor cursor = {.word = NULL};

    begin_stub();
    struct store *s = open_store(60000);
    for (int i = 0; i < 40; i++) {
        struct batch *b = counts_draw(counts, 100);
        b->publication = b->name = "bbc";
        CU_ASSERT_EQUAL_FATAL(store_apply(s, b, &e), STORE_APPLIED);
    }
    CU_ASSERT_EQUAL(store_frequencies(s, "bbc", NULL, 0, take_row, &all, &e), 0);
    CU_ASSERT(all.rows > 1000); /* more than two of the reader's own pages */
    do {
        int before = pages.rows;
        CU_ASSERT_EQUAL(store_frequencies(s, "bbc", &cursor, 37, take_row, &pages, &e), 0);
        CU_ASSERT(pages.rows - before <= 37);
        if (pages.rows == before)
            break;
        cursor = (struct store_cursor){pages.words[pages.rows - 1], pages.counts[pages.rows - 1]};
    } while (pages.rows < 3000);
    CU_ASSERT_EQUAL_FATAL(pages.rows, all.rows);
    for (int i = 0; i < all.rows; i++) {
        CU_ASSERT_STRING_EQUAL(pages.words[i], all.words[i]);
        free(pages.words[i]);
        free(all.words[i]);
    }
    all = (struct page){.stop_at = 7};
    CU_ASSERT_EQUAL(store_frequencies(s, "bbc", NULL, 0, take_row, &all, &e), 5);
    CU_ASSERT_EQUAL(all.rows, 7);
    for (int i = 0; i < all.rows; i++)
        free(all.words[i]);
    all = (struct page){.rows = 0};
    CU_ASSERT_EQUAL(store_frequencies(s, "no such", NULL, 0, take_row, &all, &e), 0);
    CU_ASSERT_EQUAL(all.rows, 0);
    firestore_stub_stop(&stub);
    CU_ASSERT_EQUAL(store_frequencies(s, "bbc", NULL, 0, take_row, &all, &e), ERR_AGAIN);
    store_close(s);
    end_stub();
}

static int take_key(void *context, const struct store_publication *p)
{
    *(char **)context = xstrdup(p->key);
    return 0;
}

/* A key too long for an id comes back from a field. */
static void test_long_key(void)
{
    char key[3001], *got = NULL;

    begin_stub();
    struct store *s = open_store(1000);
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    struct batch *b = counts_draw(counts, 1);
    b->publication = b->name = key;
    b->articles = 1;
    CU_ASSERT_EQUAL(store_apply(s, b, &e), STORE_APPLIED);
    CU_ASSERT_EQUAL(store_publications(s, take_key, &got, &e), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_STRING_EQUAL(got, key);
    free(got);
    store_close(s);
    end_stub();
}

void suite_firestore(void)
{
    CU_pSuite suite = CU_add_suite("firestore", NULL, NULL);

    CU_add_test(suite, "each fault by itself", test_each_fault);
    CU_add_test(suite, "many commits, one in five fails, four savers", test_great_run);
    CU_add_test(suite, "savers killed", test_killed_savers);
    CU_add_test(suite, "several batches share a commit", test_shared_commits);
    CU_add_test(suite, "a refused batch is dead, its neighbours go on", test_refused_batch);
    CU_add_test(suite, "a stop while the store is away", test_stop_while_away);
    CU_add_test(suite, "Retry-After", test_retry_after);
    CU_add_test(suite, "what is refused before it is sent", test_refused_here);
    CU_add_test(suite, "pages cover every row once, in order", test_pages);
    CU_add_test(suite, "a key too long for an id", test_long_key);
}
