/* Single posts that the gateway has gathered: each gets its own answer, whatever becomes of the
 * others. A stopped process finds all that was sent meanwhile in one turn of its loop. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/harness.h"
#include "tests/integration/raw.h"

#define CLIENTS 40
#define SHORT_POST                                                                                 \
    "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"         \
    "Content-Length: 33\r\n\r\n{\"content\":\"a\",\"publication\":\"p\"}"

static struct farm farm;
static int sockets[CLIENTS];

static void begin(const char *max_backlog)
{
    farm_init(&farm);
    if (max_backlog)
        farm_set(&farm, "GATEWAY_MAX_BACKLOG", max_backlog);
    farm_start_gateway(&farm);
    for (int i = 0; i < CLIENTS; i++)
        sockets[i] = raw_dial(farm.gateway_port);
}

static void finish(void)
{
    for (int i = 0; i < CLIENTS; i++)
        close(sockets[i]);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

/* One post of each client, with its number as id. */
static void send_all(void)
{
    char body[128], text[512];

    for (int i = 0; i < CLIENTS; i++) {
        int length = snprintf(body, sizeof body,
                              "{\"content\":\"a\",\"publication\":\"p\",\"id\":\"n%d\"}", i);
        length = snprintf(text, sizeof text,
                          "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                          length, body);
        raw_send(sockets[i], text, (size_t)length, 0);
    }
}

static void send_all_at_once(void)
{
    pid_t child;

    CU_ASSERT_EQUAL_FATAL(proc_children(&farm.gateway, &child, 1), 1);
    kill(child, SIGSTOP);
    send_all();
    kill(child, SIGCONT);
}

static bool is_on_list(int client)
{
    char *item;
    char wanted[32];
    bool found = false;

    snprintf(wanted, sizeof wanted, "\"id\":\"n%d\"", client);
    for (int i = 0; !found && (item = redis_text(&farm.redis, "LINDEX newsmill:articles %d", i));
         i++) {
        found = strstr(item, wanted);
        free(item);
    }
    return found;
}

/* Reads all answers; returns how many are 201, the others being 503. The list has the articles of
 * just these. */
static int hear_all(void)
{
    int created = 0;

    for (int i = 0; i < CLIENTS; i++) {
        char id[32];
        bool is_created = strcmp(raw_hear(sockets[i], 1, false), "201") == 0;
        snprintf(id, sizeof id, "{\"id\":\"n%d\"}", i);
        if (is_created)
            CU_ASSERT_PTR_NOT_NULL(strstr(raw_heard(), id))
        else
            CU_ASSERT(strncmp(raw_heard(), "HTTP/1.1 503 ", 13) == 0 &&
                      strstr(raw_heard(), "Retry-After: "));
        CU_ASSERT_EQUAL(is_on_list(i), is_created);
        created += is_created;
    }
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "LLEN newsmill:articles"), created);
    CU_ASSERT_EQUAL(farm_stat(&farm, "http_in"), created);
    return created;
}

static int pushes(void)
{
    char *text = redis_text(&farm.redis, "INFO commandstats");
    const char *calls = strstr(text, "cmdstat_lpush:calls=");
    int count = calls ? (int)strtol(calls + 20, NULL, 10) : 0;

    free(text);
    return count;
}

static void test_together(void)
{
    begin(NULL);
    send_all_at_once();
    CU_ASSERT_EQUAL(hear_all(), CLIENTS);
    CU_ASSERT(pushes() < CLIENTS / 2);
    finish();
}

static void test_full(void)
{
    begin("7");
    send_all_at_once();
    CU_ASSERT_EQUAL(hear_all(), 7);
    finish();
}

static void test_refused(void)
{
    begin(NULL);
    redis_int(&farm.redis, "SET newsmill:articles text");
    send_all_at_once();
    for (int i = 0; i < CLIENTS; i++)
        CU_ASSERT_STRING_EQUAL(raw_hear(sockets[i], 1, false), "503");
    redis_int(&farm.redis, "DEL newsmill:articles");
    CU_ASSERT_EQUAL(farm_stat(&farm, "http_in"), 0);
    redis_int(&farm.redis, "CONFIG SET maxmemory 1");
    send_all_at_once();
    for (int i = 0; i < CLIENTS; i++)
        CU_ASSERT_STRING_EQUAL(raw_hear(sockets[i], 1, false), "503");
    redis_int(&farm.redis, "CONFIG SET maxmemory 0");
    send_all();
    CU_ASSERT_EQUAL(hear_all(), CLIENTS);
    finish();
}

/* A first group that Redis has not answered, and a second one behind it. */
static void test_lost(void)
{
    begin(NULL);
    kill(farm.redis.proc.pid, SIGSTOP);
    send_all();
    redis_kill(&farm.redis);
    for (int i = 0; i < CLIENTS; i++)
        CU_ASSERT_STRING_EQUAL(raw_hear(sockets[i], 1, false), "503");
    redis_restart(&farm.redis);
    finish();
}

static bool is_away(void *context)
{
    struct http_answer answer;

    (void)context;
    http_request(farm.gateway_port, "GET", "/readyz", NULL, NULL, 0, &answer);
    bool away = answer.status == 503;
    http_free(&answer);
    return away;
}

/* A post of `length` bytes of content, to free. */
static char *long_post(size_t length, size_t *size)
{
    char *text = malloc(length + 256);
    int head = snprintf(text, length + 256,
                        "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
                        "{\"publication\":\"p\",\"content\":\"",
                        length + 32);

    memset(text + head, 'a', length);
    memcpy(text + head + length, "\"}", 2);
    *size = (size_t)head + length + 2;
    return text;
}

/* A long article makes a group that is full, and Redis is away: the refusal of an article before it
 * leads to the next request of the same connection, while the group is being answered. */
static void test_refused_within(void)
{
    size_t size;
    char *post = long_post((size_t)600 << 10, &size), twice[512];
    pid_t child, same;

    snprintf(twice, sizeof twice, "%s%s", SHORT_POST, SHORT_POST);

    begin(NULL);
    redis_kill(&farm.redis);
    CU_ASSERT(wait_until("the loss of Redis", 10000, is_away, NULL));
    CU_ASSERT_EQUAL_FATAL(proc_children(&farm.gateway, &child, 1), 1);
    for (int round = 0; round < 5; round++) {
        raw_send(sockets[CLIENTS - 1], post, size - 1, 0);
        CU_ASSERT(is_away(NULL)); /* it has been read as far as it goes */
        kill(child, SIGSTOP);
        for (int i = 0; i < CLIENTS - 1; i++)
            raw_send(sockets[i], twice, strlen(twice), 0);
        raw_send(sockets[CLIENTS - 1], post + size - 1, 1, 0);
        kill(child, SIGCONT);
        for (int i = 0; i < CLIENTS - 1; i++)
            CU_ASSERT_STRING_EQUAL(raw_hear(sockets[i], 2, false), "503 503");
        CU_ASSERT_STRING_EQUAL(raw_hear(sockets[CLIENTS - 1], 1, false), "503");
    }
    CU_ASSERT_EQUAL(proc_children(&farm.gateway, &same, 1), 1);
    CU_ASSERT_EQUAL(same, child);
    redis_restart(&farm.redis);
    free(post);
    finish();
}

void suite_gather(void);

void suite_gather(void)
{
    CU_pSuite suite = CU_add_suite("gather", NULL, NULL);

    CU_add_test(suite, "many at once", test_together);
    CU_add_test(suite, "more than there is room for", test_full);
    CU_add_test(suite, "Redis refuses", test_refused);
    CU_add_test(suite, "Redis is lost", test_lost);
    CU_add_test(suite, "an answer leads to the next post", test_refused_within);
}
