/* Every code point as Python 3.11 sees it (Unicode 14), whatever Unicode the libraries here have:
 * kind in a shape, \\w, \\d, lower case alone and around a sigma. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <CUnit/CUnit.h>
#include <openssl/evp.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"
#include "workers/ner/lexeme.h"
#include "workers/ner/pattern.h"

void suite_unicode(void);

/* Of tests/parity/unicode_digest.py, run with Python 3.11. */
#define DIGEST "be23b843c496b11c37e74b30a9b3b4993549b6e9efbde79539919287c376d216"

static struct err e;

static pcre2_code *compile(const char *python)
{
    struct buf text;
    bool caseless;
    int fault;
    PCRE2_SIZE where;

    buf_init(&text, 1 << 16);
    CU_ASSERT_EQUAL_FATAL(pattern_rewrite(python, strlen(python), &text, &caseless, &e), 0);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text.bytes, text.length, PCRE2_UTF | PCRE2_UCP,
                                     &fault, &where, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(code);
    buf_fini(&text);
    return code;
}

static bool matches(pcre2_code *code, pcre2_match_data *match, const char *text, unsigned length)
{
    return pcre2_match(code, (PCRE2_SPTR)text, length, 0, 0, match, NULL) >= 0;
}

static void append_lower(struct buf *out, const char *before, const char *c, unsigned length,
                         const char *after)
{
    char text[16];
    int size = snprintf(text, sizeof text, "%s%.*s%s", before, (int)length, c, after);

    CU_ASSERT_EQUAL(utf8_lower(text, (size_t)size, out), 0);
}

static char kind_of(const char *c, unsigned length)
{
    char shape[LEXEME_SHAPE_BYTES];
    size_t size = lexeme_shape(c, length, 1, shape);

    if (size != 1 || !strchr("Xxd", shape[0]))
        return '-';
    return shape[0];
}

static void each_code_point(void)
{
    pcre2_code *word = compile("\\w"), *in_class = compile("[\\w]"), *digit = compile("\\d");
    pcre2_code *no_word = compile("\\W"), *negated = compile("[^\\w]"), *no_digit = compile("\\D");
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    unsigned char sum[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned sum_length;
    struct buf all;
    char c[4];

    buf_init(&all, 64 << 20);
    for (uint32_t code_point = 1; code_point < 0x110000; code_point++) {
        if (code_point >= 0xd800 && code_point < 0xe000)
            continue;
        unsigned length = utf8_write(code_point, c);
        bool is_word = matches(word, match, c, length), is_digit = matches(digit, match, c, length);
        if (is_word != matches(in_class, match, c, length) ||
            is_word == matches(negated, match, c, length) ||
            is_word == matches(no_word, match, c, length) ||
            is_digit == matches(no_digit, match, c, length))
            CU_FAIL("the forms of \\w and \\d do not agree");
        buf_printf(&all, "%c%c%c", kind_of(c, length), is_word ? 'w' : '-', is_digit ? 'd' : '-');
        append_lower(&all, "", c, length, "");
        append_lower(&all, "A\u03a3", c, length, "");
        append_lower(&all, "A", c, length, "\u03a3");
        buf_append_text(&all, "\n");
    }
    CU_ASSERT_FALSE_FATAL(buf_failed(&all));
    CU_ASSERT_EQUAL(EVP_Digest(all.bytes, all.length, sum, &sum_length, EVP_sha256(), NULL), 1);
    for (unsigned i = 0; i < sum_length; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    CU_ASSERT_STRING_EQUAL(hex, DIGEST);
    pcre2_match_data_free(match);
    pcre2_code_free(word);
    pcre2_code_free(in_class);
    pcre2_code_free(digit);
    pcre2_code_free(no_word);
    pcre2_code_free(negated);
    pcre2_code_free(no_digit);
    buf_fini(&all);
}

/* Word boundaries: é is a letter and its accent alone, a mark, is not. */
static void boundaries(void)
{
    static const struct {
        const char *pattern, *text;
        bool found;
    } cases[] = {
        {"e\\b", "e\u0301", true},       {"e\\B", "e\u0301", false}, {"e\\b", "e\u00e9", false},
        {"e\\B", "e\u00e9", true},       {"\\be", "e", true},        {"e\\b", "e_", false},
        {"[\\w-]{3}", "a-\u0967", true}, {"[^\\w-]", "a-_1", false}, {"[^\\w-]", "a+", true},
    };
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pcre2_code *code = compile(cases[i].pattern);
        if (matches(code, match, cases[i].text, (unsigned)strlen(cases[i].text)) !=
            cases[i].found) {
            printf("\n  %s on %s\n", cases[i].pattern, cases[i].text);
            CU_FAIL("a wrong match");
        }
        pcre2_code_free(code);
    }
    pcre2_match_data_free(match);
}

void suite_unicode(void)
{
    CU_pSuite suite = CU_add_suite("unicode", NULL, NULL);

    CU_add_test(suite, "each code point", each_code_point);
    CU_add_test(suite, "word boundaries", boundaries);
}
