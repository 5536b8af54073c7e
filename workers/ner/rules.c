/* rules: see rules.h. */
#include "rules.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "affix.h"
#include "common/buf.h"
#include "common/utf8.h"
#include "factor.h"
#include "pattern.h"
#include "regex.h"

#define MAX_PATTERN_BYTES (16u << 20)
#define MAX_RUNS          4

struct pattern {
    struct regex **codes; /* more than one: alternatives of a pattern too large for PCRE2 */
    size_t count;
};

struct rules {
    struct pattern patterns[RULE_KINDS];
    /* The prefix and suffix patterns where they are of the kind; then their codes are not used. */
    struct affix *prefix, *suffix;
    /* What of the suffix pattern is counted by hand: see compile_suffix(). */
    struct run {
        char character;
        size_t least;
    } runs[MAX_RUNS];
    size_t run_count;
};

struct rules_scratch {
    struct regex_scratch *regex;
    struct affix_known *prefix, *suffix;
};

static const char *const kind_names[RULE_KINDS] = {"prefix_search", "suffix_search",
                                                   "infix_finditer", "token_match", "url_match"};

static int compile_suffix(struct rules *r, const char *text, size_t length, struct err *e);
static int compile_whole(struct rules *r, enum rule_kind kind, const char *text, size_t length,
                         bool caseless, struct err *e);
static size_t forward(const char *text, size_t length, size_t points);
static size_t backward(const char *text, size_t at, size_t points);
static int search(const struct rules *r, struct rules_scratch *s, enum rule_kind kind, size_t index,
                  const char *text, size_t length, size_t from, enum regex_how how, size_t *start,
                  size_t *end, struct err *e);

struct rules *rules_new(void)
{
    return xcalloc(1, sizeof(struct rules));
}

void rules_free(struct rules *r)
{
    if (!r)
        return;
    for (size_t kind = 0; kind < RULE_KINDS; kind++) {
        struct pattern *p = &r->patterns[kind];
        for (size_t i = 0; i < p->count; i++)
            regex_free(p->codes[i]);
        free(p->codes);
    }
    affix_free(r->prefix);
    affix_free(r->suffix);
    free(r);
}

/* For a pattern of which only whether it matches is asked. */
static void simplify(struct buf *text)
{
    struct buf factored;

    pattern_simplify(text);
    buf_init(&factored, MAX_PATTERN_BYTES);
    if (factor_alternatives(text->bytes, text->length, &factored) && !buf_failed(&factored)) {
        struct buf before = *text;
        *text = factored;
        factored = before;
    }
    buf_fini(&factored);
}

int rules_compile(struct rules *r, enum rule_kind kind, const char *pattern, size_t length,
                  struct err *e)
{
    struct buf text;
    bool caseless;
    int code;

    if (!utf8_valid(pattern, length))
        return err_set(e, ERR_CONFIG, "%s is not UTF-8", kind_names[kind]);
    buf_init(&text, MAX_PATTERN_BYTES);
    code = pattern_rewrite(pattern, length, &text, &caseless, e);
    if (code == 0 && text.length > 0) {
        if (kind == RULE_TOKEN_MATCH || kind == RULE_URL_MATCH)
            simplify(&text);
        if (kind == RULE_PREFIX && !caseless)
            code =
                affix_compile(EDGE_START, kind_names[kind], text.bytes, text.length, &r->prefix, e);
        else if (kind == RULE_SUFFIX && !caseless)
            code = compile_suffix(r, text.bytes, text.length, e);
        if (code == 0 && (kind == RULE_PREFIX ? !r->prefix : kind != RULE_SUFFIX || !r->suffix))
            code = compile_whole(r, kind, text.bytes, text.length, caseless, e);
    }
    buf_fini(&text);
    return code < 0 ? err_prefix(e, "%s", kind_names[kind]) : 0;
}

struct rules_scratch *rules_scratch_new(void)
{
    struct rules_scratch *s = xcalloc(1, sizeof *s);

    s->regex = regex_scratch_new();
    s->prefix = affix_known_new();
    s->suffix = affix_known_new();
    return s;
}

void rules_scratch_free(struct rules_scratch *s)
{
    if (!s)
        return;
    regex_scratch_free(s->regex);
    affix_known_free(s->prefix);
    affix_known_free(s->suffix);
    free(s);
}

int rules_prefix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                 struct err *e)
{
    size_t start, end;
    int found = 0;

    if (length == 0)
        return 0;
    if (r->prefix)
        found = affix_search(r->prefix, s->prefix, s->regex, text, length, &start, &end, e);
    else if (r->patterns[RULE_PREFIX].count > 0)
        found = search(r, s, RULE_PREFIX, 0, text, length, 0, REGEX_SEARCH, &start, &end, e);
    if (found <= 0)
        return found;
    return (int)forward(text, length, utf8_count(text + start, end - start));
}

int rules_suffix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                 struct err *e)
{
    size_t longest = 0, start, end;
    int found = 0;

    for (size_t i = 0; i < r->run_count; i++) {
        size_t run = 0;
        while (run < length && text[length - 1 - run] == r->runs[i].character)
            run++;
        if (run >= r->runs[i].least && run > longest)
            longest = run;
    }
    if (length == 0)
        return 0;
    if (r->suffix)
        found = affix_search(r->suffix, s->suffix, s->regex, text, length, &start, &end, e);
    else if (r->patterns[RULE_SUFFIX].count > 0)
        found = search(r, s, RULE_SUFFIX, 0, text, length, 0, REGEX_SEARCH, &start, &end, e);
    if (found < 0)
        return found;
    if (found > 0 && length - start > longest) /* the leftmost: runs end at the end too */
        longest = length - backward(text, length, utf8_count(text + start, end - start));
    return (int)longest;
}

int rules_match(const struct rules *r, struct rules_scratch *s, enum rule_kind kind,
                const char *text, size_t length, struct err *e)
{
    size_t start, end;
    int found = 0;

    for (size_t i = 0; found == 0 && i < r->patterns[kind].count; i++)
        found = search(r, s, kind, i, text, length, 0, REGEX_AT_START, &start, &end, e);
    return found;
}

int rules_infix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                struct rules_next *next, size_t *start, size_t *end, struct err *e)
{
    if (r->patterns[RULE_INFIX].count == 0 || next->at > length)
        return 0;
    int found = search(r, s, RULE_INFIX, 0, text, length, next->at,
                       next->after_empty ? REGEX_NOT_EMPTY_AT_START : REGEX_SEARCH, start, end, e);
    if (found <= 0)
        return found;
    next->at = *end;
    next->after_empty = *start == *end;
    return 1;
}

/* A match may lie anywhere, and it is its length in code points that gets cut off at an end. */
static size_t forward(const char *text, size_t length, size_t points)
{
    size_t at = 0;
    uint32_t c;

    for (; points > 0 && at < length; points--)
        at += utf8_next(text + at, &c);
    return at;
}

static size_t backward(const char *text, size_t at, size_t points)
{
    for (; points > 0 && at > 0; points--) {
        do
            at--;
        while (at > 0 && (text[at] & 0xc0) == 0x80);
    }
    return at;
}

static int search(const struct rules *r, struct rules_scratch *s, enum rule_kind kind, size_t index,
                  const char *text, size_t length, size_t from, enum regex_how how, size_t *start,
                  size_t *end, struct err *e)
{
    return regex_search(r->patterns[kind].codes[index], s->regex, kind_names[kind], text, length,
                        from, how, start, end, e);
}

/* Compiles one text and adds it to the codes of its kind. */
static int compile(struct pattern *p, const char *text, size_t length, bool caseless,
                   bool *too_large, struct err *e)
{
    struct regex *regex;

    if (regex_compile(text, length, caseless, &regex, too_large, e) < 0)
        return e->code;
    p->codes = xrealloc(p->codes, (p->count + 1) * sizeof *p->codes);
    p->codes[p->count++] = regex;
    return 0;
}

/* A pattern too large for PCRE2 (64 K units with its usual link size) is cut at its top-level bars.
 * That changes nothing where the question is only whether it matches. */
static int compile_whole(struct rules *r, enum rule_kind kind, const char *text, size_t length,
                         bool caseless, struct err *e)
{
    struct pattern *p = &r->patterns[kind];
    bool too_large;
    int code = compile(p, text, length, caseless, &too_large, e);

    if (!too_large || (kind != RULE_TOKEN_MATCH && kind != RULE_URL_MATCH))
        return code;
    for (size_t from = 0, end; from <= length; from = end + 1) {
        end = pattern_alternative_end(text, length, from);
        if (compile(p, text + from, end - from, caseless, NULL, e) < 0)
            return e->code;
    }
    return 0;
}

/* True for an alternative that is counted by hand. */
static bool is_run(struct rules *r, const char *alternative, size_t length)
{
    uint32_t code_point;
    size_t least;
    bool more;

    if (!pattern_is_literal(alternative, length, &code_point, &least, &more) || !more ||
        code_point >= 0x80 || r->run_count == MAX_RUNS)
        return false;
    r->runs[r->run_count++] = (struct run){(char)code_point, least};
    return true;
}

/* A search for a suffix goes from left to right, though all that counts is at the end; done as
 * written, a long line of dashes costs its square. So where all alternatives end in `$`, the search
 * begins as late as each of them allows (affix.c). The exception that spaCy has everywhere, two
 * dots or more, is counted by hand. Neither moves a match: the leftmost one wins, and all end in
 * the same place. */
static int compile_suffix(struct rules *r, const char *text, size_t length, struct err *e)
{
    struct buf others;
    int code = 0;

    buf_init(&others, MAX_PATTERN_BYTES);
    for (size_t from = 0, end; from <= length; from = end + 1) {
        end = pattern_alternative_end(text, length, from);
        if (is_run(r, text + from, end - from))
            continue;
        buf_append_text(&others, others.length > 0 ? "|" : "");
        buf_append(&others, text + from, end - from);
    }
    if (others.length > 0 && !buf_failed(&others))
        code = affix_compile(EDGE_END, kind_names[RULE_SUFFIX], others.bytes, others.length,
                             &r->suffix, e);
    if (!r->suffix)
        r->run_count = 0;
    buf_fini(&others);
    return code;
}
