/* The body of a commit: what batches share is one write, names are quoted as Firestore wants them.
 */
#include <CUnit/CUnit.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "store/firestore_commit.h"

void suite_firestore_commit(void);

#define ROOT "projects/p/databases/(default)/documents"

static struct batch_label labels[] = {{"PERSON", 7}, {"a-b`\\", 1}, {"PERSON", 5}, {"ORG", 2}};
static struct batch_entity entities[] = {
    {.word = "tim/cook \"x\"", .labels = &labels[0], .label_count = 2, .count = 8},
    {.word = "tim/cook \"x\"", .labels = &labels[2], .label_count = 2, .count = 7},
};

static struct batch batch_of(const char *id, uint64_t articles, struct batch_entity *entity)
{
    struct batch b = {.at_ms = 1764000000123,
                      .publication = "bbc",
                      .name = articles == 2 ? "BBC" : "Bbc",
                      .articles = articles,
                      .entities = entity,
                      .entity_count = entity != NULL};

    snprintf(b.id, sizeof b.id, "%s", id);
    return b;
}

static void expect_body(const struct batch *batches, size_t count, size_t writes,
                        const char *wanted)
{
    struct buf body;
    size_t got_writes;

    buf_init(&body, 1 << 20);
    CU_ASSERT_EQUAL(firestore_commit(ROOT, batches, count, true, &body, &got_writes), 0);
    cJSON *got = cJSON_Parse(body.bytes), *tree = cJSON_Parse(wanted);
    CU_ASSERT_FATAL(got && tree);
    if (!cJSON_Compare(got, tree, 1))
        fprintf(stderr, "\n  got %s\n", body.bytes);
    CU_ASSERT(cJSON_Compare(got, tree, 1));
    CU_ASSERT_EQUAL(got_writes, writes);
    cJSON_Delete(got);
    cJSON_Delete(tree);
    buf_fini(&body);
}

#define MARKER(id)                                                                                 \
    "{\"update\":{\"name\":\"" ROOT "/applied/" id                                                 \
    "\",\"fields\":{\"at\":{\"timestampValue\":\"2025-11-24T16:00:00.123Z\"},"                     \
    "\"expire_at\":{\"timestampValue\":\"2025-12-24T16:00:00.123Z\"}}},"                           \
    "\"currentDocument\":{\"exists\":false}}"
#define INCREMENT(path, by)                                                                        \
    "{\"fieldPath\":\"" path "\",\"increment\":{\"integerValue\":\"" by "\"}}"
#define PUBLICATION(name, by)                                                                      \
    "{\"update\":{\"name\":\"" ROOT                                                                \
    "/publications/bbc\",\"fields\":{\"name\":{\"stringValue\":\"" name                            \
    "\"}}},\"updateMask\":{\"fieldPaths\":[\"name\"]},\"updateTransforms\":[" INCREMENT("count",   \
                                                                                        by) "]}"
#define WORD(increments)                                                                           \
    "{\"update\":{\"name\":\"" ROOT "/publications/bbc/ent/~tim~2Fcook \\\"x\\\"\","               \
    "\"fields\":{\"word\":{\"stringValue\":\"tim/cook \\\"x\\\"\"}}},"                             \
    "\"updateMask\":{\"fieldPaths\":[\"word\"]},\"updateTransforms\":[" increments "]}"

static void test_one(void)
{
    struct batch b = batch_of("a1", 2, &entities[0]);

    expect_body(&b, 1, 3,
                "{\"writes\":[" MARKER("a1") "," PUBLICATION("BBC", "2") "," WORD(
                    INCREMENT("count", "8") "," INCREMENT("labels.PERSON", "7") "," INCREMENT(
                        "labels.`a-b\\\\`\\\\\\\\`", "1")) "]}");
    b = batch_of("a1", 0, NULL); /* no articles: the publication is not touched */
    expect_body(&b, 1, 1, "{\"writes\":[" MARKER("a1") "]}");
}

static void test_shared(void)
{
    struct batch both[] = {batch_of("a1", 2, &entities[0]), batch_of("b2", 3, &entities[1])};

    expect_body(
        both, 2, 4,
        "{\"writes\":[" MARKER("a1") "," MARKER("b2") "," PUBLICATION("Bbc", "5") "," WORD(
            INCREMENT("count", "15") "," INCREMENT("labels.ORG", "2") "," INCREMENT(
                "labels.PERSON", "12") "," INCREMENT("labels.`a-b\\\\`\\\\\\\\`", "1")) "]}");
}

static void test_limits(void)
{
    static struct batch_label many[500];
    static char names[500][8];
    struct batch_entity entity = {.word = "w", .labels = many, .label_count = 499, .count = 499};
    struct batch b = batch_of("a1", 1, &entity);
    struct buf body;
    size_t writes;

    for (int i = 0; i < 500; i++) {
        snprintf(names[i], sizeof names[i], "L%d", i);
        many[i] = (struct batch_label){names[i], 1};
    }
    buf_init(&body, 1 << 20);
    CU_ASSERT_EQUAL(firestore_commit(ROOT, &b, 1, true, &body, &writes), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(body.bytes, "expire_at"));
    buf_clear(&body); /* a time that nobody trusts is no time to delete at */
    CU_ASSERT_EQUAL(firestore_commit(ROOT, &b, 1, false, &body, &writes), 0);
    CU_ASSERT_PTR_NULL(strstr(body.bytes, "expire_at"));
    buf_clear(&body);
    CU_ASSERT_EQUAL(firestore_commit(ROOT, &b, 1, true, &body, &writes), 0);
    entity.label_count = 500; /* and the count: 501 transforms */
    buf_clear(&body);
    CU_ASSERT_EQUAL(firestore_commit(ROOT, &b, 1, true, &body, &writes), ERR_LIMIT);
    entity.label_count = 2;
    many[0].count = many[1].count = 1ull << 62; /* past what Firestore's integers hold */
    buf_clear(&body);
    CU_ASSERT_EQUAL(firestore_commit(ROOT, &b, 1, true, &body, &writes), ERR_LIMIT);
    many[0].count = 1;
    buf_fini(&body);
    buf_init(&body, 300);
    CU_ASSERT_EQUAL(firestore_commit(ROOT, &b, 1, true, &body, &writes), ERR_LIMIT);
    buf_fini(&body);
}

/* The key stands in a field of its own where the id is a hash, and only there. */
static void test_keys(void)
{
    static const size_t lengths[] = {1, 31, 32, 200, 1500, 1501};
    char key[1502];
    struct buf body;
    size_t writes;

    for (size_t i = 0; i < 2 * sizeof lengths / sizeof lengths[0]; i++) {
        size_t length = lengths[i / 2];
        bool has_slash = i % 2, hashed = length + (has_slash ? 3 : 0) > 1500;
        struct batch b = batch_of("a1", 2, NULL);
        memset(key, 'k', length);
        key[length] = 0;
        if (has_slash)
            key[length / 2] = '/';
        b.publication = key;
        buf_init(&body, 1 << 20);
        CU_ASSERT_EQUAL(firestore_commit(ROOT, &b, 1, true, &body, &writes), 0);
        CU_ASSERT_EQUAL(strstr(body.bytes, "\"key\":{\"stringValue\":") != NULL, hashed);
        CU_ASSERT_EQUAL(strstr(body.bytes, "[\"name\",\"key\"]") != NULL, hashed);
        buf_fini(&body);
    }
}

void suite_firestore_commit(void)
{
    CU_pSuite suite = CU_add_suite("firestore_commit", NULL, NULL);

    CU_add_test(suite, "one batch", test_one);
    CU_add_test(suite, "two batches that share documents", test_shared);
    CU_add_test(suite, "keys of 1 to 1,501 bytes", test_keys);
    CU_add_test(suite, "limits", test_limits);
}
