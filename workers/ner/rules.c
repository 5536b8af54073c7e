/* rules: see rules.h. */
#include "rules.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "factor.h"
#include "pattern.h"

#define MAX_PATTERN_BYTES (16u << 20)
#define MAX_RUNS          4

/* Backtracking steps one search may take: what any honest text needs by far, and a share for its
 * length, as linear work is not the enemy. About a second. */
#define MATCH_LIMIT          10000000
#define MATCH_LIMIT_PER_BYTE 20
#define HEAP_LIMIT_KIB       (128 * 1024) /* PCRE2 keeps its backtracking points on the heap */
#define DEPTH_LIMIT          1000000

struct pattern {
    pcre2_code **codes; /* more than one: alternatives of a pattern too large for PCRE2 */
    size_t count;
};

struct rules {
    struct pattern patterns[RULE_KINDS];
    /* What suffixes are looked for in: see compile_suffix(). */
    size_t suffix_window; /* code points, or SIZE_MAX for the whole text */
    struct run {
        char character;
        size_t least;
    } runs[MAX_RUNS];
    size_t run_count;
};

struct rules_scratch {
    pcre2_match_data *match;
    pcre2_match_context *context;
};

static const char *const kind_names[RULE_KINDS] = {"prefix_search", "suffix_search",
                                                   "infix_finditer", "token_match", "url_match"};

static int compile_suffix(struct rules *r, const char *text, size_t length, bool caseless,
                          struct err *e);
static int compile_whole(struct rules *r, enum rule_kind kind, const char *text, size_t length,
                         bool caseless, struct err *e);
static size_t forward(const char *text, size_t length, size_t points);
static size_t backward(const char *text, size_t at, size_t points);
static int search(const struct rules *r, struct rules_scratch *s, enum rule_kind kind, size_t index,
                  const char *text, size_t length, size_t from, uint32_t options, struct err *e);

struct rules *rules_new(void)
{
    struct rules *r = xcalloc(1, sizeof *r);

    r->suffix_window = SIZE_MAX;
    return r;
}

void rules_free(struct rules *r)
{
    if (!r)
        return;
    for (size_t kind = 0; kind < RULE_KINDS; kind++) {
        struct pattern *p = &r->patterns[kind];
        for (size_t i = 0; i < p->count; i++)
            pcre2_code_free(p->codes[i]);
        free(p->codes);
    }
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
        code = kind == RULE_SUFFIX ? compile_suffix(r, text.bytes, text.length, caseless, e)
                                   : compile_whole(r, kind, text.bytes, text.length, caseless, e);
    }
    buf_fini(&text);
    return code < 0 ? err_prefix(e, "%s", kind_names[kind]) : 0;
}

struct rules_scratch *rules_scratch_new(void)
{
    struct rules_scratch *s = xcalloc(1, sizeof *s);

    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->match || !s->context)
        panic("out of memory for PCRE2");
    pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    pcre2_set_depth_limit(s->context, DEPTH_LIMIT);
    return s;
}

void rules_scratch_free(struct rules_scratch *s)
{
    if (!s)
        return;
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->context);
    free(s);
}

int rules_prefix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                 struct err *e)
{
    if (length == 0 || r->patterns[RULE_PREFIX].count == 0)
        return 0;
    int found = search(r, s, RULE_PREFIX, 0, text, length, 0, 0, e);
    if (found <= 0)
        return found;
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
    size_t points = utf8_count(text + span[0], span[1] - span[0]);
    return (int)forward(text, length, points);
}

int rules_suffix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                 struct err *e)
{
    size_t longest = 0;

    for (size_t i = 0; i < r->run_count; i++) {
        size_t run = 0;
        while (run < length && text[length - 1 - run] == r->runs[i].character)
            run++;
        if (run >= r->runs[i].least && run > longest)
            longest = run;
    }
    if (length == 0 || r->patterns[RULE_SUFFIX].count == 0)
        return (int)longest;
    size_t from = backward(text, length, r->suffix_window);
    int found = search(r, s, RULE_SUFFIX, 0, text, length, from, 0, e);
    if (found < 0)
        return found;
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
    if (found > 0 && length - span[0] > longest) { /* the leftmost: runs end at the end too */
        size_t points = utf8_count(text + span[0], span[1] - span[0]);
        longest = length - backward(text, length, points);
    }
    return (int)longest;
}

int rules_match(const struct rules *r, struct rules_scratch *s, enum rule_kind kind,
                const char *text, size_t length, struct err *e)
{
    int found = 0;

    for (size_t i = 0; found == 0 && i < r->patterns[kind].count; i++)
        found = search(r, s, kind, i, text, length, 0, PCRE2_ANCHORED, e);
    return found;
}

int rules_infix(const struct rules *r, struct rules_scratch *s, const char *text, size_t length,
                struct rules_next *next, size_t *start, size_t *end, struct err *e)
{
    if (r->patterns[RULE_INFIX].count == 0 || next->at > length)
        return 0;
    int found = search(r, s, RULE_INFIX, 0, text, length, next->at,
                       next->after_empty ? PCRE2_NOTEMPTY_ATSTART : 0, e);
    if (found <= 0)
        return found;
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
    *start = span[0];
    *end = span[1];
    next->at = span[1];
    next->after_empty = span[0] == span[1];
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

/* 1 with the match in s->match, 0 or ERR_LIMIT. */
static int search(const struct rules *r, struct rules_scratch *s, enum rule_kind kind, size_t index,
                  const char *text, size_t length, size_t from, uint32_t options, struct err *e)
{
    pcre2_set_match_limit(s->context, MATCH_LIMIT + MATCH_LIMIT_PER_BYTE * (uint32_t)length);
    int found = pcre2_match(r->patterns[kind].codes[index], (PCRE2_SPTR)text, length, from,
                            options | PCRE2_NO_UTF_CHECK, s->match, s->context);
    if (found >= 0)
        return 1;
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    PCRE2_UCHAR message[120] = "";
    pcre2_get_error_message(found, message, sizeof message);
    return err_set(e, ERR_LIMIT, "tokenizer: %s: %s on %zu bytes without a space", kind_names[kind],
                   (const char *)message, length);
}

/* Compiles one text and adds it to the codes of its kind. Returns 0, PCRE2's code, or ERR_CONFIG
 * with the error set in both cases. */
static int compile(struct pattern *p, const char *text, size_t length, bool caseless, struct err *e)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    int fault = 0;
    PCRE2_SIZE where = 0;

    if (!context)
        panic("out of memory for PCRE2");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF); /* Python's only line end */
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, length,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C |
                                         (caseless ? PCRE2_CASELESS : 0),
                                     &fault, &where, context);
    pcre2_compile_context_free(context);
    if (!code) {
        PCRE2_UCHAR message[160] = "";
        pcre2_get_error_message(fault, message, sizeof message);
        err_set(e, ERR_CONFIG, "%s at byte %zu as rewritten", (const char *)message, where);
        return fault;
    }
    p->codes = xrealloc(p->codes, (p->count + 1) * sizeof *p->codes);
    p->codes[p->count++] = code;
    return 0;
}

/* A pattern too large for PCRE2 (64 K units with its usual link size) is cut at its top-level bars.
 * That changes nothing where the question is only whether it matches. */
static int compile_whole(struct rules *r, enum rule_kind kind, const char *text, size_t length,
                         bool caseless, struct err *e)
{
    struct pattern *p = &r->patterns[kind];
    int fault = compile(p, text, length, caseless, e);

    if (fault != PCRE2_ERROR_PATTERN_TOO_LARGE ||
        (kind != RULE_TOKEN_MATCH && kind != RULE_URL_MATCH))
        return fault ? ERR_CONFIG : 0;
    for (size_t from = 0, end; from <= length; from = end + 1) {
        end = pattern_alternative_end(text, length, from);
        if (compile(p, text + from, end - from, caseless, e) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

/* Where a suffix alternative goes that needs no regex of its own; false when it does. */
static bool sort_out(struct rules *r, const char *alternative, size_t length, struct buf *singles)
{
    uint32_t code_point;
    size_t least;
    bool more;

    if (!pattern_is_literal(alternative, length, &code_point, &least, &more))
        return false;
    if (!more && least == 1) {
        buf_printf(singles, "\\x{%x}", (unsigned)code_point);
        return true;
    }
    if (!more || code_point >= 0x80 || r->run_count == MAX_RUNS)
        return false;
    r->runs[r->run_count++] = (struct run){(char)code_point, least};
    return true;
}

/* The same pattern for search from its end: false when it is not of the kind. */
static bool narrow_suffix(struct rules *r, const char *text, size_t length, struct buf *out)
{
    struct buf singles;
    size_t window = 1;
    bool narrow = true;

    buf_init(&singles, MAX_PATTERN_BYTES);
    for (size_t from = 0, end; from <= length && narrow; from = end + 1) {
        end = pattern_alternative_end(text, length, from);
        if (sort_out(r, text + from, end - from, &singles))
            continue;
        size_t longest = pattern_longest(text + from, end - from);
        narrow = longest != SIZE_MAX && pattern_is_end_anchored(text + from, end - from);
        window = longest > window ? longest : window;
        buf_append(out, text + from, end - from);
        buf_append_text(out, "|");
    }
    if (singles.length > 0)
        buf_printf(out, "[%s]$", singles.bytes);
    else if (out->length > 0)
        out->bytes[--out->length] = 0; /* the last bar */
    r->suffix_window = window + 1;     /* `$` also matches before a last line feed */
    narrow = narrow && !buf_failed(out) && !buf_failed(&singles);
    buf_fini(&singles);
    return narrow;
}

/* A search for a suffix goes from left to right, though all that counts is at the end; done as
 * written, a long line of dashes costs its square. So where all alternatives end in `$`, the search
 * begins as late as the longest of them allows. The exception that spaCy has everywhere, two dots
 * or more, is counted by hand; the many single characters become one class. Neither moves a match:
 * the leftmost one wins, and all end in the same place. */
static int compile_suffix(struct rules *r, const char *text, size_t length, bool caseless,
                          struct err *e)
{
    struct buf narrowed;
    int code = 0;

    buf_init(&narrowed, MAX_PATTERN_BYTES);
    if (!caseless && narrow_suffix(r, text, length, &narrowed)) {
        if (narrowed.length > 0)
            code = compile_whole(r, RULE_SUFFIX, narrowed.bytes, narrowed.length, false, e);
    } else {
        r->run_count = 0;
        r->suffix_window = SIZE_MAX;
        code = compile_whole(r, RULE_SUFFIX, text, length, caseless, e);
    }
    buf_fini(&narrowed);
    return code;
}
