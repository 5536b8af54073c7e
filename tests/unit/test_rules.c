/* Patterns: what is rewritten for PCRE2, how suffixes are found from the end, and that a limit is
 * an error. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "workers/ner/factor.h"
#include "workers/ner/pattern.h"
#include "workers/ner/rules.h"

void suite_rules(void);

static struct rules *compile(enum rule_kind kind, const char *pattern)
{
    struct rules *r = rules_new();
    struct err e;
    int code = rules_compile(r, kind, pattern, strlen(pattern), &e);

    CU_ASSERT_EQUAL_FATAL(code, 0);
    return r;
}

static int prefix(const char *pattern, const char *text)
{
    struct rules *r = compile(RULE_PREFIX, pattern);
    struct rules_scratch *s = rules_scratch_new();
    struct err e;
    int found = rules_prefix(r, s, text, strlen(text), &e);

    rules_scratch_free(s);
    rules_free(r);
    return found;
}

static int suffix(const char *pattern, const char *text)
{
    struct rules *r = compile(RULE_SUFFIX, pattern);
    struct rules_scratch *s = rules_scratch_new();
    struct err e;
    int found = rules_suffix(r, s, text, strlen(text), &e);

    rules_scratch_free(s);
    rules_free(r);
    return found;
}

static int match(const char *pattern, const char *text)
{
    struct rules *r = compile(RULE_TOKEN_MATCH, pattern);
    struct rules_scratch *s = rules_scratch_new();
    struct err e;
    int found = rules_match(r, s, RULE_TOKEN_MATCH, text, strlen(text), &e);

    rules_scratch_free(s);
    rules_free(r);
    return found;
}

static void test_rewrite(void)
{
    CU_ASSERT_EQUAL(match("[\\u4E2D\\U0001F600]+$", "\u4e2d\U0001f600"), 1);
    CU_ASSERT_EQUAL(match("(?u)^\\w+$", "\u00e9\u4e2d"), 1);
    CU_ASSERT_EQUAL(match("\\S$", "\u180e"), 1); /* white space to PCRE2, not to Python */
    CU_ASSERT_EQUAL(match("\\S$", "\u3000"), 0);
    CU_ASSERT_EQUAL(match("[\\s]$", "\x1c"), 1);
    CU_ASSERT_EQUAL(match("(?iu)[a-z]$", "\u0130"), 1); /* Python folds it to i */
    CU_ASSERT_EQUAL(match("[a-z]$", "\u0130"), 0);
    CU_ASSERT_EQUAL(match("(?i)[b]$", "B"), 1);
    CU_ASSERT_EQUAL(match("[[:x:]$", ":"), 1); /* no POSIX class */
    CU_ASSERT_EQUAL(match("[]a]$", "]"), 1);
    CU_ASSERT_EQUAL(match("b", "ab"), 0); /* at the start only */
}

static void test_refused(void)
{
    static const char *const bad[] = {"[a",    "(",    "\\",    "\\u12", "\\uzzzz",
                                      "(?x)a", "\\Ka", "[\\S]", "a\xff", "(?<=a+)b"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rules *r = rules_new();
        struct err e = {0};
        CU_ASSERT_EQUAL(rules_compile(r, RULE_INFIX, bad[i], strlen(bad[i]), &e), ERR_CONFIG);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "infix_finditer"));
        rules_free(r);
    }
}

static void test_prefix(void)
{
    CU_ASSERT_EQUAL(prefix("^\\(|^\\.\\.+", "...a"), 3);
    CU_ASSERT_EQUAL(prefix("^\\(", "a("), 0);
    CU_ASSERT_EQUAL(prefix("x*", "ax"), 0);           /* the leftmost match is empty */
    CU_ASSERT_EQUAL(prefix("z", "\u00e9z"), 2);       /* one code point long, wherever it was */
    CU_ASSERT_EQUAL(prefix("\u4e2d$", "a\u4e2d"), 1); /* the same the other way round */
}

static void test_suffix(void)
{
    CU_ASSERT_EQUAL(suffix("\\)$|'s$|(?<=[0-9])(?:km|m)$|\\.\\.+$", "10km"), 2);
    CU_ASSERT_EQUAL(suffix("\\)$|'s$|(?<=[0-9])(?:km|m)$|\\.\\.+$", "akm"), 0);
    CU_ASSERT_EQUAL(suffix("\\)$|'s$|(?<=[0-9])(?:km|m)$|\\.\\.+$", "a....."), 5);
    CU_ASSERT_EQUAL(suffix("\\)$|'s$|(?<=[0-9])(?:km|m)$|\\.\\.+$", "a."), 0);
    CU_ASSERT_EQUAL(suffix("\\)$|'s$", "he's"), 2);
    CU_ASSERT_EQUAL(suffix("b$|ab$|a(?:bc)?d?$", "xxab"), 2); /* leftmost, not first */
    CU_ASSERT_EQUAL(suffix("\u2026$|\u2026\u2026$", "a\u2026\u2026"), 6);
    CU_ASSERT_EQUAL(suffix("a{3}$|b+c$", "xxbbbbbbbbbbbbbbbbbbbbc"), 21);
    CU_ASSERT_EQUAL(suffix("a\\$|b$", "xa$"), 2); /* that is no end */
    CU_ASSERT_EQUAL(suffix("\\$$|-$", "xa$"), 1);
    CU_ASSERT_EQUAL(suffix("\\)$", ""), 0);
}

/* Alternatives apart: what lies at the edge decides which are tried, never which one matches. */
static void test_alternatives(void)
{
    struct buf many;

    CU_ASSERT_EQUAL(prefix("^a|^ab|^[b-d]|^c(?:d|e)+", "abc"), 1); /* the first that matches */
    CU_ASSERT_EQUAL(prefix("^a|^ab|^[b-d]|^c(?:d|e)+", "cde"), 1);
    CU_ASSERT_EQUAL(prefix("^a|^c(?:d|e)+|^[b-d]", "cdef"), 3);
    CU_ASSERT_EQUAL(prefix("^a|^c(?:d|e)+|^[b-d]", "cf"), 1);
    CU_ASSERT_EQUAL(prefix("^x?b|^(?=c)c|^(?:d|\\+)\\+", "b"), 1);
    CU_ASSERT_EQUAL(prefix("^x?b|^(?=c)c|^(?:d|\\+)\\+", "c"), 1);
    CU_ASSERT_EQUAL(prefix("^x?b|^(?=c)c|^(?:d|\\+)\\+", "++"), 2);
    CU_ASSERT_EQUAL(prefix("^x?b|^(?=c)c|^(?:d|\\+)\\+", "x"), 0);
    CU_ASSERT_EQUAL(prefix("^(a)\\1|^b", "aa"), 2); /* a reference: not taken apart */
    CU_ASSERT_EQUAL(suffix("a$|b(?:c|[de]|\u20ac)$|f?g?$", "xb\u20ac"), 4);
    CU_ASSERT_EQUAL(suffix("a$|b(?:c|[de]|\u20ac)$|fg?$", "f"), 1);
    CU_ASSERT_EQUAL(suffix("a$|b(?:c|[de]|\u20ac)$|f\\b$", "f"), 1);
    CU_ASSERT_EQUAL(suffix("a$|b(?:c|[de]|\u20ac)$|fg?$", "e"), 0);
    CU_ASSERT_EQUAL(suffix("a$|bc$", "bc\n"), 2); /* `$` comes before a last line feed too … */
    CU_ASSERT_EQUAL(suffix("a$|bc$", "a\n"), 1);
    CU_ASSERT_EQUAL(suffix("a$|bc$|[\n]$", "a\n"), 1); /* … and the leftmost wins */
    buf_init(&many, 4096);
    for (char c = 'a'; c <= 'z'; c++)
        buf_printf(&many, "%c1$|%c2$|", c, c); /* more of them than are told apart */
    buf_append_text(&many, "-$");
    CU_ASSERT_EQUAL(suffix(many.bytes, "xa1"), 2);
    CU_ASSERT_EQUAL(suffix(many.bytes, "xz2"), 2);
    CU_ASSERT_EQUAL(suffix(many.bytes, "xz3"), 0);
    CU_ASSERT_EQUAL(suffix(many.bytes, "x-"), 1);
    buf_fini(&many);
}

static void test_infix(void)
{
    struct rules *r = compile(RULE_INFIX, "-|(?<=')(?=a)|x*");
    struct rules_scratch *s = rules_scratch_new();
    static const size_t expected[][2] = {{0, 0}, {1, 2}, {2, 2}, {3, 3}, {4, 6}, {6, 6}};
    struct rules_next next = {0};
    size_t start, end, count = 0;
    struct err e;

    while (rules_infix(r, s, "b-'axx", 6, &next, &start, &end, &e) > 0) {
        CU_ASSERT_FATAL(count < sizeof expected / sizeof expected[0]);
        CU_ASSERT_EQUAL(start, expected[count][0]);
        CU_ASSERT_EQUAL(end, expected[count][1]);
        count++;
    }
    CU_ASSERT_EQUAL(count, sizeof expected / sizeof expected[0]);
    rules_scratch_free(s);
    rules_free(r);
}

static void test_limit(void)
{
    struct rules *r = compile(RULE_INFIX, "(?:a|a?a)+(?=b|c)");
    struct rules_scratch *s = rules_scratch_new();
    struct rules_next next = {0};
    char text[200];
    size_t start, end;
    struct err e;

    memset(text, 'a', sizeof text);
    CU_ASSERT_EQUAL(rules_infix(r, s, text, sizeof text, &next, &start, &end, &e), ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "infix_finditer"));
    next = (struct rules_next){0};
    CU_ASSERT_EQUAL(rules_infix(r, s, "aab", 3, &next, &start, &end, &e), 1); /* and on it goes */
    rules_scratch_free(s);
    rules_free(r);
}

/* More than 64 K units: cut at its bars. */
static void test_giant(void)
{
    struct buf pattern;
    struct rules *r = rules_new();
    struct rules_scratch *s = rules_scratch_new();
    struct err e;

    buf_init(&pattern, 1 << 20);
    for (unsigned i = 0; i < 30000; i++)
        buf_append_text(&pattern, "word");
    CU_ASSERT_EQUAL(rules_compile(r, RULE_TOKEN_MATCH, pattern.bytes, pattern.length, &e),
                    ERR_CONFIG); /* nothing to cut it at */
    rules_free(r);
    buf_clear(&pattern);
    for (unsigned i = 0; i < 6000; i++)
        buf_printf(&pattern, "%s^w%u(?:x|y)$", i ? "|" : "(?i)", i);
    r = rules_new();
    CU_ASSERT_EQUAL_FATAL(rules_compile(r, RULE_TOKEN_MATCH, pattern.bytes, pattern.length, &e), 0);
    CU_ASSERT_EQUAL(rules_match(r, s, RULE_TOKEN_MATCH, "W5999x", 6, &e), 1);
    CU_ASSERT_EQUAL(rules_match(r, s, RULE_TOKEN_MATCH, "w0y", 3, &e), 1);
    CU_ASSERT_EQUAL(rules_match(r, s, RULE_TOKEN_MATCH, "w6000x", 6, &e), 0);
    buf_fini(&pattern);
    rules_scratch_free(s);
    rules_free(r);
}

static size_t longest(const char *pattern)
{
    return pattern_longest(pattern, strlen(pattern));
}

static void test_longest(void)
{
    CU_ASSERT_EQUAL(longest("abc$"), 3);
    CU_ASSERT_EQUAL(longest("(?<=[0-9])(?:km|km\u00b2|m)$"), 3);
    CU_ASSERT_EQUAL(longest("[a\\]|)]\\.(x|yz?)$"), 4);
    CU_ASSERT_EQUAL(longest("\\x{2019}s|a"), 2);
    CU_ASSERT_EQUAL(longest("ab+"), SIZE_MAX);
    CU_ASSERT_EQUAL(longest("a*"), SIZE_MAX);
    CU_ASSERT_EQUAL(longest("(?:ab){2}"), SIZE_MAX);
    CU_ASSERT_EQUAL(longest("(a)\\1"), SIZE_MAX);
    CU_ASSERT_EQUAL(longest("(?P<n>a)"), SIZE_MAX);
    CU_ASSERT_EQUAL(longest("(a"), SIZE_MAX);
    CU_ASSERT_EQUAL(longest("a)"), SIZE_MAX);
}

/* A class of over 256 bytes: all letters from a, one by one in hexadecimal. */
static void write_class(struct buf *out)
{
    buf_append_text(out, "[");
    for (unsigned c = 'a'; c <= 'z'; c++)
        buf_printf(out, "\\x{00000%x}", c);
    buf_append_text(out, "]");
}

static void expand(const char *pattern, struct buf *out)
{
    buf_init(out, 1 << 16);
    for (const char *p = pattern; *p; p++)
        if (*p == '@')
            write_class(out);
        else
            buf_append(out, p, 1);
}

/* `@` is the class; `wanted` "": it stays as it is. */
static void expect_factored(const char *pattern, const char *wanted)
{
    struct buf in, want, out;

    expand(pattern, &in);
    expand(wanted, &want);
    buf_init(&out, 1 << 16);
    CU_ASSERT_EQUAL(factor_alternatives(in.bytes, in.length, &out), want.length > 0);
    CU_ASSERT_EQUAL(out.length, want.length);
    CU_ASSERT(want.length == 0 || memcmp(out.bytes, want.bytes, want.length) == 0);
    buf_fini(&in);
    buf_fini(&want);
    buf_fini(&out);
}

static void test_factor(void)
{
    expect_factored("^a@+$|^b@+$", "(?:^a|^b)@+$");
    expect_factored("(?:^a@+$)|(?:^b@+$)|c$", "(?:^a|^b)@+$|(?:c$)");
    expect_factored("^a@+$|^b@*$|^c@*$|^d@+$", "(?:^a|^d)@+$|(?:^b|^c)@*$");
    expect_factored("(?:a|b)@|c@", "(?:(?:a|b)|c)@");
    expect_factored("(?:a|b@)|(?:c|b@)|x@|y@", "(?:(?:a|b@))|(?:(?:c|b@))|(?:x|y)@");
    expect_factored("^a@+$|^b@*$", "");       /* no two alike */
    expect_factored("^a[bc]+$|^d[bc]+$", ""); /* a small class */
    expect_factored("(a)@|b@", "");
    expect_factored("a@|b@|\\1", "");
    expect_factored("(?i)a@|b@", "");
    expect_factored("(?P<n>a)@|b@", "");
    expect_factored("(?>a)@|b@", "");
    expect_factored("a)@|b)@", ""); /* closes what was never opened */
    expect_factored("", "");
}

void suite_rules(void)
{
    CU_pSuite suite = CU_add_suite("rules", NULL, NULL);

    CU_add_test(suite, "Python's syntax rewritten", test_rewrite);
    CU_add_test(suite, "patterns refused", test_refused);
    CU_add_test(suite, "prefix", test_prefix);
    CU_add_test(suite, "suffix from the end", test_suffix);
    CU_add_test(suite, "alternatives tried by the edge of the text", test_alternatives);
    CU_add_test(suite, "infixes with empty matches", test_infix);
    CU_add_test(suite, "a passed limit is an error", test_limit);
    CU_add_test(suite, "a pattern too large for PCRE2", test_giant);
    CU_add_test(suite, "the longest match", test_longest);
    CU_add_test(suite, "alternatives that end alike", test_factor);
}
