/* The gateway as a program in front of a real Redis: every status it can answer, connections that
 * come in pieces or go away, a Redis that is away, full or slow, keys, and the end. What is not
 * HTTP is test_strict.c's. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "raw.h"
#include "tests/harness/harness.h"

#define JSON    "Content-Type: application/json"
#define ARTICLE "{\"content\":\"Apple opens in Paris\",\"publication\":\"BBC\"}"

static struct farm farm;
static struct http_answer answer; /* to the last request() */

static void begin(void)
{
    farm_init(&farm);
    farm_start_gateway(&farm);
}

static void finish(void)
{
    if (farm.gateway.pid)
        CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    http_free(&answer);
    redis_kill(&farm.redis);
    harness_end();
}

static long long depth(void)
{
    return redis_int(&farm.redis, "LLEN newsmill:articles");
}

/* --- one request by curl --- */

static long request(const char *method, const char *path, const char *const *headers,
                    const char *body)
{
    http_free(&answer);
    http_request(farm.gateway_port, method, path, headers, body, body ? strlen(body) : 0, &answer);
    return answer.status;
}

static long post_with(const char *header, const char *body)
{
    const char *headers[] = {JSON, header, NULL};

    return request("POST", "/post/enqueue", headers, body);
}

static long post(const char *body)
{
    return post_with(NULL, body);
}

static bool answered(const char *part)
{
    bool found = strstr(answer.body, part) || strstr(answer.headers, part);

    if (!found)
        fprintf(stderr, "\n  %s not in: %s%s\n", part, answer.headers, answer.body);
    return found;
}

/* --- tests --- */

static void test_stored(void)
{
    begin();
    CU_ASSERT_EQUAL(post("{\"content\":\"a\",\"publication\":\" P \",\"x\":1}"), 201);
    CU_ASSERT(answered("Content-Type: application/json"));
    char id[40] = "", expected[128];
    CU_ASSERT(sscanf(answer.body, "{\"id\":\"%32[0-9a-f]\"}", id) == 1 && strlen(id) == 32);
    char *item = redis_text(&farm.redis, "LINDEX newsmill:articles 0");
    snprintf(expected, sizeof expected, "{\"content\":\"a\",\"publication\":\"P\",\"id\":\"%s\"}",
             id);
    CU_ASSERT_STRING_EQUAL(item, expected);
    free(item);
    CU_ASSERT_EQUAL(post("{\"content\":\"a\",\"publication\":\"P\",\"id\":\"mine\"}"), 201);
    CU_ASSERT_STRING_EQUAL(answer.body, "{\"id\":\"mine\"}");
    CU_ASSERT_EQUAL(post("{\"content\":\"a\",\"publication\":\"P\",\"id\":\"\"}"), 201);
    CU_ASSERT_EQUAL(strlen(answer.body), strlen("{\"id\":\"\"}") + 32);
    CU_ASSERT_EQUAL(post_with("Transfer-Encoding: chunked", ARTICLE), 201);
    CU_ASSERT_EQUAL(depth(), 4);
    CU_ASSERT_EQUAL(farm_stat(&farm, "http_in"), 4);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "DBSIZE"), 2);
    finish();
}

static void test_refused(void)
{
    const char *const plain[] = {"Content-Type: text/plain", NULL};
    const char *const gzip[] = {JSON, "Content-Encoding: gzip", NULL};
    const char *const utf8[] = {"Content-Type: Application/JSON ; charset=utf-8", NULL};

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_MAX_ARTICLE_BYTES", "1000");
    farm_start_gateway(&farm);
    CU_ASSERT_EQUAL(request("GET", "/nothing", NULL, NULL), 404);
    CU_ASSERT_STRING_EQUAL(answer.body, "{\"detail\":\"Not Found\"}");
    CU_ASSERT_EQUAL(request("GET", "/post/enqueue", NULL, NULL), 405);
    CU_ASSERT(answered("Allow: POST, OPTIONS\r\n"));
    CU_ASSERT_EQUAL(request("POST", "/livez", NULL, "x"), 405);
    CU_ASSERT(answered("Allow: GET, HEAD, OPTIONS\r\n"));
    CU_ASSERT_EQUAL(request("POST", "/post/enqueue", plain, ARTICLE), 415);
    CU_ASSERT_EQUAL(request("POST", "/post/enqueue", gzip, ARTICLE), 415);
    CU_ASSERT_EQUAL(request("POST", "/post/enqueue?a=b", utf8, "[]"), 422);
    CU_ASSERT(answered("\"model_attributes_type\",\"loc\":[\"body\"]"));
    CU_ASSERT_EQUAL(post("{}"), 422);
    CU_ASSERT_STRING_EQUAL(answer.body,
                           "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"content\"],"
                           "\"msg\":\"Field required\"}]}");
    CU_ASSERT_EQUAL(post(""), 422);
    CU_ASSERT(answered("\"missing\",\"loc\":[\"body\"]"));
    CU_ASSERT_EQUAL(post("{\"content\":\"a\" "), 422);
    CU_ASSERT(answered("\"json_invalid\",\"loc\":[\"body\",15],\"msg\":\"JSON decode error\""));
    CU_ASSERT_EQUAL(post_with("Idempotency-Key: a b", ARTICLE), 400);

    char body[72000];
    snprintf(body, sizeof body, "{\"publication\":\"p\",\"content\":\"%01001d\"}", 1);
    CU_ASSERT_EQUAL(post(body), 413);
    snprintf(body, sizeof body, "%071600d", 1);
    CU_ASSERT_EQUAL(post(body), 413);
    CU_ASSERT(answered("{\"detail\":"));
    CU_ASSERT_EQUAL(depth(), 0);
    CU_ASSERT_EQUAL(farm_stat(&farm, "http_in"), 0);
    finish();
}

static void test_health(void)
{
    begin();
    for (const char *const *path = (const char *const[]){"/livez", "/readyz", NULL}; *path;
         path++) {
        CU_ASSERT_EQUAL(request("GET", *path, NULL, NULL), 200);
        CU_ASSERT_STRING_EQUAL(answer.body, "{\"status\":\"ok\"}");
        CU_ASSERT_EQUAL(request("HEAD", *path, NULL, NULL), 200);
        CU_ASSERT_STRING_EQUAL(answer.body, "");
        CU_ASSERT(answered("Content-Length: 15"));
    }
    CU_ASSERT_EQUAL(request("GET", "/metrics", NULL, NULL), 200);
    CU_ASSERT(answered("newsmill_http_requests_total{route=\"/livez\",class=\"2xx\"} 2\n"));
    finish();
}

static void test_hosts(void)
{
    static const char *const own[] = {
        "Host: localhost", "Host: LOCALHOST:1",  "Host: [::1]:80", "Host: 127.0.0.1:80",
        "Host: [::1]",     "Host: 0.0.0.0:8000", "Host: [::]",     NULL};
    static const char *const others[] = {"Host: evil.example", "Host: localhost.evil.example",
                                         "Host: 127.0.0.11", "Host: 0.0.0.0.evil.example", NULL};

    begin();
    for (const char *const *host = own; *host; host++)
        CU_ASSERT_EQUAL(request("GET", "/livez", (const char *[]){*host, NULL}, NULL), 200);
    for (const char *const *host = others; *host; host++)
        CU_ASSERT_EQUAL(request("GET", "/livez", (const char *[]){*host, NULL}, NULL), 403);
    CU_ASSERT_EQUAL(
        request("GET", "/livez", (const char *[]){"Host: localhost:80.evil", NULL}, NULL), 400);
    int fd = raw_dial(farm.gateway_port);
    raw_send(fd, "GET /metrics HTTP/1.0\r\n\r\n", 25, 0);
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 2, false), "403 end");
    close(fd);
    finish();
}

static const char *get_with_host(const char *host)
{
    char text[128];
    int fd = raw_dial_to("127.0.0.5", farm.gateway_port);

    snprintf(text, sizeof text, "GET /livez HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    raw_send(fd, text, strlen(text), 0);
    const char *heard = raw_hear(fd, 1, false);
    close(fd);
    return heard;
}

static bool has_reloaded(void *context)
{
    (void)context;
    return proc_logged(&farm.gateway, " reloaded ");
}

static bool logs_ready(void *context)
{
    (void)context;
    return proc_logged(&farm.gateway, " ready ");
}

/* The address that it listens on is its own, over a reload too. */
static void test_bound_host(void)
{
    farm_init(&farm);
    farm_set(&farm, "GATEWAY_ADDRESS", "127.0.0.5");
    proc_start(&farm.gateway, "newsmill-gateway", farm.env, NULL);
    CU_ASSERT(wait_until("the gateway to be ready", 20000, logs_ready, NULL));
    for (int reloads = 0; reloads < 2; reloads++) {
        CU_ASSERT_STRING_EQUAL(get_with_host("127.0.0.5:8000"), "200");
        CU_ASSERT_STRING_EQUAL(get_with_host("localhost"), "200");
        CU_ASSERT_STRING_EQUAL(get_with_host("127.0.0.6"), "403");
        kill(farm.gateway.pid, SIGHUP);
        CU_ASSERT(wait_until("the reload", 20000, has_reloaded, NULL));
    }
    finish();
}

static bool is_201(void *key)
{
    return post_with(key, ARTICLE) == 201;
}

static void test_redis_away(void)
{
    begin();
    CU_ASSERT_EQUAL(post(ARTICLE), 201);
    redis_stop(&farm.redis);
    CU_ASSERT_EQUAL(post(ARTICLE), 503);
    CU_ASSERT(answered("Retry-After: "));
    CU_ASSERT(answered("{\"detail\":\""));
    CU_ASSERT_EQUAL(request("GET", "/readyz", NULL, NULL), 503);
    CU_ASSERT_EQUAL(request("GET", "/livez", NULL, NULL), 200);
    redis_restart(&farm.redis);
    CU_ASSERT(wait_until("the gateway to find Redis again", 10000, is_201, NULL));
    CU_ASSERT_EQUAL(depth(), 2);

    /* Scripts forgotten: nobody notices. */
    redis_int(&farm.redis, "SCRIPT FLUSH");
    CU_ASSERT_EQUAL(post(ARTICLE), 201);
    CU_ASSERT_EQUAL(depth(), 3);
    redis_int(&farm.redis, "REPLICAOF 127.0.0.1 1");
    CU_ASSERT_EQUAL(post(ARTICLE), 503);
    CU_ASSERT(answered("READONLY"));
    redis_int(&farm.redis, "REPLICAOF NO ONE");
    CU_ASSERT(wait_until("the gateway to write again", 10000, is_201, NULL));
    CU_ASSERT_EQUAL(depth(), 4);
    finish();
}

/* Redis that takes the command and says nothing: 503 in time, and the late answer is nobody's. */
static void test_redis_silent(void)
{
    farm_init(&farm);
    farm_set(&farm, "REDIS_TIMEOUT_MS", "300");
    farm_start_gateway(&farm);
    kill(farm.redis.proc.pid, SIGSTOP);
    CU_ASSERT_EQUAL(post(ARTICLE), 503);
    CU_ASSERT_EQUAL(request("GET", "/readyz", NULL, NULL), 503);
    kill(farm.redis.proc.pid, SIGCONT);
    CU_ASSERT(wait_until("the gateway to find Redis again", 10000, is_201, NULL));
    CU_ASSERT_EQUAL(post("{\"content\":\"a\",\"publication\":\"P\",\"id\":\"mine\"}"), 201);
    CU_ASSERT_STRING_EQUAL(answer.body, "{\"id\":\"mine\"}");
    finish();
}

static void test_full(void)
{
    farm_init(&farm);
    farm_set(&farm, "GATEWAY_MAX_BACKLOG", "3");
    farm_start_gateway(&farm);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(post(ARTICLE), 201);
    CU_ASSERT_EQUAL(post_with("Idempotency-Key: k", ARTICLE), 503);
    CU_ASSERT(answered("Retry-After: "));
    CU_ASSERT_EQUAL(depth(), 3);
    redis_int(&farm.redis, "RPOP newsmill:articles");
    CU_ASSERT_EQUAL(post_with("Idempotency-Key: k", ARTICLE), 201); /* it was not remembered */
    CU_ASSERT_PTR_NULL(strstr(answer.headers, "Replayed"));

    redis_int(&farm.redis, "RPOP newsmill:articles");
    redis_int(&farm.redis, "CONFIG SET maxmemory 1");
    CU_ASSERT_EQUAL(post_with("Idempotency-Key: other", ARTICLE), 503);
    CU_ASSERT(answered("OOM"));
    CU_ASSERT_EQUAL(depth(), 2);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "KEYS newsmill:idem:*"), 1);
    redis_int(&farm.redis, "CONFIG SET maxmemory 0");
    CU_ASSERT_EQUAL(post_with("Idempotency-Key: other", ARTICLE), 201);
    CU_ASSERT_EQUAL(depth(), 3);
    CU_ASSERT_EQUAL(farm_stat(&farm, "http_in"), 5);
    finish();
}

static void test_idempotency(void)
{
    char first[64];

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_MAX_BACKLOG", "1");
    farm_start_gateway(&farm);
    CU_ASSERT_EQUAL(post_with("Idempotency-Key: k1", ARTICLE), 201);
    snprintf(first, sizeof first, "%s", answer.body);
    CU_ASSERT_PTR_NULL(strstr(answer.headers, "Replayed"));
    /* Again, though the backlog is full by now. */
    CU_ASSERT_EQUAL(post_with("Idempotency-Key: k1", ARTICLE), 201);
    CU_ASSERT_STRING_EQUAL(answer.body, first);
    CU_ASSERT(answered("Idempotency-Replayed: true"));
    CU_ASSERT_EQUAL(post_with("Idempotency-Key: k1", "{\"content\":\"\",\"publication\":\"P\"}"),
                    422);
    CU_ASSERT(answered("this Idempotency-Key came with another body before"));
    CU_ASSERT_EQUAL(depth(), 1);
    CU_ASSERT_EQUAL(farm_stat(&farm, "http_in"), 1);
    char *name = redis_text(&farm.redis, "EVAL %s 0",
                            "return redis.call('TTL', redis.call('KEYS', 'newsmill:idem:*')[1]) > "
                            "86000 and 'kept for a day'");
    CU_ASSERT_PTR_NOT_NULL(name);
    free(name);
    finish();
}

void suite_gateway(void);

void suite_gateway(void)
{
    CU_pSuite suite = CU_add_suite("gateway", NULL, NULL);

    CU_add_test(suite, "what is stored", test_stored);
    CU_add_test(suite, "what is refused", test_refused);
    CU_add_test(suite, "health", test_health);
    CU_add_test(suite, "without keys only own hosts", test_hosts);
    CU_add_test(suite, "the bound address is an own host", test_bound_host);
    CU_add_test(suite, "Redis away", test_redis_away);
    CU_add_test(suite, "Redis silent", test_redis_silent);
    CU_add_test(suite, "full backlog, full Redis", test_full);
    CU_add_test(suite, "idempotency", test_idempotency);
}
