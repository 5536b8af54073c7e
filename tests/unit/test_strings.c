/* Ids of strings: spaCy's own values, and every reserved symbol. */
#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/salted.h"
#include "workers/ner/strings.h"

void suite_strings(void);

static uint64_t id(const char *text)
{
    return string_id(text, strlen(text));
}

static void test_hashes(void)
{
    CU_ASSERT_EQUAL(id("a"), 11901859001352538922u);
    CU_ASSERT_EQUAL(id("apple"), 8566208034543834098u);
    CU_ASSERT_EQUAL(id("Apple"), 6418411030699964375u);
    CU_ASSERT_EQUAL(id("coffee"), 3197928453018144401u);
    CU_ASSERT_EQUAL(id("Xxxxx"), 16072095006890171862u);
    CU_ASSERT_EQUAL(id("é"), 16256712947286012828u);
    CU_ASSERT_EQUAL(id("LONG"), 13735693502083210583u);
    CU_ASSERT_EQUAL(id("international"), 6392893036165415004u);
    CU_ASSERT_EQUAL(string_hash("X", 1, 1), 4918752717281726814u);
    CU_ASSERT_EQUAL(string_id("apples", 5), id("apple")); /* the length counts, not a NUL */
}

static void test_symbols(void)
{
    CU_ASSERT_EQUAL(id(""), 0);
    CU_ASSERT_EQUAL(id("X"), 101);
    CU_ASSERT_EQUAL(id("_"), 456);
    CU_ASSERT_EQUAL(id("num"), 431);
    CU_ASSERT_EQUAL(id("IS_OOV_DEPRECATED"), 13);
    CU_ASSERT_EQUAL(id("FLAG19"), 19);
    CU_ASSERT_EQUAL(id("FLAG63"), 63);
    CU_ASSERT_EQUAL(id("DEPRECATED001"), 104);
    CU_ASSERT_EQUAL(id("DEPRECATED276"), 379);
}

/* A table searched by bisection loses entries that are out of order: the ends and samples between
 * must be found, and near misses must not. */
static void test_order(void)
{
    static const struct {
        const char *name;
        uint64_t id;
    } samples[] = {
        {"IS_ALPHA", 1},    {"IS_CURRENCY", 18}, {"ID", 64},        {"SENT_START", 80},
        {"SPACE", 103},     {"PERSON", 380},     {"CARDINAL", 397}, {"acomp", 398},
        {"nsubjpass", 430}, {"possessive", 441}, {"xcomp", 450},    {"acl", 451},
        {"ENT_KB_ID", 452}, {"IDX", 455},        {"cc", 407},       {"WORK_OF_ART", 388},
    };
    static const char *const none[] = {"x",
                                       "XX",
                                       "FLAG18",
                                       "FLAG64",
                                       "FLAG1a",
                                       "FLAG190",
                                       "DEPRECATED000",
                                       "DEPRECATED277",
                                       "flag19",
                                       "DEPRECATED01",
                                       "IS_OOV_DEPRECATEDX",
                                       "Person"};

    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        CU_ASSERT_EQUAL(symbol_id(samples[i].name, strlen(samples[i].name)), samples[i].id);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        CU_ASSERT_EQUAL(symbol_id(none[i], strlen(none[i])), 0);
}

#define SLOT_BITS 10
#define KEYS      512

static size_t count_different(const size_t slots[KEYS])
{
    bool used[1 << SLOT_BITS] = {false};
    size_t count = 0;

    for (size_t i = 0; i < KEYS; i++) {
        count += !used[slots[i]];
        used[slots[i]] = true;
    }
    return count;
}

/* Keys that differ in a few bits only, wherever, fall into different places; so do the texts whose
 * ids they are (MurmurHash64A is public and can be inverted). A random throw fills 403 places. */
static void test_slots(void)
{
    for (int round = 0; round < 20; round++) {
        uint64_t salt = salted_new();
        size_t slots[KEYS];
        CU_ASSERT_EQUAL(salt & 1, 1);
        for (unsigned shift = 0; shift <= 54; shift += 6) {
            for (uint64_t i = 0; i < KEYS; i++)
                slots[i] = salted_slot(0x123456789abcdef ^ i << shift, salt, SLOT_BITS);
            CU_ASSERT(count_different(slots) > KEYS / 8);
        }
        for (uint64_t i = 0; i < KEYS; i++) {
            char text[40];
            int length = snprintf(text, sizeof text, "entity %zu of a text", (size_t)i);
            slots[i] = salted_hash(text, (size_t)length, salt) & ((1 << SLOT_BITS) - 1);
        }
        CU_ASSERT(count_different(slots) > KEYS / 2);
    }
    CU_ASSERT_NOT_EQUAL(salted_hash("a", 1, 12345677), salted_hash("a\0", 2, 12345677));
    CU_ASSERT_NOT_EQUAL(salted_hash("a", 1, 12345677), salted_hash("a", 1, 9876543210987));
    CU_ASSERT_EQUAL(salted_hash("ab", 2, 12345677), salted_hash("abc", 2, 12345677));
}

void suite_strings(void)
{
    CU_pSuite suite = CU_add_suite("strings", NULL, NULL);

    CU_add_test(suite, "places in tables", test_slots);
    CU_add_test(suite, "hashes as spaCy has them", test_hashes);
    CU_add_test(suite, "reserved symbols", test_symbols);
    CU_add_test(suite, "the table of symbols is in order", test_order);
}
