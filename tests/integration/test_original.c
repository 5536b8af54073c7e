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

#define KEY "ijdf8h74nj"

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

void suite_original(void);

void suite_original(void)
{
    CU_pSuite suite = CU_add_suite("original", NULL, NULL);

    CU_add_test(suite, "the original's uploader", test_uploader);
}
