/* affix: see affix.h. */
#include "affix.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "pattern.h"

#define MAX_PATTERN_BYTES (16u << 20)
#define MAX_ALTERNATIVES  31 /* the last may stand for many */
#define KNOWN             (1u << 31)
#define CODE_POINTS       0x110000

struct alternative {
    struct regex *regex;
    struct regex *edge; /* matches a code point that may be at the edge; NULL: any may */
    size_t window;      /* of a suffix: most code points that a match has */
    bool single;        /* any number of them, of one code point each */
};

struct affix {
    enum edge edge;
    const char *name;
    struct alternative alternatives[MAX_ALTERNATIVES];
    size_t count;
};

/* A bit for each alternative, and KNOWN. Pages that are never reached cost nothing. */
struct affix_known {
    const struct affix *of;
    uint32_t masks[CODE_POINTS];
};

/* While a pattern is taken apart. */
struct parts {
    struct affix *affix;
    struct buf singles; /* gathered: of a prefix those in a row, of a suffix all */
    struct buf rest;    /* those for which no bit is left, as one */
    size_t rest_window;
    bool fits;
};

struct affix_known *affix_known_new(void)
{
    return xcalloc(1, sizeof(struct affix_known));
}

void affix_known_free(struct affix_known *k)
{
    free(k);
}

void affix_free(struct affix *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++) {
        regex_free(a->alternatives[i].regex);
        regex_free(a->alternatives[i].edge);
    }
    free(a);
}

/* What reaches from one alternative into another: flags, references, names. */
static bool stands_alone(const char *p, size_t length)
{
    for (size_t at = 0; at + 1 < length; at = pattern_unit_end(p, length, at)) {
        if (p[at] == '\\' && (isdigit((unsigned char)p[at + 1]) || strchr("gkQE", p[at + 1])))
            return false;
        if (p[at] == '(' &&
            (p[at + 1] == '*' ||
             (p[at + 1] == '?' && (at + 2 == length || !strchr(":=!<", p[at + 2])))))
            return false;
    }
    return true;
}

/* Compiles `before`, the text and `after`. */
static int compile(const char *before, const struct buf *text, const char *after,
                   struct regex **out, struct err *e)
{
    struct buf whole;

    buf_init(&whole, MAX_PATTERN_BYTES);
    buf_append_text(&whole, before);
    buf_append(&whole, text->bytes, text->length);
    buf_append_text(&whole, after);
    int code = buf_failed(&whole) ? err_set(e, ERR_CONFIG, "too long")
                                  : regex_compile(whole.bytes, whole.length, false, out, NULL, e);
    buf_fini(&whole);
    return code;
}

/* `units` are what may be at its edge, or NULL. */
static int append(struct affix *to, const struct buf *inner, const struct buf *units, bool single,
                  size_t window, struct err *e)
{
    bool at_start = to->edge == EDGE_START;
    struct alternative *a = &to->alternatives[to->count++];

    a->single = single;
    a->window = window;
    if (compile(at_start ? "^(?:" : "(?:", inner, at_start ? ")" : ")$", &a->regex, e) < 0)
        return e->code;
    return units ? compile("\\A(?:", units, ")\\z", &a->edge, e) : 0;
}

/* One more alternative, without its anchor. */
static int add(struct parts *p, const struct buf *inner, const struct buf *units, bool single,
               size_t window, struct err *e)
{
    if (p->affix->count < MAX_ALTERNATIVES - 1)
        return append(p->affix, inner, units, single, window, e);
    buf_append_text(&p->rest, p->rest.length > 0 ? "|" : "");
    buf_append(&p->rest, inner->bytes, inner->length);
    p->rest_window = window > p->rest_window ? window : p->rest_window;
    return 0;
}

static int add_singles(struct parts *p, struct err *e)
{
    if (p->singles.length == 0)
        return 0;
    p->singles.bytes[--p->singles.length] = 0; /* the last bar */
    int code = add(p, &p->singles, &p->singles, true, 1, e);
    buf_clear(&p->singles);
    return code;
}

static int add_alternative(struct parts *p, const char *text, size_t length, struct err *e)
{
    enum edge edge = p->affix->edge;
    const char *inner;
    size_t inner_length, window = 0;
    struct buf alternative, units;

    if (!edges_inner(edge, text, length, &inner, &inner_length)) {
        p->fits = false;
        return 0;
    }
    if (edges_is_single(inner, inner_length)) {
        buf_append(&p->singles, inner, inner_length);
        buf_append_text(&p->singles, "|");
        return 0;
    }
    if (edge == EDGE_END) {
        window = pattern_longest(inner, inner_length);
        p->fits = p->fits && window != SIZE_MAX;
    } else if (add_singles(p, e) < 0) { /* the first that matches wins: they keep their place */
        return e->code;
    }
    buf_init(&alternative, MAX_PATTERN_BYTES);
    buf_init(&units, MAX_PATTERN_BYTES);
    buf_append(&alternative, inner, inner_length);
    bool told = edges_units(edge, inner, inner_length, &units);
    int code = add(p, &alternative, told ? &units : NULL, false, window, e);
    buf_fini(&alternative);
    buf_fini(&units);
    return code;
}

int affix_compile(enum edge edge, const char *name, const char *pattern, size_t length,
                  struct affix **out, struct err *e)
{
    struct parts p = {.affix = xcalloc(1, sizeof *p.affix), .fits = stands_alone(pattern, length)};
    int code = 0;

    *out = NULL;
    p.affix->edge = edge;
    p.affix->name = name;
    buf_init(&p.singles, MAX_PATTERN_BYTES);
    buf_init(&p.rest, MAX_PATTERN_BYTES);
    for (size_t from = 0, end; code == 0 && p.fits && from <= length; from = end + 1) {
        end = pattern_alternative_end(pattern, length, from);
        code = add_alternative(&p, pattern + from, end - from, e);
    }
    if (code == 0 && p.fits)
        code = add_singles(&p, e);
    if (code == 0 && p.fits && p.rest.length > 0)
        code = append(p.affix, &p.rest, NULL, false, p.rest_window, e);
    buf_fini(&p.singles);
    buf_fini(&p.rest);
    if (code == 0 && p.fits)
        *out = p.affix;
    else
        affix_free(p.affix);
    return code;
}

/* The alternatives that the code point of `size` bytes at `edge` lets match. */
static int find_mask(const struct affix *a, struct affix_known *k, struct regex_scratch *s,
                     const char *edge, size_t size, uint32_t *mask, struct err *e)
{
    uint32_t c;
    size_t start, end;

    if (k->of != a) {
        memset(k, 0, sizeof *k);
        k->of = a;
    }
    utf8_next(edge, &c);
    if (!(k->masks[c] & KNOWN)) {
        uint32_t found = KNOWN;
        for (size_t i = 0; i < a->count; i++) {
            const struct regex *regex = a->alternatives[i].edge;
            int fits = regex ? regex_search(regex, s, a->name, edge, size, 0, REGEX_AT_START,
                                            &start, &end, e)
                             : 1;
            if (fits < 0)
                return fits;
            found |= (uint32_t)fits << i;
        }
        k->masks[c] = found;
    }
    *mask = k->masks[c];
    return 0;
}

/* Where a match of at most `points` code points must begin at the latest. */
static size_t backward(const char *text, size_t at, size_t points)
{
    for (; points > 0 && at > 0; points--) {
        do
            at--;
        while (at > 0 && (text[at] & 0xc0) == 0x80);
    }
    return at;
}

int affix_search(const struct affix *a, struct affix_known *k, struct regex_scratch *s,
                 const char *text, size_t length, size_t *start, size_t *end, struct err *e)
{
    size_t at = a->edge == EDGE_START ? 0 : backward(text, length, 1);
    uint32_t c, mask;
    size_t size = a->edge == EDGE_START ? utf8_next(text, &c) : length - at;
    /* `$` also matches before a last line feed: then the edge is not the last code point. */
    bool told = text[length - 1] != '\n';
    int any = 0;

    if (find_mask(a, k, s, text + at, size, &mask, e) < 0)
        return e->code;
    for (size_t i = 0; i < a->count; i++) {
        const struct alternative *one = &a->alternatives[i];
        size_t first = at, last = at + size;
        int found = 1;
        if (told && !(mask >> i & 1))
            continue;
        if (!told || !one->single) {
            size_t from = a->edge == EDGE_START ? 0 : backward(text, length, one->window + 1);
            found = regex_search(one->regex, s, a->name, text, length, from, REGEX_SEARCH, &first,
                                 &last, e);
        }
        if (found < 0)
            return found;
        if (found && (!any || first < *start)) {
            any = 1;
            *start = first;
            *end = last;
        }
        if (any && *start == 0)
            break; /* nothing is further left, and of two there the first wins */
    }
    return any;
}
