/* Queue items: what is taken, what is refused and with which words, and writing them again. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/article.h"
#include "common/json_scan.h"

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
    CU_ASSERT_PTR_NULL(article.json);
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
}
