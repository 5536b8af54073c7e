/* article_reference: see article_reference.h. Byte by byte, RFC 8259 as it is written; the strings
 * are decoded by cJSON. */
#include "tests/harness/article_reference.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/article.h"
#include "common/article_raw.h"
#include "common/json_scan.h"
#include "common/utf8.h"

enum { FIELDS = 6 };
static const char *const names[FIELDS] = {"content", "publication", "id",
                                          "url",     "title",       "published"};

/* What is said of an article: its fields, or what is wrong with it. */
struct view {
    int code;
    char *fields[FIELDS]; /* decoded; NULL where absent */
    struct article_fault fault;
};

struct span {
    const char *bytes;
    size_t length;
};

struct scan {
    const char *at, *end;
    const char *why;
    unsigned depth;
    void (*member)(void *context, struct span name, struct span value);
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

static bool scan_string(struct scan *s)
{
    if (!take(s, '"'))
        return fail(s, "a string in quotes is expected");
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at;
        if (c < 0x20)
            return fail(s, "a control character in a string");
        s->at++;
        if (c == '"')
            return true;
        if (c != '\\')
            continue;
        if (s->at == s->end)
            break;
        c = (unsigned char)*s->at++;
        if (c == 'u') {
            if (!scan_unicode_escape(s))
                return false;
        } else if (!c || !strchr("\"\\/bfnrt", c)) {
            s->at--;
            return fail(s, "an unknown escape in a string");
        }
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
        struct span name, value;
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

static void refuse(struct view *v, const char *field, const char *type, const char *message,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

static void refuse(struct view *v, const char *field, const char *type, const char *message,
                   const char *format, ...)
{
    va_list args;

    v->code = ERR_INPUT;
    v->fault.type = type;
    snprintf(v->fault.field, sizeof v->fault.field, "%s", field);
    va_start(args, format);
    vsnprintf(v->fault.text, sizeof v->fault.text, format, args);
    va_end(args);
    v->fault.message = message ? message : v->fault.text;
}

static char *decode(struct span string)
{
    cJSON *item = cJSON_ParseWithLength(string.bytes, string.length);

    if (!cJSON_IsString(item))
        panic("cJSON does not take what was found good");
    char *text = xstrdup(item->valuestring);
    cJSON_Delete(item);
    return text;
}

static void collect(void *context, struct span name, struct span value)
{
    struct span *values = context;
    char *text = decode(name);

    for (int i = 0; i < FIELDS; i++)
        if (strcmp(text, names[i]) == 0)
            values[i] = value;
    free(text);
}

static bool scan_all(const char *json, size_t length, struct span *values, struct view *v)
{
    struct scan s = {.at = json, .end = json + length, .member = collect, .context = values};
    bool good = utf8_valid(json, length) || fail(&s, "not UTF-8");

    if (good) {
        skip_space(&s);
        const char *start = s.at;
        good = scan_value(&s);
        if (good)
            skip_space(&s);
        if (good && s.at < s.end)
            good = fail(&s, "text after the end");
        if (good && *start != '{') {
            refuse(v, "", "model_attributes_type",
                   "Input should be a valid dictionary or object to extract fields from",
                   "not a JSON object");
            return false;
        }
    }
    if (!good) {
        refuse(v, "", "json_invalid", "JSON decode error", "not JSON: %s (byte %zu)", s.why,
               (size_t)(s.at - json));
        v->fault.offset = (size_t)(s.at - json);
    }
    return good;
}

static bool check_field(struct view *v, int field, struct span value, size_t max_bytes)
{
    const char *name = names[field];

    if (field >= 2 && (!value.bytes || *value.bytes == 'n'))
        return true;
    if (!value.bytes) {
        refuse(v, name, "missing", "Field required", "%s is missing", name);
        return false;
    }
    if (*value.bytes != '"') {
        refuse(v, name, "string_type", "Input should be a valid string", "%s is not a string",
               name);
        return false;
    }
    v->fields[field] = decode(value);
    if (strlen(v->fields[field]) > max_bytes) {
        refuse(v, name, "string_too_long", NULL, "%s should have at most %zu bytes", name,
               max_bytes);
        v->fault.too_large = field == 0;
        return false;
    }
    return true;
}

static bool trim_publication(struct view *v)
{
    char *text = v->fields[1];
    const char *start = text;
    size_t length = strlen(text);

    utf8_trim(&start, &length);
    memmove(text, start, length);
    text[length] = 0;
    if (length == 0)
        refuse(v, names[1], "string_too_short", "String should have at least 1 character",
               "publication is empty");
    return length > 0;
}

static void look(const char *json, size_t length, size_t max_content_bytes, struct view *v)
{
    struct span values[FIELDS] = {{NULL, 0}};
    size_t most = ARTICLE_MAX_ITEM_BYTES(max_content_bytes);

    *v = (struct view){0};
    if (length > most) {
        refuse(v, "", "bytes_too_long", NULL, "longer than %zu bytes", most);
        v->fault.too_large = true;
    } else if (length == 0) {
        refuse(v, "", "missing", "Field required", "empty");
    } else if (scan_all(json, length, values, v)) {
        bool good = check_field(v, 0, values[0], max_content_bytes) &&
                    check_field(v, 1, values[1], ARTICLE_MAX_PUBLICATION_BYTES) &&
                    trim_publication(v);
        for (int i = 2; good && i < FIELDS; i++)
            good = check_field(v, i, values[i], ARTICLE_MAX_OTHER_BYTES);
    }
}

/* --- writing --- */

static void write_character(struct buf *out, const char *bytes, uint32_t c, unsigned length)
{
    static const uint32_t marks[] = {0x61c,  0x200e, 0x200f, 0x202a, 0x202b, 0x202c,
                                     0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069};
    bool escaped = c < 0x20 || (c >= 0x7f && c <= 0x9f);

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        escaped |= c == marks[i];
    if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", (char)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        buf_printf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (escaped)
        buf_printf(out, "\\u%04x", (unsigned)c);
    else
        buf_append(out, bytes, length);
}

static void write_item(const struct view *v, struct buf *out)
{
    uint32_t c;

    for (int i = 0; i < FIELDS; i++) {
        if (!v->fields[i])
            continue;
        buf_printf(out, "%s\"%s\":\"", i ? "," : "{", names[i]);
        for (const char *at = v->fields[i]; *at;) {
            unsigned length = utf8_next(at, &c);
            write_character(out, at, c, length);
            at += length;
        }
        buf_append_text(out, "\"");
    }
    buf_append_text(out, "}");
}

/* --- comparing --- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char *compare_faults(const struct article_fault *a, const struct article_fault *b)
{
    if (!same_text(a->field, b->field) || !same_text(a->type, b->type))
        return "what is wrong";
    if (!same_text(a->text, b->text) || !same_text(a->message, b->message))
        return "the words for what is wrong";
    return a->offset == b->offset && a->too_large == b->too_large ? NULL : "where it is wrong";
}

static const char *compare_articles(const struct view *v, const struct article *a)
{
    const char *const fields[FIELDS] = {a->content, a->publication, a->id,
                                        a->url,     a->title,       a->published};
    struct buf expected, got;
    const char *difference = a->content_length == strlen(a->content) ? NULL : "content_length";

    for (int i = 0; i < FIELDS; i++)
        if (!same_text(v->fields[i], fields[i]))
            difference = names[i];
    buf_init(&expected, 16u << 20);
    buf_init(&got, 16u << 20);
    write_item(v, &expected);
    if (article_write(a, NULL, &got) < 0 || !same_text(expected.bytes, got.bytes))
        difference = "what is written";
    buf_clear(&expected);
    if (utf8_lower(v->fields[1], strlen(v->fields[1]), &expected) < 0 ||
        !same_text(expected.bytes, a->key))
        difference = "key";
    buf_fini(&expected);
    buf_fini(&got);
    return difference;
}

/* What article_raw_write() makes of a good item, with another id, must read as that item. */
static const char *compare_copied(const struct view *v, const struct article_raw *raw,
                                  size_t max_content_bytes)
{
    struct view copied;
    size_t length = article_raw_length(raw, 3);
    char *bytes = xmalloc(length);
    const char *difference = article_raw_write(raw, "\"i\"", 3, bytes) == bytes + length
                                 ? NULL
                                 : "the length of a raw item";

    look(bytes, length, max_content_bytes, &copied);
    for (int i = 0; i < FIELDS; i++) {
        if (!same_text(copied.fields[i], i == 2 ? "i" : v->fields[i]))
            difference = "a raw item";
        free(copied.fields[i]);
    }
    free(bytes);
    return difference;
}

/* As the gateway does, which leaves what is not good to article_parse(). */
static const char *compare_raw(const char *json, size_t length, size_t max_content_bytes,
                               const struct view *v)
{
    bool invalid = v->code && strcmp(v->fault.type, "json_invalid") == 0;
    struct article_raw raw;
    struct json_scan_fault fault;
    size_t used;
    enum article_raw_result result =
        article_raw_scan(json, length, max_content_bytes, &raw, &used, &fault);

    if (result == ARTICLE_RAW_BROKEN)
        return invalid ? NULL : "raw: broken";
    for (size_t i = used; i < length; i++)
        if (!memchr(" \t\r\n", json[i], 4))
            return invalid ? NULL : "raw: more behind it";
    if (invalid)
        return "raw: whole";
    if (result != ARTICLE_RAW_GOOD)
        return NULL;
    return v->code ? "raw: accepted" : compare_copied(v, &raw, max_content_bytes);
}

const char *article_reference_differs(const char *json, size_t length, size_t max_content_bytes)
{
    struct view v;
    struct article article;
    struct article_fault fault;
    const char *difference;
    int code = article_parse(json, length, max_content_bytes, &article, &fault);

    look(json, length, max_content_bytes, &v);
    if (code != v.code)
        difference = code ? "refused" : "accepted";
    else if (code)
        difference = compare_faults(&v.fault, &fault);
    else
        difference = compare_articles(&v, &article);
    if (!code)
        article_fini(&article);
    if (!difference && length > 0 && length <= ARTICLE_MAX_ITEM_BYTES(max_content_bytes))
        difference = compare_raw(json, length, max_content_bytes, &v);
    for (int i = 0; i < FIELDS; i++)
        free(v.fields[i]);
    return difference;
}
