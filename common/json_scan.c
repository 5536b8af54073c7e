/* json_scan: see json_scan.h. Grammar and names of the productions: RFC 8259, sections 2-7. */
#include "json_scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "plain.h"
#include "utf8.h"

struct scan {
    const char *at, *end;
    const char *why;
    unsigned depth;
    void (*member)(void *context, struct json_span name, struct json_span value);
    void *context;
};

static bool scan_value(struct scan *s);

static bool fail(struct scan *s, const char *why)
{
    s->why = why;
    return false;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static bool take(struct scan *s, char wanted)
{
    if (s->at == s->end || *s->at != wanted)
        return false;
    s->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after \u; -1 when they are not there. */
static int32_t read_unit(const char *at, const char *end)
{
    int32_t unit = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* at: behind "\u" */
static bool scan_unicode_escape(struct scan *s)
{
    int32_t unit = read_unit(s->at, s->end);

    if (unit < 0)
        return fail(s, "\\u without four hex digits");
    if (unit == 0)
        return fail(s, "U+0000 in a string");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return fail(s, "a lone surrogate in a string");
    s->at += 4;
    if (unit < 0xd800 || unit > 0xdbff)
        return true;
    int32_t low = s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u'
                      ? read_unit(s->at + 2, s->end)
                      : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return fail(s, "a lone surrogate in a string");
    s->at += 6;
    return true;
}

/* at: behind the backslash */
static bool scan_escape(struct scan *s)
{
    if (s->at == s->end)
        return fail(s, "a string without its end");
    switch (*s->at) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        s->at++;
        return true;
    case 'u':
        s->at++;
        return scan_unicode_escape(s);
    default:
        return fail(s, "an unknown escape in a string");
    }
}

static bool scan_string(struct scan *s)
{
    if (!take(s, '"'))
        return fail(s, "a string in quotes is expected");
    while ((s->at += plain_run(s->at, (size_t)(s->end - s->at))) < s->end) {
        unsigned char c = (unsigned char)*s->at;
        if (c >= 0x80) {
            unsigned length = utf8_check(s->at, (size_t)(s->end - s->at));
            if (length == 0)
                return fail(s, "not UTF-8");
            s->at += length;
            continue;
        }
        if (c < 0x20)
            return fail(s, "a control character in a string");
        s->at++;
        if (c == '"')
            return true;
        if (c == '\\' && !scan_escape(s))
            return false;
    }
    return fail(s, "a string without its end");
}

static bool scan_digits(struct scan *s)
{
    const char *start = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > start ? true : fail(s, "a digit is expected");
}

static bool scan_number(struct scan *s)
{
    take(s, '-');
    if (!take(s, '0') && !scan_digits(s))
        return false;
    if (take(s, '.') && !scan_digits(s))
        return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            take(s, '-');
        return scan_digits(s);
    }
    return true;
}

static bool scan_word(struct scan *s, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length) != 0)
        return fail(s, "a value is expected");
    s->at += length;
    return true;
}

static bool scan_array(struct scan *s)
{
    s->at++;
    skip_space(s);
    if (take(s, ']'))
        return true;
    do {
        skip_space(s);
        if (!scan_value(s))
            return false;
        skip_space(s);
    } while (take(s, ','));
    return take(s, ']') ? true : fail(s, "a comma or ] is expected");
}

static bool scan_object(struct scan *s)
{
    s->at++;
    skip_space(s);
    if (take(s, '}'))
        return true;
    do {
        struct json_span name, value;
        skip_space(s);
        name.bytes = s->at;
        if (!scan_string(s))
            return false;
        name.length = (size_t)(s->at - name.bytes);
        skip_space(s);
        if (!take(s, ':'))
            return fail(s, "a colon is expected");
        skip_space(s);
        value.bytes = s->at;
        if (!scan_value(s))
            return false;
        value.length = (size_t)(s->at - value.bytes);
        if (s->depth == 1)
            s->member(s->context, name, value);
        skip_space(s);
    } while (take(s, ','));
    return take(s, '}') ? true : fail(s, "a comma or } is expected");
}

static bool scan_value(struct scan *s)
{
    if (s->at == s->end)
        return fail(s, "the text ends too early");
    switch (*s->at) {
    case '{':
    case '[':
        if (s->depth == JSON_SCAN_MAX_DEPTH)
            return fail(s, "nested too deeply");
        s->depth++;
        if (!(*s->at == '{' ? scan_object(s) : scan_array(s)))
            return false;
        s->depth--;
        return true;
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
            return scan_number(s);
        return fail(s, "a value is expected");
    }
}

enum json_scan_result json_scan(const char *bytes, size_t length,
                                void (*member)(void *context, struct json_span name,
                                               struct json_span value),
                                void *context, struct json_scan_fault *fault)
{
    struct scan s = {.at = bytes, .end = bytes + length, .member = member, .context = context};
    bool ok;

    skip_space(&s);
    const char *start = s.at;
    ok = scan_value(&s);
    if (ok) {
        skip_space(&s);
        if (s.at < s.end)
            ok = fail(&s, "text after the end");
    }
    if (ok)
        return *start == '{' ? JSON_SCAN_OK : JSON_SCAN_NO_OBJECT;
    if (utf8_valid(bytes, length))
        *fault = (struct json_scan_fault){.offset = (size_t)(s.at - bytes), .why = s.why};
    else /* whatever else is wrong: it is no text at all */
        *fault = (struct json_scan_fault){.offset = 0, .why = "not UTF-8"};
    return JSON_SCAN_BROKEN;
}

/* One escape, at: behind the backslash; moves *at behind it, *out behind what it stands for. */
static void unescape(const char **at, char **out)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *letter;

    if (**at != 'u') { /* a letter, or a character that stands for itself */
        letter = strchr(letters, **at);
        *(*out)++ = letter ? meanings[letter - letters] : **at;
        (*at)++;
        return;
    }
    uint32_t c = (uint32_t)read_unit(*at + 1, *at + 5);
    *at += 5;
    if (c >= 0xd800 && c <= 0xdbff) {
        c = 0x10000 + ((c - 0xd800) << 10) + (uint32_t)read_unit(*at + 2, *at + 6) - 0xdc00;
        *at += 6;
    }
    *out += utf8_write(c, *out);
}

size_t json_unescape(struct json_span string, char *out)
{
    const char *at = string.bytes + 1, *end = string.bytes + string.length - 1;
    char *start = out;

    while (at < end) {
        const char *escape = *at == '\\' ? at : memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((escape ? escape : end) - at);
        memcpy(out, at, run);
        out += run;
        if (!escape)
            break;
        at = escape + 1;
        unescape(&at, &out);
    }
    *out = 0;
    return (size_t)(out - start);
}

enum json_scan_result
json_scan_value(const char *bytes, size_t length,
                void (*member)(void *context, struct json_span name, struct json_span value),
                void *context, size_t *consumed, struct json_scan_fault *fault)
{
    struct scan s = {.at = bytes, .end = bytes + length, .member = member, .context = context};

    skip_space(&s);
    const char *start = s.at;
    bool ok = scan_value(&s);
    *consumed = (size_t)(s.at - bytes);
    if (ok)
        return *start == '{' ? JSON_SCAN_OK : JSON_SCAN_NO_OBJECT;
    *fault = (struct json_scan_fault){.offset = *consumed, .why = s.why};
    return JSON_SCAN_BROKEN;
}
