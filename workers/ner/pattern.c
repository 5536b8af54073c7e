/* pattern: see pattern.h. */
#include "pattern.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "common/unicode14.h"
#include "common/utf8.h"

/* White space as Python's \s has it (str.isspace()): PCRE2 counts U+180E too. */
#define SPACES                                                                                     \
    "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"     \
    "\\x{202f}\\x{205f}\\x{3000}"

#define NO_SPACE "[^" SPACES "]"

/* A character of a word, as Python 3.11's \\w has it but for the low line: a letter or a number of
 * Unicode 14. PCRE2's own \\w has marks as well from 10.43 on. Its class needs the later characters
 * behind it, see append_word(). */
#define LETTER_OR_NUMBER "[^\\P{Xan}"

#define MAX_DEPTH 100 /* of parentheses */

/* The class that is being rewritten. */
struct class
{
    bool open, negated, has_word;
    size_t source_start; /* behind [ or [^ */
    size_t start;        /* where it begins in what is written */
};

/* A place in a pattern. */
struct cursor {
    const char *text;
    size_t length, at;
    unsigned depth;
};

static int take_flags(const char *source, size_t length, size_t *at, bool *caseless, struct err *e);
static int rewrite_escape(const char *source, size_t left, struct class *class, struct buf *out,
                          size_t *taken, struct err *e);
static void append_word_escape(char kind, struct buf *out);

static void append_word(struct buf *out)
{
    buf_append_text(out, LETTER_OR_NUMBER);
    for (size_t i = 0; i < UNICODE14_LATER_COUNT; i++)
        buf_printf(out, "\\x{%x}-\\x{%x}", (unsigned)unicode14_later[i][0],
                   (unsigned)unicode14_later[i][1]);
    buf_append_text(out, "]");
}

/* The class at the end of `out` has \w in it, written as the low line alone: puts the letters and
 * numbers beside it. */
static int add_word_to_class(struct buf *out, const struct class *c, struct err *e)
{
    struct buf class;

    if (buf_failed(out))
        return err_set(e, ERR_CONFIG, "too long");
    buf_init(&class, out->max_bytes);
    buf_append(&class, out->bytes + c->start, out->length - c->start);
    out->length = c->start;
    buf_append_text(out, c->negated ? "(?:(?!" : "(?:");
    append_word(out);
    buf_append_text(out, c->negated ? ")" : "|");
    buf_append(out, class.bytes, class.length);
    buf_append_text(out, ")");
    buf_fini(&class);
    return 0;
}

int pattern_rewrite(const char *source, size_t length, struct buf *out, bool *caseless,
                    struct err *e)
{
    struct class class = {0};
    size_t at = 0;

    if (take_flags(source, length, &at, caseless, e) < 0)
        return e->code;
    while (at < length) {
        size_t taken = 1;
        if (source[at] == '\\') {
            if (rewrite_escape(source + at, length - at, &class, out, &taken, e) < 0)
                return e->code;
        } else if (!class.open && source[at] == '[') {
            class = (struct class){.open = true, .start = out->length};
            class.negated = at + 1 < length && source[at + 1] == '^';
            taken += class.negated;
            class.source_start = at + taken;
            buf_append(out, source + at, taken);
        } else if (class.open && source[at] == '[') {
            buf_append_text(out, "\\["); /* [: is special to PCRE2 alone */
        } else if (class.open && *caseless && length - at >= 3 &&
                   memcmp(source + at, "a-z", 3) == 0) {
            taken = 3;
            buf_append_text(out, "a-z\\x{130}"); /* Python folds U+0130 to i, PCRE2 does not */
        } else {
            buf_append(out, source + at, 1);
            if (class.open && source[at] == ']' && at > class.source_start) {
                class.open = false;
                if (class.has_word && add_word_to_class(out, &class, e) < 0)
                    return e->code;
            }
        }
        at += taken;
    }
    if (class.open)
        return err_set(e, ERR_CONFIG, "a class without an end");
    return buf_failed(out) ? err_set(e, ERR_CONFIG, "too long") : 0;
}

/* (?u), (?i), (?iu) at the very start; other flags change what a pattern means in ways that no
 * model has needed yet. */
static int take_flags(const char *source, size_t length, size_t *at, bool *caseless, struct err *e)
{
    size_t end = 2;

    *caseless = false;
    if (length < 4 || source[0] != '(' || source[1] != '?' || !islower((unsigned char)source[2]))
        return 0;
    for (; end < length && source[end] != ')'; end++) {
        if (source[end] != 'u' && source[end] != 'i')
            return err_set(e, ERR_CONFIG, "flag %c is not supported", source[end]);
        *caseless = *caseless || source[end] == 'i';
    }
    *at = end < length ? end + 1 : end;
    return 0;
}

/* The escape at `source`, of which `left` bytes remain; *taken is its length. */
static int rewrite_escape(const char *source, size_t left, struct class *class, struct buf *out,
                          size_t *taken, struct err *e)
{
    if (left < 2)
        return err_set(e, ERR_CONFIG, "a backslash at the end");
    char kind = source[1];
    if (kind == 'u' || kind == 'U') {
        size_t digits = kind == 'u' ? 4 : 8;
        if (left < 2 + digits)
            return err_set(e, ERR_CONFIG, "\\%c is cut off", kind);
        buf_append_text(out, "\\x{");
        buf_append(out, source + 2, digits); /* PCRE2 refuses what is no digit */
        buf_append_text(out, "}");
        *taken = 2 + digits;
        return 0;
    }
    *taken = 2;
    if (kind == 'K') /* PCRE2 alone has it: a match that ends before it begins */
        return err_set(e, ERR_CONFIG, "\\K is not supported");
    if (class->open && strchr("SDW", kind))
        return err_set(e, ERR_CONFIG, "\\%c inside a class is not supported", kind);
    if (class->open && kind == 'w') {
        class->has_word = true;
        buf_append_text(out, "_");
    } else if (kind == 'w' || kind == 'W' || (!class->open && (kind == 'b' || kind == 'B'))) {
        append_word_escape(kind, out);
    } else if (kind == 's' || kind == 'd') {
        buf_append_text(out, class->open ? "" : "[");
        buf_append_text(out, kind == 's' ? SPACES : UNICODE14_DIGITS);
        buf_append_text(out, class->open ? "" : "]");
    } else if (kind == 'S' || kind == 'D') {
        buf_append_text(out, kind == 'S' ? NO_SPACE : "[^" UNICODE14_DIGITS "]");
    } else {
        buf_append(out, source, 2);
    }
    return 0;
}

/* \w, \W, \b or \B outside of a class. */
static void append_word_escape(char kind, struct buf *out)
{
    static const char *const forms[] = {
        ['w'] = "(?:#|_)",
        ['W'] = "(?:(?!#|_)(?s:.))",
        ['b'] = "(?:(?<=#|_)(?!#|_)|(?<!#|_)(?=#|_))",
        ['B'] = "(?:(?<=#|_)(?=#|_)|(?<!#|_)(?!#|_))",
    };

    for (const char *at = forms[(unsigned char)kind]; *at; at++) {
        if (*at == '#') /* a letter or number */
            append_word(out);
        else
            buf_append(out, at, 1);
    }
}

size_t pattern_unit_end(const char *p, size_t length, size_t at)
{
    if (p[at] == '\\') {
        if (at + 2 < length && strchr("xpPgk", p[at + 1]) && p[at + 2] == '{') {
            while (at < length && p[at] != '}')
                at++;
            return at < length ? at + 1 : length;
        }
        return at + 2 < length ? at + 2 : length;
    }
    if (p[at] != '[')
        return at + 1;
    size_t start = ++at;
    if (at < length && p[at] == '^')
        start = ++at;
    while (at < length && (p[at] != ']' || at == start))
        at = p[at] == '\\' ? at + 2 : at + 1;
    return at < length ? at + 1 : length;
}

size_t pattern_alternative_end(const char *pattern, size_t length, size_t from)
{
    size_t depth = 0;

    while (from < length) {
        if (pattern[from] == '|' && depth == 0)
            return from;
        depth += pattern[from] == '(';
        depth -= pattern[from] == ')' && depth > 0;
        from = pattern_unit_end(pattern, length, from);
    }
    return length;
}

bool pattern_is_end_anchored(const char *alternative, size_t length)
{
    size_t last = 0;

    for (size_t at = 0; at < length; at = pattern_unit_end(alternative, length, at))
        last = at;
    return length > 0 && alternative[last] == '$';
}

static size_t add(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static size_t longest(struct cursor *c);

/* The group at `(`: none for assertions, which match no text of their own. */
static size_t longest_group(struct cursor *c)
{
    bool assertion = false;

    c->at++;
    if (c->at < c->length && c->text[c->at] == '?') {
        const char *after = c->text + c->at + 1;
        size_t left = c->length - c->at - 1;
        if (left >= 1 && after[0] == ':') {
            c->at += 2;
        } else if (left >= 1 && (after[0] == '=' || after[0] == '!')) {
            assertion = true;
            c->at += 2;
        } else if (left >= 2 && after[0] == '<' && (after[1] == '=' || after[1] == '!')) {
            assertion = true;
            c->at += 3;
        } else {
            return SIZE_MAX; /* a name, a flag, a condition, a recursion */
        }
    }
    c->depth++;
    size_t inside = c->depth > MAX_DEPTH ? SIZE_MAX : longest(c);
    c->depth--;
    if (inside == SIZE_MAX || c->at == c->length)
        return SIZE_MAX;
    c->at++; /* the closing parenthesis */
    return assertion ? 0 : inside;
}

/* One unit that is no group; continuation bytes of a code point count as nothing. */
static size_t longest_unit(struct cursor *c)
{
    const char *unit = c->text + c->at;
    size_t end = pattern_unit_end(c->text, c->length, c->at);
    bool escape = unit[0] == '\\' && end - c->at >= 2;

    c->at = end;
    if (escape && (isdigit((unsigned char)unit[1]) || strchr("gkKRXQE", unit[1])))
        return SIZE_MAX; /* a reference, or more than one code point */
    if (unit[0] == '^' || unit[0] == '$' || ((unsigned char)unit[0] & 0xc0) == 0x80)
        return 0;
    return 1;
}

/* From c->at to the end or to an unmatched closing parenthesis. */
static size_t longest(struct cursor *c)
{
    size_t best = 0, current = 0;

    while (c->at < c->length && c->text[c->at] != ')') {
        if (c->text[c->at] == '|') {
            best = current > best ? current : best;
            current = 0;
            c->at++;
            continue;
        }
        size_t piece = c->text[c->at] == '(' ? longest_group(c) : longest_unit(c);
        if (piece == SIZE_MAX)
            return SIZE_MAX;
        if (c->at < c->length && strchr("+*{", c->text[c->at]))
            return SIZE_MAX; /* or a bounded {n,m}: no suffix has one */
        if (c->at < c->length && c->text[c->at] == '?')
            c->at++;
        current = add(current, piece);
    }
    return current > best ? current : best;
}

size_t pattern_longest(const char *pattern, size_t length)
{
    struct cursor c = {.text = pattern, .length = length};
    size_t found = longest(&c);

    return c.at == length ? found : SIZE_MAX;
}

/* The literal code point at `at`, and where it ends; or false. */
static bool literal(const char *p, size_t length, size_t at, uint32_t *code_point, size_t *end)
{
    bool escaped = at < length && p[at] == '\\';

    at += escaped;
    if (at >= length)
        return false;
    *end = at + utf8_next(p + at, code_point);
    if (utf8_is_space(*code_point) || iscntrl((unsigned char)p[at]))
        return false;
    if (*code_point >= 0x80)
        return !escaped;
    return escaped ? !isalnum((unsigned char)p[at]) : strchr("[](){}.*+?^$|\\", p[at]) == NULL;
}

bool pattern_is_literal(const char *alternative, size_t length, uint32_t *code_point, size_t *least,
                        bool *more)
{
    size_t at = 0, end;
    uint32_t c;

    *least = 0;
    while (literal(alternative, length, at, &c, &end)) {
        if (*least > 0 && c != *code_point)
            return false;
        *code_point = c;
        ++*least;
        at = end;
    }
    *more = at < length && alternative[at] == '+';
    at += *more;
    return *least > 0 && length - at == 1 && alternative[at] == '$';
}

void pattern_simplify(struct buf *pattern)
{
    static const char whole[] = NO_SPACE "+(?::" NO_SPACE "*)?@";
    static const char enough[] = NO_SPACE "+@"; /* the password is no space either */
    char *at = memmem(pattern->bytes, pattern->length, whole, sizeof whole - 1);

    if (!at)
        return;
    char *rest = at + sizeof whole - 1;
    size_t rest_length = pattern->length - (size_t)(rest - pattern->bytes);
    memcpy(at, enough, sizeof enough - 1);
    memmove(at + sizeof enough - 1, rest, rest_length);
    pattern->length -= sizeof whole - sizeof enough;
    pattern->bytes[pattern->length] = 0;
}
