/* newsmill dead: what an operator does with dead articles and batches, while others do the same. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli_fixture.h"

#define DAY_MS 86400000ll

static bool dead_are(void *count)
{
    return redis_int(&cli_farm.redis, "LLEN newsmill:articles:dead") == *(long long *)count;
}

static void wait_for_dead(long long count)
{
    CU_ASSERT(wait_until("the dead list to fill", 20000, dead_are, &count));
}

/* Bad items through real workers, which then end. */
static void make_dead(const char *const *items, const size_t *lengths, int count)
{
    farm_start_workers(&cli_farm);
    for (int i = 0; i < count; i++) {
        cli_push(items[i], lengths[i]);
        wait_for_dead(i + 1); /* one by one, so that their order is known */
    }
    CU_ASSERT_EQUAL(proc_stop(&cli_farm.workers, SIGTERM, 10000), 0);
}

static const char binary[] = "\xff\0raw\r\n";
static const char coloured[] = "not json \x1b[31m";
static const char *const bad_items[] = {"first", binary, coloured};
static const size_t bad_lengths[] = {5, sizeof binary - 1, sizeof coloured - 1};

static void test_dead_list(void)
{
    char id[41] = "";

    cli_begin();
    make_dead(bad_items, bad_lengths, 3);
    cli_expect(cli_run("dead list"), 0, "articles: 3 dead");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "results: 0 dead"));
    cli_expect(cli_run("dead list articles -n 1"), 0, "and 2 older: -n 0 lists all");
    CU_ASSERT_EQUAL(cli_run("dead list --json"), 0);
    CU_ASSERT_EQUAL(cli_json_lines(), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"list\":\"articles\",\"position\":1,\"id\":\""));
    const char *found = strstr(cli_output, "\"id\":\"");
    if (found)
        snprintf(id, sizeof id, "%s", found + 6);
    cli_expect(cli_run("dead show 1"), 0, "item      not json  [31m"); /* the escape is gone */
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, id));
    CU_ASSERT_PTR_NULL(strchr(cli_output, '\x1b'));
    id[10] = 0;
    cli_expect(cli_run("dead show %s", id), 0, "position 1\n");
    CU_ASSERT_EQUAL(cli_run("dead show 2 --json"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"item_base64\":\"/wByYXcNCg==\"}"));
    cli_expect(cli_run("dead show 4"), 1, "no dead entry 4 in articles");
    cli_expect(cli_run("dead show results ffffffff"), 1, "no dead entry ffffffff in results");
    cli_finish();
}

static void test_retry(void)
{
    cli_begin();
    make_dead(bad_items, bad_lengths, 3);
    cli_expect(cli_run("dead retry 2"), 0, "1 put back");
    char *sha = redis_text(&cli_farm.redis, "EVAL %s 0",
                           "return redis.sha1hex(redis.call('LINDEX', 'newsmill:articles', 0))");
    char *wanted = redis_text(&cli_farm.redis, "EVAL %s 0 %b", "return redis.sha1hex(ARGV[1])",
                              binary, sizeof binary - 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sha);
    CU_ASSERT_STRING_EQUAL(sha, wanted);
    free(sha);
    free(wanted);
    cli_expect(cli_run("audit"), 0, "ok   dead_in 3 = retried 1 + purged 0 + LLEN articles:dead 2");
    cli_expect(cli_run("dead retry 1 7"), 1, "no dead entry 7");
    CU_ASSERT_EQUAL(farm_stat(&cli_farm, "retried"), 2);
    CU_ASSERT_EQUAL(cli_run("dead retry --all --json"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"outcome\":\"retried\"}"));
    CU_ASSERT_EQUAL(redis_int(&cli_farm.redis, "LLEN newsmill:articles"), 3);

    /* They are as bad as before: the workers find them again. */
    farm_start_workers(&cli_farm);
    wait_for_dead(3);
    cli_expect(cli_run("audit"), 0, "ok   dead_in 6 = retried 3 + purged 0 + LLEN articles:dead 3");
    cli_expect(cli_run("dead list"), 0, "articles: 3 dead");
    cli_finish();
}

static bool two_are_blocked(void *context)
{
    char *text = redis_text(context, "INFO clients");
    bool yes = text && strstr(text, "blocked_clients:2\r\n");

    free(text);
    return yes;
}

/* Two operators who have read the same entries: each item goes back once. */
static void test_two_retries(void)
{
    static const char *const args[] = {"dead", "retry", "--all", NULL};
    struct proc first, second;

    cli_begin();
    for (int i = 0; i < 400; i++)
        redis_int(&cli_farm.redis, "LPUSH newsmill:articles:dead {\"item\":\"%d\"}", i);
    redis_int(&cli_farm.redis, "HSET newsmill:stats dead_in 400 claimed 400");
    redis_int(&cli_farm.redis, "CLIENT PAUSE 60000 WRITE");
    proc_start(&first, "newsmill", cli_farm.env, args);
    proc_start(&second, "newsmill", cli_farm.env, args);
    CU_ASSERT(wait_until("both to have read", 20000, two_are_blocked, &cli_farm.redis));
    redis_int(&cli_farm.redis, "CLIENT UNPAUSE");
    CU_ASSERT_EQUAL(proc_wait(&first, 20000), 0);
    CU_ASSERT_EQUAL(proc_wait(&second, 20000), 0);
    CU_ASSERT(proc_logged(&first, " gone\n") || proc_logged(&second, " gone\n"));
    CU_ASSERT_EQUAL(redis_int(&cli_farm.redis, "LLEN newsmill:articles:dead"), 0);
    CU_ASSERT_EQUAL(redis_int(&cli_farm.redis, "LLEN newsmill:articles"), 400);
    cli_expect(cli_run("audit"), 0, "retried 400 + purged 0 + LLEN articles:dead 0");
    CU_ASSERT_EQUAL(redis_int(&cli_farm.redis, "EVAL %s 0",
                              "local seen, count = {}, 0 for _, item in "
                              "ipairs(redis.call('LRANGE', 'newsmill:articles', 0, -1)) do "
                              "if not seen[item] then count = count + 1 end seen[item] = true end "
                              "return count"),
                    400);
    cli_finish();
}

static void test_full_redis(void)
{
    cli_begin();
    redis_int(&cli_farm.redis, "LPUSH newsmill:articles:dead {\"item\":\"a\"} {\"item\":\"b\"}");
    redis_int(&cli_farm.redis, "HSET newsmill:stats dead_in 2 claimed 2");
    redis_int(&cli_farm.redis, "CONFIG SET maxmemory 1");
    cli_expect(cli_run("dead retry --all"), 1, "Redis: OOM");
    cli_expect(cli_run("dead purge 1"), 0, "1 forgotten");
    cli_expect(cli_run("audit"), 0, "purged 1 + LLEN articles:dead 1");
    cli_expect(cli_run("status"), 0, "articles ");
    redis_int(&cli_farm.redis, "CONFIG SET maxmemory 0");
    cli_finish();
}

static void test_purge_and_export(void)
{
    char path[300];
    struct stat info;

    cli_begin();
    make_dead(bad_items, bad_lengths, 3);
    redis_int(&cli_farm.redis, "LPUSH newsmill:articles:dead %s", "no\njson");
    redis_int(&cli_farm.redis, "HINCRBY newsmill:stats dead_in 1");
    redis_int(&cli_farm.redis, "HINCRBY newsmill:stats claimed 1");
    cli_expect(cli_run("dead list -n 0"), 0, "cannot be read: ");
    cli_expect(cli_run("dead retry 1"), 1, "refused: the entry cannot be read");
    snprintf(path, sizeof path, "%s/dead.ndjson", cli_farm.dir);
    cli_expect(cli_run("dead export %s", path), 0, "4 entries written");
    CU_ASSERT(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    cli_expect(cli_run("dead export %s", path), 1, "File exists");
    CU_ASSERT_EQUAL(cli_run("dead export articles -"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"item\":\"first\"}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "\"entry_base64\":\"bm8KanNvbg==\"}"));
    cli_expect(cli_run("dead purge 1 4"), 0, "2 forgotten");
    cli_expect(cli_run("dead list"), 0, "articles: 2 dead");
    cli_expect(cli_run("dead purge --all"), 64, "--yes");
    cli_expect(cli_run("dead purge --all --yes"), 0, "2 forgotten");
    cli_expect(cli_run("audit"), 0, "ok   dead_in 4 = retried 0 + purged 4 + LLEN articles:dead 0");
    cli_finish();
}

/* A batch older than 30 days is only counted when somebody says that it has not been. */
static void test_old_batch(void)
{
    cli_begin();
    char *seconds = redis_text(&cli_farm.redis, "EVAL %s 0", "return redis.call('TIME')[1]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(seconds);
    long long now_ms = strtoll(seconds, NULL, 10) * 1000;
    free(seconds);
    cli_push_batch(1, now_ms - 31 * DAY_MS);
    redis_int(&cli_farm.redis, "LPUSH newsmill:results nonsense");
    redis_int(&cli_farm.redis, "HINCRBY newsmill:stats batches 1");
    farm_start_savers(&cli_farm);
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    cli_expect(cli_run("dead list results"), 0, "results: 2 dead");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "older than 30 days"));
    cli_expect(cli_run("dead retry results --all"), 1, "1 put back, 1 refused");
    CU_ASSERT_PTR_NOT_NULL(strstr(cli_output, "refused: older than 30 days"));
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 0);
    cli_expect(cli_run("dead retry results --all --force"), 0, "2 put back, 0 refused");
    CU_ASSERT(farm_drained(&cli_farm, 20000));
    CU_ASSERT_EQUAL(farm_articles(&cli_farm), 1);
    cli_expect(cli_run("dead purge results 1"), 0, "1 forgotten"); /* the nonsense */
    cli_expect(cli_run("audit"), 0,
               "ok   batches 2 + batches_retried 3 = applied 1 + batches_dead 4");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(cli_output, "batches_retried 3 + batches_purged 1 + LLEN results:dead 0"));
    cli_finish();
}

void suite_dead(void);
void suite_dead(void)
{
    CU_pSuite suite = CU_add_suite("dead", NULL, NULL);

    CU_add_test(suite, "list and show", test_dead_list);
    CU_add_test(suite, "retry: the very bytes, counted", test_retry);
    CU_add_test(suite, "retry twice at once: each item once", test_two_retries);
    CU_add_test(suite, "in a full Redis", test_full_redis);
    CU_add_test(suite, "purge and export", test_purge_and_export);
    CU_add_test(suite, "results: old batches want --force", test_old_batch);
}
