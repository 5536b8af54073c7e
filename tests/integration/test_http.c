/* What the gateway does as an HTTP server, whatever is posted: request ids, OPTIONS and HEAD, CORS,
 * refusals before the body, slow and idle clients. */
#include <CUnit/CUnit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/keys.h"
#include "raw.h"
#include "tests/harness/harness.h"

#define JSON    "Content-Type: application/json"
#define ARTICLE "{\"content\":\"Apple opens in Paris\",\"publication\":\"BBC\"}"
#define HOST    "Host: localhost\r\n"

static struct farm farm;
static struct http_answer answer;

static void finish(void)
{
    if (farm.gateway.pid)
        CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    http_free(&answer);
    if (farm.redis.proc.pid)
        redis_kill(&farm.redis);
    harness_end();
}

static long request(const char *method, const char *path, const char *const *headers,
                    const char *body)
{
    http_free(&answer);
    http_request(farm.gateway_port, method, path, headers, body, body ? strlen(body) : 0, &answer);
    return answer.status;
}

static long request_with(const char *method, const char *path, const char *header)
{
    return request(method, path, (const char *[]){header, NULL}, NULL);
}

/* The value of a header of the last answer; "" where it has none. */
static const char *header(const char *name)
{
    static char value[512];
    size_t length = strlen(name);

    *value = 0;
    for (const char *line = answer.headers; line; line = strstr(line, "\r\n")) {
        line += *line == '\r' ? 2 : 0;
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line + length + 2, "\r"),
                     line + length + 2);
            break;
        }
    }
    return value;
}

static void say(int fd, const char *text)
{
    raw_send(fd, text, strlen(text), 0);
}

/* --- request ids --- */

static bool is_made(const char *id)
{
    return strlen(id) == 24 && strspn(id, "0123456789abcdef") == 24;
}

static void test_request_ids(void)
{
    static const char *const bad[] = {"X-Request-Id: a b",      "X-Request-Id: a\"b",
                                      "X-Request-Id;",          "X-Request-Id: \xc3\xa9",
                                      "X-Request-Id: <script>", NULL};
    char longest[160] = "X-Request-Id: ", before[64];

    farm_init(&farm);
    farm_start_gateway(&farm);
    CU_ASSERT_EQUAL(request_with("GET", "/livez", "X-Request-Id: Root=1-6a/b+c:d.e_f~g@h"), 200);
    CU_ASSERT_STRING_EQUAL(header("X-Request-Id"), "Root=1-6a/b+c:d.e_f~g@h");
    memset(longest + 14, 'x', 128);
    CU_ASSERT_EQUAL(request_with("GET", "/livez", longest), 200);
    CU_ASSERT_STRING_EQUAL(header("X-Request-Id"), longest + 14);
    longest[14 + 128] = 'x';
    CU_ASSERT_EQUAL(request_with("GET", "/livez", longest), 200);
    CU_ASSERT(is_made(header("X-Request-Id")));
    for (const char *const *at = bad; *at; at++) {
        CU_ASSERT_EQUAL(request_with("GET", "/livez", *at), 200);
        CU_ASSERT(is_made(header("X-Request-Id")));
    }
    snprintf(before, sizeof before, "%s", header("X-Request-Id"));
    CU_ASSERT_EQUAL(request("GET", "/nothing", NULL, NULL), 404);
    CU_ASSERT(is_made(header("X-Request-Id")));
    CU_ASSERT_STRING_NOT_EQUAL(header("X-Request-Id"), before);

    int fd = raw_dial(farm.gateway_port); /* heads that are none have one too */
    say(fd, "GET /livez HTTP/1.1\r\nX-Request-Id: mine\r\n\r\n");
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 2, false), "400 end");
    CU_ASSERT_PTR_NOT_NULL(strstr(raw_heard(), "\r\nX-Request-Id: mine\r\n"));
    close(fd);
    fd = raw_dial(farm.gateway_port);
    say(fd, "\x16\x03\x01");
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 2, false), "400 end");
    CU_ASSERT_PTR_NOT_NULL(strstr(raw_heard(), "\r\nX-Request-Id: "));
    close(fd);

    /* A failure's log line names its request. */
    redis_kill(&farm.redis);
    const char *const headers[] = {JSON, "X-Request-Id: the-one-that-failed", NULL};
    CU_ASSERT_EQUAL(request("POST", "/post/enqueue", headers, ARTICLE), 503);
    CU_ASSERT_STRING_EQUAL(header("X-Request-Id"), "the-one-that-failed");
    CU_ASSERT(proc_logged(&farm.gateway, "request=the-one-that-failed"));
    finish();
}

/* --- methods --- */

static void test_methods(void)
{
    static const char *const readable[] = {"/livez",        "/readyz", "/metrics",
                                           "/openapi.json", "/docs",   NULL};

    farm_init(&farm);
    farm_start_gateway(&farm);
    for (const char *const *path = readable; *path; path++) {
        CU_ASSERT_EQUAL(request("OPTIONS", *path, NULL, NULL), 204);
        CU_ASSERT_STRING_EQUAL(header("Allow"), "GET, HEAD, OPTIONS");
        CU_ASSERT_STRING_EQUAL(header("Content-Length"), "");
        CU_ASSERT_EQUAL(request("DELETE", *path, NULL, NULL), 405);
        CU_ASSERT_STRING_EQUAL(header("Allow"), "GET, HEAD, OPTIONS");
        CU_ASSERT_EQUAL(request("GET", *path, NULL, NULL), 200);
        char length[32];
        snprintf(length, sizeof length, "%zu", strlen(answer.body));
        CU_ASSERT_STRING_EQUAL(header("Content-Length"), length);
        CU_ASSERT_EQUAL(request("HEAD", *path, NULL, NULL), 200);
        if (strcmp(*path, "/metrics") != 0) /* grows with each request */
            CU_ASSERT_STRING_EQUAL(header("Content-Length"), length);
        CU_ASSERT_STRING_EQUAL(answer.body, "");
    }
    CU_ASSERT_EQUAL(request("OPTIONS", "/post/enqueue", NULL, NULL), 204);
    CU_ASSERT_STRING_EQUAL(header("Allow"), "POST, OPTIONS");
    CU_ASSERT_EQUAL(request("OPTIONS", "/nothing", NULL, NULL), 404);
    CU_ASSERT_EQUAL(request("POSTS", "/post/enqueue", NULL, NULL), 405);
    CU_ASSERT_EQUAL(request("POS", "/post/enqueue", NULL, NULL), 405);
    CU_ASSERT_EQUAL(request(",", "/post/enqueue", NULL, NULL), 400);

    int fd = raw_dial(farm.gateway_port);
    say(fd, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "204");
    CU_ASSERT_PTR_NOT_NULL(strstr(raw_heard(), "\r\nAllow: GET, HEAD, OPTIONS, POST\r\n"));
    /* Nothing follows a HEAD's head: the next answer is whole. */
    say(fd, "HEAD /livez HTTP/1.1\r\n" HOST "\r\n");
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, true), "200");
    say(fd, "GET /livez HTTP/1.1\r\n" HOST "\r\n");
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "200");
    close(fd);
    finish();
}

/* --- CORS --- */

static void expect_allowed(const char *origin, const char *allowed)
{
    char text[128];

    snprintf(text, sizeof text, "Origin: %s", origin);
    const char *const preflight[] = {text, "Access-Control-Request-Method: POST",
                                     "Access-Control-Request-Headers: access_token", NULL};
    CU_ASSERT_EQUAL(request("OPTIONS", "/post/enqueue", preflight, NULL), 204);
    CU_ASSERT_STRING_EQUAL(header("Access-Control-Allow-Origin"), allowed);
    CU_ASSERT_STRING_EQUAL(header("Access-Control-Allow-Methods"), *allowed ? "POST, OPTIONS" : "");
    CU_ASSERT(!*allowed || strstr(header("Access-Control-Allow-Headers"), "access_token"));
    CU_ASSERT_EQUAL(request_with("GET", "/livez", text), 200);
    CU_ASSERT_STRING_EQUAL(header("Access-Control-Allow-Origin"), allowed);
    CU_ASSERT_STRING_EQUAL(header("Access-Control-Allow-Methods"), "");
    /* Errors too, or the page would not learn what is wrong. */
    CU_ASSERT_EQUAL(request("POST", "/post/enqueue", (const char *[]){text, NULL}, "x"), 415);
    CU_ASSERT_STRING_EQUAL(header("Access-Control-Allow-Origin"), allowed);
}

static void expect_setting(const char *origins, const char *complaint)
{
    farm_set(&farm, "GATEWAY_CORS_ORIGINS", origins);
    proc_start(&farm.gateway, "newsmill-gateway", farm.env, NULL);
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 10000), 2);
    CU_ASSERT(proc_logged(&farm.gateway, complaint));
}

static void test_cors(void)
{
    farm_init(&farm);
    farm_start_gateway(&farm);
    expect_allowed("https://news.example", "");
    CU_ASSERT_STRING_EQUAL(header("Vary"), "");
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    expect_setting("*", "without a gateway.keys_file");
    expect_setting("https://a/path", "gateway.cors_origins");
    expect_setting("https://a *", "gateway.cors_origins");
    expect_setting("a", "gateway.cors_origins");
    farm_set(&farm, "GATEWAY_CORS_ORIGINS", "https://news.example http://localhost:3000");
    farm_start_gateway(&farm);
    expect_allowed("https://news.example", "https://news.example");
    CU_ASSERT_STRING_EQUAL(header("Vary"), "Origin");
    expect_allowed("http://localhost:3000", "http://localhost:3000");
    expect_allowed("http://localhost:300", "");
    expect_allowed("https://news.example.evil", "");
    expect_allowed("null", "");
    CU_ASSERT_STRING_EQUAL(header("Vary"), "Origin");
    finish();
}

/* --- before the body --- */

static void expect_final(const char *line, const char *headers, const char *expected)
{
    char text[1024];
    int fd = raw_dial(farm.gateway_port);

    snprintf(text, sizeof text, "%s HTTP/1.1\r\n" HOST "%sExpect: 100-continue\r\n\r\n", line,
             headers);
    say(fd, text);
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 2, false), expected);
    CU_ASSERT_PTR_NOT_NULL(strstr(raw_heard(), "\r\nConnection: close\r\n"));
    close(fd);
}

/* Who asks first is told before he sends the body for nothing. */
static void test_before_the_body(void)
{
    char path[300], key[KEYS_KEY_BYTES], good[300];
    struct err e;

    farm_init(&farm);
    snprintf(path, sizeof path, "%s/keys", farm.dir);
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "ann", key, &e), 0);
    farm_set(&farm, "GATEWAY_KEYS_FILE", path);
    farm_start_gateway(&farm);
    snprintf(good, sizeof good, JSON "\r\naccess_token: %s\r\nContent-Length: 900000000\r\n", key);
    expect_final("POST /nothing", "Content-Length: 5\r\n", "404 end");
    expect_final("PUT /post/enqueue", "Content-Length: 5\r\n", "405 end");
    expect_final("POST /post/enqueue", JSON "\r\nContent-Length: 5\r\n", "403 end");
    expect_final("POST /post/enqueue", good, "413 end");
    snprintf(good, sizeof good, "access_token: %s\r\nContent-Length: 5\r\n", key);
    expect_final("POST /post/enqueue", good, "415 end");

    /* A good one is asked for its body, unless that is there already. */
    char text[512];
    int fd = raw_dial(farm.gateway_port);
    int length = snprintf(text, sizeof text,
                          "POST /post/enqueue HTTP/1.1\r\n" HOST JSON "\r\naccess_token: %s\r\n"
                          "Content-Length: %zu\r\nExpect: 100-continue\r\n\r\n",
                          key, strlen(ARTICLE));
    say(fd, text);
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "100");
    say(fd, ARTICLE);
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "201");
    snprintf(text + length, sizeof text - (size_t)length, "%s", ARTICLE);
    say(fd, text);
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "201");
    close(fd);
    finish();
}

/* --- slow and idle --- */

/* A byte at a time for as long as the gateway takes them; what it said then. */
static const char *dribble(const char *start)
{
    int fd = raw_dial(farm.gateway_port);
    struct pollfd heard = {.fd = fd, .events = POLLIN};

    say(fd, start);
    while (poll(&heard, 1, 10) == 0)
        say(fd, "a");
    const char *statuses = raw_hear(fd, 2, false);
    close(fd);
    return statuses;
}

static void test_slow_clients(void)
{
    farm_init(&farm);
    farm_set(&farm, "GATEWAY_HEAD_TIMEOUT_MS", "300");
    farm_set(&farm, "GATEWAY_BODY_TIMEOUT_MS", "300");
    farm_set(&farm, "GATEWAY_IDLE_TIMEOUT_MS", "300");
    farm_start_gateway(&farm);
    CU_ASSERT_STRING_EQUAL(dribble("GET /livez HTTP/1.1\r\n" HOST "X: "), "408 end");
    CU_ASSERT_STRING_EQUAL(dribble("GET /"), "408 end");
    CU_ASSERT_STRING_EQUAL(
        dribble("POST /post/enqueue HTTP/1.1\r\n" HOST JSON "\r\nContent-Length: 60000\r\n\r\n{"),
        "408 end");
    CU_ASSERT_STRING_EQUAL(dribble("POST /post/enqueue HTTP/1.1\r\n" HOST JSON
                                   "\r\nTransfer-Encoding: chunked\r\n\r\n7fff\r\n{"),
                           "408 end");
    CU_ASSERT_EQUAL(request("GET", "/metrics", NULL, NULL), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        answer.body, "newsmill_http_requests_total{route=\"/post/enqueue\",class=\"4xx\"} 2\n"));

    int fd = raw_dial(farm.gateway_port); /* idle from the start, and after a request */
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "end");
    close(fd);
    fd = raw_dial(farm.gateway_port);
    say(fd, "GET /livez HTTP/1.1\r\n" HOST "\r\n");
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 2, false), "200 end");
    close(fd);
    finish();
}

void suite_http(void);

void suite_http(void)
{
    CU_pSuite suite = CU_add_suite("http", NULL, NULL);

    CU_add_test(suite, "request ids", test_request_ids);
    CU_add_test(suite, "OPTIONS, HEAD and Allow", test_methods);
    CU_add_test(suite, "CORS", test_cors);
    CU_add_test(suite, "refused before the body", test_before_the_body);
    CU_add_test(suite, "slow and idle clients", test_slow_clients);
}
