/* newsmill upload against the real gateway and Redis: every row arrives exactly once, whatever
 * happens to the gateway on the way; what cannot arrive is said with its line. No workers: what was
 * sent is counted in the list. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upload_fixture.h"

static void test_again(void)
{
    static const char *const again[] = {"--again", NULL};

    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_write_rows(500);
    upload_expect(NULL, 0, "500 rows, 500 accepted, 0 already there, 0 refused, ");
    CU_ASSERT_EQUAL(upload_waiting(), 500);
    CU_ASSERT_EQUAL(upload_different(), 500);
    upload_expect(NULL, 0, "500 rows, 0 accepted, 500 already there, 0 refused, ");
    CU_ASSERT_EQUAL(upload_waiting(), 500);
    upload_write_rows(600); /* the file grew */
    upload_expect(NULL, 0, "600 rows, 100 accepted, 500 already there, 0 refused, ");
    CU_ASSERT_EQUAL(upload_waiting(), 600);
    upload_expect(again, 0, "600 rows, 600 accepted, 0 already there, 0 refused, ");
    CU_ASSERT_EQUAL(upload_waiting(), 1200);
    upload_finish();
}

static void test_content(void)
{
    static const char text[] =
        "{\"content\":\"caf\xc3\xa9 \\u20ac\\n\\\"q\\\"\",\"publication\":\"P\",\"url\":\"u\"}\n";

    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_write(text, sizeof text - 1);
    upload_expect(NULL, 0, "1 rows, 1 accepted");
    char *item = redis_text(&upload_farm.redis, "LINDEX newsmill:articles 0");
    CU_ASSERT_PTR_NOT_NULL_FATAL(item);
    CU_ASSERT_PTR_NOT_NULL(strstr(item, "caf\xc3\xa9 \xe2\x82\xac\\n\\\"q\\\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(item, "\"url\":\"u\""));
    free(item);
    upload_finish();
}

static void test_refused(void)
{
    static const char text[] = "content,publication\ngood,p\n\xff,p\n\"two\nlines\", \nx\nlast,p\n";

    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_write(text, sizeof text - 1);
    upload_expect(NULL, 1, "rows.csv:3: refused: content is not valid UTF-8");
    upload_expect(NULL, 1, "rows.csv:4: refused: 422 publication: ");
    upload_expect(NULL, 1, "rows.csv:6: refused: 1 field");
    upload_expect(NULL, 1, "5 rows, 0 accepted, 2 already there, 3 refused, ");
    CU_ASSERT_EQUAL(upload_waiting(), 2);
    upload_finish();
}

static void test_too_large(void)
{
    size_t length = 8 << 20;
    char *text = malloc(length);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    upload_begin();
    farm_start_gateway(&upload_farm);
    memset(text, 'x', length);
    memcpy(text, "content,publication\n", 20);
    memcpy(text + length - 12, ",p\nsmall,p\n", 11);
    upload_write(text, length - 1);
    upload_expect(NULL, 1, "rows.csv:2: refused: 413 ");
    CU_ASSERT_EQUAL(upload_waiting(), 1);
    free(text);
    upload_finish();
}

static void test_key(void)
{
    char keys[300], key_file[300], *key = NULL, variable[100];
    const char *const make[] = {"key", "new", "tests", NULL};
    const char *const with_file[] = {"--key-file", key_file, NULL};

    upload_begin();
    snprintf(keys, sizeof keys, "%s/keys", upload_farm.dir);
    snprintf(key_file, sizeof key_file, "%s/key", upload_farm.dir);
    farm_set(&upload_farm, "GATEWAY_KEYS_FILE", keys);
    CU_ASSERT_EQUAL_FATAL(proc_run("newsmill", upload_farm.env, make, false, &key, 10000), 0);
    CU_ASSERT_FATAL(strlen(key) > 20 && strlen(key) < 80);
    farm_start_gateway(&upload_farm);
    upload_write_rows(3);
    upload_expect(NULL, 1, "wants an API key");
    FILE *to = fopen(key_file, "w");
    CU_ASSERT_FATAL(to != NULL);
    fputs("wrong\n", to);
    fclose(to);
    upload_expect(with_file, 1, "refused the API key");
    CU_ASSERT_EQUAL(upload_waiting(), 0);
    to = fopen(key_file, "w");
    CU_ASSERT_FATAL(to != NULL);
    fputs(key, to);
    fclose(to);
    upload_expect(with_file, 0, "3 accepted");
    snprintf(variable, sizeof variable, "%.*s", (int)strcspn(key, "\n"), key);
    farm_set(&upload_farm, "API_KEY", variable);
    upload_expect(NULL, 0, "3 already there");
    free(key);
    upload_finish();
}

/* --- trouble on the way ---------------------------------------------------------------------- */

static void start_upload(const char *timeout_s)
{
    const char *const more[] = {"--in-flight", "2", "--timeout", timeout_s, NULL};

    upload_start(more);
}

static void test_gateway_killed(void)
{
    long long some = 300;

    upload_begin();
    upload_write_rows(100000);
    start_upload("60"); /* nobody is there yet */
    CU_ASSERT(wait_until("the upload to wait", 10000, upload_is_waiting, NULL));
    farm_start_gateway(&upload_farm);
    for (int i = 0; i < 4; i++, some += 20000) {
        CU_ASSERT(wait_until("some rows", 20000, upload_has, &some));
        upload_kill_gateway();
        farm_start_gateway(&upload_farm);
    }
    CU_ASSERT_EQUAL(proc_wait(&upload, 60000), 0);
    CU_ASSERT(proc_logged(&upload, "100000 rows, 100000 accepted, 0 already there, 0 refused"));
    CU_ASSERT_EQUAL(upload_waiting(), 100000);
    CU_ASSERT_EQUAL(upload_different(), 100000);
    upload_finish();
}

static void test_redis_restarts(void)
{
    long long some = 300;

    upload_begin();
    farm_start_gateway(&upload_farm);
    upload_write_rows(50000);
    start_upload("60");
    CU_ASSERT(wait_until("some rows", 20000, upload_has, &some));
    redis_stop(&upload_farm.redis);
    CU_ASSERT(wait_until("the upload to wait", 20000, upload_is_waiting, NULL));
    redis_restart(&upload_farm.redis);
    CU_ASSERT_EQUAL(proc_wait(&upload, 60000), 0);
    CU_ASSERT_EQUAL(upload_waiting(), 50000);
    CU_ASSERT_EQUAL(upload_different(), 50000);
    upload_finish();
}

static long long taken;

/* Takes what is in the list, as workers would; true when the upload is over. */
static bool take_until_done(void *code)
{
    static const char script[] = "local count = redis.call('LLEN', 'newsmill:articles') "
                                 "redis.call('DEL', 'newsmill:articles') return count";
    int ended = proc_wait(&upload, 10);

    taken += redis_int(&upload_farm.redis, "EVAL %s 0", script);
    if (ended >= 0)
        *(int *)code = ended;
    return ended >= 0;
}

static void test_backlog_full(void)
{
    int code = -1;

    upload_begin();
    farm_set(&upload_farm, "GATEWAY_MAX_BACKLOG", "50");
    farm_start_gateway(&upload_farm);
    upload_write_rows(90);
    start_upload("120");
    CU_ASSERT(wait_until("the upload to wait", 20000, upload_is_waiting, NULL));
    CU_ASSERT(upload_waiting() >= 50);
    CU_ASSERT(upload_waiting() < 90); /* at most those in flight beyond the limit */
    taken = 0;
    CU_ASSERT(wait_until("the end of the upload", 100000, take_until_done, &code));
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_EQUAL(taken, 90);
    upload_finish();
}

static void test_stopped(void)
{
    static const int signals[] = {SIGTERM, SIGINT};

    upload_begin();
    upload_write_rows(100);
    for (int i = 0; i < 2; i++) {
        start_upload("60");
        CU_ASSERT(wait_until("the upload to wait", 10000, upload_is_waiting, NULL));
        CU_ASSERT_EQUAL(proc_stop(&upload, signals[i], 5000), 1);
        CU_ASSERT(proc_logged(&upload, "stopped by a signal"));
        CU_ASSERT(proc_logged(&upload, "0 accepted"));
    }
    upload_finish();
}

static void test_timeout(void)
{
    static const char *const args[] = {"--timeout", "1", NULL};

    upload_begin();
    upload_write_rows(3);
    upload_expect(args, 1, "no row went through for 1 s");
    upload_expect(args, 1, "3 not sent or in doubt");
    upload_finish();
}

void suite_upload(void);

void suite_upload(void)
{
    CU_pSuite suite = CU_add_suite("upload", NULL, NULL);

    CU_add_test(suite, "run again", test_again);
    CU_add_test(suite, "what arrives", test_content);
    CU_add_test(suite, "refused rows", test_refused);
    CU_add_test(suite, "a row too large", test_too_large);
    CU_add_test(suite, "API keys", test_key);
    CU_add_test(suite, "the gateway is killed", test_gateway_killed);
    CU_add_test(suite, "Redis restarts", test_redis_restarts);
    CU_add_test(suite, "the backlog is full", test_backlog_full);
    CU_add_test(suite, "stopped by a signal", test_stopped);
    CU_add_test(suite, "time-out", test_timeout);
}
