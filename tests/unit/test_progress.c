/* Progress lines, what is fit for a terminal, and what the gateway's answers mean to people. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/printable.h"
#include "cli/progress.h"

static void expect(struct progress_state state, size_t width, const char *wanted)
{
    char line[256];
    size_t length = progress_format(&state, width, line, sizeof line);

    if (strcmp(line, wanted) != 0)
        fprintf(stderr, "\n  got    '%s'\n  wanted '%s'\n", line, wanted);
    CU_ASSERT_STRING_EQUAL(line, wanted);
    CU_ASSERT_EQUAL(length, strlen(wanted));
}

static void test_lines(void)
{
    struct progress_state s = {.rows = 1234,
                               .bytes = 250,
                               .total_bytes = 1000,
                               .rows_per_s = 99.6,
                               .bytes_per_s = 10,
                               .elapsed_ms = 25000};

    expect(s, 47, " 25% [###.........] 1234 rows  100/s  ETA 1:15");
    expect(s, 80, " 25% [##########..............................] 1234 rows  100/s  ETA 1:15");
    expect(s, 44, " 25% 1234 rows  100/s  ETA 1:15");
    expect(s, 10, " 25% 1234 ");
    s.no_bar = true;
    expect(s, 80, " 25% 1234 rows  100/s  ETA 1:15");
    s.bytes_per_s = 0.1;
    expect(s, 80, " 25% 1234 rows  100/s  ETA 2:05:00");
    s.bytes_per_s = 0; /* then no end is in sight: the time so far */
    expect(s, 80, " 25% 1234 rows  100/s  0:25");
    s.total_bytes = 0;
    expect(s, 80, "1234 rows  100/s  0:25");
    s.total_bytes = 100; /* the file grew meanwhile */
    expect(s, 80, "100% 1234 rows  100/s  0:25");
}

static void expect_printable(const char *text, size_t length, const char *wanted)
{
    struct buf out;

    buf_init(&out, 1000);
    buf_append_text(&out, "");
    CU_ASSERT_EQUAL(printable_append(&out, text, length), 0);
    CU_ASSERT_STRING_EQUAL(out.bytes, wanted);
    buf_fini(&out);
}

static void test_printable(void)
{
    expect_printable("", 0, "");
    expect_printable("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", 15,
                     "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80");
    expect_printable("\x1b[31m\r\n\t\x7f", 9, " [31m    ");
    expect_printable("a\xc2\x9b"
                     "b\xe2\x80\xae"
                     "c",
                     8, "a b c");
    expect_printable("a\xd8\x9c"
                     "b\xe2\x80\x8e"
                     "c\xe2\x80\x8f",
                     11, "a b c ");
    expect_printable("a\xff\xc3", 3, "a??");
    expect_printable("a\0b", 3, "a b");
}

static void expect_answer(long status, const char *body, const char *wanted)
{
    struct buf bytes;
    char text[200];

    buf_init(&bytes, 1000);
    buf_append_text(&bytes, body);
    CU_ASSERT_FALSE(answer_text(status, &bytes, text, sizeof text));
    CU_ASSERT_STRING_EQUAL(text, wanted);
    buf_fini(&bytes);
}

static void test_answers(void)
{
    expect_answer(503, "{\"detail\":\"Redis is away\"}", "503 Redis is away");
    expect_answer(422,
                  "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"content\"],"
                  "\"msg\":\"Field required\"}]}",
                  "422 content: Field required");
    expect_answer(400, "{\"detail\":[]}", "400 {\"detail\":[]}");
    expect_answer(400, "<html>\n\x1b", "400 <html>  ");
    expect_answer(413, "", "413 ");

    CU_ASSERT_EQUAL(answer_kind(201), ANSWER_ACCEPTED);
    CU_ASSERT_EQUAL(answer_kind(400), ANSWER_REFUSED);
    CU_ASSERT_EQUAL(answer_kind(413), ANSWER_REFUSED);
    CU_ASSERT_EQUAL(answer_kind(422), ANSWER_REFUSED);
    CU_ASSERT_EQUAL(answer_kind(403), ANSWER_KEY);
    CU_ASSERT_EQUAL(answer_kind(429), ANSWER_LATER);
    CU_ASSERT_EQUAL(answer_kind(500), ANSWER_LATER);
    CU_ASSERT_EQUAL(answer_kind(503), ANSWER_LATER);
    CU_ASSERT_EQUAL(answer_kind(302), ANSWER_STRANGE);
    CU_ASSERT_EQUAL(answer_kind(404), ANSWER_STRANGE);
    CU_ASSERT_EQUAL(answer_kind(0), ANSWER_STRANGE);
}

static void render_item(void *context, int index, const struct answer_item *item)
{
    buf_printf(context, "%d%s%s%s\n", index, item->duplicate ? " again" : "",
               item->refused ? " refused: " : "", item->why);
}

static bool read_items(const char *body, int count, struct buf *out)
{
    struct buf bytes;

    buf_init(&bytes, 1000);
    buf_append_text(&bytes, body);
    buf_clear(out);
    bool good = answer_items(&bytes, count, render_item, out);
    buf_fini(&bytes);
    return good;
}

static void test_bulk_answers(void)
{
    static const char good[] =
        "{\"accepted\":1,\"duplicates\":1,\"refused\":2,\"items\":[{\"id\":\"a\"},{\"id\":\"b\","
        "\"duplicate\":true},{\"status\":422,\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",2,"
        "\"content\"],\"msg\":\"Field required\"}]},{\"status\":413,\"detail\":\"too large\"}]}";
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"items\":{}}",
                                      "{\"items\":[]}",
                                      "{\"items\":[{\"id\":1}]}",
                                      "{\"items\":[{\"id\":\"a\"}"};
    struct buf out;
    char text[100];

    buf_init(&out, 1000);
    CU_ASSERT(read_items(good, 4, &out));
    CU_ASSERT_STRING_EQUAL(out.bytes, "0\n1 again\n2 refused: 422 content: Field required\n"
                                      "3 refused: 413 too large\n");
    CU_ASSERT_FALSE(read_items(good, 3, &out));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(read_items(bad[i], 1, &out));
    CU_ASSERT_EQUAL(out.length, 0);
    buf_clear(&out);
    buf_append_text(&out, "{\"detail\":[{\"type\":\"idempotency_key_reused\",\"loc\":[\"body\"],"
                          "\"msg\":\"m\"}]}");
    CU_ASSERT(answer_text(422, &out, text, sizeof text));
    buf_fini(&out);
}

void suite_progress(void);

void suite_progress(void)
{
    CU_pSuite suite = CU_add_suite("progress", NULL, NULL);

    CU_add_test(suite, "progress lines", test_lines);
    CU_add_test(suite, "printable text", test_printable);
    CU_add_test(suite, "answers of the gateway", test_answers);
    CU_add_test(suite, "answers to a bulk", test_bulk_answers);
}
