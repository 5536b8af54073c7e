/* The gateway as a program in front of a real Redis: every status it can answer, connections that
 * come in pieces or go away, a Redis that is away, full or slow, keys, and the end. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/keys.h"
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

/* --- raw sockets --- */

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)farm.gateway_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval timeout = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t length = strlen(text);

    CU_ASSERT_EQUAL(send(fd, text, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* Reads until `wanted` answers are there (by their status lines and bodies' ends) or the end; the
 * statuses as text, "201 201 end". */
static const char *hear(int fd, int wanted)
{
    static char statuses[256];
    static char text[65536];
    size_t length = 0;
    char *at = text;

    statuses[0] = 0;
    while (wanted > 0 && length < sizeof text - 1) {
        ssize_t got = recv(fd, text + length, sizeof text - 1 - length, 0);
        if (got <= 0) {
            strncat(statuses, got == 0 ? " end" : " error", sizeof statuses - 1 - strlen(statuses));
            break;
        }
        length += (size_t)got;
        text[length] = 0;
        for (char *body; wanted > 0 && (body = strstr(at, "\r\n\r\n")); wanted--) {
            char *size = strstr(at, "Content-Length: ");
            size_t body_length = size && size < body ? strtoul(size + 16, NULL, 10) : 0;
            if (body + 4 + body_length > text + length)
                break;
            strncat(statuses, at + 8, 4);
            at = body + 4 + body_length;
        }
    }
    return statuses[0] ? statuses + 1 : "";
}

static const char *raw_post(const char *body)
{
    static char text[4096];

    snprintf(text, sizeof text,
             "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n" JSON
             "\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    return text;
}

/* Sends `text`, shuts the sending side, and compares what comes. */
static void converse(const char *text, const char *expected)
{
    int fd = dial();

    say(fd, text);
    shutdown(fd, SHUT_WR);
    const char *heard = hear(fd, 100);
    if (strcmp(heard, expected) != 0)
        fprintf(stderr, "\n  %.60s…: %s\n", text, heard);
    CU_ASSERT_STRING_EQUAL(heard, expected);
    close(fd);
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
    CU_ASSERT(answered("Allow: POST\r\n"));
    CU_ASSERT_EQUAL(request("POST", "/livez", NULL, "x"), 405);
    CU_ASSERT(answered("Allow: GET, HEAD\r\n"));
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
    CU_ASSERT(answered("newsmill_http_requests_total{class=\"2xx\"}"));
    finish();
}

static void test_hosts(void)
{
    static const char *const own[] = {"Host: localhost",    "Host: LOCALHOST:1", "Host: [::1]:80",
                                      "Host: 127.0.0.1:80", "Host: [::1]",       NULL};
    static const char *const others[] = {"Host: evil.example", "Host: localhost.evil.example",
                                         "Host: localhost:80.evil", "Host: 127.0.0.11", NULL};

    begin();
    for (const char *const *host = own; *host; host++)
        CU_ASSERT_EQUAL(request("GET", "/livez", (const char *[]){*host, NULL}, NULL), 200);
    for (const char *const *host = others; *host; host++)
        CU_ASSERT_EQUAL(request("GET", "/livez", (const char *[]){*host, NULL}, NULL), 403);
    converse("GET /livez HTTP/1.0\r\n\r\n", "403 end");
    finish();
}

static bool is_201(void *key)
{
    return post_with(key, ARTICLE) == 201;
}

static bool is_403(void *key)
{
    return post_with(key, ARTICLE) == 403;
}

static bool has_logged(void *text)
{
    return proc_logged(&farm.gateway, text);
}

static void test_keys(void)
{
    char path[300], first[KEYS_KEY_BYTES], second[KEYS_KEY_BYTES], header[128], bearer[128];
    struct err e;

    farm_init(&farm);
    snprintf(path, sizeof path, "%s/keys", farm.dir);
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "first", first, &e), 0);
    farm_set(&farm, "GATEWAY_KEYS_FILE", path);
    farm_start_gateway(&farm); /* /readyz wants no key */
    snprintf(header, sizeof header, "access_token: %s", first);
    snprintf(bearer, sizeof bearer, "Authorization: bearer %s", first);
    CU_ASSERT_EQUAL(post(ARTICLE), 403);
    CU_ASSERT_STRING_EQUAL(answer.body, "{\"detail\":\"invalid API key provided in the header\"}");
    CU_ASSERT_EQUAL(post_with("access_token: wrong", ARTICLE), 403);
    CU_ASSERT_EQUAL(post_with("Authorization: Basic x", ARTICLE), 403);
    CU_ASSERT_EQUAL(post_with(header, ARTICLE), 201);
    CU_ASSERT_EQUAL(post_with(bearer, ARTICLE), 201);
    const char *const other_host[] = {"Host: example.com", header, JSON, NULL};
    CU_ASSERT_EQUAL(request("POST", "/post/enqueue", other_host, ARTICLE), 201);
    CU_ASSERT_EQUAL(request("GET", "/post/enqueue", NULL, NULL), 405);
    const char *const no_type[] = {"Content-Type: text/plain", NULL};
    CU_ASSERT_EQUAL(request("POST", "/post/enqueue", no_type, ARTICLE), 403);

    /* A key that is made counts soon, one that is taken away ceases to; a broken file does nothing.
     */
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "second", second, &e), 0);
    char other[128];
    snprintf(other, sizeof other, "access_token: %s", second);
    CU_ASSERT(wait_until("the new key to count", 10000, is_201, other));
    FILE *file = fopen(path, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs("broken\n", file);
    fclose(file);
    CU_ASSERT(wait_until("the broken file to be seen", 10000, has_logged, "keys.kept"));
    CU_ASSERT_EQUAL(post_with(other, ARTICLE), 201);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "second", second, &e), 0);
    CU_ASSERT(wait_until("the old key to end", 10000, is_403, header));
    finish();
}

static void test_malformed(void)
{
    static const char *const malformed[] = {
        "GET /livez HTTP/1.1\nHost: localhost\n\n",
        "\x16\x03\x01\x02\n",
        "GET /livez HTTP/1.1\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        "Content-Length: 1\r\n\r\na",
        "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Length : 1\r\n\r\na",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c: d\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: loc",
        "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n" JSON
        "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
        "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n" JSON
        "\r\nContent-Length: 100\r\n\r\n{\"content\":\"",
    };

    begin();
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        converse(malformed[i], "400 end");
    converse("PRI * HTTP/2.0\r\n\r\n", "505 end");
    converse("GET /livez HTTP/1.1\r\nHost: localhost\r\nExpect: luck\r\n\r\n", "417 end");
    converse("POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: br\r\n\r\n",
             "501 end");
    converse("POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n" JSON
             "\r\nContent-Length: 99999999999\r\n\r\n",
             "413 end");
    char *text = xmalloc(20100);
    snprintf(text, 20100, "GET /livez HTTP/1.1\r\nHost: localhost\r\nA: %020000d", 1);
    converse(text, "431 end");
    free(text);
    CU_ASSERT_EQUAL(depth(), 0);
    finish();
}

static void test_pipelined(void)
{
    struct buf text;

    begin();
    buf_init(&text, 8192);
    buf_append_text(&text, raw_post(ARTICLE));
    buf_append_text(&text, raw_post("{}"));
    buf_append_text(&text, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    buf_append_text(&text, raw_post(ARTICLE));
    converse(text.bytes, "201 422 200 201 end");
    buf_fini(&text);
    /* The body of a request refused by its head is not read as the next request. */
    converse("POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 38\r\n\r\n"
             "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
             "404 end");
    CU_ASSERT_EQUAL(depth(), 2);

    int fd = dial(); /* a byte at a time, twice on one connection */
    for (int round = 0; round < 2; round++) {
        for (const char *at = raw_post(ARTICLE); *at; at++)
            CU_ASSERT_EQUAL(send(fd, at, 1, MSG_NOSIGNAL), 1);
        CU_ASSERT_STRING_EQUAL(hear(fd, 1), "201");
    }
    close(fd);

    fd = dial();
    say(fd, "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n" JSON
            "\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CU_ASSERT_STRING_EQUAL(hear(fd, 1), "100");
    say(fd, "{}");
    CU_ASSERT_STRING_EQUAL(hear(fd, 1), "422");
    close(fd);
    CU_ASSERT_EQUAL(depth(), 4);
    finish();
}

static bool has_depth(void *wanted)
{
    return depth() == *(long long *)wanted;
}

/* Clients that are gone before Redis has answered: the articles are stored, nothing breaks. */
static void test_clients_that_leave(void)
{
    struct linger reset = {.l_onoff = 1};
    long long wanted = 10;
    int fds[10];

    begin();
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "CLIENT PAUSE 1000 WRITE"), -1);
    for (int i = 0; i < 10; i++) {
        fds[i] = dial();
        say(fds[i], raw_post(ARTICLE));
        if (i % 3 == 0)
            shutdown(fds[i], SHUT_WR);
    }
    /* Sent to Redis for sure, as an answer on another connection shows that the loop went on. */
    CU_ASSERT_EQUAL(request("GET", "/livez", NULL, NULL), 200);
    for (int i = 0; i < 10; i++) {
        if (i % 3 == 1)
            setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        if (i % 3 != 0)
            close(fds[i]);
    }
    CU_ASSERT_EQUAL(depth(), 0); /* they left before Redis has answered */
    for (int i = 0; i < 10; i += 3) {
        CU_ASSERT_STRING_EQUAL(hear(fds[i], 2), "201 end");
        close(fds[i]);
    }
    CU_ASSERT(wait_until("all articles to be stored", 10000, has_depth, &wanted));
    int fd = dial(); /* in the middle of a body */
    say(fd, "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n" JSON
            "\r\nContent-Length: 100\r\n\r\n{");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    CU_ASSERT_EQUAL(post(ARTICLE), 201);
    CU_ASSERT_FALSE(proc_logged(&farm.gateway, "child.died"));
    finish();
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

static bool has_connection_waiting(void *fd)
{
    char byte;

    return recv(*(int *)fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void test_connection_limit(void)
{
    int fds[3];

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_MAX_CONNECTIONS", "2");
    farm_start_gateway(&farm);
    for (int i = 0; i < 3; i++) {
        fds[i] = dial();
        say(fds[i], "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    CU_ASSERT_STRING_EQUAL(hear(fds[0], 1), "200");
    CU_ASSERT_STRING_EQUAL(hear(fds[1], 1), "200");
    CU_ASSERT_FALSE(has_connection_waiting(&fds[2])); /* it waits, and is served when one goes */
    close(fds[0]);
    CU_ASSERT(wait_until("the third client to be served", 10000, has_connection_waiting, &fds[2]));
    CU_ASSERT_STRING_EQUAL(hear(fds[2], 1), "200");
    close(fds[1]);
    close(fds[2]);
    finish();
}

/* TERM: who waits for Redis gets the answer, who is idle is let go, the rest may finish. */
static void test_clean_stop(void)
{
    char text[2048];

    begin();
    int idle = dial(), waits = dial(), half = dial();
    say(idle, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CU_ASSERT_STRING_EQUAL(hear(idle, 1), "200");
    redis_int(&farm.redis, "CLIENT PAUSE 1000 WRITE");
    say(waits, raw_post(ARTICLE));
    snprintf(text, sizeof text, "%s", raw_post(ARTICLE));
    CU_ASSERT_EQUAL(send(half, text, 60, 0), 60);
    CU_ASSERT_EQUAL(request("GET", "/livez", NULL, NULL), 200);
    kill(farm.gateway.pid, SIGTERM);
    CU_ASSERT(wait_until("the stop to begin", 10000, has_logged, "stopping"));
    say(half, text + 60);
    CU_ASSERT_STRING_EQUAL(hear(idle, 1), "end");
    CU_ASSERT_STRING_EQUAL(hear(waits, 2), "201 end");
    CU_ASSERT_STRING_EQUAL(hear(half, 2), "201 end");
    close(idle);
    close(waits);
    close(half);
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 10000), 0);
    CU_ASSERT_EQUAL(depth(), 2);
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
    CU_add_test(suite, "keys", test_keys);
    CU_add_test(suite, "malformed requests", test_malformed);
    CU_add_test(suite, "pipelined and in pieces", test_pipelined);
    CU_add_test(suite, "clients that leave", test_clients_that_leave);
    CU_add_test(suite, "Redis away", test_redis_away);
    CU_add_test(suite, "Redis silent", test_redis_silent);
    CU_add_test(suite, "full backlog, full Redis", test_full);
    CU_add_test(suite, "idempotency", test_idempotency);
    CU_add_test(suite, "too many connections", test_connection_limit);
    CU_add_test(suite, "clean stop", test_clean_stop);
}
