/* edges: see edges.h. */
#include "edges.h"

#include <ctype.h>
#include <string.h>

#include "common/utf8.h"
#include "pattern.h"

#define MAX_DEPTH 16 /* of groups at the edge */

enum kind { UNIT, GROUP, ASSERTION, OTHER };

/* One item of a pattern with the quantifier behind it. */
struct item {
    enum kind kind;
    const char *text; /* of a group: what is inside */
    size_t length;
    bool needed; /* matches at least once */
};

static bool edge_of(enum edge edge, const char *pattern, size_t length, unsigned depth,
                    struct buf *out);

/* The end of the unit at `at` that matches one code point; 0 when there is none. */
static size_t unit_end(const char *p, size_t length, size_t at)
{
    uint32_t c;

    if (p[at] == '[')
        return pattern_unit_end(p, length, at);
    if (p[at] == '\\') {
        bool literal = at + 1 < length && !isalnum((unsigned char)p[at + 1]);
        bool number = at + 2 < length && p[at + 1] == 'x' && p[at + 2] == '{';
        return literal || number ? pattern_unit_end(p, length, at) : 0;
    }
    if (strchr("](){}.*+?^$|", p[at]))
        return 0;
    return at + utf8_next(p + at, &c);
}

/* The closing parenthesis of the group that is open at `at`, or `length`. */
static size_t group_end(const char *p, size_t length, size_t at)
{
    size_t depth = 0;

    while (at < length) {
        if (p[at] == ')' && depth-- == 0)
            return at;
        depth += p[at] == '(';
        at = pattern_unit_end(p, length, at);
    }
    return length;
}

/* The item at *at, which moves behind it; what is not understood is OTHER. */
static struct item next_item(const char *p, size_t length, size_t *at)
{
    struct item item = {.kind = UNIT, .needed = true};
    size_t start = *at, end = unit_end(p, length, start);

    if (end > 0) {
        item.text = p + start;
        item.length = end - start;
    } else if (p[start] == '(') {
        bool plain = start + 1 < length && p[start + 1] != '?';
        bool named = !plain && (start + 2 >= length || !strchr(":=!<", p[start + 2]));
        size_t inside = start + (plain ? 1 : 3);
        end = group_end(p, length, start + 1);
        item.kind = named || end >= length || inside > end           ? OTHER
                    : plain || p[start + 2] == ':'                   ? GROUP
                    : p[start + 2] != '<' || strchr("=!", p[inside]) ? ASSERTION
                                                                     : OTHER;
        item.text = p + inside;
        item.length = end > inside ? end - inside : 0;
        end += end < length;
    } else {
        item.kind = OTHER;
        end = pattern_unit_end(p, length, start);
    }
    if (end < length && strchr("?*{", p[end]))
        item.needed = false;
    while (end < length && strchr("?*+", p[end]))
        end++; /* the numbers in braces are no unit that the end of an alternative is told by */
    *at = end;
    return item;
}

static bool edge_of_item(enum edge edge, const struct item *item, unsigned depth, struct buf *out)
{
    if (!item->needed || item->kind == ASSERTION || item->kind == OTHER || depth > MAX_DEPTH)
        return false;
    if (item->kind == GROUP)
        return edge_of(edge, item->text, item->length, depth + 1, out);
    buf_append(out, item->text, item->length);
    buf_append_text(out, "|");
    return true;
}

/* Of all alternatives of a pattern. */
static bool edge_of(enum edge edge, const char *pattern, size_t length, unsigned depth,
                    struct buf *out)
{
    for (size_t from = 0, end; from <= length; from = end + 1) {
        struct item item = {.kind = OTHER};
        end = pattern_alternative_end(pattern, length, from);
        for (size_t at = from; at < end;) {
            item = next_item(pattern, end, &at);
            if (edge == EDGE_START)
                break;
        }
        if (!edge_of_item(edge, &item, depth, out))
            return false;
    }
    return true;
}

bool edges_inner(enum edge edge, const char *alternative, size_t length, const char **inner,
                 size_t *inner_length)
{
    if (edge == EDGE_START ? length == 0 || alternative[0] != '^'
                           : !pattern_is_end_anchored(alternative, length))
        return false;
    *inner = alternative + (edge == EDGE_START);
    *inner_length = length - 1;
    return true;
}

bool edges_is_single(const char *inner, size_t length)
{
    return length > 0 && unit_end(inner, length, 0) == length;
}

bool edges_units(enum edge edge, const char *inner, size_t length, struct buf *out)
{
    size_t before = out->length;

    if (!edge_of(edge, inner, length, 0, out) || buf_failed(out) || out->length == before)
        return false;
    out->bytes[--out->length] = 0; /* the last bar */
    return true;
}
