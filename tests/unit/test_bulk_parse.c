/* bulk_parse, bulk_answer, gunzip and drain by themselves: bodies at random in slices of any size
 * against bulk_model, the limits, and the answers with duplicates. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/err.h"
#include "gateway/bulk_answer.h"
#include "gateway/drain.h"
#include "gateway/gunzip.h"
#include "tests/unit/bulk_model.h"

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % bound;
}

/* --- bodies at random --- */

static void append_item(struct buf *out)
{
    static const char *const items[] = {
        "{\"content\":\"a\",\"publication\":\"p\"}",
        "{\"content\":\"\",\"publication\":\" P \\u0041\",\"id\":\"x\\ty\"}",
        "{\"id\":\"\",\"publication\":\"p\",\"content\":\"\\ud83d\\ude00 \xc3\xa9\"}",
        "{ \"\\u0069d\" : \"q\" , \"content\" : \"c\", \"publication\":\"p\", \"id\":null}",
        "{\"content\":\"a\",\"publication\":\"p\",\"title\":null,\"x\":[1,{\"a\":[]}]}",
        "{\"content\":\"a\",\"content\":\"b\",\"publication\":\"p\",\"published\":\"\x7f\"}",
        "{}",
        "{\"content\":1,\"publication\":\"p\"}",
        "{\"content\":\"a\",\"publication\":\"\xc2\xa0\"}",
        "[]",
        "17",
        "\"text\"",
        "null",
        "{\"content\":\"a\",\"publication\":\"p\",\"id\":5}",
    };
    static const char *const broken[] = {"{\"content\":\"a\"", "{\"a\":\"\xff\"}", "x", "{},", "]",
                                         "{\"a\":01}"};

    if (random_below(40) == 0)
        buf_append_text(out, broken[random_below(sizeof broken / sizeof broken[0])]);
    else if (random_below(12) == 0)
        buf_printf(out, "{\"publication\":\"p\",\"content\":\"%0*d\"}",
                   BULK_MODEL_MAX_CONTENT - 1 + (int)random_below(4), 0);
    else
        buf_append_text(out, items[random_below(sizeof items / sizeof items[0])]);
}

static void append_space(struct buf *out, enum bulk_kind kind)
{
    static const char *const spaces[] = {"", "", "", " ", "\t", "\r", "\n"};

    buf_append_text(out, spaces[random_below(kind == BULK_ARRAY ? 7 : 6)]);
}

static void write_body(struct buf *out, enum bulk_kind kind)
{
    uint32_t count = random_below(random_below(8) == 0 ? 400 : 12);

    buf_clear(out);
    append_space(out, kind);
    if (kind == BULK_ARRAY)
        buf_append_text(out, "[");
    for (uint32_t i = 0; i < count; i++) {
        append_space(out, kind);
        if (kind == BULK_ARRAY && i > 0)
            buf_append_text(out, ",");
        append_space(out, kind);
        if (kind == BULK_ARRAY || random_below(5))
            append_item(out);
        append_space(out, kind);
        if (kind == BULK_LINES)
            buf_append_text(out, i + 1 < count || random_below(2) ? "\n" : "");
    }
    if (kind == BULK_ARRAY)
        buf_append_text(out, "]\n");
}

static void test_random(void)
{
    struct buf body;

    buf_init(&body, 1 << 20);
    for (int round = 0; round < 3000; round++) {
        enum bulk_kind kind = random_below(2) ? BULK_LINES : BULK_ARRAY;
        write_body(&body, kind);
        if (kind == BULK_ARRAY && random_below(10) == 0)
            body.length = random_below((uint32_t)body.length); /* cut short */
        size_t slice = 1 + random_below(random_below(2) ? 8 : 4000);
        const char *wrong = bulk_model_check(kind, random_below(2), body.bytes, body.length, slice);
        if (wrong)
            fprintf(stderr, "\n  %s: %.*s\n", wrong, (int)body.length, body.bytes);
        CU_ASSERT_PTR_NULL(wrong);
    }
    buf_fini(&body);
}

/* --- limits --- */

static struct bulk_parse parse;

static enum bulk_progress read_all(enum bulk_kind kind, const struct buf *body)
{
    struct bulk_source source = {.kind = kind,
                                 .body = body->bytes,
                                 .length = body->length,
                                 .max_content_bytes = BULK_MODEL_MAX_CONTENT,
                                 .list = "l"};
    enum bulk_progress progress;

    bulk_parse_fini(&parse);
    bulk_parse_init(&parse, &source);
    do
        progress = bulk_parse_more(&parse, 4096);
    while (progress == BULK_MORE || progress == BULK_CHUNK);
    return progress;
}

static void fill(struct buf *body, enum bulk_kind kind, int count)
{
    buf_clear(body);
    if (kind == BULK_ARRAY)
        buf_append_text(body, "[");
    for (int i = 0; i < count; i++)
        buf_printf(body, "%s{\"content\":\"%d\",\"publication\":\"p\"}",
                   i == 0               ? ""
                   : kind == BULK_ARRAY ? ","
                                        : "\n",
                   i);
    if (kind == BULK_ARRAY)
        buf_append_text(body, "]");
}

static void test_limits(void)
{
    struct buf body;

    buf_init(&body, 16 << 20);
    for (enum bulk_kind kind = BULK_LINES; kind <= BULK_ARRAY; kind++) {
        fill(&body, kind, BULK_MAX_ITEMS);
        CU_ASSERT_EQUAL(read_all(kind, &body), BULK_END);
        CU_ASSERT_EQUAL(parse.good_count, BULK_MAX_ITEMS);
        fill(&body, kind, BULK_MAX_ITEMS + 1);
        CU_ASSERT_EQUAL(read_all(kind, &body), BULK_BAD);
        CU_ASSERT_PTR_NULL(parse.type);
    }
    /* An item that is longer than any article: a line harms itself only. */
    buf_clear(&body);
    buf_printf(&body, "{\"content\":\"a\",\"publication\":\"p\"}\n{\"x\":\"%0100000d\"}\n{}", 0);
    CU_ASSERT_EQUAL(read_all(BULK_LINES, &body), BULK_END);
    CU_ASSERT_EQUAL(parse.item_count, 3);
    CU_ASSERT_EQUAL(parse.good_count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(parse.faults.bytes, "\"status\":413,\"detail\":\""));
    buf_clear(&body);
    buf_printf(&body, "[{\"x\":\"%0100000d\"}]", 0);
    CU_ASSERT_EQUAL(read_all(BULK_ARRAY, &body), BULK_BAD);
    CU_ASSERT_PTR_NULL(parse.type);
    bulk_parse_fini(&parse);
    buf_fini(&body);
}

/* --- answers with duplicates --- */

static const char *answer_with(const char *runs, struct bulk_counts *counts)
{
    static struct buf json;
    struct bulk_outcome outcome = {
        .base = "aaaaaaaaaaaaaaaaaaaaaaaa", .runs = runs, .runs_length = strlen(runs)};

    buf_fini(&json);
    buf_init(&json, bulk_answer_max_bytes(&parse, &outcome));
    return bulk_answer_write(&parse, &outcome, counts, &json) == 0 ? json.bytes : "";
}

static void test_duplicates(void)
{
    static const char *const nonsense[] = {"1",
                                           "1 1 3:\"a",
                                           "0 1 3:\"a\"",
                                           "6 1 3:\"a\"",
                                           "1 0 3:\"a\"",
                                           "1 2 3:\"a\"",
                                           "1 1 1:\"",
                                           "a",
                                           "2 1 3:\"a\"1 1 3:\"a\"",
                                           "1 9999999999 3:\"a\""};
    struct bulk_counts counts;
    struct buf body;

    buf_init(&body, 1 << 20);
    buf_append_text(&body, "{\"content\":\"0\",\"publication\":\"p\"}\n{}\n");
    buf_append_text(&body, "{\"content\":\"1\",\"publication\":\"p\",\"id\":\"own\"}\n"
                           "{\"content\":\"2\",\"publication\":\"p\"}\n"
                           "{\"content\":\"3\",\"publication\":\"p\"}\n");
    CU_ASSERT_EQUAL(read_all(BULK_LINES, &body), BULK_END);
    CU_ASSERT_STRING_EQUAL(
        answer_with("2 2 34:\"bbbbbbbbbbbbbbbbbbbbbbbb000000ff\"4 1 3:\"x\"", &counts),
        "{\"accepted\":1,\"duplicates\":3,\"refused\":1,\"items\":["
        "{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaa00000000\"},"
        "{\"status\":422,\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",1,\"content\"],"
        "\"msg\":\"Field required\"}]},"
        "{\"id\":\"bbbbbbbbbbbbbbbbbbbbbbbb000000ff\",\"duplicate\":true},"
        "{\"id\":\"bbbbbbbbbbbbbbbbbbbbbbbb00000100\",\"duplicate\":true},"
        "{\"id\":\"x\",\"duplicate\":true}]}");
    CU_ASSERT_PTR_NOT_NULL(strstr(answer_with("", &counts), "{\"id\":\"own\"}"));
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        CU_ASSERT_STRING_EQUAL(answer_with(nonsense[i], &counts), "");
    bulk_parse_fini(&parse);
    buf_fini(&body);
}

/* --- gunzip --- */

static void pack(struct buf *out, const char *bytes, size_t length)
{
    z_stream z = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)length};
    size_t room = length + 1024;

    CU_ASSERT_EQUAL_FATAL(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (Bytef *)buf_reserve(out, room);
    z.avail_out = (uInt)room;
    CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->length += room - z.avail_out;
    deflateEnd(&z);
}

static enum gunzip_result unpack(const char *bytes, size_t length, size_t slice, struct buf *out)
{
    struct gunzip *g = gunzip_new(bytes, length);
    enum gunzip_result result;

    buf_clear(out);
    do
        result = gunzip_more(g, slice, out);
    while (result == GUNZIP_MORE);
    gunzip_free(g);
    return result;
}

static void test_gunzip(void)
{
    struct buf packed, out;

    buf_init(&packed, 1 << 20);
    buf_init(&out, 1000);
    pack(&packed, "", 0);
    pack(&packed, "hello ", 6);
    pack(&packed, "", 0);
    pack(&packed, "world", 5);
    for (size_t slice = 1; slice < 100; slice++) {
        CU_ASSERT_EQUAL(unpack(packed.bytes, packed.length, slice, &out), GUNZIP_END);
        CU_ASSERT_EQUAL(out.length, 11);
        CU_ASSERT_STRING_EQUAL(out.bytes, "hello world");
    }
    size_t boundary = 0; /* cut at the end of a member it is whole */
    for (size_t length = 0; length < packed.length; length++)
        boundary += unpack(packed.bytes, length, 7, &out) == GUNZIP_END;
    CU_ASSERT_EQUAL(boundary, 3);
    buf_append(&packed, "\0", 1);
    CU_ASSERT_EQUAL(unpack(packed.bytes, packed.length, 7, &out), GUNZIP_BROKEN);
    packed.bytes[packed.length - 6] ^= 1; /* its checksum */
    CU_ASSERT_EQUAL(unpack(packed.bytes, packed.length - 1, 7, &out), GUNZIP_BROKEN);
    CU_ASSERT_EQUAL(unpack("hello", 5, 7, &out), GUNZIP_BROKEN);
    CU_ASSERT_EQUAL(unpack("", 0, 7, &out), GUNZIP_BROKEN);

    char *zeros = xcalloc(1, 100000);
    for (size_t length = 999; length <= 1001; length++) {
        buf_clear(&packed);
        pack(&packed, zeros, length);
        CU_ASSERT_EQUAL(unpack(packed.bytes, packed.length, 64, &out),
                        length > 1000 ? GUNZIP_TOO_LARGE : GUNZIP_END);
        CU_ASSERT_EQUAL(out.length, length > 1000 ? 1000 : length);
    }
    buf_clear(&packed);
    pack(&packed, zeros, 100000);
    CU_ASSERT_EQUAL(unpack(packed.bytes, packed.length, 4096, &out), GUNZIP_TOO_LARGE);
    free(zeros);
    buf_fini(&packed);
    buf_fini(&out);
}

/* --- drain --- */

static void test_drain(void)
{
    struct drain d = {0};

    CU_ASSERT_EQUAL(drain_seconds(&d, 5), DRAIN_UNKNOWN_S);
    drain_look(&d, 1000, 500, 100);
    CU_ASSERT_EQUAL(drain_seconds(&d, 5), DRAIN_UNKNOWN_S);
    drain_look(&d, 2000, 600, 100);
    CU_ASSERT_EQUAL(drain_seconds(&d, -5), 1);
    CU_ASSERT_EQUAL(drain_seconds(&d, 1), 1);
    CU_ASSERT_EQUAL(drain_seconds(&d, 1000), 10);
    CU_ASSERT_EQUAL(drain_seconds(&d, 100000), DRAIN_MAX_S);
    drain_look(&d, 3000, 600, 0); /* nothing waited: that says nothing about the workers */
    CU_ASSERT_EQUAL(drain_seconds(&d, 1000), 10);
    for (int i = 4; i < 100; i++)
        drain_look(&d, 1000 * i, 600, 50); /* they stand still */
    CU_ASSERT_EQUAL(drain_seconds(&d, 1), DRAIN_MAX_S);
    for (int i = 100; i < 200; i++)
        drain_look(&d, 1000 * i, 600 + (i - 99) * 200, 50);
    CU_ASSERT_EQUAL(drain_seconds(&d, 1990), 10);
    drain_look(&d, 200000, 3, 50); /* a new Redis */
    drain_look(&d, 201000, 203, 50);
    CU_ASSERT_EQUAL(drain_seconds(&d, 1990), 10);
}

void suite_bulk_parse(void);

void suite_bulk_parse(void)
{
    CU_pSuite suite = CU_add_suite("bulk_parse", NULL, NULL);

    CU_add_test(suite, "bodies at random", test_random);
    CU_add_test(suite, "limits", test_limits);
    CU_add_test(suite, "answers with duplicates", test_duplicates);
    CU_add_test(suite, "gunzip", test_gunzip);
    CU_add_test(suite, "drain", test_drain);
}
