/* The uploader of the system that newsmill replaces, unchanged: the bytes that its client, httpx
 * over HTTP/1.1, puts on the wire (captured from httpx 0.28.1 and 0.23.3), and its key. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raw.h"
#include "tests/harness/harness.h"

#define KEY   "ijdf8h74nj"
#define REDOC "GET /redoc HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* httpx sends head and body in two segments. */
static const struct capture {
    const char *head, *body, *content;
} captures[] = {
    {"POST /post/enqueue HTTP/1.1\r\nHost: 127.0.0.1:60267\r\nAccept: */*\r\n"
     "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
     "User-Agent: python-httpx/0.28.1\r\naccess_token: " KEY "\r\nContent-Length: 75\r\n"
     "Content-Type: application/json\r\n\r\n",
     "{\"content\":\"Tim Cook said \xe2\x80\x9chello\xe2\x80\x9d in K\xc3\xb6ln.\","
     "\"publication\":\"The Verge\"}",
     "Tim Cook said \xe2\x80\x9chello\xe2\x80\x9d in K\xc3\xb6ln."},
    {"POST /post/enqueue HTTP/1.1\r\nHost: 127.0.0.1:60267\r\nAccept: */*\r\n"
     "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
     "User-Agent: python-httpx/0.23.3\r\naccess_token: " KEY "\r\nContent-Length: 88\r\n"
     "Content-Type: application/json\r\n\r\n",
     "{\"content\": \"Tim Cook said \\u201chello\\u201d in K\\u00f6ln.\", "
     "\"publication\": \"The Verge\"}",
     "Tim Cook said \xe2\x80\x9chello\xe2\x80\x9d in K\xc3\xb6ln."},
};

static struct farm farm;

static void add_key(const char *path)
{
    char from[320], *output;
    const char *args[] = {"key", "add", "original", "--file", path, "--from-file", from, NULL};

    snprintf(from, sizeof from, "%s/old-key", farm.dir);
    FILE *file = fopen(from, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs(KEY "\n", file);
    fclose(file);
    CU_ASSERT_EQUAL(proc_run("newsmill", farm.env, args, true, &output, 20000), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "may be guessed"));
    free(output);
}

static void test_uploader(void)
{
    char path[300];

    farm_init(&farm);
    snprintf(path, sizeof path, "%s/keys", farm.dir);
    add_key(path);
    farm_set(&farm, "GATEWAY_KEYS_FILE", path);
    farm_start_gateway(&farm);
    int fd = raw_dial(farm.gateway_port);
    for (size_t i = 0; i < sizeof captures / sizeof captures[0]; i++) {
        const struct capture *c = &captures[i];
        raw_send(fd, c->head, strlen(c->head), 0);
        raw_send(fd, c->body, strlen(c->body), 0);
        CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "201");
        CU_ASSERT_PTR_NOT_NULL(strstr(raw_heard(), "\r\nContent-Type: application/json\r\n"));
        CU_ASSERT_PTR_NULL(strstr(raw_heard(), "\r\nConnection: close\r\n"));
        char *content = redis_text(&farm.redis, "EVAL %s 1 newsmill:articles",
                                   "return cjson.decode(redis.call('LINDEX', KEYS[1], 0)).content");
        CU_ASSERT_PTR_NOT_NULL_FATAL(content);
        CU_ASSERT_STRING_EQUAL(content, c->content);
        free(content);
    }
    close(fd);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), 2);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

/* As shipped, to 0.0.0.0:8000 and with a key that nobody asks for. */
static void test_as_shipped(void)
{
    char head[512];

    farm_init(&farm);
    farm_start_gateway(&farm);
    int fd = raw_dial(farm.gateway_port);
    for (size_t i = 0; i < sizeof captures / sizeof captures[0]; i++) {
        const char *rest = strstr(captures[i].head, "\r\nAccept:");
        snprintf(head, sizeof head, "POST /post/enqueue HTTP/1.1\r\nHost: 0.0.0.0:8000%s", rest);
        raw_send(fd, head, strlen(head), 0);
        raw_send(fd, captures[i].body, strlen(captures[i].body), 0);
        CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "201");
    }
    raw_send(fd, REDOC, strlen(REDOC), 0);
    CU_ASSERT_STRING_EQUAL(raw_hear(fd, 1, false), "307");
    CU_ASSERT_PTR_NOT_NULL(strstr(raw_heard(), "\r\nLocation: /docs\r\n"));
    close(fd);
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), 2);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

/* What the original took (FastAPI 0.58, pydantic 1.5) and newsmill refuses: the table of
 * gateway/HTTP.md. */
static void test_no_longer_taken(void)
{
    static const char json[] = "Content-Type: application/json";
    static const struct {
        const char *type, *body;
        size_t length; /* 0: of the text */
        long status;
        const char *part;
    } cases[] = {
        {json, "{\"content\":1,\"publication\":\"p\"}", 0, 422, "string_type"},
        {json, "{\"content\":\"a\",\"publication\":1.5}", 0, 422, "string_type"},
        {json, "{\"content\":true,\"publication\":\"p\"}", 0, 422, "string_type"},
        {json, "{\"content\":\"a\",\"publication\":\"\"}", 0, 422, "string_too_short"},
        {json, "{\"content\":\"a\",\"publication\":\" \"}", 0, 422, "string_too_short"},
        {json, NULL, 0, 422, "string_too_long"}, /* a long publication */
        {json, "[[\"content\",\"a\"],[\"publication\",\"p\"]]", 0, 422, "model_attributes_type"},
        {json, "{\"content\":\"a\",\"publication\":\"p\",\"x\":NaN}", 0, 422, "json_invalid"},
        {json, "{\"content\":\"a\\u0000\",\"publication\":\"p\"}", 0, 422, "json_invalid"},
        {json, "{\"content\":\"a\\ud800\",\"publication\":\"p\"}", 0, 422, "json_invalid"},
        {json, "\xef\xbb\xbf{\"content\":\"a\",\"publication\":\"p\"}", 0, 422, "json_invalid"},
        {json, "{\0\"\0", 4, 422, "json_invalid"},
        {"Content-Type: text/plain", "{\"content\":\"a\",\"publication\":\"p\"}", 0, 415, "json"},
        {"Content-Type;", "{\"content\":\"a\",\"publication\":\"p\"}", 0, 415, "json"},
    };

    char longest[1200];
    snprintf(longest, sizeof longest, "{\"content\":\"a\",\"publication\":\"%01025d\"}", 1);
    farm_init(&farm);
    farm_start_gateway(&farm);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *headers[] = {cases[i].type, NULL};
        struct http_answer answer;
        const char *body = cases[i].body ? cases[i].body : longest;
        size_t length = cases[i].length ? cases[i].length : strlen(body);
        http_request(farm.gateway_port, "POST", "/post/enqueue", headers, body, length, &answer);
        if (answer.status != cases[i].status || !strstr(answer.body, cases[i].part))
            fprintf(stderr, "\n  %s: %ld %s\n", body, answer.status, answer.body);
        CU_ASSERT_EQUAL(answer.status, cases[i].status);
        CU_ASSERT_PTR_NOT_NULL(strstr(answer.body, cases[i].part));
        http_free(&answer);
    }
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), 0);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

void suite_original(void);

void suite_original(void)
{
    CU_pSuite suite = CU_add_suite("original", NULL, NULL);

    CU_add_test(suite, "the original's uploader", test_uploader);
    CU_add_test(suite, "the original's uploader as shipped", test_as_shipped);
    CU_add_test(suite, "what is no longer taken", test_no_longer_taken);
}
