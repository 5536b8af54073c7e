/* What an operator types: status, audit, doctor and key against a real Redis and the real roles. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli_fixture.h"

static void push_good(int count)
{
    static const char item[] = "{\"content\":\"Tim Cook met Angela Merkel in Berlin.\","
                               "\"publication\":\"P\"}";

    for (int i = 0; i < count; i++)
        cli_push(item, sizeof item - 1);
}

/* --- status ------------------------------------------------------------------------------------
 */

static bool two_workers_alive(void *context)
{
    (void)context;
    return cli_run("status --json") == 0 && cli_number("workers_alive") == 2 &&
           cli_number("savers_alive") == 1;
}

static void test_status(void)
{
    cli_begin();
    CU_ASSERT_EQUAL(cli_run("status --json"), 0);
    CU_ASSERT_EQUAL(cli_number("workers_alive"), 0);
    farm_start_workers(&cli_farm);
    farm_start_savers(&cli_farm);
    CU_ASSERT(wait_until("status to see all slots", 20000, two_workers_alive, NULL));
    push_good(40);
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    CU_ASSERT_EQUAL(cli_run("status --json"), 0);
    CU_ASSERT_EQUAL(cli_json_lines(), 1);
    CU_ASSERT_EQUAL(cli_number("counters.worked"), 40);
    CU_ASSERT(cli_number("commits_an_article") > 0 && cli_number("commits_an_article") <= 1);
    CU_ASSERT_EQUAL(cli_number("articles.waiting"), 0);
    CU_ASSERT_EQUAL(cli_number("oldest_batch_waiting_ms"), -1);
    cli_expect(cli_run("status"), 0, "workers  2 alive");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, ":0:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "  lease 1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "store    sqlite, "));

    /* All roles away: what is there is still seen. */
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.savers, SIGKILL, 5000), 1000 + SIGKILL);
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.workers, SIGTERM, 10000), 0);
    push_good(3);
    redis_int(&cli_farm.redis, "LPUSH newsmill:results {\"v\":1,\"at\":1}");
    CU_ASSERT_EQUAL(cli_run("status --json"), 0);
    CU_ASSERT_EQUAL(cli_number("articles.waiting"), 3);
    CU_ASSERT_EQUAL(cli_number("workers_alive"), 0);
    CU_ASSERT(cli_number("oldest_batch_waiting_ms") > 1.7e12);
    cli_finish();
}

static void test_watch(void)
{
    cli_begin();
    CU_ASSERT_EQUAL(cli_run("status --watch --count 2 --json"), 0);
    CU_ASSERT_EQUAL(cli_json_lines(), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"worked\":null"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"worked\":0.0"));
    cli_expect(cli_run("status --watch --count 1"), 0, "waiting");
    redis_stop(&cli_farm.redis);
    cli_expect(cli_run("status --watch --count 1"), 1, "newsmill status: Redis: connection");
    redis_restart(&cli_farm.redis);
    cli_finish();
}

static void test_redis_away(void)
{
    static const char *const commands[] = {"status", "audit", "dead list", "dead retry --all"};

    cli_begin();
    redis_stop(&cli_farm.redis);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        cli_expect(cli_run("%s", commands[i]), 1,
                   "Redis: connection: Connection refused; no Redis listens");
    cli_expect(cli_run("doctor"), 1, "bad   redis.reachable");
    redis_restart(&cli_farm.redis);
    cli_finish();
}

static void test_usage(void)
{
    static const char *const commands[] = {"status", "audit", "dead", "doctor", "key"};
    static const char *const wrong[] = {"status --cuont 1",
                                        "status x",
                                        "status --count 1",
                                        "audit x",
                                        "doctor x",
                                        "dead",
                                        "dead eat",
                                        "dead show",
                                        "dead show --all",
                                        "dead retry",
                                        "dead retry 0",
                                        "dead retry 1234567z",
                                        "dead retry 1 --all",
                                        "dead purge --all",
                                        "dead purge 1 --force",
                                        "dead export",
                                        "dead list -n x",
                                        "dead list 5",
                                        "key",
                                        "key list NAME",
                                        "key add NAME",
                                        "key new",
                                        "key new a --from-file f",
                                        "status --watch --count 0"};

    cli_begin();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        cli_expect(cli_run("%s --help", commands[i]), 0, "usage: newsmill");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cli_expect(cli_run("%s", wrong[i]), 64, "--help");
    cli_finish();
}

/* --- audit -------------------------------------------------------------------------------------
 */

static void test_audit(void)
{
    cli_begin();
    farm_set(&cli_farm, "WORKERS_FLUSH_ARTICLES", "7");
    push_good(300);
    cli_push("bad", 3);
    farm_start_workers(&cli_farm);
    farm_start_savers(&cli_farm);
    for (int i = 0; i < 10; i++) { /* in the middle of it too */
        cli_expect(cli_run("audit"), 0, "ok   claimed ");
        push_good(20);
    }
    CU_ASSERT(farm_drained(&cli_farm, 30000));
    CU_ASSERT_EQUAL(cli_run("audit --json"), 0);
    CU_ASSERT_EQUAL(cli_json_lines(), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "{\"ok\":true,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"left\":{\"claimed\":501}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"worked\":500,\"returned\":0,\"dead_in\":1"));
    CU_ASSERT_EQUAL(cli_number("finding_count"), 0);

    redis_int(&cli_farm.redis, "HINCRBY newsmill:stats worked 2");
    cli_expect(cli_run("audit"), 1, "BAD  claimed 501 is not worked 502");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, ": 2 too many on the right"));
    redis_int(&cli_farm.redis, "HINCRBY newsmill:stats worked -2");
    redis_int(&cli_farm.redis, "DEL newsmill:articles:dead");
    cli_expect(cli_run("audit"), 1, "BAD  dead_in 1 is not");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, ": 1 too few on the right"));
    cli_finish();
}

static void test_findings(void)
{
    cli_begin();
    redis_int(&cli_farm.redis, "LPUSH newsmill:articles:hold:workers:00:0:1 x");
    cli_expect(cli_run("audit"), 1,
               "newsmill:articles:hold:workers:00:0:1 holds 1 items, but its owner");
    CU_ASSERT_PTR_NULL(strstr(cli_output, "BAD  claimed"));
    redis_int(&cli_farm.redis, "ZADD newsmill:owners 1 workers:00:0:1");
    redis_int(&cli_farm.redis, "HINCRBY newsmill:stats claimed 1");
    cli_expect(cli_run("audit"), 0, "ok   every hold has an owner");
    for (int i = 0; i < 40; i++)
        cli_push_batch(i, 5);
    redis_int(&cli_farm.redis, "HINCRBY newsmill:stats batches 1");
    redis_int(&cli_farm.redis, "RPUSH newsmill:results \x1b{");
    cli_expect(cli_run("audit"), 1, "results: item 41 from the left (2 bytes) is no batch");
    CU_ASSERT_EQUAL(cli_run("audit --json"), 1);
    CU_ASSERT_EQUAL(cli_json_lines(), 1);
    CU_ASSERT_EQUAL(cli_number("finding_count"), 1);
    CU_ASSERT_EQUAL(cli_number("batches_read"), 41);

    /* A prefix that a glob would read is meant as it is written. */
    farm_set(&cli_farm, "REDIS_QUEUE", "a[b]*");
    redis_int(&cli_farm.redis, "LPUSH ab:articles:hold:x y");
    cli_expect(cli_run("audit"), 0, "ok   every hold");
    redis_int(&cli_farm.redis, "LPUSH %s y", "a[b]*:results:hold:x");
    cli_expect(cli_run("audit"), 1, "a[b]*:results:hold:x holds 1 items");
    cli_finish();
}

/* --- doctor ------------------------------------------------------------------------------------
 */

static void test_doctor(void)
{
    int port = harness_port(); /* above 1023: whoever is not root may take it, too */
    char path[300];

    cli_begin();
    farm_start_gateway(&cli_farm);
    cli_expect(cli_run("doctor"), 0,
               "ok    redis.durability    appendonly yes, appendfsync always");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, " 0 bad\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "ok    model "));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "ok    redis.rights "));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "is in use, as it should be"));
    CU_ASSERT_EQUAL(cli_run("doctor --json"), 0);
    CU_ASSERT(cli_json_lines() > 12);
    redis_int(&cli_farm.redis, "CONFIG SET appendfsync everysec");
    cli_expect(cli_run("doctor"), 0, "warn  redis.durability");
    redis_int(&cli_farm.redis, "CONFIG SET appendfsync no");
    cli_expect(cli_run("doctor"), 1, "bad   redis.durability");
    redis_int(&cli_farm.redis, "CONFIG SET appendfsync always");
    redis_int(&cli_farm.redis, "CONFIG SET maxmemory-policy allkeys-lru");
    cli_expect(cli_run("doctor"), 1, "bad   redis.eviction");
    redis_int(&cli_farm.redis, "CONFIG SET maxmemory-policy noeviction");
    redis_int(&cli_farm.redis, "CONFIG SET maxmemory 1mb");
    cli_expect(cli_run("doctor"), 1, "bad   redis.memory");
    redis_int(&cli_farm.redis, "CONFIG SET maxmemory 0");
    redis_int(&cli_farm.redis, "CONFIG SET appendonly no");
    cli_expect(cli_run("doctor"), 1, "set appendonly yes");
    redis_int(&cli_farm.redis, "REPLICAOF 127.0.0.1 1");
    cli_expect(cli_run("doctor"), 1, "bad   redis.role");
    redis_int(&cli_farm.redis, "REPLICAOF NO ONE");
    redis_int(&cli_farm.redis, "CONFIG SET appendonly yes");
    cli_expect(cli_run("-o model.path=/nonexistent doctor"), 1, "bad   model ");
    cli_expect(cli_run("-o gateway.address=192.0.2.1 doctor"), 1, "bad   gateway.address");
    cli_expect(cli_run("-o gateway.address=0.0.0.0 doctor"), 1, "can be reached by other machines");
    snprintf(path, sizeof path, "same port %d", port);
    cli_expect(cli_run("-o savers.metrics_port=%d -o workers.metrics_port=%d doctor", port, port),
               1, path);
    cli_expect(cli_run("-o store.path=/proc/nothing/x.db doctor"), 1, "bad   store.disk");
    cli_expect(cli_run("-o redis.state_dir=/nonexistent/state doctor"), 1, "bad   state.disk");
    farm_start_savers(&cli_farm); /* make the store */
    cli_expect(cli_run("doctor"), 0, "ok    store.wal");
    snprintf(path, sizeof path, "%s/newsmill.db-wal", cli_farm.dir);
    CU_ASSERT_EQUAL(truncate(path, 200 << 20), 0);
    cli_expect(cli_run("doctor"), 0, "warn  store.wal");
    snprintf(path, sizeof path, "%s/keys", cli_farm.dir);
    cli_expect(cli_run("-o gateway.keys_file=%s doctor", path), 1, "bad   keys.file");
    CU_ASSERT_EQUAL(cli_run("key new ann --file %s", path), 0);
    cli_expect(cli_run("-o gateway.keys_file=%s doctor", path), 0, "ok    keys.file");
    chmod(path, 0644);
    cli_expect(cli_run("-o gateway.keys_file=%s doctor", path), 0, "warn  keys.file");
    chmod(path, 0622);
    cli_expect(cli_run("-o gateway.keys_file=%s doctor", path), 1, "bad   keys.file");
    for (size_t i = 0; i < 5; i++) { /* a key of a service account, by its mode alone */
        static const mode_t modes[] = {0600, 0640, 0644, 0660, 0602};
        chmod(path, modes[i]);
        cli_expect(cli_run("-o store.kind=firestore -o store.project=p -o store.credentials_file=%s"
                           " doctor",
                           path),
                   1, i < 2 ? "ok    store.key" : "bad   store.key");
    }
    cli_finish();
}

static void test_doctor_rights(void)
{
    static const char *const refused[] = {"multi", "exec",   "discard", "lpush", "ltrim", "blmove",
                                          "zrem",  "zscore", "evalsha", "eval",  "scan"};

    cli_begin();
    redis_int(&cli_farm.redis,
              "ACL SETUSER mill on >pw ~newsmill:* +@all -@dangerous -lmove +info");
    farm_set(&cli_farm, "REDIS_USER", "mill");
    char path[300];
    snprintf(path, sizeof path, "%s/password", cli_farm.dir);
    FILE *file = fopen(path, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs("pw\n", file);
    fclose(file);
    farm_set(&cli_farm, "REDIS_PASSWORD_FILE", path);
    cli_expect(cli_run("doctor"), 1, "warn  redis.rights"); /* it may not ask about itself */
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "bad   redis.moves"));
    redis_int(&cli_farm.redis, "ACL SETUSER mill +lmove");
    cli_expect(cli_run("doctor"), 0, "ok    redis.moves");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        redis_int(&cli_farm.redis, "ACL SETUSER mill -%s", refused[i]);
        cli_expect(cli_run("doctor"), 1, "bad   redis.moves");
        redis_int(&cli_farm.redis, "ACL SETUSER mill +%s", refused[i]);
    }
    CU_ASSERT_EQUAL(redis_int(&cli_farm.redis, "DBSIZE"), 0);
    redis_int(&cli_farm.redis, "ACL SETUSER mill -ping");
    cli_expect(cli_run("doctor"), 0, "warn  redis.ping");
    CU_ASSERT_PTR_NULL(strstr(cli_output, "redis.latency"));
    redis_int(&cli_farm.redis, "ACL SETUSER mill +ping -lmove");
    redis_int(&cli_farm.redis, "ACL SETUSER mill +acl");
    cli_expect(cli_run("doctor"), 1, "mill may not: LMOVE\n");
    redis_int(&cli_farm.redis, "ACL SETUSER mill +lmove");
    cli_expect(cli_run("doctor"), 0, "mill has all that is needed");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "warn  redis.durability")); /* no CONFIG for it */
    cli_finish();
}

/* --- key ---------------------------------------------------------------------------------------
 */

static void test_keys(void)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          "access_token: a-key-from-before", NULL};
    static const char body[] = "{\"content\":\"x\",\"publication\":\"P\"}";
    char keys[300], from[300];
    struct http_answer answer;

    cli_begin();
    snprintf(keys, sizeof keys, "%s/keys", cli_farm.dir);
    snprintf(from, sizeof from, "%s/old", cli_farm.dir);
    FILE *file = fopen(from, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs("a-key-from-before\n", file);
    fclose(file);
    farm_set(&cli_farm, "GATEWAY_KEYS_FILE", keys);
    cli_expect(cli_run("key add old --from-file %s", from), 0, "old added");
    CU_ASSERT_PTR_NULL(strstr(cli_output, "a-key-from-before"));
    cli_expect(cli_run("key add again --from-file %s", from), 1, "this key already, as old");
    cli_expect(cli_run("key add none --from-file %s.not", from), 1, "No such file");
    CU_ASSERT_EQUAL(cli_run("key new ann --json"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"key\":\"nm_"));
    cli_expect(cli_run("key list"), 0, "never ends");
    CU_ASSERT_EQUAL(cli_run("key list --json"), 0);
    CU_ASSERT_EQUAL(cli_json_lines(), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "{\"name\":\"old\",\"hash\":\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"expires\":null,\"expired\":false}"));
    farm_start_gateway(&cli_farm);
    http_request(cli_farm.gateway_port, "POST", "/post/enqueue", headers, body, sizeof body - 1,
                 &answer);
    CU_ASSERT_EQUAL(answer.status, 201);
    http_free(&answer);
    cli_finish();
}

void suite_cli(void);
void suite_cli(void)
{
    CU_pSuite suite = CU_add_suite("cli", NULL, NULL);

    CU_add_test(suite, "status: figures of a farm, and without roles", test_status);
    CU_add_test(suite, "status --watch: rates", test_watch);
    CU_add_test(suite, "Redis away: said, exit 1", test_redis_away);
    CU_add_test(suite, "usage and help", test_usage);
    CU_add_test(suite, "audit: sums at any moment, and when they are wrong", test_audit);
    CU_add_test(suite, "audit: orphaned holds, unreadable batches", test_findings);
    CU_add_test(suite, "doctor", test_doctor);
    CU_add_test(suite, "doctor: rights", test_doctor_rights);
    CU_add_test(suite, "key add and list", test_keys);
}
