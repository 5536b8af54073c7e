/* Faults of Redis itself: each is named in the log, waited out without a busy loop, and over by
 * itself; what went in is counted once. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "faults_fixture.h"

#define LONG_RUN                                                                                   \
    "NEWSMILL_LONG" /* set: 100 restarts, and what they took is printed and checked                \
                     */

/* --- faults that Redis names ----------------------------------------------------------------- */

static void begin_readonly(void)
{
    redis_int(&faults.farm.redis, "REPLICAOF 127.0.0.1 1");
}

static void end_replica(void)
{
    redis_int(&faults.farm.redis, "REPLICAOF NO ONE");
}

/* A replica that may be written to, or READONLY would come first. */
static void begin_masterdown(void)
{
    redis_int(&faults.farm.redis, "CONFIG SET replica-read-only no");
    redis_int(&faults.farm.redis, "CONFIG SET replica-serve-stale-data no");
    redis_int(&faults.farm.redis, "REPLICAOF 127.0.0.1 1");
}

static void begin_noreplicas(void)
{
    redis_int(&faults.farm.redis, "CONFIG SET min-replicas-to-write 1");
}

static void end_noreplicas(void)
{
    redis_int(&faults.farm.redis, "CONFIG SET min-replicas-to-write 0");
}

static bool bgsave_ended(void *context)
{
    char *info = redis_text(&faults.farm.redis, "INFO persistence");
    bool yes = info && strstr(info, context);

    if (info && !yes && strstr(info, "rdb_bgsave_in_progress:0"))
        redis_int(&faults.farm.redis, "BGSAVE SCHEDULE");
    free(info);
    return yes;
}

/* A directory stands where the snapshot is to go. */
static void begin_misconf(void)
{
    char path[300], failed[] = "rdb_last_bgsave_status:err";

    snprintf(path, sizeof path, "%s/dump.rdb", faults.farm.redis.dir);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    redis_int(&faults.farm.redis, "CONFIG SET save %s", "3600 1");
    CU_ASSERT(wait_until("a snapshot to fail", 10000, bgsave_ended, failed));
}

static void end_misconf(void)
{
    char path[300], done[] = "rdb_last_bgsave_status:ok";

    snprintf(path, sizeof path, "%s/dump.rdb", faults.farm.redis.dir);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    CU_ASSERT(wait_until("a snapshot to succeed", 10000, bgsave_ended, done));
}

static void begin_restart(void)
{
    redis_stop(&faults.farm.redis);
}

static void end_restart(void)
{
    redis_restart(&faults.farm.redis);
}

/* Redis is back, but takes seconds to read its data: 100 keys, 40 ms each. */
static void begin_loading(void)
{
    char port[12];
    const char *args[] = {"redis.conf",
                          "--port",
                          port,
                          "--dir",
                          faults.farm.redis.dir,
                          "--key-load-delay",
                          "40000",
                          "--loading-process-events-interval-bytes",
                          "1024",
                          NULL};

    snprintf(port, sizeof port, "%d", faults.farm.redis.port);
    redis_int(&faults.farm.redis, "EVAL %s 0",
              "for i = 1, 100 do redis.call('SET', 'ballast:' .. i, string.rep('x', 2000)) end "
              "return 1");
    redis_int(&faults.farm.redis, "CONFIG SET rdbcompression no");
    redis_int(&faults.farm.redis, "BGREWRITEAOF");
    char rewritten[] = "aof_base_size:2"; /* 2nn,nnn bytes, not 89 */
    CU_ASSERT(wait_until("the log to be rewritten", 10000, bgsave_ended, rewritten));
    redis_stop(&faults.farm.redis);
    proc_start(&faults.farm.redis.proc, "deploy/redis-server", NULL, args);
}

static bool pongs(void *context)
{
    char *pong = redis_text(&faults.farm.redis, "PING");
    bool yes = pong && strcmp(pong, "PONG") == 0;

    (void)context;
    free(pong);
    return yes;
}

static void end_loading(void)
{
    CU_ASSERT(wait_until("the data to be read", 30000, pongs, NULL));
}

/* One fault: 20 articles in hand when it comes; the code in every log; then all as before. */
static void check_fault(const char *named, void (*fault_begin)(void), void (*fault_end)(void))
{
    faults_begin();
    faults_push(20);
    faults_await_claim();
    fault_begin();
    CU_ASSERT_EQUAL(faults_post(NULL), 503);
    CU_ASSERT(faults_logged(&faults.farm.workers, named, FAULTS_WORKERS, 20000));
    CU_ASSERT(faults_logged(&faults.farm.savers, named, 1, 20000));
    CU_ASSERT(faults_logged(&faults.farm.gateway, named, 1, 20000));
    CU_ASSERT(proc_logged(&faults.farm.workers, "advice=\""));
    CU_ASSERT_FALSE(proc_logged(&faults.farm.workers, "advice=\"\""));
    faults_wait_for_retries();
    CU_ASSERT_EQUAL(faults_post(NULL), 503);
    fault_end();
    faults_post_until_taken(NULL, 10000);
    faults_push(20);
    faults_expect_exact_and_stop();
}

static void test_readonly(void)
{
    check_fault("READONLY", begin_readonly, end_replica);
}

static void test_masterdown(void)
{
    check_fault("MASTERDOWN", begin_masterdown, end_replica);
}

static void test_noreplicas(void)
{
    check_fault("NOREPLICAS", begin_noreplicas, end_noreplicas);
}

static void test_misconf(void)
{
    check_fault("MISCONF", begin_misconf, end_misconf);
}

static void test_restart(void)
{
    check_fault("Connection refused", begin_restart, end_restart);
}

static void test_loading(void)
{
    check_fault("LOADING", begin_loading, end_loading);
}

/* A full Redis: the gateway says so, the workers go on and make room. */
static void test_oom(void)
{
    faults_begin();
    proc_stop(&faults.farm.savers, SIGTERM, 10000);
    faults_push(200);
    redis_int(&faults.farm.redis, "CONFIG SET maxmemory 1");
    CU_ASSERT_EQUAL(faults_post(NULL), 503);
    CU_ASSERT(faults_logged(&faults.farm.gateway, "reason=\"OOM", 1, 5000));
    CU_ASSERT(faults_logged(&faults.farm.gateway, "raise maxmemory", 1, 5000));
    faults_start(&faults.farm.savers, "newsmill-savers");
    CU_ASSERT(farm_drained(&faults.farm, 30000)); /* full all the time */
    CU_ASSERT_EQUAL(farm_articles(&faults.farm), faults.sent);
    CU_ASSERT_FALSE(proc_logged(&faults.farm.workers, "redis.away"));
    redis_int(&faults.farm.redis, "CONFIG SET maxmemory 0");
    CU_ASSERT_EQUAL(faults_post(NULL), 201);
    faults.sent++;
    faults_expect_exact_and_stop();
}

/* A client that waits in BLMOVE just now; 0: none. */
static long long waiting_client(void)
{
    char *list = redis_text(&faults.farm.redis, "CLIENT LIST");
    long long id = 0;

    for (char *rest = list, *line; list && id == 0 && (line = strsep(&rest, "\n"));)
        if (strstr(line, " cmd=blmove "))
            sscanf(line, "id=%lld ", &id);
    free(list);
    return id;
}

static bool is_unblocked(void *context)
{
    long long id = waiting_client();

    (void)context;
    return id > 0 && redis_int(&faults.farm.redis, "CLIENT UNBLOCK %lld ERROR", id) == 1;
}

/* An operator ends a blocking wait: no more than that happens. */
static void test_unblocked(void)
{
    faults_begin();
    for (int i = 0; i < 5; i++)
        CU_ASSERT(wait_until("a wait to be ended", 10000, is_unblocked, NULL));
    faults_push(20);
    CU_ASSERT(farm_drained(&faults.farm, 20000));
    CU_ASSERT_FALSE(proc_logged(&faults.farm.workers, "redis.away"));
    CU_ASSERT_FALSE(proc_logged(&faults.farm.savers, "redis.away"));
    CU_ASSERT_EQUAL(farm_stat(&faults.farm, "returned"), 0);
    faults_expect_exact_and_stop();
}

/* --- many restarts --------------------------------------------------------------------------- */

struct back {
    int workers, savers, gateway; /* lines wanted */
    int64_t since_ms;
    int slowest_ms;
};

static bool all_back(void *context)
{
    const struct back *b = context;

    return proc_log_count(&faults.farm.workers, "redis.back") >= b->workers &&
           proc_log_count(&faults.farm.savers, "redis.back") >= b->savers &&
           proc_log_count(&faults.farm.gateway, "redis.connected") >= b->gateway;
}

static void test_restarts(void)
{
    int rounds = getenv(LONG_RUN) ? 100 : 5, over_2_s = 0;
    struct back b = {0};

    faults_begin();
    for (int i = 0; i < rounds; i++) {
        faults_push(10);
        b.workers = proc_log_count(&faults.farm.workers, "redis.back") + FAULTS_WORKERS;
        b.savers = proc_log_count(&faults.farm.savers, "redis.back") + 1;
        b.gateway = proc_log_count(&faults.farm.gateway, "redis.connected") + 1;
        if (i % 2)
            redis_kill(&faults.farm.redis);
        else
            redis_stop(&faults.farm.redis);
        redis_restart(&faults.farm.redis);
        b.since_ms = clock_ms();
        CU_ASSERT(wait_until("all roles to resume", 20000, all_back, &b));
        int took_ms = (int)(clock_ms() - b.since_ms);
        b.slowest_ms = took_ms > b.slowest_ms ? took_ms : b.slowest_ms;
        over_2_s += took_ms > 2000;
        CU_ASSERT_EQUAL(faults_post(NULL), 201);
        faults.sent++;
    }
    if (getenv(LONG_RUN)) {
        printf("\n  %d restarts: slowest resume of all roles %d ms; ", rounds, b.slowest_ms);
        CU_ASSERT_EQUAL(over_2_s, 0);
    }
    faults_expect_exact_and_stop();
}

/* --- users and sockets ----------------------------------------------------------------------- */

static void write_password(const char *path, const char *password)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_FATAL(file != NULL);
    fprintf(file, "%s\n", password);
    fclose(file);
}

static int clients_of(const char *user)
{
    char *list = redis_text(&faults.farm.redis, "CLIENT LIST"), wanted[64];
    int count = 0;

    snprintf(wanted, sizeof wanted, " user=%s ", user);
    for (const char *at = list; at && (at = strstr(at, wanted)); at++)
        count++;
    free(list);
    return count;
}

/* A user of few rights, by the Unix socket, its password in a file; then the password is wrong, and
 * then a right is missing. */
static void test_acl_by_unix_socket(void)
{
    char url[300], password[300];

    faults_prepare();
    snprintf(url, sizeof url, "unix:%s/redis.sock", faults.farm.redis.dir);
    snprintf(password, sizeof password, "%s/password", faults.farm.dir);
    write_password(password, "secret word");
    farm_set(&faults.farm, "REDIS_URL", url);
    farm_set(&faults.farm, "REDIS_USER", "farm");
    farm_set(&faults.farm, "REDIS_PASSWORD_FILE", password);
    redis_int(&faults.farm.redis, "ACL SETUSER farm on %s ~newsmill:* +@all -@admin -@dangerous",
              ">secret word");
    faults_start_roles();
    CU_ASSERT(clients_of("farm") >= FAULTS_WORKERS + 4); /* a saver, two janitors, a gateway */
    CU_ASSERT_EQUAL(clients_of("default"), 1);           /* this test */
    CU_ASSERT_EQUAL(faults_post(NULL), 201);
    faults.sent++;
    faults_push(20);
    CU_ASSERT(farm_drained(&faults.farm, 20000));

    redis_int(&faults.farm.redis, "ACL SETUSER farm resetpass >other");
    redis_int(&faults.farm.redis, "CLIENT KILL USER farm");
    CU_ASSERT(faults_logged(&faults.farm.workers, "WRONGPASS", FAULTS_WORKERS, 10000));
    CU_ASSERT(faults_logged(&faults.farm.savers, "WRONGPASS", 1, 10000));
    CU_ASSERT(faults_logged(&faults.farm.gateway, "WRONGPASS", 1, 10000));
    CU_ASSERT(proc_logged(&faults.farm.workers, "redis.user or its password"));
    CU_ASSERT_EQUAL(faults_post(NULL), 503);
    faults_wait_for_retries();
    redis_int(&faults.farm.redis, "ACL SETUSER farm %s -evalsha", ">secret word");
    faults_push(20);
    CU_ASSERT(faults_logged(&faults.farm.workers, "NOPERM", FAULTS_WORKERS, 10000));
    redis_int(&faults.farm.redis, "ACL SETUSER farm +evalsha");
    faults_post_until_taken(NULL, 10000);
    struct proc *all[] = {&faults.farm.gateway, &faults.farm.workers, &faults.farm.savers};
    for (int i = 0; i < 3; i++)
        CU_ASSERT_FALSE(proc_logged(all[i], "secret"));
    faults_expect_exact_and_stop();
}

static void test_acl_in_url(void)
{
    char url[100];

    faults_prepare();
    redis_int(&faults.farm.redis,
              "ACL SETUSER farm on >secret ~newsmill:* +@all -@admin -@dangerous");
    snprintf(url, sizeof url, "redis://farm:secret@127.0.0.1:%d/0", faults.farm.redis.port);
    farm_set(&faults.farm, "REDIS_URL", url);
    faults_start_roles();
    CU_ASSERT(clients_of("farm") >= FAULTS_WORKERS + 4);
    CU_ASSERT_EQUAL(faults_post(NULL), 201);
    faults.sent++;
    faults_expect_exact_and_stop();
}

void suite_faults(void);
void suite_faults(void)
{
    CU_pSuite suite = CU_add_suite("faults", NULL, NULL);

    CU_add_test(suite, "Redis stopped and started", test_restart);
    CU_add_test(suite, "READONLY", test_readonly);
    CU_add_test(suite, "MASTERDOWN", test_masterdown);
    CU_add_test(suite, "LOADING", test_loading);
    CU_add_test(suite, "MISCONF", test_misconf);
    CU_add_test(suite, "NOREPLICAS", test_noreplicas);
    CU_add_test(suite, "OOM", test_oom);
    CU_add_test(suite, "UNBLOCKED", test_unblocked);
    CU_add_test(suite, "many restarts", test_restarts);
    CU_add_test(suite, "ACL user by the Unix socket", test_acl_by_unix_socket);
    CU_add_test(suite, "ACL user in the url", test_acl_in_url);
}
