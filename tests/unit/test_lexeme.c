/* Lexical attributes, against values of spaCy 3.8 on Python 3.11. */
#include <CUnit/CUnit.h>
#include <string.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "workers/ner/lexeme.h"
#include "workers/ner/strings.h"

#define MODEL "var/models/en_core_web_sm"

void suite_lexeme(void);

static struct lexeme_norms *norms;

static int set_up(void)
{
    struct err e;

    return lexeme_norms_load(MODEL, &norms, &e);
}

static int tear_down(void)
{
    lexeme_norms_free(norms);
    return 0;
}

static uint64_t id(const char *text)
{
    return string_id(text, strlen(text));
}

static struct word_type fill(const char *text)
{
    struct word_type type;
    struct buf scratch;

    buf_init(&scratch, LEXEME_MAX_SCRATCH_BYTES);
    lexeme_fill(norms, text, strlen(text), id(text), &scratch, &type);
    buf_fini(&scratch);
    return type;
}

static void test_shape(void)
{
    static const char *const cases[][2] = {
        {"Washington-2015", "Xxxxx-dddd"},
        {"aaaaaa", "xxxx"},
        {"ABCDEabcde12345.....", "XXXXxxxxdddd...."},
        {"aBBBBBBc", "xXXXXx"},
        {"X", "X"},
        {"$$$$$$", "$$$$"},
        {"dddddd12", "xxxxdd"},                    /* a letter d is no digit … */
        {"\u01c5x", "xx"},                         /* a title-case letter is not upper */
        {"\u216bx", "\u216bx"},                    /* a Roman numeral is no letter */
        {"\u0661\u00b2\u2460\u00bd", "ddd\u00bd"}, /* digits, but a half is none */
        {"e\u0301\u0301", "x\u0301\u0301"},        /* marks stand for themselves */
        {"\u4e2d\u6587", "xx"},                    /* letters without case */
        {"\U00010400\U00010428", "Xx"},
        {"\u0130\u03a3", "XX"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char shape[LEXEME_SHAPE_BYTES];
        size_t length = strlen(cases[i][0]);
        size_t written = lexeme_shape(cases[i][0], length, utf8_count(cases[i][0], length), shape);
        CU_ASSERT_EQUAL(written, strlen(cases[i][1]));
        CU_ASSERT_EQUAL(memcmp(shape, cases[i][1], written), 0);
    }
}

static void test_long_shape(void)
{
    char text[400];

    memset(text, 'a', sizeof text);
    text[99] = 0;
    CU_ASSERT_EQUAL(fill(text).shape, id("xxxx"));
    text[99] = 'a';
    text[100] = 0;
    CU_ASSERT_EQUAL(fill(text).shape, id("LONG"));

    text[0] = 0;
    for (int i = 0; i < 99; i++) /* code points count, not bytes; and no run is cut here */
        memcpy(text + 4 * i, i % 2 ? "\U0001f600" : "\U0001f601", 5);
    CU_ASSERT_EQUAL(fill(text).shape, id(text));
}

static void test_parts(void)
{
    struct word_type type = fill("Washington");

    CU_ASSERT_EQUAL(type.orth, id("Washington"));
    CU_ASSERT_EQUAL(type.lower, id("washington"));
    CU_ASSERT_EQUAL(type.prefix, id("W"));
    CU_ASSERT_EQUAL(type.suffix, id("ton"));
    CU_ASSERT_EQUAL(type.byte_length, 10);
    CU_ASSERT_EQUAL(type.code_points, 10);
    CU_ASSERT_FALSE(type.is_space);
    type = fill("\u4e2d\u6587e\u0301");
    CU_ASSERT_EQUAL(type.prefix, id("\u4e2d"));
    CU_ASSERT_EQUAL(type.suffix, id("\u6587e\u0301"));
    CU_ASSERT_EQUAL(type.byte_length, 9);
    CU_ASSERT_EQUAL(type.code_points, 4);
    type = fill("no");
    CU_ASSERT_EQUAL(type.suffix, id("no"));
    type = fill("I");
    CU_ASSERT_EQUAL(type.shape, 101); /* the reserved symbol X */
}

static void test_lower(void)
{
    CU_ASSERT_EQUAL(fill("I\u0130").lower, id("ii\u0307"));
    CU_ASSERT_EQUAL(fill("\u03a3\u0391\u03a3").lower, id("\u03c3\u03b1\u03c2"));
    CU_ASSERT_EQUAL(fill("\u0391\u03a3'\u0391").lower, id("\u03b1\u03c3'\u03b1"));
    CU_ASSERT_EQUAL(fill("Ol'\u03a3").lower, id("ol'\u03c2")); /* the apostrophe is skipped */
    CU_ASSERT_EQUAL(fill("\u03a3").lower, id("\u03c3"));
    CU_ASSERT_EQUAL(fill("\u00c9\u1e9e\u212a").lower, id("\u00e9\u00dfk"));
}

static void test_norm(void)
{
    CU_ASSERT_EQUAL(fill("colour").norm, id("color")); /* the model's table */
    CU_ASSERT_EQUAL(fill("Realise").norm, id("realize"));
    CU_ASSERT_EQUAL(fill("\u2019s").norm, id("'s")); /* the built-in one */
    CU_ASSERT_EQUAL(fill("\u2014").norm, id("-"));
    CU_ASSERT_EQUAL(fill("\u2014\u2014").norm, id("-"));
    CU_ASSERT_EQUAL(fill("US$").norm, id("$"));
    CU_ASSERT_EQUAL(fill("E\u00a3").norm, id("$"));
    CU_ASSERT_EQUAL(fill("\u2026").norm, id("..."));
    CU_ASSERT_EQUAL(fill("``").norm, id("\""));
    CU_ASSERT_EQUAL(fill("Paris").norm, id("paris")); /* neither */
}

static void test_space(void)
{
    static const char *const spaces[] = {" ",      "\n\t ",  "\x1c",   "\302\205", "\u00a0",
                                         "\u1680", "\u2000", "\u200a", "\u2028",   "\u3000"};
    static const char *const others[] = {"\u180e", "\u200b", "\ufeff", " a", "\x1b", "\u2060"};

    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        CU_ASSERT_TRUE(fill(spaces[i]).is_space);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CU_ASSERT_FALSE(fill(others[i]).is_space);
}

void suite_lexeme(void)
{
    CU_pSuite suite = CU_add_suite("lexeme", set_up, tear_down);

    CU_add_test(suite, "shape", test_shape);
    CU_add_test(suite, "shape from 100 code points on", test_long_shape);
    CU_add_test(suite, "prefix, suffix and lengths", test_parts);
    CU_add_test(suite, "lower case", test_lower);
    CU_add_test(suite, "norm", test_norm);
    CU_add_test(suite, "white space", test_space);
}
