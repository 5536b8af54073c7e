/* article: see article.h. The types and messages of faults are those that FastAPI 0.11x with
 * pydantic 2 answers for a model of these fields. */
#include "article.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "json_scan.h"
#include "utf8.h"

enum field { CONTENT, PUBLICATION, ID, URL, TITLE, PUBLISHED, FIELDS };

static const char *const names[FIELDS] = {"content", "publication", "id",
                                          "url",     "title",       "published"};
#define MAX_NAME_LENGTH 11

/* Where the wanted members stand in the text; bytes is NULL for one that is absent. */
struct members {
    struct json_span values[FIELDS];
};

static int fail(struct article_fault *fault, int field, const char *type, const char *message,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* `message` NULL: the text for people is FastAPI's msg as well. */
static int fail(struct article_fault *fault, int field, const char *type, const char *message,
                const char *format, ...)
{
    va_list args;

    *fault = (struct article_fault){.type = type};
    if (field < FIELDS)
        snprintf(fault->field, sizeof fault->field, "%s", names[field]);
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    fault->message = message ? message : fault->text;
    return ERR_INPUT;
}

/* Of members with one name the last counts, as in Python. */
static void collect(void *context, struct json_span name, struct json_span value)
{
    struct members *m = context;
    char decoded[6 * MAX_NAME_LENGTH + 2];
    const char *text = name.bytes + 1;
    size_t length = name.length - 2;

    if (length > 6 * MAX_NAME_LENGTH)
        return;
    if (memchr(text, '\\', length)) {
        length = json_unescape(name, decoded);
        text = decoded;
    }
    for (int i = 0; i < FIELDS; i++)
        if (length == strlen(names[i]) && memcmp(text, names[i], length) == 0)
            m->values[i] = value;
}

static int find_members(const char *json, size_t length, struct members *m,
                        struct article_fault *fault)
{
    struct json_scan_fault broken;

    if (length == 0)
        return fail(fault, FIELDS, "missing", "Field required", "empty");
    switch (json_scan(json, length, collect, m, &broken)) {
    case JSON_SCAN_OK:
        return 0;
    case JSON_SCAN_NO_OBJECT:
        return fail(fault, FIELDS, "model_attributes_type",
                    "Input should be a valid dictionary or object to extract fields from",
                    "not a JSON object");
    default:
        fail(fault, FIELDS, "json_invalid", "JSON decode error", "not JSON: %s (byte %zu)",
             broken.why, broken.offset);
        fault->offset = broken.offset;
        return ERR_INPUT;
    }
}

/* Decodes the string of a field to *room, and moves that behind it. Of an optional field that is
 * absent or null *text becomes NULL. */
static int take_text(const struct members *m, enum field field, size_t max_bytes, char **room,
                     char **text, size_t *length, struct article_fault *fault)
{
    struct json_span value = m->values[field];
    bool required = field == CONTENT || field == PUBLICATION;

    *text = NULL;
    if (!value.bytes || (!required && *value.bytes == 'n')) {
        if (!required)
            return 0;
        return fail(fault, (int)field, "missing", "Field required", "%s is missing", names[field]);
    }
    if (*value.bytes != '"')
        return fail(fault, (int)field, "string_type", "Input should be a valid string",
                    "%s is not a string", names[field]);
    *text = *room;
    *length = json_unescape(value, *room);
    *room += *length + 1;
    if (*length > max_bytes) {
        fail(fault, (int)field, "string_too_long", NULL, "%s should have at most %zu bytes",
             names[field], max_bytes);
        fault->too_large = field == CONTENT;
        return ERR_INPUT;
    }
    return 0;
}

static int take_publication(struct article *out, const struct members *m, char **room,
                            struct article_fault *fault)
{
    struct buf key;
    char *text;
    size_t length;

    if (take_text(m, PUBLICATION, ARTICLE_MAX_PUBLICATION_BYTES, room, &text, &length, fault) < 0)
        return ERR_INPUT;
    const char *start = text;
    utf8_trim(&start, &length);
    if (length == 0)
        return fail(fault, PUBLICATION, "string_too_short",
                    "String should have at least 1 character", "publication is empty");
    text[(size_t)(start - text) + length] = 0;
    out->publication = start;
    buf_init(&key, 4 * ARTICLE_MAX_PUBLICATION_BYTES); /* lower case may be longer */
    if (utf8_lower(start, length, &key) < 0)
        panic("a lower-cased publication of more than %zu bytes", key.max_bytes);
    out->key = key.bytes;
    return 0;
}

static int take_fields(struct article *out, const struct members *m, size_t max_content_bytes,
                       struct article_fault *fault)
{
    const char **others[FIELDS] = {
        [ID] = &out->id, [URL] = &out->url, [TITLE] = &out->title, [PUBLISHED] = &out->published};
    char *room, *text;
    size_t size = 0, length;

    for (int i = 0; i < FIELDS; i++)
        size += m->values[i].length;
    room = out->memory = xmalloc(size + 1); /* at most ARTICLE_MAX_ITEM_BYTES */
    if (take_text(m, CONTENT, max_content_bytes, &room, &text, &length, fault) < 0)
        return ERR_INPUT;
    out->content = text;
    out->content_length = length;
    if (take_publication(out, m, &room, fault) < 0)
        return ERR_INPUT;
    for (int i = ID; i < FIELDS; i++) {
        if (take_text(m, (enum field)i, ARTICLE_MAX_OTHER_BYTES, &room, &text, &length, fault) < 0)
            return ERR_INPUT;
        *others[i] = text;
    }
    return 0;
}

int article_parse(const char *json, size_t length, size_t max_content_bytes, struct article *out,
                  struct article_fault *fault)
{
    struct members m = {0};

    *out = (struct article){0};
    if (length > ARTICLE_MAX_ITEM_BYTES(max_content_bytes)) {
        fail(fault, FIELDS, "bytes_too_long", NULL, "longer than %zu bytes",
             ARTICLE_MAX_ITEM_BYTES(max_content_bytes));
        fault->too_large = true;
        return ERR_INPUT;
    }
    if (find_members(json, length, &m, fault) < 0)
        return ERR_INPUT;
    if (take_fields(out, &m, max_content_bytes, fault) < 0) {
        article_fini(out);
        return ERR_INPUT;
    }
    return 0;
}

void article_fini(struct article *a)
{
    free(a->memory);
    free(a->key);
    *a = (struct article){0};
}

int article_write(const struct article *a, const char *id, struct buf *out)
{
    static const char *const fronts[FIELDS] = {
        "{\"content\":", ",\"publication\":", ",\"id\":",
        ",\"url\":",     ",\"title\":",       ",\"published\":"};
    const char *const others[FIELDS] = {
        [ID] = id ? id : a->id, [URL] = a->url, [TITLE] = a->title, [PUBLISHED] = a->published};
    size_t likely = a->content_length + 512;

    if (likely <= out->max_bytes - out->length)
        buf_reserve(out, likely); /* at once, not by doubling */
    buf_append_text(out, fronts[CONTENT]);
    json_append_string(out, a->content, a->content_length);
    buf_append_text(out, fronts[PUBLICATION]);
    json_append_string(out, a->publication, strlen(a->publication));
    for (int i = ID; i < FIELDS; i++) {
        if (others[i]) {
            buf_append_text(out, fronts[i]);
            json_append_string(out, others[i], strlen(others[i]));
        }
    }
    return buf_append(out, "}", 1);
}

/* RFC 4648, section 4 */
static void append_base64(struct buf *out, const char *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes;

    buf_append(out, "\"", 1);
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (left > 2 ? in[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        buf_append(out, four, sizeof four);
    }
    buf_append(out, "\"", 1);
}

int article_write_dead(int64_t at_ms, const char *reason, unsigned attempts, const char *item,
                       size_t item_length, struct buf *out)
{
    buf_printf(out, "{\"at\":%lld,\"reason\":", (long long)at_ms);
    json_append_string(out, reason, strlen(reason));
    buf_printf(out, ",\"attempts\":%u,", attempts);
    if (utf8_valid(item, item_length) && !memchr(item, 0, item_length)) {
        buf_append_text(out, "\"item\":");
        json_append_string(out, item, item_length);
    } else {
        buf_append_text(out, "\"item_base64\":");
        append_base64(out, item, item_length);
    }
    return buf_append(out, "}", 1);
}
