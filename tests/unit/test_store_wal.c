/* Readers that stand still, and what SQLite's write-ahead log does meanwhile: `newsmill top` never
 * pins it, others do only as long as they read. */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/top.h"
#include "store_fixture.h"
#include "tests/harness/harness.h"

void suite_store_wal(void);

#define WORDS     20000
#define MIB       (1ll << 20)
#define LIMIT_MIB 40 /* 32 that may stay, and what comes after the last look at it */

static struct conf conf;
static struct err e;

/* Counts 500 of WORDS words, far from each other: many pages change. */
static void apply_words(struct store *store, unsigned number)
{
    static struct batch_label label = {"PERSON", 1};
    static struct batch_entity entities[FIXTURE_ENTITIES];
    static char words[FIXTURE_ENTITIES][24];
    struct batch *batch = fixture_batch(number, 0);

    for (unsigned i = 0; i < FIXTURE_ENTITIES; i++) {
        snprintf(words[i], sizeof words[i], "word %u",
                 (i * (WORDS / FIXTURE_ENTITIES) + number) % WORDS);
        entities[i] = (struct batch_entity){words[i], &label, 1, 1};
    }
    batch->entities = entities;
    batch->entity_count = FIXTURE_ENTITIES;
    while (store_apply(store, batch, &e) == STORE_AGAIN) /* locked by others */
        ;
}

static struct store *begin(void)
{
    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    for (unsigned i = 0; i < WORDS / FIXTURE_ENTITIES; i++)
        apply_words(store, i);
    return store;
}

static long long wal_mib(void)
{
    char path[400];
    struct stat status = {.st_size = 0};

    snprintf(path, sizeof path, "%s-wal", conf.store.path);
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    return (long long)status.st_size / MIB;
}

/* --- newsmill top -------------------------------------------------------------------------------
 */

/* A child that runs `newsmill top -n 0 --json` with its output in a pipe. */
static pid_t start_top(int *output)
{
    static char name[] = "top", all[] = "-n0", json[] = "--json";
    char *arguments[] = {name, all, json, NULL};
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        optind = 0;
        int code = top_main(3, arguments, &conf);
        fflush(NULL);
        _exit(code);
    }
    close(ends[1]);
    *output = ends[0];
    return pid;
}

/* Its first line is there and nobody reads the others: `| less`, left open. */
static void test_top_stands_still(void)
{
    int output, status = -1;

    struct store *store = begin();
    pid_t pid = start_top(&output);
    struct pollfd first = {.fd = output, .events = POLLIN};
    CU_ASSERT_EQUAL(poll(&first, 1, 30000), 1);
    for (unsigned i = 100; i < 200; i++)
        apply_words(store, i);
    CU_ASSERT(wal_mib() <= LIMIT_MIB);
    CU_ASSERT_EQUAL(waitpid(pid, &status, WNOHANG), 0); /* it did stand still */
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    close(output);
    store_close(store);
    harness_end();
}

/* In each batch every word comes twice, so at any one moment every count is twice the articles. */
static void apply_for_ever(void)
{
    struct store *store = fixture_open(&conf);

    for (unsigned i = 1;; i++)
        if (store_apply(store, fixture_batch(i, FIXTURE_ENTITIES), &e) == STORE_REJECTED)
            _exit(1);
}

static int read_all(FILE *from, long long *articles, int *wrong)
{
    char line[4096];
    int words = 0;

    while (fgets(line, sizeof line, from)) {
        const char *is = strstr(line, "\"articles\":"), *count = strstr(line, "\"count\":");
        if (is)
            *articles = atoll(is + 11);
        if (count && ++words)
            *wrong += atoll(count + 8) != 2 * *articles;
    }
    return words;
}

static void test_one_moment(void)
{
    long long articles = 0, before = 0;
    int wrong = 0, output, status = -1;

    fixture_conf(&conf);
    struct store *store = fixture_open(&conf);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(0, FIXTURE_ENTITIES), &e), STORE_APPLIED);
    store_close(store);
    fflush(NULL);
    pid_t saver = fork();
    CU_ASSERT_FATAL(saver >= 0);
    if (saver == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        apply_for_ever();
    }
    for (int round = 0; round < 20 || (articles == before && round < 1000); round++) {
        before = articles;
        pid_t pid = start_top(&output);
        FILE *from = fdopen(output, "r");
        CU_ASSERT_EQUAL(read_all(from, &articles, &wrong), FIXTURE_ENTITIES);
        fclose(from);
        waitpid(pid, &status, 0);
        CU_ASSERT_EQUAL(status, 0);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(articles > 1);
    kill(saver, SIGKILL);
    waitpid(saver, NULL, 0);
    harness_end();
}
WITH_KEYS(test_one_moment)

/* --- others -------------------------------------------------------------------------------------
 */

static sqlite3 *start_reading(void)
{
    sqlite3 *db = NULL;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(conf.store.path, &db, SQLITE_OPEN_READONLY, NULL), 0);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM publication", NULL, NULL, NULL),
                    0);
    return db;
}

/* The log grows while a transaction of somebody else's is open, and not only stops growing but
 * shrinks once that has ended. */
static void test_shrinks_again(void)
{
    unsigned i = 100;

    struct store *store = begin();
    sqlite3 *db = start_reading();
    for (; i < 1000 && wal_mib() < 3 * LIMIT_MIB; i++)
        apply_words(store, i);
    CU_ASSERT(wal_mib() >= 3 * LIMIT_MIB);
    CU_ASSERT(store_wal_bytes(&conf) >= 3 * LIMIT_MIB * MIB);
    sqlite3_close(db);
    apply_words(store, i);
    CU_ASSERT(wal_mib() <= LIMIT_MIB);
    store_close(store);
    CU_ASSERT_EQUAL(store_wal_bytes(&conf), 0);
    harness_end();
}

/* A child that reads one moment from before a byte comes from `from` until after it has sent one to
 * `to`, again and again. */
static pid_t start_relay(int from, int to)
{
    fflush(NULL);
    pid_t pid = fork();
    char byte = 0;

    CU_ASSERT_FATAL(pid >= 0);
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        sqlite3 *db = start_reading();
        if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
            _exit(1);
        sqlite3_close(db);
    }
}

static pid_t start_saver(unsigned first)
{
    fflush(NULL);
    pid_t pid = fork();

    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct store *store = fixture_open(&conf);
        for (unsigned i = first;; i++)
            apply_words(store, i);
    }
    return pid;
}

/* There is always somebody who reads, but nobody for long, and always somebody who writes. */
static void test_readers_overlap(void)
{
    int ends[2][2];
    long long largest = 0;

    struct store *store = begin();
    CU_ASSERT_FATAL(pipe(ends[0]) == 0 && pipe(ends[1]) == 0);
    pid_t pids[] = {start_relay(ends[0][0], ends[1][1]), start_relay(ends[1][0], ends[0][1]),
                    start_saver(10000), start_saver(20000), start_saver(30000)};
    for (unsigned i = 0; i < 150; i++) {
        apply_words(store, 100 + i);
        if (wal_mib() > largest)
            largest = wal_mib();
    }
    for (size_t i = 0; i < sizeof pids / sizeof pids[0]; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    for (int i = 0; i < 2; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
    CU_ASSERT(largest <= 2 * LIMIT_MIB);
    store_close(store);
    harness_end();
}

void suite_store_wal(void)
{
    CU_pSuite suite = CU_add_suite("store_wal", NULL, NULL);

    CU_add_test(suite, "top stands still and pins nothing", test_top_stands_still);
    CU_add_test(suite, "top while savers run: one moment", test_one_moment_with_keys);
    CU_add_test(suite, "shrinks after somebody has read for long", test_shrinks_again);
    CU_add_test(suite, "always somebody who reads, and who writes", test_readers_overlap);
}
