/* What an operator types: status, audit, dead, doctor and key against a real Redis and the real
 * roles. */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/harness/harness.h"

#define BATCH                                                                                      \
    "{\"v\":1,\"id\":\"%032d\",\"at\":%lld,\"day\":null,\"publication\":\"p\",\"name\":\"P\","     \
    "\"articles\":1,\"entities\":[[\"tim cook\",{\"PERSON\":1}]]}"
#define DAY_MS 86400000ll

static struct farm farm;
static char *output; /* of the last command, stdout and stderr */

static void begin(void)
{
    farm_init(&farm);
}

static void finish(void)
{
    free(output);
    output = NULL;
    redis_stop(&farm.redis);
    harness_end();
}

/* Runs `newsmill` with words separated by spaces; returns its exit code. */
static int cli(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int cli(const char *format, ...)
{
    char line[600], *rest = line;
    const char *args[24] = {0};
    va_list more;

    va_start(more, format);
    vsnprintf(line, sizeof line, format, more);
    va_end(more);
    for (int i = 0; rest && i < 23;)
        if (*(args[i] = strsep(&rest, " ")))
            i++;
    free(output);
    return proc_run("newsmill", farm.env, args, true, &output, 30000);
}

static void expect(int got, int code, const char *part)
{
    if (got != code || !strstr(output, part))
        fprintf(stderr, "\n  code %d, wanted %d and '%s':\n%s\n", got, code, part, output);
    CU_ASSERT_EQUAL(got, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, part));
}

/* A number in the JSON of the output at "a.b"; -1 where there is none. */
static double number(const char *path)
{
    cJSON *json = cJSON_Parse(output);
    const cJSON *at = json;
    char names[100], *rest = names;

    snprintf(names, sizeof names, "%s", path);
    for (const char *name; (name = strsep(&rest, "."));)
        at = cJSON_GetObjectItemCaseSensitive(at, name);
    double value = cJSON_IsNumber(at) ? at->valuedouble : -1;
    cJSON_Delete(json);
    return value;
}

/* Lines of the output, each an object of JSON; -1 where one is not. */
static int json_lines(void)
{
    char *copy = strdup(output), *rest = copy;
    int count = 0;

    for (const char *line; count >= 0 && (line = strsep(&rest, "\n"));) {
        cJSON *json = *line ? cJSON_Parse(line) : NULL;
        if (*line)
            count = cJSON_IsObject(json) ? count + 1 : -1;
        cJSON_Delete(json);
    }
    free(copy);
    return count;
}

static void push(const char *item, size_t length)
{
    CU_ASSERT(redis_int(&farm.redis, "LPUSH newsmill:articles %b", item, length) > 0);
}

static void push_good(int count)
{
    static const char item[] = "{\"content\":\"Tim Cook met Angela Merkel in Berlin.\","
                               "\"publication\":\"P\"}";

    for (int i = 0; i < count; i++)
        push(item, sizeof item - 1);
}

/* A batch goes on the results list, as a worker's settle would count it. */
static void push_batch(int id, long long at_ms)
{
    char text[300];

    snprintf(text, sizeof text, BATCH, id, at_ms);
    redis_int(&farm.redis, "LPUSH newsmill:results %s", text);
    redis_int(&farm.redis, "HINCRBY newsmill:stats batches 1");
}

static bool dead_are(void *count)
{
    return redis_int(&farm.redis, "LLEN newsmill:articles:dead") == *(long long *)count;
}

static void wait_for_dead(long long count)
{
    CU_ASSERT(wait_until("the dead list to fill", 20000, dead_are, &count));
}

/* Bad items through real workers, which then end. */
static void make_dead(const char *const *items, const size_t *lengths, int count)
{
    farm_start_workers(&farm);
    for (int i = 0; i < count; i++) {
        push(items[i], lengths[i]);
        wait_for_dead(i + 1); /* one by one, so that their order is known */
    }
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 10000), 0);
}

static const char binary[] = "\xff\0raw\r\n";
static const char coloured[] = "not json \x1b[31m";
static const char *const bad_items[] = {"first", binary, coloured};
static const size_t bad_lengths[] = {5, sizeof binary - 1, sizeof coloured - 1};

/* --- status ------------------------------------------------------------------------------------
 */

static bool two_workers_alive(void *context)
{
    (void)context;
    return cli("status --json") == 0 && number("workers_alive") == 2 && number("savers_alive") == 1;
}

static void test_status(void)
{
    begin();
    CU_ASSERT_EQUAL(cli("status --json"), 0);
    CU_ASSERT_EQUAL(number("workers_alive"), 0);
    farm_start_workers(&farm);
    farm_start_savers(&farm);
    CU_ASSERT(wait_until("status to see all slots", 20000, two_workers_alive, NULL));
    push_good(40);
    CU_ASSERT(farm_drained(&farm, 20000));
    CU_ASSERT_EQUAL(cli("status --json"), 0);
    CU_ASSERT_EQUAL(json_lines(), 1);
    CU_ASSERT_EQUAL(number("counters.worked"), 40);
    CU_ASSERT(number("commits_an_article") > 0 && number("commits_an_article") <= 1);
    CU_ASSERT_EQUAL(number("articles.waiting"), 0);
    CU_ASSERT_EQUAL(number("oldest_batch_waiting_ms"), -1);
    expect(cli("status"), 0, "workers  2 alive");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ":0:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "  lease 1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "store    sqlite, "));

    /* All roles away: what is there is still seen. */
    CU_ASSERT_EQUAL(proc_stop(&farm.savers, SIGKILL, 5000), 1000 + SIGKILL);
    CU_ASSERT_EQUAL(proc_stop(&farm.workers, SIGTERM, 10000), 0);
    push_good(3);
    redis_int(&farm.redis, "LPUSH newsmill:results {\"v\":1,\"at\":1}");
    CU_ASSERT_EQUAL(cli("status --json"), 0);
    CU_ASSERT_EQUAL(number("articles.waiting"), 3);
    CU_ASSERT_EQUAL(number("workers_alive"), 0);
    CU_ASSERT(number("oldest_batch_waiting_ms") > 1.7e12);
    finish();
}

static void test_watch(void)
{
    begin();
    CU_ASSERT_EQUAL(cli("status --watch --count 2 --json"), 0);
    CU_ASSERT_EQUAL(json_lines(), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"worked\":null"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"worked\":0.0"));
    expect(cli("status --watch --count 1"), 0, "waiting");
    redis_stop(&farm.redis);
    expect(cli("status --watch --count 1"), 1, "newsmill status: Redis: connection");
    redis_restart(&farm.redis);
    finish();
}

static void test_redis_away(void)
{
    static const char *const commands[] = {"status", "audit", "dead list", "dead retry --all"};

    begin();
    redis_stop(&farm.redis);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        expect(cli("%s", commands[i]), 1,
               "Redis: connection: Connection refused; no Redis listens");
    expect(cli("doctor"), 1, "bad   redis.reachable");
    redis_restart(&farm.redis);
    finish();
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

    begin();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        expect(cli("%s --help", commands[i]), 0, "usage: newsmill");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect(cli("%s", wrong[i]), 64, "--help");
    finish();
}

/* --- audit -------------------------------------------------------------------------------------
 */

static void test_audit(void)
{
    begin();
    farm_set(&farm, "WORKERS_FLUSH_ARTICLES", "7");
    push_good(300);
    push("bad", 3);
    farm_start_workers(&farm);
    farm_start_savers(&farm);
    for (int i = 0; i < 10; i++) { /* in the middle of it too */
        expect(cli("audit"), 0, "ok   claimed ");
        push_good(20);
    }
    CU_ASSERT(farm_drained(&farm, 30000));
    CU_ASSERT_EQUAL(cli("audit --json"), 0);
    CU_ASSERT_EQUAL(json_lines(), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "{\"ok\":true,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"left\":{\"claimed\":501}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"worked\":500,\"returned\":0,\"dead_in\":1"));
    CU_ASSERT_EQUAL(number("finding_count"), 0);

    redis_int(&farm.redis, "HINCRBY newsmill:stats worked 2");
    expect(cli("audit"), 1, "BAD  claimed 501 is not worked 502");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ": 2 too many on the right"));
    redis_int(&farm.redis, "HINCRBY newsmill:stats worked -2");
    redis_int(&farm.redis, "DEL newsmill:articles:dead");
    expect(cli("audit"), 1, "BAD  dead_in 1 is not");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, ": 1 too few on the right"));
    finish();
}

static void test_findings(void)
{
    begin();
    redis_int(&farm.redis, "LPUSH newsmill:articles:hold:workers:00:0:1 x");
    expect(cli("audit"), 1, "newsmill:articles:hold:workers:00:0:1 holds 1 items, but its owner");
    CU_ASSERT_PTR_NULL(strstr(output, "BAD  claimed"));
    redis_int(&farm.redis, "ZADD newsmill:owners 1 workers:00:0:1");
    redis_int(&farm.redis, "HINCRBY newsmill:stats claimed 1");
    expect(cli("audit"), 0, "ok   every hold has an owner");
    for (int i = 0; i < 40; i++)
        push_batch(i, 5);
    redis_int(&farm.redis, "HINCRBY newsmill:stats batches 1");
    redis_int(&farm.redis, "RPUSH newsmill:results \x1b{");
    expect(cli("audit"), 1, "results: item 41 from the left (2 bytes) is no batch");
    CU_ASSERT_EQUAL(cli("audit --json"), 1);
    CU_ASSERT_EQUAL(json_lines(), 1);
    CU_ASSERT_EQUAL(number("finding_count"), 1);
    CU_ASSERT_EQUAL(number("batches_read"), 41);

    /* A prefix that a glob would read is meant as it is written. */
    farm_set(&farm, "REDIS_QUEUE", "a[b]*");
    redis_int(&farm.redis, "LPUSH ab:articles:hold:x y");
    expect(cli("audit"), 0, "ok   every hold");
    redis_int(&farm.redis, "LPUSH %s y", "a[b]*:results:hold:x");
    expect(cli("audit"), 1, "a[b]*:results:hold:x holds 1 items");
    finish();
}

/* --- dead --------------------------------------------------------------------------------------
 */

static void test_dead_list(void)
{
    char id[41] = "";

    begin();
    make_dead(bad_items, bad_lengths, 3);
    expect(cli("dead list"), 0, "articles: 3 dead");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "results: 0 dead"));
    expect(cli("dead list articles -n 1"), 0, "and 2 older: -n 0 lists all");
    CU_ASSERT_EQUAL(cli("dead list --json"), 0);
    CU_ASSERT_EQUAL(json_lines(), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"list\":\"articles\",\"position\":1,\"id\":\""));
    const char *found = strstr(output, "\"id\":\"");
    if (found)
        snprintf(id, sizeof id, "%s", found + 6);
    expect(cli("dead show 1"), 0, "item      not json  [31m"); /* the escape is gone */
    CU_ASSERT_PTR_NOT_NULL(strstr(output, id));
    CU_ASSERT_PTR_NULL(strchr(output, '\x1b'));
    id[10] = 0;
    expect(cli("dead show %s", id), 0, "position 1\n");
    CU_ASSERT_EQUAL(cli("dead show 2 --json"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"item_base64\":\"/wByYXcNCg==\"}"));
    expect(cli("dead show 4"), 1, "no dead entry 4 in articles");
    expect(cli("dead show results ffffffff"), 1, "no dead entry ffffffff in results");
    finish();
}

static void test_retry(void)
{
    begin();
    make_dead(bad_items, bad_lengths, 3);
    expect(cli("dead retry 2"), 0, "1 put back");
    char *sha = redis_text(&farm.redis, "EVAL %s 0",
                           "return redis.sha1hex(redis.call('LINDEX', 'newsmill:articles', 0))");
    char *wanted = redis_text(&farm.redis, "EVAL %s 0 %b", "return redis.sha1hex(ARGV[1])", binary,
                              sizeof binary - 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sha);
    CU_ASSERT_STRING_EQUAL(sha, wanted);
    free(sha);
    free(wanted);
    expect(cli("audit"), 0, "ok   dead_in 3 = retried 1 + purged 0 + LLEN articles:dead 2");
    expect(cli("dead retry 1 7"), 1, "no dead entry 7");
    CU_ASSERT_EQUAL(farm_stat(&farm, "retried"), 2);
    CU_ASSERT_EQUAL(cli("dead retry --all --json"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"outcome\":\"retried\"}"));
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), 3);

    /* They are as bad as before: the workers find them again. */
    farm_start_workers(&farm);
    wait_for_dead(3);
    expect(cli("audit"), 0, "ok   dead_in 6 = retried 3 + purged 0 + LLEN articles:dead 3");
    expect(cli("dead list"), 0, "articles: 3 dead");
    finish();
}

/* Two operators at once: each item goes back once. */
static void test_two_retries(void)
{
    static const char *const args[] = {"dead", "retry", "--all", NULL};
    struct proc first, second;

    begin();
    for (int i = 0; i < 400; i++)
        redis_int(&farm.redis, "LPUSH newsmill:articles:dead {\"item\":\"%d\"}", i);
    redis_int(&farm.redis, "HSET newsmill:stats dead_in 400 claimed 400");
    proc_start(&first, "newsmill", farm.env, args);
    proc_start(&second, "newsmill", farm.env, args);
    CU_ASSERT_EQUAL(proc_wait(&first, 20000), 0);
    CU_ASSERT_EQUAL(proc_wait(&second, 20000), 0);
    CU_ASSERT_EQUAL(cli("dead retry --all"), 0); /* what both passed by, if anything */
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), 400);
    expect(cli("audit"), 0, "retried 400 + purged 0 + LLEN articles:dead 0");
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "EVAL %s 0",
                              "local seen, count = {}, 0 for _, item in "
                              "ipairs(redis.call('LRANGE', 'newsmill:articles', 0, -1)) do "
                              "if not seen[item] then count = count + 1 end seen[item] = true end "
                              "return count"),
                    400);
    finish();
}

static void test_full_redis(void)
{
    begin();
    redis_int(&farm.redis, "LPUSH newsmill:articles:dead {\"item\":\"a\"} {\"item\":\"b\"}");
    redis_int(&farm.redis, "HSET newsmill:stats dead_in 2 claimed 2");
    redis_int(&farm.redis, "CONFIG SET maxmemory 1");
    expect(cli("dead retry --all"), 1, "Redis: OOM");
    expect(cli("dead purge 1"), 0, "1 forgotten");
    expect(cli("audit"), 0, "purged 1 + LLEN articles:dead 1");
    expect(cli("status"), 0, "articles ");
    redis_int(&farm.redis, "CONFIG SET maxmemory 0");
    finish();
}

static void test_purge_and_export(void)
{
    char path[300];
    struct stat info;

    begin();
    make_dead(bad_items, bad_lengths, 3);
    redis_int(&farm.redis, "LPUSH newsmill:articles:dead %s", "no\njson");
    redis_int(&farm.redis, "HINCRBY newsmill:stats dead_in 1");
    redis_int(&farm.redis, "HINCRBY newsmill:stats claimed 1");
    expect(cli("dead list -n 0"), 0, "cannot be read: ");
    expect(cli("dead retry 1"), 1, "refused: the entry cannot be read");
    snprintf(path, sizeof path, "%s/dead.ndjson", farm.dir);
    expect(cli("dead export %s", path), 0, "4 entries written");
    CU_ASSERT(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    expect(cli("dead export %s", path), 1, "File exists");
    CU_ASSERT_EQUAL(cli("dead export articles -"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"item\":\"first\"}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"entry_base64\":\"bm8KanNvbg==\"}"));
    expect(cli("dead purge 1 4"), 0, "2 forgotten");
    expect(cli("dead list"), 0, "articles: 2 dead");
    expect(cli("dead purge --all"), 64, "--yes");
    expect(cli("dead purge --all --yes"), 0, "2 forgotten");
    expect(cli("audit"), 0, "ok   dead_in 4 = retried 0 + purged 4 + LLEN articles:dead 0");
    finish();
}

/* A batch older than 30 days is only counted when somebody says that it has not been. */
static void test_old_batch(void)
{
    begin();
    char *seconds = redis_text(&farm.redis, "EVAL %s 0", "return redis.call('TIME')[1]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(seconds);
    long long now_ms = strtoll(seconds, NULL, 10) * 1000;
    free(seconds);
    push_batch(1, now_ms - 31 * DAY_MS);
    redis_int(&farm.redis, "LPUSH newsmill:results nonsense");
    redis_int(&farm.redis, "HINCRBY newsmill:stats batches 1");
    farm_start_savers(&farm);
    CU_ASSERT(farm_drained(&farm, 20000));
    expect(cli("dead list results"), 0, "results: 2 dead");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "older than 30 days"));
    expect(cli("dead retry results --all"), 1, "1 put back, 1 refused");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "refused: older than 30 days"));
    CU_ASSERT(farm_drained(&farm, 20000));
    CU_ASSERT_EQUAL(farm_articles(&farm), 0);
    expect(cli("dead retry results --all --force"), 0, "2 put back, 0 refused");
    CU_ASSERT(farm_drained(&farm, 20000));
    CU_ASSERT_EQUAL(farm_articles(&farm), 1);
    expect(cli("dead purge results 1"), 0, "1 forgotten"); /* the nonsense */
    expect(cli("audit"), 0, "ok   batches 2 + batches_retried 3 = applied 1 + batches_dead 4");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(output, "batches_retried 3 + batches_purged 1 + LLEN results:dead 0"));
    finish();
}

/* --- doctor ------------------------------------------------------------------------------------
 */

static void test_doctor(void)
{
    char path[300];

    begin();
    farm_start_gateway(&farm);
    expect(cli("doctor"), 0, "ok    redis.durability    appendonly yes, appendfsync always");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, " 0 bad\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "ok    model "));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "ok    redis.rights "));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "is in use, as it should be"));
    CU_ASSERT_EQUAL(cli("doctor --json"), 0);
    CU_ASSERT(json_lines() > 12);
    redis_int(&farm.redis, "CONFIG SET appendfsync everysec");
    expect(cli("doctor"), 0, "warn  redis.durability");
    redis_int(&farm.redis, "CONFIG SET appendfsync no");
    expect(cli("doctor"), 1, "bad   redis.durability");
    redis_int(&farm.redis, "CONFIG SET appendfsync always");
    redis_int(&farm.redis, "CONFIG SET maxmemory-policy allkeys-lru");
    expect(cli("doctor"), 1, "bad   redis.eviction");
    redis_int(&farm.redis, "CONFIG SET maxmemory-policy noeviction");
    redis_int(&farm.redis, "CONFIG SET maxmemory 1mb");
    expect(cli("doctor"), 1, "bad   redis.memory");
    redis_int(&farm.redis, "CONFIG SET maxmemory 0");
    redis_int(&farm.redis, "CONFIG SET appendonly no");
    expect(cli("doctor"), 1, "set appendonly yes");
    redis_int(&farm.redis, "REPLICAOF 127.0.0.1 1");
    expect(cli("doctor"), 1, "bad   redis.role");
    redis_int(&farm.redis, "REPLICAOF NO ONE");
    redis_int(&farm.redis, "CONFIG SET appendonly yes");
    expect(cli("-o model.path=/nonexistent doctor"), 1, "bad   model ");
    expect(cli("-o gateway.address=192.0.2.1 doctor"), 1, "bad   gateway.address");
    expect(cli("-o gateway.address=0.0.0.0 doctor"), 1, "can be reached by other machines");
    expect(cli("-o savers.metrics_port=7 -o workers.metrics_port=7 doctor"), 1, "same port 7");
    expect(cli("-o store.path=/proc/nothing/x.db doctor"), 1, "bad   store.disk");
    expect(cli("-o redis.state_dir=/nonexistent/state doctor"), 1, "bad   state.disk");
    snprintf(path, sizeof path, "%s/keys", farm.dir);
    expect(cli("-o gateway.keys_file=%s doctor", path), 1, "bad   keys.file");
    CU_ASSERT_EQUAL(cli("key new ann --file %s", path), 0);
    expect(cli("-o gateway.keys_file=%s doctor", path), 0, "ok    keys.file");
    chmod(path, 0644);
    expect(cli("-o gateway.keys_file=%s doctor", path), 0, "warn  keys.file");
    chmod(path, 0622);
    expect(cli("-o gateway.keys_file=%s doctor", path), 1, "bad   keys.file");
    finish();
}

static void test_doctor_rights(void)
{
    begin();
    redis_int(&farm.redis, "ACL SETUSER mill on >pw ~newsmill:* +@all -@dangerous -lmove +info");
    farm_set(&farm, "REDIS_USER", "mill");
    char path[300];
    snprintf(path, sizeof path, "%s/password", farm.dir);
    FILE *file = fopen(path, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs("pw\n", file);
    fclose(file);
    farm_set(&farm, "REDIS_PASSWORD_FILE", path);
    expect(cli("doctor"), 0, "warn  redis.rights"); /* it may not ask about itself */
    redis_int(&farm.redis, "ACL SETUSER mill +acl");
    expect(cli("doctor"), 1, "mill may not: LMOVE\n");
    redis_int(&farm.redis, "ACL SETUSER mill +lmove");
    expect(cli("doctor"), 0, "mill has all that is needed");
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "warn  redis.durability")); /* no CONFIG for it */
    finish();
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

    begin();
    snprintf(keys, sizeof keys, "%s/keys", farm.dir);
    snprintf(from, sizeof from, "%s/old", farm.dir);
    FILE *file = fopen(from, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs("a-key-from-before\n", file);
    fclose(file);
    farm_set(&farm, "GATEWAY_KEYS_FILE", keys);
    expect(cli("key add old --from-file %s", from), 0, "old added");
    CU_ASSERT_PTR_NULL(strstr(output, "a-key-from-before"));
    expect(cli("key add again --from-file %s", from), 1, "this key already, as old");
    expect(cli("key add none --from-file %s.not", from), 1, "No such file");
    CU_ASSERT_EQUAL(cli("key new ann --json"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"key\":\"nm_"));
    expect(cli("key list"), 0, "never ends");
    CU_ASSERT_EQUAL(cli("key list --json"), 0);
    CU_ASSERT_EQUAL(json_lines(), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "{\"name\":\"old\",\"hash\":\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"expires\":null,\"expired\":false}"));
    farm_start_gateway(&farm);
    http_request(farm.gateway_port, "POST", "/post/enqueue", headers, body, sizeof body - 1,
                 &answer);
    CU_ASSERT_EQUAL(answer.status, 201);
    http_free(&answer);
    finish();
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
    CU_add_test(suite, "dead list and show", test_dead_list);
    CU_add_test(suite, "dead retry: the very bytes, counted", test_retry);
    CU_add_test(suite, "dead retry twice at once: each item once", test_two_retries);
    CU_add_test(suite, "dead in a full Redis", test_full_redis);
    CU_add_test(suite, "dead purge and export", test_purge_and_export);
    CU_add_test(suite, "dead results: old batches want --force", test_old_batch);
    CU_add_test(suite, "doctor", test_doctor);
    CU_add_test(suite, "doctor: rights", test_doctor_rights);
    CU_add_test(suite, "key add and list", test_keys);
}
