/* POST /post/bulk in front of a real Redis: order, answers an item, what spoils a whole request and
 * what only an item, gzip, limits, a backlog or a Redis that is full, Redis away. */
#include "tests/integration/bulk_fixture.h"

#include <CUnit/CUnit.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "common/err.h"

#define MAX_BODY_BYTES ((size_t)32 << 20)
#define GZIP           "Content-Encoding: gzip"

/* --- lines and arrays --- */

static void test_lines(void)
{
    char base[25] = "", expected[2000];

    bulk_begin_test();
    CU_ASSERT_EQUAL(bulk_lines("\n" BULK_A "\r\n\r\n  \n"
                               "{\"content\":\"b\",\"publication\":\"p\",\"id\":\"mine\"}\n"
                               "{\"publication\":\"p\"}\nnonsense\n" BULK_C),
                    200);
    CU_ASSERT(sscanf(bulk_answer.body, "{%*[^[][{\"id\":\"%24[0-9a-f]", base) == 1 &&
              strlen(base) == 24);
    snprintf(expected, sizeof expected,
             BULK_COUNTS(3, 0, 2) "\"items\":[{\"id\":\"%s00000000\"},{\"id\":\"mine\"},"
                                  "{\"status\":422,\"detail\":[{\"type\":\"missing\",\"loc\":"
                                  "[\"body\",2,\"content\"],\"msg\":\"Field required\"}]},"
                                  "{\"status\":422,\"detail\":[{\"type\":\"json_invalid\",\"loc\":"
                                  "[\"body\",3,0],\"msg\":\"JSON decode error\",\"ctx\":{\"error\":"
                                  "\"not JSON: a value is expected (byte 0)\"}}]},"
                                  "{\"id\":\"%s00000004\"}]}",
             base, base);
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, expected);
    CU_ASSERT_EQUAL(bulk_depth(), 3);
    CU_ASSERT_STRING_EQUAL(bulk_content(0), "a");
    CU_ASSERT_STRING_EQUAL(bulk_content(1), "b");
    CU_ASSERT_STRING_EQUAL(bulk_content(2), "c");
    char *item = redis_text(&bulk_farm.redis, "LINDEX newsmill:articles 0");
    snprintf(expected, sizeof expected,
             "{\"content\":\"c\",\"publication\":\"p\",\"id\":\"%s00000004\"}", base);
    CU_ASSERT_STRING_EQUAL(item, expected);
    free(item);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 3);
    CU_ASSERT_EQUAL(redis_int(&bulk_farm.redis, "DBSIZE"), 2);

    /* After what is there: the next one is worked after them. */
    CU_ASSERT_EQUAL(bulk_lines("{\"content\":\"d\",\"publication\":\"p\"}"), 200);
    CU_ASSERT_STRING_EQUAL(bulk_content(0), "a");
    CU_ASSERT_STRING_EQUAL(bulk_content(3), "d");
    bulk_end_test();
}

static void test_nothing_good(void)
{
    bulk_begin_test();
    CU_ASSERT_EQUAL(bulk_lines(""), 200);
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, BULK_COUNTS(0, 0, 0) "\"items\":[]}");
    CU_ASSERT_EQUAL(bulk_array(" [ ] "), 200);
    CU_ASSERT_STRING_EQUAL(bulk_answer.body, BULK_COUNTS(0, 0, 0) "\"items\":[]}");
    CU_ASSERT_EQUAL(bulk_lines("{}\nx"), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(0, 0, 2)));
    CU_ASSERT_EQUAL(redis_int(&bulk_farm.redis, "DBSIZE"), 0);
    bulk_end_test();
}

static void test_array(void)
{
    static const char *const broken[] = {"[" BULK_A ",",
                                         "[" BULK_A,
                                         "[" BULK_A "]x",
                                         "[" BULK_A ",]",
                                         "[,]",
                                         "[" BULK_A BULK_A "]",
                                         "[" BULK_A ",{\"a]",
                                         "[" BULK_A ",01]",
                                         "x",
                                         "[" BULK_A ",{\"content\":\"\\ud800\"}]"};

    bulk_begin_test();
    CU_ASSERT_EQUAL(
        bulk_array("\n[ " BULK_A "\r\n,\t3," BULK_B ",[[{}]],null,\"x\"\n," BULK_C "]\n"), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(3, 0, 4)));
    CU_ASSERT_EQUAL(bulk_answered_times("\"model_attributes_type\""), 4);
    CU_ASSERT(bulk_answered("\"loc\":[\"body\",5]"));
    CU_ASSERT_STRING_EQUAL(bulk_content(0), "a");
    CU_ASSERT_STRING_EQUAL(bulk_content(2), "c");
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        CU_ASSERT_EQUAL(bulk_array(broken[i]), 422);
        CU_ASSERT(bulk_answered("\"type\":\"json_invalid\",\"loc\":[\"body\","));
    }
    CU_ASSERT_EQUAL(bulk_array("{}"), 422);
    CU_ASSERT(bulk_answered("\"type\":\"list_type\",\"loc\":[\"body\"],"));
    CU_ASSERT_EQUAL(bulk_array(""), 422);
    CU_ASSERT(bulk_answered("\"type\":\"missing\",\"loc\":[\"body\"],"));
    CU_ASSERT_EQUAL(bulk_depth(), 3);
    /* What was sent before the end proved to be bad is gone, and the connection is as before. */
    CU_ASSERT_EQUAL(bulk_array("[" BULK_A "]"), 200);
    CU_ASSERT_EQUAL(bulk_depth(), 4);
    CU_ASSERT_EQUAL(farm_stat(&bulk_farm, "http_in"), 4);
    bulk_end_test();
}

/* Deep or wide: an answer in time, and nothing dies. */
static void test_nested(void)
{
    struct buf body;

    bulk_begin_test();
    buf_init(&body, MAX_BODY_BYTES);
    buf_append_text(&body, BULK_A "\n{\"x\":");
    for (int i = 0; i < 100000; i++)
        buf_append_text(&body, "[");
    CU_ASSERT_EQUAL(bulk_lines(body.bytes), 200);
    CU_ASSERT(bulk_answered("nested too deeply"));
    CU_ASSERT(bulk_answered(BULK_COUNTS(1, 0, 1)));
    buf_clear(&body);
    while (body.length < 1000000)
        buf_append_text(&body, "[");
    CU_ASSERT_EQUAL(bulk_array(body.bytes), 422);
    buf_clear(&body);
    buf_append_text(&body, "[{\"content\":\"a\",\"publication\":\"p\",\"x\":[1");
    while (body.length < 5000000)
        buf_append_text(&body, ",[],{}");
    buf_append_text(&body, "]}]");
    CU_ASSERT_EQUAL(bulk_array(body.bytes), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(1, 0, 0)));
    char *item = redis_text(&bulk_farm.redis, "LINDEX newsmill:articles 0");
    CU_ASSERT(item && strlen(item) < 100); /* of unknown members nothing is kept */
    free(item);
    buf_fini(&body);
    bulk_end_test();
}

static void test_head(void)
{
    bulk_begin_test();
    CU_ASSERT_EQUAL(bulk_send("Content-Type: text/plain", NULL, BULK_A, strlen(BULK_A)), 415);
    CU_ASSERT_EQUAL(bulk_lines_with("Content-Encoding: br", BULK_A), 415);
    CU_ASSERT(bulk_answered("Accept-Encoding: gzip"));
    CU_ASSERT_EQUAL(bulk_lines_with("Idempotency-Key: a b", BULK_A), 400);
    CU_ASSERT_EQUAL(
        bulk_send("Content-Type: application/jsonl; charset=utf-8", NULL, BULK_A, strlen(BULK_A)),
        200);
    CU_ASSERT_EQUAL(bulk_send("Content-Type: Application/NDJSON", NULL, BULK_A, strlen(BULK_A)),
                    200);
    CU_ASSERT_EQUAL(bulk_lines_with("Transfer-Encoding: chunked", BULK_A), 200);
    CU_ASSERT_EQUAL(bulk_depth(), 3);
    bulk_end_test();
}

/* --- gzip --- */

static void pack(struct buf *out, const char *bytes, size_t length)
{
    z_stream z = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)length};
    size_t room = length + 1024;

    CU_ASSERT_EQUAL_FATAL(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (Bytef *)buf_reserve(out, room);
    z.avail_out = (uInt)room;
    CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->length += room - z.avail_out;
    deflateEnd(&z);
}

static void test_gzip(void)
{
    struct buf packed, body;

    bulk_begin_test();
    buf_init(&packed, 2 * MAX_BODY_BYTES);
    buf_init(&body, 2 * MAX_BODY_BYTES);
    pack(&packed, BULK_A "\n" BULK_B, strlen(BULK_A "\n" BULK_B));
    size_t first = packed.length;
    pack(&packed, "\n" BULK_C, strlen("\n" BULK_C));
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, GZIP, packed.bytes, packed.length), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(3, 0, 0)));
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, "Content-Encoding: X-GZIP", packed.bytes, first), 200);
    CU_ASSERT_EQUAL(bulk_depth(), 5);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, GZIP, packed.bytes, packed.length - 1), 400);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, GZIP, packed.bytes, first + 5), 400);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, GZIP, BULK_A, strlen(BULK_A)), 400);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, GZIP, "", 0), 400);
    buf_append_text(&packed, "garbage");
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, GZIP, packed.bytes, packed.length), 400);

    /* As long as may be, and a byte more: the second is a bomb of 1:1000. */
    buf_append_text(&body, BULK_A);
    while (body.length < MAX_BODY_BYTES)
        buf_append(&body, "\n", 1);
    buf_clear(&packed);
    pack(&packed, body.bytes, body.length);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, GZIP, packed.bytes, packed.length), 200);
    buf_append(&body, "\n", 1);
    buf_clear(&packed);
    pack(&packed, body.bytes, body.length);
    CU_ASSERT(packed.length < 100000);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, GZIP, packed.bytes, packed.length), 413);
    CU_ASSERT_EQUAL(bulk_depth(), 6);
    buf_fini(&packed);
    buf_fini(&body);
    bulk_end_test();
}

/* --- limits --- */

static void test_limits(void)
{
    struct buf body;

    bulk_begin_test();
    buf_init(&body, 2 * MAX_BODY_BYTES);
    bulk_fill(&body, "x", 10001, 1);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 413);
    CU_ASSERT_EQUAL(bulk_depth(), 0);
    body.length -= (size_t)(strlen(strrchr(body.bytes, '{')));
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(10000, 0, 0)));
    CU_ASSERT_EQUAL(bulk_depth(), 10000);

    buf_clear(&body);
    buf_append_text(&body, BULK_A);
    while (body.length < MAX_BODY_BYTES)
        buf_append(&body, "\n", 1);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 200);
    buf_append(&body, "\n", 1);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 413);
    CU_ASSERT_EQUAL(bulk_depth(), 10001);

    /* One content too long: its neighbours go on. */
    buf_clear(&body);
    buf_printf(&body, "[" BULK_A ",{\"publication\":\"p\",\"content\":\"%01048577d\"}," BULK_B "]",
               0);
    CU_ASSERT_EQUAL(bulk_array(body.bytes), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(2, 0, 1)));
    CU_ASSERT(bulk_answered("{\"status\":413,\"detail\":\"content should have at most"));
    CU_ASSERT_EQUAL(bulk_depth(), 10003);
    buf_fini(&body);
    bulk_end_test();
}

/* Where contents are to be short the other members are most of an item, and six times as long once
 * they are escaped. */
static void test_short_articles(void)
{
    static const char *const names[] = {"id", "url", "title", "published"};
    char *text = xmalloc(8193);
    struct buf body;

    memset(text, 0x7f, 8192);
    text[8192] = 0;
    buf_init(&body, 1 << 20);
    buf_append_text(&body, "{\"content\":\"\",\"publication\":\"\\u0070\"");
    for (int i = 0; i < 4; i++)
        buf_printf(&body, ",\"%s\":\"%s\"", names[i], text);
    buf_append_text(&body, "}");
    bulk_prepare();
    farm_set(&bulk_farm, "GATEWAY_MAX_ARTICLE_BYTES", "1");
    farm_start_gateway(&bulk_farm);
    CU_ASSERT_EQUAL(bulk_lines(body.bytes), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(1, 0, 0)));
    CU_ASSERT_EQUAL(bulk_single(NULL, body.bytes), 201);
    CU_ASSERT_FALSE(proc_logged(&bulk_farm.gateway, "child.died"));
    free(text);
    buf_fini(&body);
    bulk_end_test();
}

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
        buf_init(&bodies[i], MAX_BODY_BYTES);
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
    buf_init(&body, MAX_BODY_BYTES);
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
    buf_init(&body, MAX_BODY_BYTES);
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

void suite_bulk(void);

void suite_bulk(void)
{
    CU_pSuite suite = CU_add_suite("bulk", NULL, NULL);

    CU_add_test(suite, "lines", test_lines);
    CU_add_test(suite, "no good article", test_nothing_good);
    CU_add_test(suite, "an array", test_array);
    CU_add_test(suite, "nested", test_nested);
    CU_add_test(suite, "the head", test_head);
    CU_add_test(suite, "gzip", test_gzip);
    CU_add_test(suite, "limits", test_limits);
    CU_add_test(suite, "short articles", test_short_articles);
    CU_add_test(suite, "many at once", test_together);
    CU_add_test(suite, "a client that leaves", test_client_that_leaves);
    CU_add_test(suite, "full backlog", test_full_backlog);
    CU_add_test(suite, "Retry-After", test_retry_after);
    CU_add_test(suite, "full Redis", test_full_redis);
    CU_add_test(suite, "Redis away", test_redis_away);
}
