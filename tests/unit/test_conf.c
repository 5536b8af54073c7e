/* Settings: precedence, bounds, and errors that name the place and the nearest key. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/conf_table.h"
#include "common/rds.h"
#include "tests/harness/harness.h"

static char path[300];

static void write_file(const char *text)
{
    snprintf(path, sizeof path, "%s/newsmill.conf", harness_dir());
    FILE *file = fopen(path, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
}

static int load(const char *option, struct conf *c, struct err *e)
{
    struct conf_sources from = {.file = path, .options = &option, .option_count = option != NULL};

    return conf_load(&from, c, e);
}

static void expect_error(const char *file, const char *option, const char *part)
{
    struct conf c;
    struct err e;

    write_file(file);
    CU_ASSERT_EQUAL_FATAL(load(option, &c, &e), ERR_CONFIG);
    if (!strstr(e.text, part))
        fprintf(stderr, "\n  got: %s\n", e.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, part));
    harness_end();
}

static void test_precedence(void)
{
    struct conf c;
    struct err e;

    write_file("gateway { port = 1111\n max_backlog = 7 }\nstore { path = \"file.db\" }\n");
    setenv("NEWSMILL_GATEWAY_PORT", "2222", 1);
    CU_ASSERT_EQUAL_FATAL(load("gateway.port=3333", &c, &e), 0);
    CU_ASSERT_EQUAL(c.gateway.port, 3333);
    CU_ASSERT_EQUAL(c.gateway.max_backlog, 7);
    CU_ASSERT_STRING_EQUAL(c.store.path, "file.db");
    CU_ASSERT_STRING_EQUAL(c.redis.queue, "newsmill");
    conf_fini(&c);
    CU_ASSERT_EQUAL_FATAL(load(NULL, &c, &e), 0);
    CU_ASSERT_EQUAL(c.gateway.port, 2222);
    conf_fini(&c);
    unsetenv("NEWSMILL_GATEWAY_PORT");
    CU_ASSERT_EQUAL_FATAL(load(NULL, &c, &e), 0);
    CU_ASSERT_EQUAL(c.gateway.port, 1111);
    conf_fini(&c);
    harness_end();
}

static void test_errors(void)
{
    expect_error("\n\ngateway {\n  prot = 1\n}\n", NULL, "newsmill.conf:4");
    expect_error("gateway { prot = 1 }", NULL, "nearest is gateway.port");
    expect_error("gatewai { port = 1 }", NULL, "gatewai");
    expect_error("\ngateway { port = 0 }", NULL, "newsmill.conf:2: gateway.port = 0");
    expect_error("gateway { port = 80x }", NULL, "whole number");
    expect_error("store { kind = cassandra }", NULL, "sqlite none");
    expect_error("gateway { port = ", NULL, "newsmill.conf:");
    expect_error("", "gateway.port", "section.key=value");
    expect_error("", "worker.processes=1", "nearest is workers.processes");
    expect_error("", "workers.processes=-1", "-o: workers.processes");
    snprintf(path, sizeof path, "/nonexistent/newsmill.conf");
    struct conf c;
    struct err e;
    CU_ASSERT_EQUAL(load(NULL, &c, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/nonexistent/newsmill.conf"));
}

/* What --print-config prints is a file that means the same. */
static void test_round_trip(void)
{
    struct conf first, second;
    struct err e;

    write_file("log { level = debug }\nstore { path = \"with \\\"quotes\\\" \\\\ and spaces\" }\n");
    CU_ASSERT_EQUAL_FATAL(load("workers.flush_bytes=100000", &first, &e), 0);
    snprintf(path, sizeof path, "%s/again.conf", harness_dir());
    FILE *file = fopen(path, "w");
    conf_print(&first, file);
    fclose(file);
    CU_ASSERT_EQUAL_FATAL(load(NULL, &second, &e), 0);
    CU_ASSERT_STRING_EQUAL(second.store.path, "with \"quotes\" \\ and spaces");
    CU_ASSERT_STRING_EQUAL(second.log.level, "debug");
    CU_ASSERT_EQUAL(second.workers.flush_bytes, 100000);
    conf_fini(&first);
    conf_fini(&second);
    harness_end();
}

static void test_print_masks_passwords(void)
{
    struct conf c;
    struct err e;
    char *text;
    size_t size;

    static const char *const urls[][2] = {
        {"redis.url=redis://me:se:cret@host:1", "\"redis://me:***@host:1\""},
        {"redis.url=redis://me:s/e:c/r@et/cret@host:1/2", "\"redis://me:***@host:1/2\""},
        {"redis.url=redis://:cret@host", "\"redis://:***@host\""},
        {"redis.url=redis://se/cret@host", "\"redis://***@host\""}, /* no user: a password */
        {"redis.url=rediss://cret@host", "\"rediss://***@host\""},
        {"redis.url=me:cret@host", "\"me:***@host\""},
        {"redis.url=redis://host:7/1", "\"redis://host:7/1\""},
    };

    write_file("");
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        CU_ASSERT_EQUAL_FATAL(load(urls[i][0], &c, &e), 0);
        FILE *memory = open_memstream(&text, &size);
        conf_print(&c, memory);
        fclose(memory);
        CU_ASSERT_PTR_NULL(strstr(text, "cret"));
        CU_ASSERT_PTR_NOT_NULL(strstr(text, urls[i][1]));
        free(text);
        conf_fini(&c);
    }
    harness_end();
}

static void test_defaults_are_in_the_shipped_file(void)
{
    char *built_in, shipped[32768];
    size_t size;

    FILE *memory = open_memstream(&built_in, &size);
    conf_print(NULL, memory);
    fclose(memory);
    FILE *file = fopen("newsmill.conf", "r");
    CU_ASSERT_FATAL(file != NULL);
    size_t length = fread(shipped, 1, sizeof shipped - 1, file);
    fclose(file);
    shipped[length] = 0;
    CU_ASSERT_STRING_EQUAL(shipped, built_in);
    free(built_in);
}

static void test_redis_urls(void)
{
    struct rds_address a;
    struct err e;

    CU_ASSERT_EQUAL_FATAL(rds_parse_url("redis://user:p@ss@[::1]:7000/3", &a, &e), 0);
    CU_ASSERT_STRING_EQUAL(a.user, "user");
    CU_ASSERT_STRING_EQUAL(a.password, "p@ss");
    CU_ASSERT_STRING_EQUAL(a.host, "::1");
    CU_ASSERT_EQUAL(a.port, 7000);
    CU_ASSERT_EQUAL(a.database, 3);
    rds_address_fini(&a);
    CU_ASSERT_EQUAL_FATAL(rds_parse_url("redis://:secret@host", &a, &e), 0);
    CU_ASSERT_PTR_NULL(a.user);
    CU_ASSERT_STRING_EQUAL(a.password, "secret");
    CU_ASSERT_EQUAL(a.port, 6379);
    rds_address_fini(&a);
    CU_ASSERT_EQUAL_FATAL(rds_parse_url("redis://a%3Ab:p%40s%2fs%25@host", &a, &e), 0);
    CU_ASSERT_STRING_EQUAL(a.user, "a:b");
    CU_ASSERT_STRING_EQUAL(a.password, "p@s/s%");
    CU_ASSERT_STRING_EQUAL(a.host, "host");
    rds_address_fini(&a);
    CU_ASSERT_EQUAL_FATAL(rds_parse_url("redis://se%63ret@host", &a, &e), 0);
    CU_ASSERT_STRING_EQUAL(a.password, "secret");
    rds_address_fini(&a);
    CU_ASSERT_EQUAL(rds_parse_url("redis://:100%sure@host", &a, &e), ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "%25"));
    CU_ASSERT_PTR_NULL(strstr(e.text, "sure"));
    CU_ASSERT_EQUAL_FATAL(rds_parse_url("unix:///run/redis.sock", &a, &e), 0);
    CU_ASSERT_STRING_EQUAL(a.unix_path, "/run/redis.sock");
    rds_address_fini(&a);
    const char *bad[] = {"http://host",        "redis://",       "redis://host:0",
                         "redis://host:99999", "redis://host/x", "redis://[::1",
                         "rediss://host",      "unix:",          "",
                         "redis://:a%00@host", "redis://:a%4@h", "redis://%zz:a@host"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_EQUAL(rds_parse_url(bad[i], &a, &e), ERR_CONFIG);
}

void suite_conf(void);
void suite_conf(void)
{
    CU_pSuite suite = CU_add_suite("conf", NULL, NULL);

    CU_add_test(suite, "option before environment before file before default", test_precedence);
    CU_add_test(suite, "errors name the place and the nearest key", test_errors);
    CU_add_test(suite, "what is printed can be read again", test_round_trip);
    CU_add_test(suite, "passwords are masked when printed", test_print_masks_passwords);
    CU_add_test(suite, "newsmill.conf is what the table prints",
                test_defaults_are_in_the_shipped_file);
    CU_add_test(suite, "redis urls", test_redis_urls);
}
