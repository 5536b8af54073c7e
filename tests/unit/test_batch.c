/* Batches: what is written is read back, and everything that is not as asked is refused by name. */
#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/batch.h"

void suite_batch(void);

#define ID "0123456789abcdef0123456789abcdef"

static struct batch_label labels[] = {{"PERSON", 7}, {"ORG", 1}, {"GPE", BATCH_COUNT_END - 1}};
static struct batch_entity entities[] = {
    {"tim cook", &labels[0], 2, 8},
    {"\x01\"\\\n\x7f\xc2\x85 \xe2\x80\xae \xf0\x9f\x98\x80", &labels[2], 1, BATCH_COUNT_END - 1},
};

static struct batch example(void)
{
    return (struct batch){.id = ID,
                          .at_ms = 1732400000000,
                          .publication = "bbc sport",
                          .name = "BBC Sport",
                          .articles = 12,
                          .entities = entities,
                          .entity_count = 2};
}

static void test_round_trip(void)
{
    struct batch in = example(), out;
    struct buf json;
    struct err e;

    buf_init(&json, 1 << 16);
    CU_ASSERT_EQUAL_FATAL(batch_write(&in, &json), 0);
    CU_ASSERT_PTR_NULL(memchr(json.bytes, 0x7f, json.length));
    CU_ASSERT_EQUAL_FATAL(batch_parse(json.bytes, json.length, &out, &e), 0);
    CU_ASSERT_STRING_EQUAL(out.id, ID);
    CU_ASSERT_EQUAL(out.at_ms, in.at_ms);
    CU_ASSERT_STRING_EQUAL(out.publication, "bbc sport");
    CU_ASSERT_STRING_EQUAL(out.name, "BBC Sport");
    CU_ASSERT_EQUAL(out.articles, 12);
    CU_ASSERT_EQUAL_FATAL(out.entity_count, 2);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_STRING_EQUAL(out.entities[i].word, entities[i].word);
        CU_ASSERT_EQUAL(out.entities[i].count, entities[i].count);
        CU_ASSERT_EQUAL_FATAL(out.entities[i].label_count, entities[i].label_count);
        for (size_t j = 0; j < entities[i].label_count; j++) {
            CU_ASSERT_STRING_EQUAL(out.entities[i].labels[j].label, entities[i].labels[j].label);
            CU_ASSERT_EQUAL(out.entities[i].labels[j].count, entities[i].labels[j].count);
        }
    }
    batch_fini(&out);
    buf_fini(&json);
}

static void test_form(void)
{
    struct batch_label one = {"PERSON", 7};
    struct batch_entity entity = {"a", &one, 1, 7};
    struct batch b = {.id = ID,
                      .at_ms = 5,
                      .publication = "k",
                      .name = "K",
                      .entities = &entity,
                      .entity_count = 1};
    struct buf json;

    buf_init(&json, 1 << 16);
    CU_ASSERT_EQUAL_FATAL(batch_write(&b, &json), 0);
    CU_ASSERT_STRING_EQUAL(json.bytes, "{\"v\":1,\"id\":\"" ID "\",\"at\":5,\"day\":null,"
                                       "\"publication\":\"k\",\"name\":\"K\",\"articles\":0,"
                                       "\"entities\":[[\"a\",{\"PERSON\":7}]]}");
    buf_clear(&json);
    one.count = BATCH_COUNT_END;
    CU_ASSERT_EQUAL(batch_write(&b, &json), ERR_LIMIT);
    one.count = 7;
    buf_clear(&json);
    json.max_bytes = 20;
    CU_ASSERT_EQUAL(batch_write(&b, &json), ERR_LIMIT);
    buf_fini(&json);
}

static void test_ids_differ(void)
{
    struct batch a, b;

    batch_new_id(&a);
    batch_new_id(&b);
    CU_ASSERT_EQUAL(strspn(a.id, "0123456789abcdef"), BATCH_ID_LENGTH);
    CU_ASSERT_EQUAL(strlen(a.id), BATCH_ID_LENGTH);
    CU_ASSERT_STRING_NOT_EQUAL(a.id, b.id);
}

/* A message with one part of the good one replaced. */
static char *replaced(const char *part, const char *with)
{
    static const char good[] = " {\"v\":1,\"id\":\"" ID "\",\"at\":5,\"day\":null,\"publication\":"
                               "\"k\",\"name\":\"K\",\"articles\":1,\"more\":[{}],\"entities\":"
                               "[[\"a\",{\"PERSON\":7}]]}\n";
    const char *at = strstr(good, part);
    size_t size = sizeof good + strlen(with);
    char *json = malloc(size);

    if (!at || !json)
        abort();
    snprintf(json, size, "%.*s%s%s", (int)(at - good), good, with, at + strlen(part));
    return json;
}

static void expect(const char *part, const char *with, const char *reason)
{
    struct batch b;
    struct err e = {.text = ""};
    char *json = replaced(part, with);
    int code = batch_parse(json, strlen(json), &b, &e);

    CU_ASSERT_EQUAL(code, reason ? ERR_INPUT : 0);
    if (code == 0)
        batch_fini(&b);
    if (reason && !strstr(e.text, reason))
        fprintf(stderr, "\n  %s\n  got \"%s\", not \"%s\"\n", json, e.text, reason);
    if (reason)
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, reason));
    free(json);
}

static void test_good_variants(void)
{
    expect("v", "v", NULL);
    expect("\"day\":null,", "", NULL);
    expect("[[\"a\",{\"PERSON\":7}]]", "[]", NULL);
    expect("\"articles\":1", "\"articles\":0", NULL);
    expect("\"PERSON\":7", "\"PERSON\":17592186044415", NULL);
    expect("\"PERSON\":7", "\"PERSON\":17592186044414,\"ORG\":1", NULL);
    expect("\"articles\":1", "\"articles\":17592186044415", NULL);
    expect("\"at\":5", "\"at\":9007199254740991", NULL);
    expect("\"PERSON\":7", "\"PERSON\":7,\"ORG\":1", NULL);
    expect("\"a\"", "\"\\\\u0000\"", NULL); /* a backslash and u0000, not an escape */
}

static void test_refused(void)
{
    expect("\"v\":1", "\"v\":2", "version 2");
    expect("\"v\":1,", "", "v is not");
    expect("\"v\":1", "\"V\":1", "v is not");
    expect("0123", "012", "id is not");
    expect("0123", "012G", "id is not");
    expect("\"" ID "\"", "7", "id is not");
    expect("\"at\":5", "\"at\":-5", "at is not");
    expect("\"at\":5", "\"at\":\"5\"", "at is not");
    expect("\"day\":null", "\"day\":\"2024-01-01\"", "day is not null");
    expect("\"publication\":\"k\"", "\"publication\":7", "publication is not a string");
    expect("\"publication\":\"k\"", "\"publication\":\"\"", "publication has 0 bytes");
    expect("\"name\":\"K\",", "", "name is not a string");
    expect("\"articles\":1", "\"articles\":1.5", "articles is not");
    expect("\"articles\":1", "\"articles\":-1", "articles is not");
    expect("\"articles\":1", "\"articles\":true", "articles is not");
    expect("\"articles\":1,", "", "articles is not");
    expect("\"PERSON\":7", "\"PERSON\":0", "label's count");
    expect("\"PERSON\":7", "\"PERSON\":-1", "label's count");
    /* No tally counts so much; a few such batches would bring a store's sum to its end, and what
     * honest ones then counted would be refused there. */
    expect("\"PERSON\":7", "\"PERSON\":17592186044416", "label's count");
    expect("\"PERSON\":7", "\"PERSON\":9007199254740991", "label's count");
    expect("\"PERSON\":7", "\"PERSON\":9223372036854775807", "label's count");
    expect("\"PERSON\":7", "\"PERSON\":17592186044415,\"ORG\":1", "sum of an entity's counts");
    expect("\"articles\":1", "\"articles\":17592186044416", "articles is not");
    expect("\"articles\":1", "\"articles\":9223372036854775807", "articles is not");
    expect("\"at\":5", "\"at\":9007199254740992", "at is not");
    expect("\"PERSON\":7", "\"PERSON\":1e300", "label's count");
    expect("\"PERSON\":7", "\"PERSON\":\"7\"", "label's count");
    expect("\"PERSON\":7", "\"\":7", "a label has 0 bytes");
    expect("{\"PERSON\":7}", "{}", "second part");
    expect("{\"PERSON\":7}", "7", "second part");
    expect("\"a\",{\"PERSON\":7}", "\"a\"", "an entity is not");
    expect("[\"a\",{\"PERSON\":7}]", "[\"a\",{\"PERSON\":7},1]", "an entity is not");
    expect("\"a\"", "\"\"", "a word has 0 bytes");
    expect("\"a\"", "\"\\u0000\"", "U+0000");
    expect("\"a\"", "\"x\\u0000y\"", "U+0000");
    expect("\"a\"", "\"\xff\"", "not UTF-8");
    expect("[[\"a\",{\"PERSON\":7}]]", "{}", "entities is not an array");
    expect("}\n", "} x", "not JSON");
    expect("}\n", "}{}", "not JSON");
    expect("}\n", "", "not JSON");
}

static void test_no_object(void)
{
    static const char *const texts[] = {"", "[]", "7", "null", "\"x\"", "{", "nul"};
    struct batch b;
    struct err e;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CU_ASSERT_EQUAL(batch_parse(texts[i], strlen(texts[i]), &b, &e), ERR_INPUT);
    CU_ASSERT_EQUAL(batch_parse("{\0}", 3, &b, &e), ERR_INPUT);
}

/* Every shorter piece of a message is refused, and nothing is read behind its end. */
static void test_cut(void)
{
    struct batch in = example(), out;
    struct buf json;
    struct err e;

    buf_init(&json, 1 << 16);
    CU_ASSERT_EQUAL_FATAL(batch_write(&in, &json), 0);
    for (size_t length = 0; length < json.length; length++) {
        char *piece = malloc(length + 1); /* of exactly its size, for the sanitizer */
        memcpy(piece, json.bytes, length);
        piece = realloc(piece, length ? length : 1);
        CU_ASSERT_EQUAL(batch_parse(piece, length, &out, &e), ERR_INPUT);
        free(piece);
    }
    buf_fini(&json);
}

static void parse_entities(int count, int expected)
{
    struct buf json;
    struct batch out;
    struct err e;

    buf_init(&json, 1 << 20);
    buf_printf(&json, "{\"v\":1,\"id\":\"" ID "\",\"at\":5,\"publication\":\"k\",\"name\":\"K\","
                      "\"articles\":1,\"entities\":[");
    for (int i = 0; i < count; i++)
        buf_printf(&json, "%s[\"w%d\",{\"X\":1}]", i ? "," : "", i);
    buf_append_text(&json, "]}");
    int code = batch_parse(json.bytes, json.length, &out, &e);
    CU_ASSERT_EQUAL(code, expected);
    if (code == 0)
        batch_fini(&out);
    buf_fini(&json);
}

static void test_ceilings(void)
{
    size_t size = BATCH_MAX_JSON_BYTES + 1;
    char *spaces = malloc(size);
    struct batch out;
    struct err e;

    parse_entities(BATCH_MAX_PARSED, 0);
    parse_entities(BATCH_MAX_PARSED + 1, ERR_INPUT);
    memset(spaces, ' ', size);
    CU_ASSERT_EQUAL(batch_parse(spaces, size, &out, &e), ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "more than"));
    free(spaces);
}

void suite_batch(void)
{
    CU_pSuite suite = CU_add_suite("batch", NULL, NULL);

    CU_add_test(suite, "what is written is read back", test_round_trip);
    CU_add_test(suite, "the message is the contract's, byte by byte", test_form);
    CU_add_test(suite, "ids differ", test_ids_differ);
    CU_add_test(suite, "good variants are taken", test_good_variants);
    CU_add_test(suite, "each bad field is refused by name", test_refused);
    CU_add_test(suite, "what is no object is refused", test_no_object);
    CU_add_test(suite, "a cut message is refused", test_cut);
    CU_add_test(suite, "ceilings hold", test_ceilings);
}
