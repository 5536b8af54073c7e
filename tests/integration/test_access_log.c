/* The gateway's access log: a line a request, whatever the request tried, and requests that do not
 * wait for whoever reads the log. */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <fcntl.h>
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

static void finish(void)
{
    redis_kill(&farm.redis);
    harness_end();
}

static long request(const char *method, const char *path, const char *const *headers,
                    const char *body)
{
    struct http_answer answer;

    http_request(farm.gateway_port, method, path, headers, body, body ? strlen(body) : 0, &answer);
    long status = answer.status;
    http_free(&answer);
    return status;
}

/* Sends it as it is and waits for the end. */
static void send_raw(const char *bytes)
{
    int fd = raw_dial(farm.gateway_port);

    raw_send(fd, bytes, strlen(bytes), 0);
    raw_hear(fd, 2, false);
    close(fd);
}

static const char injection[] =
    "GET /'$(x);%22 HTTP/1.1\r\n" HOST "Connection: close\r\nX-Request-Id: injected\r\n"
    "User-Agent: a\" key=\"root \\ \xff\t\xe2\x80\xae\x80\r\n\r\n";

static void send_requests(void)
{
    static const char *const headers[] = {JSON, "X-Request-Id: good", "User-Agent: test/1", NULL};
    char long_one[8000] = "";

    CU_ASSERT_EQUAL(request("POST", "/post/enqueue", headers, ARTICLE), 201);
    send_raw(injection);
    send_raw("\x16\x03\x01\r\n");
    snprintf(long_one, sizeof long_one,
             "GET /%03000d HTTP/1.1\r\n" HOST
             "Connection: close\r\nX-Request-Id: long\r\nUser-Agent: %03000d\r\n\r\n",
             1, 1);
    send_raw(long_one);
}

/* The line of a request, to free. NULL where there is none. */
static char *find_line(const char *part)
{
    static char line[8192];
    FILE *file = fopen(farm.gateway.log, "r");
    char *found = NULL;

    CU_ASSERT_FATAL(file != NULL);
    while (!found && fgets(line, sizeof line, file))
        if (strstr(line, "http.request") && strstr(line, part))
            found = xstrdup(line);
    fclose(file);
    return found;
}

static void expect_line(const char *part, const char *const *wanted)
{
    char *line = find_line(part);

    if (!line)
        fprintf(stderr, "\n  no line with %s\n", part);
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    for (; *wanted; wanted++) {
        if (!strstr(line, *wanted))
            fprintf(stderr, "\n  no %s in: %s", *wanted, line);
        CU_ASSERT_PTR_NOT_NULL(strstr(line, *wanted));
    }
    for (const char *at = line; *at && *at != '\n'; at++)
        CU_ASSERT(*at >= 0x20 && *at < 0x7f);
    CU_ASSERT(strlen(line) < 1500);
    free(line);
}

static void test_logfmt(void)
{
    static const char *const good[] = {
        " info gateway[0] http.request request=good client=127.0.0.1",
        " method=\"POST\" path=\"/post/enqueue\" status=201 in=",
        " out=",
        " ms=",
        " key=\"\" agent=\"test/1\"\n",
        NULL};
    static const char *const injected[] = {
        " path=\"/'$(x);%22\" status=404 ",
        " agent=\"a\\\" key=\\\"root \\\\ \\u00ff\\u0009\\u00e2\\u0080\\u00ae\\u0080\"\n", NULL};
    static const char *const none[] = {" method=\"\" path=\"\" status=400 ", " agent=\"\"\n", NULL};
    static const char *const cut[] = {" path=\"/0000", " status=404 ", NULL};

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_ACCESS_LOG", "logfmt");
    farm_start_gateway(&farm);
    send_requests();
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0); /* what is left is written */
    expect_line("request=good", good);
    expect_line("request=injected", injected);
    expect_line("status=400", none);
    expect_line("request=long", cut);
    finish();
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));

    return text ? text : "(none)";
}

static void test_json(void)
{
    char path[300], key[KEYS_KEY_BYTES], header[128];
    struct err e;

    farm_init(&farm);
    snprintf(path, sizeof path, "%s/keys", farm.dir);
    CU_ASSERT_EQUAL_FATAL(keys_create(path, "ann.1", key, &e), 0);
    farm_set(&farm, "GATEWAY_KEYS_FILE", path);
    farm_set(&farm, "GATEWAY_ACCESS_LOG", "json");
    farm_start_gateway(&farm);
    snprintf(header, sizeof header, "access_token: %s", key);
    const char *const headers[] = {JSON, header, "X-Request-Id: good", NULL};
    CU_ASSERT_EQUAL(request("POST", "/post/enqueue", headers, ARTICLE), 201);
    send_raw(injection);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);

    char *line = find_line("\"good\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    cJSON *object = cJSON_Parse(line);
    CU_ASSERT_STRING_EQUAL(text_of(object, "event"), "http.request");
    CU_ASSERT_STRING_EQUAL(text_of(object, "key"), "ann.1");
    CU_ASSERT_STRING_EQUAL(text_of(object, "client"), "127.0.0.1");
    CU_ASSERT_EQUAL(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "status")), 201);
    CU_ASSERT(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "in")) > strlen(ARTICLE));
    CU_ASSERT(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "ms")) > 0);
    CU_ASSERT_PTR_NULL(strstr(line, key)); /* the name, not the key */
    cJSON_Delete(object);
    free(line);
    line = find_line("\"injected\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    object = cJSON_Parse(line);
    CU_ASSERT_STRING_EQUAL(text_of(object, "key"), "");
    CU_ASSERT_STRING_EQUAL(text_of(object, "path"), "/'$(x);%22");
    CU_ASSERT_PTR_NOT_NULL(strstr(text_of(object, "agent"), "a\" key=\"root \\ \xc3\xbf\t"));
    cJSON_Delete(object);
    free(line);
    finish();
}

/* --- a log that nobody reads --- */

static long lost(void)
{
    static const char name[] = "\nnewsmill_access_log_lost_total ";
    struct http_answer answer;
    long count = -1;

    http_request(farm.gateway_port, "GET", "/metrics", NULL, NULL, 0, &answer);
    if (answer.status == 200 && strstr(answer.body, name))
        count = strtol(strstr(answer.body, name) + strlen(name), NULL, 10);
    http_free(&answer);
    return count;
}

/* More requests, each of which must be answered at once, until a line was lost. */
static bool has_lost(void *sent)
{
    const char *const headers[] = {JSON, NULL};

    for (int i = 0; i < 50; i++, ++*(long *)sent)
        if (request("POST", "/post/enqueue", headers, ARTICLE) != 201)
            return false;
    return lost() > 0;
}

static bool is_ready(void *context)
{
    (void)context;
    return request("GET", "/readyz", NULL, NULL) == 200;
}

/* Every line that comes out is a whole one; returns how many requests they tell of. */
static long read_lines(int fd)
{
    static char text[1 << 20];
    size_t length = 0;
    ssize_t got;
    long requests = 0;

    while (length < sizeof text - 1 &&
           (got = read(fd, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = 0;
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        CU_ASSERT(strncmp(at, "20", 2) == 0 && strlen(at) > 30);
        if (strstr(at, " http.request ")) {
            requests++;
            CU_ASSERT_PTR_NOT_NULL(strstr(at, " agent=\""));
            CU_ASSERT_EQUAL(at[strlen(at) - 1], '"');
        }
    }
    return requests;
}

static void run_unread(const int ends[2])
{
    long sent = 0;

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_ACCESS_LOG", "logfmt");
    proc_log_to(ends[1]);
    proc_start(&farm.gateway, "newsmill-gateway", farm.env, NULL);
    close(ends[1]);
    CU_ASSERT(wait_until("the gateway", 20000, is_ready, NULL));
    CU_ASSERT(wait_until("a line to be lost", 60000, has_lost, &sent));
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), sent);

    kill(farm.gateway.pid, SIGTERM); /* it ends, too; the pipe has what it had room for */
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 10000), 0);
    long seen = read_lines(ends[0]);
    CU_ASSERT(seen > 0 && seen < sent);
    close(ends[0]);
    finish();
}

static void test_unread_pipe(void)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    CU_ASSERT(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
    run_unread(ends);
}

static void test_unread_socket(void) /* such as journald's */
{
    int ends[2], size = 8192;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CU_ASSERT_EQUAL(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    run_unread(ends);
}

void suite_access_log(void);

void suite_access_log(void)
{
    CU_pSuite suite = CU_add_suite("access_log", NULL, NULL);

    CU_add_test(suite, "logfmt, and what tries to break out of it", test_logfmt);
    CU_add_test(suite, "JSON, with the key's name", test_json);
    CU_add_test(suite, "a pipe that nobody reads", test_unread_pipe);
    CU_add_test(suite, "a socket that nobody reads", test_unread_socket);
}
