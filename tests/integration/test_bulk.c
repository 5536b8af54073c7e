/* POST /post/bulk in front of a real Redis: order, answers an item, what spoils a whole request and
 * what only an item, gzip, limits. */
#include "tests/integration/bulk_fixture.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/err.h"

#define GZIP "Content-Encoding: gzip"

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
    buf_init(&body, BULK_BODY_BYTES);
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
    buf_init(&packed, 2 * BULK_BODY_BYTES);
    buf_init(&body, 2 * BULK_BODY_BYTES);
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
    while (body.length < BULK_BODY_BYTES)
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
    buf_init(&body, 2 * BULK_BODY_BYTES);
    bulk_fill(&body, "x", 10001, 1);
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 413);
    CU_ASSERT_EQUAL(bulk_depth(), 0);
    body.length -= (size_t)(strlen(strrchr(body.bytes, '{')));
    CU_ASSERT_EQUAL(bulk_send(BULK_NDJSON, NULL, body.bytes, body.length), 200);
    CU_ASSERT(bulk_answered(BULK_COUNTS(10000, 0, 0)));
    CU_ASSERT_EQUAL(bulk_depth(), 10000);

    buf_clear(&body);
    buf_append_text(&body, BULK_A);
    while (body.length < BULK_BODY_BYTES)
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
}
