/* Restarts and reloads of a gateway on a socket that somebody else holds, under clients that keep
 * their connections: no request goes without its answer, and what was answered 201 is on the list
 * once. NEWSMILL_LONG=1: 20 of each, else 3. */
#include <CUnit/CUnit.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keep_alive.h"
#include "raw.h"
#include "tests/harness/harness.h"

#define CONNECTIONS 16
#define LIVE        "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"

static struct farm farm;
static int held; /* the listening socket */

static int rounds(void)
{
    return getenv("NEWSMILL_LONG") ? 20 : 3;
}

static bool logs_ready(void *context)
{
    (void)context;
    return proc_logged(&farm.gateway, " ready ");
}

static void start(void)
{
    proc_hand_over(held);
    proc_start(&farm.gateway, "newsmill-gateway", farm.env, NULL);
    CU_ASSERT(wait_until("the gateway to be ready", 20000, logs_ready, NULL));
}

static void begin(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_PROCESSES", "2");
    address.sin_port = htons((uint16_t)farm.gateway_port);
    held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(held, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    CU_ASSERT_EQUAL_FATAL(bind(held, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(listen(held, 128), 0);
    start();
}

static void finish(void)
{
    close(held);
    redis_stop(&farm.redis);
    harness_end();
}

static long long depth(void)
{
    return redis_int(&farm.redis, "LLEN newsmill:articles");
}

static bool has_more(void *wanted)
{
    return depth() >= *(long long *)wanted;
}

static void some_more(void)
{
    long long wanted = depth() + 300;

    CU_ASSERT(wait_until("300 more articles", 20000, has_more, &wanted));
}

/* How many different ids are on the list. */
static long long distinct(void)
{
    return redis_int(&farm.redis, "EVAL %s 1 newsmill:articles",
                     "local seen, count = {}, 0\n"
                     "for _, item in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do\n"
                     "    local id = cjson.decode(item).id\n"
                     "    if not seen[id] then seen[id] = true; count = count + 1 end\n"
                     "end\n"
                     "return count");
}

static void expect_all_answered(struct keep_alive *clients, const char *what)
{
    struct keep_alive_result r = {0};

    keep_alive_stop(clients, &r);
    fprintf(stderr,
            "\n  %d %s: %ld answered with 201, %ld otherwise (%d), %ld never; connections ended: "
            "%ld as said, %ld idle\n",
            rounds(), what, r.created, r.other, r.last_other, r.cut, r.told, r.idle_ends);
    CU_ASSERT_EQUAL(r.other, 0);
    CU_ASSERT_EQUAL(r.cut, 0);
    CU_ASSERT(r.told >= CONNECTIONS); /* or the clients did not notice any of it */
    CU_ASSERT_EQUAL(depth(), r.created);
    CU_ASSERT_EQUAL(distinct(), r.created);
    CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
}

static void test_restarts(void)
{
    begin();
    struct keep_alive *clients = keep_alive_start(farm.gateway_port, CONNECTIONS);
    for (int i = 0; i < rounds(); i++) {
        some_more();
        CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
        start();
    }
    some_more();
    expect_all_answered(clients, "restarts");
    finish();
}

static bool is_reloaded(void *count)
{
    return proc_log_count(&farm.gateway, " reloaded ") >= *(int *)count;
}

static void test_reloads(void)
{
    begin();
    struct keep_alive *clients = keep_alive_start(farm.gateway_port, CONNECTIONS);
    for (int i = 1; i <= rounds(); i++) {
        some_more();
        kill(farm.gateway.pid, SIGHUP);
        CU_ASSERT(wait_until("the reload", 20000, is_reloaded, &i));
    }
    some_more();
    expect_all_answered(clients, "reloads");
    finish();
}

/* One more request; true when its answer says that it was the last. */
static bool is_told(void *fd)
{
    raw_send(*(int *)fd, LIVE, strlen(LIVE), 0);
    CU_ASSERT_STRING_EQUAL_FATAL(raw_hear(*(int *)fd, 1, false), "200");
    return strstr(raw_heard(), "\r\nConnection: close\r\n");
}

/* A request on an idle connection that crosses the stop on the way is answered, and told that it
 * was the last. */
static void test_crossing(void)
{
    begin();
    int fresh = raw_dial(farm.gateway_port), used = raw_dial(farm.gateway_port);
    CU_ASSERT_FALSE(is_told(&used));
    kill(farm.gateway.pid, SIGTERM);
    CU_ASSERT(wait_until("the stop to be told", 10000, is_told, &used));
    CU_ASSERT_STRING_EQUAL(raw_hear(used, 1, false), "end");
    close(used);
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 10000), 0);
    close(fresh); /* it may be served by the next one, or not at all: it has sent nothing */
    finish();
}

void suite_restarts(void);

void suite_restarts(void)
{
    CU_pSuite suite = CU_add_suite("restarts", NULL, NULL);

    CU_add_test(suite, "restarts under kept connections", test_restarts);
    CU_add_test(suite, "reloads under kept connections", test_reloads);
    CU_add_test(suite, "a request that crosses the stop", test_crossing);
}
