/* deploy/redis-server: which damage of the log it mends and which it refuses, and under which ACL
 * it starts Redis. */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/harness/harness.h"

#define ITEMS 200

static struct redis redis;
static char path[400]; /* of the log's last file */

/* A log of 200 transactions of two commands, Redis down. */
static void begin(void)
{
    redis_start(&redis);
    for (int i = 0; i < ITEMS; i++)
        redis_int(&redis, "EVAL %s 0 item-%d",
                  "redis.call('LPUSH', 'list', ARGV[1]) return redis.call('INCR', 'count')", i);
    snprintf(path, sizeof path, "%s/appendonlydir/appendonly.aof.1.incr.aof", redis.dir);
    redis_stop(&redis);
}

static void finish(void)
{
    redis_stop(&redis);
    harness_end();
}

static off_t size_of(const char *file)
{
    struct stat info = {0};

    return stat(file, &info) < 0 ? -1 : info.st_size;
}

static void write_at(off_t at, const char *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(pwrite(fd, bytes, length, at), (ssize_t)length);
    close(fd);
}

/* Starts it as the harness does, and expects that it ends by itself with `said` in what it says. */
static void expect_refused(const char *const *more, const char *said)
{
    const char *args[12] = {"redis.conf", "--port", "0", "--dir", redis.dir};
    char *output = NULL;

    for (int i = 5; more && *more; more++)
        args[i++] = *more;
    CU_ASSERT_EQUAL(proc_run("deploy/redis-server", NULL, args, true, &output, 20000), 1);
    if (!output || !strstr(output, said))
        fprintf(stderr, "\n  got: %s\n", output ? output : "nothing");
    CU_ASSERT(output && strstr(output, said));
    free(output);
}

static void expect_mended(long long items, off_t torn_size)
{
    char pattern[440];
    glob_t found;

    redis_restart(&redis);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN list"), items);
    CU_ASSERT(proc_logged(&redis.proc, "the log had a torn end"));
    snprintf(pattern, sizeof pattern, "%s.torn-*", path);
    CU_ASSERT_EQUAL_FATAL(glob(pattern, 0, NULL, &found), 0);
    CU_ASSERT_EQUAL(size_of(found.gl_pathv[0]), torn_size);
    CU_ASSERT(proc_logged(&redis.proc, found.gl_pathv[0]));
    globfree(&found);
    /* Mended once: the next start finds nothing to do, and what came after is there. */
    CU_ASSERT_EQUAL(redis_int(&redis, "LPUSH list x"), items + 1);
    redis_kill(&redis);
    redis_restart(&redis);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN list"), items + 1);
}

static void test_torn_end(void)
{
    begin();
    CU_ASSERT_EQUAL(truncate(path, size_of(path) - 30), 0);
    expect_mended(ITEMS - 1, size_of(path));
    finish();
}

static void test_zeroes(void)
{
    begin();
    off_t size = size_of(path) + 5000;
    CU_ASSERT_EQUAL(truncate(path, size), 0); /* a hole reads as zeroes */
    expect_mended(ITEMS, size);
    finish();

    begin(); /* zeroes in place of the end of a transaction */
    size = size_of(path);
    CU_ASSERT_EQUAL(truncate(path, size - 50), 0);
    CU_ASSERT_EQUAL(truncate(path, size), 0);
    expect_mended(ITEMS - 1, size);
    finish();
}

/* Damage in the middle: nothing is cut off, Redis is not started. */
static void test_damage(void)
{
    static const char advice[] = "Bring it back from a backup";
    char *text, *at;

    begin();
    off_t size = size_of(path);
    FILE *file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    text = xcalloc(1, (size_t)size + 1);
    CU_ASSERT_EQUAL(fread(text, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    const struct {
        const char *old, *new;
    } damages[] = {
        {"*3", "A3"},                /* one bad byte */
        {"$5", "$9"},                /* a length too long */
        {"$5\r\nLPUSH", "$99999\r"}, /* one that goes beyond the end */
        {"EXEC", "EXEX"},            /* the end of a transaction */
        {"MULTI", "MULTX"},          /* its start */
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        at = strstr(text + size / 4, damages[i].old);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        write_at(at - text, damages[i].new, strlen(damages[i].new));
        expect_refused(NULL, advice);
        CU_ASSERT_EQUAL(size_of(path), size);
        write_at(at - text, at, strlen(damages[i].new));
    }
    at = text + size - 14; /* the last EXEC, and a single command behind it */
    CU_ASSERT_NSTRING_EQUAL(at, "*1\r\n$4\r\nEXEC\r\n", 14);
    write_at(size, "*2\r\n$4\r\nINCR\r\n$1\r\nc\r\n", 21);
    write_at(at + 8 - text, "EXEX", 4);
    expect_refused(NULL, advice);
    write_at(at + 8 - text, "EXEC", 4);
    redis_restart(&redis);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN list"), ITEMS);
    free(text);
    finish();
}

/* --- ACL ----------------------------------------------------------------------------------------
 */

static const char *write_file(const char *name, const char *text)
{
    static char file[300];

    snprintf(file, sizeof file, "%s/%s", redis.dir, name);
    FILE *f = fopen(file, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    return file;
}

static void test_unsafe_acl(void)
{
    static const char *const unsafe[] = {
        "user default off\n",
        "user default on nopass ~newsmill:* &* +@all\n",
        "user default on nopass ~* &* +@all -@dangerous\n",
        "user farm on nopass ~* &* +@all\nuser default on nopass ~* &* +@all -exec",
    };
    static const char *const safe = "user farm on nopass ~a +@all\n"
                                    "user default off nopass ~* &* -@all +@all\n";

    redis = (struct redis){.dir = harness_dir()};
    for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++) {
        char included[400];
        const char *aclfile[] = {"--aclfile", write_file("acl", unsafe[i]), NULL};
        expect_refused(aclfile, "user default off nopass ~* &* +@all");
        snprintf(included, sizeof included, "include %s\n", write_file("users.conf", unsafe[i]));
        const char *by_include[] = {"--include", write_file("users.conf", unsafe[i]), NULL};
        expect_refused(by_include, "user default off nopass ~* &* +@all");
        const char *args[] = {write_file("redis.conf", included), "--port", "0", NULL};
        CU_ASSERT_EQUAL(proc_run("deploy/redis-server", NULL, args, false, NULL, 20000), 1);
    }
    redis_start(&redis); /* a safe one starts: below it does more */
    redis_stop(&redis);
    redis.acl_file = write_file("acl", safe);
    redis.user = "farm";
    redis_restart(&redis);
    finish();
}

/* The ACL of QUEUES.md: after a restart all that scripts and transactions wrote is there. */
static void test_documented_acl(void)
{
    static const char acl[] =
        "user default off nopass ~* &* +@all\n"
        "user farm on nopass ~newsmill:* +@all -@admin -@dangerous +acl|getuser\n"
        "user tests on nopass ~* &* +@all\n";
    const char *env[3] = {NULL};
    char url[100], *output;
    FILE *file = fopen("common/QUEUES.md", "re");

    /* It is the documented one. */
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    char *text = xcalloc(1, 1 << 20);
    CU_ASSERT(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "user default off nopass ~* &* +@all\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "~newsmill:* +@all -@admin -@dangerous +acl|getuser\n"));
    free(text);

    redis_start(&redis);
    redis_stop(&redis);
    redis.acl_file = write_file("acl", acl);
    redis.user = "tests";
    redis_restart(&redis);
    for (int i = 0; i < ITEMS; i++)
        redis_int(&redis, "EVAL %s 0 item-%d",
                  "redis.call('LPUSH', 'list', ARGV[1]) return redis.call('INCR', 'count')", i);
    redis_stop(&redis);
    redis_restart(&redis);
    CU_ASSERT_EQUAL(redis_int(&redis, "LLEN list"), ITEMS);

    snprintf(url, sizeof url, "NEWSMILL_REDIS_URL=redis://farm:x@127.0.0.1:%d", redis.port);
    env[0] = url;
    const char *args[] = {"doctor", NULL};
    proc_run("newsmill", env, args, true, &output, 20000);
    CU_ASSERT(output && strstr(output, "ok    redis.default_user"));
    free(output);
    /* Changed while it runs: only doctor and the roles can see that. */
    redis_int(&redis, "ACL SETUSER default -@all");
    proc_run("newsmill", env, args, true, &output, 20000);
    CU_ASSERT(output && strstr(output, "bad   redis.default_user"));
    free(output);
    redis_int(&redis, "ACL SETUSER farm -acl|getuser");
    proc_run("newsmill", env, args, true, &output, 20000);
    CU_ASSERT(output && strstr(output, "warn  redis.default_user"));
    free(output);
    finish();
}

void suite_redis_start(void);
void suite_redis_start(void)
{
    CU_pSuite s = CU_add_suite("redis_start", NULL, NULL);

    CU_add_test(s, "a torn end is cut off, a copy kept", test_torn_end);
    CU_add_test(s, "zeroes at the end count as torn", test_zeroes);
    CU_add_test(s, "other damage: refused, nothing changed", test_damage);
    CU_add_test(s, "an ACL that loses transactions: refused", test_unsafe_acl);
    CU_add_test(s, "restart under the documented ACL", test_documented_acl);
}
