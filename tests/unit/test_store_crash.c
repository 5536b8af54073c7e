/* Store under fire: killed in the middle, written to by four processes at once, disk full, locked,
 * its file gone. After each the counts must be exact. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"
#include "tests/harness/harness.h"

void suite_store_crash(void);

static struct conf conf;
static struct err e;

/* Opens and applies like a saver: again until the answer is final. */
static enum store_outcome apply_surely(struct store **store, const struct batch *batch)
{
    struct err why;

    for (;;) {
        if (!*store && store_open(&conf, 1, store, &why) == ERR_CONFIG)
            _exit(3);
        enum store_outcome outcome = *store ? store_apply(*store, batch, &why) : STORE_AGAIN;
        if (outcome != STORE_AGAIN)
            return outcome;
    }
}

/* --- killed -------------------------------------------------------------------------------------
 */

/* A child that applies batches from `first` on for ever and writes a byte after each. */
static pid_t start_applying(unsigned first, int *progress)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct store *store = NULL;
        for (unsigned i = first;; i++) {
            apply_surely(&store, fixture_batch(i, FIXTURE_ENTITIES));
            if (write(ends[1], "", 1) != 1)
                _exit(1);
        }
    }
    close(ends[1]);
    *progress = ends[0];
    return pid;
}

/* Nearly all of the child's time is spent inside a transaction, so that is where most kills hit.
 * All words must have the count that the articles say: no part of a batch was counted. */
static void test_killed(void)
{
    unsigned next = 0;

    fixture_conf(&conf);
    srandom(4711);
    for (int round = 0; round < 10; round++) {
        int progress;
        char byte;
        unsigned told = 0;
        pid_t pid = start_applying(next, &progress);
        for (long wanted = 1 + random() % 4; wanted > 0 && read(progress, &byte, 1) == 1; wanted--)
            told++;
        for (volatile long spin = random() % 3000000; spin > 0; spin--)
            ;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(progress, &byte, 1) == 1)
            told++;
        close(progress);
        struct fixture_sums sums = fixture_sums(&conf);
        CU_ASSERT_EQUAL(sums.words, FIXTURE_ENTITIES);
        CU_ASSERT_EQUAL(sums.least, 2 * sums.articles);
        CU_ASSERT_EQUAL(sums.most, 2 * sums.articles);
        CU_ASSERT_EQUAL(sums.labels, FIXTURE_ENTITIES * 2 * sums.articles);
        /* What was told is there; of the rest at most the one that was being told. */
        CU_ASSERT_TRUE(sums.articles >= next + told && sums.articles <= next + told + 1);
        next = (unsigned)sums.articles;
    }
    struct store *store = fixture_open(&conf);
    for (unsigned i = 0; i < next; i++)
        CU_ASSERT_EQUAL(store_apply(store, fixture_batch(i, FIXTURE_ENTITIES), &e), STORE_ALREADY);
    store_close(store);
    harness_end();
}
WITH_KEYS(test_killed)

/* --- at once ------------------------------------------------------------------------------------
 */

#define BATCHES   400
#define PROCESSES 4

/* Process k applies every fourth batch, and every fourth that is its neighbour's: each batch is
 * sent twice, by two. Exits with 0 if all answers were final. */
static void apply_share(unsigned process)
{
    struct store *store = NULL;
    unsigned applied = 0;

    for (unsigned i = 0; i < BATCHES; i++)
        if (i % PROCESSES == process || (i + 1) % PROCESSES == process)
            applied += apply_surely(&store, fixture_batch(i, 20)) == STORE_REJECTED;
    store_close(store);
    _exit(applied ? 1 : 0);
}

static void test_four_at_once(void)
{
    pid_t pids[PROCESSES];

    fixture_conf(&conf);
    for (unsigned k = 0; k < PROCESSES; k++) {
        pids[k] = fork();
        CU_ASSERT_FATAL(pids[k] >= 0);
        if (pids[k] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            apply_share(k);
        }
    }
    for (int k = 0; k < PROCESSES; k++) {
        int status = -1;
        waitpid(pids[k], &status, 0);
        CU_ASSERT_EQUAL(status, 0);
    }
    struct fixture_sums sums = fixture_sums(&conf);
    CU_ASSERT_EQUAL(sums.articles, BATCHES);
    CU_ASSERT_EQUAL(sums.words, 20);
    CU_ASSERT_EQUAL(sums.least, 2 * BATCHES);
    CU_ASSERT_EQUAL(sums.most, 2 * BATCHES);
    harness_end();
}
WITH_KEYS(test_four_at_once)

/* --- away ---------------------------------------------------------------------------------------
 */

static void test_disk_full(void)
{
    struct rlimit before, small;
    unsigned number = 0;

    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 300000; /* for the -wal file */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum store_outcome outcome;
    do
        outcome = store_apply(store, fixture_batch(number, FIXTURE_ENTITIES), &e);
    while (outcome == STORE_APPLIED && ++number < 1000);
    setrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT_EQUAL(outcome, STORE_AGAIN);
    CU_ASSERT_EQUAL(e.code, ERR_AGAIN);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, number);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(number, FIXTURE_ENTITIES), &e), STORE_APPLIED);
    store_close(store);
    struct fixture_sums sums = fixture_sums(&conf);
    CU_ASSERT_EQUAL(sums.articles, number + 1);
    CU_ASSERT_EQUAL(sums.least, 2 * sums.articles);
    CU_ASSERT_EQUAL(sums.most, 2 * sums.articles);
    harness_end();
}
WITH_KEYS(test_disk_full)

static void test_locked(void)
{
    sqlite3 *other;

    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(conf.store.path, &other), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "locked"));
    CU_ASSERT_EQUAL(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_APPLIED);
    store_close(store);
    harness_end();
}
WITH_KEYS(test_locked)

static void test_file_gone(void)
{
    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);

    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_APPLIED);
    unlink(conf.store.path);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(2, 3), &e), STORE_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "moved or deleted"));
    store_close(store);
    harness_end();
}
WITH_KEYS(test_file_gone)

void suite_store_crash(void)
{
    CU_pSuite suite = CU_add_suite("store_crash", NULL, NULL);

    CU_add_test(suite, "killed in the middle of batches", test_killed_with_keys);
    CU_add_test(suite, "four processes, each batch twice", test_four_at_once_with_keys);
    CU_add_test(suite, "disk full", test_disk_full_with_keys);
    CU_add_test(suite, "locked by another", test_locked_with_keys);
    CU_add_test(suite, "its file is gone", test_file_gone_with_keys);
}
