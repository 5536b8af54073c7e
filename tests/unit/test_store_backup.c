/* Backup and restore of the SQLite store while it is written to, and killed on the way. */
#include <CUnit/CUnit.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "store_fixture.h"
#include "tests/harness/harness.h"

void suite_store_backup(void);

static struct conf conf;
static struct err e;

static void apply(unsigned first, unsigned last)
{
    struct store *store = fixture_open(&conf);

    for (unsigned i = first; i <= last; i++)
        CU_ASSERT_EQUAL(store_apply(store, fixture_batch(i, FIXTURE_ENTITIES), &e), STORE_APPLIED);
    store_close(store);
}

/* Every word is counted as often as the articles say. */
static uint64_t articles_of(const char *path)
{
    struct conf there = conf;

    there.store.path = (char *)(uintptr_t)path;
    struct fixture_sums sums = fixture_sums(&there);
    CU_ASSERT_EQUAL(sums.words, FIXTURE_ENTITIES);
    CU_ASSERT_EQUAL(sums.least, 2 * sums.articles);
    CU_ASSERT_EQUAL(sums.most, 2 * sums.articles);
    return sums.articles;
}

static void path_beside(char out[400], const char *name)
{
    snprintf(out, 400, "%s", conf.store.path);
    snprintf(strrchr(out, '/'), 60, "/%s", name);
}

static void test_one_moment(void)
{
    struct store_state state;
    char path[400];

    fixture_conf(&conf);
    apply(1, 1);
    fflush(NULL);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct store *store = fixture_open(&conf);
        for (unsigned i = 2;; i++)
            store_apply(store, fixture_batch(i, FIXTURE_ENTITIES), &e);
    }
    uint64_t last = 0;
    for (unsigned i = 0; i < 30 || (last == 1 && i < 1000); i++) {
        path_beside(path, "backup.db");
        unlink(path);
        CU_ASSERT_EQUAL(store_backup(&conf, path, &state, &e), 0);
        CU_ASSERT_EQUAL(articles_of(path), state.articles);
        CU_ASSERT_EQUAL(state.batches, state.articles);
        CU_ASSERT(state.articles >= last);
        last = state.articles;
    }
    CU_ASSERT(last > 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    harness_end();
}
WITH_KEYS(test_one_moment)

/* Killed anywhere: the store is what it was, or what the backup is, and the next try succeeds. */
static void test_restore_killed(void)
{
    struct store_restored restored;
    struct store_state state;
    char path[400];
    int64_t took_us = 20000; /* to kill anywhere within it */
    int untouched = 0;

    fixture_conf(&conf);
    apply(1, 3);
    path_beside(path, "backup.db");
    CU_ASSERT_EQUAL(store_backup(&conf, path, &state, &e), 0);
    srandom(17);
    for (unsigned round = 0, next = 10; round < 40; round++, next += 10) {
        apply(next, next + 1);
        fflush(NULL);
        pid_t pid = fork();
        CU_ASSERT_FATAL(pid >= 0);
        if (pid == 0)
            _exit(store_restore(&conf, path, &restored, &e) < 0);
        int64_t until_us = clock_us() + random() % (took_us + took_us / 2 + 1);
        while (clock_us() < until_us)
            ;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        uint64_t articles = articles_of(conf.store.path);
        CU_ASSERT(articles == 3 || articles == 5);
        untouched += articles == 5;
        took_us = clock_us();
        CU_ASSERT_EQUAL(store_restore(&conf, path, &restored, &e), 0);
        took_us = clock_us() - took_us;
        CU_ASSERT_EQUAL(restored.lost_batches, articles - 3);
        CU_ASSERT_EQUAL(articles_of(conf.store.path), 3);
        CU_ASSERT_EQUAL(unlink(restored.kept), 0);
    }
    fprintf(stderr, "(%d of 40 untouched) ", untouched);
    harness_end();
}

void suite_store_backup(void)
{
    CU_pSuite suite = CU_add_suite("store_backup", NULL, NULL);

    CU_add_test(suite, "a backup while savers run: one moment", test_one_moment_with_keys);
    CU_add_test(suite, "a restore that is killed", test_restore_killed);
}
