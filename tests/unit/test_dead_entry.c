/* Dead entries read back: what was written comes out byte for byte, and what strangers pushed is
 * never more than a fault. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/dead_entry.h"
#include "common/article.h"
#include "tests/harness/harness.h"

static void round_trip(const char *item, size_t length)
{
    struct dead_entry entry;
    struct buf text;

    buf_init(&text, 1 << 20);
    CU_ASSERT_EQUAL(article_write_dead(1732400000123, "a \"reason\"", 3, item, length, &text), 0);
    dead_entry_read(text.bytes, text.length, &entry);
    CU_ASSERT_FATAL(entry.readable);
    CU_ASSERT_EQUAL(entry.at_ms, 1732400000123);
    CU_ASSERT_STRING_EQUAL(entry.reason, "a \"reason\"");
    CU_ASSERT_EQUAL(entry.attempts, 3);
    CU_ASSERT_EQUAL_FATAL(entry.item_length, length);
    CU_ASSERT_EQUAL(memcmp(entry.item, item, length), 0);
    dead_entry_fini(&entry);
    buf_fini(&text);
}

static void test_round_trip(void)
{
    char bytes[300];
    unsigned seed = 7;

    round_trip("", 0);
    round_trip("{\"content\":\"caf\xc3\xa9 \\u0000 \x1b[31m\"}", 31);
    round_trip("a\0b", 3);
    for (int i = 0; i < 2000; i++) {
        size_t length = (size_t)i % sizeof bytes;
        for (size_t k = 0; k < length; k++) {
            seed = seed * 1103515245u + 12345u;
            bytes[k] = (char)(i % 2 ? seed >> 16 : seed >> 16 & 127);
        }
        round_trip(bytes, length);
    }
}

static void test_id(void)
{
    struct dead_entry entry;

    dead_entry_read("abc", 3, &entry); /* FIPS 180-4's example */
    CU_ASSERT_STRING_EQUAL(entry.id, "a9993e364706816aba3e25717850c26c9cd0d89d");
    CU_ASSERT_FALSE(entry.readable);
    dead_entry_fini(&entry);
}

static void unreadable(const char *text)
{
    struct dead_entry entry;

    dead_entry_read(text, strlen(text), &entry);
    if (entry.readable)
        fprintf(stderr, "\n  readable: %s\n", text);
    CU_ASSERT_FALSE(entry.readable);
    CU_ASSERT_PTR_NOT_NULL(entry.fault);
    CU_ASSERT_PTR_NULL(entry.item);
    dead_entry_fini(&entry);
}

static void test_foreign(void)
{
    static const char odd[] = "{\"item\":\"a\",\"at\":-1,\"attempts\":1e99,\"reason\":2}";
    struct dead_entry entry;

    unreadable("");
    unreadable("[]");
    unreadable("{}");
    unreadable("{\"item\":1}");
    unreadable("{\"item\":\"a\\u0000b\"}");
    unreadable("{\"item\":\"a\"} x");
    unreadable("{\"Item\":\"a\"}");
    unreadable("{\"item\":\"\xff\"}");
    unreadable("{\"item_base64\":\"YQ=\"}");
    unreadable("{\"item_base64\":\"Y=Q=\"}");
    unreadable("{\"item_base64\":\"Y===\"}");
    unreadable("{\"item_base64\":\" YWJ\"}");
    unreadable("{\"item_base64\":null,\"item\":\"a\"}");
    dead_entry_read(odd, sizeof odd - 1, &entry);
    CU_ASSERT(entry.readable);
    CU_ASSERT_EQUAL(entry.at_ms, 0);
    CU_ASSERT_EQUAL(entry.attempts, 0);
    CU_ASSERT_STRING_EQUAL(entry.reason, "");
    dead_entry_fini(&entry);
}

static void printed(const char *text, const char *wanted)
{
    struct dead_entry entry;
    char *got = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&got, &size);

    dead_entry_read(text, strlen(text), &entry);
    dead_entry_print_json(to, &entry, "articles", text, strlen(text));
    fclose(to);
    CU_ASSERT_PTR_NOT_NULL(strstr(got, wanted));
    CU_ASSERT_PTR_EQUAL(strchr(got, '\n'), got + size - 1);
    if (!strstr(got, wanted))
        fprintf(stderr, "\n  %s", got);
    dead_entry_fini(&entry);
    free(got);
}

static void test_print(void)
{
    printed("{\"at\":5,\"reason\":\"r\",\n\"attempts\":2,\"item\":\"x\\u001b\"}",
            ",\"at\":5,\"reason\":\"r\",\"attempts\":2,\"item\":\"x\\u001b\"}\n");
    printed("{\"item_base64\":\"/wA=\"}", "\"item_base64\":\"/wA=\"}");
    printed("not\njson", "\"entry_base64\":\"bm90Cmpzb24=\"}");
}

static void test_console(void)
{
    char out[CONSOLE_TEXT_BYTES];

    CU_ASSERT_STRING_EQUAL(console_age(-1, out), "-");
    CU_ASSERT_STRING_EQUAL(console_age(0, out), "0 ms");
    CU_ASSERT_STRING_EQUAL(console_age(119999, out), "119 s");
    CU_ASSERT_STRING_EQUAL(console_age(120000, out), "2 min");
    CU_ASSERT_STRING_EQUAL(console_age(47 * 3600000ll, out), "47 h");
    CU_ASSERT_STRING_EQUAL(console_age(INT64_MAX, out), "106751991167 days");
    CU_ASSERT_STRING_EQUAL(console_bytes(1023, out), "1023 B");
    CU_ASSERT_STRING_EQUAL(console_bytes(1536, out), "1.5 KiB");
    CU_ASSERT_STRING_EQUAL(console_bytes(UINT64_MAX, out), "16777216.0 TiB");
    CU_ASSERT_STRING_EQUAL(console_time(1732400000123, out), "2024-11-23T22:13:20Z");
    CU_ASSERT_STRING_EQUAL(console_time(INT64_MAX, out), "292278994-08-17T07:12:55Z");
}

void suite_dead_entry(void);
void suite_dead_entry(void)
{
    CU_pSuite suite = CU_add_suite("dead_entry", NULL, NULL);

    CU_add_test(suite, "what was written is read", test_round_trip);
    CU_add_test(suite, "the id is the SHA-1 of the entry", test_id);
    CU_add_test(suite, "foreign entries", test_foreign);
    CU_add_test(suite, "one line of JSON each", test_print);
    CU_add_test(suite, "ages, sizes and times for people", test_console);
}
