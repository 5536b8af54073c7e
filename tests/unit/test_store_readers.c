/* Readers of the SQLite file: members of its group, who may read it and nothing else, with savers
 * and without. */
#include <CUnit/CUnit.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"
#include "tests/harness/harness.h"

void suite_store_readers(void);

#define NOBODY 65534

static struct conf conf;
static struct err e;

/* --- a member of the file's group ---------------------------------------------------------------
 */

static void directory_of_store(char *out, size_t size)
{
    snprintf(out, size, "%s", conf.store.path);
    *strrchr(out, '/') = 0;
}

/* What the group may do is all that this process may do from now on. */
static void join_group(void)
{
    struct stat status;
    gid_t group = stat(conf.store.path, &status) == 0 ? status.st_gid : 0;

    if (geteuid() == 0) {
        if (setgroups(1, &group) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
            _exit(9);
        return;
    }
    /* The owner without a right to write is as good. */
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[400];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(path, sizeof path, "%s%s", conf.store.path, ends[i]);
        if (chmod(path, 0440) < 0 && !*ends[i])
            _exit(9);
    }
    directory_of_store(path, sizeof path);
    if (chmod(path, 0550) < 0)
        _exit(9);
}

static void leave_group(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[400];

    directory_of_store(path, sizeof path);
    chmod(path, 0755);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(path, sizeof path, "%s%s", conf.store.path, ends[i]);
        chmod(path, 0640);
    }
}

static int add_articles(void *context, const struct store_publication *p)
{
    *(int *)context += (int)p->articles;
    return 0;
}

static int articles_of(struct store *store)
{
    int articles = 0;

    return store_publications(store, add_articles, &articles, &e) < 0 ? -1 : articles;
}

/* In a child: the articles that a member of the group reads, or 99. With `progress` it says so and
 * waits for a byte before it reads again, over the same connection. */
static int read_twice(int wake, int progress)
{
    struct store *store;

    join_group();
    if (store_open(&conf, 0, &store, &e) < 0) {
        fprintf(stderr, "\n  reader: %s\n", e.text);
        return 99;
    }
    int articles = articles_of(store);
    char byte = 0;
    if (articles < 0)
        fprintf(stderr, "\n  reader: %s\n", e.text);
    if (progress >= 0 && (write(progress, &byte, 1) != 1 || read(wake, &byte, 1) != 1))
        return 98;
    if (progress >= 0)
        articles = articles_of(store);
    store_close(store);
    return articles < 0 ? 99 : articles;
}

static pid_t start_reader(int *wake, int *progress)
{
    int down[2] = {-1, -1}, up[2] = {-1, -1};

    if (wake)
        CU_ASSERT_FATAL(pipe(down) == 0 && pipe(up) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(read_twice(down[0], up[1]));
    }
    if (wake) {
        close(down[0]);
        close(up[1]);
        *wake = down[1];
        *progress = up[0];
    }
    return pid;
}

static int end_of(pid_t pid)
{
    int status = -1;

    waitpid(pid, &status, 0);
    leave_group();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void begin(void)
{
    char path[400];

    fixture_conf(&conf);
    directory_of_store(path, sizeof path);
    *strrchr(path, '/') = 0;
    CU_ASSERT_EQUAL(chmod(path, 0755), 0);
}

static void test_savers_have_stopped(void)
{
    begin();
    struct store *store = fixture_open(&conf);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_APPLIED);
    store_close(store);
    CU_ASSERT_EQUAL(end_of(start_reader(NULL, NULL)), 1);
    CU_ASSERT_EQUAL(end_of(start_reader(NULL, NULL)), 1); /* and the first took nothing away */
    store = fixture_open(&conf);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(2, 3), &e), STORE_APPLIED);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, 2); /* the owner's reader takes nothing either */
    store_close(store);
    CU_ASSERT_EQUAL(fixture_sums(&conf).articles, 2);
    CU_ASSERT_EQUAL(end_of(start_reader(NULL, NULL)), 2);
    harness_end();
}
WITH_KEYS(test_savers_have_stopped)

static void test_savers_run(void)
{
    begin();
    struct store *store = fixture_open(&conf);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_APPLIED);
    CU_ASSERT_EQUAL(end_of(start_reader(NULL, NULL)), 1);
    store_close(store);
    harness_end();
}

/* A saver that starts while somebody reads: the reader sees what it counts. */
static void test_saver_starts(void)
{
    int wake, progress;
    char byte = 0;

    begin();
    struct store *store = fixture_open(&conf);
    CU_ASSERT_EQUAL(store_apply(store, fixture_batch(1, 3), &e), STORE_APPLIED);
    store_close(store);
    pid_t pid = start_reader(&wake, &progress);
    CU_ASSERT_EQUAL(read(progress, &byte, 1), 1);
    if (geteuid() != 0)
        leave_group();
    store = fixture_open(&conf);
    for (unsigned i = 2; i < 40; i++)
        CU_ASSERT_EQUAL(store_apply(store, fixture_batch(i, 500), &e), STORE_APPLIED);
    store_close(store);
    CU_ASSERT_EQUAL(write(wake, &byte, 1), 1);
    CU_ASSERT_EQUAL(end_of(pid), 39);
    close(wake);
    close(progress);
    harness_end();
}

/* Killed savers leave a WAL that no one has looked into yet. */
static void test_saver_killed(void)
{
    begin();
    fflush(NULL);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        struct store *store = fixture_open(&conf);
        for (unsigned i = 1; i <= 5; i++)
            if (store_apply(store, fixture_batch(i, 3), &e) != STORE_APPLIED)
                _exit(1);
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
    CU_ASSERT_EQUAL(end_of(start_reader(NULL, NULL)), 5);
    harness_end();
}

/* SQLite's own shell takes the files away: then the reason is said. */
static void test_files_taken_away(void)
{
    char path[400];

    begin();
    store_close(fixture_open(&conf));
    snprintf(path, sizeof path, "%s-shm", conf.store.path);
    CU_ASSERT_EQUAL(unlink(path), 0);
    snprintf(path, sizeof path, "%s-wal", conf.store.path);
    CU_ASSERT_EQUAL(unlink(path), 0);
    fflush(NULL);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        struct store *store;
        join_group();
        _exit(store_open(&conf, 0, &store, &e) == ERR_AGAIN && strstr(e.text, "start the savers"));
    }
    CU_ASSERT_EQUAL(end_of(pid), 1);
    harness_end();
}

void suite_store_readers(void)
{
    CU_pSuite suite = CU_add_suite("store_readers", NULL, NULL);

    CU_add_test(suite, "a member of the group, savers have stopped",
                test_savers_have_stopped_with_keys);
    CU_add_test(suite, "a member of the group, savers run", test_savers_run);
    CU_add_test(suite, "a member of the group, a saver starts meanwhile", test_saver_starts);
    CU_add_test(suite, "a member of the group, savers were killed", test_saver_killed);
    CU_add_test(suite, "a member of the group, the files are gone", test_files_taken_away);
}
