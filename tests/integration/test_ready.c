/* /readyz: it says what a post would meet, on the connection for many articles too; and the health
 * routes answer the simplest of checks. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/harness/harness.h"
#include "tests/integration/raw.h"

#define ARTICLE "{\"content\":\"Apple opens in Paris\",\"publication\":\"BBC\"}"

static struct farm farm;

static void finish(void)
{
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

static void begin(void)
{
    farm_init(&farm);
    farm_start_gateway(&farm);
}

static long readiness(char *detail, size_t size)
{
    struct http_answer answer;

    http_request(farm.gateway_port, "GET", "/readyz", NULL, NULL, 0, &answer);
    long status = answer.status;
    snprintf(detail, size, "%s", answer.body);
    http_free(&answer);
    return status;
}

static long ready(void)
{
    char detail[256];

    return readiness(detail, sizeof detail);
}

static bool is_status(void *status)
{
    return ready() == *(long *)status;
}

static void await(long status)
{
    CU_ASSERT(wait_until("another answer to /readyz", 15000, is_status, &status));
}

static long post_to(const char *path)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    bool bulk = strcmp(path, "/post/bulk") == 0;
    const char *body = bulk ? "[" ARTICLE "]" : ARTICLE;
    struct http_answer answer;

    http_request(farm.gateway_port, "POST", path, json, body, strlen(body), &answer);
    long status = answer.status;
    http_free(&answer);
    return status;
}

/* Not ready, and right so: neither post is taken; and both are once the fault is over. */
static void expect_unready(const char *code)
{
    char detail[256];

    await(503);
    readiness(detail, sizeof detail);
    CU_ASSERT_PTR_NOT_NULL(strstr(detail, code));
    CU_ASSERT_EQUAL(post_to("/post/enqueue"), 503);
    CU_ASSERT_EQUAL(post_to("/post/bulk"), 503);
}

static void expect_ready(void)
{
    await(200);
    CU_ASSERT_EQUAL(post_to("/post/enqueue"), 201);
    CU_ASSERT_EQUAL(post_to("/post/bulk"), 200);
}

static void test_replica(void)
{
    begin();
    redis_int(&farm.redis, "REPLICAOF 127.0.0.1 1");
    expect_unready("");
    redis_int(&farm.redis, "REPLICAOF NO ONE");
    expect_ready();
    finish();
}

static void test_full(void)
{
    begin();
    redis_int(&farm.redis, "CONFIG SET maxmemory 1");
    expect_unready("(OOM)");
    redis_int(&farm.redis, "CONFIG SET maxmemory 0");
    expect_ready();
    finish();
}

static void test_not_allowed(void)
{
    begin();
    redis_int(&farm.redis, "ACL SETUSER default -lpush");
    expect_unready("(NOPERM)");
    redis_int(&farm.redis, "ACL SETUSER default +lpush");
    expect_ready();
    redis_int(&farm.redis, "RENAME newsmill:articles aside");
    redis_int(&farm.redis, "SET newsmill:articles text");
    expect_unready("(WRONGTYPE)");
    redis_int(&farm.redis, "DEL newsmill:articles");
    expect_ready();
    finish();
}

/* What a post has met is known at once. */
static void test_learned(void)
{
    begin();
    redis_int(&farm.redis, "CONFIG SET maxmemory 1");
    CU_ASSERT_EQUAL(post_to("/post/enqueue"), 503);
    CU_ASSERT_EQUAL(ready(), 503);
    redis_int(&farm.redis, "CONFIG SET maxmemory 0");
    CU_ASSERT_EQUAL(post_to("/post/enqueue"), 201);
    await(200);
    finish();
}

/* The youngest client is the connection for many articles. Redis ends it and lets in nobody. */
static void test_bulk_connection(void)
{
    char *list;

    begin();
    CU_ASSERT_EQUAL(post_to("/post/bulk"), 200);
    long long clients = redis_int(&farm.redis, "EVAL %s 0",
                                  "local _, n = redis.call('CLIENT', 'LIST'):gsub('\\n', '')\n"
                                  "return n");
    list = redis_text(&farm.redis, "CLIENT LIST"); /* the oldest first */
    long youngest = 0;
    for (const char *at = list; (at = strstr(at, "\nid=")); at++)
        youngest = strtol(at + 4, NULL, 10);
    redis_int(&farm.redis, "CONFIG SET maxclients %d", (int)clients - 1);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "CLIENT KILL ID %d", (int)youngest), 1);
    free(list);
    await(503);
    CU_ASSERT_EQUAL(post_to("/post/enqueue"), 201);
    CU_ASSERT_EQUAL(post_to("/post/bulk"), 503);
    redis_int(&farm.redis, "CONFIG SET maxclients 1000");
    expect_ready();
    finish();
}

/* A backlog that is full passes, and has its own answer. */
static void test_backlog(void)
{
    farm_init(&farm);
    farm_set(&farm, "GATEWAY_MAX_BACKLOG", "1");
    farm_start_gateway(&farm);
    CU_ASSERT_EQUAL(post_to("/post/enqueue"), 201);
    CU_ASSERT_EQUAL(post_to("/post/enqueue"), 503);
    CU_ASSERT_EQUAL(post_to("/post/bulk"), 503);
    CU_ASSERT_EQUAL(ready(), 200);
    finish();
}

static void test_no_answer(void)
{
    begin();
    kill(farm.redis.proc.pid, SIGSTOP);
    await(503);
    kill(farm.redis.proc.pid, SIGCONT);
    expect_ready();
    finish();
}

static long long evals(void)
{
    char *text = redis_text(&farm.redis, "INFO commandstats");
    const char *calls = strstr(text, "cmdstat_eval:calls=");
    long long count = calls ? strtoll(calls + 19, NULL, 10) : 0;

    free(text);
    return count;
}

/* However often it is asked, Redis is asked once a second on each of the two connections. */
static void test_asked_often(void)
{
    begin();
    long long before = evals();
    int64_t start_ms = clock_ms();
    for (int i = 0; i < 300; i++)
        CU_ASSERT_EQUAL(ready(), 200);
    int64_t seconds = (clock_ms() - start_ms) / 1000;
    CU_ASSERT(evals() - before <= 2 * (seconds + 2));
    finish();
}

static const char *ask(const char *request)
{
    int fd = raw_dial(farm.gateway_port);

    raw_send(fd, request, strlen(request), 0);
    const char *heard = raw_hear(fd, 2, false);
    close(fd);
    return heard;
}

/* HTTP/1.0 without Host, as load balancers check; no browser sends that. */
static void test_no_host(void)
{
    begin();
    CU_ASSERT_STRING_EQUAL(ask("GET /livez HTTP/1.0\r\n\r\n"), "200 end");
    CU_ASSERT_STRING_EQUAL(ask("GET /readyz HTTP/1.0\r\n\r\n"), "200 end");
    CU_ASSERT_STRING_EQUAL(ask("GET /readyz HTTP/1.0\r\nHost: evil.example\r\n\r\n"), "403 end");
    CU_ASSERT_STRING_EQUAL(ask("GET /livez HTTP/1.1\r\n\r\n"), "400 end");
    CU_ASSERT_STRING_EQUAL(ask("GET /metrics HTTP/1.0\r\n\r\n"), "403 end");
    CU_ASSERT_STRING_EQUAL(ask("POST /post/enqueue HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}"),
                           "403 end");
    finish();
}

void suite_ready(void);

void suite_ready(void)
{
    CU_pSuite suite = CU_add_suite("ready", NULL, NULL);

    CU_add_test(suite, "a replica", test_replica);
    CU_add_test(suite, "a full Redis", test_full);
    CU_add_test(suite, "no permission, wrong type", test_not_allowed);
    CU_add_test(suite, "learned from a post", test_learned);
    CU_add_test(suite, "the connection for many articles", test_bulk_connection);
    CU_add_test(suite, "a full backlog", test_backlog);
    CU_add_test(suite, "Redis does not answer", test_no_answer);
    CU_add_test(suite, "asked often", test_asked_often);
    CU_add_test(suite, "no Host", test_no_host);
}
