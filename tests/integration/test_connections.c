/* Connections of the gateway's clients: pipelined, in pieces, left too early, too many, and the end
 * of the gateway. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/err.h"
#include "raw.h"
#include "tests/harness/harness.h"

#define JSON    "Content-Type: application/json"
#define ARTICLE "{\"content\":\"Apple opens in Paris\",\"publication\":\"BBC\"}"
#define LIVE    "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"

static struct farm farm;

static void begin(void)
{
    farm_init(&farm);
    farm_start_gateway(&farm);
}

static void finish(void)
{
    if (farm.gateway.pid)
        CU_ASSERT_EQUAL(proc_stop(&farm.gateway, SIGTERM, 10000), 0);
    redis_kill(&farm.redis);
    harness_end();
}

static long long depth(void)
{
    return redis_int(&farm.redis, "LLEN newsmill:articles");
}

static bool has_logged(void *text)
{
    return proc_logged(&farm.gateway, text);
}

static int dial(void)
{
    return raw_dial(farm.gateway_port);
}

static void say(int fd, const char *text)
{
    raw_send(fd, text, strlen(text), 0);
}

static const char *hear(int fd, int wanted)
{
    return raw_hear(fd, wanted, false);
}

/* The gateway's loop has come round: what was sent before is with Redis. */
static void turn(void)
{
    int fd = dial();

    say(fd, LIVE);
    CU_ASSERT_STRING_EQUAL(hear(fd, 1), "200");
    close(fd);
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

static void test_pipelined(void)
{
    struct buf text;

    begin();
    buf_init(&text, 8192);
    buf_append_text(&text, raw_post(ARTICLE));
    buf_append_text(&text, raw_post("{}"));
    buf_append_text(&text, LIVE);
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
    CU_ASSERT_EQUAL(redis_int(&farm.redis, "CLIENT PAUSE 20000 WRITE"), -1);
    for (int i = 0; i < 10; i++) {
        fds[i] = dial();
        say(fds[i], raw_post(ARTICLE));
        if (i % 3 == 0)
            shutdown(fds[i], SHUT_WR);
    }
    turn();
    for (int i = 0; i < 10; i++) {
        if (i % 3 == 1)
            setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        if (i % 3 != 0)
            close(fds[i]);
    }
    turn();
    CU_ASSERT_EQUAL(depth(), 0); /* they left before Redis has answered */
    redis_int(&farm.redis, "CLIENT UNPAUSE");
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
    fd = dial();
    say(fd, raw_post(ARTICLE));
    CU_ASSERT_STRING_EQUAL(hear(fd, 1), "201");
    close(fd);
    CU_ASSERT_FALSE(proc_logged(&farm.gateway, "child.died"));
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
        say(fds[i], LIVE);
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
    say(idle, LIVE);
    CU_ASSERT_STRING_EQUAL(hear(idle, 1), "200");
    redis_int(&farm.redis, "CLIENT PAUSE 20000 WRITE");
    say(waits, raw_post(ARTICLE));
    snprintf(text, sizeof text, "%s", raw_post(ARTICLE));
    CU_ASSERT_EQUAL(send(half, text, 60, 0), 60);
    turn();
    kill(farm.gateway.pid, SIGTERM);
    CU_ASSERT(wait_until("the stop to begin", 10000, has_logged, "stopping"));
    say(half, text + 60);
    redis_int(&farm.redis, "CLIENT UNPAUSE");
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

/* --- requests that are begun after TERM --- */

/* One more request; true when its answer says that it was the last. */
static bool is_told(void *fd)
{
    say(*(int *)fd, LIVE);
    CU_ASSERT_STRING_EQUAL_FATAL(hear(*(int *)fd, 1), "200");
    return strstr(raw_heard(), "\r\nConnection: close\r\n");
}

static void begin_stop(void)
{
    int fd = dial();

    CU_ASSERT_FALSE(is_told(&fd));
    kill(farm.gateway.pid, SIGTERM);
    CU_ASSERT(wait_until("the stop to be told", 10000, is_told, &fd));
    close(fd);
}

/* Redis does not answer, so the gateway lives on as long as it may. */
static void test_begun_after_stop(void)
{
    const char *post = raw_post(ARTICLE);
    int waits, head, body, whole;

    begin();
    waits = dial(), head = dial(), body = dial(), whole = dial();
    int all[] = {waits, head, body, whole};
    for (size_t i = 0; i < 4; i++) {
        say(all[i], LIVE);
        CU_ASSERT_STRING_EQUAL(hear(all[i], 1), "200");
    }
    kill(farm.redis.proc.pid, SIGSTOP);
    say(waits, post);
    turn();
    begin_stop();
    raw_send(head, post, 30, 0);
    raw_send(body, post, strlen(post) - 5, 0);
    say(whole, post);
    CU_ASSERT_STRING_EQUAL(hear(head, 2), "408 end");
    CU_ASSERT_STRING_EQUAL(hear(body, 2), "408 end");
    CU_ASSERT_STRING_EQUAL(hear(whole, 2), "503 end");
    CU_ASSERT_STRING_EQUAL(hear(waits, 2), "503 end");
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 10000), 0);
    for (size_t i = 0; i < 4; i++)
        close(all[i]);
    finish();
}

static bool is_refused(void *context)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)farm.gateway_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno == ECONNREFUSED;

    (void)context;
    close(fd);
    return refused;
}

/* Clients that wait to be taken when the gateway is told to stop are answered. Who comes later is
 * told at once that nobody is there, though the gateway still waits for Redis. */
static void test_queue_at_the_stop(void)
{
    int held[2], queued[5];

    farm_init(&farm);
    farm_set(&farm, "GATEWAY_MAX_CONNECTIONS", "2");
    farm_start_gateway(&farm);
    kill(farm.redis.proc.pid, SIGSTOP);
    for (int i = 0; i < 2; i++) {
        held[i] = dial();
        say(held[i], LIVE);
        CU_ASSERT_STRING_EQUAL(hear(held[i], 1), "200");
    }
    say(held[0], raw_post(ARTICLE));
    for (int i = 0; i < 5; i++) {
        queued[i] = dial();
        say(queued[i], LIVE);
    }
    kill(farm.gateway.pid, SIGTERM);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_STRING_EQUAL(hear(queued[i], 2), "200 end");
        close(queued[i]);
    }
    CU_ASSERT(wait_until("new clients to be refused", 10000, is_refused, NULL));
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 0), -1);
    CU_ASSERT_STRING_EQUAL(hear(held[0], 2), "503 end");
    CU_ASSERT_STRING_EQUAL(hear(held[1], 1), "end");
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 10000), 0);
    close(held[0]);
    close(held[1]);
    finish();
}

#define SLOW_CLIENTS 200

/* A byte to each that has no answer yet. True when all have one. */
static bool all_answered(void *context)
{
    int *fds = context, answered = 0;

    for (int i = 0; i < SLOW_CLIENTS; i++) {
        if (has_connection_waiting(&fds[i]))
            answered++;
        else
            raw_send(fds[i], " ", 1, 0);
    }
    return answered == SLOW_CLIENTS;
}

/* Bodies that end one by one, before, at and after the end of the gateway's patience. */
static void test_slow_at_the_end(void)
{
    int fds[SLOW_CLIENTS], other = 0;
    char text[256];

    begin();
    for (int i = 0; i < SLOW_CLIENTS; i++)
        fds[i] = dial();
    kill(farm.redis.proc.pid, SIGSTOP);
    int waits = dial();
    say(waits, raw_post(ARTICLE));
    turn();
    begin_stop();
    for (int i = 0; i < SLOW_CLIENTS; i++) {
        snprintf(text, sizeof text,
                 "POST /post/enqueue HTTP/1.1\r\nHost: localhost\r\n" JSON
                 "\r\nContent-Length: %zu\r\n\r\n" ARTICLE,
                 strlen(ARTICLE) + 500 + (size_t)i * 5);
        say(fds[i], text);
    }
    CU_ASSERT(wait_until("an answer to each", 20000, all_answered, fds));
    for (int i = 0; i < SLOW_CLIENTS; i++) {
        const char *heard = hear(fds[i], 2);
        if (strcmp(heard, "408 end") != 0 && strcmp(heard, "503 end") != 0 && other++ == 0)
            fprintf(stderr, "\n  %s\n", heard);
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(other, 0);
    CU_ASSERT_STRING_EQUAL(hear(waits, 2), "503 end");
    close(waits);
    CU_ASSERT_EQUAL(proc_wait(&farm.gateway, 10000), 0);
    CU_ASSERT_FALSE(proc_logged(&farm.gateway, "child.died"));
    finish();
}

void suite_connections(void);

void suite_connections(void)
{
    CU_pSuite suite = CU_add_suite("connections", NULL, NULL);

    CU_add_test(suite, "pipelined and in pieces", test_pipelined);
    CU_add_test(suite, "clients that leave", test_clients_that_leave);
    CU_add_test(suite, "too many connections", test_connection_limit);
    CU_add_test(suite, "clean stop", test_clean_stop);
    CU_add_test(suite, "requests begun after a stop", test_begun_after_stop);
    CU_add_test(suite, "clients not yet taken at a stop", test_queue_at_the_stop);
    CU_add_test(suite, "slow requests at the end of a stop", test_slow_at_the_end);
}
