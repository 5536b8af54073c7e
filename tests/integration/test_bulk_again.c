/* What comes twice: Idempotency-Keys of bulk requests, through restarts and lost answers, and the
 * window of gateway.dedup_window_s for both posts. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/harness/tcp_proxy.h"
#include "tests/integration/bulk_fixture.h"

#define KEY "Idempotency-Key: k"
#define THREE                                                                                      \
    BULK_A "\n{}\n{\"content\":\"b\",\"publication\":\"p\",\"id\":\"own \\u00e9\"}\n" BULK_C
#define REPLAY "Idempotency-Replayed: true"

/* --- Idempotency-Key --- */

static void test_replay(void)
{
    char *first;

    bulk_begin_test();
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, THREE), 200);
    CU_ASSERT_PTR_NULL(strstr(bulk_answer.headers, "Replayed"));
    CU_ASSERT(bulk_answered(BULK_COUNTS(3, 0, 1)));
    first = xstrdup(bulk_answer.body);
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, THREE), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, first);

    CU_ASSERT_EQUAL(bulk_lines_with(KEY, THREE "\n"), 422);
    CU_ASSERT(bulk_answered("idempotency_key_reused"));
    CU_ASSERT_EQUAL(bulk_single(KEY, BULK_A), 422);
    /* The same bytes, read as something else. */
    CU_ASSERT_EQUAL(
        bulk_send(BULK_JSON, "Idempotency-Key: array", "[" BULK_A "]", strlen("[" BULK_A "]")),
        200);
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: array", "[" BULK_A "]"), 422);
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: bad", "{}"), 200);
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: bad", "{}"), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: bad", "x"), 422);
    redis_int(&bulk_farm.redis, "LPOP newsmill:articles");
    CU_ASSERT_EQUAL(bulk_single("Idempotency-Key: single", BULK_A), 201);
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: single", BULK_A), 422);

    /* Another process knows it too. */
    CU_ASSERT_EQUAL(proc_stop(&bulk_farm.gateway, SIGTERM, 10000), 0);
    farm_start_gateway(&bulk_farm);
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, THREE), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, first);
    free(first);
    CU_ASSERT_EQUAL(bulk_depth(), 4);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 5);
    bulk_end_test();
}

/* What is kept does not grow with the number of articles, and not for ever. */
static void test_memory(void)
{
    struct buf body;

    bulk_begin_test();
    buf_init(&body, 1 << 24);
    bulk_fill(&body, "x", 5000, 100);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, KEY, body.bytes, body.length), 200);
    char *longest = redis_text(&bulk_farm.redis, "EVAL %s 0",
                               "local k = redis.call('KEYS', 'newsmill:idem:*')\n"
                               "return #k .. ' ' .. redis.call('STRLEN', k[1]) .. ' '\n"
                               "  .. math.ceil(redis.call('TTL', k[1]) / 100)");
    CU_ASSERT_STRING_EQUAL(longest, "1 90 864");
    free(longest);
    /* A longer one that is refused at once, and one that is only seen by the script. */
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, KEY, body.bytes, body.length), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_EQUAL(bulk_answered_times("{\"id\":"), 5000);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, KEY, body.bytes, body.length - 1), 422);
    CU_ASSERT_EQUAL(bulk_depth(), 5000);
    buf_fini(&body);
    bulk_end_test();
}

/* A replay is answered although the backlog is full by now, or the list no longer there. */
static void test_replay_when_full(void)
{
    bulk_prepare();
    farm_set(&bulk_farm, "GATEWAY_MAX_BACKLOG", "3");
    farm_start_gateway(&bulk_farm);
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, THREE), 200);
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, THREE), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: other", THREE), 503);
    redis_int(&bulk_farm.redis, "DEL newsmill:articles");
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, THREE), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_EQUAL(bulk_depth(), 0);
    bulk_end_test();
}

static bool is_replayed(void *body)
{
    return bulk_lines_with(KEY, body) == 200 && strstr(bulk_answer.headers, REPLAY);
}

static bool is_taken(void *body)
{
    return bulk_lines_with(KEY, body) == 200;
}

/* Redis has it, but its answer gets lost: 503, and the repeat is a replay. */
static void test_lost_answer(void)
{
    struct tcp_proxy proxy;
    char url[64];

    bulk_prepare();
    tcp_proxy_start(&proxy, bulk_farm.redis.port);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", proxy.port);
    farm_set(&bulk_farm, "REDIS_URL", url);
    farm_set(&bulk_farm, "REDIS_TIMEOUT_MS", "500");
    farm_start_gateway(&bulk_farm);
    tcp_proxy_set(&proxy, PROXY_DEAF);
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, THREE), 503);
    CU_ASSERT_EQUAL(bulk_depth(), 3);
    tcp_proxy_set(&proxy, PROXY_PASS);
    CU_ASSERT(wait_until("the first answer", 10000, is_replayed, THREE));
    CU_ASSERT(bulk_answered(BULK_COUNTS(3, 0, 1)));
    /* What does not arrive at all is done anew. */
    tcp_proxy_set(&proxy, PROXY_STALL);
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: stalled", THREE), 503);
    tcp_proxy_cut(&proxy);
    tcp_proxy_set(&proxy, PROXY_SLICE);
    CU_ASSERT(wait_until("bulk to be taken again", 10000, is_taken, THREE));
    CU_ASSERT_EQUAL(bulk_depth(), 3);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 3);
    bulk_end_test();
}

/* Killed somewhere between the first byte and the answer, it is there once or not at all; the
 * repeat makes it once. */
static void kill_and_repeat(bool gateway, int round, const struct buf *body)
{
    char key[64];
    const char *headers[] = {BULK_NDJSON, key, NULL};
    struct http_answer lost;

    snprintf(key, sizeof key, "Idempotency-Key: %d-%d", gateway, round);
    pid_t pid = fork();
    if (pid == 0) {
        http_request(bulk_farm.gateway_port, "POST", "/post/bulk", headers, body->bytes,
                     body->length, &lost);
        _exit(0);
    }
    proc_adopt(pid);
    /* At another moment in each round: when so many are in Redis, or after an answer to another. */
    for (int i = 0; i < round; i++)
        bulk_lines("");
    if (gateway) {
        proc_stop(&bulk_farm.gateway, SIGKILL, 10000);
        farm_start_gateway(&bulk_farm);
    } else {
        redis_kill(&bulk_farm.redis);
        redis_restart(&bulk_farm.redis);
    }
    do
        bulk_send(BULK_NDJSON, key, body->bytes, body->length);
    while (bulk_answer.status == 503);
    CU_ASSERT_EQUAL(bulk_answer.status, 200);
}

static void test_kills(void)
{
    enum { ROUNDS = 6, ITEMS = 2000 };
    struct buf body;

    bulk_begin_test();
    buf_init(&body, 1 << 25);
    bulk_fill(&body, "x", ITEMS, 1000);
    for (int round = 0; round < ROUNDS; round++) {
        kill_and_repeat(false, round, &body);
        kill_and_repeat(true, round, &body);
        CU_ASSERT_EQUAL(bulk_depth(), (2LL * round + 2) * ITEMS);
    }
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 2LL * ROUNDS * ITEMS);
    buf_fini(&body);
    bulk_end_test();
}

/* The log of Redis ends within a transaction: neither does that come to life later, nor is lost
 * what is written after it. */
static void test_torn_log(void)
{
    char path[400];
    struct stat info;

    bulk_begin_test();
    snprintf(path, sizeof path, "%s/appendonlydir/appendonly.aof.1.incr.aof", bulk_farm.redis.dir);
    for (off_t cut = 1; cut < 260; cut += 43) { /* within EXEC, HINCRBY, LPUSH, MULTI */
        long long before = bulk_depth();
        CU_ASSERT_EQUAL(bulk_lines(BULK_A "\n" BULK_B), 200);
        redis_kill(&bulk_farm.redis);
        CU_ASSERT_EQUAL_FATAL(stat(path, &info), 0);
        CU_ASSERT_EQUAL_FATAL(truncate(path, info.st_size - cut), 0);
        redis_restart(&bulk_farm.redis);
        CU_ASSERT_EQUAL(bulk_depth(), before);
        CU_ASSERT_EQUAL(redis_int(&bulk_farm.redis, "LPUSH newsmill:articles x"), before + 1);
        redis_kill(&bulk_farm.redis);
        redis_restart(&bulk_farm.redis);
        CU_ASSERT_EQUAL(bulk_depth(), before + 1);
        CU_ASSERT(wait_until("bulk to be taken again", 10000, is_taken, BULK_C));
        CU_ASSERT_EQUAL(bulk_lines(BULK_C), 200);
        redis_kill(&bulk_farm.redis);
        redis_restart(&bulk_farm.redis);
        CU_ASSERT(wait_until("bulk to be taken again", 10000, is_taken, BULK_C));
        CU_ASSERT_EQUAL(bulk_depth(), before + 2 + (cut == 1));
    }
    bulk_end_test();
}

/* --- the window --- */

static void begin_with_window(const char *seconds)
{
    bulk_prepare();
    farm_set(&bulk_farm, "GATEWAY_DEDUP_WINDOW_S", seconds);
    farm_start_gateway(&bulk_farm);
}

static void test_window_single(void)
{
    char first[64], expected[96];

    begin_with_window("3600");
    CU_ASSERT_EQUAL(bulk_single(NULL, BULK_A), 201);
    snprintf(first, sizeof first, "%s", bulk_answer.body);
    snprintf(expected, sizeof expected, "%.*s,\"duplicate\":true}", (int)strlen(first) - 1, first);
    /* The same to those who count: publication trimmed and lower-cased, escapes undone. */
    CU_ASSERT_EQUAL(
        bulk_single(NULL, "{\"publication\":\" P\",\"content\":\"\\u0061\",\"title\":\"t\"}"), 200);
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, expected);
    CU_ASSERT_EQUAL(bulk_single(NULL, "{\"publication\":\"q\",\"content\":\"a\"}"), 201);
    CU_ASSERT_EQUAL(bulk_single(NULL, "{\"publication\":\"p\",\"content\":\"a \"}"), 201);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 3);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "duplicates"), 1);

    /* With an Idempotency-Key: the first answer again, whichever it was. */
    CU_ASSERT_EQUAL(bulk_single(KEY, BULK_A), 200);
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, expected);
    CU_ASSERT_EQUAL(bulk_single(KEY, BULK_A), 200);
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, expected);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_EQUAL(bulk_single("Idempotency-Key: new", BULK_B), 201);
    snprintf(first, sizeof first, "%s", bulk_answer.body);
    CU_ASSERT_EQUAL(bulk_single("Idempotency-Key: new", BULK_B), 201); /* no duplicate of itself */
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, first);
    CU_ASSERT_EQUAL(bulk_depth(), 4);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "duplicates"), 2);
    CU_ASSERT_EQUAL(redis_int(&bulk_farm.redis, "KEYS newsmill:seen:*"), 4);

    /* An id that is too long to be remembered is not. */
    char own[400];
    snprintf(own, sizeof own, "{\"content\":\"l\",\"publication\":\"p\",\"id\":\"%0200d\"}", 0);
    CU_ASSERT_EQUAL(bulk_single(NULL, own), 201);
    CU_ASSERT_EQUAL(bulk_single(NULL, own), 201);
    CU_ASSERT_EQUAL(bulk_depth(), 6);
    bulk_end_test();
}

static void test_window_bulk(void)
{
    char id[40] = "", expected[2048];

    begin_with_window("3600");
    CU_ASSERT_EQUAL(bulk_single(NULL, BULK_B), 201);
    CU_ASSERT_EQUAL(sscanf(bulk_answer.body, "{\"id\":\"%32[0-9a-f]", id), 1);
    CU_ASSERT_EQUAL(bulk_lines("{\"content\":\"a\",\"publication\":\"p\",\"id\":\"one\"}\n"
                               "{}\n" BULK_B "\n" BULK_A "\n"
                               "{\"content\":\"c\",\"publication\":\"p\",\"id\":\"three\"}"),
                    200);
    snprintf(expected, sizeof expected,
             BULK_COUNTS(2, 2, 1) "\"items\":[{\"id\":\"one\"},"
                                  "{\"status\":422,\"detail\":[{\"type\":\"missing\",\"loc\":"
                                  "[\"body\",1,\"content\"],\"msg\":\"Field required\"}]},"
                                  "{\"id\":\"%s\",\"duplicate\":true},"
                                  "{\"id\":\"one\",\"duplicate\":true},{\"id\":\"three\"}]}",
             id);
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, expected);
    CU_ASSERT_EQUAL(bulk_depth(), 3);
    CU_ASSERT_STRING_EQUAL(bulk_content(0), "b");
    CU_ASSERT_STRING_EQUAL(bulk_content(1), "a");
    CU_ASSERT_STRING_EQUAL(bulk_content(2), "c");
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 3);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "duplicates"), 2);
    CU_ASSERT_EQUAL(bulk_single(NULL, BULK_C), 200);
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, "{\"id\":\"three\",\"duplicate\":true}");

    /* What comes again by its Idempotency-Key counts nowhere. */
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, BULK_A "\n{}"), 200);
    CU_ASSERT_EQUAL(bulk_lines_with(KEY, BULK_A "\n{}"), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    http_free(&bulk_answer);
    http_request(bulk_farm.gateway_port, "GET", "/metrics", NULL, NULL, 0, &bulk_answer);
    CU_ASSERT(bulk_answered("newsmill_articles_accepted_total 3\n"));
    CU_ASSERT(bulk_answered("newsmill_articles_duplicate_total 4\n"));
    CU_ASSERT(bulk_answered("newsmill_articles_refused_total 2\n"));
    bulk_end_test();
}

/* All or some of many, and the answer to them kept for the Idempotency-Key in a few bytes. */
static void test_window_many(void)
{
    enum { ITEMS = 3000 };
    struct buf body;
    char *first;

    begin_with_window("3600");
    buf_init(&body, 1 << 24);
    bulk_fill(&body, "x", ITEMS, 50);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 200);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, KEY, body.bytes, body.length), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(0, 3000, 0)));
    CU_ASSERT_EQUAL(bulk_depth(), ITEMS);
    first = xstrdup(bulk_answer.body);
    redis_int(&bulk_farm.redis, "EVAL %s 0",
              "for _, k in ipairs(redis.call('KEYS', 'newsmill:seen:*')) do redis.call('DEL', k) "
              "end");
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, KEY, body.bytes, body.length), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, first);
    free(first);
    CU_ASSERT_EQUAL(redis_int(&bulk_farm.redis, "EVAL %s 0",
                              "return redis.call('STRLEN', "
                              "redis.call('KEYS', 'newsmill:idem:*')[1])"),
                    90 + (long long)strlen("1 3000 34:") + 34);

    /* Every other one is new. */
    buf_clear(&body);
    redis_int(&bulk_farm.redis, "DEL newsmill:articles");
    for (int i = 0; i < ITEMS; i++)
        buf_printf(&body, "{\"content\":\"%c%d\",\"publication\":\"p\"}\n", i % 2 ? 'o' : 'n',
                   i % 2 ? 0 : i);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, "Idempotency-Key: half", body.bytes, body.length), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(1501, 1499, 0)));
    CU_ASSERT_EQUAL(bulk_depth(), 1501);
    CU_ASSERT_STRING_EQUAL(bulk_content(0), "n0");
    CU_ASSERT_STRING_EQUAL(bulk_content(1), "o0");
    CU_ASSERT_STRING_EQUAL(bulk_content(2), "n2");
    CU_ASSERT_STRING_EQUAL(bulk_content(1500), "n2998");
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, "Idempotency-Key: half", body.bytes, body.length), 200);
    CU_ASSERT(bulk_answered(REPLAY));
    CU_ASSERT_EQUAL(bulk_answered_times("\"duplicate\":true"), 1499);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "duplicates"), ITEMS + 1499);
    buf_fini(&body);
    bulk_end_test();
}

static bool is_forgotten(void *context)
{
    (void)context;
    return redis_int(&bulk_farm.redis, "KEYS newsmill:seen:*") == 0;
}

static void test_window_ends(void)
{
    begin_with_window("1");
    CU_ASSERT_EQUAL(bulk_single(NULL, BULK_A), 201);
    CU_ASSERT_EQUAL(bulk_lines(BULK_B), 200);
    CU_ASSERT(wait_until("the window to end", 10000, is_forgotten, NULL));
    CU_ASSERT_EQUAL(bulk_single(NULL, BULK_B), 201);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(1, 0, 0)));
    CU_ASSERT_EQUAL(bulk_depth(), 4);
    bulk_end_test();
}

/* A request that is refused leaves nothing that would make its repeat a duplicate; and what is no
 * more than duplicates needs no room. */
static void test_window_full(void)
{
    bulk_prepare();
    farm_set(&bulk_farm, "GATEWAY_DEDUP_WINDOW_S", "3600");
    farm_set(&bulk_farm, "GATEWAY_MAX_BACKLOG", "3");
    farm_start_gateway(&bulk_farm);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A "\n" BULK_B), 200);
    CU_ASSERT_EQUAL(bulk_lines("{\"content\":\"d\",\"publication\":\"p\"}\n" BULK_C), 503);
    CU_ASSERT_EQUAL(bulk_depth(), 2);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A "\n" BULK_C "\n" BULK_B), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(1, 2, 0)));
    CU_ASSERT_EQUAL(bulk_depth(), 3);
    CU_ASSERT_EQUAL(bulk_single(NULL, "{\"content\":\"d\",\"publication\":\"p\"}"), 503);
    CU_ASSERT_EQUAL(bulk_single(NULL, BULK_A), 200);
    redis_int(&bulk_farm.redis, "DEL newsmill:articles");
    CU_ASSERT_EQUAL(bulk_single(NULL, "{\"content\":\"d\",\"publication\":\"p\"}"), 201);
    bulk_end_test();
}

void suite_bulk_again(void);

void suite_bulk_again(void)
{
    CU_pSuite suite = CU_add_suite("bulk_again", NULL, NULL);

    CU_add_test(suite, "replay", test_replay);
    CU_add_test(suite, "what is remembered", test_memory);
    CU_add_test(suite, "replay when full", test_replay_when_full);
    CU_add_test(suite, "a lost answer", test_lost_answer);
    CU_add_test(suite, "kills", test_kills);
    CU_add_test(suite, "a torn log", test_torn_log);
    CU_add_test(suite, "window: single posts", test_window_single);
    CU_add_test(suite, "window: bulk", test_window_bulk);
    CU_add_test(suite, "window: many", test_window_many);
    CU_add_test(suite, "window: its end", test_window_ends);
    CU_add_test(suite, "window: full backlog", test_window_full);
}
