/* Queue items: what is taken, what is refused and with which words, and writing them again. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/article.h"
#include "common/json_scan.h"
#include "common/utf8.h"
#include "tests/harness/article_reference.h"

#define MAX_CONTENT 100

static struct article article;
static struct article_fault fault;

static int parse_bytes(const char *json, size_t length)
{
    /* An exact copy on the heap: valgrind and ASan then see a read behind the end. */
    char *copy = malloc(length ? length : 1);

    memcpy(copy, json, length);
    int code = article_parse(copy, length, MAX_CONTENT, &article, &fault);
    free(copy);
    return code;
}

static int parse(const char *json)
{
    return parse_bytes(json, strlen(json));
}

static void refused(const char *json, size_t length, const char *field, const char *type,
                    const char *message)
{
    CU_ASSERT_EQUAL_FATAL(parse_bytes(json, length), ERR_INPUT);
    if (strcmp(fault.type, type) != 0 || strcmp(fault.message, message) != 0)
        fprintf(stderr, "\n  %s: got %s, %s (%s)\n", json, fault.type, fault.message, fault.text);
    CU_ASSERT_STRING_EQUAL(fault.field, field);
    CU_ASSERT_STRING_EQUAL(fault.type, type);
    CU_ASSERT_STRING_EQUAL(fault.message, message);
    CU_ASSERT(strlen(fault.text) > 0);
    CU_ASSERT_PTR_NULL(article.memory);
}

static void not_json_bytes(const char *json, size_t length, size_t offset)
{
    refused(json, length, "", "json_invalid", "JSON decode error");
    if (fault.offset != offset)
        fprintf(stderr, "\n  %s: broken at %zu\n", json, fault.offset);
    CU_ASSERT_EQUAL(fault.offset, offset);
}

static void not_json(const char *json, size_t offset)
{
    not_json_bytes(json, strlen(json), offset);
}

static void test_taken(void)
{
    CU_ASSERT_EQUAL_FATAL(
        parse(" {\"content\":\"Apple \\u00fcber \\ud83d\\ude00\",\"other\":[1,{}],"
              "\"publication\":\" \\tBBC Sp\\u00d6rt\\u00a0\",\"id\":\"x\","
              "\"url\":null} \n"),
        0);
    CU_ASSERT_STRING_EQUAL(article.content, "Apple \xc3\xbc"
                                            "ber \xf0\x9f\x98\x80");
    CU_ASSERT_EQUAL(article.content_length, strlen(article.content));
    CU_ASSERT_STRING_EQUAL(article.publication, "BBC Sp\xc3\x96rt");
    CU_ASSERT_STRING_EQUAL(article.key, "bbc sp\xc3\xb6rt");
    CU_ASSERT_STRING_EQUAL(article.id, "x");
    CU_ASSERT_PTR_NULL(article.url);
    CU_ASSERT_PTR_NULL(article.title);
    article_fini(&article);
    article_fini(&article); /* twice is harmless */

    CU_ASSERT_EQUAL_FATAL(parse("{\"content\":\"\",\"publication\":\"p\"}"), 0);
    CU_ASSERT_EQUAL(article.content_length, 0);
    article_fini(&article);
}

static void test_names(void)
{
    refused("{\"Content\":\"a\",\"publication\":\"p\"}", 33, "content", "missing",
            "Field required");
    /* An escaped name is the same name; of two the last counts. */
    CU_ASSERT_EQUAL_FATAL(parse("{\"content\":1,\"c\\u006fntent\":\"a\",\"publication\":\"p\"}"),
                          0);
    CU_ASSERT_STRING_EQUAL(article.content, "a");
    article_fini(&article);
    CU_ASSERT_EQUAL_FATAL(parse("{\"content\":\"a\",\"publication\":\"p\",\"x\":{\"content\":5}}"),
                          0);
    CU_ASSERT_STRING_EQUAL(article.content, "a");
    article_fini(&article);
}

static void refused_field(const char *json, const char *field, const char *type,
                          const char *message)
{
    refused(json, strlen(json), field, type, message);
}

static void test_fields(void)
{
    char long_name[1200];

    refused("", 0, "", "missing", "Field required");
    refused_field("{}", "content", "missing", "Field required");
    refused_field("{\"content\":\"a\"}", "publication", "missing", "Field required");
    refused_field("{\"content\":1,\"publication\":\"p\"}", "content", "string_type",
                  "Input should be a valid string");
    refused_field("{\"content\":null,\"publication\":\"p\"}", "content", "string_type",
                  "Input should be a valid string");
    refused_field("{\"content\":\"a\",\"publication\":[\"p\"]}", "publication", "string_type",
                  "Input should be a valid string");
    refused_field("{\"content\":\"a\",\"publication\":\"p\",\"title\":{}}", "title", "string_type",
                  "Input should be a valid string");
    refused_field("{\"content\":\"a\",\"publication\":\" \\u2003\\n\"}", "publication",
                  "string_too_short", "String should have at least 1 character");
    for (const char *const *json = (const char *const[]){"[]", "1", "\"x\"", "null", NULL}; *json;
         json++)
        refused_field(*json, "", "model_attributes_type",
                      "Input should be a valid dictionary or object to extract fields from");
    snprintf(long_name, sizeof long_name, "{\"content\":\"a\",\"publication\":\"%01025d\"}", 1);
    refused_field(long_name, "publication", "string_too_long",
                  "publication should have at most 1024 bytes");
    CU_ASSERT_FALSE(fault.too_large);
}

static void test_sizes(void)
{
    char json[300];
    size_t max_bytes = ARTICLE_MAX_ITEM_BYTES(MAX_CONTENT);
    char *huge = calloc(1, max_bytes + 2);

    snprintf(json, sizeof json, "{\"publication\":\"p\",\"content\":\"%0100d\"}", 1);
    CU_ASSERT_EQUAL_FATAL(parse(json), 0);
    CU_ASSERT_EQUAL(article.content_length, 100);
    article_fini(&article);
    snprintf(json, sizeof json, "{\"publication\":\"p\",\"content\":\"%0101d\"}", 1);
    refused_field(json, "content", "string_too_long", "content should have at most 100 bytes");
    CU_ASSERT(fault.too_large);
    memset(huge, ' ', max_bytes + 1);
    CU_ASSERT_EQUAL(parse(huge), ERR_INPUT);
    CU_ASSERT(fault.too_large);
    huge[max_bytes] = 0;
    CU_ASSERT_EQUAL(parse(huge), ERR_INPUT);
    CU_ASSERT_FALSE(fault.too_large);
    free(huge);
}

/* What cJSON alone would take. */
static void test_not_json(void)
{
    char deep[3 * JSON_SCAN_MAX_DEPTH];

    not_json(" ", 1);
    not_json("{", 1);
    not_json("{\"content\":\"a\"", 14);
    not_json("{\"content\":\"a\"} x", 16);
    not_json("{\"content\":\"a\"}{}", 15);
    not_json("{\"content\":\"a\",}", 15);
    not_json("{content:\"a\"}", 1);
    not_json("{'content':1}", 1);
    not_json("{\"a\" 1}", 5);
    not_json("{\"a\":01}", 6);
    not_json("{\"a\":+1}", 5);
    not_json("{\"a\":.5}", 5);
    not_json("{\"a\":1.}", 7);
    not_json("{\"a\":1e}", 7);
    not_json("{\"a\":-}", 6);
    not_json("{\"a\":NaN}", 5);
    not_json("{\"a\":tru}", 5);
    not_json("{\"a\":[1,]}", 8);
    not_json("{\"a\":[1 2]}", 8);
    not_json("{\"a\":\"b\tc\"}", 7);
    not_json("{\"a\":\"\\x\"}", 7);
    not_json("{\"a\":\"\\u12g4\"}", 8);
    not_json("{\"a\":\"\\u12", 8);
    not_json("{\"a\":\"\\u0000\"}", 8);
    not_json("{\"\\u0000\":1}", 4);
    not_json("{\"a\":\"\\ud800\"}", 12);
    not_json("{\"a\":\"\\ud800\\u0041\"}", 12);
    not_json("{\"a\":\"\\udc00\"}", 8);
    not_json("{\"a\":\"b", 7);
    not_json("{\"a\":\"b\\", 8);
    not_json("\xef\xbb\xbf{}", 0);
    not_json("{\v}", 1);
    not_json("{\"a\":\"\xff\"}", 0);
    not_json("{\"a\":\"\xed\xa0\x80\"}", 0); /* a surrogate as UTF-8 */
    not_json_bytes("{\"a\":\"b\0c\"}", 11, 7);
    not_json_bytes("{}\0", 3, 2);
    memset(deep, '[', sizeof deep);
    not_json_bytes(deep, sizeof deep, JSON_SCAN_MAX_DEPTH);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "nested too deeply"));
}

static void expect_written(const char *json, const char *id, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    CU_ASSERT_EQUAL_FATAL(parse(json), 0);
    CU_ASSERT_EQUAL(article_write(&article, id, &out), 0);
    if (strcmp(out.bytes, expected) != 0)
        fprintf(stderr, "\n  got: %s\n", out.bytes);
    CU_ASSERT_STRING_EQUAL(out.bytes, expected);
    article_fini(&article);
    CU_ASSERT_EQUAL(parse(out.bytes), 0); /* what was written can be read */
    article_fini(&article);
    buf_fini(&out);
}

static void test_write(void)
{
    struct buf small;

    expect_written("{ \"publication\" : \" P \", \"content\" : \"a\\n\\\"b\\\" \\u00e9\", \"x\":1}",
                   NULL, "{\"content\":\"a\\n\\\"b\\\" \xc3\xa9\",\"publication\":\"P\"}");
    expect_written("{\"content\":\"a\",\"publication\":\"p\",\"id\":\"1\",\"url\":\"u\","
                   "\"title\":\"t\",\"published\":\"2020-01-01\"}",
                   "2",
                   "{\"content\":\"a\",\"publication\":\"p\",\"id\":\"2\",\"url\":\"u\","
                   "\"title\":\"t\",\"published\":\"2020-01-01\"}");
    buf_init(&small, 10);
    CU_ASSERT_EQUAL_FATAL(parse("{\"content\":\"a\",\"publication\":\"p\"}"), 0);
    CU_ASSERT_EQUAL(article_write(&article, NULL, &small), ERR_LIMIT);
    article_fini(&article);
    buf_fini(&small);
}

static void expect_dead(const char *item, size_t length, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    CU_ASSERT_EQUAL(article_write_dead(1732400000123, "not \"JSON\"", 3, item, length, &out), 0);
    if (strcmp(out.bytes, expected) != 0)
        fprintf(stderr, "\n  got: %s\n", out.bytes);
    CU_ASSERT_STRING_EQUAL(out.bytes, expected);
    buf_fini(&out);
}

static void test_dead(void)
{
#define FRONT "{\"at\":1732400000123,\"reason\":\"not \\\"JSON\\\"\",\"attempts\":3,"
    expect_dead("a\"b", 3, FRONT "\"item\":\"a\\\"b\"}");
    expect_dead("", 0, FRONT "\"item\":\"\"}");
    expect_dead("\xff", 1, FRONT "\"item_base64\":\"/w==\"}");
    expect_dead("a\0", 2, FRONT "\"item_base64\":\"YQA=\"}");
    expect_dead("ab\0\xfe", 4, FRONT "\"item_base64\":\"YWIA/g==\"}");
    expect_dead("\xfb\xef\xbe", 3, FRONT "\"item_base64\":\"++++\"}");
#undef FRONT
}

/* --- against the reference --- */

static bool same(const char *json, size_t length)
{
    char *copy = malloc(length ? length : 1);

    memcpy(copy, json, length);
    const char *difference = article_reference_differs(copy, length, MAX_CONTENT);
    free(copy);
    if (difference)
        fprintf(stderr, "\n  %s differs: %.*s\n", difference, (int)length, json);
    return !difference;
}

/* Each byte, and pairs that begin something longer, at each place of a block of plain text. */
static void test_places(void)
{
    static const char *const after[] = {"",         "n",        "u000a", "ud83d\\ude00", "\x80",
                                        "\x80\x8e", "\x81\xa6", "\x9c",  "\x9f\x98\x80"};
    char json[200];
    bool all_same = true;

    for (int place = 0; place < 36; place++) {
        for (int byte = 0; byte < 256; byte++) {
            for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
                int front = snprintf(json, sizeof json, "{\"publication\":\"p\",\"content\":\"%.*s",
                                     place, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
                json[front] = (char)byte;
                int length = snprintf(json + front + 1, sizeof json - (size_t)front - 1,
                                      "%sxyz0123456789 0123456789\"}", after[i]);
                all_same &= same(json, (size_t)(front + 1 + length));
            }
        }
    }
    CU_ASSERT(all_same);
}

/* Every beginning of a UTF-8 sequence with the least and the greatest end. */
static void test_sequences(void)
{
    char json[] = "{\"publication\":\"p\",\"content\":\"....\"}";
    char *text = strstr(json, "....");
    bool all_same = true;

    for (int first = 0x80; first < 0x100; first++) {
        for (int second = 0x7f; second < 0x101; second++) {
            for (int end = 0x80; end < 0xc0; end += 0x3f) {
                for (size_t length = 2; length <= 4; length++) {
                    memset(text, 'x', 4);
                    memset(text, end, length);
                    text[0] = (char)first;
                    text[1] = (char)second;
                    all_same &= same(json, strlen(json));
                }
            }
        }
    }
    CU_ASSERT(all_same);
}

/* Every code point that may want an escape when written, as it is and escaped. */
static void test_code_points(void)
{
    char json[200];
    bool all_same = true;

    for (uint32_t c = 1; c < 0x2100; c++) {
        char bytes[5] = "";
        if (c >= 0x20 && c != '"' && c != '\\')
            utf8_write(c, bytes);
        int length =
            snprintf(json, sizeof json,
                     "{\"publication\":\"p\",\"content\":\"%s\\u%04x\",\"\\u0069\\u0064\":\"i\","
                     "\"\\u0070\\u0075\\u0062\\u006c\\u0069\\u0063\\u0061\\u0074\\u0069"
                     "\\u006f\\u006e\":\"q\"}",
                     bytes, (unsigned)c);
        all_same &= same(json, (size_t)length);
    }
    CU_ASSERT(all_same);
}

/* Lengths around each ceiling, and publications that are empty or to be trimmed. */
static void test_edges(void)
{
    static const struct {
        const char *front;
        int ceiling;
    } edges[] = {{"\"publication\":\"p\",\"content\"", MAX_CONTENT},
                 {"\"content\":\"\",\"publication\"", ARTICLE_MAX_PUBLICATION_BYTES},
                 {"\"publication\":\"p\",\"content\":\"\",\"title\"", ARTICLE_MAX_OTHER_BYTES}};
    static const char *const publications[] = {"\"\\n\"",
                                               "\"\\u0020\"",
                                               "\"\\u00a0\"",
                                               "\" \"",
                                               "\"\xc2\xa0\"",
                                               "\"\"",
                                               "\" a\"",
                                               "\"a\\n\"",
                                               "\"\\u0061\"",
                                               "null",
                                               "\"a\",\"id\":null",
                                               "\"a\",\"id\":\"\"",
                                               "\"a\",\"\\u0069d\":\"1\""};
    char json[ARTICLE_MAX_OTHER_BYTES + 200];
    bool all_same = true;

    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        for (int length = edges[i].ceiling - 2; length <= edges[i].ceiling + 2; length++) {
            snprintf(json, sizeof json, "{%s:\"%0*d\"}", edges[i].front, length, 1);
            all_same &= same(json, strlen(json));
        }
    }
    for (size_t i = 0; i < sizeof publications / sizeof publications[0]; i++) {
        snprintf(json, sizeof json, "{\"content\":\"a\",\"publication\":%s}", publications[i]);
        all_same &= same(json, strlen(json));
    }
    CU_ASSERT(all_same);
}

static uint32_t draw(uint32_t below)
{
    static uint64_t state = 88172645463325252u; /* xorshift64 */

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

/* Cuts, doubles or overwrites a piece with one that matters to JSON. */
static size_t mutate(char *json, size_t length, size_t room)
{
    static const char *const pieces[] = {"\"",
                                         "\\",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         " ",
                                         "\n",
                                         "1",
                                         "-",
                                         "0.5e+7",
                                         "null",
                                         "true",
                                         "\\u00e9",
                                         "\\ud83d",
                                         "\\ude00",
                                         "\\n",
                                         "\\u0000",
                                         "\x01",
                                         "\x7f",
                                         "\xc3\xa9",
                                         "\xe2\x80\x8f",
                                         "\xed\xa0\x80",
                                         "\xf0\x9f\x98\x80",
                                         "\xff",
                                         "\xc2\x85",
                                         "\"content\":",
                                         "\"id\":",
                                         "c\\u006fntent",
                                         "\"url\":null,"};
    const char *piece = pieces[draw(sizeof pieces / sizeof pieces[0])];
    size_t at = draw((uint32_t)length + 1), size = strlen(piece);

    switch (draw(3)) {
    case 0: /* in between */
        if (length + size > room)
            return length;
        memmove(json + at + size, json + at, length - at);
        memcpy(json + at, piece, size);
        return length + size;
    case 1: /* over what was there */
        if (at + size > length)
            return length;
        memcpy(json + at, piece, size);
        return length;
    default:
        size = draw(4);
        if (at + size > length)
            return length;
        memmove(json + at, json + at + size, length - at - size);
        return length - size;
    }
}

static void test_mutated(void)
{
    static const char *const seeds[] = {"{\"content\":\"Apple \\u00fcber \\ud83d\\ude00 opens in "
                                        "Paris today\",\"publication\":\" BBC \"}",
                                        "{\"id\":\"1\",\"url\":\"u\",\"title\":\"t\",\"published\":"
                                        "\"2020\",\"x\":[1,{\"a\":[-0.5e7]}],"
                                        "\"publication\":\"\xc3\x96rt\",\"content\":"
                                        "\"\xe2\x80\x9cquoted\xe2\x80\x9d \xf0\x9f\x98\x80\"}",
                                        "[true,false,null,\"\\\\\\/\\b\"]"};
    char json[400];
    bool all_same = true;

    for (int i = 0; i < 100000; i++) {
        const char *seed = seeds[draw(sizeof seeds / sizeof seeds[0])];
        size_t length = strlen(seed);
        memcpy(json, seed, length);
        for (uint32_t n = draw(4); n-- > 0;)
            length = mutate(json, length, sizeof json);
        all_same &= same(json, length);
    }
    CU_ASSERT(all_same);
}

void suite_article(void);

void suite_article(void)
{
    CU_pSuite suite = CU_add_suite("article", NULL, NULL);

    CU_add_test(suite, "what is taken", test_taken);
    CU_add_test(suite, "names of fields", test_names);
    CU_add_test(suite, "fields that are wrong", test_fields);
    CU_add_test(suite, "sizes", test_sizes);
    CU_add_test(suite, "what is not JSON", test_not_json);
    CU_add_test(suite, "written again", test_write);
    CU_add_test(suite, "dead entries", test_dead);
    CU_add_test(suite, "as the reference at each place", test_places);
    CU_add_test(suite, "as the reference at the edges", test_edges);
    CU_add_test(suite, "as the reference, UTF-8", test_sequences);
    CU_add_test(suite, "as the reference, code points", test_code_points);
    CU_add_test(suite, "as the reference, mutated", test_mutated);
}
