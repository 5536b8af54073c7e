/* newsmill upload against the real gateway and Redis: every row arrives exactly once, whatever
 * happens to the gateway on the way; what cannot arrive is said with its line. No workers: what was
 * sent is counted in the list. */
#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/harness.h"

static struct farm farm;
static char file[300];

static void begin(void)
{
    farm_init(&farm);
    snprintf(file, sizeof file, "%s/rows.csv", farm.dir);
}

static void finish(void)
{
    redis_stop(&farm.redis);
    harness_end();
}

static void write_file(const char *text, size_t length)
{
    FILE *to = fopen(file, "w");

    CU_ASSERT_FATAL(to != NULL);
    CU_ASSERT_EQUAL_FATAL(fwrite(text, 1, length, to), length);
    fclose(to);
}

/* `count` rows, all of them different. */
static void write_rows(int count)
{
    FILE *to = fopen(file, "w");

    CU_ASSERT_FATAL(to != NULL);
    fputs("publication,article\n", to);
    for (int i = 0; i < count; i++)
        fprintf(to, "Paper %d,\"Article %d, with \"\"quotes\"\"\nand lines.\"\n", i % 7, i);
    fclose(to);
}

/* Runs upload with up to four arguments more before the file; its output has to have `part`. */
static void expect(const char *const *more, int code, const char *part)
{
    const char *args[8] = {"upload"};
    char *text = NULL;
    int count = 1;

    for (; more && *more; more++)
        args[count++] = *more;
    args[count] = file;
    int got = proc_run("newsmill", farm.env, args, true, &text, 60000);
    if (got != code || !strstr(text, part))
        fprintf(stderr, "\n  code %d, wanted %d and '%s': %s\n", got, code, part, text);
    CU_ASSERT_EQUAL(got, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
    free(text);
}

static long long waiting(void)
{
    return redis_int(&farm.redis, "LLEN newsmill:articles");
}

/* Number of different items in the list. */
static long long different(void)
{
    static const char script[] =
        "local seen, count = {}, 0 "
        "for _, item in ipairs(redis.call('LRANGE', 'newsmill:articles', 0, -1)) do "
        "local content = cjson.decode(item).content "
        "if not seen[content] then count = count + 1 end seen[content] = true end return count";

    return redis_int(&farm.redis, "EVAL %s 0", script);
}

static void test_again(void)
{
    static const char *const again[] = {"--again", NULL};

    begin();
    farm_start_gateway(&farm);
    write_rows(500);
    expect(NULL, 0, "500 rows, 500 accepted, 0 already there, 0 refused, ");
    CU_ASSERT_EQUAL(waiting(), 500);
    CU_ASSERT_EQUAL(different(), 500);
    expect(NULL, 0, "500 rows, 0 accepted, 500 already there, 0 refused, ");
    CU_ASSERT_EQUAL(waiting(), 500);
    write_rows(600); /* the file grew */
    expect(NULL, 0, "600 rows, 100 accepted, 500 already there, 0 refused, ");
    CU_ASSERT_EQUAL(waiting(), 600);
    expect(again, 0, "600 rows, 600 accepted, 0 already there, 0 refused, ");
    CU_ASSERT_EQUAL(waiting(), 1200);
    finish();
}

static void test_content(void)
{
    static const char text[] =
        "{\"content\":\"caf\xc3\xa9 \\u20ac\\n\\\"q\\\"\",\"publication\":\"P\",\"url\":\"u\"}\n";

    begin();
    farm_start_gateway(&farm);
    write_file(text, sizeof text - 1);
    expect(NULL, 0, "1 rows, 1 accepted");
    char *item = redis_text(&farm.redis, "LINDEX newsmill:articles 0");
    CU_ASSERT_PTR_NOT_NULL_FATAL(item);
    CU_ASSERT_PTR_NOT_NULL(strstr(item, "caf\xc3\xa9 \xe2\x82\xac\\n\\\"q\\\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(item, "\"url\":\"u\""));
    free(item);
    finish();
}

static void test_refused(void)
{
    static const char text[] = "content,publication\ngood,p\n\xff,p\n\"two\nlines\", \nx\nlast,p\n";

    begin();
    farm_start_gateway(&farm);
    write_file(text, sizeof text - 1);
    expect(NULL, 1, "rows.csv:3: refused: content is not valid UTF-8");
    expect(NULL, 1, "rows.csv:4: refused: 422 publication: ");
    expect(NULL, 1, "rows.csv:6: refused: 1 field");
    expect(NULL, 1, "5 rows, 0 accepted, 2 already there, 3 refused, ");
    CU_ASSERT_EQUAL(waiting(), 2);
    finish();
}

static void test_too_large(void)
{
    size_t length = 8 << 20;
    char *text = malloc(length);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    begin();
    farm_start_gateway(&farm);
    memset(text, 'x', length);
    memcpy(text, "content,publication\n", 20);
    memcpy(text + length - 12, ",p\nsmall,p\n", 11);
    write_file(text, length - 1);
    expect(NULL, 1, "rows.csv:2: refused: 413 ");
    CU_ASSERT_EQUAL(waiting(), 1);
    free(text);
    finish();
}

static void test_key(void)
{
    char keys[300], key_file[300], *key = NULL, variable[100];
    const char *const make[] = {"key", "new", "tests", NULL};
    const char *const with_file[] = {"--key-file", key_file, NULL};

    begin();
    snprintf(keys, sizeof keys, "%s/keys", farm.dir);
    snprintf(key_file, sizeof key_file, "%s/key", farm.dir);
    farm_set(&farm, "GATEWAY_KEYS_FILE", keys);
    CU_ASSERT_EQUAL_FATAL(proc_run("newsmill", farm.env, make, false, &key, 10000), 0);
    CU_ASSERT_FATAL(strlen(key) > 20 && strlen(key) < 80);
    farm_start_gateway(&farm);
    write_rows(3);
    expect(NULL, 1, "wants an API key");
    FILE *to = fopen(key_file, "w");
    CU_ASSERT_FATAL(to != NULL);
    fputs("wrong\n", to);
    fclose(to);
    expect(with_file, 1, "refused the API key");
    CU_ASSERT_EQUAL(waiting(), 0);
    to = fopen(key_file, "w");
    CU_ASSERT_FATAL(to != NULL);
    fputs(key, to);
    fclose(to);
    expect(with_file, 0, "3 accepted");
    snprintf(variable, sizeof variable, "%.*s", (int)strcspn(key, "\n"), key);
    farm_set(&farm, "API_KEY", variable);
    expect(NULL, 0, "3 already there");
    free(key);
    finish();
}

/* --- trouble on the way ---------------------------------------------------------------------- */

static struct proc upload;

static void start_upload(const char *timeout_s)
{
    const char *const args[] = {"upload", "--in-flight", "32", "--timeout", timeout_s, file, NULL};

    proc_start(&upload, "newsmill", farm.env, args);
}

static bool is_waiting(void *context)
{
    (void)context;
    return proc_logged(&upload, "; waiting, for up to");
}

static bool has_some(void *context)
{
    return waiting() >= *(long long *)context;
}

static bool is_port_free(void *context)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)farm.gateway_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                   bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0;

    (void)context;
    close(fd);
    return is_free;
}

/* Its children share its port and die a moment after it. */
static void kill_gateway(void)
{
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGKILL, 5000), 1000 + SIGKILL);
    CU_ASSERT(wait_until("the port to be free", 5000, is_port_free, NULL));
}

static void test_gateway_killed(void)
{
    long long some = 300;

    begin();
    write_rows(6000);
    start_upload("60"); /* nobody is there yet */
    CU_ASSERT(wait_until("the upload to wait", 10000, is_waiting, NULL));
    farm_start_gateway(&farm);
    for (int i = 0; i < 4; i++, some += 1000) {
        CU_ASSERT(wait_until("some rows", 20000, has_some, &some));
        kill_gateway();
        farm_start_gateway(&farm);
    }
    CU_ASSERT_EQUAL(proc_wait(&upload, 60000), 0);
    CU_ASSERT(proc_logged(&upload, "6000 rows, 6000 accepted, 0 already there, 0 refused"));
    CU_ASSERT_EQUAL(waiting(), 6000);
    CU_ASSERT_EQUAL(different(), 6000);
    finish();
}

static void test_redis_restarts(void)
{
    long long some = 300;

    begin();
    farm_start_gateway(&farm);
    write_rows(3000);
    start_upload("60");
    CU_ASSERT(wait_until("some rows", 20000, has_some, &some));
    redis_stop(&farm.redis);
    CU_ASSERT(wait_until("the upload to wait", 20000, is_waiting, NULL));
    redis_restart(&farm.redis);
    CU_ASSERT_EQUAL(proc_wait(&upload, 60000), 0);
    CU_ASSERT_EQUAL(waiting(), 3000);
    CU_ASSERT_EQUAL(different(), 3000);
    finish();
}

static long long taken;

/* Takes what is in the list, as workers would; true when the upload is over. */
static bool take_until_done(void *code)
{
    static const char script[] = "local count = redis.call('LLEN', 'newsmill:articles') "
                                 "redis.call('DEL', 'newsmill:articles') return count";
    int ended = proc_wait(&upload, 10);

    taken += redis_int(&farm.redis, "EVAL %s 0", script);
    if (ended >= 0)
        *(int *)code = ended;
    return ended >= 0;
}

static void test_backlog_full(void)
{
    int code = -1;

    begin();
    farm_set(&farm, "GATEWAY_MAX_BACKLOG", "50");
    farm_start_gateway(&farm);
    write_rows(90);
    start_upload("120");
    CU_ASSERT(wait_until("the upload to wait", 20000, is_waiting, NULL));
    CU_ASSERT(waiting() >= 50);
    CU_ASSERT(waiting() < 90); /* at most those in flight beyond the limit */
    taken = 0;
    CU_ASSERT(wait_until("the end of the upload", 100000, take_until_done, &code));
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_EQUAL(taken, 90);
    finish();
}

static void test_stopped(void)
{
    static const int signals[] = {SIGTERM, SIGINT};

    begin();
    write_rows(100);
    for (int i = 0; i < 2; i++) {
        start_upload("60");
        CU_ASSERT(wait_until("the upload to wait", 10000, is_waiting, NULL));
        CU_ASSERT_EQUAL(proc_stop(&upload, signals[i], 5000), 1);
        CU_ASSERT(proc_logged(&upload, "stopped by a signal"));
        CU_ASSERT(proc_logged(&upload, "0 accepted"));
    }
    finish();
}

static void test_timeout(void)
{
    static const char *const args[] = {"--timeout", "1", NULL};

    begin();
    write_rows(3);
    expect(args, 1, "no row went through for 1 s");
    expect(args, 1, "3 not sent or in doubt");
    finish();
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
