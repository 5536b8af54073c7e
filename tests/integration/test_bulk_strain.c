/* POST /post/bulk under strain: many requests of many chunks at once, clients that leave, a backlog
 * or a Redis that is full, Redis away. */
#include "tests/integration/bulk_fixture.h"

#include <CUnit/CUnit.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"

/* --- many chunks, many clients --- */

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)bulk_farm.gateway_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

static void say(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        bytes += sent;
        length -= (size_t)sent;
    }
    CU_ASSERT_EQUAL(length, 0);
}

static void say_bulk(int fd, const struct buf *body)
{
    char head[256];
    int length = snprintf(head, sizeof head,
                          "POST /post/bulk HTTP/1.1\r\nHost: localhost\r\n" BULK_NDJSON
                          "\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                          body->length);

    say(fd, head, (size_t)length);
    say(fd, body->bytes, body->length);
}

/* The status of the one answer; reads to the end. */
static int hear(int fd)
{
    char text[4096];
    int status = 0;
    ssize_t got = recv(fd, text, sizeof text - 1, 0);

    if (got > 12)
        status = (int)strtol(text + 9, NULL, 10);
    while (got > 0)
        got = recv(fd, text, sizeof text, 0);
    close(fd);
    return status;
}

/* Requests of many chunks at once, singles between them: each stands on the list in one piece and
 * in its order. */
static void test_together(void)
{
    enum { CLIENTS = 4, ITEMS = 3000 };
    struct buf bodies[CLIENTS];
    int fds[CLIENTS];
    long long seen = 0, singles = 0;

    bulk_begin_test();
    for (int i = 0; i < CLIENTS; i++) {
        buf_init(&bodies[i], BULK_BODY_BYTES);
        bulk_fill(&bodies[i], (char[]){(char)('a' + i), 0}, ITEMS, 1000);
        fds[i] = dial();
        say_bulk(fds[i], &bodies[i]);
        CU_ASSERT_EQUAL(bulk_single(NULL, "{\"content\":\"single\",\"publication\":\"p\"}"), 201);
    }
    for (int i = 0; i < CLIENTS; i++) {
        CU_ASSERT_EQUAL(hear(fds[i]), 200);
        buf_fini(&bodies[i]);
    }
    CU_ASSERT_EQUAL(bulk_depth(), CLIENTS * (ITEMS + 1));
    while (seen < CLIENTS * (ITEMS + 1)) {
        char name[64], expected[64];
        snprintf(name, sizeof name, "%s", bulk_content(seen));
        if (strcmp(name, "single") == 0) {
            singles++;
            seen++;
            continue;
        }
        CU_ASSERT_STRING_EQUAL(name + 1, "0");
        for (int k = 0; k < ITEMS; k += k < 5 || k > ITEMS - 5 ? 1 : 97) {
            snprintf(expected, sizeof expected, "%c%d", name[0], k);
            CU_ASSERT_STRING_EQUAL(bulk_content(seen + k), expected);
        }
        seen += ITEMS;
    }
    CU_ASSERT_EQUAL(singles, CLIENTS);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), CLIENTS * (ITEMS + 1));
    bulk_end_test();
}

/* A client that is gone before the answer: its articles are stored. */
static void test_client_that_leaves(void)
{
    long long wanted = 500;
    struct buf body;

    bulk_begin_test();
    buf_init(&body, BULK_BODY_BYTES);
    bulk_fill(&body, "x", 500, 10);
    redis_int(&bulk_farm.redis, "CLIENT PAUSE 500 WRITE");
    int fd = dial();
    say_bulk(fd, &body);
    CU_ASSERT_EQUAL(bulk_lines(""), 200); /* the loop has seen it */
    close(fd);
    CU_ASSERT(wait_until("the articles to be stored", 10000, bulk_has_depth, &wanted));
    buf_fini(&body);
    bulk_end_test();
}

/* --- full, away --- */

static void test_full_backlog(void)
{
    bulk_prepare();
    farm_set(&bulk_farm, "GATEWAY_MAX_BACKLOG", "4");
    farm_start_gateway(&bulk_farm);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A "\n" BULK_B), 200);
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: k", BULK_A "\n" BULK_B "\n{}\n" BULK_C), 503);
    CU_ASSERT(bulk_answered("Retry-After: "));
    CU_ASSERT_EQUAL(bulk_depth(), 2);
    CU_ASSERT_STRING_EQUAL(bulk_content(1), "b");
    CU_ASSERT_EQUAL(redis_int(&bulk_farm.redis, "KEYS newsmill:idem:*"), 0);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A "\n" BULK_B "\n" BULK_C "\n" BULK_A "\n" BULK_A), 413);
    CU_ASSERT_EQUAL(bulk_lines(BULK_C "\nx\n" BULK_A), 200);
    CU_ASSERT_EQUAL(bulk_depth(), 4);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A), 503); /* seen before anything is pushed */
    CU_ASSERT(bulk_answered("Retry-After: "));
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 4);
    redis_int(&bulk_farm.redis, "LTRIM newsmill:articles 0 0");
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: k", BULK_A "\n" BULK_B "\n{}\n" BULK_C), 200);
    CU_ASSERT_PTR_NULL(strstr(bulk_answer.headers, "Replayed"));
    CU_ASSERT_EQUAL(bulk_depth(), 4);
    bulk_end_test();
}

static bool is_to_retry_after(void *header)
{
    return bulk_lines(BULK_A) == 503 && strstr(bulk_answer.headers, header);
}

/* Retry-After follows what the workers are seen to take. */
static void test_retry_after(void)
{
    bulk_prepare();
    farm_set(&bulk_farm, "GATEWAY_MAX_BACKLOG", "2");
    farm_start_gateway(&bulk_farm);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A "\n" BULK_B), 200);
    CU_ASSERT_EQUAL(bulk_single(NULL, BULK_A), 503);
    CU_ASSERT(bulk_answered("Retry-After: 10\r\n")); /* nothing is known yet */
    CU_ASSERT(wait_until("workers to be seen standing still", 20000, is_to_retry_after,
                         "Retry-After: 60\r\n"));
    redis_int(&bulk_farm.redis, "HINCRBY newsmill:stats claimed 1000000");
    CU_ASSERT(
        wait_until("workers to be seen at work", 20000, is_to_retry_after, "Retry-After: 1\r\n"));
    CU_ASSERT_EQUAL(bulk_single(NULL, BULK_A), 503);
    CU_ASSERT(bulk_answered("Retry-After: 1\r\n"));
    bulk_end_test();
}

/* OOM: refused as a whole, at whichever command of the transaction Redis notices. */
static void test_full_redis(void)
{
    struct buf body;
    char *used;

    bulk_begin_test();
    buf_init(&body, BULK_BODY_BYTES);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A), 200);
    redis_int(&bulk_farm.redis, "CONFIG SET maxmemory 1");
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: k", BULK_A "\n" BULK_B), 503);
    CU_ASSERT(bulk_answered("OOM"));
    CU_ASSERT(bulk_answered("Retry-After: "));
    CU_ASSERT_EQUAL(bulk_depth(), 1);
    CU_ASSERT_EQUAL(redis_int(&bulk_farm.redis, "KEYS newsmill:idem:*"), 0);

    /* Room for the first chunks, but not for all. */
    bulk_fill(&body, "x", 5000, 2000);
    used = redis_text(&bulk_farm.redis, "EVAL %s 0",
                      "return redis.call('INFO', 'memory'):match('used_memory:(%d+)')");
    CU_ASSERT_PTR_NOT_NULL_FATAL(used);
    redis_int(&bulk_farm.redis, "CONFIG SET maxmemory %lld", strtoll(used, NULL, 10) + 4000000);
    free(used);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 503);
    CU_ASSERT(bulk_answered("OOM"));
    CU_ASSERT_EQUAL(bulk_depth(), 1);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 1);
    redis_int(&bulk_farm.redis, "CONFIG SET maxmemory 0");
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 200);
    CU_ASSERT_EQUAL(bulk_depth(), 5001);
    buf_fini(&body);
    bulk_end_test();
}

static bool is_200(void *body)
{
    return bulk_lines(body) == 200;
}

static void test_redis_away(void)
{
    bulk_begin_test();
    CU_ASSERT_EQUAL(bulk_lines(BULK_A), 200);
    redis_stop(&bulk_farm.redis);
    CU_ASSERT_EQUAL(bulk_lines(BULK_A), 503);
    CU_ASSERT(bulk_answered("Retry-After: 1\r\n"));
    redis_restart(&bulk_farm.redis);
    CU_ASSERT(wait_until("bulk to be taken again", 10000, is_200, BULK_B));
    CU_ASSERT_EQUAL(bulk_depth(), 2);
    redis_int(&bulk_farm.redis, "SCRIPT FLUSH");
    CU_ASSERT_EQUAL(bulk_lines(BULK_C), 200);
    redis_int(&bulk_farm.redis, "REPLICAOF 127.0.0.1 1");
    CU_ASSERT_EQUAL(bulk_lines(BULK_A "\n" BULK_B), 503);
    CU_ASSERT(bulk_answered("READONLY"));
    redis_int(&bulk_farm.redis, "REPLICAOF NO ONE");
    CU_ASSERT(wait_until("bulk to be taken again", 10000, is_200, BULK_A));
    CU_ASSERT_EQUAL(bulk_depth(), 4);
    /* A key of another kind: the transaction runs, and every push in it fails. */
    redis_int(&bulk_farm.redis, "RENAME newsmill:articles elsewhere");
    redis_int(&bulk_farm.redis, "SET newsmill:articles x");
    CU_ASSERT_EQUAL(bulk_lines(BULK_A), 503);
    CU_ASSERT(bulk_answered("WRONGTYPE"));
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 4);
    bulk_end_test();
}

void suite_bulk_strain(void);

void suite_bulk_strain(void)
{
    CU_pSuite suite = CU_add_suite("bulk_strain", NULL, NULL);

    CU_add_test(suite, "many at once", test_together);
    CU_add_test(suite, "a client that leaves", test_client_that_leaves);
    CU_add_test(suite, "full backlog", test_full_backlog);
    CU_add_test(suite, "Retry-After", test_retry_after);
    CU_add_test(suite, "full Redis", test_full_redis);
    CU_add_test(suite, "Redis away", test_redis_away);
}
